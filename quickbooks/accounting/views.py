"""Settings → Accounting Integrations, and what a person may do with one bill."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounting import changing, configuring, posting
from accounting.backends import NeedsReconnect, NotSent, backend_for
from accounting.forms import PostingSettingsForm
from accounting.models import Bill, Integration, Moved
from accounting.presenting import bill_card
from companies import access
from procore_sync.importing import look_again


@require_safe
@access.admin_writes
def integrations(request: access.MemberRequest) -> HttpResponse:
    return _page(request)


@require_POST
@access.admin_writes
def save_accounts(request: access.MemberRequest, pk: int) -> HttpResponse:
    integration = _mine(request, pk)
    form = PostingSettingsForm(request.POST, instance=integration)
    if not form.is_valid():
        return _page(request, form, status=422)
    released = configuring.save(_mine(request, pk), user=request.user, **form.cleaned_data)
    going = f" {released} waiting bill{'s' if released != 1 else ''} went on." if released else ""
    messages.success(request, f"Saved.{going}")
    return redirect("accounting:integrations")


@require_POST
@access.admin_writes
def refresh_lists(request: access.MemberRequest, pk: int) -> HttpResponse:
    integration = _mine(request, pk)
    try:
        backend_for(integration).refresh_lists(integration)
        configuring.suggest_accounts_payable(integration)
    except NotSent:
        messages.error(request, "QuickBooks cannot be reached just now. Try again in a minute.")
    except NeedsReconnect:
        integration.needs_reconnect()
        messages.error(request, "QuickBooks no longer accepts inBuild's connection. Reconnect it.")
    else:
        messages.success(request, "The accounts were read from QuickBooks.")
    return redirect("accounting:integrations")


@require_POST
@access.workers_write
def act(request: access.MemberRequest, public_id: UUID, action: str) -> HttpResponse:
    """One deed on one bill. A second click finds the bill gone on and says so."""
    bills = Bill.objects.select_related("invoice__vendor", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    refusal = ""
    try:
        if action == "skip":
            posting.skip(bill, user=request.user)
        elif action in ("as_credit", "as_bill"):
            kind = Bill.Kind.VENDOR_CREDIT if action == "as_credit" else Bill.Kind.BILL
            posting.choose(bill, user=request.user, kind=kind)
        elif action == "post_on_open_day":
            posting.choose(bill, user=request.user, posting_date=posting.first_open_day(bill))
        else:
            look_again(bill.invoice)
            posting.retry(bill, user=request.user, sync_anyway=action == "sync_anyway")
    except Moved:
        refusal = "Nothing to do: the bill has gone on since this page was shown."
    if request.headers.get("HX-Request"):
        bill.refresh_from_db()
        return render(request, "accounting/_bill.html", bill_card(bill, request.membership) | {"refusal": refusal})
    if refusal:
        messages.warning(request, refusal)
    return redirect("invoices:detail", public_id=public_id)


@require_POST
@access.workers_write
def change(request: access.MemberRequest, public_id: UUID, action: str) -> HttpResponse:
    """A change of a posted bill was not possible: try it again, or leave the bill as it is."""
    bills = Bill.objects.select_related("invoice__vendor", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    try:
        (changing.again if action == "again" else changing.keep)(bill, user=request.user)
    except Moved:
        messages.warning(request, "Nothing to do: the bill has gone on since this page was shown.")
    return redirect("invoices:detail", public_id=public_id)


@require_safe
@access.workers_write
def bill_status(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """The bill's card alone, for polling; it stops asking by itself when the bill is at rest."""
    bills = Bill.objects.select_related("invoice__vendor", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    return render(request, "accounting/_bill.html", bill_card(bill, request.membership))


def _page(request: access.MemberRequest, form: PostingSettingsForm | None = None, status: int = 200) -> HttpResponse:
    company = request.membership.company
    integration = Integration.active(company).select_related("connected_by").order_by("id").first()
    context: dict[str, Any] = {"integration": integration, "admins_only": access.ADMINS_ONLY}
    if integration:
        waiting = Bill.objects.filter(company=company).exclude(state__in=[Bill.State.SYNCED, Bill.State.SKIPPED])
        context |= {"form": form or PostingSettingsForm(instance=integration), "waiting": waiting.count()}
    return render(request, "accounting/integrations.html", context, status=status)


def _mine(request: access.MemberRequest, pk: int) -> Integration:
    return get_object_or_404(Integration.active(request.membership.company), pk=pk)
