"""What a bill costs the database on its way into QuickBooks: many statements a bill are few bills a minute."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounting import posting
from accounting.models import Bill, Integration
from accounting.tasks import post_due
from companies.models import Company
from invoices import recording
from tests.quickbooks.accounting.given import approved
from tests.support import work
from tests.support.emulated import IntuitEmulator

# Real transactions, so that BEGIN and COMMIT are counted as they are in production.
pytestmark = pytest.mark.django_db(transaction=True)

# Taken 5 (begin, find, lease, commit, read with invoice and vendor) · routed 2 (the books with their accounts, noted on
# the bill) · vendor known 1 · holds 4 (lines, same number here, mappings, same number in the books) · frozen 4 (begin,
# bill, event, commit) · sign-in 1 · still mine 1 · call written down 1 · settled 6 or 7 (begin, attempt, bill, event,
# files, at most once a second the time of the last sync, commit).
STATEMENTS_A_BILL = 26
# A turn: its seat, whether another worker is wanted, and that nothing is left.
STATEMENTS_A_TURN = 20


def test_statements_a_bill(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.no_bell(monkeypatch)
    few = _statements(company, 1, "A")
    many = _statements(company, 6, "B")
    assert len(intuit.bills()) == 8
    assert many - few <= 5 * STATEMENTS_A_BILL
    assert few <= STATEMENTS_A_BILL + STATEMENTS_A_TURN


def _statements(company: Company, count: int, letter: str) -> int:
    """Of one turn with so many bills, where the vendor is known, as it is for all bills but a vendor's first."""
    line = recording.NewLine("Wiring", Decimal("1000.00"), Decimal("-100.00"), "16-100", "Electrical")
    if not Bill.objects.filter(company=company).exists():
        posting.release(approved(company, "first", lines=(line,)))
        post_due(company_id=company.pk)
    for number in range(count):
        posting.release(approved(company, f"{letter}-{number}", lines=(line,)))
    with CaptureQueriesContext(connection) as asked:
        post_due(company_id=company.pk)
    assert not Bill.objects.filter(company=company).exclude(state=Bill.State.SYNCED).exists()
    return len(asked)
