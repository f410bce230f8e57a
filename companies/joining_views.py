"""The page behind the link of an invitation: make an account, or join with the one that is signed in."""

from __future__ import annotations

from allauth.account.internal import flows
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from companies import access, inviting
from companies.forms import JoinForm
from companies.members import Refused
from companies.models import Invitation, Membership, User


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link has the mailbox it was sent to. Opening it changes nothing; a press joins."""
    try:
        found = inviting.find(token)
        response = _joined(request, token, found) if request.method == "POST" else None
        response = response or _page(request, found)
    except Refused as why:
        response = render(request, "companies/invitation_closed.html", {"words": why}, status=410)
    add_never_cache_headers(response)
    return response


def _page(request: HttpRequest, found: Invitation, form: JoinForm | None = None) -> HttpResponse:
    has_account = User.objects.filter(email=found.email).exists()
    context = {
        "invitation": found,
        "form": form or JoinForm(found.email),
        "has_account": has_account,
        "is_mine": request.user.is_authenticated and request.user.email == found.email,
        "path": request.path,
    }
    return render(request, "companies/invitation.html", context, status=422 if form else 200)


def _joined(request: HttpRequest, token: str, found: Invitation) -> HttpResponse | None:
    """The first page of the company, once joined; a page with what is wrong; or None for the page as it is."""
    if not isinstance(request.user, AnonymousUser):
        return _welcome(request, inviting.join(token, request.user))
    form = JoinForm(found.email, request.POST)
    if not form.is_valid():
        return _page(request, found, form)
    member = inviting.join_as_new(token, name=form.cleaned_data["name"], password=form.cleaned_data["password"])
    credentials = {"email": member.user.email}
    flows.login.perform_password_login(request, credentials, Login(user=member.user))
    return _welcome(request, member)


def _welcome(request: HttpRequest, member: Membership) -> HttpResponse:
    request.session[access.SESSION_KEY] = str(member.company.public_id)
    messages.success(request, f"You are {member.get_role_display()} of {member.company}.")
    return redirect("home")
