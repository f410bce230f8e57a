"""A payment that was taken back, changed or refused: Procore shows what QuickBooks shows, or a person reads why not."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounting.models import Integration
from accounting.tasks import follow_due
from companies.models import AuditEvent, User
from procore_sync import payments, sending
from procore_sync.models import ProcoreIntegration
from tests.procore_sync.payments.given import CREATE, LATER, TAKE_BACK, Paid
from tests.procore_sync.test_following import page
from tests.support.emulated import REALM

pytestmark = pytest.mark.django_db


# --- afterwards ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["void", "delete"])
def test_one_that_is_taken_back_in_quickbooks_is_taken_back_in_procore(how: str, on: Paid) -> None:
    other = {"requisition_id": on.record["id"], "amount": "1.00", "date": "2026-01-01"}
    theirs = on.procore.post("payments", other)
    payment_id = on.pay()
    on.look()
    assert len(on.there()) == 2
    if how == "void":
        on.intuit.post(f"payments/{REALM}/{payment_id}/void")
    else:
        on.intuit.delete(f"payments/{REALM}/{payment_id}")
    on.look()
    on.go_on()
    assert [each["id"] for each in on.there()] == [theirs["id"]]
    assert (on.row().state, on.bill.paid_state) == ("gone", "unpaid")


def test_voided_while_it_was_in_doubt(on: Paid, settings: Any) -> None:
    settings.PROCORE_QUARANTINE_SECONDS = LATER
    on.procore.fault("500_after_commit", **CREATE, times=1)
    payment_id = on.pay()
    on.look()
    on.intuit.post(f"payments/{REALM}/{payment_id}/void")
    on.look()
    row = on.row()
    assert (row.state, row.wanted, len(on.there())) == ("checking", None, 1)
    on.go_on()
    assert (on.row().state, on.there()) == ("gone", [])


def test_a_changed_one_is_replaced(on: Paid) -> None:
    """Procore locks what carries an origin_id, so ours is taken back and made anew."""
    payment_id = on.pay("10.00")
    on.look()
    [before] = on.there()
    on.intuit.patch(f"payments/{REALM}/{payment_id}", {"amount": "12.00"})
    on.look()
    on.go_on()
    [after] = on.there()
    assert (after["amount"], after["origin_id"]) == ("12.00", before["origin_id"])
    assert after["id"] != before["id"]
    assert (on.row().state, on.row().procore_id, on.made()) == ("told", after["id"], 2)


def test_changed_while_it_was_in_doubt(on: Paid, settings: Any) -> None:
    settings.PROCORE_QUARANTINE_SECONDS = LATER
    on.procore.fault("drop_after_commit", **CREATE, times=1)
    payment_id = on.pay("10.00")
    on.look()
    on.intuit.patch(f"payments/{REALM}/{payment_id}", {"amount": "12.00"})
    on.look()
    assert (on.row().state, on.made()) == ("checking", 1)
    on.go_on()
    assert [each["amount"] for each in on.there()] == ["12.00"]
    assert on.row().state == "told"


def test_voided_while_procore_answered(on: Paid, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(name: str) -> None:
        if name == "tell.after_send":
            on.intuit.post(f"payments/{REALM}/{payment_id}/void")
            Integration.objects.update(next_at=timezone.now())
            follow_due(company_id=on.integration.company_id)
            payments.notice(on.integration.company_id)

    payment_id = on.pay()
    with monkeypatch.context() as patched:
        patched.setattr("procore_sync.telling.faultpoint", meanwhile)
        on.look()
    on.go_on()
    assert (on.row().state, on.there(), on.made()) == ("gone", [], 1)


def test_a_bill_that_left_the_books_pays_nothing(on: Paid) -> None:
    on.pay()
    on.look()
    assert len(on.there()) == 1
    on.intuit.remove(on.bill.external_id)
    on.look()
    on.go_on()
    assert on.there() == []


# --- refusals --------------------------------------------------------------------------------------------------------
LOCKED = "The commitment is locked by another integration."


@pytest.mark.parametrize("fault", ["403", "404", "422"])
def test_a_refusal_is_a_sentence_with_one_button_and_leaves_the_bill_alone(
    fault: str, on: Paid, accountant: User, viewer: User, as_user: Any
) -> None:
    if fault == "422":
        on.procore.switches(payments_refused=LOCKED)
    else:
        on.procore.fault(fault, **CREATE, times=1)
    on.pay()
    on.look()
    on.procore.switches(payments_refused="")
    row, bill = on.row(), on.bill
    assert (row.state, on.there()) == ("refused", [])
    assert row.problem.startswith("Procore")
    assert (LOCKED in row.problem) == (fault == "422")
    assert (bill.state, bill.problem, bill.paid_state) == ("synced", "", "paid")
    client = as_user(accountant)
    assert page(client, on.invoice).count("Try again") == 1
    again = f"/settings/procore/payments/{row.pk}/again/"
    assert as_user(viewer).post(again).status_code == 403
    assert "disabled" in page(as_user(viewer), on.invoice).split('id="contract-payments"')[1].split("</form>")[0]
    for _ in range(2):  # a double click
        assert client.post(again).status_code == 302
    on.go_on()
    assert (on.row().state, on.made()) == ("told", 1)
    assert "Try again" not in page(client, on.invoice)
    assert AuditEvent.objects.filter(verb="contract_payment.ready", user=accountant).count() == 1


def test_what_cannot_be_taken_back_is_said(on: Paid) -> None:
    payment_id = on.pay()
    on.look()
    on.procore.fault("403", **TAKE_BACK, times=1)
    on.intuit.post(f"payments/{REALM}/{payment_id}/void")
    on.look()
    row = on.row()
    assert (row.state, len(on.there())) == ("refused", 1)
    assert "take back" in row.problem


def test_a_lost_connection_waits_with_the_reason(on: Paid) -> None:
    on.pay()
    Integration.objects.update(next_at=timezone.now())
    follow_due(company_id=on.integration.company_id)
    payments.notice(on.integration.company_id)
    ProcoreIntegration.objects.update(state="needs_reconnect")
    on.go_on()
    assert (on.row().state, on.row().problem, on.there()) == ("ready", sending.RECONNECT, [])
    ProcoreIntegration.objects.update(state="connected")
    on.go_on()
    assert on.row().state == "told"
