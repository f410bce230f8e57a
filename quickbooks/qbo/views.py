"""Connect, callback, disconnect."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounting.models import Integration
from companies import access
from qbo import connecting


@require_POST
@access.admin_writes
def connect(request: access.MemberRequest) -> HttpResponse:
    try:
        return redirect(connecting.begin(request.membership.company, request.user, _session(request)))
    except connecting.CannotConnect as exc:
        messages.error(request, str(exc))
        return redirect("accounting:integrations")


@require_safe
@never_cache
@access.admin_writes
def callback(request: access.MemberRequest) -> HttpResponse:
    """Where Intuit sends the browser back to. Redirects at once, so that no code stays in the address bar."""
    given = request.GET
    try:
        company = connecting.accept_state(given.get("state", ""), request.user, _session(request))
        if given.get("error"):
            raise connecting.CannotConnect("You cancelled. Nothing was changed.")
        integration, freed = connecting.finish(
            company, request.user, code=given.get("code", ""), realm=given.get("realmId", "")
        )
    except connecting.CannotConnect as exc:
        messages.error(request, str(exc))
    else:
        going = f" {freed:,} waiting invoice{'s go' if freed != 1 else ' goes'} on." if freed else ""
        messages.success(request, f"Connected to {integration.account_name}.{going}")
    return redirect("accounting:integrations")


@require_POST
@access.admin_writes
def disconnect(request: access.MemberRequest, pk: int) -> HttpResponse:
    active = Integration.active(request.membership.company).filter(kind=Integration.Kind.QBO)
    connecting.disconnect(get_object_or_404(active, pk=pk), request.user)
    messages.success(request, "QuickBooks Online is disconnected. Bills wait; mappings are kept.")
    return redirect("accounting:integrations")


def _session(request: access.MemberRequest) -> str:
    return request.session.session_key or ""
