"""Needs attention: every cause with its invoices, and the one step that frees them all."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounting import attention, listing
from accounting.attention import Group
from accounting.models import Bill, Integration
from accounting.problems import MAPPING, PROJECTS, SETTINGS, sentence
from companies import access
from companies.models import Membership
from procore_sync.models import ProcoreIntegration

SHOWN = 20
PAGE = 50
GONE = "Nothing to do: these invoices have gone on since this page was shown."


@require_safe
@access.workers_write
def page(request: access.MemberRequest) -> HttpResponse:
    """Every section with its oldest causes; `?section=` all of one, `?cause=` the invoices of one cause."""
    company = request.membership.company
    found = attention.groups(company.pk)
    if "cause" in request.GET:
        group = next((one for one in found if one.key == request.GET["cause"]), None)
        if group is None:
            messages.info(request, "No invoice has this problem any more.")
            return redirect("attention:page")
        return _one(request, group)
    wanted = request.GET.get("section", "")
    names = [wanted] if wanted in attention.SECTIONS else list(attention.SECTIONS)
    start = _number(request.GET.get("from", "")) if wanted in names else 0
    shown = {name: [one for one in found if one.section == name][start:][: PAGE if wanted else SHOWN] for name in names}
    rows = _Rows(request.membership, [one for several in shown.values() for one in several])
    sections = [
        {
            "name": name,
            "title": attention.SECTIONS[name],
            "rows": [rows.row(one) for one in several],
            "causes": (total := sum(one.section == name for one in found)),
            "more": total - start - len(several),
            "next": start + len(several),
        }
        for name, several in shown.items()
        if several
    ]
    context = {
        "sections": sections,
        "section": wanted if wanted in attention.SECTIONS else "",
        "is_first_page": start == 0,
        "procore": ProcoreIntegration.active(company),
    }
    return render(request, "accounting/attention.html", context | _rights(request))


@require_POST
@access.workers_write
def go_on(request: access.MemberRequest) -> HttpResponse:
    """One step for all invoices of one cause. A second press finds that they have gone on, and says so."""
    company_id = request.membership.company_id
    found = attention.groups(company_id)
    group = next((one for one in found if one.key == request.POST.get("cause")), None)
    deed = request.POST.get("deed", "")
    if group is None or deed not in [name for name, _ in group.deeds]:
        messages.warning(request, GONE)
        return redirect("attention:page")
    count, totals = attention.go_on(company_id, group, deed, user=request.user)
    if count:
        went = "1 invoice goes" if count == 1 else f"{count:,} invoices go"
        messages.success(request, f"{went} on to QuickBooks: {_money(totals)}.")
    elif deed == "post_on_open_day":
        messages.warning(
            request, "QuickBooks has another closing date by now. Check them again to see which day is open."
        )
    else:
        messages.warning(request, GONE)
    return redirect("attention:page")


def _one(request: access.MemberRequest, group: Group) -> HttpResponse:
    """The invoices of one cause, those that came first in front."""
    after = _number(request.GET.get("after", ""))
    bills = attention.bills_of(request.membership.company_id, group).filter(pk__gt=after)
    found = list(bills.select_related("invoice__vendor", "invoice__project")[: PAGE + 1])
    context = {
        "group": _Rows(request.membership, [group]).row(group),
        "bills": [{"invoice": bill.invoice, "words": _own_words(bill, group)} for bill in found[:PAGE]],
        "is_first_page": not after,
        "first_query": urlencode({"cause": group.key}),
        "next_query": urlencode({"cause": group.key, "after": found[PAGE - 1].pk}) if len(found) > PAGE else "",
    }
    return render(request, "accounting/attention_cause.html", context | _rights(request))


class _Rows:
    """Causes as the page shows them, with what all of them need read at once."""

    def __init__(self, membership: Membership, shown: Iterable[Group]) -> None:
        self.zone = ZoneInfo(membership.company.time_zone)
        self.is_admin = membership.is_admin
        self.books = {one.pk: one for one in Integration.active(membership.company_id).order_by("id")}
        alone = [one.first for one in shown if one.bills == 1]
        bills = Bill.objects.filter(company=membership.company, pk__in=alone).select_related("invoice__vendor")
        self.alone = {bill.pk: bill for bill in bills}

    def row(self, group: Group) -> dict[str, Any]:
        bill = self.alone.get(group.first) if group.bills == 1 else None
        link = self._link(group)
        came = group.oldest.astimezone(self.zone).date() if group.oldest else None
        return {
            "group": group,
            "sentence": self._missing(group) or (bill and _own_words(bill, group)) or group.sentence,
            "invoice": bill.invoice if bill else None,
            "url": f"{reverse('attention:page')}?{urlencode({'cause': group.key})}",
            "deeds": [{"name": name, "label": label} for name, label in group.deeds],
            "link": link,
            "admins_only": bool(link) and not self.is_admin and not link["url"].startswith(reverse(MAPPING)),
            "came": came,
            "days": (timezone.now().astimezone(self.zone).date() - came).days if came else 0,
        }

    def _missing(self, group: Group) -> str:
        if group.kind != "missing":
            return ""
        tab = self._tab(group)
        if tab is None:
            return "Nothing in QuickBooks is chosen for this yet."
        return f"No {tab.theirs} of QuickBooks is chosen for this {tab.ours.lower()} yet."

    def _tab(self, group: Group) -> listing.Tab | None:
        books = self.books.get(group.books or 0) or next(iter(self.books.values()), None)
        key = group.value
        known = listing.tabs(books) if books and listing.names_a_row(key) else []
        return next((tab for tab in known if key.startswith(tab.prefix)), None)

    def _link(self, group: Group) -> dict[str, str]:
        """Where one decision mends the whole group; empty where there is a deed for it, or each needs its own."""
        file = {"file": group.books} if len(self.books) > 1 and group.books in self.books else {}
        if group.kind == "missing":
            tab = self._tab(group)
            if tab is None:
                return {"label": "Choose accounts", "url": reverse(SETTINGS)}
            query = urlencode({"tab": tab.name, "focus": group.value} | file)
            return {"label": f"Map the {tab.ours.lower()}", "url": f"{reverse(MAPPING)}?{query}#mapping"}
        problem = group.problem
        if problem is None or problem.action not in (SETTINGS, MAPPING, PROJECTS):
            return {}
        url = reverse(problem.action)
        if problem.action == MAPPING and (vendor := group.said.get("vendor")):
            url += "?" + urlencode({"tab": "vendors", "q": vendor[:100]} | file)
        return {"label": problem.button, "url": url}


def _own_words(bill: Bill, group: Group) -> str:
    """What the bill itself says, where it says more than its group."""
    if group.kind == "stopped":
        return sentence(bill.problem, bill.problem_detail)
    return bill.books_words if group.kind == "books" else ""


def _rights(request: access.MemberRequest) -> dict[str, Any]:
    return {
        "can_work": request.membership.can_work,
        "workers_only": access.WORKERS_ONLY,
        "admins_only": access.ADMINS_ONLY,
    }


def _money(totals: list[tuple[str, Decimal]]) -> str:
    return ", ".join(f"{total:,.2f} {currency}" for currency, total in totals)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else 0
