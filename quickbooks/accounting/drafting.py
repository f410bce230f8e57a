"""What a bill says in whichever books: its lines and when it is due."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from accounting import holds
from accounting.mapping import Resolved
from accounting.models import Bill, Integration, ListEntry
from invoices.models import InvoiceLine

Line = tuple[str, Decimal, ListEntry]
RETAINAGE = ("Retainage withheld", "Retainage released")


def lines(bill: Bill, found: Resolved) -> list[Line]:
    """Words, amount and what it is posted to; the amounts of a vendor credit are turned.

    Retainage is held back as one negative line and released as one positive line, so that an accountant sees both.
    Raises ValueError when what retainage is posted to is not set: holds must have stopped such a bill before.
    """
    sign = -1 if bill.kind == Bill.Kind.VENDOR_CREDIT else 1
    rows = [(words(line), line.gross, target) for line, target in found.targets]
    for told, amount in zip(RETAINAGE, (found.held, found.released), strict=True):
        if amount and found.retainage is None:
            raise ValueError("What retainage is posted to is not set.")
        if amount and found.retainage is not None:
            rows.append((told, amount, found.retainage))
    return [(told, sign * amount, target) for told, amount, target in rows]


def term(integration: Integration) -> ListEntry | None:
    """The payment term that every bill names, where that is the rule."""
    return integration.term if integration.due_date_rule == Integration.DueDate.TERM else None


def due_date(bill: Bill, integration: Integration) -> date | None:
    """The day that a bill names; None where the books find it by a term."""
    if term(integration) is not None:
        return None
    if integration.due_date_rule == Integration.DueDate.DAYS:
        due = bill.invoice.invoice_date + timedelta(days=integration.due_days)
    elif bill.invoice.due_date is not None:
        due = bill.invoice.due_date
    else:
        return None
    # A due date before the bill's date is refused; the posting date may have been moved to an open period.
    return max(due, holds.posting_date(bill))


def words(line: InvoiceLine) -> str:
    """What stands beside the amount of a line."""
    return " · ".join(part for part in (line.cost_code.code if line.cost_code else "", line.description) if part)
