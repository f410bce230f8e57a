"""What a person decides about a posted invoice whose original in Procore is no longer what was posted."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounting import changing
from accounting.models import Moved
from companies import access
from invoices.models import Invoice
from procore_sync import following
from procore_sync.client import ProcoreError
from procore_sync.reading import Unreadable

GONE_ON = "Nothing to do: this has been decided, or changed again, since the page was shown."


@require_POST
@access.workers_write
def keep(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    done = "Kept. The bill in QuickBooks stays as it is; a further change asks again."
    return _decide(request, public_id, following.keep_as_is, done)


@require_POST
@access.workers_write
def update_bill(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    return _decide(request, public_id, following.update_in_books, "The bill is being updated in QuickBooks.")


@require_POST
@access.workers_write
def delete_bill(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    return _decide(request, public_id, following.delete_from_books, "The bill is being deleted from QuickBooks.")


def _decide(request: access.MemberRequest, public_id: UUID, decide: Callable[..., None], done: str) -> HttpResponse:
    """Asked from the page as it was shown: whatever stands against it is said there, and nothing has changed."""
    try:
        decide(_mine(request, public_id), user=request.user, seen=request.POST.get("seen", ""))
    except (following.NothingToDecide, Moved):
        messages.warning(request, GONE_ON)
    except (changing.CannotChange, ProcoreError, Unreadable) as exc:
        messages.warning(request, str(exc))
    else:
        messages.success(request, done)
    return redirect("invoices:detail", public_id=public_id)


def _mine(request: access.MemberRequest, public_id: UUID) -> Invoice:
    rows = Invoice.objects.select_related("vendor", "company", "bill__integration")
    return get_object_or_404(rows, company=request.membership.company, public_id=public_id)
