"""Where I am signed in: my own sessions only, each of which I can end."""

from __future__ import annotations

import re

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from companies import sessions
from companies.models import AuditEvent, Company, User
from tests.companies.test_members import said, signed_in
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

PAGE = "/sessions/"


def test_each_sign_in_is_shown_with_its_device_and_address_and_can_be_ended(company: Company, viewer: User) -> None:
    here = signed_in(viewer)
    phone = Client(headers={"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1"})
    phone.post("/accounts/login/", {"login": viewer.email, "password": PASSWORD})
    page = said(here.get(PAGE))
    assert "Chrome on Windows" in page
    assert "Safari on iPhone" in page
    assert page.count("127.0.0.1") == 2
    assert page.count("This one</span>") == 1
    [end] = re.findall(r'action="(/sessions/\d+/end/)"', page)
    assert "Signed out on Safari on iPhone." in said(here.post(end, follow=True))
    assert phone.get("/invoices/").status_code == 302
    assert here.get("/invoices/").status_code == 200
    assert here.post(end).status_code == 404
    assert AuditEvent.objects.get().sentence == "Signed themselves out on Safari on iPhone."


def test_all_others_are_ended_at_once_and_this_one_stays(company: Company, viewer: User, admin: User) -> None:
    here, others, colleague = signed_in(viewer), [signed_in(viewer) for _ in range(3)], signed_in(admin)
    assert "You are signed in as" not in said(here.post(f"{PAGE}end-others/", follow=True))
    assert [each.get("/invoices/").status_code for each in (here, *others, colleague)] == [200, 302, 302, 302, 200]
    page = said(here.get(PAGE))
    assert "Sign out everywhere else" not in page


def test_the_one_in_use_is_ended_by_signing_out(company: Company, viewer: User) -> None:
    here = signed_in(viewer)
    answer = here.post(f"{PAGE}{UserSession.objects.get().pk}/end/", follow=True)
    assert "You are using this one now. Sign out to end it." in said(answer)
    assert here.get("/invoices/").status_code == 200


def test_nobody_ends_anybody_elses(company: Company, viewer: User, admin: User) -> None:
    here, colleague = signed_in(viewer), signed_in(admin)
    assert here.post(f"{PAGE}{UserSession.objects.get(user=admin).pk}/end/").status_code == 404
    assert colleague.get("/invoices/").status_code == 200
    assert Client().get(PAGE).status_code == 302


def test_a_changed_password_ends_the_others_and_they_are_not_shown(company: Company, viewer: User) -> None:
    here, other = signed_in(viewer), signed_in(viewer)
    changed = {"oldpassword": PASSWORD, "password1": "steel-and-timber-9", "password2": "steel-and-timber-9"}
    assert here.post("/accounts/password/change/", changed).status_code == 302
    assert other.get("/invoices/").status_code == 302
    assert said(here.get(PAGE)).count("127.0.0.1") == 1


def test_it_is_noted_when_a_session_was_last_seen_and_not_at_every_request(company: Company, viewer: User) -> None:
    here = signed_in(viewer)
    before = UserSession.objects.get().last_seen_at
    here.get("/invoices/")
    assert UserSession.objects.get().last_seen_at == before
    session = here.session
    session[sessions.SEEN] -= sessions.EVERY_SECONDS + 1
    session.save()
    here.get("/invoices/", REMOTE_ADDR="203.0.113.7")
    seen = UserSession.objects.get()
    assert seen.last_seen_at > before
    assert seen.ip == "203.0.113.7"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Gecko/20100101 Firefox/140.0", "Firefox on Mac"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8", "A device that does not say what it is"),
        ("", "A device that does not say what it is"),
    ],
)
def test_a_device_is_said_in_words(user_agent: str, words: str) -> None:
    assert sessions.device(user_agent) == words


def test_many_sessions_cost_no_more_queries_than_two(company: Company, viewer: User) -> None:
    here = signed_in(viewer)
    counts = []
    for more in (1, 6):
        for _ in range(more):
            signed_in(viewer)
        here.get(PAGE)
        with CaptureQueriesContext(connection) as asked:
            here.get(PAGE)
        counts.append(len(asked))
    assert counts[0] == counts[1]
