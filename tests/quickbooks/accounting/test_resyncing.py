"""Resync: is the bill in QuickBooks what inBuild would send, and if not, what differs, and made so."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounting.models import Bill, Integration
from companies.models import Company, User
from invoices.models import Invoice
from tests.quickbooks.accounting.given import approved, post, posted
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
    return posted(company, approved(company))


def press(client: Client, bill: Bill, deed: str) -> str:
    """The page after it."""
    answer = client.post(f"/settings/accounting/bills/{bill.invoice.public_id}/books/{deed}/", follow=True)
    bill.refresh_from_db()
    return " ".join(answer.content.decode().split())


def test_a_bill_that_is_as_it_should_be_is_said_to_be_so_with_the_time(bill: Bill, client: Client) -> None:
    assert b">Resync</button>" in client.get(f"/invoices/{bill.invoice.public_id}/").content
    page = press(client, bill, "resync")
    assert "QuickBooks has this bill as inBuild would send it. Asked " in page
    assert "Is the bill as it should be?" not in page


def test_what_differs_stands_side_by_side_and_the_update_makes_it_right(
    bill: Bill, company: Company, intuit: IntuitEmulator, client: Client
) -> None:
    intuit.change(bill.external_id, total="800.00", doc_number="OTHER")
    page = press(client, bill, "resync")
    assert "The bill in QuickBooks differs from what inBuild would send." in page
    assert page.count('<span class="differs">differs</span>') == 2
    assert "800.00" in page
    assert "1,000.00" in page
    assert "Update in QuickBooks" in page
    press(client, bill, "update")
    assert "Nothing to do" in press(client, bill, "update") or "just being changed" in press(client, bill, "update")
    post(company, 2)
    [there] = intuit.bills()
    assert (there["total"], there["doc_number"]) == ("1000.00", "INV-1")
    assert "as inBuild would send it" in press(client, bill, "resync")


def test_a_paid_bill_is_compared_and_not_updated(bill: Bill, intuit: IntuitEmulator, client: Client) -> None:
    intuit.change(bill.external_id, doc_number="OTHER")
    intuit.pay(bill.external_id, "100.00")
    assert "Update in QuickBooks" in press(client, bill, "resync")
    assert "can only be kept as it is" in press(client, bill, "update")


def test_a_difference_in_procore_is_decided_first(bill: Bill, intuit: IntuitEmulator, client: Client) -> None:
    intuit.change(bill.external_id, doc_number="OTHER")
    bill.invoice.observe_source(Invoice.SourceState.CHANGED)
    page = press(client, bill, "resync")
    assert "Decide about that on the invoice's page first." in page.replace("&#x27;", "'")
    assert ">Update in QuickBooks</button>" not in page
    assert "Decide about that" in press(client, bill, "update")


def test_a_deleted_bill_is_shown_as_deleted(bill: Bill, intuit: IntuitEmulator, client: Client) -> None:
    intuit.remove(bill.external_id)
    page = press(client, bill, "resync")
    assert "was deleted in QuickBooks" in page
    assert bill.books_state == "deleted"
