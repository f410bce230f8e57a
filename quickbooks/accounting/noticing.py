"""What needs somebody in QuickBooks: the connection, and bills that are not there or differ there, by cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from accounting import presenting
from accounting.models import Bill, Integration
from accounting.problems import DUPLICATE, Words, problem, sentence
from companies.models import Company
from companies.noticing import Found
from companies.templatetags.plain import money

AHEAD = timedelta(days=30)
STOPPED = (Bill.State.FAILED, Bill.State.ON_HOLD, Bill.State.NEEDS_MAPPING)


def found(company: Company) -> Iterator[Found]:
    yield from of_connections(Integration.active(company).order_by("id"), company)
    yield from _stopped(company)
    yield from _differing(company)


def of_connections(rows: Iterable[Integration], company: Company) -> list[Found]:
    """At most one of each connection: the first thing to do."""
    return [notice for row in rows if (notice := _connection(row, company))]


def _connection(integration: Integration, company: Company) -> Found | None:
    key, url = f"quickbooks:{integration.pk}", reverse("accounting:integrations")
    if integration.state == Integration.State.NEEDS_RECONNECT:
        words = "QuickBooks no longer accepts inBuild's connection. Bills wait until a company admin reconnects it."
        return Found(key, words, "Reconnect QuickBooks", url, "bad", is_lost_connection=True)
    if integration.confirm_switch:
        words = f"Bills wait for an admin to confirm that they shall go to {integration.account_name}."
        return Found(f"{key}:switch", words, "Open settings", url, "warn")
    if integration.ends_at and integration.ends_at < timezone.now() + AHEAD:
        day = integration.ends_at.astimezone(ZoneInfo(company.time_zone))
        name = integration.get_kind_display()
        words = f"The connection to {name} ends on {day:%b} {day.day}, {day.year}. Reconnect before then."
        return Found(f"{key}:ends", words, "Reconnect", url, "warn", admins_only=True)
    return None


def _stopped(company: Company) -> Iterator[Found]:
    """Bills that stopped, by their problem."""
    rows = Bill.objects.filter(company=company, state__in=STOPPED)
    for group, oldest in by_cause(rows, "problem"):
        code = group["problem"]
        words = f"{problem(code).label}: {in_words(group, oldest)} {sentence(code, oldest.problem_detail)}"
        label, url = _way_out(group, oldest)
        colour = "bad" if oldest.state == Bill.State.FAILED else "warn"
        yield Found(f"bills:{code}", words, label, url, colour, group["count"])


def _differing(company: Company) -> Iterator[Found]:
    """Bills that are in QuickBooks and are something else there now."""
    rows = Bill.objects.filter(company=company, state=Bill.State.SYNCED)
    for group, oldest in by_cause(rows.exclude(books_state=Bill.BooksState.AS_POSTED), "books_state"):
        words = f"{oldest.get_books_state_display()}: {in_words(group, oldest)} {oldest.books_words}"
        label, url = ("Open the invoice", _invoice(oldest)) if group["count"] == 1 else _all()
        yield Found(f"books:{group['books_state']}", words, label, url, "warn", group["count"])


def by_cause(rows: QuerySet[Bill], cause: str) -> Iterable[tuple[dict[str, Any], Bill]]:
    """Each cause with how many there are and what they come to, and its oldest bill: two queries for all of them."""
    groups = rows.order_by().values(cause)
    counted = groups.annotate(
        count=Count("pk"),
        total=Sum("invoice__amount_due", default=Decimal(0)),
        currencies=Count("invoice__currency", distinct=True),
        oldest=Min("pk"),
    )
    known = list(counted.order_by("-count", cause))
    bills = Bill.at_hand().in_bulk([group["oldest"] for group in known])
    return [(group, bills[group["oldest"]]) for group in known if group["oldest"] in bills]


def in_words(group: dict[str, Any], oldest: Bill) -> str:
    """How many and for how much; of several the oldest is named."""
    invoice = oldest.invoice
    total = "" if group["currencies"] > 1 else f" for {money(group['total'])} {invoice.currency}"
    named = f"{invoice.number} of {invoice.vendor.name}"
    if group["count"] == 1:
        return f"invoice {named}{total}."
    return f"{group['count']:,} invoices{total}. The oldest is {named}:"


def _way_out(group: dict[str, Any], oldest: Bill) -> tuple[str, str]:
    """The page where all of them are helped; else the invoice, or the list of those that need attention."""
    found = problem(oldest.problem)
    is_page = ":" in found.action
    if is_page and found.action != DUPLICATE:
        url = presenting.action_url(oldest, found.action) if group["count"] == 1 else reverse(found.action)
        return found.button.format_map(Words(oldest.problem_detail)), url
    if group["count"] == 1:
        url = presenting.action_url(oldest, found.action) if is_page else _invoice(oldest)
        return (found.button if is_page else "Open the invoice"), url
    return _all()


def _invoice(bill: Bill) -> str:
    return reverse("invoices:detail", kwargs={"public_id": bill.invoice.public_id})


def _all() -> tuple[str, str]:
    return "Show the invoices", reverse("attention:page")
