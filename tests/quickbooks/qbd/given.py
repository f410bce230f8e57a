"""Bills and books as these tests need them: rows that are in no database."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from lxml import etree

from accounting.backends import InBooks
from accounting.mapping import Resolved
from accounting.models import Bill, BillChange, Integration, ListEntry
from invoices.models import CostCode, Invoice, InvoiceLine, Project
from qbd import document, qbxml

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "qbd"
SCHEMA = REFERENCE / "xsd" / "qbxmlops130.xsd"
with_schema = pytest.mark.skipif(not SCHEMA.is_file(), reason=f"Intuit's qbXML schema is not at {SCHEMA}")
with_examples = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"The reference is not at {REFERENCE}")
Kind = ListEntry.Kind
# Of any letters, and long ones of letters that stay.
NUMBERS = st.text(min_size=1, max_size=60) | st.text(alphabet="AZ09-/ é…", min_size=19, max_size=40)


def example(name: str) -> str:
    return (REFERENCE / "examples" / "rs" / f"{name}.xml").read_text()


def entry(kind: str, external_id: str = "80000012-1700000000", **more: Any) -> ListEntry:
    return ListEntry(kind=kind, external_id=external_id, name=more.pop("name", "Something"), **more)


def books(**settings: Any) -> Integration:
    account = entry(Kind.ACCOUNT, "80000020-1600000000", name="Accounts Payable")
    return Integration(
        **{"kind": "qbd", "ap_account": account, "class_tracking": "line", "class_use": "optional"} | settings
    )


def bill(
    lines: list[tuple[str, str]] | None = None, *, kind: str = Bill.Kind.BILL, number: str = "INV-1", **invoice: Any
) -> Bill:
    """Its lines by their words and amounts; whatever is held back or released comes with `resolved`."""
    facts: dict[str, Any] = {
        "source": "procore",
        "number": number,
        "invoice_date": date(2026, 11, 3),
        "project": Project(name="Riverside Church", number="1017"),
        "commitment": "SC-001",
        "approved_by": "Dana",
        "approved_at": datetime(2026, 11, 2, 12, tzinfo=UTC),
        "memo": "Footings, phase 2",
    }
    made = Bill(
        kind=kind,
        uid=uuid.UUID(int=1017),
        generation=invoice.pop("generation", 1),
        posting_date=invoice.pop("posting_date", None),
        invoice=Invoice(**facts | invoice),
    )
    made.__dict__["given_lines"] = lines or [("Concrete", "1000.10")]
    return made


def resolved(of: Bill, *, held: str = "0.00", released: str = "0.00", by: str = Kind.ACCOUNT, **more: Any) -> Resolved:
    code = CostCode(code="03-300")
    lines = tuple(
        (InvoiceLine(description=words, gross=Decimal(amount), cost_code=code), entry(by, f"8000004{at % 10}-1"))
        for at, (words, amount) in enumerate(of.__dict__["given_lines"])
    )
    found = Resolved(
        vendor=entry(Kind.VENDOR),
        customer=entry(Kind.CUSTOMER, "8000007A-1700000001"),
        klass=entry(Kind.CLASS, "80000002-1600000000"),
        targets=lines,
        retainage=entry(by, "80000055-1600000000"),
        held=Decimal(held),
        released=Decimal(released),
    )
    return replace(found, **more)


def element(payload: bytes) -> Any:
    return qbxml.request(payload)


def built(of: Bill, integration: Integration | None = None, **more: Any) -> Any:
    """The element of a bill as it would leave, read back from its bytes."""
    return element(document.build(of, integration or books(), resolved(of, **more)))


def frozen(of: Bill, **more: Any) -> document.Frozen:
    of.payload = document.build(of, books(), resolved(of, **more))
    return document.frozen(of)


def change(of: Bill, kind: str = BillChange.Kind.UPDATE) -> BillChange:
    return BillChange(kind=kind, uid=uuid.UUID(int=77 << 96), bill=of)


def there(**facts: Any) -> InBooks:
    shown = InBooks(
        external_id="1CB780-1785332667",
        number="INV-1",
        vendor_name="Acme",
        total=Decimal("1000.10"),
        balance=Decimal("1000.10"),
        date=date(2026, 11, 3),
        sync_token="1785332667",
        is_ours=True,
    )
    return replace(shown, **facts)


def row(text: str) -> Any:
    """A piece of an answer."""
    return etree.fromstring(text)
