"""Invitations: the mail arrives at a real mail server, its link works once, and each way to fail has its sentence."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test import Client

from companies.models import AuditEvent, Company, Invitation, Mail, Membership, Role, User
from companies.tasks import mail_due
from inbuild.queue import database_now
from tests.companies.test_members import PAGE, said, signed_in
from tests.conftest import PASSWORD
from tests.support import work
from tests.support.mail_server import MailServer, html, mail_server, plain

pytestmark = pytest.mark.django_db

NEW = "new@northgate.example"
ACCOUNT = {"name": "Noor Haddad", "password": "steel-and-timber-9", "again": "steel-and-timber-9"}


@pytest.fixture(autouse=True)
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    work.no_bell(monkeypatch)
    with mail_server() as mail:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield mail


def invite(client: Client, email: str = NEW, role: str = "accountant") -> Any:
    return client.post(PAGE, {"email": email, "role": role}, follow=True)


def link(server: MailServer, company: Company, email: str = NEW) -> str:
    """What the invited press in the latest mail that came."""
    mail_due(company_id=company.pk)
    message = server.to(email)[-1]
    [path] = re.findall(r"http://testserver(/invitations/[\w-]+/)", plain(message))
    assert f"http://testserver{path}" in html(message)
    return str(path)


def later() -> None:
    """As if the last mail had been written a while ago."""
    Invitation.objects.update(sent_at=database_now() - timedelta(minutes=2))


def test_somebody_new_makes_an_account_and_is_in(
    company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    assert f"Invited {NEW}. The e-mail is on its way." in said(invite(as_user(admin), " New@Northgate.Example "))
    path = link(server, company)
    [message] = server.taken
    assert message["Subject"] == "Admin invites you to Northgate Builders in inBuild"
    guest = Client()
    page = said(guest.get(path))
    assert "Join Northgate Builders" in page
    assert f'invites <span class="breaks">{NEW}</span> as Accountant.' in page
    answer = guest.post(path, ACCOUNT, follow=True)
    assert answer.redirect_chain[-1][0] == "/invoices/"
    assert "You are Accountant of Northgate Builders." in said(answer)
    user = User.objects.get(email=NEW)
    assert (user.name, user.memberships.get().role) == ("Noor Haddad", Role.ACCOUNTANT)
    assert user.check_password(ACCOUNT["password"])
    assert list(AuditEvent.objects.order_by("id").values_list("user__email", "verb", "sentence")) == [
        (admin.email, "members.invited", f"Invited {NEW} as Accountant."),
        (NEW, "members.joined", f"Noor Haddad ({NEW}) joined as Accountant, invited by Admin."),
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "", "password": "x", "again": "x"}, "This field is required."),
        (ACCOUNT | {"again": "steel-and-timber-8"}, "The two passwords are not the same."),
        (ACCOUNT | {"password": "short", "again": "short"}, "This password is too short."),
        (ACCOUNT | {"password": "new@northgate.example", "again": "new@northgate.example"}, "too similar"),
    ],
)
def test_a_password_that_will_not_do_is_said_and_makes_no_account(
    given: dict[str, str], words: str, company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    invite(as_user(admin))
    path = link(server, company)
    answer = Client().post(path, given)
    assert answer.status_code == 422
    assert words in said(answer)
    assert not User.objects.filter(email=NEW).exists()
    assert Client().post(path, ACCOUNT).status_code == 302


def test_somebody_with_an_account_signs_in_and_joins(
    company: Company, other_company: Company, admin: User, outsider: User, server: MailServer, as_user: Any
) -> None:
    invite(as_user(admin), outsider.email, "viewer")
    path = link(server, company, outsider.email)
    stranger = Client()
    page = said(stranger.get(path))
    assert "There is an account with this e-mail address. Sign in with it to join." in page
    refused = stranger.post(path, ACCOUNT)
    assert refused.status_code == 410
    assert f"{outsider.email} has an account already." in said(refused)
    answer = stranger.post(f"/accounts/login/?next={path}", {"login": outsider.email, "password": PASSWORD})
    assert answer.headers["Location"] == path
    assert "Join Northgate Builders</button>" in said(stranger.get(path))
    assert "You are Viewer of Northgate Builders." in said(stranger.post(path, follow=True))
    assert {str(each) for each in outsider.memberships.all()} == {
        f"{outsider}, Company admin of Ridgeline Contractors",
        f"{outsider}, Viewer of Northgate Builders",
    }


def test_opened_while_signed_in_as_somebody_else_it_joins_nobody(
    company: Company, admin: User, viewer: User, outsider: User, server: MailServer, as_user: Any
) -> None:
    invite(as_user(admin), role="admin")
    path = link(server, company)
    for other in (viewer, outsider):
        client = as_user(other)
        page = said(client.get(path))
        assert (
            f'You are signed in as <span class="breaks">{other.email}</span>, and this invitation is for somebody'
            in page
        )
        answer = client.post(path, ACCOUNT)
        assert answer.status_code == 410
        assert f"This invitation is for {NEW}. You are signed in as {other.email}." in said(answer)
    assert not User.objects.filter(email=NEW).exists()
    assert viewer.memberships.get().role == Role.VIEWER
    assert Invitation.objects.get().is_open
    client = as_user(viewer)
    assert client.post("/accounts/logout/", {"next": path}).headers["Location"] == path
    assert client.post(path, ACCOUNT).status_code == 302


@pytest.mark.parametrize("address", ["", "nobody", "a@b", "a@b..com", "two@a.com, three@a.com", "x" * 260 + "@a.com"])
def test_a_bad_address_is_said_beside_the_field(address: str, company: Company, admin: User, as_user: Any) -> None:
    answer = invite(as_user(admin), address)
    assert answer.status_code == 422
    assert 'id="id_email_error"' in said(answer)
    assert not Invitation.objects.exists()


def test_a_member_is_not_invited_again(company: Company, admin: User, viewer: User, as_user: Any) -> None:
    answer = invite(as_user(admin), viewer.email.upper())
    assert answer.status_code == 422
    assert f"{viewer.email} is a member already, as Viewer. Change the role in the list." in said(answer)
    assert not Mail.objects.exists()


def test_twice_is_said_and_mailed_once(company: Company, admin: User, server: MailServer, as_user: Any) -> None:
    client = as_user(admin)
    invite(client)
    answer = invite(client)
    assert answer.status_code == 422
    assert f"{NEW} is invited already. Press Send again beside the invitation." in said(answer)
    link(server, company)
    assert len(server.taken) == 1


def test_used_twice_it_says_so(company: Company, admin: User, server: MailServer, as_user: Any) -> None:
    invite(as_user(admin))
    path = link(server, company)
    first = Client()
    first.post(path, ACCOUNT)
    for client in (first, Client()):
        for answer in (client.get(path), client.post(path, ACCOUNT)):
            assert answer.status_code == 410
            assert "This invitation was used already. Sign in to go on." in said(answer)
    assert Membership.objects.filter(user__email=NEW).count() == 1


def test_expired_it_says_so_until_it_is_sent_again(
    company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    client = as_user(admin)
    invite(client)
    path, invitation = link(server, company), Invitation.objects.get()
    assert invitation.expires_at > database_now()
    Invitation.objects.update(expires_at=Now())
    for answer in (Client().get(path), Client().post(path, ACCOUNT)):
        assert answer.status_code == 410
        assert "This invitation has expired. Ask a company admin to send it again." in said(answer)
    assert ">Expired</span>" in said(client.get(PAGE))
    later()
    answer = client.post(f"{PAGE}invited/{invitation.pk}/again/", follow=True)
    assert f"Sent again to {NEW}. Only the link in the new e-mail works." in said(answer)
    newer = link(server, company)
    assert newer != path
    old = Client().get(path)
    assert old.status_code == 410
    assert "This link is not one of ours, or a newer invitation was sent." in said(old)
    assert Client().post(newer, ACCOUNT).status_code == 302


def test_sent_again_at_once_would_break_the_link_that_just_left(
    company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    client = as_user(admin)
    invite(client)
    path = link(server, company)
    answer = client.post(f"{PAGE}invited/{Invitation.objects.get().pk}/again/", follow=True)
    assert "was sent less than a minute ago. Wait for the e-mail." in said(answer)
    assert Client().get(path).status_code == 200


def test_withdrawn_it_says_so_and_the_same_person_can_be_invited_anew(
    company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    client = as_user(admin)
    invite(client)
    path, invitation = link(server, company), Invitation.objects.get()
    answer = client.post(f"{PAGE}invited/{invitation.pk}/withdraw/", follow=True)
    assert f"Withdrawn. The link in the e-mail to {NEW} no longer works." in said(answer)
    for gone in (Client().get(path), Client().post(path, ACCOUNT)):
        assert gone.status_code == 410
        assert "This invitation was withdrawn." in said(gone)
    again = client.post(f"{PAGE}invited/{invitation.pk}/again/", follow=True)
    assert f"The invitation of {NEW} was accepted or withdrawn meanwhile." in said(again)
    invite(client)
    assert Client().post(link(server, company), ACCOUNT).status_code == 302
    assert "members.withdrawn" in AuditEvent.objects.values_list("verb", flat=True)


def test_withdrawn_before_the_mail_left_none_is_sent(
    company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    client = as_user(admin)
    invite(client)
    client.post(f"{PAGE}invited/{Invitation.objects.get().pk}/withdraw/")
    mail_due(company_id=company.pk)
    assert not server.taken
    mail = Mail.objects.get()
    assert (mail.state, mail.secret) == ("failed", "")


def test_a_mail_that_cannot_be_sent_is_said_beside_the_invitation(
    company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    client = as_user(admin)
    invite(client)
    server.refuse.append(550)
    mail_due(company_id=company.pk)
    page = said(client.get(PAGE))
    assert f"The mail server refuses {NEW}: 550 not here" in page
    assert "E-mail not sent</span>" in page
    assert "could not be sent" not in said(client.get("/settings/notifications/"))


def test_the_token_is_in_the_mail_and_nowhere_else(
    company: Company, admin: User, server: MailServer, as_user: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a column, waiting or sent, nor in a log line."""
    invite(as_user(admin))
    waiting = Mail.objects.get().secret
    assert hashlib.sha256(waiting.encode()).hexdigest() == Invitation.objects.get().token_sha256
    assert waiting not in _everything()
    path = link(server, company)
    token = path.split("/")[2]
    assert token == waiting
    assert Mail.objects.get().secret == ""
    with caplog.at_level(logging.DEBUG):
        Client().get(path)
        Client(enforce_csrf_checks=True).post(path, ACCOUNT)
        Client().get(f"{path}nothing/")
        Client().post(path, ACCOUNT)
    assert token not in _everything()
    from inbuild.logs import redact

    for text in (path, f"Not Found: {path}", f"next=%2Finvitations%2F{token}%2F", f'"GET {path} HTTP/1.1"'):
        assert token not in str(redact(None, "", {"event": text, "path": text}))


def _everything() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows)


def test_nobody_signs_up_without_an_invitation(db: None) -> None:
    answer = Client().post("/accounts/signup/", {"email": NEW, "password1": "x" * 20, "password2": "x" * 20})
    assert "People join inBuild by invitation." in said(answer)
    assert not User.objects.exists()
    for token in ("nonsense", "x" * 2000, "%00", "..."):
        answer = Client().post(f"/invitations/{token}/", ACCOUNT)
        assert answer.status_code == 410
    assert not User.objects.exists()


def test_the_database_refuses_a_mail_of_another_companys_invitation(
    company: Company, other_company: Company, admin: User, as_user: Any
) -> None:
    invite(as_user(admin))
    with pytest.raises(IntegrityError), transaction.atomic():
        Mail.objects.create(company=other_company, invitation=Invitation.objects.get(), about="x", subject="x")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db(transaction=True)
def test_pressed_eight_times_at_once_it_makes_one_member(
    company: Company, admin: User, server: MailServer, as_user: Any
) -> None:
    invite(as_user(admin))
    path = link(server, company)
    start, answers = threading.Barrier(8), list[int]()

    def press() -> None:
        try:
            start.wait(timeout=30)
            answers.append(Client().post(path, ACCOUNT).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answers) == [302] + [410] * 7
    assert Membership.objects.filter(user__email=NEW).count() == 1


def test_who_became_a_member_meanwhile_keeps_the_role_they_have(
    company: Company, admin: User, outsider: User, server: MailServer, as_user: Any
) -> None:
    invite(as_user(admin), outsider.email, "admin")
    path = link(server, company, outsider.email)
    Membership.objects.create(company=company, user=outsider, role=Role.VIEWER)
    answer = signed_in(outsider).post(path, follow=True)
    assert "You are Viewer of Northgate Builders." in said(answer)
    assert not Invitation.objects.get().is_open
