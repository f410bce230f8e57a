"""Settings → Procore: the connection, and the switch."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting.models import Integration
from companies import access
from procore_sync import connecting, importing, mirroring, presenting, previewing, reviewing
from procore_sync.forms import ConnectionForm
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject


@require_safe
@access.admin_writes
def settings_page(request: access.MemberRequest) -> HttpResponse:
    return _page(request, ConnectionForm())


@require_POST
@access.admin_writes
def connect(request: access.MemberRequest) -> HttpResponse:
    form = ConnectionForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        integration = connecting.connect(request.membership.company, form.credentials(), user=request.user)
    except connecting.CannotConnect as exc:
        form.add_error(None, str(exc))
        return _page(request, form, status=422)
    messages.success(request, f"Connected to {integration.procore_company_name}.")
    return redirect("procore_sync:settings")


@require_POST
@access.admin_writes
def check(request: access.MemberRequest) -> HttpResponse:
    """*Test connection*."""
    integration = _active_or_404(request)
    connecting.check(integration)
    if integration.check_result:
        messages.error(request, integration.check_result)
    else:
        messages.success(request, "Procore answers, and every project has its webhook.")
    return redirect("procore_sync:settings")


@require_POST
@access.admin_writes
def check_invoice(request: access.MemberRequest, pk: int) -> HttpResponse:
    """Ask Procore again about one invoice that was not imported."""
    row = get_object_or_404(ProcoreInvoice, company=request.membership.company, pk=pk, invoice=None)
    importing.ask_again(row)
    messages.success(
        request, "inBuild asks Procore again. The reason here changes within seconds, or the invoice appears."
    )
    return redirect("procore_sync:settings")


@require_POST
@access.admin_writes
def disconnect(request: access.MemberRequest) -> HttpResponse:
    connecting.disconnect(_active_or_404(request), user=request.user)
    messages.success(request, "Procore is disconnected. Invoices already imported stay and keep syncing.")
    return redirect("procore_sync:settings")


@require_POST
@access.admin_writes
def switch(request: access.MemberRequest) -> HttpResponse:
    """Set the switch to the posted value; the answer shows what is stored, whatever was asked."""
    integration = _active_or_404(request)
    wanted = request.POST.get("switch") == "on"
    refusal = ""
    try:
        mirroring.set_to(integration, wanted, user=request.user)
    except mirroring.CannotSwitch as exc:
        refusal = str(exc)
    if request.headers.get("HX-Request"):
        context = _section(request, integration) | {"refusal": refusal, "just_saved": not refusal}
        return render(request, "procore_sync/_quickbooks_sync.html", context, status=409 if refusal else 200)
    if refusal:
        messages.error(request, refusal)
        return _page(request, ConnectionForm(), status=409)
    return redirect("procore_sync:settings")


@require_POST
@access.admin_writes
def approved_as_noted(request: access.MemberRequest) -> HttpResponse:
    """Set whether *Approved as Noted* counts as approved."""
    integration = _active_or_404(request)
    integration.let_approved_as_noted_count(request.POST.get("counts") == "on", user=request.user)
    if request.headers.get("HX-Request"):
        context = _section(request, integration) | {"just_saved_noted": True}
        return render(request, "procore_sync/_quickbooks_sync.html", context)
    return redirect(reverse("procore_sync:settings") + "#quickbooks-sync")


def _page(request: access.MemberRequest, form: ConnectionForm, status: int = 200) -> HttpResponse:
    integration = ProcoreIntegration.active(request.membership.company)
    context: dict[str, Any] = {
        "form": form,
        "integration": integration,
        "to_review": reviewing.banners(integration),
    }
    if integration:
        projects = ProcoreProject.objects.filter(company=request.membership.company, integration=integration)
        context |= {
            "projects": projects.order_by("number", "name"),
            "not_imported": presenting.not_imported(integration),
            "why_page": presenting.WHY_PAGE,
            "unreadable": presenting.unreadable(integration),
            "admins_only": access.ADMINS_ONLY,
            "can_change": request.membership.is_admin,
        } | _section(request, integration)
    return render(request, "procore_sync/settings.html", context, status=status)


def _section(request: access.MemberRequest, integration: ProcoreIntegration) -> dict[str, Any]:
    """What the QuickBooks Sync section shows; it is hidden without an active QuickBooks integration."""
    quickbooks = Integration.active(integration.company_id).order_by("id").first()
    period = mirroring.open_period(integration)
    return {
        "integration": integration,
        "quickbooks": quickbooks,
        "period": period,
        "preview": None if period else previewing.preview(integration),
        "history": presenting.history(integration),
        "last_period": mirroring.last_period(integration),
        "can_change": request.membership.is_admin,
        "admins_only": access.ADMINS_ONLY,
    }


def _active_or_404(request: access.MemberRequest) -> ProcoreIntegration:
    integration = ProcoreIntegration.active(request.membership.company)
    if integration is None:
        raise Http404
    return integration
