"""Settings → Accounting Integrations: the connection, what waits, and what the books are set to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import Count, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounting import configuring, following, listing, lists, preflight, routing, setup
from accounting.backends import WAITS_FOR_PC, NeedsReconnect, NotSent
from accounting.models import Bill, Integration, ListEntry
from accounting.noticing import AHEAD
from accounting.views import choosing
from companies import access
from companies.models import Company
from qbd import presenting as desktop

COUNTED = (
    ListEntry.Kind.VENDOR,
    ListEntry.Kind.CUSTOMER,
    ListEntry.Kind.ACCOUNT,
    ListEntry.Kind.ITEM,
    ListEntry.Kind.CLASS,
    ListEntry.Kind.LOCATION,
    ListEntry.Kind.TERM,
)


@require_safe
@access.admin_writes
def integrations(request: access.MemberRequest) -> HttpResponse:
    company = request.membership.company
    integration = choosing.chosen(request)
    context: dict[str, Any] = {
        "integration": integration,
        "admins_only": access.ADMINS_ONLY,
        "why_not_online": configuring.why_not(company, Integration.Kind.QBO),
        "why_not_desktop": configuring.why_not(company, Integration.Kind.QBD),
        "former_files": desktop.former_files(company),
        "desktop": desktop.card(integration) if integration else None,
    }
    if integration:
        context |= choosing.among(request, integration) | {
            "undecided": routing.undecided(company),
            "waiting": _waiting(company),
            "settings_rows": [(step, setup.value(step, integration)) for step in setup.steps(integration)],
            "counts": _counts(integration),
            "ends_soon": integration.ends_at and integration.ends_at < timezone.now() + AHEAD,
            "to_confirm": configuring.waiting(company).count() if integration.confirm_switch else None,
            "causes": len(listing.causes(company.pk, listing.tabs(integration))),
        }
    return render(request, "accounting/integrations.html", context)


@require_POST
@access.admin_writes
def refresh_lists(request: access.MemberRequest, pk: int) -> HttpResponse:
    integration = _mine(request, pk)
    try:
        freed = lists.refresh(integration)
    except NotSent as exc:
        if exc.problem == WAITS_FOR_PC:
            following.at_next_call(integration)
            messages.success(request, "The lists are read when the Web Connector on the PC calls next.")
        else:
            messages.error(request, "QuickBooks cannot be reached just now. Try again in a minute.")
    except NeedsReconnect:
        integration.needs_reconnect()
        messages.error(request, "QuickBooks no longer accepts inBuild's connection. Reconnect it.")
    else:
        messages.success(request, f"The lists were read from QuickBooks.{going_on(freed.bills)}")
    return redirect("accounting:integrations")


@require_POST
@access.admin_writes
def check(request: access.MemberRequest, pk: int) -> HttpResponse:
    """Look at the books now; what comes of it stands on the page."""
    integration = _mine(request, pk)
    freed = preflight.check(integration)
    if integration.kind == Integration.Kind.QBD:
        following.at_next_call(integration)
        words = "What the PC showed last was checked. It is checked again when the Web Connector calls next."
        messages.success(request, words + going_on(freed))
    else:
        messages.success(request, f"QuickBooks was checked.{going_on(freed)}")
    return redirect("accounting:integrations")


@require_POST
@access.admin_writes
def pause(request: access.MemberRequest, pk: int) -> HttpResponse:
    """Set to paused or not, never flipped: a second press changes nothing."""
    integration = _mine(request, pk)
    if request.POST.get("pause") == "on":
        configuring.pause(integration, user=request.user)
        messages.success(request, "QuickBooks Sync is paused. Bills wait; nothing is lost.")
    else:
        freed = configuring.resume(integration, user=request.user)
        messages.success(request, f"QuickBooks Sync goes on.{going_on(freed)}")
    return redirect("accounting:integrations")


@require_POST
@access.admin_writes
def waiting_bills(request: access.MemberRequest, pk: int, deed: str) -> HttpResponse:
    """An admin says what becomes of bills that waited for another QuickBooks company."""
    integration = _mine(request, pk)
    if deed == "send":
        count = configuring.send_waiting(integration, user=request.user)
        messages.success(request, f"{count} waiting bill{'s' if count != 1 else ''} go to {integration.account_name}.")
    elif deed == "skip":
        count = configuring.skip_waiting(integration, user=request.user)
        messages.success(request, f"{count} waiting bill{'s were' if count != 1 else ' was'} skipped.")
    else:
        raise Http404
    return redirect("accounting:integrations")


def going_on(bills: int) -> str:
    return f" {bills:,} waiting bill{'s' if bills != 1 else ''} went on." if bills else ""


def _waiting(company: Company) -> dict[str, Any]:
    """Bills that are not in QuickBooks yet, and what they come to where they are of one currency."""
    rows = Bill.objects.filter(company=company).exclude(state__in=[Bill.State.SYNCED, Bill.State.SKIPPED])
    found = rows.aggregate(
        count=Count("pk"),
        total=Sum("invoice__amount_due", default=Decimal(0)),
        currencies=Count("invoice__currency", distinct=True),
    )
    return found | {"is_mixed": found["currencies"] > 1}


def _counts(integration: Integration) -> list[tuple[str, int]]:
    rows = ListEntry.objects.filter(integration=integration, active=True).values("kind").annotate(count=Count("pk"))
    found = {row["kind"]: row["count"] for row in rows}
    counted = [kind for kind in COUNTED if kind != ListEntry.Kind.LOCATION or integration.kind == Integration.Kind.QBO]
    return [(_named(kind, integration), found.get(kind.value, 0)) for kind in counted]


def _named(kind: ListEntry.Kind, integration: Integration) -> str:
    """As the books call it: on a PC a project is a job of its customer."""
    on_pc = integration.kind == Integration.Kind.QBD
    return "Customer:Job" if on_pc and kind == ListEntry.Kind.CUSTOMER else str(kind.label)


def _mine(request: access.MemberRequest, pk: int) -> Integration:
    found = get_object_or_404(Integration.active(request.membership.company), pk=pk)
    choosing.remember(request, found)
    return found
