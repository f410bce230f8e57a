"""Who may do what: the three roles, and the company a request acts in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers

from companies import sessions
from companies.models import Membership, Role, User
from inbuild.fields import seal, unseal
from inbuild.written import Written

ADMINS_ONLY = "Only company admins can change this setting."
WORKERS_ONLY = "Viewers can look at invoices but not change them. Ask an accountant or a company admin."
NO_COMPANY = "You are not a member of any company. Ask a company admin to invite you."
SESSION_KEY = "company"


class MemberRequest(HttpRequest):
    """A request of a signed-in member; `membership` is read anew for every request."""

    membership: Membership
    user: User


def membership_of(request: HttpRequest) -> Membership | None:
    """The membership this request acts with: the chosen company, else the first one."""
    if not request.user.is_authenticated:
        return None
    if not hasattr(request, "_membership"):
        mine = sorted(memberships_of(request), key=lambda membership: membership.pk)
        chosen = [each for each in mine if str(each.company.public_id) == request.session.get(SESSION_KEY)]
        request._membership = next(iter(chosen + mine), None)  # type: ignore[attr-defined]
    return request._membership  # type: ignore[attr-defined,no-any-return]


def memberships_of(request: HttpRequest) -> list[Membership]:
    """All companies that the user may switch to, by name; read once for a request."""
    if not request.user.is_authenticated:
        return []
    if not hasattr(request, "_memberships"):
        request._memberships = _OF_USER(request.user.pk)  # type: ignore[attr-defined]
    return request._memberships  # type: ignore[attr-defined,no-any-return]


_OF_USER = Written(
    lambda user_id: (
        Membership.objects.filter(user_id=user_id).select_related("company").order_by("company__name", "pk")
    ),
    int,
)


def _view_for(roles_that_write: frozenset[str], refusal: str) -> Callable[[Callable[..., HttpResponseBase]], Any]:
    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @login_required
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            membership = membership_of(request)
            if membership is None:
                raise PermissionDenied(NO_COMPANY)
            if request.method not in ("GET", "HEAD") and membership.role not in roles_that_write:
                raise PermissionDenied(refusal)
            request.membership = membership  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        return checked

    return decorate


member_reads = _view_for(frozenset(Role.values), "")
"""Any member, whatever the method: for choosing one's own company and the like."""

admin_writes = _view_for(frozenset({Role.ADMIN}), ADMINS_ONLY)
"""Every member may look; anything but GET needs a company admin. For all settings pages."""

workers_write = _view_for(frozenset({Role.ADMIN, Role.ACCOUNTANT}), WORKERS_ONLY)
"""Every member may look; anything but GET needs an accountant or an admin. For invoices."""


class PrivatePages:
    """Intuit: security requirements. Pages of signed-in people are kept by no cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response


class SealedSecrets(DefaultMFAAdapter):  # type: ignore[misc]
    """The secrets of second factors are encrypted at rest like every other secret."""

    def encrypt(self, text: str) -> str:
        return seal(text, "second-factor")

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, "second-factor")


class ClosedSignUp(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by invitation; nobody signs up by themselves."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": "This account may no longer sign in. Ask a company admin at your company.",
        "email_password_mismatch": "The email address or the password is not right.",
        "too_many_login_attempts": "Too many failed attempts. Wait five minutes, then try again.",
        "rate_limited": "Too many attempts. Wait a minute, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        sessions.begin(request)
