"""Settings → Members: who is in the company, their roles, and who is invited. Admins change it, everybody may look."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from companies import access, inviting
from companies import members as deeds
from companies.forms import InviteForm
from companies.models import Invitation, Mail, Membership, Role
from inbuild.queue import database_now

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@access.admin_writes
def members(request: access.MemberRequest) -> HttpResponse:
    """The list; a POST invites somebody."""
    form = InviteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            role = Role(form.cleaned_data["role"])
            invitation = inviting.invite(request.membership, form.cleaned_data["email"], role)
        except deeds.Refused as why:
            form.add_error("email", str(why))
        else:
            messages.success(request, f"Invited {invitation.email}. The e-mail is on its way.")
            return redirect("members:list")
    status = 422 if request.method == "POST" else 200
    return render(request, "companies/members.html", _shown(request) | {"form": form}, status=status)


@require_POST
@access.admin_writes
def change_role(request: access.MemberRequest, pk: int) -> HttpResponse:
    member = get_object_or_404(_colleagues(request), pk=pk)
    if request.POST.get("role") not in Role.values:
        messages.error(request, "Choose a role from the list.")
        return redirect("members:list")
    try:
        changed = deeds.change_role(request.membership, member.pk, Role(request.POST["role"]))
    except deeds.Refused as why:
        messages.error(request, str(why))
    else:
        messages.success(request, f"{changed.user} now is {changed.get_role_display()}.")
    return redirect("members:list")


@require_POST
@access.admin_writes
def remove(request: access.MemberRequest, pk: int) -> HttpResponse:
    member = get_object_or_404(_colleagues(request), pk=pk)
    try:
        removed = deeds.remove(request.membership, member.pk)
    except deeds.Refused as why:
        messages.error(request, str(why))
    else:
        messages.success(request, f"{removed.user} was removed and is signed out everywhere.")
    return redirect("members:list")


@require_POST
@access.member_reads
def leave(request: access.MemberRequest) -> HttpResponse:
    """Anybody may leave, but for the only admin."""
    try:
        deeds.leave(request.membership)
    except deeds.Refused as why:
        messages.error(request, str(why))
        return redirect("members:list")
    request.session.pop(access.SESSION_KEY, None)
    messages.success(request, f"You left {request.membership.company}.")
    return redirect("home")


@require_POST
@access.admin_writes
def send_again(request: access.MemberRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, company=request.membership.company, pk=pk)
    try:
        inviting.send_again(request.membership, invitation.pk)
    except deeds.Refused as why:
        messages.error(request, str(why))
    else:
        messages.success(request, f"Sent again to {invitation.email}. Only the link in the new e-mail works.")
    return redirect("members:list")


@require_POST
@access.admin_writes
def withdraw(request: access.MemberRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, company=request.membership.company, pk=pk)
    try:
        inviting.withdraw(request.membership, invitation.pk)
    except deeds.Refused as why:
        messages.error(request, str(why))
    else:
        messages.success(request, f"Withdrawn. The link in the e-mail to {invitation.email} no longer works.")
    return redirect("members:list")


def _colleagues(request: access.MemberRequest) -> QuerySet[Membership]:
    return Membership.objects.filter(company_id=request.membership.company_id).select_related("user")


def _shown(request: access.MemberRequest) -> dict[str, Any]:
    """Three queries, however many members there are."""
    factor = Authenticator.objects.filter(user=OuterRef("user_id"), type__in=FACTORS)
    people = list(_colleagues(request).annotate(has_second_factor=Exists(factor)).order_by("user__name", "user__email"))
    admins = [each for each in people if each.is_admin and each.user.is_active]
    return {
        "people": people,
        "roles": Role.choices,
        "only_admin": admins[0].pk if len(admins) == 1 else None,
        "invitations": _invitations(request.membership),
        "can_change": request.membership.is_admin,
    }


def _invitations(membership: Membership) -> list[Invitation]:
    """Each with `has_expired`, and what became of its latest mail."""
    rows = list(Invitation.open_in(membership.company).select_related("invited_by"))
    if not rows:
        return []
    mails = Mail.objects.filter(invitation__in=rows).order_by("invitation_id", "-id").distinct("invitation_id")
    latest = {mail.invitation_id: mail for mail in mails.defer("text", "html", "secret")}
    now = database_now()
    for row in rows:
        row.has_expired = row.expires_at <= now  # type: ignore[attr-defined]
        row.mail = latest.get(row.pk)  # type: ignore[attr-defined]
    return rows
