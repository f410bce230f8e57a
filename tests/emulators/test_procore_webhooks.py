"""Webhooks: set-up in both versions, bodies in three formats, retries, pauses, duplicates, disorder, losses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.test_procore_world import (
    COMPANY,
    Procore,
    Receiver,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
    receiver,  # noqa: F401 - a fixture
)
from tests.support.emulator_process import running_emulator

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811
EVENTS = ("create", "update", "delete")


def project_of(procore: Procore) -> int:
    return int(procore.get("/rest/v1.0/projects", company_id=COMPANY)[1]["id"])


def hooks_of(project: int) -> str:
    return f"/rest/v2.0/companies/{COMPANY}/projects/{project}/webhooks/hooks"


def subscribed(procore: Procore, receiver: Receiver, version: str = "v4.0") -> dict[str, Any]:
    """A project hook with the three triggers for Draw Requests; the only hook of the emulator."""
    for old in procore.control("GET", "/hooks"):
        scope = "" if old["project_id"] is None else f"/projects/{old['project_id']}"
        procore.call("DELETE", f"/rest/v2.0/companies/{COMPANY}{scope}/webhooks/hooks/{old['id']}")
    path = hooks_of(project_of(procore))
    body = {
        "payload_version": version,
        "namespace": "tests-1",
        "destination_url": receiver.url,
        "destination_headers": {"Authorization": "Bearer secret-12345"},
    }
    answer = procore.call("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    hook: dict[str, Any] = answer.json()["data"]
    triggers = [{"resource_name": "Draw Requests", "event_type": event} for event in EVENTS]
    added = procore.call("POST", f"{path}/{hook['id']}/triggers/bulk", json=triggers)
    assert added.status_code == 201, added.text
    return hook


def make(procore: Procore, **wanted: Any) -> dict[str, Any]:
    invoice: dict[str, Any] = procore.control("POST", "/invoices", {"project_id": project_of(procore), **wanted})
    return invoice


def approve(procore: Procore, invoice: dict[str, Any]) -> None:
    procore.control("POST", f"/invoices/{invoice['id']}/status", {"status": "approved"})


def test_hooks_of_version_2_are_masked_text_ids_in_an_envelope(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    path = hooks_of(project_of(procore))
    shown = procore.get(f"{path}/{hook['id']}")["data"]
    assert isinstance(shown["id"], str)
    assert shown["destination_headers"]["Authorization"] == "*" * (len("Bearer secret-12345") - 5) + "12345"
    assert (shown["status"], shown["trigger_count"]) == ("active", 3)
    assert [h["id"] for h in procore.get(path, namespace="tests-1")["data"]] == [hook["id"]]
    assert procore.get(path, namespace="another")["data"] == []
    assert (
        procore.call("PATCH", f"{path}/{hook['id']}", json={"status": "disabled"}).json()["data"]["status"]
        == "disabled"
    )
    invoice = make(procore)
    procore.call("PATCH", f"{path}/{hook['id']}", json={"status": "active"})
    approve(procore, invoice)
    procore.control("POST", "/quiet", {"timeout": 5})
    assert [b["reason"] for b in receiver.bodies] == ["update"]
    triggers = procore.get(f"{path}/{hook['id']}/triggers")["data"]
    gone = procore.call("DELETE", f"{path}/{hook['id']}/triggers/{triggers[0]['id']}")
    assert gone.status_code == 204
    bulk = procore.call("DELETE", f"{path}/{hook['id']}/triggers/bulk", json=[triggers[1]["id"], "12"])
    assert (bulk.status_code, bulk.json()["data"]["succeeded"]) == (207, [triggers[1]["id"]])
    assert procore.call("DELETE", f"{path}/{hook['id']}").status_code == 204
    assert procore.call("GET", f"{path}/{hook['id']}").status_code == 404


def test_resource_names_depend_on_the_scope(procore: Procore, receiver: Receiver) -> None:
    company = f"/rest/v2.0/companies/{COMPANY}/webhooks"
    project = project_of(procore)

    def names(base: str) -> set[str]:
        rows: list[dict[str, Any]] = []
        page = 1
        while more := procore.get(f"{base}/resources", payload_version="v4.0", per_page=100, page=page)["data"]:
            rows += more
            page += 1
        return {row["name"] for row in rows}

    assert len(names(company)) == 25
    assert "Draw Requests" not in names(company)
    assert "Draw Requests" in names(f"/rest/v2.0/companies/{COMPANY}/projects/{project}/webhooks")
    assert procore.call("GET", f"{company}/resources").status_code == 400
    body = {"payload_version": "v4.0", "namespace": "tests-2", "destination_url": receiver.url}
    hook = procore.call("POST", f"{company}/hooks", json=body).json()["data"]
    add = f"{company}/hooks/{hook['id']}/triggers"
    wanted = {"resource_name": "Draw Requests", "event_type": "update"}
    assert procore.call("POST", add, json=wanted).status_code == 400
    procore.control("POST", "/switches", {"company_hook_accepts_project_resource": True})
    assert procore.call("POST", add, json=wanted).status_code == 201
    procore.control("POST", "/switches", {"company_hook_accepts_project_resource": False})
    assert procore.call("POST", add, json={"resource_name": "Requisitions", "event_type": "update"}).status_code == 400
    assert procore.call("POST", add, json={"resource_name": "Projects", "event_type": "delete"}).status_code == 400
    assert procore.call("POST", f"{company}/hooks", json={**body, "namespace": "Not Good"}).status_code == 400
    mixed = procore.call("POST", f"{add}/bulk", json=[{"resource_name": "Projects", "event_type": "update"}, {}])
    assert mixed.status_code == 207
    procore.call("DELETE", f"{company}/hooks/{hook['id']}")


def test_hooks_of_version_1(procore: Procore, receiver: Receiver) -> None:
    project = project_of(procore)
    base = "/rest/v1.0/webhooks/hooks"
    wanted = {
        "project_id": project,
        "hook": {
            "api_version": "v2",
            "namespace": "tests-v1",
            "destination_url": receiver.url,
            "destination_headers": {"Authorization": "Bearer abcdefgh"},
        },
    }
    hook = procore.call("POST", base, json=wanted)
    assert hook.status_code == 201
    assert isinstance(hook.json()["id"], int)
    assert hook.json()["owned_by_project_id"] == project
    trigger = {"project_id": project, "trigger": {"resource_name": "Draw Requests", "event_type": "update"}}
    one = f"{base}/{hook.json()['id']}"
    assert procore.call("POST", f"{one}/triggers", json=trigger).json()["event_type"] == "UPDATE"
    invoice = make(procore, emit=False)
    approve(procore, invoice)
    procore.control("POST", "/quiet", {"timeout": 5})
    sent = procore.get(f"{one}/deliveries", project_id=project)
    assert (sent[-1]["outcome"], sent[-1]["response_status"]) == ("ok", 200)
    assert sent[-1]["event"]["resource_id"] == invoice["id"]
    assert procore.call("GET", base).status_code == 400
    assert procore.call("DELETE", one, params={"project_id": project}).status_code == 204


@pytest.mark.parametrize("version", ["v2.0", "v3.0", "v4.0"])
def test_bodies(procore: Procore, receiver: Receiver, version: str) -> None:
    subscribed(procore, receiver, version)
    invoice = make(procore)
    approve(procore, invoice)
    procore.control("DELETE", f"/invoices/{invoice['id']}")
    procore.control("POST", "/quiet", {"timeout": 5})
    first = receiver.received[0]["headers"]
    assert first["Authorization"] == "Bearer secret-12345"
    assert first["Content-Type"] == "application/json"
    bodies = receiver.bodies
    if version == "v4.0":
        assert [b["reason"] for b in bodies] == list(EVENTS)
        body = bodies[1]
        assert body["resource_type"] == "Draw Requests"
        assert body["resource_id"] == str(invoice["id"])
        assert body["company_id"] == str(COMPANY)
        assert len(body["id"]) == 26
        assert body["payload_version"] == "v4.0"
    else:
        assert [b["event_type"] for b in bodies] == list(EVENTS)
        body = bodies[1]
        assert body["resource_name"] == "Draw Requests"
        assert body["resource_id"] == invoice["id"]
        assert body["project_id"] == invoice["project_id"]
        assert body["api_version"] == version
        assert len(body["ulid"]) == 26
        assert body["metadata"]["source_application_id"] is None
        assert ("related_resources" in body) == (version == "v3.0")
    assert body["timestamp"].endswith("Z")


def test_writes_over_rest_name_the_application(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver, "v2.0")
    invoice = make(procore, emit=False)
    body = {
        "project_id": invoice["project_id"],
        "commitment_id": invoice["commitment_id"],
        "requisition": {"origin_data": "x"},
    }
    assert procore.call("PATCH", f"/rest/v1.1/requisitions/{invoice['id']}", json=body).status_code == 200
    procore.control("POST", "/quiet", {"timeout": 5})
    assert receiver.bodies[0]["metadata"]["source_application_id"] == "demo-procore-client"
    assert receiver.bodies[0]["user_id"] == 562949953500001


def test_a_failure_pauses_the_queue_and_is_retried_with_growing_pauses(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    procore.control("POST", "/switches", {"time_scale": 10})
    receiver.answer = lambda number: 500 if number <= 3 else 200
    first, second = make(procore), make(procore)
    procore.control("POST", "/quiet", {"timeout": 10})
    ids = [b["resource_id"] for b in receiver.bodies]
    assert ids == [str(first["id"])] * 4 + [str(second["id"])]
    at = [one["at"] for one in receiver.received]
    pauses = [later - earlier for earlier, later in zip(at, at[1:4], strict=False)]
    assert 0.09 <= pauses[0] < 0.19
    assert 0.19 <= pauses[1] < 0.38
    assert 0.38 <= pauses[2] < 0.9
    path = f"{hooks_of(project_of(procore))}/{hook['id']}/deliveries"
    rows = procore.get(path)["data"]
    attempts = next(r for r in rows if r["payload"]["resource_id"] == str(first["id"]))["delivery_attempts"]
    assert [a["response_status"] for a in attempts] == [500, 500, 500, 200]
    assert procore.get(path, **{"filter[status]": "succeeded"})["data"]
    assert procore.get(path, **{"filter[status]": "enqueued"})["data"] == []
    procore.control("POST", "/switches", {"time_scale": 1})


def test_after_twelve_hours_of_failure_the_queue_is_discarded(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    procore.control("POST", "/switches", {"time_scale": 43200, "disable_hook_after_discard": True})
    receiver.answer = lambda number: 503
    made = [make(procore) for _ in range(3)]
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        rows = procore.control("GET", f"/deliveries?hook_id={hook['id']}")
        if {row["status"] for row in rows} == {"discarded"}:
            break
        time.sleep(0.1)
    assert {row["status"] for row in rows} == {"discarded"}
    assert {row["resource_id"] for row in rows} == {str(invoice["id"]) for invoice in made}
    shown = procore.get(f"{hooks_of(project_of(procore))}/{hook['id']}")["data"]
    assert shown["status"] == "disabled"
    procore.control("POST", "/switches", {"time_scale": 1, "disable_hook_after_discard": False})


def test_a_slow_destination_is_a_failure(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    procore.control("POST", "/switches", {"delivery_timeout_seconds": 0.2, "time_scale": 20})
    receiver.delay = 0.6
    make(procore)
    time.sleep(0.5)
    rows = procore.control("GET", f"/deliveries?hook_id={hook['id']}")
    assert rows[0]["status"] == "retrying"
    assert "imeout" in rows[0]["delivery_attempts"][0]["response_error"]
    receiver.delay = 0
    assert procore.control("POST", "/quiet", {"timeout": 5})["quiet"]
    procore.control("POST", "/switches", {"delivery_timeout_seconds": 5, "time_scale": 1})


def test_duplicates_disorder_and_losses(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)
    procore.control("POST", "/switches", {"duplicate": 3, "shuffle": True})
    made = [make(procore)["id"] for _ in range(12)]
    procore.control("POST", "/quiet", {"timeout": 10})
    procore.control("POST", "/switches", {"duplicate": 1, "shuffle": False})
    ids = [int(b["resource_id"]) for b in receiver.bodies]
    assert sorted(ids) == sorted(made * 3)
    assert list(dict.fromkeys(ids)) != made
    assert len({b["id"] for b in receiver.bodies}) == 12
    procore.control("POST", "/switches", {"drop": 100})
    lost = make(procore)
    procore.control("POST", "/switches", {"drop": 0})
    assert [d["status"] for d in procore.control("GET", f"/deliveries?resource_id={lost['id']}")] == ["dropped"]
    assert len(receiver.received) == 36


def test_two_hundred_approvals_reach_a_destination(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver, "v2.0")
    bulk = procore.control("POST", "/invoices/bulk", {"count": 200, "project_id": project_of(procore), "emit": False})
    procore.control("POST", "/invoices/status", {"ids": [i["id"] for i in bulk], "status": "approved"})
    assert procore.control("POST", "/quiet", {"timeout": 20})["quiet"]
    assert [b["resource_id"] for b in receiver.bodies] == [i["id"] for i in bulk]
    procore.control("POST", "/switches", {"bulk_approval_events": "first"})
    procore.control("POST", "/invoices/status", {"ids": [i["id"] for i in bulk[:5]], "status": "under_review"})
    procore.control("POST", "/switches", {"bulk_approval_events": "each"})
    procore.control("POST", "/quiet", {"timeout": 5})
    assert len(receiver.received) == 201


def test_any_raw_body_can_be_sent_and_a_delivery_repeated(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    answer = procore.call("POST", f"/_emulator/webhooks/send?hook_id={hook['id']}", data=b"not json at all {")
    assert answer.status_code == 201
    procore.control("POST", "/quiet", {"timeout": 5})
    assert receiver.received[0]["raw"] == b"not json at all {"
    make(procore)
    procore.control("POST", "/quiet", {"timeout": 5})
    last = procore.control("GET", f"/deliveries?hook_id={hook['id']}")[-1]
    procore.control("POST", f"/deliveries/{last['id']}/again")
    procore.control("POST", "/quiet", {"timeout": 5})
    raw = [one["raw"] for one in receiver.received]
    assert len(raw) == 3
    assert raw[1] == raw[2]


def test_waiting_deliveries_and_everything_else_survive_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    ledger = tmp_path / "kept.sqlite"
    with running_emulator("procore", ledger, "--rate-limit", "off") as url:
        procore = Procore(url)
        hook = subscribed(procore, receiver)
        procore.control("POST", "/switches", {"webhooks_stopped": True})
        invoice = make(procore, amount="777.00")
        approve(procore, invoice)
        before = procore.requisition(invoice)
    assert receiver.received == []
    with running_emulator("procore", ledger, "--rate-limit", "off", "--seed", "empty") as url:
        again = Procore(url)
        again.session.headers["Authorization"] = procore.session.headers["Authorization"]
        after = again.requisition(invoice)
        assert len(again.control("GET", "/invoices")) == 309
        assert [h["id"] for h in again.control("GET", "/hooks")] == [int(hook["id"])]
        again.control("POST", "/switches", {"webhooks_stopped": False})
        again.control("POST", "/quiet", {"timeout": 5})
        assert [b["reason"] for b in receiver.bodies] == ["create", "update"]
        kinds = again.control("GET", "/ledger")["events"]
        assert kinds["invoice_approved"] == 1
        fresh = make(again)
        assert fresh["id"] > invoice["id"]
    # Addresses name the port, which the second start changed.
    assert {k: v for k, v in after.items() if k != "attachments"} == {
        k: v for k, v in before.items() if k != "attachments"
    }
