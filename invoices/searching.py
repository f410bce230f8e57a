"""Which invoices words find: number, vendor, project, commitment, amount."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q, QuerySet

from companies.models import Company
from invoices.models import Invoice, Project, Vendor, number_key

NAMED = 500


def search(company: Company, text: str) -> QuerySet[Invoice]:
    """Invoices of one company that the words find."""
    return Invoice.objects.filter(matches(company, text), company=company)


def found_by(company: Company, text: str) -> Q:
    """The rule of `matches`, or the invoices themselves while they are few: who asks many questions about them then
    has the words looked up once. Three queries."""
    rule = matches(company, text)
    found = list(Invoice.objects.filter(rule, company=company).values_list("pk", flat=True)[: NAMED + 1])
    return Q(pk__in=found) if len(found) <= NAMED else rule


def matches(company: Company, text: str) -> Q:
    """Number, vendor, project, commitment; an amount when it looks like one. Two queries: who and what is called so."""
    rule = (
        Q(number__icontains=text)
        | Q(commitment__icontains=text)
        | Q(vendor_id__in=_ids(Vendor.objects.filter(company=company, name__icontains=text)))
        | Q(project_id__in=_ids(_projects(company, text)))
    )
    if key := number_key(text):
        rule |= Q(number_key__startswith=key)
    if (amount := as_amount(text)) is not None:
        rule |= Q(amount_due=amount)
    return rule


def as_amount(text: str) -> Decimal | None:
    """1,250.00 or $1250; None for what is no amount that an invoice can have."""
    try:
        amount = Decimal(text.replace(",", "").replace("$", ""))
    except InvalidOperation:
        return None
    # By its exponents: to reckon with 1e999999999 would overflow.
    if not amount.is_finite() or amount.adjusted() >= 12 or int(amount.as_tuple().exponent) < -10:
        return None
    return amount


def vendors(company: Company, name: str) -> Any:
    """The vendors with this name; where none has it exactly, those whose name has it in it."""
    rows = Vendor.objects.filter(company=company)
    return list(rows.filter(name__iexact=name).values_list("pk", flat=True)) or _ids(rows.filter(name__icontains=name))


def _projects(company: Company, text: str) -> QuerySet[Project]:
    return Project.objects.filter(Q(name__icontains=text) | Q(number__icontains=text), company=company)


def _ids(rows: QuerySet[Any]) -> Any:
    """As numbers while they are few: PostgreSQL then knows which of its indexes to take."""
    found = list(rows.values_list("pk", flat=True)[: NAMED + 1])
    return found if len(found) <= NAMED else rows.values_list("pk", flat=True)
