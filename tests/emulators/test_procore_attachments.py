"""Files: types, sizes, and everything that may go wrong between the address and the bytes; PDF jobs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests

from tests.emulators.test_procore_webhooks import project_of
from tests.emulators.test_procore_world import (
    Procore,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
)

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811
MAGIC = {"pdf": b"%PDF-1.4", "png": b"\x89PNG", "jpg": b"\xff\xd8\xff", "exe": b"MZ", "html": b"<!doctype html>"}


@pytest.fixture
def invoice(procore: Procore) -> dict[str, Any]:
    made: dict[str, Any] = procore.control("POST", "/invoices", {"project_id": project_of(procore), "quiet": True})
    return made


def attach(procore: Procore, holder: dict[str, Any], kind: str = "invoices", **wanted: Any) -> dict[str, Any]:
    made: dict[str, Any] = procore.control("POST", f"/{kind}/{holder['id']}/attachments", {"quiet": True, **wanted})
    return made


def url_of(procore: Procore, invoice: dict[str, Any]) -> str:
    return str(procore.requisition(invoice)["attachments"][-1]["url"])


def fetched(procore: Procore, url: str) -> requests.Response:
    """As a careful client: the token goes to the API only."""
    hop = procore.session.get(url, allow_redirects=False, timeout=20)
    if hop.status_code != 302:
        return hop
    return requests.get(hop.headers["Location"], timeout=20)


@pytest.mark.parametrize("ending", list(MAGIC))
def test_types(procore: Procore, invoice: dict[str, Any], ending: str) -> None:
    made = attach(procore, invoice, filename=f"Ünï file 1.{ending}")
    listed = procore.requisition(invoice)["attachments"][-1]
    assert listed["filename"] == f"Ünï file 1.{ending}"
    assert listed["content_type"] == made["content_type"]
    answer = fetched(procore, listed["url"])
    assert answer.headers["Content-Type"].startswith(made["content_type"])
    assert answer.content.startswith(MAGIC[ending])
    assert hashlib.sha256(answer.content).hexdigest() == made["sha256"]


def test_sizes_up_to_thirty_megabytes(procore: Procore, invoice: dict[str, Any]) -> None:
    size = 30 * 1024 * 1024
    made = attach(procore, invoice, size=size)
    answer = fetched(procore, url_of(procore, invoice))
    assert len(answer.content) == size == made["size"]
    assert hashlib.sha256(answer.content).hexdigest() == made["sha256"]
    (seen,) = procore.control("GET", f"/attachments?holder_id={invoice['id']}")
    assert (seen["opened"], seen["downloaded"], seen["tokens_leaked"]) == (1, 1, 0)
    too_large = requests.post(
        f"{procore.url}/_emulator/invoices/{invoice['id']}/attachments", json={"size": 10**9}, timeout=10
    )
    assert too_large.status_code == 400


@pytest.mark.parametrize(
    ("behaviour", "at_api", "at_storage"),
    [
        ("not_found", 404, 404),
        ("forbidden", 403, 403),
        ("expired", 302, 403),
        ("storage_forbidden", 302, 403),
        ("storage_not_found", 302, 404),
        ("storage_500", 302, 500),
        ("redirect_again", 302, 200),
        ("no_redirect", 200, 200),
        ("empty", 302, 200),
        ("no_length", 302, 200),
    ],
)
def test_statuses(procore: Procore, invoice: dict[str, Any], behaviour: str, at_api: int, at_storage: int) -> None:
    made = attach(procore, invoice, behaviour=behaviour)
    url = url_of(procore, invoice)
    assert procore.session.get(url, allow_redirects=False, timeout=10).status_code == at_api
    answer = fetched(procore, url)
    assert answer.status_code == at_storage
    if behaviour == "empty":
        assert answer.content == b""
    if behaviour == "no_length":
        assert "Content-Length" not in answer.headers
    if behaviour in ("no_length", "redirect_again"):
        assert hashlib.sha256(answer.content).hexdigest() == made["sha256"]
    procore.control("PATCH", f"/attachments/{made['id']}", {"behaviour": "good"})
    assert fetched(procore, url).content.startswith(b"%PDF")


def test_redirects_that_a_client_must_not_follow(procore: Procore, invoice: dict[str, Any]) -> None:
    made = attach(procore, invoice, behaviour="redirect_loop")
    url = url_of(procore, invoice)
    with pytest.raises(requests.TooManyRedirects):
        procore.session.get(url, timeout=20)
    procore.control("PATCH", f"/attachments/{made['id']}", {"behaviour": "private_redirect"})
    hop = procore.session.get(url, allow_redirects=False, timeout=10)
    assert hop.headers["Location"] == "http://169.254.169.254/latest/meta-data/"
    procore.control("PATCH", f"/attachments/{made['id']}", {"location": "http://10.0.0.1/x"})
    assert procore.session.get(url, allow_redirects=False, timeout=10).headers["Location"] == "http://10.0.0.1/x"


@pytest.mark.parametrize("behaviour", ["wrong_length", "cut_short"])
def test_a_length_that_is_not_kept(procore: Procore, invoice: dict[str, Any], behaviour: str) -> None:
    attach(procore, invoice, size=5000, behaviour=behaviour)
    hop = procore.session.get(url_of(procore, invoice), allow_redirects=False, timeout=10)
    answer = requests.get(hop.headers["Location"], stream=True, timeout=10)
    promised = int(answer.headers["Content-Length"])
    assert promised == (10000 if behaviour == "wrong_length" else 5000)
    with pytest.raises(requests.RequestException):
        _ = answer.content


def test_a_page_instead_of_the_file(procore: Procore, invoice: dict[str, Any]) -> None:
    made = attach(procore, invoice, behaviour="wrong_type")
    answer = fetched(procore, url_of(procore, invoice))
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"<!doctype html>")
    procore.control("PATCH", f"/attachments/{made['id']}", {"behaviour": "html_page"})
    assert fetched(procore, url_of(procore, invoice)).headers["Content-Type"].startswith("text/html")
    procore.control("PATCH", f"/attachments/{made['id']}", {"behaviour": "slow", "seconds": 0.4})
    answer = fetched(procore, url_of(procore, invoice))
    assert answer.content.startswith(b"%PDF")


def test_the_storage_is_another_host_and_minds_the_token(procore: Procore, invoice: dict[str, Any]) -> None:
    attach(procore, invoice)
    other = procore.url.replace("127.0.0.1", "localhost")
    procore.control("POST", "/switches", {"storage_base_url": other, "storage_refuses_token": True})
    url = url_of(procore, invoice)
    target = procore.session.get(url, allow_redirects=False, timeout=10).headers["Location"]
    assert target.startswith(other)
    assert procore.session.get(target, timeout=10).status_code == 400
    assert requests.get(target, timeout=10).status_code == 200
    (seen,) = procore.control("GET", f"/attachments?holder_id={invoice['id']}")
    assert (seen["downloaded"], seen["tokens_leaked"]) == (1, 1)
    assert requests.get(url, timeout=10).status_code == 401


def test_direct_costs_have_files_too(procore: Procore) -> None:
    cost = procore.control("POST", "/direct_costs", {"project_id": project_of(procore), "quiet": True})
    made = attach(procore, cost, "direct_costs", filename="photo.png", size=2000)
    record = procore.get(f"/rest/v1.1/projects/{cost['project_id']}/direct_costs/{cost['id']}")
    assert [file["filename"] for file in record["attachments"]] == ["photo.png"]
    assert hashlib.sha256(fetched(procore, record["attachments"][0]["url"]).content).hexdigest() == made["sha256"]


def test_a_pdf_is_compiled_by_a_job(procore: Procore, invoice: dict[str, Any]) -> None:
    path = f"/rest/v1.0/requisitions/{invoice['id']}/single_pdf_compilers"
    query: dict[str, Any] = {"project_id": invoice["project_id"], "polling": "true"}
    body = {"files": [{"type": "cover_sheet", "id": ""}]}
    assert procore.call("POST", path, params=query, json={}).status_code == 400
    mailed = procore.call("POST", path, params={"project_id": invoice["project_id"]}, json=body)
    assert "job_url" not in mailed.json()
    procore.control("POST", "/switches", {"pdf_polls_before_ready": 2})
    job = procore.call("POST", path, params=query, json=body).json()["job_url"]
    answers = [procore.session.get(job, timeout=10).json() for _ in range(3)]
    assert [answer["status"] for answer in answers] == ["processing", "processing", "completed"]
    assert answers[0]["result"] is None
    file = requests.get(answers[2]["result"]["url"], timeout=10)
    assert file.content.startswith(b"%PDF")
    procore.control("POST", "/switches", {"storage_refuses_token": True})
    assert procore.session.get(answers[2]["result"]["url"], timeout=10).status_code == 400
    for outcome, status in (("failed", "failed"), ("never", "processing")):
        procore.control("POST", "/switches", {"pdf_job_outcome": outcome})
        assert procore.session.get(job, timeout=10).json()["status"] == status
