"""Connecting with a Procore user: off to Procore, and back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from companies import access
from procore_sync import connecting, tokens
from procore_sync.forms import UserForm
from procore_sync.views.settings import page


@require_POST
@access.admin_writes
def authorize(request: access.MemberRequest) -> HttpResponse:
    """*Connect with your Procore user*."""
    if not tokens.offers_user_grant():
        raise Http404
    form = UserForm(request.POST)
    if not form.is_valid():
        return page(request, user_form=form, status=422)
    company = request.membership.company
    wanted = form.cleaned_data["procore_company_id"]
    return redirect(connecting.begin(company, wanted, user=request.user, session_key=_session(request)))


@require_safe
@never_cache
@access.admin_writes
def callback(request: access.MemberRequest) -> HttpResponse:
    """Where Procore sends the browser back to. Redirects at once, so that no code stays in the address bar."""
    given = request.GET
    try:
        begun = connecting.accept_state(given.get("state", ""), user=request.user, session_key=_session(request))
        if given.get("error"):
            raise connecting.CannotConnect("You cancelled. Nothing was changed.")
        integration = connecting.finish(begun, user=request.user, code=given.get("code", ""))
    except connecting.CannotConnect as exc:
        messages.error(request, str(exc))
    else:
        messages.success(request, f"Connected to {integration.procore_company_name}.")
    return redirect("procore_sync:settings")


def _session(request: access.MemberRequest) -> str:
    return request.session.session_key or ""
