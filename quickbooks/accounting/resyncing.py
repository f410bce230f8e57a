"""Is the bill in the books what inBuild would send now? And, where it is not, made so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from accounting import changing, comparing, holds, linking, posting
from accounting.models import Bill, BillChange, BookedBill, Moved
from companies.models import User
from invoices.models import Invoice

DECIDE_FIRST = frozenset(
    {Invoice.SourceState.CHANGED, Invoice.SourceState.NO_LONGER_APPROVED, Invoice.SourceState.DELETED}
)


@dataclass(frozen=True, slots=True)
class Compared:
    """`number` and `date` as they would be sent; `differences` names what is different in the books."""

    there: BookedBill
    number: str
    date: date
    differences: frozenset[str]


def compare(bill: Bill) -> Compared | None:
    """With the bill as the books last showed it; None where it is not there. Asks nobody."""
    integration = bill.integration
    if bill.state != Bill.State.SYNCED or integration is None:
        return None
    there = BookedBill.objects.filter(
        integration=integration, kind=bill.kind, external_id=bill.external_id, is_deleted=False
    ).first()
    if there is None:
        return None
    number, day = posting.bill_number(bill.invoice.number, integration.bill_number_length), holds.posting_date(bill)
    same = {
        "number": there.number == number,
        "vendor": linking.is_of_vendor(bill, integration, there),
        "date": there.date == day,
        "total": comparing.signed(bill, there.total) == bill.invoice.amount_due,
    }
    return Compared(there, number, day, frozenset(name for name, is_same in same.items() if not is_same))


def against_update(bill: Bill) -> str:
    """Why the bill is not to be updated from here, as far as that is known without asking the books; else empty."""
    if bill.is_by_hand:
        return "A person linked this bill; inBuild did not make it and does not change it. Change it in QuickBooks."
    if bill.invoice.source_state in DECIDE_FIRST:
        return "The invoice is no longer the same in Procore. Decide about that on the invoice's page first."
    if BillChange.is_pending_for(bill):
        return "The bill is just being changed in QuickBooks. Wait until that is done."
    return ""


def update(bill: Bill, *, user: User, also: Callable[[], None] | None = None) -> None:
    """Let the bill become what its invoice says. Raises CannotChange, and Moved when there is nothing to change.

    `also` is done in the transaction that asks for the change.
    """
    if bill.state != Bill.State.SYNCED:
        raise Moved(f"Bill {bill.pk} is {bill.state}.")
    if why_not := against_update(bill):
        raise changing.CannotChange(why_not)
    changing.make_sure(bill, changing.UPDATE)
    with transaction.atomic():
        changing.update_in_books(bill, user=user)
        if also:
            also()
