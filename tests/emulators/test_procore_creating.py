"""Creating invoices and payments by API: what is refused, what is kept, and the races around the answer."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from tests.emulators.test_procore_webhooks import hooks_of, subscribed
from tests.emulators.test_procore_world import (
    COMPANY,
    Procore,
    Receiver,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
    receiver,  # noqa: F401 - a fixture
)

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811
LIST = "/rest/v1.1/requisitions"


@pytest.fixture
def commitment(procore: Procore) -> dict[str, Any]:
    """A contract without invoices on the project that the shared hook listens to."""
    projects = procore.get("/rest/v1.0/projects", company_id=COMPANY)
    made = procore.control("POST", "/projects", {"commitments": 1, "quiet": True})
    assert made["id"] not in [p["id"] for p in projects]
    found: dict[str, Any] = procore.control("GET", f"/objects/commitment?project_id={made['id']}")[0]
    return found


def body_for(commitment: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    line = {"line_item_id": commitment["lines"][0]["id"], "item_type": "contract_item"}
    items = [{**line, "work_completed_this_period": "100.00"}]
    return {
        "project_id": commitment["project_id"],
        "commitment_id": commitment["id"],
        "requisition": {"invoice_number": "API-1", "origin_data": '{"inbuild":"42"}', "items": items, **wanted},
    }


def hook_on(procore: Procore, receiver: Receiver, project: int) -> None:
    path = hooks_of(project)
    body = {"payload_version": "v3.0", "namespace": "creating", "destination_url": receiver.url}
    hook = procore.call("POST", path, json=body).json()["data"]
    for name in ("Draw Requests", "Contract Payments"):
        trigger = {"resource_name": name, "event_type": "create"}
        assert procore.call("POST", f"{path}/{hook['id']}/triggers", json=trigger).status_code == 201


def by_commitment(procore: Procore, commitment: dict[str, Any]) -> list[dict[str, Any]]:
    query = {"project_id": commitment["project_id"], "filters[commitment_id]": commitment["id"]}
    found: list[dict[str, Any]] = procore.get(LIST, **query)
    return found


def test_the_next_invoice_waits_for_the_approval_of_the_one_before(
    procore: Procore, commitment: dict[str, Any]
) -> None:
    first = procore.call("POST", LIST, json=body_for(commitment))
    assert first.status_code == 201
    assert first.json()["origin_data"] == '{"inbuild":"42"}'
    refused = procore.call("POST", LIST, json=body_for(commitment, invoice_number="API-2"))
    assert refused.status_code == 422
    assert "API-1" in refused.text
    procore.control("POST", "/switches", {"create_refused_status": 400})
    assert procore.call("POST", LIST, json=body_for(commitment, invoice_number="API-2")).status_code == 400
    procore.control("POST", f"/invoices/{first.json()['id']}/status", {"status": "approved"})
    assert procore.call("POST", LIST, json=body_for(commitment, invoice_number="API-2")).status_code == 201
    procore.control("POST", "/switches", {"open_invoice_refuses_next": False})
    assert procore.call("POST", LIST, json=body_for(commitment, invoice_number="API-3")).status_code == 201
    assert [r["invoice_number"] for r in by_commitment(procore, commitment)] == ["API-1", "API-2", "API-3"]


def test_a_period_is_needed_and_lines_say_what_they_are(procore: Procore, commitment: dict[str, Any]) -> None:
    periods = procore.control("GET", f"/objects/period?project_id={commitment['project_id']}")
    for period in periods:
        procore.control("PATCH", f"/periods/{period['id']}", {"status": "closed"})
    refused = procore.call("POST", LIST, json=body_for(commitment))
    assert refused.status_code == 422
    assert "period_id" in refused.json()["errors"]
    bare = body_for(commitment, period_id=periods[-1]["id"])
    del bare["requisition"]["items"][0]["item_type"]
    assert procore.call("POST", LIST, json=bare).status_code == 400
    made = procore.call("POST", LIST, json=body_for(commitment, period_id=periods[-1]["id"]))
    assert (made.status_code, made.json()["period_id"]) == (201, periods[-1]["id"])
    change = {"project_id": commitment["project_id"], "requisition": {"invoice_number": "X"}}
    assert procore.call("PATCH", f"{LIST}/{made.json()['id']}", json=change).status_code == 400


@pytest.mark.parametrize("by_service_account", [True, False])
def test_the_author_is_the_service_account_or_a_person(
    procore: Procore, commitment: dict[str, Any], by_service_account: bool
) -> None:
    procore.control("POST", "/switches", {"api_create_user_is_service_account": by_service_account})
    author = procore.call("POST", LIST, json=body_for(commitment)).json()["created_by"]["id"]
    assert (author == 562949953500001) is by_service_account


def test_the_event_may_arrive_before_the_answer(
    procore: Procore, receiver: Receiver, commitment: dict[str, Any]
) -> None:
    hook_on(procore, receiver, commitment["project_id"])
    procore.control("POST", "/switches", {"create_event_before_answer": 1.5})
    answered: list[tuple[float, int]] = []

    def create() -> None:
        answer = procore.call("POST", LIST, json=body_for(commitment))
        answered.append((time.monotonic(), answer.json()["id"]))

    begun = time.monotonic()
    thread = threading.Thread(target=create)
    thread.start()
    while not receiver.received and time.monotonic() < begun + 10:
        time.sleep(0.01)
    assert not answered
    seen = by_commitment(procore, commitment)
    assert [row["id"] for row in seen] == [receiver.bodies[0]["resource_id"]]
    thread.join()
    assert answered[0][1] == seen[0]["id"]
    assert answered[0][0] - begun >= 1.5
    assert receiver.bodies[0]["metadata"]["source_application_id"] == "demo-procore-client"


@pytest.mark.parametrize("name", ["500_after_commit", "hang_after_commit", "drop_after_commit", "slow_after_commit"])
def test_a_lost_answer_leaves_the_invoice_to_be_found(procore: Procore, commitment: dict[str, Any], name: str) -> None:
    rule = {"match": {"method": "POST", "path": "requisitions"}, "fault": name, "times": 1, "seconds": 0.5}
    procore.control("POST", "/faults", rule)
    begun = time.monotonic()
    try:
        status = procore.call("POST", LIST, json=body_for(commitment)).status_code
    except requests.ConnectionError:
        status = 0
    assert status == {"500_after_commit": 500, "slow_after_commit": 201}.get(name, 0)
    assert (time.monotonic() - begun >= 0.5) is (name in ("hang_after_commit", "slow_after_commit"))
    (found,) = by_commitment(procore, commitment)
    assert found["origin_data"] == '{"inbuild":"42"}'


def test_an_invoice_is_found_by_its_origin_id(procore: Procore, commitment: dict[str, Any]) -> None:
    made = procore.call("POST", LIST, json=body_for(commitment, origin_id="inbuild-7")).json()
    query = {"project_id": commitment["project_id"], "filters[origin_id]": "inbuild-7"}
    assert [row["id"] for row in procore.get(LIST, **query)] == [made["id"]]


def test_a_payment_is_kept_told_and_counted(procore: Procore, receiver: Receiver, commitment: dict[str, Any]) -> None:
    hook_on(procore, receiver, commitment["project_id"])
    procore.control("POST", "/invoices", {"commitment_id": commitment["id"], "amount": "1000", "status": "approved"})
    (invoice,) = by_commitment(procore, commitment)
    due = invoice["payment_summary"]["invoiced_amount_due"]
    body = {
        "project_id": commitment["project_id"],
        "contract_id": commitment["id"],
        "contract_payment": {
            "requisition_id": invoice["id"],
            "amount": "100.00",
            "date": "2026-05-01",
            "origin_data": "p-1",
        },
    }
    answer = procore.call("POST", "/rest/v1.0/contract_payments", json=body)
    assert answer.status_code == 201
    payment = answer.json()
    assert (payment["date"], payment["origin_data"]) == ("2026-05-01", "p-1")
    (after,) = by_commitment(procore, commitment)
    assert after["payment_summary"]["manual"]["amount"] == "100.00"
    assert float(after["payment_summary"]["invoiced_amount_due"]) == float(due) - 100
    query = {"project_id": commitment["project_id"], "contract_id": commitment["id"]}
    own = f"/rest/v1.0/contract_payments/{payment['id']}"
    assert procore.get(own, **query)["id"] == payment["id"]
    assert procore.call("GET", own, params={"project_id": commitment["project_id"]}).status_code == 400
    procore.control("POST", "/quiet", {"timeout": 10})
    assert ("Contract Payments", payment["id"]) in [(b["resource_name"], b["resource_id"]) for b in receiver.bodies]
    assert procore.call("DELETE", own, params=query).status_code == 204
    (after,) = by_commitment(procore, commitment)
    assert after["payment_summary"]["invoiced_amount_due"] == due


def test_the_shared_hook_hears_creations_by_api(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    project = int(hook["project_id"])
    procore.control("POST", "/switches", {"open_invoice_refuses_next": False})
    found = procore.control("GET", f"/objects/commitment?project_id={project}")[0]
    made = procore.call("POST", LIST, json=body_for(found)).json()
    procore.control("POST", "/quiet", {"timeout": 10})
    assert [(b["reason"], b["resource_id"]) for b in receiver.bodies] == [("create", str(made["id"]))]
