"""The checklist of a new company: each step is read from what is true, and it goes once all of it is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounting.models import Integration, ListEntry, Mapping
from companies.models import Company, User
from invoices.models import Vendor
from procore_sync import mirroring, starting
from procore_sync.models import ProcoreIntegration
from tests.companies import given
from tests.companies.test_members import said

pytestmark = pytest.mark.django_db

PAGE = "/invoices/"


def procore_of(company: Company) -> ProcoreIntegration:
    return ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=1,
        client_id="x",
        client_secret="y",
        state="connected",
    )


def set_up(books: Integration) -> ListEntry:
    payable = ListEntry.objects.create(
        company=books.company, integration=books, kind="account", external_id="33", name="Accounts Payable"
    )
    Integration.objects.filter(pk=books.pk).update(ap_account=payable, set_up_at=timezone.now())
    return payable


def states(client: Client) -> list[str]:
    """The words of the steps, in order; empty without the checklist."""
    page = said(client.get(PAGE))
    if 'id="starting"' not in page:
        return []
    part = page.split('id="starting"')[1].split("</section>")[0]
    return re.findall(r'<span class="state tone-\w+">([^<]+)</span>', part)


def test_each_step_is_done_when_it_is_true_and_then_the_list_goes(company: Company, admin: User, as_user: Any) -> None:
    client = as_user(admin)
    assert states(client) == ["Next", "To do", "To do", "To do"]
    assert 'href="/settings/procore/">Connect Procore</a>' in said(client.get(PAGE))
    procore = procore_of(company)
    assert states(client) == ["Done", "Next", "To do", "To do"]
    books = given.books(company)
    assert states(client) == ["Done", "Done", "Next", "To do"]
    assert 'href="/settings/accounting/setup/">Go to the Setup Wizard</a>' in said(client.get(PAGE))
    set_up(books)
    assert states(client) == ["Done", "Done", "Done", "Next"]
    mirroring.set_to(procore, True, user=admin)
    assert states(client) == []


def test_nothing_is_remembered_what_is_undone_is_to_do_again(company: Company, admin: User, as_user: Any) -> None:
    procore, books = procore_of(company), given.books(company)
    set_up(books)
    mirroring.set_to(procore, True, user=admin)
    client = as_user(admin)
    assert states(client) == []
    Integration.objects.update(state="disconnected")
    assert states(client) == ["Done", "Next", "To do", "Done"]


def test_turning_the_switch_off_later_is_no_new_beginning(company: Company, admin: User, as_user: Any) -> None:
    procore = procore_of(company)
    set_up(given.books(company))
    mirroring.set_to(procore, True, user=admin)
    mirroring.set_to(procore, False, user=admin)
    assert states(as_user(admin)) == []


def test_the_first_vendor_has_to_be_mapped_which_an_accountant_can_do(
    company: Company, admin: User, accountant: User, viewer: User, as_user: Any
) -> None:
    procore = procore_of(company)
    payable = set_up(given.books(company))
    mirroring.set_to(procore, True, user=admin)
    vendor = Vendor.objects.create(company=company, name="Delta Steel")
    client = as_user(accountant)
    assert states(client) == ["Done", "Done", "Next", "Done"]
    assert 'href="/settings/accounting/mapping/">Open Mapping</a>' in said(client.get(PAGE))
    page = said(as_user(viewer).get(PAGE))
    assert "An accountant or a company admin does this next: Admin, Accountant." in page
    assert "Open Mapping" not in page
    Mapping.objects.create(company=company, integration=payable.integration, vendor=vendor, entry=payable)
    assert states(client) == []


def test_who_may_not_do_it_reads_who_can(company: Company, admin: User, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    assert states(client) == ["Next", "To do", "To do", "To do"]
    page = said(client.get(PAGE))
    assert "A company admin does this next: Admin." in page
    assert ">Connect Procore</a>" not in page


def test_another_companys_connections_tick_off_nothing(
    company: Company, other_company: Company, admin: User, as_user: Any
) -> None:
    procore_of(other_company)
    set_up(given.books(other_company))
    assert states(as_user(admin)) == ["Next", "To do", "To do", "To do"]


def test_it_costs_one_query_whatever_the_company_holds(
    company: Company, admin: User, figures: Callable[[str], None]
) -> None:
    membership = admin.memberships.select_related("company").get()
    with CaptureQueriesContext(connection) as few:
        assert starting.still_to_do(membership, None) is not None
    procore = procore_of(company)
    payable = set_up(given.books(company))
    mirroring.set_to(procore, True, user=admin)
    vendors = Vendor.objects.bulk_create(Vendor(company=company, name=f"Vendor {n}") for n in range(200))
    Mapping.objects.create(company=company, integration=payable.integration, vendor=vendors[0], entry=payable)
    with CaptureQueriesContext(connection) as many:
        assert starting.still_to_do(membership, procore) is None
    figures(f"queries of the checklist: {len(few)} and {len(many)}")
    assert len(few) == len(many) == 1
