"""Which invoices a list shows: tabs, search, filters, and pages by keyset."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from django.db.models import Count, Q, QuerySet, Sum

from companies.models import Company
from invoices.models import Invoice, number_key

PAGE = 50
COUNT_CAP = 1000

ATTENTION = ("needs_mapping", "on_hold", "failed")
TABS: Mapping[str, tuple[str, Q]] = {
    "all": ("All", Q()),
    "approval": ("Waiting for approval", Q(state__in=["draft", "submitted"])),
    "attention": ("Needs attention", Q(bill__state__in=ATTENTION)),
    "ready": ("Ready to sync", Q(bill__state="ready")),
    "syncing": ("Syncing", Q(bill__state__in=["sending", "checking"])),
    "synced": ("Synced", Q(bill__state="synced")),
    "skipped": ("Skipped", Q(bill__state="skipped") | Q(state="cancelled")),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list; `next_cursor` empty on the last."""

    invoices: list[Invoice]
    next_cursor: str
    count: int
    count_is_capped: bool
    total: Decimal | None


def search(company: Company, *, text: str, source: str, project_id: int | None) -> QuerySet[Invoice]:
    """Invoices of one company that match words and filters, whatever their tab."""
    rows = Invoice.objects.filter(company=company)
    if source in Invoice.Source.values:
        rows = rows.filter(source=source)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    if text:
        rows = rows.filter(_matches(text))
    return rows


def counts(rows: QuerySet[Invoice]) -> dict[str, int]:
    """How many are in each tab, in one query."""
    return rows.aggregate(
        **{name: Count("pk", filter=rule) if rule else Count("pk") for name, (_, rule) in TABS.items()}
    )


def page(rows: QuerySet[Invoice], *, tab: str, cursor: str) -> Page:
    """One page, newest invoice date first. A cursor that cannot be read shows the first page."""
    chosen = rows.filter(TABS.get(tab, TABS["all"])[1])
    capped = chosen.order_by()[: COUNT_CAP + 1].count()
    is_capped = capped > COUNT_CAP
    total = None if is_capped else _total(chosen)
    after = _decoded(cursor)
    if after:
        day, pk = after
        chosen = chosen.filter(Q(invoice_date__lt=day) | Q(invoice_date=day, pk__lt=pk))
    found = list(chosen.select_related("vendor", "project", "bill").order_by("-invoice_date", "-pk")[: PAGE + 1])
    more = len(found) > PAGE
    return Page(
        invoices=found[:PAGE],
        next_cursor=_encoded(found[PAGE - 1]) if more else "",
        count=min(capped, COUNT_CAP),
        count_is_capped=is_capped,
        total=total,
    )


def _total(rows: QuerySet[Invoice]) -> Decimal | None:
    """What they come to; None when currencies are mixed, because such a sum means nothing."""
    found = rows.order_by().aggregate(total=Sum("amount_due"), currencies=Count("currency", distinct=True))
    return None if found["currencies"] > 1 else found["total"] or Decimal(0)


def _matches(text: str) -> Q:
    """Number, vendor, project, commitment; an amount when it looks like one."""
    rule = (
        Q(number__icontains=text)
        | Q(vendor__name__icontains=text)
        | Q(project__name__icontains=text)
        | Q(commitment__icontains=text)
    )
    if key := number_key(text):
        rule |= Q(number_key__startswith=key)
    try:
        amount = Decimal(text.replace(",", "").replace("$", ""))
        if amount.is_finite() and abs(amount) < Decimal(10) ** 12:
            rule |= Q(amount_due=amount)
    except InvalidOperation:
        pass
    return rule


def _encoded(invoice: Invoice) -> str:
    return base64.urlsafe_b64encode(f"{invoice.invoice_date.isoformat()}|{invoice.pk}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[date, int] | None:
    try:
        day, _, pk = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
        return (date.fromisoformat(day), int(pk)) if pk.isdecimal() and len(pk) < 19 else None
    except (ValueError, binascii.Error):
        return None
