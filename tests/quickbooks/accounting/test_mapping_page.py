"""Mapping, as an accountant works with it: causes first, one fix frees everything, nothing by likeness alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounting import lists
from accounting.models import Bill, Integration, ListEntry, Mapping
from companies.models import AuditEvent, Company, User
from invoices.models import Project, Vendor
from invoices.recording import NewLine
from tests.quickbooks.accounting.given import approved, post, posted
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db
PAGE = "/settings/accounting/mapping/"
SAVE = f"{PAGE}save/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def books(quickbooks: Integration) -> Integration:
    """Connected; vendors are not created by themselves and every cost code must be mapped."""
    Integration.objects.update(creates_vendors=False)
    quickbooks.refresh_from_db()
    return quickbooks


@pytest.fixture
def client(accountant: User, as_user: Any) -> Client:
    signed_in: Client = as_user(accountant)
    return signed_in


def entry(books: Integration, kind: str, name: str) -> ListEntry:
    return ListEntry.objects.get(integration=books, kind=kind, name=name)


def some(books: Integration, kind: str) -> ListEntry:
    found = ListEntry.objects.filter(integration=books, kind=kind, active=True, is_usable=True).order_by("pk").first()
    assert found is not None
    return found


def seven(company: Company) -> list[Bill]:
    bills = [posted(company, approved(company, f"E-{number}")) for number in range(7)]
    assert {bill.problem for bill in bills} == {"unmapped"}
    return bills


def test_one_fix_releases_every_bill_once_and_says_how_many_and_how_much(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client, accountant: User
) -> None:
    seven(company)
    other = posted(company, approved(company, "S-1", vendor="Delta Stone"))
    page = client.get(PAGE).content.decode()
    assert "7 invoices" in page
    assert "7,000.00 USD wait" in page
    vendor = Vendor.objects.get(name="Apex Electrical")
    theirs = some(books, "vendor")
    answer = client.post(f"{SAVE}?tab=vendors", {f"typed-vendor:{vendor.pk}": theirs.name.upper()}, follow=True)
    assert "7 waiting invoices, 7,000.00 USD, went on to QuickBooks." in answer.content.decode()
    post(company, 2)
    there = intuit.bills()
    assert sorted(bill["doc_number"] for bill in there) == [f"E-{number}" for number in range(7)]
    assert {bill["vendor_id"] for bill in there} == {theirs.external_id}
    other.refresh_from_db()
    assert other.state == Bill.State.NEEDS_MAPPING
    made = Mapping.objects.get(vendor=vendor)
    assert (made.entry, made.by) == (theirs, accountant)
    assert AuditEvent.objects.get(verb="mapping.chosen").user == accountant


def test_a_bill_that_waits_for_two_things_goes_on_after_both(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    account = books.expense_account
    assert account
    Integration.objects.update(expense_account=None)
    bill = posted(company, approved(company))
    page = client.get(f"{PAGE}?missing={bill.invoice.public_id}").content.decode()
    assert "What invoice INV-1 of Apex Electrical waits for" in page
    assert "Cost code" in page
    vendor = Vendor.objects.get(name="Apex Electrical")
    where = f"{SAVE}?missing={bill.invoice.public_id}"
    answer = client.post(f"{where}&tab=vendors", {f"typed-vendor:{vendor.pk}": some(books, "vendor").name})
    assert "missing=" in answer["Location"]
    bill.refresh_from_db()
    assert bill.state == Bill.State.NEEDS_MAPPING
    code = bill.invoice.lines.get().cost_code
    assert code
    answer = client.post(f"{where}&tab=codes", {f"typed-account:{code.pk}": account.name})
    assert answer["Location"] == f"/invoices/{bill.invoice.public_id}/"
    post(company)
    assert len(intuit.bills()) == 1


def test_the_card_of_a_bill_leads_to_its_rows(company: Company, books: Integration, client: Client) -> None:
    bill = posted(company, approved(company))
    posted(company, approved(company, "S-1", vendor="Delta Stone"))
    card = client.get(f"/invoices/{bill.invoice.public_id}/").content.decode()
    address = f"{PAGE}?missing={bill.invoice.public_id}"
    assert f'href="{address}"' in card
    page = client.get(address).content.decode()
    assert "Apex Electrical in QuickBooks" in page
    assert "Delta Stone in QuickBooks" not in page


def test_a_suggestion_is_shown_and_confirmed_and_never_taken_by_itself(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    intuit.post("lists/9130350000000001/vendor", {"name": "The Apex Electrical, LLC"})
    lists.refresh(books)
    bill = posted(company, approved(company))
    assert bill.state == Bill.State.NEEDS_MAPPING
    page = client.get(PAGE).content.decode()
    assert "Suggested: The Apex Electrical, LLC" in page
    vendor = Vendor.objects.get(name="Apex Electrical")
    theirs = entry(books, "vendor", "The Apex Electrical, LLC")
    assert f'value="vendor:{vendor.pk}={theirs.pk}"' in page
    assert not Mapping.objects.filter(vendor=vendor).exists()
    client.post(f"{SAVE}?tab=vendors", {"do": "confirm", "suggested": [f"vendor:{vendor.pk}={theirs.pk}"]})
    post(company)
    assert [there["vendor_name"] for there in intuit.bills()] == ["The Apex Electrical, LLC"]


def test_a_name_that_is_not_exact_comes_back_with_choices(
    company: Company, books: Integration, client: Client, intuit: IntuitEmulator
) -> None:
    posted(company, approved(company))
    vendor = Vendor.objects.get(name="Apex Electrical")
    theirs = some(books, "vendor")
    part = theirs.name[:5]
    answer = client.post(f"{SAVE}?tab=vendors", {f"typed-vendor:{vendor.pk}": part})
    assert answer.status_code == 422
    assert f'value="id:{theirs.pk}"' in answer.content.decode()
    assert not Mapping.objects.filter(vendor=vendor).exists()
    given = {f"typed-vendor:{vendor.pk}": part, f"pick-vendor:{vendor.pk}": f"id:{theirs.pk}"}
    client.post(f"{SAVE}?tab=vendors", given)
    assert Mapping.objects.get(vendor=vendor).entry == theirs


def test_rows_in_bulk(company: Company, books: Integration, client: Client) -> None:
    for name in ("Apex Electrical", "Apex Elec."):
        posted(company, approved(company, name, vendor=name))
    keys = [f"vendor:{pk}" for pk in Vendor.objects.filter(name__startswith="Apex").values_list("pk", flat=True)]
    theirs = some(books, "vendor")
    client.post(f"{SAVE}?tab=vendors", {"do": "assign", "row": keys, "to": theirs.name})
    assert set(Mapping.objects.filter(vendor__name__startswith="Apex").values_list("entry", flat=True)) == {theirs.pk}
    client.post(f"{SAVE}?tab=vendors", {"do": "clear", "row": keys})
    assert not Mapping.objects.filter(vendor__name__startswith="Apex").exists()


def test_a_vendor_is_created_only_when_a_person_says_so(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client, accountant: User
) -> None:
    seven(company)
    before = len(intuit.entries("vendor"))
    vendor = Vendor.objects.get(name="Apex Electrical")
    answer = client.post(f"{SAVE}?tab=vendors", {"create": f"vendor:{vendor.pk}"}, follow=True)
    assert "1 in QuickBooks now and mapped. 7 waiting invoices" in answer.content.decode()
    post(company, 2)
    assert len(intuit.entries("vendor")) == before + 1
    assert len(intuit.bills()) == 7
    assert Mapping.objects.get(vendor=vendor).by == accountant


def test_a_name_that_a_customer_has_is_a_sentence(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    customer = intuit.entries("customer")[0]["name"]
    posted(company, approved(company, vendor=customer))
    vendor = Vendor.objects.get(name=customer)
    answer = client.post(f"{SAVE}?tab=vendors", {"do": "create", "row": [f"vendor:{vendor.pk}"]}, follow=True)
    assert "QuickBooks has a customer or employee called" in answer.content.decode()
    assert not Mapping.objects.filter(vendor=vendor).exists()


def test_what_became_inactive_is_marked_and_holds_bills_until_it_is_active_again(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    theirs = intuit.entries("vendor")[0]
    posted(company, approved(company, "A-1", vendor=theirs["name"]))
    intuit.change_entry("vendor", theirs["id"], active=False)
    lists.refresh(books)
    bill = posted(company, approved(company, "A-2", vendor=theirs["name"]))
    assert bill.state == Bill.State.NEEDS_MAPPING
    assert "Inactive in QuickBooks" in client.get(f"{PAGE}?show=inactive").content.decode()
    intuit.change_entry("vendor", theirs["id"], active=True)
    assert lists.refresh(books).bills == 1
    post(company)
    assert len(intuit.bills()) == 2


def test_a_project_goes_to_a_sub_customer_and_a_cost_type_to_an_item(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    Integration.objects.update(line_mode="item", codes_by="cost_type", project_use="required", creates_vendors=True)
    line = NewLine("Wiring", Decimal("250.00"), Decimal(0), "16-100", "Electrical", "Labor")
    bill = posted(company, approved(company, lines=(line,), project_name="Riverside", project_procore_id=7))
    assert bill.state == Bill.State.NEEDS_MAPPING
    project = Project.objects.get(name="Riverside")
    job = ListEntry.objects.filter(integration=books, kind="customer", name__contains=":", active=True)[0]
    item = some(books, "item")
    client.post(f"{SAVE}?tab=projects", {f"typed-customer:{project.pk}": job.name})
    assert "Labor" in client.get(f"{PAGE}?tab=codes").content.decode()
    client.post(f"{SAVE}?tab=codes", {"typed-item-type:Labor": item.name})
    post(company)
    [there] = intuit.bills()
    [line_there] = there["lines"]
    assert (line_there["customer_id"], line_there["item_id"]) == (job.external_id, item.external_id)


def test_mapping_at_the_moment_a_bill_notes_what_it_misses_leaves_nothing_waiting(
    company: Company, books: Integration, intuit: IntuitEmulator, accountant: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the note a person maps the vendor: nobody would come by this bill again."""
    from accounting import mapping, posting

    theirs, real = some(books, "vendor"), mapping.hold_still
    once: list[int] = []

    def at_this_moment(integration: Integration) -> None:
        if not once:
            once.append(1)
            mapping.choose(books, Vendor.objects.get(name="Apex Electrical"), theirs, user=accountant)
        real(integration)

    monkeypatch.setattr(mapping, "hold_still", at_this_moment)
    bill = posting.release(approved(company))
    post(company, 2)
    bill.refresh_from_db()
    assert once
    assert bill.state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


def test_two_thousand_vendors_cost_no_more_questions_than_ten(
    company: Company, books: Integration, client: Client
) -> None:
    seven(company)
    Vendor.objects.bulk_create(Vendor(company=company, name=f"Vendor {number:04}") for number in range(10))
    client.get(PAGE)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(PAGE)
    Vendor.objects.bulk_create(Vendor(company=company, name=f"Vendor {number:04}") for number in range(10, 2000))
    entries = [
        ListEntry(
            company=company, integration=books, kind="vendor", external_id=f"x{number}", name=f"Vendor {number:04} Inc"
        )
        for number in range(2000)
    ]
    ListEntry.objects.bulk_create(entries)
    with CaptureQueriesContext(connection) as many:
        first = client.get(PAGE).content.decode()
    assert len(many) <= len(few) <= 16
    assert first.index("Apex Electrical in QuickBooks") < first.index("Vendor 0000 in QuickBooks")
    assert first.count('name="row"') == 50
    seen, address = set(), PAGE
    while address:
        page = client.get(address).content.decode()
        seen |= {part.split('"')[0] for part in page.split('name="typed-')[1:]}
        _, _, rest = page.rpartition('href="/settings/accounting/mapping/?')
        address = PAGE + "?" + rest.split('"')[0].replace("&amp;", "&") if ">Next page<" in rest else ""
    assert len(seen) == Vendor.objects.filter(company=company).count()


def test_viewers_look_and_do_not_map(company: Company, books: Integration, viewer: User, as_user: Any) -> None:
    posted(company, approved(company))
    client = as_user(viewer)
    page = client.get(PAGE)
    assert b"Apex Electrical" in page.content
    assert b"Ask an accountant or a company admin." in page.content
    vendor = Vendor.objects.get(name="Apex Electrical")
    assert client.post(SAVE, {f"typed-vendor:{vendor.pk}": "x"}).status_code == 403


def test_nothing_of_another_company_is_mapped_or_shown(
    company: Company, other_company: Company, books: Integration, client: Client
) -> None:
    foreign = Vendor.objects.create(company=other_company, name="CANARY vendor")
    theirs = some(books, "vendor")
    client.post(f"{SAVE}?tab=vendors", {f"typed-vendor:{foreign.pk}": theirs.name})
    client.post(f"{SAVE}?tab=vendors", {"do": "assign", "row": [f"vendor:{foreign.pk}"], "to": theirs.name})
    assert not Mapping.objects.filter(vendor=foreign).exists()
    assert b"CANARY" not in client.get(PAGE).content
    bill = posted(other_company, approved(other_company, "CANARY"))
    assert client.get(f"{PAGE}?missing={bill.invoice.public_id}").status_code == 404


def test_without_quickbooks_the_page_says_what_comes_first(company: Company, client: Client) -> None:
    assert b"QuickBooks is not connected" in client.get(PAGE).content
