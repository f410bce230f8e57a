"""What happens to approved invoices: deletion, edits, approval taken back and given again, and silent changes."""

from __future__ import annotations

from typing import Any

from tests.emulators.test_procore_webhooks import project_of, subscribed
from tests.emulators.test_procore_world import (
    Procore,
    Receiver,
    check_identities,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
    receiver,  # noqa: F401 - a fixture
)

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811
LIST = "/rest/v1.1/requisitions"


def approved(procore: Procore, **wanted: Any) -> dict[str, Any]:
    facts = {"project_id": project_of(procore), "amount": "1000", "status": "approved", **wanted}
    made: dict[str, Any] = procore.control("POST", "/invoices", facts)
    return made


def reasons(procore: Procore, receiver: Receiver) -> list[str]:
    procore.control("POST", "/quiet", {"timeout": 10})
    return [body["reason"] for body in receiver.bodies]


def test_a_deleted_invoice_is_gone_everywhere_and_says_so(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)
    by_person, by_api, silent = (approved(procore, emit=False) for _ in range(3))
    procore.control("DELETE", f"/invoices/{by_person['id']}")
    query = f"?project_id={by_api['project_id']}"
    assert procore.call("DELETE", f"{LIST}/{by_api['id']}{query}").status_code == 200
    procore.control("DELETE", f"/invoices/{silent['id']}?quiet=true")
    assert reasons(procore, receiver) == ["delete", "delete"]
    for gone in (by_person, by_api, silent):
        for path in (f"{LIST}/{gone['id']}", f"/rest/v1.0/requisitions/{gone['id']}/detail"):
            assert procore.call("GET", path + query).status_code == 404
        assert procore.get(LIST, project_id=gone["project_id"], **{"filters[id]": gone["id"]}) == []
        assert procore.control("GET", f"/invoices?id={gone['id']}") == []


def test_header_and_lines_of_an_approved_invoice_change(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)
    invoice = approved(procore, emit=False)
    item = procore.requisition(invoice)["items"][0]
    procore.control(
        "PATCH",
        f"/invoices/{invoice['id']}",
        {"invoice_number": "NEW", "items": [{"id": item["id"], "work_completed_this_period": "9999.00"}]},
    )
    record = procore.requisition(invoice)
    assert (record["status"], record["invoice_number"]) == ("approved", "NEW")
    assert record["items"][0]["work_completed_this_period"] == "9999.00"
    check_identities(record, procore.detail(invoice))
    assert reasons(procore, receiver) == ["update"]


def test_approval_taken_back_and_given_again_is_in_the_history(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)
    invoice = approved(procore, emit=False)
    first, second = procore.control("GET", "/objects/user")[2:4]
    for status, person in (("under_review", first), ("approved", second)):
        procore.control("POST", f"/invoices/{invoice['id']}/status", {"status": status, "by": person["id"]})
    path = f"/rest/v1.0/requisitions/{invoice['id']}/change_histories"
    rows = [row for row in procore.get(path, project_id=invoice["project_id"]) if row["column"] == "status"]
    assert [(row["old_value"], row["new_value"]) for row in rows] == [
        ("draft", "approved"),
        ("approved", "under_review"),
        ("under_review", "approved"),
    ]
    assert [row["action_by_id"] for row in rows[1:]] == [first["id"], second["id"]]
    assert reasons(procore, receiver) == ["update", "update"]


def test_a_quiet_change_sends_nothing_and_may_leave_updated_at_alone(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)
    invoice = approved(procore, quiet=True)
    path = f"/invoices/{invoice['id']}"
    before = procore.requisition(invoice)["updated_at"]
    procore.control("POST", "/clock", {"offset_seconds": 100})
    procore.control("POST", "/switches", {"quiet_changes_updated_at": False})
    procore.control("PATCH", path, {"scale": "2", "quiet": True})
    procore.control("POST", f"{path}/status", {"status": "under_review", "quiet": True})
    procore.control("POST", "/invoices/status", {"ids": [invoice["id"]], "status": "under_review", "quiet": True})
    record = procore.requisition(invoice)
    assert (record["updated_at"], record["status"]) == (before, "under_review")
    assert record["total_claimed_amount"] == "2000.00"
    procore.control("POST", "/switches", {"quiet_changes_updated_at": True})
    procore.control("PATCH", path, {"comment": "silent", "quiet": True})
    assert procore.requisition(invoice)["updated_at"] > before
    assert reasons(procore, receiver) == []
