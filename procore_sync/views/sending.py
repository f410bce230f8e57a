"""Sending an invoice made in inBuild to Procore: choosing its commitment, its card, and the setting."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies import access
from invoices.models import Invoice
from procore_sync import presenting, sending
from procore_sync.forms import CommitmentForm
from procore_sync.models import Moved, ProcoreIntegration, SentInvoice

UNDER_WAY = "This invoice is on its way to Procore already, or there. Nothing was sent a second time."


@require_http_methods(["GET", "HEAD", "POST"])
@access.workers_write
def send(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """Choose a commitment of Procore's; the list is read from there each time."""
    invoice = _mine(request, public_id)
    if not request.membership.can_work:
        raise PermissionDenied(access.WORKERS_ONLY)
    if _stands(invoice):
        messages.info(request, UNDER_WAY)
        return redirect("invoices:detail", public_id=public_id)
    try:
        found = sending.choices(invoice)
        form = CommitmentForm(found, invoice, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            sending.send(invoice, form.chosen(), user=request.user)
            messages.success(request, "inBuild sends the invoice to Procore. It is approved there from now on.")
            return redirect("invoices:detail", public_id=public_id)
    except sending.AlreadySent:
        messages.info(request, UNDER_WAY)
        return redirect("invoices:detail", public_id=public_id)
    except sending.CannotSend as exc:
        context = {"invoice": invoice, "refusal": str(exc)}
        return render(request, "procore_sync/send.html", context, status=409 if request.method == "POST" else 200)
    status = 422 if request.method == "POST" else 200
    return render(request, "procore_sync/send.html", {"invoice": invoice, "form": form, "found": found}, status=status)


@require_POST
@access.workers_write
def again(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """Try a refused one again on the same commitment; one that waits goes on now."""
    invoice = _mine(request, public_id)
    row = get_object_or_404(SentInvoice, company=request.membership.company, invoice=invoice)
    refusal = ""
    try:
        if row.state == SentInvoice.State.REFUSED:
            _send_again(request, invoice, row)
        else:
            sending.look_now(row)
    except (sending.AlreadySent, Moved):
        refusal = UNDER_WAY
    except sending.CannotSend as exc:
        refusal = str(exc)
    if request.headers.get("HX-Request"):
        context = presenting.sent_card(invoice, request.membership) | {"refusal": refusal}
        return render(request, "procore_sync/_sent.html", context)
    if refusal:
        messages.warning(request, refusal)
    return redirect("invoices:detail", public_id=public_id)


@require_safe
@access.workers_write
def sent(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """The card alone, for polling; once Procore has decided, the whole page is read anew."""
    invoice = _mine(request, public_id)
    row = get_object_or_404(SentInvoice, company=request.membership.company, invoice=invoice)
    response = render(request, "procore_sync/_sent.html", presenting.sent_card(invoice, request.membership))
    if row.state in (SentInvoice.State.SENT, SentInvoice.State.REFUSED) and not _is_still_shown(request, row):
        response["HX-Refresh"] = "true"
    return response


@require_POST
@access.admin_writes
def setting(request: access.MemberRequest) -> HttpResponse:
    """*Send invoices made in inBuild to Procore*: saved at once; the answer shows what is stored."""
    integration = ProcoreIntegration.active(request.membership.company)
    if integration is None:
        raise Http404
    sending.set_to(integration, request.POST.get("sending") == "on", user=request.user)
    integration.refresh_from_db()
    if request.headers.get("HX-Request"):
        context = {
            "integration": integration,
            "can_change": request.membership.is_admin,
            "admins_only": access.ADMINS_ONLY,
            "just_saved_sending": True,
        }
        return render(request, "procore_sync/_sending.html", context)
    return redirect("procore_sync:settings")


def _send_again(request: access.MemberRequest, invoice: Invoice, row: SentInvoice) -> None:
    same = next((one for one in sending.choices(invoice) if one.procore_id == row.commitment_id), None)
    if same is None:
        raise sending.CannotSend("Procore no longer shows this commitment as approved. Choose another one.")
    sending.send(invoice, same, user=request.user)


def _is_still_shown(request: access.MemberRequest, row: SentInvoice) -> bool:
    """Is the page that asks for its card still right about everything around it?"""
    return request.GET.get("state") == row.state and row.invoice.state == Invoice.State.SUBMITTED


def _stands(invoice: Invoice) -> bool:
    rows = SentInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice)
    return rows.exclude(state=SentInvoice.State.REFUSED).exists()


def _mine(request: access.MemberRequest, public_id: UUID) -> Invoice:
    rows = Invoice.objects.select_related("vendor", "project", "company")
    return get_object_or_404(rows, company=request.membership.company, public_id=public_id, source="inbuild")
