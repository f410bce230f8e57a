"""Looks at the books as they are: their preferences, what follows from each, and what a change there frees."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from accounting import mapping
from accounting.backends import Books, NeedsReconnect, NotSent, Refused, backend_for
from accounting.bells import POST_DUE
from accounting.models import Bill, Integration
from accounting.problems import sentence
from companies import auditing
from inbuild.queue import ring

JOB = "preflight"


def check(integration: Integration) -> int:
    """Read preferences and company, remember what each means, let go what that frees. Returns how many bills.

    Whatever the books answer is a finding on the page and never an error. Makes outside calls.
    """
    try:
        found = backend_for(integration).read_books(integration)
    except NotSent:
        words = "QuickBooks could not be asked just now. What is known from before still counts."
        _remember(integration, [_finding("QuickBooks", "warn", words)])
        return 0
    except NeedsReconnect:
        integration.needs_reconnect()
        words = "QuickBooks no longer accepts inBuild's connection. Reconnect it."
        _remember(integration, [_finding("QuickBooks", "bad", words)])
        return 0
    if isinstance(found, Refused):
        words = sentence(found.problem, {"words": found.words} | found.detail)
        _remember(integration, [_finding("QuickBooks", "bad", words)])
        return 0
    return _take_over(integration, found)


def _take_over(integration: Integration, books: Books) -> int:
    was_closed, was_home = integration.closing_date, integration.home_currency
    facts: dict[str, Any] = {
        "closing_date": books.closing_date,
        "warns_of_duplicates": books.warns_of_duplicates,
        "is_multicurrency": books.is_multicurrency,
        "home_currency": books.home_currency[:3],
        "class_tracking": books.class_tracking,
        "tracks_locations": books.tracks_locations,
    }
    if integration.kind == Integration.Kind.QBO:
        facts["account_name"] = books.name[:255]  # a company file keeps the name that people gave it
    with transaction.atomic():
        Integration.objects.filter(pk=integration.pk).update(**facts)
        integration.refresh_from_db()
        _remember(integration, _findings(integration, books))
        if was_closed != books.closing_date:
            words = f"The closing date in QuickBooks is now {_day(books.closing_date)}; it was {_day(was_closed)}"
            auditing.record(integration.company_id, "integration.closing_date", integration, words, job=JOB)
        freed = _reopened(integration) if was_closed and _moved_back(was_closed, books.closing_date) else 0
        if was_home != books.home_currency:
            freed += _go_on(integration, "currency", "The currency of the books was read anew")
        freed += mapping.free_mended(integration).bills
    return freed


def _reopened(integration: Integration) -> int:
    """Bills that were held because of their date, and whose date is open now."""
    day = Coalesce(F("posting_date"), F("invoice__invoice_date"))
    rows = Bill.objects.annotate(day=day)
    if integration.closing_date is not None:
        rows = rows.filter(day__gt=integration.closing_date)
    return _go_on(integration, "period_closed", "The period was opened again in QuickBooks", rows)


def _go_on(integration: Integration, problem: str, words: str, rows: Any = None) -> int:
    held = (Bill.objects if rows is None else rows).filter(company_id=integration.company_id, problem=problem)
    moved = Bill.go_on(held, words, job=JOB, state=Bill.State.ON_HOLD)
    if moved:
        ring(POST_DUE, integration.company_id)
    return len(moved)


def _moved_back(before: date, now: date | None) -> bool:
    return now is None or now < before


def _remember(integration: Integration, findings: list[dict[str, str]]) -> None:
    Integration.objects.filter(pk=integration.pk).update(preflight=findings, preflight_at=Now())
    integration.refresh_from_db()


def _findings(integration: Integration, books: Books) -> list[dict[str, str]]:
    found = [_finding("Company", "ok", f"{books.name}, which keeps its books in {books.home_currency}.")]
    if not books.has_bills:
        words = "This QuickBooks plan has no bills. Upgrade the plan in QuickBooks; bills wait until then."
        found.append(_finding("Bills", "bad", words))
    if books.closing_date:
        words = (
            f"Books are closed up to {_day(books.closing_date)}. Bills of that day or earlier are held for a decision."
        )
        found.append(_finding("Closing date", "ok", words))
    else:
        found.append(_finding("Closing date", "ok", "No period is closed."))
    found.append(_duplicates(books))
    found.append(_classes(integration, books))
    if books.tracks_locations:
        found.append(_finding("Locations", "ok", "On. Bills carry the location that the settings name."))
    else:
        found.append(_finding("Locations", "ok", "Off. Bills carry no location."))
    if books.is_multicurrency:
        words = f"On. Bills are made in {books.home_currency} only; an invoice in another currency is held."
        found.append(_finding("Multicurrency", "ok", words))
    else:
        found.append(_finding("Multicurrency", "ok", f"Off. All bills are in {books.home_currency}."))
    return found + _chosen(integration)


def _duplicates(books: Books) -> dict[str, str]:
    if books.warns_of_duplicates:
        return _finding("Duplicate bill numbers", "ok", "QuickBooks refuses a bill number that it has already.")
    words = "QuickBooks takes the same bill number twice. inBuild checks for itself; turning the warning on is safer."
    return _finding("Duplicate bill numbers", "warn", words)


def _classes(integration: Integration, books: Books) -> dict[str, str]:
    if books.class_tracking == "line":
        return _finding("Classes", "ok", "Tracked for each line. Bills can carry the class of their project.")
    how = "Tracked once for each transaction" if books.class_tracking == "txn" else "Off"
    if integration.class_use == Integration.Use.NONE:
        return _finding("Classes", "ok", f"{how}. Bills carry no class.")
    words = f"{how}, so bills carry no class. Choose one class for each line in QuickBooks' settings to use them."
    return _finding("Classes", "warn", words)


def _chosen(integration: Integration) -> list[dict[str, str]]:
    """What the settings name and QuickBooks no longer uses."""
    found = []
    for name in (
        "ap_account",
        "expense_account",
        "expense_item",
        "retainage_account",
        "retainage_item",
        "location",
        "term",
    ):
        entry = getattr(integration, name)
        # What bills are owed in may be forbidden on their lines.
        if entry is not None and not (entry.active and (entry.is_usable or name == "ap_account")):
            found.append(_finding("Settings", "bad", f"{entry} is inactive in QuickBooks. Choose another."))
    return found


def _finding(name: str, state: str, words: str) -> dict[str, str]:
    return {"name": name, "state": state, "words": words}


def _day(day: date | None) -> str:
    return f"{day:%b} {day.day}, {day.year}" if day else "none"
