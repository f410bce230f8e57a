"""One page of the invoices list: its rows, how many stand in each tab, and what all of them come to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet, Sum

from accounting import filtering, tabs
from accounting.filtering import COUNT_CAP, Filter
from companies.models import Company
from inbuild.counting import counted
from invoices.models import Invoice

PAGE = 50
TAB_CAP = 1_000
# A bill alone has forty columns, one of them all that was sent.
SHOWN = (
    *("company", "public_id", "number", "invoice_date", "due_date", "currency", "amount_due", "commitment"),
    *("source", "state", "source_state", "vendor__name", "project__name", "project__number"),
    *("bill__integration", "bill__kind", "bill__state", "bill__problem", "bill__paid_state", "bill__books_state"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """`next_cursor` is empty on the last page, `totals` by currency is None where they were too many to add up."""

    invoices: list[Invoice]
    next_cursor: str
    counts: dict[str, int]
    count: int
    is_capped: bool
    totals: list[tuple[str, Decimal]] | None
    unapproved: dict[str, int]
    refused: list[int]


def page(company: Company, wanted: Filter, *, after: str = "", adds_up: bool = False) -> Page:
    """One page of the filter's invoices. `adds_up` asks for the total of however many there are."""
    known = tabs.Tabs(company.pk)
    every = filtering.in_all_tabs(company, wanted)
    counts = dict.fromkeys([*tabs.LABELS, *tabs.NOT_APPROVED], 0)
    if not wanted.unreadable:
        counts = count(every, known, wanted.tab)
    found = counts[wanted.tab]
    few = found <= COUNT_CAP
    rows = known.within(every, wanted.tab)
    cursor = filtering.read_cursor(wanted, after) if after else None
    shown = filtering.ordered(rows, wanted, few=few)
    if cursor is not None:
        shown = filtering.past(shown, wanted, *cursor)
    # Which they are is found first: what a row shows is then read of these alone.
    chosen = Invoice.objects.filter(pk__in=shown.values("pk")[: PAGE + 1])
    invoices = list(filtering.ordered(chosen, wanted).select_related("vendor", "project", "bill").only(*SHOWN))
    return Page(
        invoices=invoices[:PAGE],
        next_cursor=filtering.cursor_of(invoices[PAGE - 1]) if len(invoices) > PAGE else "",
        counts=counts,
        count=min(found, COUNT_CAP),
        is_capped=not few,
        totals=totals(rows) if few or adds_up else None,
        unapproved={name: counts[name] for name in tabs.NOT_APPROVED},
        refused=known.refused,
    )


def count(every: QuerySet[Invoice], known: tabs.Tabs, chosen: str) -> dict[str, int]:
    """How many are in each tab, and how many are not approved yet and in none. One query.

    Up to COUNT_CAP and one in the chosen tab, whose total is added up too; up to TAB_CAP and one beside it.
    """
    asked = {tab: _first(known.within(every, tab), COUNT_CAP if tab == chosen else TAB_CAP) for tab in tabs.LABELS}
    for name, state in tabs.NOT_APPROVED.items():
        asked[name] = _first(every.filter(state=state), TAB_CAP)
    return dict(zip(asked, counted(asked.values()), strict=True))


def _first(rows: QuerySet[Invoice], cap: int) -> QuerySet[Any, Any]:
    """None is looked at beyond the cap and one more."""
    return rows.order_by().values("pk")[: cap + 1]


def totals(rows: QuerySet[Invoice]) -> list[tuple[str, Decimal]]:
    """What they come to by currency: amounts of different currencies are never added up."""
    found = rows.order_by().values("currency").annotate(total=Sum("amount_due"), many=Count("pk")).order_by("currency")
    return [(row["currency"], row["total"]) for row in found]
