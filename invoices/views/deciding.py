"""What is decided about an invoice made here: submit, approve, reject with a reason, cancel."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounting import posting
from companies import access, auditing
from invoices import approving, editing
from invoices.models import REASON, Invoice, WrongState
from procore_sync import sending


@require_POST
@access.workers_write
def submit(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """A draft is done: from here on it waits, as it is, for whoever may approve it."""

    def move(invoice: Invoice) -> None:
        invoice.submit()
        auditing.record(invoice.company_id, "invoice.submitted", invoice, "Submitted for approval", user=request.user)

    return _decide(request, public_id, move)


@require_POST
@access.workers_write
def approve(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """Approve an invoice made in inBuild: from here on it takes the same way as an imported one."""

    def move(invoice: Invoice) -> None:
        sending.refuse_approval(invoice)
        approving.refuse(invoice, request.membership)
        invoice.approve(by=request.user)
        auditing.record(invoice.company_id, "invoice.approved", invoice, "Approved in inBuild", user=request.user)
        posting.release(invoice, user=request.user)

    return _decide(request, public_id, move)


@require_POST
@access.workers_write
def reject(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """Back to a draft, with what is to be mended. Whoever works on invoices may: it moves no money."""
    why = "\n".join(request.POST.get("why", "").replace("\0", "").splitlines()).strip()
    if not why or len(why) > REASON:
        long = f"The reason has {len(why):,} characters, and may have {REASON:,}."
        messages.error(request, f"{long if why else 'Say why it is rejected.'} Nothing was changed.")
        return redirect("invoices:detail", public_id=_mine(request, public_id).public_id)

    def move(invoice: Invoice) -> None:
        sending.refuse_rejection(invoice)
        invoice.reject(why, by=request.user)
        auditing.record(
            invoice.company_id, "invoice.rejected", invoice, f"Rejected: {why}", user=request.user, after={"why": why}
        )

    return _decide(request, public_id, move)


@require_POST
@access.workers_write
def cancel(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    def move(invoice: Invoice) -> None:
        sending.refuse_cancelling(invoice)
        invoice.cancel()
        auditing.record(invoice.company_id, "invoice.cancelled", invoice, "Cancelled", user=request.user)

    return _decide(request, public_id, move)


def _decide(request: access.MemberRequest, public_id: UUID, move: Callable[[Invoice], None]) -> HttpResponse:
    """Under the lock on the invoice, and only if it still says what the person was shown."""
    invoice = _mine(request, public_id)
    try:
        with transaction.atomic():
            now = editing.locked(invoice)
            if seen := request.POST.get("seen"):
                editing.must_be(now, seen)
            move(now)
    except WrongState as exc:
        messages.warning(request, str(exc))
    return redirect("invoices:detail", public_id=public_id)


def _mine(request: access.MemberRequest, public_id: UUID) -> Invoice:
    return get_object_or_404(Invoice, company=request.membership.company, public_id=public_id)
