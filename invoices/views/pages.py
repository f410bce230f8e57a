"""The accountant's pages: the list, and one invoice with what happened to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting import coding, filtering, list_presenting, mapping, presenting
from accounting import invoice_list as listing_page
from accounting.models import Bill
from companies import access, auditing, calling
from inbuild.written import Written
from invoices import amounts, approving, commenting, editing
from invoices.models import REASON, Attachment, InboxFile, Invoice
from procore_sync import following, reviewing, starting
from procore_sync import presenting as procore
from procore_sync.models import ProcoreIntegration, ProcoreInvoice


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
        "inbox_count": InboxFile.open_in(company).count(),
    }
    template = "invoices/_list.html" if request.headers.get("HX-Target") == "invoice-list" else "invoices/list.html"
    return render(request, template, context)


@require_safe
@access.workers_write
def detail(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    invoice = _mine(request, public_id)
    bill: Bill | None = getattr(invoice, "bill", None)
    lines = mapping.lines_of(invoice)
    posts_to = coding.of(invoice, bill, lines)
    files = list(invoice.attachments.order_by("id"))
    original = following.original_of(invoice)
    context: dict[str, Any] = {
        "invoice": invoice,
        "lines": [{"line": line, "place": place} for line, place in zip(lines, posts_to.places, strict=True)],
        "coding": posts_to,
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
        "attachments": presenting.with_files(files, bill) if bill else files,
        "paper": _chosen(files, request.GET.get("file", "")),
        "difference": procore.difference(invoice, original),
        "missing_files": procore.missing_files(invoice),
        "contract_payments": procore.contract_payments(invoice),
        "timeline": _timeline(invoice, bill, original),
        "status": presenting.status(invoice),
        "can_work": request.membership.can_work,
        "workers_only": access.WORKERS_ONLY,
        "comment_length": commenting.LENGTH,
        "beside": _beside(invoice, filtering.read(invoice.company, request.GET)),
    } | procore.sent_card(invoice, request.membership)
    if invoice.state in (Invoice.State.DRAFT, Invoice.State.SUBMITTED):
        context |= {
            "approval_refusal": approving.refusal(invoice, request.membership),
            "seen": editing.content_key(invoice),
            "reason_length": REASON,
        }
    if bill is not None:
        context |= presenting.bill_card(bill, request.membership)
    return render(request, "invoices/detail.html", context)


@require_POST
@access.workers_write
def comment(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    invoice = _mine(request, public_id)
    try:
        commenting.comment(invoice, request.POST.get("text", ""), user=request.user)
    except commenting.NotAComment as exc:
        messages.error(request, str(exc))
    return redirect(reverse("invoices:detail", kwargs={"public_id": public_id}) + "#timeline")


@require_safe
@access.member_reads
def calls(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """The calls that left for Procore and Intuit because of one invoice, for company admins only."""
    invoice = _mine(request, public_id)
    if not request.membership.is_admin:
        raise PermissionDenied(calling.ADMINS_ONLY)
    found = calling.page(invoice.company_id, procore.call_subjects(invoice), before=request.GET.get("before", ""))
    books: Bill | None = getattr(invoice, "bill", None)
    is_desktop = books is not None and books.integration is not None and books.integration.kind == "qbd"
    context = {"invoice": invoice, "page": found, "is_first_page": not request.GET.get("before")}
    return render(request, "invoices/calls.html", context | {"is_desktop": is_desktop})


def _beside(invoice: Invoice, wanted: filtering.Filter) -> dict[str, Any]:
    """The list that led here, and the invoices before and after this one in it."""
    before, after = filtering.neighbours(invoice.company, wanted, invoice)
    return {
        "query": f"?{wanted.query}" if wanted.query else "",
        "ways": [("Previous", "prev", before), ("Next", "next", after)],
    }


def _chosen(files: list[Attachment], wanted: str) -> dict[str, Any] | None:
    """The file shown beside the lines: the one the address names, else the first, and how a browser may show it."""
    file = next((file for file in files if str(file.public_id) == wanted), next(iter(files), None))
    if file is None:
        return None
    return {"file": file, "is_pdf": file.begins_like_a_pdf(), "is_there": file.file.storage.exists(str(file.file.name))}


def _timeline(invoice: Invoice, bill: Bill | None, original: ProcoreInvoice | None) -> list[auditing.Happening]:
    """Everything that happened to one invoice, oldest first, across all folders."""
    found = auditing.happenings(invoice) + procore.happenings(invoice, original)
    if bill is not None:
        found += presenting.happenings(bill)
    return sorted(found, key=lambda happening: happening.at)


def _mine(request: access.MemberRequest, public_id: UUID) -> Invoice:
    company = request.membership.company
    invoice = next(iter(_ONE(company.pk, public_id)), None)
    if invoice is None:
        raise Http404
    invoice.company = company
    if bill := getattr(invoice, "bill", None):
        bill.company = company
    return invoice


_ONE = Written(
    lambda company_id, public_id: Invoice.objects.filter(company_id=company_id, public_id=public_id).select_related(
        "vendor", "project", "created_by", "bill__integration"
    ),
    int,
    UUID,
)
