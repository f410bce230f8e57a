"""Settings → Accounting Integrations."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounting import configuring, lists
from accounting.backends import NeedsReconnect, NotSent
from accounting.forms import PostingSettingsForm
from accounting.models import Bill, Integration
from companies import access


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
        freed = lists.refresh(integration)
        configuring.suggest_accounts_payable(integration)
    except NotSent:
        messages.error(request, "QuickBooks cannot be reached just now. Try again in a minute.")
    except NeedsReconnect:
        integration.needs_reconnect()
        messages.error(request, "QuickBooks no longer accepts inBuild's connection. Reconnect it.")
    else:
        going = f" {freed.bills} waiting bill{'s' if freed.bills != 1 else ''} went on." if freed.bills else ""
        messages.success(request, f"The lists were read from QuickBooks.{going}")
    return redirect("accounting:integrations")


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
