"""Telling Procore of payments: the setting, and *Try again* on an invoice's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from companies import access
from procore_sync import payments
from procore_sync.models import ContractPayment, Moved, ProcoreIntegration

NOTHING_TO_DO = "Nothing to do: inBuild is at it, or Procore shows this payment already."


@require_POST
@access.admin_writes
def setting(request: access.MemberRequest) -> HttpResponse:
    """*Tell Procore when a bill is paid*: saved at once; the answer shows what is stored."""
    integration = ProcoreIntegration.active(request.membership.company)
    if integration is None:
        raise Http404
    payments.set_to(integration, request.POST.get("payments") == "on", user=request.user)
    integration.refresh_from_db()
    if request.headers.get("HX-Request"):
        context = {
            "integration": integration,
            "can_change": request.membership.is_admin,
            "admins_only": access.ADMINS_ONLY,
            "just_saved_payments": True,
        }
        return render(request, "procore_sync/_payments_setting.html", context)
    return redirect("procore_sync:settings")


@require_POST
@access.workers_write
def again(request: access.MemberRequest, pk: int) -> HttpResponse:
    rows = ContractPayment.objects.select_related("invoice", "integration")
    row = get_object_or_404(rows, company=request.membership.company, pk=pk)
    try:
        if not row.again(quarantine=payments.quarantine(), user=request.user):
            messages.warning(request, NOTHING_TO_DO)
    except Moved:
        messages.warning(request, NOTHING_TO_DO)
    return redirect("invoices:detail", public_id=row.invoice.public_id)
