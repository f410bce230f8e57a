"""The bell and its page: everything that needs somebody, once each, with the sentence and the link of the pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounting.models import Bill, Integration
from companies import noticing
from companies.models import Company, Notice, User
from invoices.models import Invoice
from procore_sync.models import ProcoreIntegration
from qbd.models import Connection
from tests.companies import given
from tests.support import company_files, work

pytestmark = pytest.mark.django_db

LOST = "QuickBooks no longer accepts inBuild&#x27;s connection. Bills wait until a company admin reconnects it."


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def bell(client: Client, address: str = "/invoices/") -> int:
    """What the bell of a page says."""
    page = client.get(address).content.decode()
    assert page.count('href="/notifications/"') == 1
    found = re.search(r'class="bell-count">(\d+)', page)
    return int(found.group(1)) if found else 0


def listed(client: Client) -> str:
    answer = client.get("/notifications/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_bell_counts_what_is_new_to_each_person_until_they_look(
    company: Company, admin: User, accountant: User, as_user: Any
) -> None:
    books = given.books(company)
    given.bill(company, "INV-1")
    books.needs_reconnect()
    noticing.look(company.pk)
    boss, clerk = as_user(admin), as_user(accountant)
    assert (bell(boss), bell(clerk)) == (2, 2)
    assert LOST in listed(boss)
    assert (bell(boss), bell(clerk)) == (0, 2)
    given.bill(company, "INV-2")
    noticing.look(company.pk)
    assert (bell(boss), bell(clerk)) == (1, 2)
    Bill.objects.update(state="skipped", problem="")
    noticing.look(company.pk)
    assert (bell(boss), bell(clerk)) == (0, 1)


def test_looking_shows_what_is_true_now_even_when_nobody_looked_before(
    company: Company, admin: User, as_user: Any
) -> None:
    books = given.books(company)
    client = as_user(admin)
    assert "Nothing needs attention" in listed(client)
    books.needs_reconnect()
    page = listed(client)
    assert LOST in page
    assert "Since" in page
    assert "/settings/accounting/" in page
    Integration.objects.update(state="connected")
    assert "Nothing needs attention" in listed(client)


def test_an_outage_begins_once_and_again_only_after_it_was_well(company: Company) -> None:
    books = given.books(company)
    books.needs_reconnect()
    for _ in range(10):
        noticing.look(company.pk)
    assert Notice.objects.count() == 1
    Integration.objects.update(state="connected")
    noticing.look(company.pk)
    assert Notice.objects.get().ended_at is not None
    Integration.objects.update(state="needs_reconnect")
    noticing.look(company.pk)
    assert Notice.objects.filter(ended_at=None).count() == 1
    assert Notice.objects.count() == 2


@pytest.mark.parametrize(
    ("grant", "sentence"),
    [
        ("service_account", "Enter the service account&#x27;s credentials again."),
        ("user", "Connect with your Procore user again."),
    ],
)
def test_procores_lost_sign_in_is_said_as_on_its_own_page(
    grant: str, sentence: str, company: Company, admin: User, as_user: Any
) -> None:
    row = ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=1,
        client_id="x",
        client_secret="y",
        state="connected",
        grant=grant,
    )
    row.needs_reconnect("Procore says no.")
    client = as_user(admin)
    whole = f"Procore no longer accepts inBuild&#x27;s sign-in. {sentence}"
    assert whole in listed(client)
    assert whole in client.get("/settings/procore/").content.decode()


@pytest.mark.parametrize(
    ("pc", "sentence"),
    [
        ({"last_contact_at": timezone.now() - timedelta(hours=26)}, "The PC has not called for 26 hours."),
        ({"trouble": "wrong_password"}, "The Web Connector on the PC has the wrong password."),
        (
            {"trouble": "other_file", "trouble_words": "Other.qbw"},
            "QuickBooks on the PC has another company file open (Other.qbw).",
        ),
    ],
)
def test_the_health_of_quickbooks_desktop_is_a_notice_as_on_every_page(
    pc: dict[str, Any], sentence: str, company: Company, admin: User, as_user: Any
) -> None:
    file = company_files.add(company, admin)
    client = as_user(admin)
    assert "Nothing needs attention" in listed(client)
    Connection.objects.filter(pk=file.pk).update(**pc)
    page = listed(client)
    assert page.count(sentence) == 1
    assert sentence in client.get("/invoices/").content.decode()
    assert Notice.objects.get().is_lost_connection


@pytest.mark.parametrize(
    ("stopped", "label", "link"),
    [
        ({"state": "failed", "problem": "user_not_allowed"}, "Not allowed in QuickBooks", "/attention/"),
        ({"state": "on_hold", "problem": "possible_duplicate"}, "Possible duplicate", "/attention/"),
        ({"state": "needs_mapping", "problem": "unmapped"}, "Needs mapping", "/settings/accounting/mapping/"),
    ],
)
def test_bills_that_stopped_are_one_notice_for_each_cause(
    stopped: dict[str, str], label: str, link: str, company: Company, admin: User, as_user: Any
) -> None:
    for number in ("INV-1", "INV-2", "INV-3"):
        given.bill(company, number, **stopped)
    page = listed(as_user(admin))
    assert f"{label}: 3 invoices for 3,000.00 USD. The oldest is INV-1 of Delta Steel:" in page
    assert (Notice.objects.get().count, Notice.objects.get().url) == (3, link)


def test_one_bill_alone_links_to_itself(company: Company, admin: User, as_user: Any) -> None:
    bill = given.bill(company, "INV-1")
    page = listed(as_user(admin))
    assert "Not allowed in QuickBooks: invoice INV-1 of Delta Steel for 1,000.00 USD." in page
    assert f'href="/invoices/{bill.invoice.public_id}/"' in page


def test_what_changed_after_posting_is_told_of_both_sides(company: Company, admin: User, as_user: Any) -> None:
    posted = {"state": "synced", "problem": "", "external_id": "1", "synced_at": timezone.now()}
    there = given.bill(company, "INV-1", **posted, books_state="changed", books_words="The amount is 5.00.")
    here = given.bill(company, "INV-2", **posted | {"external_id": "2"})
    here.invoice.observe_source(Invoice.SourceState.CHANGED)
    page = listed(as_user(admin))
    assert "Changed in QuickBooks: invoice INV-1 of Delta Steel for 1,000.00 USD. The amount is 5.00." in page
    assert "Changed in Procore: invoice INV-2 of Delta Steel for 1,000.00 USD." in page
    for bill in (there, here):
        assert f'href="/invoices/{bill.invoice.public_id}/"' in page


def test_what_only_admins_can_do_is_not_told_to_others(
    company: Company, admin: User, viewer: User, as_user: Any
) -> None:
    given.books(company)
    Integration.objects.update(ends_at=timezone.now() + timedelta(days=3))
    noticing.look(company.pk)
    assert (bell(as_user(admin)), bell(as_user(viewer))) == (1, 0)
    assert "Nothing needs attention" in listed(as_user(viewer))


def test_no_company_hears_of_another(
    company: Company, other_company: Company, admin: User, outsider: User, as_user: Any
) -> None:
    given.books(other_company).needs_reconnect()
    given.bill(other_company, "CANARY-1")
    noticing.look(other_company.pk)
    noticing.look(company.pk)
    assert (bell(as_user(admin)), bell(as_user(outsider))) == (0, 2)
    assert "CANARY-1" not in listed(as_user(admin))


def test_the_bell_is_one_query_however_much_there_is(company: Company, admin: User, as_user: Any) -> None:
    given.books(company)
    client = as_user(admin)

    def queries(address: str) -> tuple[int, int]:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(address)
        return len(asked), sum("companies_notice" in query["sql"] for query in asked)

    before = queries("/settings/notifications/")
    Notice.objects.bulk_create(
        Notice(company=company, key=f"k{number}", words="w", label="l", url="/", colour="bad") for number in range(200)
    )
    assert queries("/settings/notifications/") == before
    assert before[1] == 1
    assert bell(client) == 200


def test_a_stranger_has_no_bell_and_no_page() -> None:
    for address in ("/notifications/", "/settings/notifications/"):
        assert Client().get(address).status_code == 302
        assert Client().post(address).status_code in (302, 405)
    assert "/notifications/" not in Client().get("/accounts/login/").content.decode()
