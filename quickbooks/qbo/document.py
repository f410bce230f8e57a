"""A bill as Intuit's JSON, built from plain rows: the same rows give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import simplejson

from accounting.models import Bill, Integration, ListEntry
from accounting.posting import bill_number
from invoices.models import Invoice, InvoiceLine

MEMO_LENGTH = 4000  # Intuit: Bill.PrivateNote.
DESCRIPTION_LENGTH = 4000  # Intuit: Line.Description.


def build(bill: Bill, integration: Integration, vendor: ListEntry) -> bytes:
    """ASCII JSON with two-decimal numbers. Intuit: Bill, create.

    Raises ValueError when an account is not set: holds must have stopped such a bill before.
    """
    invoice = bill.invoice
    if integration.ap_account is None or integration.expense_account is None:
        raise ValueError("The posting accounts are not set.")
    document: dict[str, Any] = {
        "VendorRef": {"value": vendor.external_id},
        "APAccountRef": {"value": integration.ap_account.external_id},
        "DocNumber": bill_number(invoice.number),
        "TxnDate": invoice.invoice_date.isoformat(),
        "PrivateNote": memo(bill),
        "Line": [_line(line, integration.expense_account) for line in invoice.lines.order_by("position") if line.gross],
    }
    if invoice.due_date:
        document["DueDate"] = invoice.due_date.isoformat()
    document["Line"] += _retainage_lines(invoice, integration.retainage_account)
    return simplejson.dumps(document, use_decimal=True).encode("ascii")


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the frozen bytes of a bill say, whatever our rows say by now."""

    number: str
    vendor_id: str
    total: Decimal


def frozen(bill: Bill) -> Frozen:
    """Raises ValueError for a bill that was never frozen."""
    if bill.payload is None:
        raise ValueError(f"Bill {bill.pk} is not frozen.")
    body = simplejson.loads(bytes(bill.payload), use_decimal=True)
    total = sum((line["Amount"] for line in body["Line"]), Decimal(0))
    return Frozen(body["DocNumber"], body["VendorRef"]["value"], total)


def memo(bill: Bill) -> str:
    """Where the bill came from, and the marker a look-up finds it by."""
    invoice = bill.invoice
    parts = [
        f"{invoice.get_source_display()} {invoice.project or ''}".strip(),
        invoice.commitment,
        f"invoice no. {invoice.number}",
        _approval(invoice),
        invoice.memo,
    ]
    head = " · ".join(part for part in parts if part)
    return f"{head[: MEMO_LENGTH - 40]} · {bill.marker}"


def _approval(invoice: Invoice) -> str:
    by = f" by {invoice.approved_by}" if invoice.approved_by else ""
    on = f" on {invoice.approved_at:%Y-%m-%d}" if invoice.approved_at else ""
    return f"approved{by}{on}" if by or on else ""


def _line(line: InvoiceLine, account: ListEntry) -> dict[str, Any]:
    description = " · ".join(part for part in (line.cost_code.code if line.cost_code else "", line.description) if part)
    return _account_line(description, line.gross, account)


def _retainage_lines(invoice: Invoice, account: ListEntry | None) -> list[dict[str, Any]]:
    """Held back as one negative line, released as one positive line, so that an accountant sees both."""
    held = sum((line.retainage for line in invoice.lines.all() if line.retainage < 0), Decimal(0))
    released = sum((line.retainage for line in invoice.lines.all() if line.retainage > 0), Decimal(0))
    if (held or released) and account is None:
        raise ValueError("The retainage account is not set.")
    lines = (("Retainage withheld", held), ("Retainage released", released))
    return [_account_line(words, amount, account) for words, amount in lines if amount and account]


def _account_line(description: str, amount: Decimal, account: ListEntry) -> dict[str, Any]:
    return {
        "Amount": amount.quantize(Decimal("0.01")),
        "Description": description[:DESCRIPTION_LENGTH],
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {
            "AccountRef": {"value": account.external_id},
            "BillableStatus": "NotBillable",
        },
    }
