"""Faults of every kind, and the web pages."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.emulators.test_procore_world import (
    COMPANY,
    Procore,
    check_identities,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
)

# The fixture is imported, so its name appears again as a parameter.
# ruff: noqa: F811
PATH = "/rest/v1.1/requisitions"


def fault(procore: Procore, name: str, method: str = "GET", **more: Any) -> int:
    rule = {"match": {"method": method, "path": "^/rest/v1.1/requisitions"}, "fault": name, "times": 1, **more}
    added: int = procore.control("POST", "/faults", rule)["faults"][0]["id"]
    return added


@pytest.fixture
def invoice(procore: Procore) -> dict[str, Any]:
    procore.control("DELETE", "/faults")
    made: dict[str, Any] = procore.control("POST", "/invoices", {"amount": "1000", "emit": False})
    return made


def show(procore: Procore, invoice: dict[str, Any], **options: Any) -> requests.Response:
    return procore.call("GET", f"{PATH}/{invoice['id']}?project_id={invoice['project_id']}", **options)


@pytest.mark.parametrize(
    ("name", "status", "content_type"),
    [
        ("500", 500, "application/json"),
        ("500_after_commit", 500, "application/json"),
        ("503_html", 503, "text/html"),
        ("429", 429, "application/json"),
        ("401", 401, "application/json"),
        ("403", 403, "application/json"),
        ("404", 404, "application/json"),
        ("html_200", 200, "text/html"),
        ("redirect", 302, "text/html"),
        ("wrong_type", 200, "text/plain"),
        ("slow_drip", 200, "application/json"),
        ("slow", 200, "application/json"),
        ("stale_read", 200, "application/json"),
    ],
)
def test_an_answer_is_replaced_once(
    procore: Procore, invoice: dict[str, Any], name: str, status: int, content_type: str
) -> None:
    fault(procore, name, seconds=0.1)
    answer = show(procore, invoice, allow_redirects=False)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(content_type)
    assert show(procore, invoice).status_code == 200
    rule = procore.control("GET", "/faults")["faults"][0]
    assert (rule["hits"], rule["remaining"]) == (1, 0)


@pytest.mark.parametrize("name", ["drop", "reset", "hang", "truncated", "drop_after_commit", "hang_after_commit"])
def test_a_connection_is_cut(procore: Procore, invoice: dict[str, Any], name: str) -> None:
    fault(procore, name, seconds=0.1)
    with pytest.raises(requests.RequestException):
        show(procore, invoice)
    assert show(procore, invoice).status_code == 200


def test_garbage_and_a_bomb(procore: Procore, invoice: dict[str, Any]) -> None:
    fault(procore, "garbage")
    with pytest.raises(ValueError):
        show(procore, invoice).json()
    fault(procore, "gzip_bomb")
    answer = show(procore, invoice, stream=True)
    assert int(answer.headers["Content-Length"]) < 100_000
    assert len(answer.content) > 10_000_000


def test_401_always_and_probability(procore: Procore, invoice: dict[str, Any]) -> None:
    fault(procore, "401_always", times=None)
    assert [show(procore, invoice).status_code for _ in range(3)] == [401, 401, 401]
    assert procore.call("GET", "/rest/v1.0/me").status_code == 200
    procore.control("DELETE", "/faults")
    fault(procore, "500", times=None, probability=0.5)
    statuses = [show(procore, invoice).status_code for _ in range(40)]
    assert 5 < statuses.count(500) < 35


@pytest.mark.parametrize("name", ["500_after_commit", "drop_after_commit"])
def test_after_commit_means_that_the_change_stands(procore: Procore, invoice: dict[str, Any], name: str) -> None:
    fault(procore, name, "PATCH")
    body = {
        "project_id": invoice["project_id"],
        "commitment_id": invoice["commitment_id"],
        "requisition": {"invoice_number": f"AFTER-{name}"},
    }
    try:
        assert procore.call("PATCH", f"{PATH}/{invoice['id']}", json=body).status_code == 500
    except requests.ConnectionError:
        assert name == "drop_after_commit"
    assert show(procore, invoice).json()["invoice_number"] == f"AFTER-{name}"
    fault(procore, "500", "PATCH")
    body["requisition"] = {"invoice_number": "NEVER"}
    assert procore.call("PATCH", f"{PATH}/{invoice['id']}", json=body).status_code == 500
    assert show(procore, invoice).json()["invoice_number"] == f"AFTER-{name}"


def test_a_stale_read_shows_the_version_before(procore: Procore, invoice: dict[str, Any]) -> None:
    procore.control("POST", f"/invoices/{invoice['id']}/status", {"status": "approved"})
    fault(procore, "stale_read", times=2)
    assert show(procore, invoice).json()["status"] == "draft"
    query = {"project_id": invoice["project_id"], "filters[id]": invoice["id"]}
    assert procore.get(PATH, **query)[0]["status"] == "draft"
    assert show(procore, invoice).json()["status"] == "approved"


def test_bad_rules_are_refused(procore: Procore) -> None:
    for rule in ({"fault": "flood"}, {"fault": "500", "match": {"path": "("}}):
        answer = requests.post(f"{procore.url}/_emulator/faults", json=rule, timeout=10)
        assert answer.status_code == 400
    assert requests.post(f"{procore.url}/_emulator/switches", json={"nothing": 1}, timeout=10).status_code == 400


def test_pages_say_that_this_is_an_emulator(procore: Procore, invoice: dict[str, Any]) -> None:
    path = f"/invoices/{invoice['id']}"
    for page in (
        "/",
        "/?status=approved&page=2",
        "/new",
        "/webhooks",
        "/direct_costs",
        "/faults",
        "/switches",
        path,
        f"{path}/edit",
    ):
        answer = requests.get(procore.url + page, timeout=10)
        assert answer.status_code == 200, page
        assert "Procore emulator</title>" in answer.text
        assert "It is not Procore" in answer.text


def test_approve_unapprove_edit_and_delete_by_hand(procore: Procore) -> None:
    page = requests.post(
        f"{procore.url}/new",
        data={"commitment_id": procore.control("GET", f"/objects/commitment?company_id={COMPANY}")[2]["id"]},
        allow_redirects=False,
        timeout=10,
    )
    assert page.status_code == 303
    invoice_id = int(page.headers["Location"].rsplit("/", 1)[1])
    (invoice,) = procore.control("GET", f"/invoices?id={invoice_id}")
    base = f"{procore.url}/invoices/{invoice_id}"
    requests.post(f"{base}/status", data={"status": "approved", "back": "/?status=approved"}, timeout=10)
    record = procore.requisition(invoice)
    assert record["status"] == "approved"
    item = record["items"][0]["id"]
    requests.post(f"{base}/edit", data={f"work_{item}": "1,234.50", "invoice_number": "HAND-1"}, timeout=10)
    edited = procore.requisition(invoice)
    assert edited["invoice_number"] == "HAND-1"
    assert edited["items"][0]["work_completed_this_period"] == "1234.50"
    check_identities(edited, procore.detail(invoice))
    assert requests.post(f"{base}/edit", data={f"work_{item}": "many"}, timeout=10).status_code == 400
    word = "work_order_contracts" if record["commitment_type"] == "WorkOrderContract" else "purchase_order_contracts"
    link = f"/{record['project_id']}/project/commitments/{word}/{record['commitment_id']}/requisitions/{invoice_id}"
    assert "HAND-1" in requests.get(procore.url + link, timeout=10).text
    host = f"/webclients/host/companies/{COMPANY}/projects/{record['project_id']}/tools/contracts/commitments"
    listed = requests.get(f"{procore.url}{host}/{word}/{record['commitment_id']}/invoices", timeout=10)
    assert "HAND-1" in listed.text
    requests.post(f"{base}/delete", timeout=10)
    assert requests.get(base, timeout=10).status_code == 404


def test_many_callers_at_once(procore: Procore) -> None:
    from concurrent.futures import ThreadPoolExecutor

    invoices = procore.control("GET", "/invoices")[:200]
    begun = time.monotonic()
    with ThreadPoolExecutor(50) as pool:
        statuses = list(
            pool.map(
                lambda i: (
                    requests.get(
                        f"{procore.url}{PATH}/{i['id']}?project_id={i['project_id']}",
                        headers=dict(procore.session.headers),
                        timeout=20,
                    ).status_code
                ),
                invoices,
            )
        )
    assert set(statuses) <= {200, 404}
    assert statuses.count(200) >= 190
    assert time.monotonic() - begun < 15


def test_a_reset_starts_over(procore: Procore) -> None:
    procore.control("POST", "/reset", {"seed": "empty"})
    assert procore.control("GET", "/invoices") == []
    procore.control("POST", "/reset", {"seed": "demo"})
    assert len(procore.control("GET", "/invoices")) == 308
    assert procore.control("GET", "/events")[0]["kind"] != "api_call"
