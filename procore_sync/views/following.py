"""What a person decides about a posted invoice whose original in Procore is no longer what was posted."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from companies import access
from invoices.models import Invoice
from procore_sync import following

GONE_ON = "Nothing to do: this has been decided, or changed again, since the page was shown."


@require_POST
@access.workers_write
def keep(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    invoice = _mine(request, public_id)
    try:
        following.keep_as_is(invoice, user=request.user, seen=request.POST.get("seen", ""))
    except following.NothingToKeep:
        messages.warning(request, GONE_ON)
    else:
        messages.success(request, "Kept. The bill in QuickBooks stays as it is; a further change asks again.")
    return redirect("invoices:detail", public_id=public_id)


def _mine(request: access.MemberRequest, public_id: UUID) -> Invoice:
    rows = Invoice.objects.select_related("vendor", "company", "bill__integration")
    return get_object_or_404(rows, company=request.membership.company, public_id=public_id)
