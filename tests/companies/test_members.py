"""Settings → Members: roles and removal, by admins only, and never without an admin left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from companies.models import AuditEvent, Company, Membership, Role, User
from tests.conftest import PASSWORD, person

PAGE = "/settings/members/"


def signed_in(user: User) -> Client:
    """Through the real sign-in page, so that the session is on record."""
    client = Client(headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36"})
    answer = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def member(user: User) -> Membership:
    return user.memberships.get()


def said(answer: Any) -> str:
    """The page after a step, as one line."""
    return " ".join(answer.content.decode().split())


@pytest.mark.django_db
def test_a_role_is_changed_and_on_record(company: Company, admin: User, viewer: User, as_user: Any) -> None:
    client = as_user(admin)
    for _ in range(2):
        answer = client.post(f"{PAGE}{member(viewer).pk}/role/", {"role": "accountant"}, follow=True)
        assert "Viewer now is Accountant." in said(answer)
    assert member(viewer).role == Role.ACCOUNTANT
    event = AuditEvent.objects.get()
    assert (event.user, event.verb, event.before, event.after) == (
        admin,
        "members.role",
        {"role": "viewer"},
        {"role": "accountant"},
    )
    assert event.sentence == "Viewer: Viewer became Accountant."


@pytest.mark.django_db
def test_a_role_that_is_none_of_ours_changes_nothing(company: Company, admin: User, viewer: User, as_user: Any) -> None:
    for role in ("owner", "", "\0"):
        answer = as_user(admin).post(f"{PAGE}{member(viewer).pk}/role/", {"role": role}, follow=True)
        assert "Choose a role from the list." in said(answer)
    assert member(viewer).role == Role.VIEWER
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_only_admins_change_members_and_others_read_why(
    company: Company, admin: User, accountant: User, viewer: User, as_user: Any
) -> None:
    for user in (accountant, viewer):
        client = as_user(user)
        page = said(client.get(PAGE))
        assert "Only company admins can change members and roles." in page
        assert "admin@northgate.example" in page
        assert "Two-factor</th>" not in page
        for path, data in (
            (PAGE, {"email": "new@example.com", "role": "admin"}),
            (f"{PAGE}{member(user).pk}/role/", {"role": "admin"}),
            (f"{PAGE}{member(admin).pk}/remove/", {}),
        ):
            answer = client.post(path, data)
            assert answer.status_code == 403
            assert "Only company admins can change this setting." in said(answer)
    assert sorted(Membership.objects.values_list("role", flat=True)) == ["accountant", "admin", "viewer"]


@pytest.mark.django_db
def test_who_is_removed_is_signed_out_at_once_and_keeps_their_other_company(
    company: Company, other_company: Company, admin: User, viewer: User
) -> None:
    Membership.objects.create(company=other_company, user=viewer, role=Role.ACCOUNTANT)
    theirs, mine = [signed_in(viewer), signed_in(viewer)], signed_in(admin)
    assert all(each.get("/invoices/").status_code == 200 for each in theirs)
    answer = mine.post(f"{PAGE}{viewer.memberships.get(company=company).pk}/remove/", follow=True)
    assert "Viewer was removed and is signed out everywhere." in said(answer)
    for each in theirs:
        assert each.get("/invoices/").headers["Location"] == "/accounts/login/?next=/invoices/"
    assert UserSession.objects.get().user == admin
    assert Session.objects.count() == 1
    kept = viewer.memberships.get()
    assert (kept.company, kept.role) == (other_company, Role.ACCOUNTANT)
    assert "Ridgeline Contractors" in said(signed_in(viewer).get("/invoices/"))
    event = AuditEvent.objects.get()
    assert (event.user, event.verb, event.company) == (admin, "members.removed", company)
    assert event.sentence == "Viewer (viewer@northgate.example) was removed."


@pytest.mark.django_db
def test_who_leaves_is_told_so_and_what_they_did_stays_on_record(
    company: Company, admin: User, viewer: User, as_user: Any
) -> None:
    client = as_user(viewer)
    answer = client.post(f"{PAGE}leave/", follow=True)
    assert answer.status_code == 403
    assert "You are not a member of any company. Ask a company admin to invite you." in said(answer)
    assert not viewer.memberships.exists()
    assert AuditEvent.objects.get().sentence == "Viewer (viewer@northgate.example) left the company."


@pytest.mark.django_db
def test_the_only_admin_can_neither_leave_nor_be_removed_nor_be_demoted(
    company: Company, admin: User, viewer: User, as_user: Any
) -> None:
    gone = person(company, "gone@northgate.example", Role.ADMIN)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    client, me = as_user(admin), member(admin).pk
    steps: list[tuple[str, dict[str, str]]] = [("leave/", {}), (f"{me}/role/", {"role": "viewer"})]
    for path, data in steps:
        answer = client.post(f"{PAGE}{path}", data, follow=True)
        assert "You are the only company admin. Make somebody else a company admin first." in said(answer)
    assert "To end your own membership, press Leave." in said(client.post(f"{PAGE}{me}/remove/", follow=True))
    assert member(admin).role == Role.ADMIN
    assert not AuditEvent.objects.exists()
    client.post(f"{PAGE}{member(viewer).pk}/role/", {"role": "admin"})
    client.post(f"{PAGE}leave/")
    assert not admin.memberships.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["demote each other", "remove each other", "both leave", "both step down"])
def test_two_admins_at_once_never_leave_the_company_without_one(
    deed: str, company: Company, admin: User, as_user: Any, figures: Callable[[str], None]
) -> None:
    second = person(company, "second@northgate.example", Role.ADMIN)
    users = [admin, second]
    for _ in range(6):
        for user in users:
            Membership.objects.update_or_create(company=company, user=user, defaults={"role": Role.ADMIN})
        ids = [member(user).pk for user in users]
        clients = [as_user(user) for user in users]
        deeds: dict[str, list[tuple[str, dict[str, str]]]] = {
            "demote each other": [(f"{pk}/role/", {"role": "viewer"}) for pk in reversed(ids)],
            "remove each other": [(f"{pk}/remove/", {}) for pk in reversed(ids)],
            "both leave": [("leave/", {}), ("leave/", {})],
            "both step down": [(f"{pk}/role/", {"role": "viewer"}) for pk in ids],
        }
        _together(clients, deeds[deed])
        left = Membership.objects.filter(company=company, role=Role.ADMIN).count()
        assert left == 1
    figures(f"{deed}: 6 rounds, one admin left in each")


def _together(clients: list[Client], posts: list[tuple[str, dict[str, str]]]) -> None:
    start = threading.Barrier(len(posts))

    def press(number: int) -> None:
        try:
            start.wait(timeout=30)
            path, data = posts[number]
            clients[number].post(f"{PAGE}{path}", data)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(number,)) for number in range(len(posts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


@pytest.mark.django_db
def test_an_admin_who_is_one_no_longer_changes_nothing(company: Company, admin: User, viewer: User) -> None:
    """The request found them to be one; while it waited for the lock that ended."""
    from companies import members

    person(company, "second@northgate.example", Role.ADMIN)
    as_found = member(admin)
    Membership.objects.filter(pk=as_found.pk).update(role=Role.VIEWER)
    for deed in (
        lambda: members.change_role(as_found, member(viewer).pk, Role.ADMIN),
        lambda: members.remove(as_found, member(viewer).pk),
    ):
        with pytest.raises(members.Refused, match="You no longer are one"):
            deed()
    assert member(viewer).role == Role.VIEWER


@pytest.mark.django_db
def test_the_list_says_who_has_a_second_factor_and_costs_the_same_for_many(
    company: Company, admin: User, viewer: User, as_user: Any, figures: Callable[[str], None]
) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    TOTP.activate(viewer, generate_totp_secret())  # type: ignore[no-untyped-call]
    client = as_user(admin)
    client.get(PAGE)
    with CaptureQueriesContext(
        connection,
    ) as few:
        page = said(client.get(PAGE))
    assert page.count('tone-ok">On</span>') == 1
    assert page.count('tone-muted">Off</span>') == 1
    for number in range(30):
        person(company, f"p{number}@northgate.example", Role.ACCOUNTANT)
    with CaptureQueriesContext(connection) as many:
        client.get(PAGE)
    figures(f"members page: {len(many)} queries with 32 members")
    assert len(many) == len(few)
