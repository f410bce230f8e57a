"""Procore is told of payments in QuickBooks, each once, if an admin wants it. Both emulators' ledgers judge."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounting.models import Bill, Integration
from accounting.tasks import follow_due
from companies.models import AuditEvent, Company, User
from procore_sync.models import ContractPayment, ProcoreIntegration, WebhookDelivery
from procore_sync.tasks import sweep, tell_due
from tests.procore_sync.payments.given import CREATE, LATER, PAYMENTS, Paid
from tests.procore_sync.test_following import page
from tests.support import outgoing as support
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


# --- off and on ------------------------------------------------------------------------------------------------------
def test_by_default_nothing_is_told(paid: Paid) -> None:
    assert not paid.integration.writes_payments
    paid.pay()
    paid.look()
    assert paid.bill.paid_state == "paid"
    assert (paid.there(), ContractPayment.objects.count()) == ([], 0)


def test_a_paid_bill_becomes_one_contract_payment(on: Paid) -> None:
    bill = {"id": on.bill.external_id, "amount": str(on.bill.posted_total)}
    payment = on.intuit.post("payments", {"realm": REALM, "bills": [bill], "doc_number": "1047"})
    for _ in range(3):
        on.look()
        on.go_on()
    [there] = on.there()
    assert there["requisition_id"] == on.record["id"]
    assert there["amount"] == payment["total"] == f"{on.bill.posted_total:.2f}"
    assert (there["date"], there["payment_method"], there["check_number"]) == (payment["txn_date"], "check", "1047")
    assert there["origin_id"] == there["origin_data"] == f"inBuild payment {REALM}/{payment['id']}/{on.bill.uid}"
    assert "Paid in QuickBooks: Check 1047" in there["notes"]
    assert (on.row().state, on.row().procore_id, on.made()) == ("told", there["id"], 1)
    assert AuditEvent.objects.filter(verb="contract_payment.told", object_id=str(on.invoice.pk)).count() == 1


def test_the_beat_rings_only_while_there_is_news(on: Paid, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr("inbuild.queue._bell.ring", lambda task, _: rung.append(task))
    monkeypatch.setattr("inbuild.queue.transaction.on_commit", lambda call, **_: call())
    tell_due(company_id=on.integration.company_id)
    ProcoreIntegration.objects.update(payments_seen_until=timezone.now() + timedelta(seconds=1))
    sweep()
    assert "procore_sync.tell_due" not in rung
    ProcoreIntegration.objects.update(payments_seen_until=timezone.now() - timedelta(minutes=1))
    on.pay()
    Integration.objects.update(next_at=timezone.now())
    follow_due(company_id=on.integration.company_id)
    sweep()
    assert "procore_sync.tell_due" in rung


def test_two_parts_are_two_payments(on: Paid) -> None:
    total = on.bill.posted_total
    on.pay("10.00")
    on.look()
    on.pay(pay_type="CreditCard")
    on.look()
    first, second = sorted(on.there(), key=lambda each: int(each["id"]))
    assert (first["amount"], first["payment_method"]) == ("10.00", "check")
    assert total is not None
    assert (Decimal(second["amount"]), second["payment_method"]) == (total - 10, "credit_card")


def test_what_was_paid_before_it_was_turned_on_is_left_to_people(paid: Paid, admin: User) -> None:
    yesterday = (timezone.now() - timedelta(days=2)).date().isoformat()
    bill = {"id": paid.bill.external_id, "amount": "10.00"}
    paid.intuit.post("payments", {"realm": REALM, "bills": [bill], "txn_date": yesterday})
    paid.wants(True, admin)
    paid.look()
    assert paid.there() == []
    paid.pay("20.00")
    paid.look()
    assert [each["amount"] for each in paid.there()] == ["20.00"]


def test_turned_off_nothing_leaves_and_turned_on_again_it_goes_on(on: Paid, admin: User) -> None:
    rule = on.procore.fault("500", method="GET", path=PAYMENTS, times=None)
    on.pay()
    on.look()
    assert on.row().state == "ready"
    on.wants(False, admin)
    on.procore.delete(f"faults/{rule}")
    on.go_on()
    assert on.there() == []
    assert "turned off" in on.row().problem
    on.wants(True, admin)
    on.go_on()
    assert (len(on.there()), on.row().state) == (1, "told")


def test_an_invoice_sent_to_procore_and_approved_there(
    procore: ProcoreEmulator, quickbooks: Integration, intuit: IntuitEmulator, company: Company, admin: User
) -> None:
    outgoing = support.prepared(procore, company, admin)
    sent = outgoing.send()
    [record] = outgoing.there()
    procore.approve(record["id"])
    outgoing.heard_of(record)
    given = Paid(procore, intuit, outgoing.integration, record, sent.invoice)
    assert given.bill.state == Bill.State.SYNCED
    given.look()
    given.wants(True, admin)
    given.pay()
    given.look()
    [there] = given.there()
    assert (there["requisition_id"], there["contract_id"]) == (sent.procore_id, sent.commitment_id)
    assert Decimal(there["amount"]) == sent.invoice.amount_due


# --- what is money ---------------------------------------------------------------------------------------------------
def test_a_credit_is_no_payment(on: Paid) -> None:
    vendor = next(bill for bill in on.intuit.bills() if bill["id"] == on.bill.external_id)["vendor_id"]
    credits = [
        on.intuit.post("vendor-credits", {"realm": REALM, "vendor_id": vendor, "total": "100.00"}) for _ in range(2)
    ]
    only_credit = {"bills": [{"id": on.bill.external_id, "amount": "100.00"}], "credits": [{"id": credits[0]["id"]}]}
    on.intuit.post("payments", {"realm": REALM} | only_credit)
    on.look()
    assert on.bill.paid_state == "partly"
    assert on.there() == []
    mixed = {"bills": [{"id": on.bill.external_id, "amount": "150.00"}], "credits": [{"id": credits[1]["id"]}]}
    on.intuit.post("payments", {"realm": REALM} | mixed)
    on.look()
    assert [each["amount"] for each in on.there()] == ["50.00"]


def test_credits_over_several_bills_are_left_to_a_person(on: Paid, accountant: User, as_user: Any) -> None:
    ours = next(bill for bill in on.intuit.bills() if bill["id"] == on.bill.external_id)
    other = on.intuit.typed_in(vendor_id=ours["vendor_id"], doc_number="T-1", total="80.00")
    credit = on.intuit.post("vendor-credits", {"realm": REALM, "vendor_id": ours["vendor_id"], "total": "30.00"})
    bills = [{"id": ours["id"], "amount": "60.00"}, {"id": other["id"], "amount": "80.00"}]
    on.intuit.post("payments", {"realm": REALM, "bills": bills, "credits": [{"id": credit["id"]}]})
    on.look()
    assert (on.there(), on.row().state) == ([], "refused")
    assert "vendor credits" in page(as_user(accountant), on.invoice)


# --- once ------------------------------------------------------------------------------------------------------------
UNCLEAR = ["500", "drop", "garbage", "500_after_commit", "drop_after_commit", "hang_after_commit"]


@pytest.mark.parametrize("fault", UNCLEAR)
def test_an_unclear_end_is_looked_into_and_leaves_exactly_one(
    fault: str, on: Paid, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procore_sync.client.DEADLINE_SECONDS", 1.0)
    settings.PROCORE_QUARANTINE_SECONDS = LATER
    on.procore.fault(fault, **CREATE, times=1, seconds=1.5)
    on.pay()
    on.look()
    row = on.row()
    assert row.state == "checking"
    assert row.next_at is not None
    assert (row.next_at - timezone.now()).total_seconds() > LATER - 60
    assert "looks in Procore" in row.problem
    on.go_on()
    assert (on.row().state, len(on.there()), on.made()) == ("told", 1, 1)
    assert on.there()[0]["id"] == on.row().procore_id


class Killed(BaseException):
    """The process is gone: nothing after this line happens."""


@pytest.mark.parametrize("point", ["tell.after_take", "tell.after_start", "tell.after_send"])
def test_a_worker_killed_at_any_point_leaves_exactly_one(point: str, on: Paid, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(name: str) -> None:
        if name == point:
            raise Killed

    on.pay()
    with monkeypatch.context() as patched:
        for module in ("procore_sync.telling", "inbuild.queue"):
            patched.setattr(f"{module}.faultpoint", die)
        with pytest.raises(Killed):
            on.look()
    on.go_on()
    assert (on.row().state, len(on.there()), on.made()) == ("told", 1, 1)


def test_a_row_that_was_lost_finds_its_payment_there(on: Paid) -> None:
    """Say, inBuild's data was brought back from a backup of yesterday."""
    on.pay()
    on.look()
    ContractPayment.objects.all().delete()
    ProcoreIntegration.objects.update(payments_compared_at=None)
    on.go_on()
    assert (on.row().state, on.row().procore_id, on.made()) == ("told", on.there()[0]["id"], 1)


def test_without_a_look_nothing_leaves(on: Paid) -> None:
    rule = on.procore.fault("500", method="GET", path=PAYMENTS, times=None)
    on.pay()
    on.look()
    assert (on.row().state, on.there()) == ("ready", [])
    assert "tries again by itself" in on.row().problem
    on.procore.delete(f"faults/{rule}")
    on.go_on()
    assert on.made() == 1


OTHERS = [("pay-77", "through Procore Pay"), (None, "inBuild did not make")]


@pytest.mark.parametrize(("external", "words"), OTHERS)
def test_what_procore_shows_already_is_not_doubled(
    external: str | None, words: str, on: Paid, accountant: User, as_user: Any
) -> None:
    facts = {"requisition_id": on.record["id"], "amount": str(on.bill.posted_total), "external_payment_id": external}
    other = on.procore.post("payments", facts | {"date": on_the_day(on)})
    on.look()
    assert [each["id"] for each in on.there()] == [other["id"]]
    assert on.row().state == "refused"
    shown = page(as_user(accountant), on.invoice)
    assert words in shown
    assert shown.count("Try again") == 1


def on_the_day(on: Paid) -> str:
    """Pay the bill; returns the day QuickBooks gives the payment."""
    payment_id = on.pay()
    rows = on.intuit.get("ledger", realm=REALM)["payments"]
    return str(next(row["txn_date"] for row in rows if row["id"] == payment_id))


def test_our_own_events_cause_nothing(on: Paid) -> None:
    on.pay()
    on.look()
    before = on.procore.get("events")[-1]["id"]
    body = (
        f'{{"id": 4711, "timestamp": "2026-11-25T10:00:00Z", "resource_name": "Contract Payments", '
        f'"event_type": "create", "resource_id": {on.there()[0]["id"]}, "project_id": {on.record["project_id"]}, '
        f'"company_id": {on.integration.procore_company_id}, "user_id": 1, "api_version": "v2"}}'
    )
    delivery = WebhookDelivery.objects.create(
        company=on.integration.company,
        integration=on.integration,
        event_key="id:4711",
        body=body.encode(),
        next_at=timezone.now(),
    )
    work.drain(on.integration.company)
    on.go_on()
    delivery.refresh_from_db()
    assert delivery.outcome == "ignored"
    assert on.procore.get("events")[-1]["id"] == before
    on.invoice.refresh_from_db()
    assert (on.invoice.source_state, on.bill.state) == ("as_imported", "synced")
