"""What an admin chooses under Review is imported exactly once, and nobody else chooses."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounting.models import Integration
from companies.models import AuditEvent, Company, User
from procore_sync import mirroring
from procore_sync.models import Backfill, ProcoreIntegration, ProcoreInvoice
from tests.procore_sync.review.given import (
    REVIEW,
    SETTINGS,
    approved,
    checked,
    counted,
    earlier,
    heard_of,
    invented,
    listed,
    row_of,
    shown,
    total,
)
from tests.support import work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


def test_a_filtered_selection_arrives_exactly_once(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    """The switch never was on, and stays off."""
    counted(procore_integration)
    there = [row for row in earlier(procore, procore_integration) if Decimal(row["current_payment_due"]) > 0]
    vendor = there[0]["vendor_name"]
    wanted = [row for row in there if row["vendor_name"] == vendor]
    client = as_user(admin)
    page = shown(client, f"{REVIEW}?q={vendor}")
    assert f"All that match, on every page too: {len(wanted)} invoice" in page
    assert total(wanted) in page
    choice = {"q": vendor, "all": "1", "shown": str(len(wanted))}
    for _ in range(2):  # a double click, or another tab
        assert client.post(f"{REVIEW}import/", choice).status_code == 302
        work.drain(procore_integration.company)
    assert f"{len(wanted)} chosen invoice" in shown(client, REVIEW)
    assert sorted(bill["doc_number"] for bill in intuit.bills()) == sorted(row["invoice_number"] for row in wanted)
    assert sum(Decimal(bill["total"]) for bill in intuit.bills()) == Decimal(total(wanted).replace(",", ""))
    assert Backfill.objects.count() == 1
    [event] = AuditEvent.objects.filter(verb="backfill.chosen")
    assert event.user == admin
    assert total(wanted) in event.sentence
    assert {row_of(row).backfill_id for row in wanted} == {Backfill.objects.get().pk}
    progress = shown(client, f"{REVIEW}imports/")
    assert f"{len(wanted)} of {len(wanted)}</strong> imported" in progress
    assert "hx-get" not in progress
    # What was not chosen has not come, and the next night does not change that.
    counted(procore_integration)
    assert len(intuit.bills()) == len(wanted)


def test_progress_shows_what_waits_and_why_something_could_not_come(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    admin: User,
    as_user: Any,
) -> None:
    counted(procore_integration)
    good, gone = earlier(procore, procore_integration)[:2]
    client = as_user(admin)
    procore.set_status(gone["id"], "under_review", emit=False)
    client.post(f"{REVIEW}import/", {"row": [row_of(good).pk, row_of(gone).pk], "shown": "2"})
    page = shown(client, f"{REVIEW}imports/")
    assert "0 of 2</strong> imported, 2 waiting" in page
    assert "every 2s" in page
    work.drain(procore_integration.company)
    page = shown(client, REVIEW)
    assert "1 of 2</strong> imported, 1 could not be imported" in page
    assert "It is Under Review in Procore and comes once it is approved." in page
    assert "every 2s" not in page


def test_approved_while_on_and_not_arrived_at_off_is_listed_and_chosen_already(
    on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, admin: User, as_user: Any
) -> None:
    record = approved(procore)
    mirroring.set_to(on, False, user=admin)
    row = heard_of(on, record)
    assert row.gate == "switch"
    client = as_user(admin)
    words = "1 invoice approved while the switch was on had not arrived when it was turned off."
    assert words in shown(client, SETTINGS)
    assert words in shown(client, "/invoices/")
    page = shown(client, f"{REVIEW}?why=not_arrived")
    assert checked(page) == {row.pk}
    assert f'Chosen: <strong class="number">1 invoice (${total([procore.invoices(id=record["id"])[0]])})' in page
    client.post(f"{REVIEW}import/", {"row": [row.pk], "shown": "1", "why": "not_arrived"})
    work.drain(on.company)
    assert len(intuit.bills()) == 1
    assert words not in shown(client, SETTINGS)
    assert not mirroring.is_on(on)


def test_approved_while_quickbooks_was_disconnected_is_offered_and_waits_for_it(
    on: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
) -> None:
    Integration.objects.update(state="disconnected")
    record = approved(procore)
    row = heard_of(on, record)
    client = as_user(admin)
    assert "1 invoice approved while QuickBooks was disconnected did not come." in shown(client, "/invoices/")
    page = shown(client, REVIEW)
    assert "Connect QuickBooks first" in page
    assert checked(page) == {row.pk}
    answer = client.post(f"{REVIEW}import/", {"row": [row.pk], "shown": "1"})
    assert answer.status_code == 409
    assert "Connect QuickBooks first" in answer.content.decode()
    assert not Backfill.objects.exists()
    Integration.objects.update(state="connected")
    client.post(f"{REVIEW}import/", {"row": [row.pk], "shown": "1"})
    work.drain(on.company)
    assert len(intuit.bills()) == 1


def test_all_that_match_reaches_beyond_the_page_and_never_more_than_was_shown(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    invented(procore_integration, 120)
    ProcoreInvoice.objects.filter(number__gt="OLD-0109").update(vendor_name="Elm Concrete")
    client = as_user(admin)
    assert len(listed(client, "q=delta")) == 110
    total_of = client.get(f"{REVIEW}selection/?q=delta&all=1&shown=110").content.decode()
    assert "110 invoices ($1,155.00)" in total_of
    answer = client.post(f"{REVIEW}import/", {"q": "delta", "all": "1", "shown": "109"})
    assert answer.status_code == 409
    assert "More invoices match now" in answer.content.decode()
    assert not ProcoreInvoice.objects.exclude(backfill=None).exists()
    client.post(f"{REVIEW}import/", {"q": "delta", "all": "1", "shown": "110"})
    chosen = ProcoreInvoice.objects.exclude(backfill=None)
    assert (chosen.count(), set(chosen.values_list("vendor_name", flat=True))) == (110, {"Delta Steel"})
    assert set(chosen.values_list("wanted", "priority")) == {(1, ProcoreInvoice.Priority.LATER)}
    assert chosen.filter(next_at=None).count() == 0
    assert len(listed(client)) == 10


def test_two_tabs_choose_each_invoice_once(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    rows = invented(procore_integration, 3)
    client = as_user(admin)
    client.post(f"{REVIEW}import/", {"row": [rows[0].pk, rows[1].pk], "shown": "3"})
    client.post(f"{REVIEW}import/", {"row": [rows[1].pk, rows[2].pk], "shown": "3"})
    page = shown(client, REVIEW)
    assert "1 chosen invoice was left alone" in page
    sizes = [backfill.chosen.count() for backfill in Backfill.objects.order_by("pk")]
    assert sizes == [2, 1]
    assert set(ProcoreInvoice.objects.values_list("wanted", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    rows = invented(procore_integration, 40)
    clients = [as_user(admin) for _ in range(4)]

    def press(client: Client) -> int:
        try:
            return client.post(f"{REVIEW}import/", {"row": [row.pk for row in rows], "shown": "40"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(press, clients)) == {302}
    assert set(ProcoreInvoice.objects.values_list("wanted", flat=True)) == {1}
    assert Backfill.objects.count() == 1
    assert AuditEvent.objects.filter(verb="backfill.chosen").count() == 1


def test_nothing_chosen_and_nothing_there(
    procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    assert "Nothing to review" in shown(client, REVIEW)
    for choice in ({}, {"all": "1", "shown": "0"}, {"shown": "7"}):
        assert client.post(f"{REVIEW}import/", choice).status_code == 302
        assert "Choose at least one invoice first." in shown(client, REVIEW)
    assert not Backfill.objects.exists()
    assert "Nothing chosen yet" in shown(client, f"{REVIEW}selection/")
    assert "Nothing matches" in shown(client, f"{REVIEW}?q=zzz")


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_see_it_greyed_out_and_are_refused(
    role: str,
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    as_user: Any,
    request: pytest.FixtureRequest,
) -> None:
    [row] = invented(procore_integration, 1)
    client = as_user(request.getfixturevalue(role))
    page = shown(client, REVIEW)
    assert "OLD-0000" in page
    assert "Only company admins can change this setting." in page
    assert re.search(r'<button type="submit" class="btn btn-primary" disabled[^>]*>Import chosen', page)
    for address in ("review/import/", "review/dismiss/", "review/count/", "approved-as-noted/"):
        assert client.post(SETTINGS + address, {"row": row.pk, "shown": "1", "counts": "off"}).status_code == 403
    row.refresh_from_db()
    assert (row.backfill, row.dismissed) == (None, False)
    assert not AuditEvent.objects.filter(verb__startswith="backfill").exists()
    assert ProcoreIntegration.objects.get(pk=procore_integration.pk).approved_as_noted_counts


def test_rows_of_another_company_are_not_found(
    procore_integration: ProcoreIntegration, quickbooks: Integration, other_company: Company, admin: User, as_user: Any
) -> None:
    [mine] = invented(procore_integration, 1)
    theirs = ProcoreIntegration.objects.create(
        company=other_company, environment="production", procore_company_id=5, client_id="x", client_secret="y"
    )
    foreign = ProcoreInvoice.objects.create(
        company=other_company,
        integration=theirs,
        kind="subcontractor_invoice",
        procore_id=1,
        project_id=1,
        status="approved",
        gate="mirroring",
        number="FOREIGN",
    )
    client = as_user(admin)
    assert "FOREIGN" not in shown(client, REVIEW)
    for row in (foreign.pk, 10**9, "nonsense"):
        for step in ("import", "dismiss"):
            assert client.post(f"{REVIEW}{step}/", {"row": [mine.pk, row], "shown": "2"}).status_code == 404
    assert "Nothing chosen yet" in shown(client, f"{REVIEW}selection/?row={foreign.pk}")
    assert not ProcoreInvoice.objects.exclude(backfill=None, dismissed=False).exists()
