"""What is chosen and asked for on the pages while the books are on a PC, and for which of several company files."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from django.utils import timezone

from accounting.models import Bill, Integration, ListEntry, ProjectBooks
from accounting.tasks import post_due
from companies.models import AuditEvent, Company, User
from invoices.models import Project, Vendor
from qbd import connecting
from qbd.models import Connection, Question, VendorCreation
from tests.quickbooks.qbd.pages import PAGE, posted, words
from tests.support import company_files

pytestmark = pytest.mark.django_db


# --- what the PC must do --------------------------------------------------------------------------------------------
def test_refreshing_and_checking_are_done_at_the_next_call(main: Connection, client: Client) -> None:
    address = f"{PAGE}{main.integration_id}/"
    assert "The lists are read when the Web Connector on the PC calls next." in posted(client, f"{address}refresh/")
    assert Question.objects.filter(integration=main.integration, answered_at=None).exists()
    integration = Integration.objects.get(pk=main.integration_id)
    assert integration.lists_read_at is None
    assert "inBuild reads them when the Web Connector calls next." in words(client)
    assert "It is checked again when the Web Connector calls next." in posted(client, f"{address}check/")
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
        answer = posted(client, save, create=f"vendor:{vendor.pk}")
        assert "inBuild creates the vendor when the Web Connector calls next" in answer
    assert (VendorCreation.objects.get().state, VendorCreation.objects.get().by) == ("wanted", admin)
    page = words(client, f"{PAGE}mapping/")
    assert "Created with the Web Connector's next call" in page
    VendorCreation.objects.update(state="refused", words="QuickBooks has a customer of this name.")
    page = words(client, f"{PAGE}mapping/")
    assert "QuickBooks has a customer of this name." in page
    posted(client, save, create=f"vendor:{vendor.pk}")
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
    assert "Saved for 1 project." in posted(client, f"{PAGE}projects/", **given)
    posted(client, f"{PAGE}projects/", **given)  # a double click
    assert ProjectBooks.objects.get(project=project).integration == second.integration
    assert AuditEvent.objects.filter(verb="project.books").count() == 1
    post_due(company_id=company.pk)
    for bill in bills:
        bill.refresh_from_db()
        assert (bill.integration, bill.problem) == (second.integration, Bill.WAITS_FOR_PC)
    other.refresh_from_db()
    assert other.problem == "which_file"
    assert "Bills of 1 project go to Main file." in posted(
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
