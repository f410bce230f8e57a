"""Why a bill must wait for a person before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from accounting import mapping
from accounting.mapping import Missing, Resolved
from accounting.models import Bill, BookedBill, Integration
from inbuild.written import Written
from invoices import amounts, recording
from invoices.models import Invoice, InvoiceLine, number_key


@dataclass(frozen=True, slots=True)
class Hold:
    """A problem code with what its sentence needs; `missing` when mappings are wanted rather than a decision."""

    problem: str
    detail: dict[str, Any] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    is_mapping: bool = False


def find(bill: Bill, integration: Integration) -> Hold | Resolved:
    """The first reason to stop, in the order an accountant would ask; else what the bill names in the books."""
    invoice = bill.invoice
    lines = mapping.lines_of(invoice)
    return (
        _source(invoice)
        or _sums(invoice, lines)
        or _total(bill)
        or _currency(bill, integration)
        or _duplicate_here(bill)
        or _closed(bill, integration)
        or _resolved(bill, integration, lines)
    )


def against_update(bill: Bill, integration: Integration, *, with_mapping: bool = False) -> Hold | None:
    """Why a bill that is in the books must not become what its invoice says now.

    It may share its number with another only if it did so before. Mappings are asked for once vendors were looked up.
    """
    invoice = bill.invoice
    lines = mapping.lines_of(invoice)
    hold = _sums(invoice, lines) or _total(bill) or _currency(bill, integration)
    if hold is None and invoice.number != bill.external_number:
        hold = _duplicate_here(bill)
    if hold is None and with_mapping:
        found = _resolved(bill, integration, lines)
        hold = found if isinstance(found, Hold) else None
    return hold


def _source(invoice: Invoice) -> Hold | None:
    if invoice.source_state == Invoice.SourceState.NO_LONGER_APPROVED:
        return Hold("no_longer_approved")
    if invoice.source_state == Invoice.SourceState.CHANGED:
        return Hold("changed_in_procore")
    if invoice.source_state == Invoice.SourceState.DELETED:
        return Hold("deleted_in_procore")
    return None


def _sums(invoice: Invoice, lines: list[InvoiceLine]) -> Hold | None:
    if invoice.mismatch:
        return Hold("amounts", {"mismatch": invoice.mismatch})
    wrong = amounts.first_mismatch(
        gross=invoice.gross,
        retainage=invoice.retainage,
        amount_due=invoice.amount_due,
        lines=[(line.gross, line.retainage) for line in lines],
    )
    return Hold("amounts", {"mismatch": wrong.sentence}) if wrong else None


def _total(bill: Bill) -> Hold | None:
    """Zero is never posted; a negative total only as the vendor credit that a person chose."""
    due = bill.invoice.amount_due
    if due == 0:
        return Hold("zero")
    if due < 0 and bill.kind == Bill.Kind.BILL:
        return Hold("negative", {"amount": f"{due:,.2f}"})
    if due > 0 and bill.kind == Bill.Kind.VENDOR_CREDIT:
        return Hold("positive_credit", {"amount": f"{due:,.2f}"})
    return None


def _currency(bill: Bill, integration: Integration) -> Hold | None:
    home = integration.home_currency or bill.company.currency
    if bill.invoice.currency == home:
        return None
    return Hold("currency", {"currency": bill.invoice.currency, "company_currency": home})


def _duplicate_here(bill: Bill) -> Hold | None:
    if bill.allow_duplicate:
        return None
    other = recording.first_duplicate_of(bill.invoice)
    if other is None:
        return None
    detail = {
        "number": other.number,
        "vendor": other.vendor.name,
        "amount": f"{other.amount_due:,.2f}",
        "invoice": str(other.public_id),
    }
    return Hold("possible_duplicate", detail)


def posting_date(bill: Bill) -> date:
    """The bill's date in the books: the invoice's own, unless a person chose another."""
    return bill.posting_date or bill.invoice.invoice_date


def _closed(bill: Bill, integration: Integration) -> Hold | None:
    closing, day = integration.closing_date, posting_date(bill)
    if closing is None or day > closing:
        return None
    first_open = closing + timedelta(days=1)
    detail = {"date": f"{day:%b %d, %Y}", "closing": f"{closing:%b %d, %Y}", "first_open": f"{first_open:%b %d, %Y}"}
    return Hold("period_closed", detail)


def _resolved(bill: Bill, integration: Integration, lines: list[InvoiceLine]) -> Hold | Resolved:
    if not integration.is_configured:
        return Hold("setup", is_mapping=True)
    found = mapping.resolve(bill, integration, lines)
    if isinstance(found, Resolved):
        return _vendor_currency(bill, integration, found) or _duplicate_in_books(bill, integration, found) or found
    if [one.key for one in found] == ["retainage"]:
        amount = f"{bill.invoice.retainage:,.2f}"
        return Hold("retainage_account", {"amount": amount}, tuple(found), is_mapping=True)
    names = ", ".join(one.name for one in found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return Hold("unmapped", {"names": names}, tuple(found), is_mapping=True)


def _vendor_currency(bill: Bill, integration: Integration, found: Resolved) -> Hold | None:
    """Intuit: a vendor's currency is fixed when it is created."""
    currency = found.vendor.currency
    if not currency or currency == bill.invoice.currency:
        return None
    detail = {"vendor": found.vendor.name, "vendor_currency": currency, "currency": bill.invoice.currency}
    return Hold("vendor_currency", detail)


def _duplicate_in_books(bill: Bill, integration: Integration, found: Resolved) -> Hold | None:
    """A bill of the same vendor and number that somebody typed into the books by hand."""
    other = None if bill.allow_duplicate else same_in_books(bill, integration, found.vendor.external_id)
    if other is None:
        return None
    detail = {
        "number": other.number,
        "vendor": other.vendor_name,
        "amount": f"{other.total:,.2f}",
        "date": f"{other.date:%b %d, %Y}",
        "external_id": other.external_id,
    }
    return Hold("duplicate_in_books", detail)


def same_in_books(bill: Bill, integration: Integration, vendor_id: str) -> BookedBill | None:
    """As the books last showed it; a bill that is ours by its marker is none."""
    key = number_key(bill.invoice.number)
    return next(iter(_SAME_IN_BOOKS(integration.pk, bill.kind, vendor_id, key[:60])), None) if key else None


_SAME_IN_BOOKS = Written(
    lambda integration_id, kind, vendor_id, key: (
        BookedBill.objects.filter(
            integration_id=integration_id, kind=kind, vendor_id=vendor_id, number_key=key, is_deleted=False
        )
        .exclude(memo__contains="[inBuild ")
        .order_by("pk")[:1]
    ),
    int,
    str,
    str,
    str,
)
