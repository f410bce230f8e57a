"""The invoices list's address, read: which invoices of a company, in which order, and who stands beside one of them.

    wanted = filtering.read(company, request.GET)
    filtering.invoices(company, wanted)                 # all of them, in order
    filtering.neighbours(company, wanted, invoice)      # (previous, next), either may be None
    wanted.query                                        # the same filter as a query string, for links

What cannot be read matches no invoice: nobody shall take all of them for the few that were meant. `wanted.unreadable`
says what it was.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from accounting import tabs
from accounting.models import Bill, Integration
from companies.models import Company
from invoices import searching
from invoices.models import NO_DATE, Invoice, Project

TEXT = 100
COUNT_CAP = 10_000
UNPAID = "unpaid"
APPROVAL = {"draft": "Draft", "waiting": "Waiting for approval", "approved": "Approved", "cancelled": "Cancelled"}
PAID = {"unpaid": "Unpaid", "partly": "Partially paid", "paid": "Paid", "unknown": "Not known yet"}
# What the list can be sorted by: by column, what stands in an index together with the invoice's id.
SORTS: Mapping[str, Any] = {
    "number": F("number"),
    "vendor": F("vendor__name"),
    "date": F("invoice_date"),
    "due": Coalesce("due_date", Value(NO_DATE)),
    "amount": F("amount_due"),
}
COLUMNS: Mapping[str, str] = {
    "vendor": "Vendor",
    "project": "Project",
    "commitment": "Commitment",
    "source": "Source",
    "date": "Invoice date",
    "due": "Due date",
    "amount": "Amount due",
    "status": "Status",
    "paid": "Paid",
    "books": "QuickBooks",
}
SHOWN = ("vendor", "project", "source", "date", "amount", "status")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address says. Field names are those in the address, but for `since`, `until`, `least`, `most`."""

    tab: str = tabs.ALL
    q: str = ""
    source: str = ""
    project: int | None = None
    vendor: str = ""
    since: date | None = None
    until: date | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    books: int | None = None
    paid: str = ""
    approval: str = ""
    sort: str = "-date"
    columns: tuple[str, ...] = SHOWN
    unreadable: tuple[str, ...] = field(default=(), compare=False)

    @property
    def query(self) -> str:
        """As it stands in an address, without what is as always."""
        given: list[tuple[str, Any]] = []
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "columns":
                given += [("col", name) for name in value] if value != SHOWN else []
            elif one.name != "unreadable" and value != one.default:
                given.append((NAMES.get(one.name, one.name), value))
        return urlencode(given)

    def but(self, **changes: Any) -> Filter:
        """The same but for these."""
        return replace(self, **changes)

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out, tab apart."""
        looks = ("tab", "sort", "columns")
        default = Filter()
        kept = {name: getattr(self, name) for name in looks}
        return bool(self.unreadable) or self != replace(default, **kept)

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def sorted_by(self) -> str:
        return self.sort.removeprefix("-")


NAMES = {"since": "from", "until": "to"}


class _Unreadable(Exception):
    """The text is a sentence for the page."""


def read(company: Company, given: Any) -> Filter:
    """Read a QueryDict, or any mapping of names to words. One query where a project is named, one for QuickBooks."""
    told: list[str] = []

    def value(name: str, reader: Any, *args: Any) -> Any:
        text = str(given.get(name, "")).strip()
        if not text:
            return None
        try:
            return reader(text, *args)
        except _Unreadable as why:
            told.append(str(why))
            return None

    tab = value("tab", _one_of, tabs.LABELS, "tab")
    sorts = [*SORTS, *(f"-{name}" for name in SORTS)]
    since, until = value("from", _day), value("to", _day)
    least, most = value("least", _amount), value("most", _amount)
    if since and until and since > until:
        told.append("The first day is after the last one.")
    if least is not None and most is not None and least > most:
        told.append("The smallest amount is larger than the largest one.")
    return Filter(
        tab=tab or tabs.ALL,
        q=value("q", _words) or "",
        source=value("source", _one_of, Invoice.Source.values, "source") or "",
        project=value("project", _own, Project.objects.filter(company=company), "project"),
        vendor=value("vendor", _words) or "",
        since=since,
        until=until,
        least=least,
        most=most,
        books=value("books", _own, Integration.objects.filter(company=company), "QuickBooks company"),
        paid=value("paid", _one_of, PAID, "payment status") or "",
        approval=value("approval", _one_of, APPROVAL, "approval") or "",
        sort=value("sort", _one_of, sorts, "order") or "-date",
        columns=_columns(given, told),
        unreadable=tuple(told),
    )


def invoices(company: Company, wanted: Filter) -> QuerySet[Invoice]:
    """All invoices of the company that the filter lets through, in its order."""
    return ordered(matching(company, wanted), wanted)


def matching(company: Company, wanted: Filter) -> QuerySet[Invoice]:
    """The same without an order."""
    rows = in_all_tabs(company, wanted)
    return rows if wanted.tab == tabs.ALL else tabs.Tabs(company.pk).within(rows, wanted.tab)


def in_all_tabs(company: Company, wanted: Filter) -> QuerySet[Invoice]:
    """Whatever their tab. Words are looked up here: three queries where the filter has any."""
    rows = Invoice.objects.filter(company=company)
    if wanted.unreadable:
        return rows.none()
    if wanted.q:
        rows = rows.filter(searching.found_by(company, wanted.q))
    if wanted.source:
        rows = rows.filter(source=wanted.source)
    if wanted.project is not None:
        rows = rows.filter(project_id=wanted.project)
    if wanted.vendor:
        rows = rows.filter(vendor_id__in=searching.vendors(company, wanted.vendor))
    for name, rule in (("since", "invoice_date__gte"), ("until", "invoice_date__lte")):
        if (day := getattr(wanted, name)) is not None:
            rows = rows.filter(**{rule: day})
    for name, rule in (("least", "amount_due__gte"), ("most", "amount_due__lte")):
        if (amount := getattr(wanted, name)) is not None:
            rows = rows.filter(**{rule: amount})
    if wanted.books is not None:
        rows = rows.filter(bill__integration_id=wanted.books)
    if wanted.paid:
        # Known of bills that are in QuickBooks alone.
        paid = Bill.Paid.UNKNOWN if wanted.paid == "unknown" else wanted.paid
        rows = rows.filter(bill__state=Bill.State.SYNCED, bill__paid_state=paid)
    if wanted.approval:
        rows = rows.filter(state=tabs.NOT_APPROVED.get(wanted.approval, wanted.approval))
    return rows


def ordered(rows: QuerySet[Invoice], wanted: Filter, *, few: bool = False, backwards: bool = False) -> QuerySet[Any]:
    """In the filter's order, with what it sorts by as `sorted_by`.

    `few`: there are at most COUNT_CAP of them, so PostgreSQL is to find them all and sort. Left to itself it may walk
    an index of a million in their order, hoping to come by them soon.
    """
    by = SORTS[wanted.sorted_by]
    if wanted.sorted_by == "vendor":
        # They are the company's own anyway; said of the vendor too, PostgreSQL walks these by name.
        rows = rows.filter(vendor__company_id=F("company_id"))
    rows = rows.annotate(sorted_by=by)
    key = Coalesce(by, by) if few else by
    if wanted.is_descending != backwards:
        return rows.order_by(key.desc(), F("pk").desc())
    return rows.order_by(key.asc(), F("pk").asc())


def past(rows: QuerySet[Any], wanted: Filter, value: Any, pk: int, *, backwards: bool = False) -> QuerySet[Any]:
    """Of ordered rows those after the one with this value and id; `backwards`, those before it."""
    side = "lt" if wanted.is_descending != backwards else "gt"
    return rows.filter(
        Q(**{f"sorted_by__{side}e": value}) & (Q(**{f"sorted_by__{side}": value}) | Q(**{f"pk__{side}": pk}))
    )


def neighbours(company: Company, wanted: Filter, invoice: Invoice) -> tuple[Invoice | None, Invoice | None]:
    """Who stands before and after an invoice in the list; always four queries, five in a tab.

    The invoice need not be among them any more: after Skip in a tab the next one is still the next one there.
    """
    rows = matching(company, wanted)
    few = is_few(rows)
    own = Invoice.objects.filter(company=company, pk=invoice.pk).annotate(sorted_by=SORTS[wanted.sorted_by])
    value = own.values_list("sorted_by", flat=True).first()
    if value is None:
        return None, None
    before = past(ordered(rows, wanted, few=few, backwards=True), wanted, value, invoice.pk, backwards=True)
    after = past(ordered(rows, wanted, few=few), wanted, value, invoice.pk)
    return before.exclude(pk=invoice.pk).first(), after.exclude(pk=invoice.pk).first()


def is_few(rows: QuerySet[Invoice]) -> bool:
    return rows.order_by()[: COUNT_CAP + 1].count() <= COUNT_CAP


def cursor_of(invoice: Any) -> str:
    """Where a page ended; the next begins after it."""
    told = json.dumps([str(invoice.sorted_by), invoice.pk])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def read_cursor(wanted: Filter, text: str) -> tuple[Any, int] | None:
    """What `cursor_of` wrote; None for anything else, which shows the first page."""
    try:
        value, pk = json.loads(base64.urlsafe_b64decode(text[:2000] + "=" * (-len(text) % 4)))
        if not isinstance(value, str) or not isinstance(pk, int) or not 0 < pk < 2**63:
            return None
        if wanted.sorted_by in ("date", "due"):
            return date.fromisoformat(value), pk
        if wanted.sorted_by == "amount":
            return _amount(value), pk
        return (value, pk) if "\x00" not in value else None
    except (ValueError, TypeError, binascii.Error, RecursionError, _Unreadable):
        return None


def _words(text: str) -> str:
    if len(text) > TEXT:
        raise _Unreadable(f"Search for at most {TEXT} characters.")
    if not text.isprintable():
        raise _Unreadable("The search has characters that cannot be seen.")
    return text


def _one_of(text: str, known: Any, what: str) -> str:
    if text not in known:
        raise _Unreadable(f"There is no such {what}.")
    return text


def _own(text: str, rows: QuerySet[Any], what: str) -> int:
    pk = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    if not rows.filter(pk=pk).exists():
        raise _Unreadable(f"Your company has no such {what}.")
    return pk


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise _Unreadable(f"{_quoted(text)} is not a day. Write it like 2026-11-22.") from exc


def _amount(text: str) -> Decimal:
    amount = searching.as_amount(text)
    if amount is None:
        raise _Unreadable(f"{_quoted(text)} is not an amount. Write it like 1250.00.")
    return amount


def _quoted(text: str) -> str:
    seen = "".join(character for character in text if character.isprintable())
    return f"“{seen[:30]}”"


def _columns(given: Any, told: list[str]) -> tuple[str, ...]:
    every = given.getlist("col") if hasattr(given, "getlist") else given.get("col", [])
    if not every:
        return SHOWN
    if any(name not in COLUMNS for name in every):
        told.append("There is no such column.")
    return tuple(name for name in COLUMNS if name in every) or SHOWN
