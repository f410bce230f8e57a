"""Settings → Accounting Integrations → Mapping: which of ours is which of theirs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting import listing, mapping
from accounting.backends import WAITS_FOR_PC, NeedsReconnect, NotSent, backend_for
from accounting.listing import Row, Tab
from accounting.mapping import Freed, Ours
from accounting.models import Bill, Integration, ListEntry
from accounting.problems import sentence
from accounting.suggesting import Suggestions
from accounting.views import choosing
from companies import access
from invoices.models import Vendor
from qbd.models import VendorCreation
from qbd.vendors import creations

SHOWN_CAUSES = 10
CREATING_SECONDS = 20.0


@dataclass
class Asked:
    """What the address asks for, read once for the page and for what is posted to it."""

    integration: Integration
    tabs: list[Tab]
    tab: Tab
    text: str
    shown: str
    cursor: str
    bill: Bill | None = None
    focus: str = ""
    typed: dict[str, str] = field(default_factory=dict)
    matches: dict[str, list[ListEntry]] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)

    def query(self, **changes: str) -> str:
        missing = str(self.bill.invoice.public_id) if self.bill else ""
        given = {"tab": self.tab.name, "q": self.text, "show": self.shown, "missing": missing} | self._file() | changes
        return urlencode({name: value for name, value in given.items() if value})

    def _file(self) -> dict[str, str]:
        """Said in every address, so that two windows with two files do not mix them."""
        return {"file": str(self.integration.pk)} if self.files["company_files"] else {}


@require_safe
@access.workers_write
def page(request: access.MemberRequest) -> HttpResponse:
    asked = _asked(request)
    if asked is None:
        return render(request, "accounting/mapping_not_connected.html")
    return _page(request, asked)


@require_safe
@access.workers_write
def offered(request: access.MemberRequest) -> HttpResponse:
    """Names for the list under a field, where the books have too many to send all of them."""
    asked = _asked(request)
    typed = next((str(value) for name, value in request.GET.items() if name.startswith("typed-")), "")[:100]
    rows = listing.entries(asked.integration, asked.tab.kind).filter(name__icontains=typed)[:50] if asked else []
    return render(request, "accounting/_offered.html", {"offered": rows})


@require_POST
@access.workers_write
def save(request: access.MemberRequest) -> HttpResponse:
    """Everything the page can do with its rows. What was typed but cannot be understood comes back with choices."""
    asked = _asked(request)
    if asked is None:
        return redirect("accounting:mapping")
    given = request.POST
    if one := given.get("create"):
        _create(request, asked, [one])
    elif one := given.get("confirm"):
        _confirm(request, asked, [one])
    elif given.get("do") == "confirm":
        _confirm(request, asked, given.getlist("suggested"))
    elif given.get("do") == "create":
        _create(request, asked, given.getlist("row"))
    elif given.get("do") == "clear":
        _clear(request, asked, given.getlist("row"))
    elif given.get("do") == "assign":
        _type(request, asked, dict.fromkeys(given.getlist("row"), given.get("to", "").strip()))
    else:
        _type(request, asked, _changed(request))
    if asked.matches:
        return _page(request, asked, status=422)
    return _back(asked)


def _changed(request: HttpRequest) -> dict[str, str]:
    """Rows whose field says something else than the page showed, or in which one of several was picked."""
    found = {}
    for name, value in request.POST.items():
        key = name.removeprefix("typed-")
        text = str(value).strip()
        if key != name and text and text != request.POST.get(f"was-{key}", ""):
            found[key] = request.POST.get(f"pick-{key}") or text
    return found


def _type(request: access.MemberRequest, asked: Asked, typed: dict[str, str]) -> None:
    """Map each key to the entry of exactly that name, or with that id in the form `id:12`."""
    ours = listing.ours_of(asked.integration, asked.tab, typed)
    rows = listing.entries(asked.integration, asked.tab.kind)
    pairs: list[tuple[Ours, ListEntry]] = []
    for key, one in ours.items():
        text = typed[key]
        chosen = text.removeprefix("id:")
        exact = rows.filter(pk=int(chosen)) if text != chosen and chosen.isdecimal() else rows.filter(name__iexact=text)
        found = list(exact[:2])
        if len(found) == 1:
            pairs.append((one, found[0]))
        else:
            asked.typed[key] = text
            asked.matches[key] = list(rows.filter(name__icontains=text)[:20]) if text else []
    if pairs:
        tell(request, mapping.choose_all(asked.integration, pairs, user=request.user), len(pairs))
    for key in asked.matches:
        words = f"QuickBooks has no {asked.tab.theirs} called “{asked.typed[key]}”." if asked.typed[key] else ""
        hint = "Choose one below." if asked.matches[key] else "Refresh the lists if it is new there."
        messages.error(request, f"{ours[key]}: {words} {hint}" if words else f"Type the name of a {asked.tab.theirs}.")
    if not ours:
        messages.warning(request, "Nothing was selected or changed.")


def _confirm(request: access.MemberRequest, asked: Asked, suggested: list[str]) -> None:
    """Exactly what the page showed: `key=entry`, never a suggestion made anew."""
    wanted: dict[str, int] = {}
    for one in suggested:
        key, _, entry = one.rpartition("=")
        if entry.isdecimal() and len(entry) < 19:
            wanted[key] = int(entry)
    ours = listing.ours_of(asked.integration, asked.tab, wanted)
    rows = listing.entries(asked.integration, asked.tab.kind).filter(pk__in=wanted.values()).in_bulk()
    pairs = [(one, rows[wanted[key]]) for key, one in ours.items() if wanted[key] in rows]
    if not pairs:
        messages.warning(request, "There is no suggestion to confirm any more.")
        return
    tell(request, mapping.choose_all(asked.integration, pairs, user=request.user), len(pairs))


def _clear(request: access.MemberRequest, asked: Asked, keys: list[str]) -> None:
    ours = listing.ours_of(asked.integration, asked.tab, keys)
    for one in ours.values():
        mapping.clear(asked.integration, one, asked.tab.kind, user=request.user)
    words = (
        f"{len(ours)} no longer mapped. Bills already in QuickBooks keep what they have."
        if ours
        else "Select rows first."
    )
    (messages.success if ours else messages.warning)(request, words)


def _create(request: access.MemberRequest, asked: Asked, keys: list[str]) -> None:
    """Create vendors in QuickBooks one by one, and map each. Stops at the first that QuickBooks cannot be asked for."""
    vendors = [one for one in listing.ours_of(asked.integration, asked.tab, keys).values() if isinstance(one, Vendor)]
    made, wanted, freed, until = 0, 0, Freed(), time.monotonic() + CREATING_SECONDS
    for vendor in vendors:
        if time.monotonic() > until:
            messages.warning(request, f"{len(vendors) - made} are left. Press the button again to go on.")
            break
        try:
            result = backend_for(asked.integration).create_vendor(asked.integration, vendor, request.user)
        except NotSent as exc:
            if exc.problem == WAITS_FOR_PC:
                wanted += 1
                continue
            messages.error(request, f"{vendor}: QuickBooks cannot be reached just now. Try again in a minute.")
            break
        except NeedsReconnect:
            asked.integration.needs_reconnect()
            messages.error(request, "QuickBooks no longer accepts inBuild's connection. Ask an admin to reconnect it.")
            break
        if not isinstance(result, ListEntry):
            detail = {"vendor": vendor.name, "words": result.words} | result.detail
            messages.error(request, f"{vendor}: {sentence(result.problem, detail)}")
            continue
        made += 1
        one = mapping.choose_all(asked.integration, [(vendor, result)], user=request.user)
        freed = Freed(freed.bills + one.bills, freed.total + one.total)
    if made:
        tell(request, freed, made, done="in QuickBooks now and mapped")
    if wanted:
        what = "the vendor" if wanted == 1 else f"the {wanted:,} vendors"
        words = f"inBuild creates {what} when the Web Connector calls next, and maps what it created."
        messages.success(request, words)
    elif not vendors:
        messages.warning(request, "Select vendors first.")


def tell(request: access.MemberRequest, freed: Freed, count: int, *, done: str = "mapped") -> None:
    going = ""
    if freed.bills:
        going = f" {freed.bills:,} waiting invoice{'s' if freed.bills != 1 else ''}, {freed.total:,.2f} "
        going += f"{request.membership.company.currency}, went on to QuickBooks."
    messages.success(request, f"{count:,} {done}.{going}")


def _back(asked: Asked) -> HttpResponse:
    """To the same rows; to the invoice that led here, once it waits for nothing more."""
    if asked.bill is not None and not asked.bill.missing.exists():
        return redirect("invoices:detail", public_id=asked.bill.invoice.public_id)
    return redirect(f"{reverse('accounting:mapping')}?{asked.query(after=asked.cursor)}")


def _page(request: access.MemberRequest, asked: Asked, status: int = 200) -> HttpResponse:
    integration, tab = asked.integration, asked.tab
    waiting = listing.causes(integration.company_id, asked.tabs)
    only = [asked.focus] if asked.focus else None
    if asked.bill is not None and only is None:
        only = list(asked.bill.missing.values_list("key", flat=True))
    entries = list(listing.entries(integration, tab.kind))
    found = listing.page(
        integration,
        tab,
        waiting,
        text=asked.text,
        shown=asked.shown,
        only=only,
        cursor=asked.cursor,
        suggestions=Suggestions(entries),
    )
    wanted = _wanted(integration, found.rows)
    shown = [cause for key, cause in waiting.items() if asked.bill is None or only is None or key in only]
    context: dict[str, Any] = {
        "integration": integration,
        "asked": asked,
        "tab": tab,
        "tabs": [_tab(asked, one, waiting) for one in asked.tabs],
        "rows": [_row(asked, row, wanted) for row in found.rows],
        "suggested": [f"{row.key}={row.suggestion.entry.pk}" for row in found.rows if row.suggestion],
        "causes": [
            {"cause": cause, "query": asked.query(tab=cause.tab, q="", show="")} for cause in shown[:SHOWN_CAUSES]
        ],
        "more_causes": max(0, len(shown) - SHOWN_CAUSES),
        "offered": entries if len(entries) <= listing.OFFERED else [],
        "asks_for_offers": len(entries) > listing.OFFERED,
        "entry_count": len(entries),
        "shows": listing.SHOWN.items(),
        "query": asked.query(after=asked.cursor),
        "first_query": asked.query(),
        "next_query": asked.query(after=found.next_cursor) if found.next_cursor else "",
        "can_work": request.membership.can_work,
        "workers_only": access.WORKERS_ONLY,
    } | asked.files
    return render(request, "accounting/mapping.html", context, status=status)


def _tab(asked: Asked, tab: Tab, waiting: dict[str, listing.Cause]) -> dict[str, Any]:
    return {
        "name": tab.name,
        "label": tab.label,
        "count": sum(cause.tab == tab.name for cause in waiting.values()),
        "query": asked.query(tab=tab.name, q="", show=""),
    }


def _wanted(integration: Integration, rows: list[Row]) -> dict[str, VendorCreation]:
    """Vendors that a company file shall get, or did not take, by the key of their row."""
    if integration.kind != Integration.Kind.QBD:
        return {}
    found = creations(integration, [row.ours for row in rows if isinstance(row.ours, Vendor)])
    return {f"vendor:{creation.vendor_id}": creation for creation in found}


def _row(asked: Asked, row: Row, wanted: dict[str, VendorCreation]) -> dict[str, Any]:
    return {
        "creation": wanted.get(row.key),
        "row": row,
        "typed": asked.typed.get(row.key, row.theirs),
        "matches": asked.matches.get(row.key, []),
        "is_wrong": row.key in asked.matches,
    }


def _asked(request: access.MemberRequest) -> Asked | None:
    """None where no QuickBooks is connected."""
    integration = choosing.chosen(request)
    if integration is None:
        return None
    company_id, given = integration.company_id, request.GET
    bill = _bill(company_id, given.get("missing", ""))
    tabs = listing.tabs(integration)
    tab = next((tab for tab in tabs if tab.name == given.get("tab")), None)
    if tab is None and bill is not None:
        keys = list(bill.missing.values_list("key", flat=True))
        tab = next((tab for tab in tabs if any(key.startswith(tab.prefix) for key in keys)), None)
    text = given.get("q", "").replace("\0", "").strip()[:100]
    shown = given.get("show", "") if given.get("show", "") in listing.SHOWN else ""
    return Asked(
        integration,
        tabs,
        tab or tabs[0],
        text,
        shown,
        given.get("after", "")[:900],
        bill,
        given.get("focus", "")[:140],
        files=choosing.among(request, integration),
    )


def _bill(company_id: int, public_id: str) -> Bill | None:
    """The bill whose missing mappings are asked for; a foreign one does not exist."""
    if not public_id:
        return None
    try:
        wanted = UUID(public_id)
    except ValueError:
        return None
    rows = Bill.objects.select_related("invoice__vendor")
    return get_object_or_404(rows, company_id=company_id, invoice__public_id=wanted)
