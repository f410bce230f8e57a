"""Settings → Procore → Review: approved invoices that did not come by themselves, and a person's choice among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting.models import Integration
from companies import access
from procore_sync import mirroring, previewing, reviewing
from procore_sync.forms import ReviewForm
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from procore_sync.reviewing import Totals


@dataclass(frozen=True, slots=True)
class Choice:
    """What a request chose: everything its filters match, or single rows; and how many the person was shown."""

    form: ReviewForm
    matching: reviewing.Rows
    is_all: bool
    pks: frozenset[int]
    shown: int

    @property
    def rows(self) -> reviewing.Rows:
        if self.is_all:
            return reviewing.of_why(self.matching, self.form.filters().why)
        return reviewing.everything(self.form.integration).filter(pk__in=self.pks)

    @property
    def at_most(self) -> int:
        return self.shown if self.is_all else len(self.pks)


@require_safe
@access.admin_writes
def review(request: access.MemberRequest) -> HttpResponse:
    return _page(request, _integration(request))


@require_safe
@access.admin_writes
def selection(request: access.MemberRequest) -> HttpResponse:
    """What the chosen ones come to, while choosing."""
    choice = _choice(_integration(request), request.GET)
    return render(request, "procore_sync/_selection.html", {"chosen": _totals(choice)})


# Importing earlier approvals decides what counts for the whole company, as the switch does; design.md gives settings
# and integrations to admins. An accountant sees everything here and asks one.
@require_POST
@access.admin_writes
def import_chosen(request: access.MemberRequest) -> HttpResponse:
    integration = _integration(request)
    choice = _posted_choice(integration, request.POST)
    try:
        count, total = reviewing.import_chosen(integration, choice.rows, user=request.user, at_most=choice.at_most)
    except reviewing.CannotImport as exc:
        return _page(request, integration, refusal=str(exc), status=409)
    left = max(choice.at_most - count, 0)
    if count:
        messages.success(request, f"inBuild imports {total.words}. You may leave this page.")
    if left and choice.at_most:
        them = "invoice was" if left == 1 else "invoices were"
        messages.warning(request, f"{left:,} chosen {them} left alone: imported or chosen already, or changed since.")
    elif not count:
        messages.warning(request, "Choose at least one invoice first.")
    return redirect(_address(choice.form))


@require_POST
@access.admin_writes
def dismiss(request: access.MemberRequest) -> HttpResponse:
    """Take the chosen ones off the list; with `again`, put dismissed ones back."""
    integration = _integration(request)
    choice = _posted_choice(integration, request.POST)
    is_dismissed = "again" not in request.POST
    try:
        count = reviewing.set_dismissed(
            integration, choice.rows, is_dismissed, user=request.user, at_most=choice.at_most
        )
    except reviewing.CannotImport as exc:
        return _page(request, integration, refusal=str(exc), status=409)
    them = "invoice" if count == 1 else "invoices"
    if not count:
        messages.warning(request, "Choose at least one invoice first.")
    elif is_dismissed:
        messages.success(request, f"{count:,} {them} dismissed. They stay under Dismissed.")
    else:
        messages.success(request, f"{count:,} {them} put back. inBuild decides about them again.")
    return redirect(_address(choice.form))


@require_safe
@access.admin_writes
def imports(request: access.MemberRequest) -> HttpResponse:
    """How far the imports are, asked again while they run."""
    return render(request, "procore_sync/_imports.html", _imports(_integration(request)))


@require_safe
@access.admin_writes
def preview(request: access.MemberRequest) -> HttpResponse:
    """The preview by itself, asked again while inBuild counts."""
    integration = _integration(request)
    context = {"preview": previewing.preview(integration), "can_change": request.membership.is_admin}
    return render(request, "procore_sync/_preview.html", context)


@require_POST
@access.admin_writes
def count_again(request: access.MemberRequest) -> HttpResponse:
    integration = _integration(request)
    integration.compare_soon()
    if request.headers.get("HX-Request"):
        context = {"preview": previewing.preview(integration), "can_change": True}
        return render(request, "procore_sync/_preview.html", context)
    messages.success(request, "inBuild counts again. Reload the page in a moment.")
    return redirect(reverse("procore_sync:settings") + "#quickbooks-sync")


def _page(
    request: access.MemberRequest, integration: ProcoreIntegration, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    choice = _choice(integration, given)
    filters, kept = choice.form.filters(), choice.form.kept()
    by_why = reviewing.totals_by_why(choice.matching)
    matching = by_why[filters.why]
    found = reviewing.page(reviewing.of_why(choice.matching, filters.why), given.get("after", "")[:80])
    names = dict(ProcoreProject.objects.filter(integration=integration).values_list("procore_id", "name"))
    # Before anybody chose: what was approved while the switch was on.
    is_fresh = "shown" not in given
    is_all = choice.is_all or (is_fresh and filters.why in reviewing.PRESELECTED and bool(found.next_cursor))
    pks = {row.pk for row in found.rows if row.why in reviewing.PRESELECTED} if is_fresh else choice.pks
    is_all = is_all and not matching.is_capped
    chosen = matching if is_all else reviewing.totals(row for row in found.rows if row.pk in pks)
    base = reverse("procore_sync:review")
    why_less = {name: value for name, value in kept.items() if name not in ("why", "off")}
    context = {
        "form": choice.form,
        "filters": filters,
        "kept": kept,
        "rows": [
            {"it": row, "project": names.get(row.project_id, ""), "is_chosen": row.pk in pks} for row in found.rows
        ],
        "matching": matching,
        "is_all": is_all,
        "chosen": chosen,
        "tabs": [
            {
                "why": why,
                "label": label,
                "total": by_why[why],
                "query": urlencode(why_less | ({"why": why} if why else {})),
            }
            for why, label in {"": "All", **reviewing.WHYS}.items()
        ],
        "is_first_page": not given.get("after"),
        "first_url": f"{base}?{urlencode(kept)}",
        "next_url": f"{base}?{urlencode(kept | {'after': found.next_cursor})}" if found.next_cursor else "",
        "off_until": mirroring.stretch_off(filters.off)[1] if filters.off else None,
        "to_review": [] if filters.why in reviewing.PRESELECTED else reviewing.banners(integration),
        "refusal": refusal,
        "cannot": _why_not(request, integration),
    } | _imports(integration)
    is_part = request.headers.get("HX-Target") == "review-list"
    return render(request, f"procore_sync/{'_review_rows' if is_part else 'review'}.html", context, status=status)


def _why_not(request: access.MemberRequest, integration: ProcoreIntegration) -> str:
    """Why *Import chosen* is greyed out, if it is."""
    if not request.membership.is_admin:
        return access.ADMINS_ONLY
    return "" if Integration.active(integration.company_id).exists() else reviewing.NEEDS_QUICKBOOKS


def _imports(integration: ProcoreIntegration) -> dict[str, Any]:
    backfills = reviewing.imports(integration)
    return {
        "imports": backfills,
        "stuck": reviewing.stuck(backfills) if backfills else [],
        "is_importing": any(backfill.waiting for backfill in backfills),
    }


def _choice(integration: ProcoreIntegration, given: QueryDict) -> Choice:
    """Raises 404 for a project or a stretch of time that is not ours."""
    form = ReviewForm(integration, given)
    if not form.is_valid() and any(name in form.errors for name in ReviewForm.FIXED):
        raise Http404
    pks = frozenset(int(pk) for pk in given.getlist("row") if pk.isdecimal() and len(pk) < 19)
    shown = given.get("shown", "")
    return Choice(
        form=form,
        matching=reviewing.find(integration, form.filters()),
        is_all="all" in given,
        pks=pks,
        shown=int(shown) if shown.isdecimal() and len(shown) < 9 else 0,
    )


def _posted_choice(integration: ProcoreIntegration, given: QueryDict) -> Choice:
    """As `_choice`, and 404 for rows of others and filters our own form cannot have sent: nothing is guessed here."""
    choice = _choice(integration, given)
    if choice.form.errors or len(choice.pks) != len(set(given.getlist("row"))):
        raise Http404
    theirs = ProcoreInvoice.objects.filter(company=integration.company_id, integration=integration, pk__in=choice.pks)
    if theirs.count() != len(choice.pks):
        raise Http404
    return choice


def _totals(choice: Choice) -> Totals:
    if choice.is_all:
        return reviewing.totals_by_why(choice.matching)[choice.form.filters().why]
    return reviewing.totals(choice.rows.only("pk", "amount_due"))


def _address(form: ReviewForm) -> str:
    kept = urlencode(form.kept())
    return reverse("procore_sync:review") + (f"?{kept}" if kept else "")


def _integration(request: access.MemberRequest) -> ProcoreIntegration:
    integration = ProcoreIntegration.active(request.membership.company)
    if integration is None:
        raise Http404
    return integration
