"""Settings → Accounting Integrations: pausing, the Setup Wizard, and what the books are set to."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounting import preflight, setup
from accounting.models import Bill, Integration, ListEntry
from companies.models import AuditEvent, Company, User
from invoices.recording import NewLine
from tests.quickbooks.accounting.given import approved, post, posted
from tests.support import connected, work
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db
PAGE = "/settings/accounting/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def client(admin: User, as_user: Any) -> Client:
    signed_in: Client = as_user(admin)
    return signed_in


@pytest.fixture
def new_books(quickbooks: Integration) -> Integration:
    """Connected a moment ago: nothing chosen yet."""
    empty = dict.fromkeys(("set_up_at", "expense_account", "retainage_account", "ap_account"))
    Integration.objects.update(creates_vendors=False, **empty)
    quickbooks.refresh_from_db()
    return quickbooks


def words(client: Client) -> str:
    return " ".join(client.get(PAGE).content.decode().split())


def test_the_card_says_what_waits(company: Company, quickbooks: Integration, client: Client) -> None:
    Integration.objects.update(creates_vendors=False)
    page = words(client)
    for label in (
        "Integration Status",
        "Connected Account",
        "Last Sync",
        "Never",
        "Configuration Status",
        "Configured",
    ):
        assert label in page
    posted(company, approved(company, "W-1"))
    posted(company, approved(company, "W-2"))
    assert '2 <span class="quiet">· 2,000.00 USD</span>' in words(client)


def test_pausing_loses_nothing_and_bills_go_on_in_order(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client, admin: User
) -> None:
    pause = f"{PAGE}{quickbooks.pk}/pause/"
    client.post(pause, {"pause": "on"})
    client.post(pause, {"pause": "on"})  # a double click
    bills = [posted(company, approved(company, f"P-{number}")) for number in range(3)]
    assert {(bill.state, bill.problem) for bill in bills} == {(Bill.State.READY, "paused")}
    assert intuit.bills() == []
    for address in (PAGE, "/invoices/"):
        assert b"QuickBooks Sync is paused" in client.get(address).content
    answer = client.post(pause, {"pause": "off"}, follow=True)
    assert b"QuickBooks Sync goes on. 3 waiting bills went on." in answer.content
    post(company)
    created = sorted(intuit.bills(), key=lambda bill: int(bill["id"]))
    assert [bill["doc_number"] for bill in created] == ["P-0", "P-1", "P-2"]
    verbs = AuditEvent.objects.filter(user=admin, verb__in=["integration.paused", "integration.resumed"])
    assert verbs.count() == 2


def test_a_bill_in_doubt_is_looked_for_again_after_resuming(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    intuit.fault("drop_after_commit", method="POST", path="/bill\\?", times=1)
    bill = posted_once(company, quickbooks, client)
    assert (bill.state, bill.problem) == (Bill.State.CHECKING, "paused")
    client.post(f"{PAGE}{quickbooks.pk}/pause/", {"pause": "off"})
    post(company)
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


def posted_once(company: Company, quickbooks: Integration, client: Client) -> Bill:
    """Sent, unanswered, and then paused before the look."""
    from accounting import posting

    bill = posting.release(approved(company))
    Integration.objects.update(paused=False)
    from inbuild import queue

    real, queue.TURN_ROWS = queue.TURN_ROWS, 1
    try:
        post(company)
        client.post(f"{PAGE}{quickbooks.pk}/pause/", {"pause": "on"})
        post(company)
    finally:
        queue.TURN_ROWS = real
    bill.refresh_from_db()
    return bill


def test_the_wizard_can_be_left_and_resumed_and_nothing_goes_before_its_end(
    company: Company, new_books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    bill = posted(company, approved(company))
    assert bill.problem == "setup"
    assert "Setup Required" in words(client)
    payable = ListEntry.objects.get(integration=new_books, subtype="AccountsPayable", name="Accounts Payable (A/P)")
    expense = ListEntry.objects.filter(integration=new_books, kind="account", name__contains="Subcontract")[0]
    start = client.get(f"{PAGE}setup/", follow=True)
    assert b"step 1 of" in start.content
    answer = client.post(f"{PAGE}setup/payable/", {"ap_account": payable.pk})
    assert answer["Location"] == f"{PAGE}setup/lines/"
    # Left, and taken up again from the page.
    assert "Go on with the Setup Wizard" in words(client)
    assert client.get(f"{PAGE}setup/")["Location"] == f"{PAGE}setup/lines/"
    given: list[tuple[str, dict[str, Any]]] = [
        ("lines", {"line_mode": "account"}),
        ("default", {"expense_account": expense.pk}),
        ("codes", {"codes_by": "cost_code"}),
        ("retainage", {}),
        ("projects", {"project_use": "optional"}),
        ("classes", {"class_use": "none"}),
        ("location", {}),
        ("due", {"due_date_rule": "days", "due_days": "15"}),
        ("vendors", {"creates_vendors": "on"}),
    ]
    for step, fields in given:
        assert client.post(f"{PAGE}setup/{step}/", fields).status_code == 302
    post(company)
    assert intuit.bills() == []
    answer = client.post(f"{PAGE}setup/finish/", follow=True)
    assert b"QuickBooks is set up. 1 waiting bill went on." in answer.content
    post(company)
    [there] = intuit.bills()
    assert (there["due_date"], there["lines"][0]["account_id"]) == ("2026-11-16", expense.external_id)


def test_a_setting_changed_later_counts_at_once_and_says_what_it_frees(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client, admin: User
) -> None:
    Integration.objects.update(retainage_account=None)
    line = NewLine("Wiring", Decimal("1000.00"), Decimal("-100.00"), "16-100")
    bill = posted(company, approved(company, lines=(line,)))
    assert bill.problem == "retainage_account"
    retention = setup.suggested_retainage(quickbooks)
    assert retention
    assert f"Suggested: {retention.name}" in client.get(f"{PAGE}setup/retainage/").content.decode()
    answer = client.post(f"{PAGE}setup/retainage/", {"retainage_account": retention.pk}, follow=True)
    assert b"Saved. 1 waiting bill went on." in answer.content
    post(company)
    assert len(intuit.bills()) == 1
    assert AuditEvent.objects.filter(verb="integration.settings", user=admin).exists()


def test_only_entries_of_these_books_can_be_chosen(
    company: Company, other_company: Company, quickbooks: Integration, client: Client
) -> None:
    foreign = Integration.objects.create(company=other_company, kind="qbo", external_id="77", state="connected")
    theirs = ListEntry.objects.create(
        company=other_company, integration=foreign, kind="account", external_id="1", name="X", subtype="AccountsPayable"
    )
    assert client.post(f"{PAGE}setup/payable/", {"ap_account": theirs.pk}).status_code == 422
    assert client.post(f"{PAGE}setup/due/", {"due_date_rule": "term", "due_days": "30"}).status_code == 422
    assert client.get(f"{PAGE}setup/nonsense/").status_code == 404


def test_connecting_reads_what_the_books_are_set_to(
    company: Company, intuit: IntuitEmulator, admin: User, client: Client
) -> None:
    intuit.switches(realm=REALM, book_close_date="2026-10-31", class_tracking="transaction", multicurrency=True)
    integration = connected.quickbooks(intuit, company, admin)
    assert integration.closing_date == date(2026, 10, 31)
    assert (integration.class_tracking, integration.home_currency) == ("txn", "USD")
    assert (integration.is_multicurrency, integration.warns_of_duplicates) == (True, False)
    page = words(client)
    assert "Books are closed up to Oct 31, 2026." in page
    assert "Tracked once for each transaction" in page
    assert "QuickBooks takes the same bill number twice." in page
    # Classes cannot be used, so the wizard does not ask for them.
    assert client.get(f"{PAGE}setup/classes/").status_code == 404


def test_a_closing_date_that_moves_back_lets_held_bills_go(
    company: Company, intuit: IntuitEmulator, admin: User, client: Client
) -> None:
    intuit.switches(realm=REALM, book_close_date="2026-11-30")
    integration = connected.quickbooks(intuit, company, admin)
    early = posted(company, approved(company, "C-1", invoice_date=date(2026, 9, 1)))
    late = posted(company, approved(company, "C-2", invoice_date=date(2026, 11, 5)))
    assert {early.problem, late.problem} == {"period_closed"}
    intuit.switches(realm=REALM, book_close_date="2026-10-31")
    answer = client.post(f"{PAGE}{integration.pk}/check/", follow=True)
    assert b"QuickBooks was checked. 1 waiting bill went on." in answer.content
    post(company)
    assert [bill["doc_number"] for bill in intuit.bills()] == ["C-2"]
    early.refresh_from_db()
    assert early.problem == "period_closed"


@pytest.mark.parametrize(
    ("trouble", "finding"),
    [
        ({"company_status": "140"}, "QuickBooks could not be asked just now."),
        ({"bills_enabled": False}, "This QuickBooks plan has no bills."),
        ({"company_status": "120"}, "no longer accepts inBuild's connection"),
    ],
)
def test_a_check_that_fails_is_a_sentence(
    trouble: dict[str, Any], finding: str, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    intuit.switches(realm=REALM, **trouble)
    assert client.post(f"{PAGE}{quickbooks.pk}/check/").status_code == 302
    assert finding in words(client).replace("&#x27;", "'")


def test_books_out_of_reach_keep_what_is_known(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    Integration.objects.update(closing_date=date(2026, 1, 31))
    quickbooks.refresh_from_db()
    intuit.fault("503_html", path="/preferences")
    assert preflight.check(quickbooks) == 0
    assert quickbooks.closing_date == date(2026, 1, 31)
    assert quickbooks.preflight[0]["state"] == "warn"


def test_others_see_the_settings_and_why_they_cannot_change_them(
    quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    client = as_user(accountant)
    page = client.get(PAGE).content.decode()
    assert page.count("Only company admins can change this setting.") >= 3
    assert "setup/payable" not in page
    for address in (f"{quickbooks.pk}/pause/", f"{quickbooks.pk}/check/", "setup/payable/", "setup/finish/"):
        assert client.post(f"{PAGE}{address}").status_code == 403
