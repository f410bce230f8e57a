"""An id that Procore's ERP integration keeps is suggested on the Mapping page, and only ever suggested."""

from __future__ import annotations

import re
from collections.abc import Mapping as Facts
from typing import Any

import pytest
from django.test import Client

from accounting import lists
from accounting.models import Bill, Integration, ListEntry, Mapping
from companies.models import OutsideCall, User
from invoices.models import CostCode, Project, Vendor
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration, ProcoreInvoice
from procore_sync.tasks import sweep_due
from tests.support import work
from tests.support.emulated import COMPANY_ID, IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db
PAGE = "/settings/accounting/mapping/"
REASON = "Same id in Procore"
NAME = "Zenith 47"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def books(quickbooks: Integration) -> Integration:
    """Vendors and projects must be mapped before a bill is made."""
    Integration.objects.update(creates_vendors=False, project_use="required")
    quickbooks.refresh_from_db()
    return quickbooks


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, books: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


@pytest.fixture
def client(accountant: User, as_user: Any) -> Client:
    signed_in: Client = as_user(accountant)
    return signed_in


def vendor_in_procore(procore: ProcoreEmulator, record: Facts[str, Any], **facts: Any) -> None:
    """As an ERP integration leaves it: linked, under a name that QuickBooks does not have."""
    found = next(each for each in procore.invoices() if each["id"] == record["id"])
    procore.patch(f"vendors/{found['vendor_id']}", {"name": NAME, "company": NAME} | facts)


def imported(integration: ProcoreIntegration, procore: ProcoreEmulator, record: Facts[str, Any]) -> Bill:
    procore.approve(record["id"])
    row = ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)
    row.refresh_from_db()
    assert row.invoice is not None, row.reason
    return Bill.objects.get(invoice=row.invoice)


def some(books: Integration, kind: str, place: int = 0) -> ListEntry:
    rows = ListEntry.objects.filter(integration=books, kind=kind, active=True, is_usable=True)
    return rows.order_by("pk")[place]


def suggested(client: Client, tab: str, key: str) -> tuple[int, str] | None:
    """Which entry stands ready to be confirmed for this row, and why."""
    page = client.get(f"{PAGE}?tab={tab}&focus={key}").content.decode()
    assert f'name="typed-{key}"' in page
    found = re.search(rf'value="{re.escape(key)}=(\d+)"', page)
    why = re.search(r'<span class="small text-secondary">([^<]+)</span>', page)
    return (int(found[1]), why[1].strip()) if found and why else None


def asked(what: str = "vendors") -> int:
    return OutsideCall.objects.filter(provider="procore", subject="vendors", url__contains=what).count()


def test_a_vendor_whose_name_fits_nothing_is_suggested_by_its_id_and_mapped_by_a_person_alone(
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    books: Integration,
    intuit: IntuitEmulator,
    client: Client,
) -> None:
    Integration.objects.update(project_use="none")
    theirs = some(books, "vendor", 3)
    record = procore.create(status="under_review")
    vendor_in_procore(procore, record, origin_id=theirs.external_id)
    bill = imported(switched_on, procore, record)
    vendor = Vendor.objects.get(name=NAME)
    key = f"vendor:{vendor.pk}"
    assert suggested(client, "vendors", key) == (theirs.pk, REASON)
    work.drain(switched_on.company)
    bill.refresh_from_db()
    assert (bill.state, bill.problem) == (Bill.State.NEEDS_MAPPING, "unmapped")
    assert not Mapping.objects.exists()
    assert intuit.bills() == []
    client.post(f"{PAGE}save/?tab=vendors", {"confirm": f"{key}={theirs.pk}"})
    work.drain(switched_on.company)
    assert [there["vendor_id"] for there in intuit.bills()] == [theirs.external_id]


def test_the_directory_is_asked_once_for_a_vendor_and_never_for_an_invoice(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration
) -> None:
    first = procore.create(status="under_review")
    vendor_in_procore(procore, first)
    imported(switched_on, procore, first)
    assert asked() == 1
    for _ in range(2):
        imported(switched_on, procore, procore.create(status="under_review", commitment_id=first["commitment_id"]))
    assert Vendor.objects.count() == 1
    assert asked() == 1


def test_an_import_never_waits_for_the_directory(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration, client: Client
) -> None:
    theirs = some(books, "vendor")
    record = procore.create(status="under_review")
    vendor_in_procore(procore, record, origin_id=theirs.external_id)
    procore.fault("503", path="/rest/v1.0/vendors", times=1)
    imported(switched_on, procore, record)
    vendor = Vendor.objects.get()
    assert (vendor.origin_id, vendor.origin_asked_at) == ("", None)
    work.forget_pacing()
    sweep_due(company_id=switched_on.company_id)
    vendor.refresh_from_db()
    assert vendor.origin_id == theirs.external_id


def test_a_refusal_is_taken_for_an_answer_until_the_next_day(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration, client: Client
) -> None:
    theirs = some(books, "vendor")
    record = procore.create(status="under_review")
    vendor_in_procore(procore, record, origin_id=theirs.external_id)
    procore.fault("403", path="/rest/v1.0/vendors", times=1)
    imported(switched_on, procore, record)
    vendor = Vendor.objects.get()
    work.drain(switched_on.company)
    assert asked() == 1
    assert suggested(client, "vendors", f"vendor:{vendor.pk}") is None
    switched_on.check_soon()
    work.check(switched_on)
    assert suggested(client, "vendors", f"vendor:{vendor.pk}") == (theirs.pk, REASON)
    assert not Mapping.objects.exists()


@pytest.mark.parametrize("what", ["of a customer", "inactive", "garbage", "too long"])
def test_an_id_that_is_none_of_an_active_vendor_suggests_nothing(
    what: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    books: Integration,
    intuit: IntuitEmulator,
    client: Client,
) -> None:
    theirs = some(books, "vendor")
    facts: dict[str, Any] = {"origin_id": theirs.external_id}
    if what == "of a customer":
        known = set(ListEntry.objects.filter(kind="vendor").values_list("external_id", flat=True))
        others = ListEntry.objects.filter(kind="customer", active=True).exclude(external_id__in=known)
        facts = {"origin_id": others[0].external_id}
    elif what == "inactive":
        intuit.change_entry("vendor", theirs.external_id, active=False)
        lists.refresh(books)
    elif what == "garbage":
        facts = {"origin_id": '\u0000\'; 🧱 {"edit_sequence":1}'}
    elif what == "too long":
        facts = {"origin_id": theirs.external_id + " " * 10 + "x" * 5000}
    record = procore.create(status="under_review")
    vendor_in_procore(procore, record, **facts)
    imported(switched_on, procore, record)
    vendor = Vendor.objects.get()
    assert vendor.origin_asked_at is not None
    assert suggested(client, "vendors", f"vendor:{vendor.pk}") is None
    assert not Mapping.objects.exists()


def test_another_vendor_under_the_same_id_in_the_directory_says_nothing(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration, client: Client
) -> None:
    """The ids of a project's directory differ from the company's in some companies."""
    theirs = some(books, "vendor")
    record = procore.create(status="under_review")
    vendor_in_procore(procore, record)
    imported(switched_on, procore, record)
    vendor_in_procore(procore, record, name="Other", company="Other", origin_id=theirs.external_id)
    switched_on.check_soon()
    work.check(switched_on)
    assert asked() == 2
    assert suggested(client, "vendors", f"vendor:{Vendor.objects.get().pk}") is None
    vendor_in_procore(procore, record, origin_id=theirs.external_id)
    switched_on.check_soon()
    work.check(switched_on)
    assert suggested(client, "vendors", f"vendor:{Vendor.objects.get().pk}") == (theirs.pk, REASON)


def test_where_id_and_name_say_different_vendors_none_is_suggested(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration, client: Client
) -> None:
    by_id, by_name = some(books, "vendor", 1), some(books, "vendor", 2)
    record = procore.create(status="under_review")
    name = f"The {by_name.name}, LLP"
    vendor_in_procore(procore, record, name=name, company=name, origin_id=by_id.external_id)
    imported(switched_on, procore, record)
    key = f"vendor:{Vendor.objects.get().pk}"
    assert suggested(client, "vendors", key) is None
    Vendor.objects.update(origin_id=by_name.external_id)
    assert suggested(client, "vendors", key) == (by_name.pk, REASON)
    Vendor.objects.update(origin_id="")
    assert suggested(client, "vendors", key) == (by_name.pk, "Same name, written differently")


def test_a_project_is_suggested_as_customer_by_its_id_and_never_as_class(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration, client: Client
) -> None:
    Integration.objects.update(class_use="required", class_tracking="line")
    theirs, klass = some(books, "customer", 2), some(books, "class")
    ListEntry.objects.filter(pk=klass.pk).update(external_id=theirs.external_id)
    record = procore.create(status="under_review")
    facts = {"name": "Zenith Tower", "project_number": "Z-47", "origin_id": theirs.external_id}
    procore.change_project(record["project_id"], **facts)
    switched_on.check_soon()
    work.check(switched_on)
    bill = imported(switched_on, procore, record)
    project = Project.objects.get(procore_id=record["project_id"])
    assert suggested(client, "projects", f"customer:{project.pk}") == (theirs.pk, REASON)
    assert suggested(client, "classes", f"class:{project.pk}") is None
    assert bill.state == Bill.State.NEEDS_MAPPING
    assert not Mapping.objects.filter(project=project).exists()
    client.post(f"{PAGE}save/?tab=projects", {"confirm": f"customer:{project.pk}={theirs.pk}"})
    assert Mapping.objects.get(project=project).entry == theirs


def test_a_cost_code_of_a_direct_cost_is_suggested_by_the_part_of_its_id_behind_the_job(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration, client: Client
) -> None:
    Integration.objects.update(expense_account=None)
    items = ListEntry.objects.filter(kind="item").values_list("external_id", flat=True)
    accounts = ListEntry.objects.filter(kind="account", active=True, is_usable=True).order_by("pk")
    theirs = accounts.exclude(external_id__in=items)[0]
    project_id = procore.get("objects/project", company_id=COMPANY_ID)[0]["id"]
    code = procore.get("objects/cost_code", project_id=project_id)[-1]
    procore.patch(f"projects/{project_id}/cost_codes/{code['id']}", {"origin_id": f"800003DD-1|{theirs.external_id}"})
    lines = [{"cost_code_id": code["id"], "amount": "120.00"}]
    record = procore.create_direct_cost(project_id=project_id, lines=lines)
    procore.approve_direct_cost(record["id"])
    ProcoreInvoice.hint(switched_on, kind="direct_cost", procore_id=int(record["id"]), project_id=int(project_id))
    work.drain(switched_on.company)
    ours = CostCode.objects.get()
    key = f"account:{ours.pk}"
    assert ours.origin_id == theirs.external_id
    assert suggested(client, "codes", key) == (theirs.pk, REASON)
    assert not Mapping.objects.filter(cost_code=ours).exists()
    # QuickBooks Online numbers items and accounts alike: then nobody knows which of the two is meant.
    item = some(books, "item")
    ListEntry.objects.filter(pk=item.pk).update(external_id=theirs.external_id)
    assert suggested(client, "codes", key) is None


def test_what_is_too_long_for_an_id_never_holds_up_a_look_or_an_import(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, books: Integration
) -> None:
    project_id = procore.get("objects/project", company_id=COMPANY_ID)[0]["id"]
    procore.change_project(project_id, origin_id="x" * 5000)
    for code in procore.get("objects/cost_code", project_id=project_id):
        procore.patch(f"projects/{project_id}/cost_codes/{code['id']}", {"origin_id": "x" * 5000})
    switched_on.check_soon()
    work.check(switched_on)
    record = procore.create_direct_cost(project_id=project_id)
    procore.approve_direct_cost(record["id"])
    ProcoreInvoice.hint(switched_on, kind="direct_cost", procore_id=int(record["id"]), project_id=int(project_id))
    work.drain(switched_on.company)
    assert ProcoreInvoice.objects.get(procore_id=record["id"]).decision == "imported"
    assert {code.origin_id for code in CostCode.objects.all()} == {""}
    assert Project.objects.get(procore_id=project_id).origin_id == ""
