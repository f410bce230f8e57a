"""A bill that inBuild made is unlinked and taken up again; what is still in QuickBooks never becomes two."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounting import posting
from accounting.models import Bill, Integration, Moved
from accounting.tasks import follow_due
from companies import auditing
from companies.models import Company, User
from tests.quickbooks.accounting.given import approved, post, posted
from tests.quickbooks.qbo.test_attaching import attached, there, with_file
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def client(accountant: User, as_user: Any) -> Client:
    signed_in: Client = as_user(accountant)
    return signed_in


@pytest.fixture
def bill(company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> Bill:
    intuit.switches(requestid="ignored")
    return posted(company, approved(company))


def press(client: Client, bill: Bill, deed: str) -> str:
    """The page after it."""
    answer = client.post(f"/settings/accounting/bills/{bill.invoice.public_id}/{deed}/", follow=True)
    bill.refresh_from_db()
    return answer.content.decode()


def test_the_bill_stays_and_is_no_longer_followed(
    bill: Bill, company: Company, intuit: IntuitEmulator, client: Client, quickbooks: Integration
) -> None:
    external_id = str(bill.external_id)
    card = client.get(f"/invoices/{bill.invoice.public_id}/").content.decode()
    assert "would be a second one unless that bill is deleted in QuickBooks" in card
    press(client, bill, "unlink")
    assert "was sent or linked from here can be unlinked" in press(client, bill, "unlink")  # a double click
    assert (bill.state, bill.problem, bill.external_id) == (Bill.State.SKIPPED, "unlinked_own", None)
    told = [event for event in auditing.history(bill) if event.verb == "bill.skipped"]
    assert [event.user for event in told] == [User.objects.get(email="accountant@northgate.example")]
    assert "which stays in QuickBooks" in told[0].sentence
    intuit.change(external_id, total="5.00")
    Integration.objects.update(next_at=bill.created_at)
    follow_due(company_id=company.pk)
    post(company, 2)
    bill.refresh_from_db()
    assert (bill.state, bill.books_state, len(intuit.bills())) == (Bill.State.SKIPPED, "as_posted", 1)


@pytest.mark.parametrize("changed", [{}, {"doc_number": "OTHER"}, {"private_note": "rewritten"}, {"total": "7.00"}])
def test_taken_up_again_it_is_the_same_bill_whatever_was_changed(
    bill: Bill, company: Company, intuit: IntuitEmulator, client: Client, changed: dict[str, str]
) -> None:
    external_id, count = str(bill.external_id), len(intuit.bills(ours=False))
    press(client, bill, "unlink")
    if changed:
        intuit.change(external_id, **changed)
    press(client, bill, "take_up")
    assert "Nothing to do" in press(client, bill, "take_up")
    post(company, 2)
    bill.refresh_from_db()
    assert (bill.state, bill.external_id) == (Bill.State.SYNCED, external_id)
    assert len(intuit.bills(ours=False)) == count


def test_only_after_it_was_deleted_there_a_new_one_is_made(
    bill: Bill, company: Company, intuit: IntuitEmulator, client: Client
) -> None:
    external_id = str(bill.external_id)
    intuit.switches(requestid="honoured")
    press(client, bill, "unlink")
    intuit.remove(external_id)
    press(client, bill, "take_up")
    post(company, 2)
    bill.refresh_from_db()
    assert (bill.state, bill.generation) == (Bill.State.SYNCED, 2)
    [made] = intuit.bills()
    assert made["id"] == bill.external_id != external_id


def test_its_files_hang_there_once(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    invoice = approved(company)
    with_file(invoice)
    bill = posted(company, invoice)
    attached(company)
    press(client, bill, "unlink")
    with_file(invoice, "later.pdf")
    press(client, bill, "take_up")
    attached(company)
    assert sorted(row["file_name"] for row in there(intuit)) == ["invoice.pdf", "later.pdf"]


def test_while_the_books_cannot_be_asked_nothing_is_sent(
    bill: Bill, company: Company, intuit: IntuitEmulator, client: Client
) -> None:
    press(client, bill, "unlink")
    intuit.fault("503_html", path="/query")
    assert "cannot be asked just now" in press(client, bill, "take_up")
    assert bill.state == Bill.State.SKIPPED


def test_no_other_door_sends_an_unlinked_bill(
    bill: Bill, company: Company, intuit: IntuitEmulator, client: Client, accountant: User
) -> None:
    press(client, bill, "unlink")
    for deed in ("retry", "sync_anyway", "skip", "as_credit", "post_on_open_day"):
        press(client, bill, deed)
    for deed, facts in (("mark", {"number": "INV-1"}), ("link", {"external_id": "1"})):
        client.post(f"/settings/accounting/bills/{bill.invoice.public_id}/{deed}/", facts)
    posting.source_changed(bill.invoice)
    assert not posting.can_still_change(bill.invoice)
    with pytest.raises(Moved):
        posting.retry(bill, user=accountant, sync_anyway=True)
    post(company, 2)
    bill.refresh_from_db()
    assert (bill.state, len(intuit.bills())) == (Bill.State.SKIPPED, 1)


def test_a_viewer_neither_unlinks_nor_takes_up(bill: Bill, viewer: User, as_user: Any) -> None:
    client = as_user(viewer)
    assert b"Unlink this bill" not in client.get(f"/invoices/{bill.invoice.public_id}/").content
    for deed in ("unlink", "take_up", "books/resync", "books/update"):
        assert client.post(f"/settings/accounting/bills/{bill.invoice.public_id}/{deed}/").status_code == 403
