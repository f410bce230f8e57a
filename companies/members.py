"""Roles, and who leaves. Every change is made under the lock of the company's row, so an admin always remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from companies import auditing, sessions
from companies.models import Company, Membership, Role

ONLY_ADMINS = "Only company admins can change members. You no longer are one."
LAST_ADMIN = "{who} is the only company admin. Make somebody else a company admin first."
LAST_ADMIN_YOU = "You are the only company admin. Make somebody else a company admin first."
LEAVE = "To end your own membership, press Leave."
GONE = "This person is no longer a member."


class Refused(Exception):
    """Nothing was changed; the words say why."""


def change_role(actor: Membership, member_id: int, role: Role) -> Membership:
    """Give a member another role; audited, and refused where no admin would be left."""
    with _members(actor) as members:
        _must_be_admin(actor, members)
        member = _found(member_id, members)
        if member.role == role:
            return member
        if member.is_admin:
            _another_admin_stays(actor, member, members)
        before, member.role = member.role, role
        Membership.objects.filter(pk=member.pk).update(role=role)
        auditing.record(
            member.company_id,
            "members.role",
            member,
            f"{member.user}: {Role(before).label} became {role.label}.",
            user=actor.user,
            before={"role": before},
            after={"role": role.value},
        )
    return member


def remove(actor: Membership, member_id: int) -> Membership:
    """End somebody's membership and all their sessions. Their other companies keep them: they sign in again."""
    with _members(actor) as members:
        _must_be_admin(actor, members)
        member = _found(member_id, members)
        if member.pk == actor.pk:
            raise Refused(LEAVE)
        _end(actor, member, members, "members.removed", f"{member.user} ({member.user.email}) was removed.")
        sessions.end_all(member.user)
    return member


def leave(actor: Membership) -> None:
    """End one's own membership, whatever the role."""
    with _members(actor) as members:
        member = _found(actor.pk, members)
        _end(actor, member, members, "members.left", f"{member.user} ({member.user.email}) left the company.")


@contextmanager
def _members(actor: Membership) -> Iterator[dict[int, Membership]]:
    """All members as they are now; nobody changes them meanwhile."""
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).get(pk=actor.company_id)
        rows = Membership.objects.filter(company_id=actor.company_id).select_related("user", "company")
        yield {member.pk: member for member in rows}


def _must_be_admin(actor: Membership, members: dict[int, Membership]) -> None:
    """What the request found may have changed while it waited for the lock."""
    now = members.get(actor.pk)
    if now is None or not now.is_admin:
        raise Refused(ONLY_ADMINS)


def _found(member_id: int, members: dict[int, Membership]) -> Membership:
    if (member := members.get(member_id)) is None:
        raise Refused(GONE)
    return member


def _end(actor: Membership, member: Membership, members: dict[int, Membership], verb: str, sentence: str) -> None:
    if member.is_admin:
        _another_admin_stays(actor, member, members)
    before = {"role": member.role, "email": member.user.email}
    auditing.record(member.company_id, verb, member, sentence, user=actor.user, before=before)
    Membership.objects.filter(pk=member.pk).delete()


def _another_admin_stays(actor: Membership, member: Membership, members: dict[int, Membership]) -> None:
    """One who may no longer sign in is no admin to rely on."""
    if not any(each.is_admin and each.user.is_active for each in members.values() if each.pk != member.pk):
        raise Refused(LAST_ADMIN_YOU if member.pk == actor.pk else LAST_ADMIN.format(who=member.user))
