"""The accountant's pages: list, one invoice, a new one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounting import filtering, list_presenting, posting, presenting
from accounting import invoice_list as listing_page
from companies import access, auditing
from invoices import amounts, recording
from invoices.forms import InvoiceForm, LineFormSet, new_lines
from invoices.models import Attachment, Invoice, WrongState
from procore_sync import presenting as procore
from procore_sync import reviewing, sending, starting
from procore_sync.models import ProcoreIntegration


@require_safe
@access.workers_write
def invoice_list(request: access.MemberRequest) -> HttpResponse:
    """Everything in the address, so that it can be sent to a colleague; see `accounting.filtering`."""
    company = request.membership.company
    wanted = filtering.read(company, request.GET)
    page = listing_page.page(company, wanted, after=request.GET.get("after", ""), adds_up="total" in request.GET)
    procore_integration = ProcoreIntegration.active(company)
    context = list_presenting.shown(request.membership, wanted, page) | {
        "is_first_page": not request.GET.get("after"),
        "procore": procore_integration,
        "to_review": reviewing.banners(procore_integration),
        "start": starting.still_to_do(request.membership, procore_integration),
    }
    template = "invoices/_list.html" if request.headers.get("HX-Target") == "invoice-list" else "invoices/list.html"
    return render(request, template, context)


@require_safe
@access.workers_write
def detail(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    invoice = _mine(request, public_id)
    lines = list(invoice.lines.select_related("cost_code").order_by("position"))
    context: dict[str, Any] = {
        "invoice": invoice,
        "lines": lines,
        "totals": {
            "gross": sum((line.gross for line in lines), Decimal(0)),
            "retainage": sum((line.retainage for line in lines), Decimal(0)),
            "net": sum((line.net for line in lines), Decimal(0)),
        },
        "mismatch": amounts.first_mismatch(
            gross=invoice.gross,
            retainage=invoice.retainage,
            amount_due=invoice.amount_due,
            lines=[(line.gross, line.retainage) for line in lines],
        ),
        "attachments": invoice.attachments.order_by("id"),
        "difference": procore.difference(invoice),
        "missing_files": procore.missing_files(invoice),
        "contract_payments": procore.contract_payments(invoice),
        "timeline": _timeline(invoice),
        "status": presenting.status(invoice),
        "can_work": request.membership.can_work,
    } | procore.sent_card(invoice, request.membership)
    if hasattr(invoice, "bill"):
        context |= presenting.bill_card(invoice.bill, request.membership)
        context["attachments"] = presenting.with_files(invoice.attachments.order_by("id"), invoice.bill)
    return render(request, "invoices/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.workers_write
def new(request: access.MemberRequest) -> HttpResponse:
    company = request.membership.company
    if not request.membership.can_work:
        raise PermissionDenied(access.WORKERS_ONLY)
    posted = request.method == "POST"
    form = InvoiceForm(company, request.POST if posted else None, request.FILES if posted else None)
    lines = LineFormSet(request.POST if posted else None, prefix="lines")
    if posted and form.is_valid() & lines.is_valid():
        with transaction.atomic():
            invoice = recording.record_upload(
                company,
                form.new_invoice(new_lines(lines)),
                project=form.cleaned_data["project"],
                pdf=form.cleaned_data["pdf"],
                user=request.user,
            )
        messages.success(request, "Saved. It goes to QuickBooks once it is approved.")
        return redirect("invoices:detail", public_id=invoice.public_id)
    status = 422 if posted else 200
    return render(request, "invoices/new.html", {"form": form, "lines": lines}, status=status)


@require_POST
@access.workers_write
def approve(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """Approve an invoice made in inBuild: from here on it takes the same way as an imported one."""
    invoice = _mine(request, public_id)
    try:
        with transaction.atomic():
            Invoice.objects.select_for_update().get(pk=invoice.pk)
            sending.refuse_approval(invoice)
            invoice.approve(by=request.user)
            auditing.record(invoice.company_id, "invoice.approved", invoice, "Approved in inBuild", user=request.user)
            posting.release(invoice, user=request.user)
    except WrongState as exc:
        messages.warning(request, str(exc))
    return redirect("invoices:detail", public_id=public_id)


@require_POST
@access.workers_write
def cancel(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    invoice = _mine(request, public_id)
    try:
        with transaction.atomic():
            Invoice.objects.select_for_update().get(pk=invoice.pk)
            sending.refuse_cancelling(invoice)
            invoice.cancel()
            auditing.record(invoice.company_id, "invoice.cancelled", invoice, "Cancelled", user=request.user)
    except WrongState as exc:
        messages.warning(request, str(exc))
    return redirect("invoices:detail", public_id=public_id)


@require_safe
@access.workers_write
def attachment(request: access.MemberRequest, public_id: UUID) -> HttpResponseBase:
    """A file, shown in the browser if it is of a kind we know, and kept from doing anything there."""
    found = get_object_or_404(Attachment, company=request.membership.company, public_id=public_id)
    is_known = found.content_type in Attachment.ENDINGS
    kind = found.content_type if is_known else "application/octet-stream"
    response = FileResponse(found.file.open("rb"), content_type=kind)
    response["Content-Disposition"] = content_disposition_header(not is_known, found.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _timeline(invoice: Invoice) -> list[auditing.Happening]:
    """Everything that happened to one invoice, oldest first, across all folders."""
    found = auditing.happenings(invoice) + procore.happenings(invoice)
    if hasattr(invoice, "bill"):
        found += presenting.happenings(invoice.bill)
    return sorted(found, key=lambda happening: happening.at)


def _mine(request: access.MemberRequest, public_id: UUID) -> Invoice:
    rows = Invoice.objects.select_related("vendor", "project", "company", "created_by", "bill__integration")
    return get_object_or_404(rows, company=request.membership.company, public_id=public_id)
