"""The memo of a bill: where it came from, and the marks that a look-up finds it by."""

from __future__ import annotations

from accounting.models import Bill, BillChange
from invoices.models import Invoice


def provenance(bill: Bill) -> str:
    """In the order an accountant asks."""
    invoice = bill.invoice
    parts = [
        f"{invoice.get_source_display()} {invoice.project or ''}".strip(),
        invoice.commitment,
        f"invoice no. {invoice.number}",
        _approval(invoice),
        f"invoice date {invoice.invoice_date:%Y-%m-%d}" if bill.posting_date else "",
        invoice.memo,
    ]
    return " · ".join(part for part in parts if part)


def marks(change: BillChange) -> str:
    """What ends the memo of an updated bill: whose it is, and which update it took in."""
    return f" {change.bill.marker} {change.marker}"


def _approval(invoice: Invoice) -> str:
    by = f" by {invoice.approved_by}" if invoice.approved_by else ""
    on = f" on {invoice.approved_at:%Y-%m-%d}" if invoice.approved_at else ""
    return f"approved{by}{on}" if by or on else ""
