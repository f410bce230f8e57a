"""Settings → Accounting Integrations for QuickBooks Desktop: a company file is set up, looked after and let go."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from lxml import etree

from accounting.models import Bill, Integration, ProjectBooks
from companies.models import AuditEvent, Company, User
from invoices.models import Project
from qbd import health
from qbd.models import Connection, Session
from tests.quickbooks.qbd.pages import DESKTOP, PAGE, words
from tests.support import company_files
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db


# --- adding ---------------------------------------------------------------------------------------------------------
def test_the_password_is_shown_once_and_never_kept_readable(company: Company, client: Client) -> None:
    answer = client.post(f"{DESKTOP}add/", {"name": "Main file"})
    connection = Connection.objects.get(company=company)
    assert answer["Location"] == f"{DESKTOP}{connection.integration_id}/"
    client.head(answer["Location"])  # looking ahead does not use it up
    first = client.get(answer["Location"]).content.decode()
    found = re.search(r'id="password">([^<]+)<', first)
    assert found is not None
    assert connection.is_password(found[1])
    again = client.get(answer["Location"]).content.decode()
    assert found[1] not in again
    assert "It was shown once and cannot be shown again" in " ".join(again.split())
    assert found[1] not in str(dict(client.session))
    assert not [event for event in AuditEvent.objects.all() if found[1] in f"{event.sentence}{event.after}"]


def test_until_it_is_shown_the_password_lies_sealed(company: Company, client: Client) -> None:
    client.post(f"{DESKTOP}add/", {"name": "Main file"})
    connection = Connection.objects.get(company=company)
    kept = str(dict(client.session))
    shown = client.get(f"{DESKTOP}{connection.integration_id}/").content.decode()
    found = re.search(r'id="password">([^<]+)<', shown)
    assert found is not None
    assert found[1] not in kept


def test_a_double_click_adds_one_file_and_names_must_be_told_apart(company: Company, client: Client) -> None:
    client.post(f"{DESKTOP}add/", {"name": "Main file"})
    answer = client.post(f"{DESKTOP}add/", {"name": " main  FILE"}, follow=True)
    assert b"There is a company file called main FILE already." in answer.content
    answer = client.post(f"{DESKTOP}add/", {"name": " "}, follow=True)
    assert b"Give the company file a name" in answer.content
    assert Connection.objects.filter(company=company).count() == 1


def test_a_new_password_ends_the_old_one(main: Connection, client: Client) -> None:
    before = main.password_sha256
    shown = client.post(f"{DESKTOP}{main.integration_id}/password/", follow=True).content.decode()
    main.refresh_from_db()
    assert main.password_sha256 != before
    assert main.is_password(re.search(r'id="password">([^<]+)<', shown)[1])  # type: ignore[index]


def test_the_file_is_the_same_however_often_it_is_downloaded(main: Connection, client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://inbuild.example"
    address = f"{DESKTOP}{main.integration_id}/file/"
    first = client.get(address)
    assert first["Content-Disposition"] == 'attachment; filename="inBuild - Main file.qwc"'
    client.post(f"{DESKTOP}{main.integration_id}/disconnect/")
    client.post(f"{DESKTOP}{main.integration_id}/reconnect/")
    client.post(f"{DESKTOP}{main.integration_id}/password/")
    client.post(f"{PAGE}{main.integration_id}/check/")  # the name in QuickBooks is another
    assert client.get(address).content == first.content
    found = etree.fromstring(first.content)
    assert found.findtext("FileID") == main.file_id
    assert found.findtext("UserName") == main.username
    assert str(found.findtext("AppURL")).endswith(f"/qbwc/{main.key}/")


def test_the_page_waits_for_the_first_contact_and_says_what_is_next(company: Company, client: Client) -> None:
    client.post(f"{DESKTOP}add/", {"name": "Main file"})
    rows = Connection.objects.filter(company=company)
    integration = Integration.objects.get(company=company)
    address = f"{DESKTOP}{integration.pk}/progress/"
    assert "It has not called with the right password yet" in words(client, address)
    health.trouble(rows.get(), "wrong_password")
    assert "has the wrong password. Make a new one here" in words(client, address)
    health.solved(rows.get())
    now = timezone.now()
    rows.update(
        first_contact_at=now, last_contact_at=now, web_connector="34.0.0.30", company_name="Northgate LLC",
        product="QuickBooks Pro 34.0", host=company_files.HOST, file_seen_at=now,
    )  # fmt: skip
    page = words(client, address)
    assert "Version 34.0.0.30." in page
    assert "Northgate LLC in QuickBooks Pro 34.0." in page
    assert 'hx-trigger="every' in client.get(address).content.decode()
    Integration.objects.update(lists_read_at=now)
    assert "Start the Setup Wizard" in words(client, address)
    assert 'hx-trigger="every' not in client.get(address).content.decode()


def test_an_address_that_the_web_connector_cannot_call_is_said(main: Connection, client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "http://inbuild.example"
    answer = client.get(f"{DESKTOP}{main.integration_id}/file/", follow=True)
    assert b"The file cannot be made: The Web Connector calls only https" in answer.content


# --- one QuickBooks at a time ---------------------------------------------------------------------------------------
def test_online_keeps_desktop_out_and_the_page_says_why(
    quickbooks: Integration, company: Company, client: Client
) -> None:
    why = f"Disconnect {quickbooks} first: bills go to one QuickBooks at a time."
    assert why in words(client)
    assert why in html.unescape(client.post(f"{DESKTOP}add/", {"name": "Main"}, follow=True).content.decode())
    assert not Connection.objects.filter(company=company).exists()


def test_desktop_keeps_online_out_before_anybody_goes_to_intuit(
    main: Connection, intuit: IntuitEmulator, client: Client
) -> None:
    why = f"Disconnect {main.integration} first: bills go to one QuickBooks at a time."
    assert why in words(client)
    answer = client.post(f"{PAGE}qbo/connect/", follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert why in html.unescape(answer.content.decode())


def test_a_disconnected_file_is_reconnected_as_it_was_unless_online_took_its_place(
    main: Connection, company: Company, client: Client
) -> None:
    client.post(f"{DESKTOP}{main.integration_id}/disconnect/")
    client.post(f"{DESKTOP}{main.integration_id}/disconnect/")
    online = Integration.objects.create(company=company, kind="qbo", external_id="1", state="connected")
    answer = client.post(f"{DESKTOP}{main.integration_id}/reconnect/", follow=True)
    assert "first: bills go to one QuickBooks at a time." in answer.content.decode()
    assert not Integration.active(company).filter(kind="qbd").exists()
    Integration.objects.filter(pk=online.pk).update(state="disconnected")
    page = words(client)
    assert "Disconnected company file" in page
    client.post(f"{DESKTOP}{main.integration_id}/reconnect/")
    again = Integration.active(company).get()
    assert (again.pk, again.external_id) == (main.integration_id, main.file_id)


# --- who may --------------------------------------------------------------------------------------------------------
def test_only_admins_change_anything_or_see_what_was_exchanged(
    main: Connection, second: Connection, accountant: User, viewer: User, as_user: Any
) -> None:
    row = company_files.session(main)
    exchange = company_files.exchange(row)
    pk = main.integration_id
    project = Project.objects.create(company=main.company, name="Harbor Tower")
    for person in (accountant, viewer):
        other = as_user(person)
        for address in ("add/", f"{pk}/password/", f"{pk}/disconnect/", f"{pk}/reconnect/"):
            assert other.post(f"{DESKTOP}{address}", {"name": "x"}).status_code == 403
        for address in (f"{pk}/file/", f"sessions/{row.pk}/", f"exchanges/{exchange.pk}/sent/"):
            assert other.get(f"{DESKTOP}{address}").status_code == 403
        for address in (f"{pk}/", f"{pk}/progress/", f"{pk}/sessions/"):
            assert other.get(f"{DESKTOP}{address}").status_code == 200
        assert other.get(f"{PAGE}projects/").status_code == 200
        assert other.post(f"{PAGE}projects/", {f"file-{project.pk}": pk}).status_code == 403
    assert not ProjectBooks.objects.exists()


# --- health ---------------------------------------------------------------------------------------------------------
def test_every_page_says_that_the_pc_is_silent_or_in_trouble(main: Connection, client: Client) -> None:
    silent = "The PC has not called for 26 hours."
    assert silent not in words(client, "/invoices/")
    Connection.objects.update(last_contact_at=timezone.now() - timedelta(hours=26, minutes=1))
    for address in ("/invoices/", "/settings/procore/", PAGE, f"{DESKTOP}{main.integration_id}/"):
        assert words(client, address).count(silent) == 1
    assert f'href="{PAGE}?file={main.integration_id}#web-connector"' in client.get("/invoices/").content.decode()
    health.trouble(main, "other_file", "Ridgeline.qbw")
    assert "has another company file open (Ridgeline.qbw)" in words(client, "/invoices/")
    client.post(f"{DESKTOP}{main.integration_id}/disconnect/")
    assert "Ridgeline.qbw" not in words(client, "/invoices/")


def test_a_waiting_bill_says_when_the_pc_called_and_should_call(
    company: Company, main: Connection, client: Client
) -> None:
    bill = company_files.approved(company, "W-1")
    Bill.objects.filter(pk=bill.pk).update(integration=main.integration, problem=Bill.WAITS_FOR_PC)
    address = f"/invoices/{bill.invoice.public_id}/"
    page = words(client, address)
    assert "The PC called last" in page
    assert "call next" in page
    assert f"{PAGE}?file={main.integration_id}" in client.get(address).content.decode()
    Connection.objects.update(last_contact_at=timezone.now() - timedelta(hours=2))
    assert "have called again" in words(client, address)


def test_the_integration_page_shows_the_web_connector(main: Connection, client: Client) -> None:
    page = words(client)
    for shown in ("34.0.0.30", "Harborview Contracting LLC", r"C:\QuickBooks\Main file.qbw", "a minute ago", "Working"):
        assert shown in page
    assert "QuickBooks Desktop Settings" in page
    assert "QuickBooks Online Settings" not in page
    assert "Customer:Job 0 active" in page
    assert "Customer or project" not in page


# --- session log ----------------------------------------------------------------------------------------------------
def test_the_session_log_goes_back_page_by_page(main: Connection, client: Client) -> None:
    for number in range(1, 54):
        company_files.session(main, number)
    log = f"{DESKTOP}{main.integration_id}/sessions/"
    first = client.get(log).content.decode()
    shown = re.findall(r"desktop/sessions/(\d+)/", first)
    onward = re.search(r'href="([^"]*before=\d+)"', first)
    assert onward is not None
    rest = re.findall(r"desktop/sessions/(\d+)/", client.get(html.unescape(onward[1])).content.decode())
    assert [len(shown), len(rest)] == [50, 3]
    assert len({*shown, *rest}) == Session.objects.count()


def test_a_session_shows_what_was_exchanged_and_cuts_long_texts(main: Connection, client: Client) -> None:
    row = company_files.session(main, problem="books", words="A window waits for an answer in QuickBooks. Close it.")
    text = "<VendorRet><Name>A & B</Name></VendorRet>" * 500
    exchange = company_files.exchange(row, "questions", received=text)
    page = client.get(f"{DESKTOP}sessions/{row.pk}/").content.decode()
    assert "A window waits for an answer" in page
    assert "&lt;VendorRet&gt;" in page
    assert "<VendorRet>" not in page
    assert page.count("VendorRet") < text.count("VendorRet")
    whole = client.get(f"{DESKTOP}exchanges/{exchange.pk}/received/")
    assert whole.content.decode() == text
    assert whole["Content-Type"].startswith("text/plain")
    assert "attachment" in whole["Content-Disposition"]


def test_a_long_session_is_paged(main: Connection, client: Client) -> None:
    row = company_files.session(main)
    made = [company_files.exchange(row).pk for _ in range(23)]
    address = f"{DESKTOP}sessions/{row.pk}/"
    first = client.get(address).content.decode()
    second = client.get(f"{address}?after={made[19]}").content.decode()
    found = [set(re.findall(r"exchanges/(\d+)/sent", page)) for page in (first, second)]
    assert found == [{str(pk) for pk in made[:20]}, {str(pk) for pk in made[20:]}]
