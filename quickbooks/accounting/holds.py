"""Why a bill must wait for a person before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accounting.models import Bill, Integration
from invoices import amounts, recording
from invoices.models import Invoice


@dataclass(frozen=True, slots=True)
class Hold:
    """A problem code with what its sentence needs; `mapping` when a setting is missing rather than a decision."""

    problem: str
    detail: dict[str, Any] = field(default_factory=dict)
    mapping: bool = False


def find(bill: Bill, integration: Integration) -> Hold | None:
    """The first reason to stop, in the order an accountant would ask; None when the bill may go."""
    invoice = bill.invoice
    return (
        _source(invoice)
        or _sums(invoice)
        or _total(invoice)
        or _currency(invoice)
        or _duplicate(bill)
        or _settings(invoice, integration)
    )


def _source(invoice: Invoice) -> Hold | None:
    if invoice.source_state == Invoice.SourceState.NO_LONGER_APPROVED:
        return Hold("no_longer_approved")
    if invoice.source_state == Invoice.SourceState.CHANGED:
        return Hold("changed_in_procore")
    if invoice.source_state == Invoice.SourceState.DELETED:
        return Hold("deleted_in_procore")
    return None


def _sums(invoice: Invoice) -> Hold | None:
    if invoice.mismatch:
        return Hold("amounts", {"mismatch": invoice.mismatch})
    lines = invoice.lines.values_list("gross", "retainage")
    wrong = amounts.first_mismatch(
        gross=invoice.gross, retainage=invoice.retainage, amount_due=invoice.amount_due, lines=lines
    )
    return Hold("amounts", {"mismatch": wrong.sentence}) if wrong else None


def _total(invoice: Invoice) -> Hold | None:
    if invoice.amount_due == 0:
        return Hold("zero")
    if invoice.amount_due < 0:
        return Hold("negative", {"amount": f"{invoice.amount_due:,.2f}"})
    return None


def _currency(invoice: Invoice) -> Hold | None:
    if invoice.currency == invoice.company.currency:
        return None
    return Hold("currency", {"currency": invoice.currency, "company_currency": invoice.company.currency})


def _duplicate(bill: Bill) -> Hold | None:
    if bill.allow_duplicate:
        return None
    other = next(iter(recording.duplicates_of(bill.invoice)), None)
    if other is None:
        return None
    detail = {
        "number": other.number,
        "vendor": other.vendor.name,
        "amount": f"{other.amount_due:,.2f}",
        "invoice": str(other.public_id),
    }
    return Hold("possible_duplicate", detail)


def _settings(invoice: Invoice, integration: Integration) -> Hold | None:
    if not integration.is_configured:
        return Hold("setup", mapping=True)
    if integration.retainage_account_id is None and invoice.lines.exclude(retainage=0).exists():
        return Hold("retainage_account", {"amount": f"{invoice.retainage:,.2f}"}, mapping=True)
    return None
