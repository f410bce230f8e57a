"""Asking somebody by e-mail to become a member, and their answer.

The token is made for one mail, kept encrypted until that mail has left and known by its hash afterwards. Sending again
makes another one, so only the latest link works, and only once.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.template.loader import render_to_string

from companies import auditing
from companies.bells import MAIL_DUE
from companies.mailing import LINK, hashed
from companies.members import GONE, ONLY_ADMINS, Refused
from companies.models import Company, Invitation, Mail, Membership, Role, User
from inbuild.queue import database_now, ring

DAYS = 7
# A second press on Send again would make the link of the mail that just left useless.
PAUSE = timedelta(seconds=60)

UNKNOWN = "This link is not one of ours, or a newer invitation was sent. Open the link in the latest e-mail."
EXPIRED = "This invitation has expired. Ask a company admin to send it again."
WITHDRAWN = "This invitation was withdrawn. Ask a company admin if you think that is a mistake."
USED = "This invitation was used already. Sign in to go on."


def invite(actor: Membership, email: str, role: Role) -> Invitation:
    """Write down an invitation and its mail. Refused for a member, and for who is invited already."""
    email = email.lower()
    with transaction.atomic():
        company = _locked(actor)
        member = Membership.objects.filter(company=company, user__email=email).first()
        if member is not None:
            raise Refused(f"{email} is a member already, as {member.get_role_display()}. Change the role in the list.")
        if Invitation.open_in(company).filter(email=email).exists():
            raise Refused(f"{email} is invited already. Press Send again beside the invitation.")
        now = database_now()
        invitation = Invitation(company=company, email=email, role=role, invited_by=actor.user)
        _send(invitation, actor.user, now)
        _record(invitation, "invited", f"Invited {email} as {role.label}.", actor.user)
    return invitation


def send_again(actor: Membership, invitation_id: int) -> Invitation:
    """Another mail with another link; the earlier link works no more, and the days begin anew."""
    with transaction.atomic():
        _locked(actor)
        invitation, now = _open(actor, invitation_id), database_now()
        if invitation.sent_at > now - PAUSE:
            raise Refused(f"The invitation of {invitation.email} was sent less than a minute ago. Wait for the e-mail.")
        _send(invitation, actor.user, now)
        _record(invitation, "invited_again", f"Sent the invitation of {invitation.email} again.", actor.user)
    return invitation


def withdraw(actor: Membership, invitation_id: int) -> Invitation:
    with transaction.atomic():
        _locked(actor)
        invitation = _open(actor, invitation_id)
        Invitation.objects.filter(pk=invitation.pk).update(withdrawn_at=Now())
        _record(invitation, "withdrawn", f"Withdrew the invitation of {invitation.email}.", actor.user)
    return invitation


def find(token: str) -> Invitation:
    """The invitation a link is of, while it can be accepted; Refused says in a sentence why not."""
    invitation = Invitation.objects.filter(token_sha256=hashed(token)).select_related("company", "invited_by").first()
    return _acceptable(invitation)


def join_as_new(token: str, *, name: str, password: str) -> Membership:
    """Make the account of the invited and let it join: all of it or nothing."""
    with transaction.atomic():
        invitation = _taken(token)
        if User.objects.filter(email=invitation.email).exists():
            raise Refused(f"{invitation.email} has an account already. Sign in, and open the link again.")
        return _accept(invitation, User.objects.create_user(invitation.email, password, name=name))


def join(token: str, user: User) -> Membership:
    """Let somebody join who has an account; the invitation must be theirs."""
    with transaction.atomic():
        invitation = _taken(token)
        if invitation.email != user.email:
            raise Refused(f"This invitation is for {invitation.email}. You are signed in as {user.email}.")
        return _accept(invitation, user)


def _locked(actor: Membership) -> Company:
    """Two admins inviting the same person wait for each other; one who no longer is an admin is refused."""
    company = Company.objects.select_for_update(no_key=True).get(pk=actor.company_id)
    if not Membership.objects.filter(pk=actor.pk, role=Role.ADMIN).exists():
        raise Refused(ONLY_ADMINS)
    return company


def _open(actor: Membership, invitation_id: int) -> Invitation:
    rows = Invitation.objects.select_for_update(of=("self",)).filter(company_id=actor.company_id, pk=invitation_id)
    invitation = rows.select_related("company").first()
    if invitation is None:
        raise Refused(GONE)
    if not invitation.is_open:
        raise Refused(f"The invitation of {invitation.email} was accepted or withdrawn meanwhile.")
    return invitation


def _send(invitation: Invitation, by: User, now: object) -> None:
    token = secrets.token_urlsafe(32)
    invitation.token_sha256 = hashed(token)
    invitation.sent_at = now  # type: ignore[assignment]
    invitation.expires_at = invitation.sent_at + timedelta(days=DAYS)
    invitation.save()
    company = invitation.company
    role = invitation.get_role_display()
    context = {"company": company, "role": role, "by": by, "link": LINK, "days": DAYS, "email": invitation.email}
    Mail.objects.create(
        company=company,
        invitation=invitation,
        about="invitation",
        subject=" ".join(f"{by} invites you to {company.name} in inBuild".split())[:250],
        text=render_to_string("companies/mail/invitation.txt", context),
        html=render_to_string("companies/mail/invitation.html", context),
        secret=token,
        next_at=Now(),
    )
    ring(MAIL_DUE, company.pk)


def _taken(token: str) -> Invitation:
    rows = Invitation.objects.select_for_update(of=("self",)).filter(token_sha256=hashed(token))
    return _acceptable(rows.select_related("company", "invited_by").first())


def _acceptable(invitation: Invitation | None) -> Invitation:
    if invitation is None:
        raise Refused(UNKNOWN)
    if invitation.accepted_at is not None:
        raise Refused(USED)
    if invitation.withdrawn_at is not None:
        raise Refused(WITHDRAWN)
    if invitation.expires_at <= database_now():
        raise Refused(EXPIRED)
    return invitation


def _accept(invitation: Invitation, user: User) -> Membership:
    """Who became a member in another way meanwhile keeps that role."""
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=Now())
    member, is_new = Membership.objects.get_or_create(
        company=invitation.company, user=user, defaults={"role": invitation.role}
    )
    if is_new:
        sentence = f"{user} ({user.email}) joined as {member.get_role_display()}, invited by {invitation.invited_by}."
        auditing.record(
            invitation.company, "members.joined", member, sentence, user=user, after={"role": invitation.role}
        )
    return member


def _record(invitation: Invitation, verb: str, sentence: str, user: User) -> None:
    after = {"email": invitation.email, "role": invitation.role}
    auditing.record(invitation.company, f"members.{verb}", invitation, sentence, user=user, after=after)
