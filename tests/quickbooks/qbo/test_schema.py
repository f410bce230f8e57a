"""What inBuild sends is valid by Intuit's own schemas, which lie outside the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import simplejson

from accounting import changing, lists, mapping, posting
from accounting.models import Bill, BillChange, Integration, ListEntry
from accounting.tasks import post_due
from companies.models import Company, User
from invoices.recording import NewLine
from tests.emulators.test_intuit_schema import complaints, here
from tests.quickbooks.accounting.given import approved, post, posted
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = [pytest.mark.django_db, here]

LINES = (
    NewLine("Wiring · 2nd floor", Decimal("1000.10"), Decimal("-100.01"), "16-100", "Electrical", "Labor"),
    NewLine("Retainage of March", Decimal("0.00"), Decimal("45.45"), "16-200", "Electrical", "Material"),
)


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def books(quickbooks: Integration) -> Integration:
    Integration.objects.update(creates_vendors=True)
    quickbooks.refresh_from_db()
    lists.refresh(quickbooks)
    quickbooks.refresh_from_db()
    return quickbooks


def some(books: Integration, kind: str) -> ListEntry:
    entry = ListEntry.objects.filter(integration=books, kind=kind, active=True, is_usable=True).order_by("pk").first()
    assert entry is not None
    return entry


def sent(bill: Bill) -> Any:
    """The frozen bytes, every number as it stands there."""
    return simplejson.loads(bytes(bill.payload or b""), use_decimal=True)


def amounts(document: Any) -> Iterator[str]:
    return (number for number in re.findall(r'"(?:Amount|UnitPrice)": ([^,}]+)', simplejson.dumps(document)))


def fine(kind: str, document: Any) -> None:
    assert complaints(kind, document) == []
    assert all(re.fullmatch(r"-?\d+\.\d\d", number) for number in amounts(document))


def test_by_accounts_with_retainage_held_and_released(company: Company, books: Integration) -> None:
    bill = posted(company, approved(company, lines=LINES, commitment="SC-001", approved_by="Dana"))
    assert bill.state == Bill.State.SYNCED
    document = sent(bill)
    fine("Bill", document)
    assert [str(line["Amount"]) for line in document["Line"]] == ["1000.10", "-100.01", "45.45"]


def test_by_items_with_project_class_location_and_terms(company: Company, books: Integration, admin: User) -> None:
    item = some(books, "item")
    Integration.objects.update(
        line_mode="item",
        expense_item=item,
        retainage_item=item,
        project_use="optional",
        class_use="optional",
        class_tracking="line",
        location=some(books, "location"),
        due_date_rule="term",
        term=some(books, "term"),
    )
    invoice = approved(company, lines=LINES, project_name="Riverside", project_procore_id=7)
    books.refresh_from_db()
    for kind in ("customer", "class"):
        assert invoice.project
        mapping.choose(books, invoice.project, some(books, kind), user=admin)
    bill = posted(company, invoice)
    assert bill.state == Bill.State.SYNCED, bill.problem_detail
    document = sent(bill)
    fine("Bill", document)
    detail = document["Line"][0]["ItemBasedExpenseLineDetail"]
    assert {"ItemRef", "CustomerRef", "ClassRef", "Qty", "UnitPrice"} <= set(detail)
    assert {"DepartmentRef", "SalesTermRef"} <= set(document)


def test_a_vendor_credit(company: Company, books: Integration, accountant: User) -> None:
    bill = posted(company, approved(company, lines=(NewLine("Back charge", Decimal("-250.00"), Decimal(0), "16-100"),)))
    posting.choose(bill, kind=Bill.Kind.VENDOR_CREDIT, user=accountant)
    post(company)
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED
    fine("VendorCredit", sent(bill))


def test_an_update_and_a_deletion(company: Company, books: Integration, admin: User, intuit: IntuitEmulator) -> None:
    bill = posted(company, approved(company, lines=LINES))
    changing.update_in_books(bill, user=admin)
    post_due(company_id=company.pk)
    changing.delete_from_books(Bill.objects.get(pk=bill.pk), user=admin)
    post_due(company_id=company.pk)
    update, deletion = BillChange.objects.order_by("pk")
    fine("Bill", simplejson.loads(bytes(update.payload or b""), use_decimal=True))
    assert set(simplejson.loads(bytes(deletion.payload or b""))) == {"Id", "SyncToken"}
    assert intuit.bills() == []
