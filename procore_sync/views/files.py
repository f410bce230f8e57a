"""What a person may do about a file that did not come along."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from companies import access
from procore_sync.models import ProcoreAttachment


@require_POST
@access.workers_write
def retry(request: access.MemberRequest, pk: int) -> HttpResponse:
    rows = ProcoreAttachment.objects.select_related("procore_invoice__invoice")
    mine = rows.filter(company=request.membership.company, procore_invoice__invoice__isnull=False)
    file = get_object_or_404(mine, pk=pk)
    if not file.retry(user=request.user):
        messages.warning(request, "Nothing to do: inBuild is copying this file, or has it already.")
    return redirect("invoices:detail", public_id=file.procore_invoice.invoice.public_id)  # type: ignore[union-attr]
