"""A connection that ends: said once, bills wait in order, and other books get nothing without a word."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounting import configuring, posting
from accounting.models import Bill, Integration
from accounting.tasks import follow_due, post_due
from companies import auditing
from companies.models import AuditEvent, Company, User
from qbo import connecting, tokens
from qbo.models import Token
from tests.quickbooks.qbo.test_backend import approved
from tests.support import connected, work
from tests.support.emulated import OTHER_REALM, REALM, IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def waiting(company: Company, count: int, first: int = 0) -> list[str]:
    numbers = [f"W-{number:02}" for number in range(first, first + count)]
    for number in numbers:
        posting.release(approved(company, number))
    return numbers


def post_all(company: Company, times: int = 4) -> None:
    for _ in range(times):
        post_due(company_id=company.pk)


def test_thirty_bills_wait_with_one_banner_and_go_on_in_order(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, admin: User, as_user: Any
) -> None:
    intuit.post("revoke", {"realm": REALM})
    Token.objects.update(access_expires_at=timezone.now())
    numbers = waiting(company, 30)
    post_all(company)
    assert Integration.objects.get().state == "needs_reconnect"
    assert set(Bill.objects.values_list("state", "problem")) == {("ready", "reconnect")}
    assert AuditEvent.objects.filter(verb="integration.needs_reconnect").count() == 1
    refused = intuit.get("oauth")["realms"][REALM]["invalid_grant"]
    assert refused <= 2
    page = as_user(admin).get("/invoices/").content.decode()
    assert page.count("no longer accepts inBuild&#x27;s connection. Bills wait") == 1
    numbers += waiting(company, 2, first=30)
    connected.quickbooks(intuit, company, admin)
    post_all(company)
    assert [row["doc_number"] for row in intuit.bills()] == numbers
    assert "no longer accepts" not in as_user(admin).get("/invoices/").content.decode()
    # Nobody kept asking for a sign-in that was refused.
    assert intuit.get("oauth")["realms"][REALM]["invalid_grant"] == refused


def test_following_stops_with_the_connection_and_goes_on_with_it(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, admin: User
) -> None:
    intuit.post("revoke", {"realm": REALM})
    Token.objects.update(access_expires_at=timezone.now())
    follow_due(company_id=company.pk)
    row = Integration.objects.get()
    assert (row.state, row.next_at) == ("needs_reconnect", None)
    connected.quickbooks(intuit, company, admin)
    follow_due(company_id=company.pk)
    assert Integration.objects.get().followed_until is not None


def switched(company: Company, admin: User, intuit: IntuitEmulator) -> Integration:
    connecting.disconnect(Integration.active(company).get(), admin)
    return connected.quickbooks(intuit, company, admin, OTHER_REALM)


@pytest.mark.parametrize("deed", ["send", "skip"])
def test_other_books_get_waiting_bills_only_when_an_admin_says_so(
    deed: str,
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    admin: User,
    accountant: User,
    as_user: Any,
) -> None:
    Integration.objects.update(paused=True)
    numbers = waiting(company, 3)
    post_all(company)
    other = switched(company, admin, intuit)
    assert other.confirm_switch
    post_all(company)
    assert intuit.bills(OTHER_REALM) == []
    assert set(Bill.objects.values_list("problem", flat=True)) == {"other_books"}
    client = as_user(admin)
    page = client.get("/settings/accounting/").content.decode()
    assert f"Send 3 waiting bills to {other.account_name}" in page
    address = f"/settings/accounting/{other.pk}/waiting/{deed}/"
    assert as_user(accountant).post(address).status_code == 403
    for _ in range(2):
        client.post(address)
    post_all(company)
    assert [row["doc_number"] for row in intuit.bills(OTHER_REALM)] == (numbers if deed == "send" else [])
    assert intuit.bills(REALM) == []
    assert set(Bill.objects.values_list("state", flat=True)) == {"synced" if deed == "send" else "skipped"}


def test_a_bill_in_doubt_stays_with_the_books_it_was_sent_to(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, admin: User, settings: Any
) -> None:
    settings.QBO_QUARANTINE_SECONDS = 100
    intuit.fault("drop_after_commit", method="POST", path="/bill\\?", times=1)
    waiting(company, 1)
    post_due(company_id=company.pk)
    assert Bill.objects.get().state == Bill.State.CHECKING
    other = switched(company, admin, intuit)
    Bill.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    post_all(company)
    bill = Bill.objects.get()
    assert (bill.state, bill.problem, bill.integration_id) == ("checking", "books_disconnected", quickbooks.pk)
    assert not other.confirm_switch
    assert intuit.bills(OTHER_REALM) == []


def test_the_end_of_a_connection_is_said_a_month_ahead(
    company: Company, intuit: IntuitEmulator, admin: User, viewer: User, as_user: Any
) -> None:
    intuit.switches(refresh_hard_seconds=20 * 86400)
    integration = connected.quickbooks(intuit, company, admin)
    token = Token.objects.get()
    assert token.hard_expires_at is not None
    assert integration.ends_at == token.hard_expires_at
    page = as_user(admin).get("/invoices/").content.decode()
    assert "The connection to QuickBooks Online ends on" in page
    assert "Reconnect before then" in page
    assert "Reconnect before then" not in as_user(viewer).get("/invoices/").content.decode()
    intuit.switches(refresh_hard_seconds=200 * 86400)
    Token.objects.update(access_expires_at=timezone.now())
    tokens.access_token(integration)
    assert "Reconnect before then" not in as_user(admin).get("/invoices/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_reconnecting_while_a_worker_notes_the_lost_connection(
    company: Company, quickbooks: Integration, admin: User
) -> None:
    def reconnect() -> Integration:
        with closing(connection):
            return configuring.connect(company, kind="qbo", external_id=REALM, account_name="Books", user=admin)

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            Integration.objects.update(state="needs_reconnect")
            again = threads.submit(reconnect)
            _wait_for_a_lock()
            auditing.record(company, "integration.needs_reconnect", quickbooks, "No longer accepted", job="post")
        assert again.result(timeout=10).state == "connected"


def _wait_for_a_lock() -> None:
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            if cursor.fetchone():
                return
            time.sleep(0.02)
    raise AssertionError("Nobody waits.")
