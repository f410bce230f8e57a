"""Settings → Accounting Integrations for QuickBooks Desktop: set-up, health, session log, several company files."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from lxml import etree

from accounting.models import Bill, Integration, ListEntry, ProjectBooks
from accounting.tasks import post_due
from companies.models import AuditEvent, Company, User
from invoices.models import Project, Vendor
from qbd import connecting, health
from qbd.models import Connection, Question, Session, VendorCreation
from tests.support import company_files, work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db
PAGE, DESKTOP = "/settings/accounting/", "/settings/accounting/desktop/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def client(admin: User, as_user: Any) -> Client:
    signed_in: Client = as_user(admin)
    return signed_in


@pytest.fixture
def main(company: Company, admin: User) -> Connection:
    return company_files.add(company, admin)


@pytest.fixture
def second(company: Company, admin: User, main: Connection) -> Connection:
    return company_files.add(company, admin, "Joint venture")


def words(client: Client, address: str = PAGE) -> str:
    """What a person reads, without the tags."""
    page = client.get(address, follow=True).content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


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


# --- what the PC must do --------------------------------------------------------------------------------------------
def test_refreshing_and_checking_are_done_at_the_next_call(main: Connection, client: Client) -> None:
    address = f"{PAGE}{main.integration_id}/"
    assert "The lists are read when the Web Connector on the PC calls next." in _posted(client, f"{address}refresh/")
    assert Question.objects.filter(integration=main.integration, answered_at=None).exists()
    integration = Integration.objects.get(pk=main.integration_id)
    assert integration.lists_read_at is None
    assert "inBuild reads them when the Web Connector calls next." in words(client)
    assert "It is checked again when the Web Connector calls next." in _posted(client, f"{address}check/")
    integration.refresh_from_db()
    assert integration.preflight_at is None
    assert integration.account_name == "Main file"


def test_a_vendor_is_created_at_the_next_call_and_a_refusal_is_shown(
    company: Company, main: Connection, client: Client, admin: User
) -> None:
    bill = company_files.approved(company, "V-1")
    vendor = bill.invoice.vendor
    Integration.objects.update(connected_by=None)  # who presses counts, not who connected
    save = f"{PAGE}mapping/save/?tab=vendors"
    for _ in range(2):  # a double click
        answer = _posted(client, save, create=f"vendor:{vendor.pk}")
        assert "inBuild creates the vendor when the Web Connector calls next" in answer
    assert (VendorCreation.objects.get().state, VendorCreation.objects.get().by) == ("wanted", admin)
    page = words(client, f"{PAGE}mapping/")
    assert "Created with the Web Connector's next call" in page
    VendorCreation.objects.update(state="refused", words="QuickBooks has a customer of this name.")
    page = words(client, f"{PAGE}mapping/")
    assert "QuickBooks has a customer of this name." in page
    _posted(client, save, create=f"vendor:{vendor.pk}")
    assert (VendorCreation.objects.get().state, VendorCreation.objects.get().by) == ("wanted", admin)
    assert Vendor.objects.count() == 1


def test_books_that_cannot_be_asked_at_once_are_put_on_the_list(
    company: Company, main: Connection, client: Client
) -> None:
    bill = company_files.approved(company, "M-1")
    Bill.objects.filter(pk=bill.pk).update(state=Bill.State.ON_HOLD, problem="possible_duplicate")
    answer = client.post(f"{PAGE}bills/{bill.invoice.public_id}/mark/", {"number": "M-1"})
    assert answer.status_code == 422
    assert "inBuild asks it when the Web Connector calls next" in " ".join(answer.content.decode().split())
    assert Question.objects.filter(integration=main.integration, answered_at=None).count() == 1
    bill.refresh_from_db()
    assert bill.state == Bill.State.ON_HOLD
    Bill.objects.filter(pk=bill.pk).update(
        state=Bill.State.SYNCED,
        problem="",
        integration=main.integration,
        external_id="1-1",
        posted_total="1000.00",
        synced_at=timezone.now(),
    )
    answer = client.post(f"{PAGE}bills/{bill.invoice.public_id}/books/check/", follow=True)
    assert "inBuild asks it when the Web Connector calls next" in " ".join(answer.content.decode().split())


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


# --- several company files ------------------------------------------------------------------------------------------
def test_a_page_shows_the_chosen_file_and_what_is_posted_names_it(
    main: Connection, second: Connection, client: Client
) -> None:
    Integration.objects.filter(pk=second.integration_id).update(due_days=77, due_date_rule="days")
    assert "77 days after" not in words(client)
    assert "77 days after" in words(client, f"{PAGE}?file={second.integration_id}")
    assert "77 days after" in words(client), "it is kept for the next page"
    # Another window showed the first file: what is posted there goes to that one.
    client.post(f"{PAGE}setup/due/?file={main.integration_id}", {"due_date_rule": "days", "due_days": "5", "term": ""})
    assert Integration.objects.get(pk=main.integration_id).due_days == 5
    assert Integration.objects.get(pk=second.integration_id).due_days == 77
    assert f"?file={main.integration_id}" in client.get(f"{PAGE}setup/due/?file={main.integration_id}").content.decode()


def test_mapping_is_of_the_file_that_the_page_showed(
    company: Company, main: Connection, second: Connection, client: Client
) -> None:
    bill = company_files.approved(company, "F-1")
    for connection, name in ((main, "Apex of main"), (second, "Apex of second")):
        ListEntry.objects.create(
            company=company, integration=connection.integration, kind="vendor", external_id="1", name=name
        )
    client.get(f"{PAGE}mapping/?file={second.integration_id}")
    page = client.get(f"{PAGE}mapping/?file={main.integration_id}").content.decode()
    assert "Apex of main" in page
    assert "Apex of second" not in page
    client.get(f"{PAGE}mapping/?file={second.integration_id}")
    action = html.unescape(re.search(r'action="([^"]*mapping/save/[^"]*)"', page)[1])  # type: ignore[index]
    client.post(action, {f"typed-vendor:{bill.invoice.vendor_id}": "Apex of main", "do": "save"})
    assert main.integration.mappings.count() == 1
    assert second.integration.mappings.count() == 0


def test_a_foreign_or_former_file_cannot_be_chosen(
    main: Connection, second: Connection, other_company: Company, outsider: User, client: Client
) -> None:
    theirs = company_files.add(other_company, outsider, "Theirs")
    for file in (theirs.integration_id, 10**9, "nonsense", 0):
        for address in (PAGE, f"{PAGE}mapping/", f"{PAGE}setup/due/"):
            assert client.get(f"{address}?file={file}").status_code == 404
    connecting.disconnect(second, user=outsider)
    assert client.get(f"{PAGE}?file={second.integration_id}").status_code == 200
    answer = client.post(f"{PAGE}setup/due/?file={second.integration_id}", {"due_date_rule": "invoice"})
    assert answer.status_code == 404
    mine = Project.objects.create(company=main.company, name="Mine")
    foreign = Project.objects.create(company=other_company, name="Theirs")
    third = company_files.add(main.company, User.objects.get(email="admin@northgate.example"), "Third")
    for given in (
        {f"file-{foreign.pk}": main.integration_id},
        {f"file-{mine.pk}": theirs.integration_id},
        {f"file-{mine.pk}": main.integration_id, f"file-{foreign.pk}": third.integration_id},
        {"do": "rest", "to": theirs.integration_id},
    ):
        assert client.post(f"{PAGE}projects/", given).status_code == 404
    assert not ProjectBooks.objects.exists()


def test_saying_where_a_project_goes_lets_its_bills_go(
    company: Company, main: Connection, second: Connection, client: Client
) -> None:
    bills = [company_files.approved(company, f"R-{number}", "Pier 9") for number in range(3)]
    other = company_files.approved(company, "R-9", "Harbor Tower")
    Integration.objects.update(creates_vendors=True)
    post_due(company_id=company.pk)
    assert set(Bill.objects.values_list("problem", flat=True)) == {"which_file"}
    invoice = client.get(f"/invoices/{bills[0].invoice.public_id}/").content.decode()
    assert f'href="{PAGE}projects/"' in invoice
    page = words(client, f"{PAGE}projects/")
    assert "Pier 9 3,000.00 3 bills" in page
    assert "2 projects without a company file" in page
    project = Project.objects.get(company=company, name="Pier 9")
    given = {f"file-{project.pk}": second.integration_id, f"was-{project.pk}": ""}
    assert "Saved for 1 project." in _posted(client, f"{PAGE}projects/", **given)
    _posted(client, f"{PAGE}projects/", **given)  # a double click
    assert ProjectBooks.objects.get(project=project).integration == second.integration
    assert AuditEvent.objects.filter(verb="project.books").count() == 1
    post_due(company_id=company.pk)
    for bill in bills:
        bill.refresh_from_db()
        assert (bill.integration, bill.problem) == (second.integration, Bill.WAITS_FOR_PC)
    other.refresh_from_db()
    assert other.problem == "which_file"
    assert "Bills of 1 project go to Main file." in _posted(
        client, f"{PAGE}projects/", do="rest", to=main.integration_id
    )
    post_due(company_id=company.pk)
    other.refresh_from_db()
    assert other.integration == main.integration
    assert Integration.active(company).count() == 2


def test_a_further_file_is_no_switch_of_books(company: Company, main: Connection, client: Client, admin: User) -> None:
    company_files.approved(company, "S-1")
    assert not company_files.add(company, admin, "Joint venture").integration.confirm_switch
    for connection in Connection.objects.all():
        connecting.disconnect(connection, user=admin)
    # Alone again, and not the one that the bills waited for.
    assert company_files.add(company, admin, "Third").integration.confirm_switch


def test_with_one_file_there_is_nothing_to_choose(main: Connection, client: Client) -> None:
    assert "There is nothing to choose" in words(client, f"{PAGE}projects/")
    assert "Projects and company files" not in words(client)
    assert 'aria-label="Company files"' not in client.get(PAGE).content.decode()


# --- words that fit -------------------------------------------------------------------------------------------------
def test_the_wizard_speaks_of_the_books_it_sets_up(main: Connection, client: Client) -> None:
    assert "items of the Item List" in words(client, f"{PAGE}setup/lines/")
    assert "customer or job" in words(client, f"{PAGE}setup/projects/")
    assert client.get(f"{PAGE}setup/location/").status_code == 404
    assert "come with the first session" not in words(client, f"{PAGE}setup/lines/")
    Integration.objects.update(ap_account=None, expense_account=None)
    ListEntry.objects.all().delete()
    assert "come with the first session of the Web Connector" in words(client, f"{PAGE}setup/payable/")


def _posted(client: Client, address: str, **given: Any) -> str:
    page = client.post(address, given, follow=True).content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
