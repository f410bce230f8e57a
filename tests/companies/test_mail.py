"""Mail about what needs somebody, at a real mail server on a socket: at once for a lost connection, else a digest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from accounting.models import Bill, Integration
from companies import mailing, noticing
from companies.models import Company, Digest, Mail, Membership, Role, User
from companies.tasks import look_due, mail_due
from companies.tasks import sweep as ring_for_mail
from inbuild import queue
from tests.companies import given
from tests.conftest import person
from tests.support import work
from tests.support.mail_server import MailServer, html, listening, mail_server, plain

pytestmark = pytest.mark.django_db

# 7:00 in Chicago is 13:00 UTC in winter. 2026-11-26 is a Thursday.
THURSDAY = datetime(2026, 11, 26, 18, tzinfo=UTC)
LOST = "QuickBooks no longer accepts inBuild's connection. Bills wait until a company admin reconnects it."


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as mail:
        _use(settings, mail)
        yield mail


def _use(settings: Any, mail: MailServer) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.PUBLIC_URL = "https://inbuild.example"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hour of digests; leases and tries go by the database's own clock all the while."""
    shown = {"now": THURSDAY}
    monkeypatch.setattr("companies.mailing.database_now", lambda: shown["now"])

    def at(now: datetime) -> None:
        shown["now"] = now

    return at


def look(company: Company) -> None:
    """One sweep: what needs somebody is looked up, and the mails that are due are sent."""
    look_due(company_id=company.pk)
    mail_due(company_id=company.pk)


def lose(books: Integration) -> None:
    Integration.objects.filter(pk=books.pk).update(state="needs_reconnect")


def recover(books: Integration) -> None:
    Integration.objects.filter(pk=books.pk).update(state="connected")


def try_again() -> None:
    """As if the wait before the next try were over."""
    Mail.objects.filter(next_at__isnull=False).update(next_at=Now())


# --- at once --------------------------------------------------------------------------------------------------------
def test_an_outage_is_mailed_to_each_admin_once_however_often_it_is_seen(
    company: Company, admin: User, accountant: User, viewer: User, server: MailServer
) -> None:
    second = person(company, "owner@northgate.example", Role.ADMIN)
    books = given.books(company)
    lose(books)
    for _ in range(10):
        look(company)
    assert sorted(message["To"] for message in server.taken) == sorted([admin.email, second.email])
    recover(books)
    look(company)
    assert len(server.taken) == 2
    lose(books)
    look(company)
    look(company)
    assert len(server.to(admin.email)) == len(server.to(second.email)) == 2
    assert len(server.taken) == 4


def test_the_mail_has_the_sentence_and_the_links_of_the_page(company: Company, admin: User, server: MailServer) -> None:
    lose(given.books(company))
    look(company)
    [message] = server.taken
    assert message["Subject"] == f"Northgate Builders: {LOST}"
    assert message["From"] == "inBuild <no-reply@localhost>"
    assert message["Auto-Submitted"] == "auto-generated"
    for text in (plain(message), html(message).replace("&#x27;", "'")):
        assert LOST in text
        for path in ("/settings/accounting/", "/notifications/", "/settings/notifications/"):
            assert f"https://inbuild.example{path}" in text
        assert "Since " in text
        assert "CST" in text


def test_a_name_with_markup_or_a_line_break_stays_words(company: Company, admin: User, server: MailServer) -> None:
    Company.objects.update(name="A & <b>B</b>\r\nBcc: x@example.com")
    lose(given.books(company))
    look(company)
    [message] = server.taken
    assert message["Subject"].startswith("A & <b>B</b> Bcc: x@example.com: QuickBooks")
    assert message["Bcc"] is None
    assert "<b>" not in html(message)
    assert LOST in plain(message)


def test_whoever_turned_it_off_gets_none_and_whoever_turned_it_on_gets_it(
    company: Company, admin: User, viewer: User, server: MailServer
) -> None:
    mailing.choose_at_once(admin.memberships.get(), False)
    mailing.choose_at_once(viewer.memberships.get(), True)
    lose(given.books(company))
    look(company)
    assert [message["To"] for message in server.taken] == [viewer.email]


def test_a_removed_member_gets_nothing_not_even_what_was_waiting(
    company: Company, admin: User, server: MailServer
) -> None:
    left = person(company, "left@northgate.example", Role.ADMIN)
    books = given.books(company)
    lose(books)
    noticing.look(company.pk)
    assert Mail.objects.count() == 2
    Membership.objects.filter(user=left).delete()
    mail_due(company_id=company.pk)
    assert [message["To"] for message in server.taken] == [admin.email]
    recover(books)
    look(company)
    lose(books)
    look(company)
    assert not server.to(left.email)


def test_whoever_may_no_longer_sign_in_gets_nothing(company: Company, admin: User, server: MailServer) -> None:
    lose(given.books(company))
    noticing.look(company.pk)
    User.objects.update(is_active=False)
    mail_due(company_id=company.pk)
    assert Mail.objects.get().state == "failed"
    assert not server.taken


def test_no_companys_notice_reaches_another_companys_people(
    company: Company, other_company: Company, admin: User, outsider: User, server: MailServer
) -> None:
    lose(given.books(other_company))
    for each in (company, other_company):
        look(each)
    assert [message["To"] for message in server.taken] == [outsider.email]
    assert company.name not in plain(server.taken[0])


def test_somebody_of_two_companies_is_told_which_one(
    company: Company, other_company: Company, admin: User, server: MailServer
) -> None:
    Membership.objects.create(company=other_company, user=admin, role=Role.VIEWER)
    lose(given.books(company))
    look(company)
    assert "the links are of Northgate Builders; switch to it first." in plain(server.taken[0])


def test_the_database_refuses_a_mail_to_a_member_of_another_company(company: Company, outsider: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Mail.objects.create(company=company, membership=outsider.memberships.get(), about="x", subject="x")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


# --- when the mail server is not there ------------------------------------------------------------------------------
def test_without_a_mail_server_it_is_tried_again_and_then_sent_once(
    company: Company, admin: User, settings: Any, as_user: Any
) -> None:
    with mail_server() as mail:
        _use(settings, mail)
    lose(given.books(company))
    look(company)
    row = Mail.objects.get()
    assert row.state == "waiting"
    assert row.failures == 1
    assert row.next_at is not None
    look(company)
    assert Mail.objects.get().failures == 1, "not before its time"
    try_again()
    mail_due(company_id=company.pk)
    assert Mail.objects.get().failures == 2
    page = as_user(admin).get("/settings/notifications/").content.decode()
    words = "The mail server cannot be reached (ConnectionRefusedError)."
    assert f"The last e-mail to {admin.email} could not be sent: {words}" in page
    with listening(mail):
        try_again()
        for _ in range(3):
            mail_due(company_id=company.pk)
            look(company)
    assert len(mail.taken) == 1
    assert Mail.objects.get().state == "sent"
    assert "could not be sent" not in as_user(admin).get("/settings/notifications/").content.decode()


@pytest.mark.parametrize("trouble", ["drop_before_answer", "greylisted"])
def test_what_the_server_did_not_take_goes_again_and_arrives_once(
    trouble: str, company: Company, admin: User, server: MailServer
) -> None:
    if trouble == "greylisted":
        server.refuse.append(450)
    else:
        server.drop_before_answer = 1
    lose(given.books(company))
    look(company)
    assert Mail.objects.get().state == "waiting"
    assert not server.taken
    try_again()
    look(company)
    assert len(server.taken) == 1
    assert Mail.objects.get().state == "sent"


def test_a_mail_whose_answer_was_lost_goes_again_as_the_same_message(
    company: Company, admin: User, server: MailServer
) -> None:
    """Whether it was taken cannot be known; the Message-ID lets the mail server of the reader drop the second."""
    server.drop_after_taking = 1
    lose(given.books(company))
    look(company)
    assert Mail.objects.get().state == "waiting"
    try_again()
    look(company)
    assert len({message["Message-ID"] for message in server.taken}) == 1
    assert Mail.objects.get().state == "sent"


def test_an_address_that_does_not_exist_is_said_and_not_tried_for_ever(
    company: Company, admin: User, accountant: User, server: MailServer, as_user: Any
) -> None:
    server.refuse.append(550)
    lose(given.books(company))
    look(company)
    assert Mail.objects.get().state == "failed"
    try_again()
    look(company)
    assert server.calls == 1
    words = f"could not be sent: The mail server refuses {admin.email}: 550 not here"
    assert words in as_user(admin).get("/settings/notifications/").content.decode()
    assert words not in as_user(accountant).get("/settings/notifications/").content.decode()


def test_after_three_days_a_mail_is_given_up_and_the_page_says_so(
    company: Company, admin: User, settings: Any, as_user: Any
) -> None:
    with mail_server() as mail:
        _use(settings, mail)
    lose(given.books(company))
    look(company)
    Mail.objects.update(created_at=datetime.now(UTC) - timedelta(days=4), next_at=Now())
    mail_due(company_id=company.pk)
    assert Mail.objects.get().state == "failed"
    assert "inBuild does not try again." in as_user(admin).get("/settings/notifications/").content.decode()


def test_a_worker_that_died_while_sending_leaves_the_mail_to_the_next(
    company: Company, admin: User, server: MailServer
) -> None:
    lose(given.books(company))
    noticing.look(company.pk)
    [row] = queue.take_due(Mail, company.pk, lease=timedelta(minutes=5))
    mail_due(company_id=company.pk)
    assert not server.taken, "somebody holds it"
    Mail.objects.update(lease_until=Now() - timedelta(seconds=1))
    mail_due(company_id=company.pk)
    assert len(server.taken) == 1
    row.end(Mail.State.FAILED, "late")
    assert Mail.objects.get().state == "sent", "who comes back late writes nothing"


def test_a_lost_ring_costs_only_time(company: Company, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, int]] = []
    lose(given.books(company))
    noticing.look(company.pk)
    monkeypatch.setattr("inbuild.queue.ring", lambda task, company_id: rung.append((task, company_id)))
    ring_for_mail()
    assert rung == [("companies.mail_due", company.pk)]


# --- the digest -----------------------------------------------------------------------------------------------------
def test_a_digest_comes_only_when_something_is_new_or_grew(
    company: Company, accountant: User, server: MailServer, clock: Any
) -> None:
    look(company)  # from here on it counts
    given.bill(company, "INV-1")
    look(company)
    assert not server.taken, "not before the next 7:00"

    clock(THURSDAY + timedelta(days=1))
    for _ in range(5):
        look(company)
    [first] = server.taken
    assert first["Subject"] == "Northgate Builders: 1 thing needs attention"
    assert "Not allowed in QuickBooks: invoice INV-1 of Delta Steel for 1,000.00 USD." in plain(first)

    clock(THURSDAY + timedelta(days=2))
    look(company)
    assert len(server.taken) == 1, "nothing is new"

    given.bill(company, "INV-2")
    look(company)
    clock(THURSDAY + timedelta(days=3))
    look(company)
    assert len(server.taken) == 2
    assert "2 invoices for 2,000.00 USD" in plain(server.taken[1])

    Bill.objects.filter(invoice__number="INV-1").update(state="skipped", problem="")
    clock(THURSDAY + timedelta(days=4))
    look(company)
    assert len(server.taken) == 2, "less is no news"

    given.bill(company, "INV-3", state="on_hold", problem="possible_duplicate")
    clock(THURSDAY + timedelta(days=5))
    look(company)
    assert len(server.taken) == 3
    assert plain(server.taken[2]).count("New: ") == 1
    assert "New: Possible duplicate: invoice INV-3" in plain(server.taken[2])


def test_growing_again_to_what_was_told_is_no_news(
    company: Company, accountant: User, server: MailServer, clock: Any
) -> None:
    look(company)
    bills = [given.bill(company, f"INV-{number}") for number in range(3)]
    clock(THURSDAY + timedelta(days=1))
    look(company)
    Bill.objects.filter(pk=bills[0].pk).update(state="skipped", problem="")
    look(company)
    Bill.objects.filter(pk=bills[0].pk).update(state="failed", problem="user_not_allowed")
    clock(THURSDAY + timedelta(days=2))
    look(company)
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    ("digest", "days"),
    [(Digest.OFF, []), (Digest.DAILY, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), (Digest.WEEKLY, [3, 10])],
)
def test_off_means_none_daily_each_day_and_weekly_on_monday(
    digest: Digest, days: list[int], company: Company, accountant: User, server: MailServer, clock: Any
) -> None:
    mailing.choose_digest(accountant.memberships.get(), digest)
    clock(THURSDAY)
    look(company)
    came = []
    for day in range(12):
        given.bill(company, f"INV-{day}")
        before = len(server.taken)
        clock(datetime(2026, 11, 27, 12, 59, tzinfo=UTC) + timedelta(days=day))
        look(company)
        assert len(server.taken) == before, "6:59 in Chicago"
        clock(datetime(2026, 11, 27, 13, 0, tzinfo=UTC) + timedelta(days=day))
        look(company)
        if len(server.taken) > before:
            came.append(day)
    assert came == days


def test_by_default_admins_and_accountants_get_a_daily_digest_and_viewers_none(
    company: Company, admin: User, accountant: User, viewer: User, server: MailServer, clock: Any
) -> None:
    look(company)
    given.bill(company, "INV-1")
    clock(THURSDAY + timedelta(days=1))
    look(company)
    assert sorted(message["To"] for message in server.taken) == sorted([admin.email, accountant.email])


def test_what_was_mailed_at_once_makes_no_digest_of_its_own(
    company: Company, admin: User, accountant: User, server: MailServer, clock: Any
) -> None:
    look(company)
    lose(given.books(company))
    look(company)
    assert [message["To"] for message in server.taken] == [admin.email]
    clock(THURSDAY + timedelta(days=1))
    look(company)
    assert [message["To"] for message in server.taken] == [admin.email, accountant.email]


def test_choosing_a_digest_makes_up_for_none_that_was_due_before(
    company: Company, accountant: User, server: MailServer, clock: Any
) -> None:
    given.bill(company, "INV-1")
    member = accountant.memberships.get()
    mailing.choose_digest(member, Digest.OFF)
    look(company)
    mailing.choose_digest(member, Digest.DAILY)
    look(company)
    look(company)
    assert not server.taken
    clock(THURSDAY + timedelta(days=1))
    look(company)
    assert len(server.taken) == 1
