"""Why isn't it in QuickBooks? Judged by what the page says, with both emulators asked behind our tables' back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from accounting.models import Bill, Integration
from companies.models import AuditEvent, User
from invoices.models import Invoice
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from tests.procore_sync.why.given import heard_of, link, made, posted, unsent
from tests.support import emulated, work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


# --- behind our back -------------------------------------------------------------------------------------------------
def test_a_deleted_row_and_a_deleted_bill_are_both_named(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, ask: Any
) -> None:
    record, row, bill = posted(switched_on, procore)
    gone, _, gone_bill = posted(switched_on, procore)
    unheard = made(procore, "approved")
    row.delete()
    intuit.delete(f"bills/{emulated.REALM}/{gone_bill.external_id}")

    told = ask(link(unheard, procore))
    assert "inBuild had no record of this invoice, although Procore shows it as Approved" in told
    told = ask(record["invoice_number"])
    assert "inBuild had no record of this invoice's original in Procore" in told
    assert "no second bill is made" in told
    told = ask(gone["invoice_number"])
    assert f"Bill {gone_bill.external_number} is no longer in QuickBooks" in told
    assert "It is no longer in QuickBooks." in told

    work.drain(switched_on.company)
    assert Invoice.objects.count() == 3
    assert ProcoreInvoice.objects.get(procore_id=record["id"]).invoice == bill.invoice
    assert sorted(each["doc_number"] for each in intuit.bills()) == sorted(
        [record["invoice_number"], unheard["invoice_number"]]
    )
    assert "had no record" not in ask(link(unheard, procore))
    assert "It is in QuickBooks." in ask(link(unheard, procore))


def test_both_differences_of_one_invoice_stand_on_one_page(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, ask: Any
) -> None:
    record, row, bill = posted(switched_on, procore)
    row.delete()
    intuit.delete(f"bills/{emulated.REALM}/{bill.external_id}")
    told = ask(link(record, procore))
    assert "inBuild had no record of this invoice's original" in told
    assert "is no longer in QuickBooks" in told


def test_what_was_changed_by_hand_in_quickbooks_is_named(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, ask: Any
) -> None:
    record, _, bill = posted(switched_on, procore)
    assert f"QuickBooks shows bill {bill.external_number}" in ask(record["invoice_number"])
    there = f"bills/{emulated.REALM}/{bill.external_id}"
    intuit.patch(there, {"doc_number": "BY-HAND", "private_note": "Paid twice?", "total": "1.50"})
    told = ask(record["invoice_number"])
    assert "now has the number BY-HAND in QuickBooks" in told
    assert f"no longer carries inBuild's mark {bill.marker}" in told
    assert f"totals 1.50 in QuickBooks; inBuild posted {bill.posted_total:,.2f}: a difference of" in told
    assert "Its bill in QuickBooks is not what inBuild sent." in told


def test_what_changed_in_procore_unnoticed_is_named_and_taken_up(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, ask: Any
) -> None:
    record, row, _ = posted(switched_on, procore)
    procore.set_status(record["id"], "under_review")
    told = ask(record["invoice_number"])
    assert "Procore now shows it as Under Review" in told
    assert "It is in QuickBooks, but something changed since." in told
    work.drain(switched_on.company)
    row.refresh_from_db()
    assert row.status == "under_review"
    procore.delete(f"invoices/{record['id']}")
    told = ask(record["invoice_number"])
    assert "Procore no longer shows it" in told
    work.drain(switched_on.company)
    assert "it was deleted there" in ask(record["invoice_number"])


def test_asking_changes_nothing_where_nothing_differs(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, ask: Any
) -> None:
    record, _, _ = posted(switched_on, procore)
    draft = made(procore, "draft")
    heard_of(switched_on, draft)
    before = everything()
    ask(record["invoice_number"])
    ask(link(draft, procore))
    ask("nothing like this")
    assert everything() == before


def everything() -> list[Any]:
    return [
        list(ProcoreInvoice.objects.order_by("pk").values()),
        list(Invoice.objects.order_by("pk").values()),
        list(Bill.objects.order_by("pk").values()),
        list(ProcoreIntegration.objects.values()),
        list(Integration.objects.values()),
        list(ProcoreProject.objects.order_by("pk").values()),
        AuditEvent.objects.count(),
    ]


# --- the gates -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["draft", "under_review"])
def test_not_approved(status: str, switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any) -> None:
    record = made(procore, status)
    heard_of(switched_on, record)
    told = ask(record["invoice_number"])
    assert f"It is {status.replace('_', ' ').title()} in Procore and comes once it is approved." in told
    assert "Open in Procore" in told
    assert "Was the switch on when it was approved? Not reached" in told
    assert "Was it imported into inBuild? Not reached" in told


def test_approved_before_the_switch(
    procore_integration: ProcoreIntegration, quickbooks: Integration, procore: ProcoreEmulator, admin: User, ask: Any
) -> None:
    record = procore.invoices(status="approved")[0]
    mirroring.set_to(procore_integration, True, user=admin)
    row = heard_of(procore_integration, record)
    assert row.gate == "mirroring"
    told = ask(record["invoice_number"])
    assert f"It is not in QuickBooks. {row.reason}" in told
    assert "Import under Review" in told


def test_switched_off_before_it_came(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, admin: User, accountant: User, ask: Any
) -> None:
    record = made(procore, "approved")
    mirroring.set_to(switched_on, False, user=admin)
    heard_of(switched_on, record)
    assert "Turn the switch on" in ask(record["invoice_number"])
    told = ask(record["invoice_number"], user=accountant)
    assert "Turn the switch on" in told
    assert "Only company admins can change this setting." in told


def test_a_project_that_is_not_permitted(switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any) -> None:
    record = made(procore, "approved")
    procore.patch(f"clients/{emulated.CLIENT_ID}", {"permitted_projects": []})
    try:
        told = ask(link(record, procore))
        assert "permitted projects" in told
        assert "Open Procore to permit the project" in told
        assert not ProcoreInvoice.objects.filter(procore_id=record["id"]).exists()
    finally:
        procore.patch(f"clients/{emulated.CLIENT_ID}", {"permitted_projects": None})


def test_deleted_in_procore(switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any) -> None:
    record = made(procore)
    heard_of(switched_on, record)
    procore.delete(f"invoices/{record['id']}")
    told = ask(record["invoice_number"])
    assert "it was deleted, or access is missing" in told
    assert "Procore no longer shows it; inBuild last saw its version of" in told


def test_made_by_inbuild(switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any) -> None:
    record = made(procore, "approved")
    created_by = next(each for each in procore.get("ledger")["invoices"] if each["id"] == record["id"])["created_by"]
    ProcoreIntegration.objects.update(own_user_id=int(created_by["id"] if isinstance(created_by, dict) else created_by))
    assert "It was created by inBuild" in ask(link(record, procore))


def test_a_project_without_a_webhook(switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any) -> None:
    record = made(procore)
    ProcoreProject.objects.update(hook_id="")
    assert "Procore does not announce changes of project" in ask(link(record, procore))


def test_a_direct_cost_is_asked_for_by_number_and_an_expense_says_so(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any
) -> None:
    cost = procore.post(
        "direct_costs", {"direct_cost_type": "expense", "status": "approved", "invoice_number": "EXP-77"}
    )
    assert not ProcoreInvoice.objects.filter(kind="direct_cost").exists()
    told = ask("EXP-77")
    assert "It is a direct cost of type expense" in told
    told = ask(f"{procore.url}/{cost['project_id']}/project/direct_costs/{cost['id']}")
    assert "It is a direct cost of type expense" in told


# --- after the import ------------------------------------------------------------------------------------------------
def test_quickbooks_paused_disconnected_and_needing_a_reconnect(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, accountant: User, ask: Any
) -> None:
    record, _ = unsent(switched_on, procore)
    number = record["invoice_number"]
    Integration.objects.update(paused=True)
    told = ask(number)
    assert "QuickBooks Sync is paused." in told
    assert "Open settings" in told
    Integration.objects.update(paused=False, state="needs_reconnect")
    told = ask(number)
    assert "no longer accepts inBuild's connection" in told
    assert "Reconnect" in told
    assert "Only company admins can change this setting." in ask(number, user=accountant)
    Integration.objects.update(state="disconnected")
    assert "No QuickBooks is connected." in ask(number)


@pytest.mark.parametrize(
    ("state", "problem", "detail", "sentence", "button"),
    [
        ("needs_mapping", "setup", {}, "Choose the accounts payable account", "Choose accounts"),
        ("on_hold", "possible_duplicate", {"number": "A-1"}, "inBuild already has invoice A-1", "Compare"),
        ("failed", "refused", {"words": "No such tax"}, "QuickBooks refused the bill: No such tax", "Try again"),
        ("checking", "no_answer", {}, "QuickBooks did not confirm this bill", "Check now"),
        ("skipped", "", {}, "It was skipped", "Sync after all"),
        ("ready", "", {}, "It goes to QuickBooks by itself", "by itself"),
    ],
)
def test_every_state_of_a_bill_with_its_button(
    state: str,
    problem: str,
    detail: dict[str, str],
    sentence: str,
    button: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    viewer: User,
    ask: Any,
) -> None:
    record, bill = unsent(switched_on, procore)
    frozen = (
        {"payload": b"x", "request_id": "r", "integration": Integration.objects.get()} if state == "checking" else {}
    )
    Bill.objects.filter(pk=bill.pk).update(state=state, problem=problem, problem_detail=detail, **frozen)
    told = ask(record["invoice_number"])
    assert sentence in told
    assert button in told
    if button not in ("Choose accounts", "by itself"):
        assert "Viewers can look at invoices but not change them." in ask(record["invoice_number"], user=viewer)


def test_in_quickbooks_with_all_evidence(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, ask: Any
) -> None:
    record, row, bill = posted(switched_on, procore)
    for text in (
        link(record, procore),
        f"http://testserver/invoices/{bill.invoice.public_id}/",
        f"{intuit.url}/app/bill?txnId={bill.external_id}",
    ):
        told = ask(text)
        assert "It is in QuickBooks." in told
        assert f"by {row.approved_by}, while the switch was on" in told
        assert "CST" in told or "CDT" in told
        assert f"QuickBooks ID {bill.external_id}" in told
        assert "Not reached" not in told


# --- when nobody can be asked ----------------------------------------------------------------------------------------
def test_when_procore_is_silent_or_refuses_the_page_says_what_it_last_knew(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, ask: Any
) -> None:
    record = made(procore)
    heard_of(switched_on, record)
    for fault in ("hang", "500", "429"):
        procore.fault(fault, path="/rest/*")
        started = time.monotonic()
        told = ask(record["invoice_number"])
        assert time.monotonic() - started < 10
        assert "Procore could not be asked. What stands here is what inBuild knew on" in told
        assert "Under Review" in told
        procore.delete("faults")
    ProcoreIntegration.objects.update(state="needs_reconnect")
    told = ask(record["invoice_number"])
    assert "Procore no longer accepts inBuild's sign-in" in told
    assert "Reconnect Procore" in told


def test_when_quickbooks_is_silent_or_refuses_the_page_says_what_it_last_knew(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, ask: Any, settings: Any
) -> None:
    settings.QBO_TIMEOUT_SECONDS = 60
    record, _, _ = posted(switched_on, procore)
    for fault, said in (("hang", "cannot be reached"), ("500", "cannot be reached"), ("429", "to slow down")):
        intuit.fault(fault, path="/v3/*")
        started = time.monotonic()
        told = ask(record["invoice_number"])
        assert time.monotonic() - started < 10
        assert said in told
        assert "inBuild last saw it there on" in told
        intuit.delete("faults")
        work.forget_pacing()  # the minute that QuickBooks asked for is over
    intuit.post("revoke", {"realm": emulated.REALM})
    assert "no longer accepts inBuild's connection" in ask(record["invoice_number"])
