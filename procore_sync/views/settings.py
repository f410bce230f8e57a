"""Settings → Procore: the connection, and the switch."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting.models import Integration
from companies import access
from procore_sync import connecting, hooks, importing, mirroring, noticing, presenting, previewing, reviewing, tokens
from procore_sync.forms import ConnectionForm, UserForm
from procore_sync.models import ProcoreIntegration, ProcoreInvoice


@require_safe
@access.admin_writes
def settings_page(request: access.MemberRequest) -> HttpResponse:
    return page(request)


@require_POST
@access.admin_writes
def connect(request: access.MemberRequest) -> HttpResponse:
    form = ConnectionForm(request.POST)
    if not form.is_valid():
        return page(request, form, status=422)
    try:
        integration = connecting.connect(request.membership.company, form.credentials(), user=request.user)
    except connecting.CannotConnect as exc:
        form.add_error(None, str(exc))
        return page(request, form, status=422)
    messages.success(request, f"Connected to {integration.procore_company_name}.")
    return redirect("procore_sync:settings")


@require_POST
@access.admin_writes
def check(request: access.MemberRequest) -> HttpResponse:
    """*Test connection*: goes on in the background; the page shows how far it is."""
    _active_or_404(request).check_soon()
    return redirect("procore_sync:settings")


@require_safe
@access.admin_writes
def progress(request: access.MemberRequest) -> HttpResponse:
    """How far the test is; once it is over, the whole card."""
    integration = _active_or_404(request)
    if integration.is_being_checked:
        return render(
            request, "procore_sync/_check.html", {"integration": integration, **presenting.check(integration)}
        )
    response = render(request, "procore_sync/_connection_card.html", _connection(request, integration))
    response["HX-Retarget"], response["HX-Reswap"] = "#connection", "outerHTML"
    return response


@require_POST
@access.admin_writes
def rotate_secret(request: access.MemberRequest) -> HttpResponse:
    try:
        hooks.rotate(_active_or_404(request), user=request.user)
    except hooks.CannotRotate as exc:
        messages.error(request, str(exc))
    else:
        messages.success(request, "Each webhook is given a new secret now. No message from Procore is lost meanwhile.")
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
        return page(request, status=409)
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


def page(
    request: access.MemberRequest,
    form: ConnectionForm | None = None,
    *,
    user_form: UserForm | None = None,
    status: int = 200,
) -> HttpResponse:
    integration = ProcoreIntegration.active(request.membership.company)
    context = _connection(request, integration, form, user_form)
    context["to_review"] = reviewing.banners(integration)
    if integration:
        context |= {
            "not_imported": presenting.not_imported(integration),
            "unreadable": presenting.unreadable(integration),
            "admins_only": access.ADMINS_ONLY,
            "can_change": request.membership.is_admin,
        } | _section(request, integration)
    return render(request, "procore_sync/settings.html", context, status=status)


def _connection(
    request: access.MemberRequest,
    integration: ProcoreIntegration | None,
    form: ConnectionForm | None = None,
    user_form: UserForm | None = None,
) -> dict[str, Any]:
    """What the Connection card shows."""
    names = ("environment", "procore_company_id") if integration else ()
    known = {name: getattr(integration, name) for name in names}
    context: dict[str, Any] = {
        "integration": integration,
        "form": form or ConnectionForm(initial=known),
        "user_form": (user_form or UserForm(initial=known)) if tokens.offers_user_grant() else None,
        "user_environment": settings.PROCORE_ENVIRONMENTS[settings.PROCORE_CLIENT_ENVIRONMENT]["label"],
    }
    if integration:
        context |= presenting.check(integration) | presenting.connection(integration)
        context["reconnect_words"] = noticing.lost(integration)
    return context


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
