"""A bill that is in the company file: paid, changed, deleted there and from here, seen in the next session."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounting import changing, posting
from accounting.models import Bill, BillChange, Integration
from companies.models import Company, User
from invoices import recording
from qbd import desk, sending
from tests.quickbooks.accounting import given
from tests.quickbooks.qbd.conftest import Pc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("how", ["Check", "CreditCard"])
def test_paid_there_is_paid_here(how: str, pc: Pc, company: Company) -> None:
    [bill] = pc.posted(company, given.approved(company))
    payment = pc.desktop.pay(bill.external_id, "400.00", pay_type=how)
    pc.look_again()
    bill.refresh_from_db()
    assert (bill.paid_state, str(bill.balance)) == (Bill.Paid.PARTLY, "600.00")
    pc.desktop.pay(bill.external_id)
    pc.look_again()
    bill.refresh_from_db()
    assert bill.paid_state == Bill.Paid.PAID
    pc.desktop.void(payment["payment_id"])
    pc.look_again()
    bill.refresh_from_db()
    assert (bill.paid_state, str(bill.balance)) == (Bill.Paid.PARTLY, "400.00")


def test_a_credit_of_ours_applied_there_is_not_money(pc: Pc, company: Company, accountant: User) -> None:
    lines = (recording.NewLine("Returned panels", Decimal("-250.00"), Decimal(0), "16-100", "Electrical"),)
    [bill] = pc.posted(company, given.approved(company))
    [credit] = pc.posted(company, given.approved(company, "CR-1", lines=lines))
    posting.choose(credit, user=accountant, kind=Bill.Kind.VENDOR_CREDIT)
    given.post(company)
    pc.call()
    credit.refresh_from_db()
    pc.desktop.credit(bill.external_id, credit.external_id, "250.00")
    pc.look_again()
    bill.refresh_from_db()
    credit.refresh_from_db()
    assert (bill.paid_state, bill.balance) == (Bill.Paid.PARTLY, Decimal("750.00"))
    assert bill.payment_reference == "Vendor credit applied, no money paid"
    assert (credit.paid_state, credit.balance) == (Bill.Paid.PAID, Decimal("0.00"))
    assert {bill.books_state, credit.books_state} == {Bill.BooksState.AS_POSTED}


def test_a_session_that_has_something_to_send_sees_what_was_paid_too(pc: Pc, company: Company) -> None:
    [bill] = pc.posted(company, given.approved(company))
    pc.desktop.pay(bill.external_id)
    Integration.objects.update(followed_until=timezone.now() - timedelta(minutes=5))
    assert desk.anything_to_do(pc.connection) is False
    pc.posted(company, given.approved(company, number="Another"))
    bill.refresh_from_db()
    assert bill.paid_state == Bill.Paid.PAID


def test_edited_and_deleted_behind_our_back(pc: Pc, company: Company) -> None:
    [bill] = pc.posted(company, given.approved(company))
    pc.desktop.change(bill.external_id, total="1200.00")
    pc.look_again()
    bill.refresh_from_db()
    assert bill.books_state == Bill.BooksState.CHANGED
    pc.desktop.remove(bill.external_id)
    pc.look_again()
    bill.refresh_from_db()
    assert bill.books_state == Bill.BooksState.DELETED


@pytest.mark.parametrize("cut", ["", "dies_before_quickbooks", "dies_after_saving", "answer_lost"])
def test_deleted_from_here(cut: str, pc: Pc, company: Company, accountant: User) -> None:
    [bill] = pc.posted(company, given.approved(company))
    if cut:
        pc.desktop.cut(cut, body="TxnDel")
    changing.delete_from_books(bill, user=accountant)
    given.post(company)
    for _ in range(3):
        pc.call()
    bill.refresh_from_db()
    assert pc.desktop.bills() == []
    assert bill.state == Bill.State.SKIPPED
    assert cut == "" or pc.desktop.struck()[cut] == 1


@pytest.mark.parametrize("cut", ["", "dies_before_quickbooks", "dies_after_saving", "answer_lost"])
def test_updated_from_here(cut: str, pc: Pc, company: Company, accountant: User) -> None:
    invoice = given.approved(company)
    [bill] = pc.posted(company, invoice)
    if cut:
        pc.desktop.cut(cut, body="BillMod")
    invoice.lines.update(gross="750.00")
    type(invoice).objects.filter(pk=invoice.pk).update(gross="750.00", amount_due="750.00")
    bill.refresh_from_db()
    changing.update_in_books(Bill.objects.get(pk=bill.pk), user=accountant)
    given.post(company)
    for _ in range(3):
        pc.call()
    [there] = pc.desktop.bills()
    change = BillChange.latest(bill)
    bill.refresh_from_db()
    assert change is not None
    assert (change.state, there["total"], str(bill.posted_total)) == (BillChange.State.DONE, "750.00", "750.00")
    assert there["id"] == bill.external_id
    assert cut == "" or pc.desktop.struck()[cut] == 1


def test_a_version_that_is_gone_is_read_and_tried_again(
    pc: Pc, company: Company, accountant: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody saved the bill between the look and the update: nothing was changed, and it goes again by itself."""
    invoice = given.approved(company)
    [bill] = pc.posted(company, invoice)
    invoice.lines.update(gross="750.00")
    type(invoice).objects.filter(pk=invoice.pk).update(gross="750.00", amount_due="750.00")
    send = sending.send

    def saved_by_somebody_first(*given: Any) -> None:
        monkeypatch.setattr(sending, "send", send)
        pc.desktop.change(bill.external_id, due_date="2026-12-24")
        send(*given)

    monkeypatch.setattr(sending, "send", saved_by_somebody_first)
    changing.update_in_books(Bill.objects.get(pk=bill.pk), user=accountant)
    given.post(company)
    pc.call()
    change = BillChange.latest(bill)
    assert change is not None
    assert (change.state, change.problem) == (BillChange.State.READY, "in_use")
    assert [row["total"] for row in pc.desktop.bills()] == ["1000.00"]
    BillChange.objects.update(next_at="2026-01-01T00:00:00Z")
    pc.call()
    change.refresh_from_db()
    assert change.state == BillChange.State.DONE
    assert [row["total"] for row in pc.desktop.bills()] == ["750.00"]


def test_a_paid_bill_is_not_deleted(pc: Pc, company: Company, accountant: User) -> None:
    [bill] = pc.posted(company, given.approved(company))
    pc.desktop.pay(bill.external_id, "1.00")
    changing.delete_from_books(bill, user=accountant)
    given.post(company)
    pc.call()
    change = BillChange.latest(bill)
    assert change is not None
    assert (change.state, change.problem) == (BillChange.State.REFUSED, "paid_in_books")
    assert len(pc.desktop.bills()) == 1
