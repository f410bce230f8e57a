"""What happens in QuickBooks behind our back is found and shown. Ledger: the emulator's own."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounting.models import Bill, BookedBill, Integration, ListEntry
from accounting.tasks import follow_due
from companies.auditing import history
from companies.models import Company, User
from qbo import books
from tests.quickbooks.qbo.test_backend import again, approved, posted
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def looked(company: Company) -> Bill:
    """The books are followed once; returns the company's only bill."""
    Integration.objects.filter(company=company).update(next_at=timezone.now() - timedelta(seconds=1))
    follow_due(company_id=company.pk)
    return Bill.objects.filter(company=company).order_by("id").get()


@pytest.fixture
def bill(company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> Bill:
    """One of ours in the books, which have been read since."""
    made = posted(company, approved(company))
    assert made.state == Bill.State.SYNCED
    return looked(company)


def test_the_first_look_knows_every_bill_of_the_last_year(bill: Bill, intuit: IntuitEmulator) -> None:
    there = {row["id"] for row in intuit.bills(ours=False)}
    assert set(BookedBill.objects.filter(kind="bill").values_list("external_id", flat=True)) == there
    assert BookedBill.objects.filter(kind="vendor_credit").exists()
    assert (bill.books_state, bill.paid_state, bill.balance) == ("as_posted", "unpaid", Decimal("900.09"))
    assert Integration.objects.get().followed_until is not None


def test_a_change_costs_one_call(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    calls = intuit.traffic()[REALM]["kinds"]
    typed = intuit.typed_in(vendor="Delta Steel", doc_number="TYPED-1", total="50.00")
    looked(company)
    after = intuit.traffic()[REALM]["kinds"]
    assert {kind: after[kind] - calls.get(kind, 0) for kind in after if after[kind] != calls.get(kind)} == {"cdc": 1}
    row = BookedBill.objects.get(external_id=typed["id"])
    assert (row.number, row.total, row.marker) == ("TYPED-1", Decimal("50.00"), "")
    intuit.remove(typed["id"])
    looked(company)
    row.refresh_from_db()
    assert row.is_deleted


def test_once_a_day_settings_and_whole_lists_are_read_too(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    intuit.switches(realm=REALM, book_close_date="2026-01-31")
    assert looked(company) == bill
    assert Integration.objects.get().closing_date is None
    long_ago = timezone.now() - timedelta(hours=25)
    Integration.objects.update(preflight_at=long_ago, lists_read_at=long_ago)
    looked(company)
    found = Integration.objects.get()
    assert found.closing_date == date(2026, 1, 31)
    assert found.preflight_at is not None
    assert found.lists_read_at is not None
    assert min(found.preflight_at, found.lists_read_at) > long_ago


def test_a_pause_holds_back_bills_but_not_what_the_books_tell(
    bill: Bill, company: Company, intuit: IntuitEmulator
) -> None:
    Integration.objects.update(paused=True)
    intuit.pay(bill.external_id, "900.09")
    assert looked(company).paid_state == "paid"
    assert posted(company, approved(company, "INV-2")).state == Bill.State.READY


def test_payments_come_and_go(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    part = intuit.pay(bill.external_id, "400.09")
    found = looked(company)
    assert (found.paid_state, found.balance, found.payment_reference) == ("partly", Decimal("500.00"), "Check")
    intuit.pay(bill.external_id, pay_type="CreditCard")
    found = looked(company)
    assert (found.paid_state, found.balance) == ("paid", Decimal("0.00"))
    assert found.paid_on is not None
    assert found.payment_reference == "Check; Credit card"
    intuit.post(f"payments/{REALM}/{part['payment_id']}/void")
    found = looked(company)
    assert (found.paid_state, found.balance, found.payment_reference) == ("partly", Decimal("400.09"), "Credit card")
    told = [event.sentence for event in history(bill) if event.verb == "bill.paid"]
    assert len(told) == 3
    looked(company)
    assert len([event for event in history(bill) if event.verb == "bill.paid"]) == 3


def test_a_deleted_payment_leaves_the_bill_unpaid(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    paid = intuit.pay(bill.external_id)
    assert looked(company).paid_state == "paid"
    intuit.delete(f"payments/{REALM}/{paid['payment_id']}")
    found = looked(company)
    assert (found.paid_state, found.paid_on, found.payment_reference) == ("unpaid", None, "")


@pytest.mark.parametrize("name", ["BillPaymentCreditCard", "APCreditCard"])
def test_a_credit_card_under_either_name(name: str, bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    intuit.switches(credit_card_linked_txn=name)
    intuit.pay(bill.external_id, pay_type="CreditCard")
    assert looked(company).payment_reference == "Credit card"


def test_a_credit_applied_is_not_money(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    credit = intuit.post("vendor-credits", {"realm": REALM, "vendor": "Delta Steel", "total": "100.00"})
    parts = {"bills": [{"id": bill.external_id, "amount": "100.00"}], "credits": [{"id": credit["id"]}]}
    intuit.post("payments", {"realm": REALM} | parts)
    found = looked(company)
    assert (found.paid_state, found.balance) == ("partly", Decimal("800.09"))
    assert found.payment_reference == "Vendor credit applied, no money paid"


CHANGES: list[tuple[dict[str, str], str]] = [
    ({"total": "950.09"}, "50.00 more than the 900.09"),
    ({"total": "850.09"}, "50.00 less than the 900.09"),
    ({"doc_number": "OTHER"}, "number is OTHER instead of INV-1"),
    ({"private_note": "mine now"}, "no longer carries inBuild's marker"),
    ({"vendor_id": "1"}, "The vendor is"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_changed_bill_is_said_once_and_may_be_accepted(
    change: dict[str, str],
    words: str,
    bill: Bill,
    company: Company,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    if "vendor_id" in change:
        other = next(
            row for row in intuit.get("ledger", realm=REALM)["vendors"] if row["display_name"] != "Delta Steel"
        )
        change = {"vendor_id": other["id"]}
    intuit.change(bill.external_id, **change)
    looked(company)
    found = looked(company)
    assert found.books_state == "changed"
    assert words in found.books_words
    assert len([event for event in history(bill) if event.verb == "bill.in_books"]) == 1
    client = as_user(accountant)
    page = client.get(f"/invoices/{bill.invoice.public_id}/").content.decode()
    assert "Changed in QuickBooks" in page
    client.post(f"/settings/accounting/bills/{bill.invoice.public_id}/books/accept/")
    found = looked(company)
    assert (found.books_state, found.books_words) == ("as_posted", "")


def test_what_is_mended_is_as_posted_again(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    intuit.change(bill.external_id, doc_number="OTHER")
    assert looked(company).books_state == "changed"
    intuit.change(bill.external_id, doc_number="INV-1")
    assert looked(company).books_state == "as_posted"
    copy = intuit.post(f"bills/{REALM}/{bill.external_id}/copy")
    assert looked(company).books_state == "copied"
    intuit.remove(copy["id"])
    assert looked(company).books_state == "as_posted"
    copy = intuit.post(f"bills/{REALM}/{bill.external_id}/copy")
    assert "second bill with inBuild's marker" in looked(company).books_words
    intuit.change(copy["id"], private_note="a bill of its own")
    assert looked(company).books_state == "as_posted"


def test_a_deleted_bill_is_made_anew_only_when_it_is_gone(
    bill: Bill, company: Company, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    address = f"/settings/accounting/bills/{bill.invoice.public_id}/books"
    client = as_user(accountant)
    # Believed to be deleted, but it is there: nothing is sent.
    Bill.objects.update(books_state="deleted", books_words="Gone.")
    page = client.post(f"{address}/sync/", follow=True).content.decode()
    assert "after all. Press Check again." in page
    client.post(f"{address}/check/")
    bill.refresh_from_db()
    assert bill.books_state == "as_posted"
    intuit.remove(bill.external_id)
    assert looked(company).books_state == "deleted"
    for _ in range(2):
        client.post(f"{address}/sync/")
    anew = again(company, bill.invoice)
    assert (anew.state, anew.generation, anew.books_state) == (Bill.State.SYNCED, 2, "as_posted")
    assert [row["id"] for row in intuit.bills()] == [anew.external_id]
    assert anew.external_id != bill.external_id


def test_lists_follow(bill: Bill, company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> None:
    vendor = intuit.entry("vendor", "Delta Steel")
    intuit.change_entry("vendor", vendor["id"], name="Delta Steel Works")
    looked(company)
    entry = ListEntry.objects.get(integration=quickbooks, kind="vendor", external_id=vendor["id"])
    assert (entry.name, entry.active) == ("Delta Steel Works", True)
    intuit.change_entry("vendor", vendor["id"], active=False)
    looked(company)
    entry.refresh_from_db()
    assert not entry.active
    intuit.change_entry("vendor", vendor["id"], active=True)
    looked(company)
    entry.refresh_from_db()
    assert entry.active


@pytest.mark.parametrize("why", ["too many", "too old"])
def test_where_changes_cannot_be_told_everything_is_read(
    why: str, bill: Bill, company: Company, intuit: IntuitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = intuit.typed_in(vendor="Delta Steel", doc_number="TYPED-1", total="50.00")
    looked(company)
    if why == "too many":
        monkeypatch.setattr(books, "MOST", 2)
        intuit.switches(cdc_most=2)
    else:
        Integration.objects.update(followed_until=timezone.now() - timedelta(days=40))
    intuit.remove(typed["id"])
    late = intuit.typed_in(vendor="Delta Steel", doc_number="TYPED-2", total="60.00")
    intuit.remove(bill.external_id)
    found = looked(company)
    assert found.books_state == "deleted"
    assert BookedBill.objects.get(external_id=typed["id"]).is_deleted
    assert not BookedBill.objects.get(external_id=late["id"]).is_deleted


def test_the_cursor_stays_where_a_look_failed(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    before = Integration.objects.get().followed_until
    intuit.change(bill.external_id, total="1.00")
    intuit.fault("500", path="/cdc", times=1)
    assert looked(company).books_state == "as_posted"
    row = Integration.objects.get()
    assert row.followed_until == before
    assert row.failures == 1
    assert looked(company).books_state == "changed"


def test_the_daily_comparison_finds_what_was_never_told(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    intuit.remove(bill.external_id)
    Integration.objects.update(followed_until=timezone.now() + timedelta(days=1))
    assert looked(company).books_state == "as_posted"
    Integration.objects.update(compared_at=timezone.now() - timedelta(days=2))
    assert looked(company).books_state == "deleted"
