"""Submit, approve within a limit, reject with a reason, edit; the same way to QuickBooks, whatever Procore's switch."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounting.models import Bill, Integration
from accounting.tasks import post_due
from companies import noticing
from companies.models import AuditEvent, Company, Notice, Role, User
from invoices import approving, editing
from invoices.models import ApprovalLimit, Invoice, WrongState
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration
from tests.invoices.test_inbox import said, typed_in, upload
from tests.support import outgoing, work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def made(client: Any, number: str = "UP-1", **more: Any) -> Invoice:
    assert client.post("/invoices/new/", typed_in(number=number, pdf=upload(), **more)).status_code == 302
    return Invoice.objects.get(number=number)


def press(client: Any, invoice: Invoice, deed: str, **more: Any) -> Any:
    answer = client.post(f"/invoices/{invoice.public_id}/{deed}/", more, follow=True)
    invoice.refresh_from_db()
    return answer


def limited(company: Company, admin: User, amount: str | None) -> None:
    limit = None if amount is None else Decimal(amount)
    approving.set_limit(company, Role.ACCOUNTANT, limit, user=admin)


# --- the loop --------------------------------------------------------------------------------------------------------
def test_rejected_with_a_reason_mended_submitted_and_approved_becomes_one_bill(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, admin: User, as_user: Any
) -> None:
    by, boss = as_user(accountant), as_user(admin)
    invoice = made(by, draft="1")
    assert invoice.state == "draft"
    press(by, invoice, "submit")
    assert invoice.state == "submitted"
    press(boss, invoice, "reject", why="The freight is missing.\nPlease add it.")
    assert (invoice.state, invoice.rejected_by) == ("draft", "Admin")
    shown = by.get(f"/invoices/{invoice.public_id}/").content.decode()
    assert "Rejected by Admin" in shown
    assert "The freight is missing." in shown
    seen = by.get(f"/invoices/{invoice.public_id}/edit/").context["seen"]
    lines = {"lines-1-description": "Freight", "lines-1-gross": "99.50", "lines-1-cost_code": ""}
    by.post(f"/invoices/{invoice.public_id}/edit/", typed_in(number="UP-1", seen=seen, **lines))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_due, invoice.rejected_why) == ("submitted", Decimal("4300.00"), "")
    assert "Rejected by Admin, " not in by.get(f"/invoices/{invoice.public_id}/").content.decode()
    press(boss, invoice, "approve")
    post_due(company_id=company.pk)
    [bill] = intuit.bills()
    assert (bill["doc_number"], bill["total"]) == ("UP-1", "4300.00")
    verbs = AuditEvent.objects.filter(object_type="invoice").order_by("pk").values_list("verb", "user__name")
    assert list(verbs) == [
        ("invoice.created", "Accountant"),
        ("invoice.submitted", "Accountant"),
        ("invoice.rejected", "Admin"),
        ("invoice.edited", "Accountant"),
        ("invoice.submitted", "Accountant"),
        ("invoice.approved", "Admin"),
    ]
    assert "Rejected: The freight is missing." in by.get(f"/invoices/{invoice.public_id}/").content.decode()


@pytest.mark.parametrize("turn", [("off", "on"), ("on", "off")])
def test_procores_switch_changes_nothing_here(
    turn: tuple[str, str],
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    accountant: User,
    admin: User,
    as_user: Any,
) -> None:
    """Flipped between the making and the approval, both ways."""
    integration = ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=5,
        client_id="a",
        client_secret="b",
        state="connected",
    )
    client = as_user(accountant)
    mirroring.set_to(integration, turn[0] == "on", user=admin)
    invoice = made(client)
    mirroring.set_to(integration, turn[1] == "on", user=admin)
    press(client, invoice, "approve")
    post_due(company_id=company.pk)
    assert [bill["doc_number"] for bill in intuit.bills()] == ["UP-1"]


def test_who_may_approve_it_may_approve_a_draft_at_once(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    invoice = made(client, draft="1")
    press(client, invoice, "approve")
    assert invoice.state == "approved"
    assert Bill.objects.get().invoice == invoice


# --- moves -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("why", ["", "  \n ", "\x00", "x" * 1001])
def test_a_rejection_says_why(why: str, company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    invoice = made(client)
    assert "Nothing was changed." in said(press(client, invoice, "reject", why=why))
    assert invoice.state == "submitted"


@pytest.mark.parametrize(
    ("state", "deed", "after"),
    [
        ("draft", "submit", "submitted"),
        ("draft", "reject", "draft"),
        ("submitted", "submit", "submitted"),
        ("submitted", "reject", "draft"),
        ("approved", "submit", "approved"),
        ("approved", "reject", "approved"),
        ("approved", "edit", "approved"),
        ("cancelled", "submit", "cancelled"),
        ("cancelled", "reject", "cancelled"),
        ("cancelled", "approve", "cancelled"),
        ("submitted", "edit", "submitted"),
        ("cancelled", "edit", "cancelled"),
    ],
)
def test_each_move_is_from_its_own_states_alone(
    state: str, deed: str, after: str, company: Company, accountant: User, as_user: Any
) -> None:
    client = as_user(accountant)
    invoice = made(client)
    Invoice.objects.update(state=state)
    events = AuditEvent.objects.count()
    answer = press(client, invoice, deed, **typed_in(why="x", number="CHANGED"))
    assert (invoice.state, invoice.number) == (after, "UP-1")
    if state == after:
        assert said(answer)
        assert AuditEvent.objects.count() == events
        assert not Bill.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_approved_and_rejected_at_once_it_is_one_of_the_two(
    company: Company, accountant: User, admin: User, as_user: Any
) -> None:
    invoice = made(as_user(accountant))
    at_once = threading.Barrier(2)

    def decide(user: User, deed: str) -> None:
        client = as_user(user)
        at_once.wait()
        client.post(f"/invoices/{invoice.public_id}/{deed}/", {"why": "no"})
        connection.close()

    people = [threading.Thread(target=decide, args=each) for each in ((accountant, "reject"), (admin, "approve"))]
    for person in people:
        person.start()
    for person in people:
        person.join()
    invoice.refresh_from_db()
    # Rejected first, the draft may still be approved; approved first, it can no longer be rejected.
    assert invoice.state in ("draft", "approved")
    assert Bill.objects.exists() == (invoice.state == "approved")


def test_a_decision_is_about_what_was_shown(company: Company, accountant: User, admin: User, as_user: Any) -> None:
    by, boss = as_user(accountant), as_user(admin)
    invoice = made(by, draft="1")
    seen = boss.get(f"/invoices/{invoice.public_id}/").context["seen"]
    mine = by.get(f"/invoices/{invoice.public_id}/edit/").context["seen"]
    by.post(f"/invoices/{invoice.public_id}/edit/", typed_in(number="UP-1", seen=mine, **{"lines-0-gross": "9999"}))
    assert "was changed by somebody else" in said(press(boss, invoice, "approve", seen=seen))
    assert invoice.state == "submitted"
    fresh = boss.get(f"/invoices/{invoice.public_id}/").context["seen"]
    press(boss, invoice, "approve", seen=fresh)
    assert invoice.state == "approved"


# --- editing ---------------------------------------------------------------------------------------------------------
def test_the_form_shows_all_that_the_draft_says(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    invoice = made(client, draft="1", due_date="2026-12-01", **{"lines-0-retainage": "420.05"})
    shown = client.get(f"/invoices/{invoice.public_id}/edit/").content.decode()
    for value in ("Delta Steel", "UP-1", "2026-11-03", "2026-12-01", "Steel beams", "05-100", "4200.50", "420.05"):
        assert f'value="{value}"' in shown


def test_a_line_is_taken_out_by_emptying_it(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    two = {"lines-1-description": "Freight", "lines-1-gross": "99.50"}
    invoice = made(client, draft="1", **two)
    page = client.get(f"/invoices/{invoice.public_id}/edit/")
    assert 'name="lines-INITIAL_FORMS" value="0"' in page.content.decode()
    emptied = {"lines-0-description": "", "lines-0-cost_code": "", "lines-0-gross": "", "lines-INITIAL_FORMS": "2"}
    posted = typed_in(number="UP-1", draft="1", seen=page.context["seen"], **two) | emptied
    assert client.post(f"/invoices/{invoice.public_id}/edit/", posted).status_code == 302
    assert [line.description for line in invoice.lines.all()] == ["Freight"]


def test_saved_without_a_change_it_says_the_same(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    invoice = made(client, draft="1")
    key = editing.content_key(invoice)
    client.post(f"/invoices/{invoice.public_id}/edit/", typed_in(number="UP-1", draft="1", seen=key))
    invoice.refresh_from_db()
    assert editing.content_key(invoice) == key
    assert (invoice.state, invoice.attachments.count()) == ("draft", 1)


def test_nobodys_change_is_written_over_unseen(company: Company, accountant: User, admin: User, as_user: Any) -> None:
    by, boss = as_user(accountant), as_user(admin)
    invoice = made(by, draft="1")
    address = f"/invoices/{invoice.public_id}/edit/"
    seen = by.get(address).context["seen"]
    boss.post(address, typed_in(number="THEIRS", draft="1", seen=seen))
    # A mistake in between must not count as having seen it.
    answer = by.post(address, typed_in(number="", draft="1", seen=seen))
    assert (answer.status_code, answer.context["seen"]) == (422, seen)
    answer = by.post(address, typed_in(number="MINE", draft="1", seen=seen))
    assert answer.status_code == 409
    assert "was changed by somebody else" in answer.content.decode()
    assert 'value="MINE"' in answer.content.decode()
    invoice.refresh_from_db()
    assert invoice.number == "THEIRS"
    by.post(address, typed_in(number="MINE", draft="1", seen=answer.context["seen"]))
    invoice.refresh_from_db()
    assert invoice.number == "MINE"


def test_a_changed_draft_is_compared_with_all_but_itself(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    made(client, "UP-0")
    invoice = made(client, draft="1")
    address = f"/invoices/{invoice.public_id}/edit/"
    seen = client.get(address).context["seen"]
    assert client.post(address, typed_in(number="UP-1", draft="1", seen=seen)).status_code == 302
    assert client.post(address, typed_in(number="UP-0", draft="1", seen=seen)).status_code == 409


# --- limits ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("limit", "may"), [(None, True), ("4200.50", True), ("4200.49", False), ("0", False), ("9999999", True)]
)
def test_an_accountant_approves_up_to_the_limit_and_an_admin_anything(
    limit: str | None, may: bool, company: Company, accountant: User, admin: User, as_user: Any
) -> None:
    limited(company, admin, limit)
    client = as_user(accountant)
    invoice = made(client)
    shown = client.get(f"/invoices/{invoice.public_id}/").content.decode()
    words = {"0": "Accountants may not approve invoices in your company.", "4200.49": "Your limit is $4,200.49."}
    refusal = f"{words.get(limit or '', '')} A company admin can approve it."
    assert (refusal in shown) is not may
    answer = press(client, invoice, "approve")
    assert invoice.state == ("approved" if may else "submitted")
    if not may:
        assert refusal in said(answer)
        assert not Bill.objects.exists()
        press(as_user(admin), invoice, "approve")
        assert invoice.state == "approved"


def test_the_limit_is_about_the_amount_whatever_its_sign(
    company: Company, accountant: User, admin: User, as_user: Any
) -> None:
    limited(company, admin, "100")
    client = as_user(accountant)
    credit = made(client, **{"lines-0-gross": "-100.01"})
    assert "Your limit is $100.00." in said(press(client, credit, "approve"))
    assert credit.state == "submitted"


def test_another_currency_needs_somebody_with_any_amount(
    company: Company, accountant: User, admin: User, as_user: Any
) -> None:
    limited(company, admin, "5000")
    invoice = made(as_user(accountant))
    Invoice.objects.update(currency="CAD")
    assert "and this invoice is in CAD" in said(press(as_user(accountant), invoice, "approve"))
    assert invoice.state == "submitted"
    press(as_user(admin), invoice, "approve")
    assert invoice.state == "approved"


def test_a_limit_that_changed_since_the_page_was_shown_counts(
    company: Company, accountant: User, admin: User, as_user: Any
) -> None:
    client = as_user(accountant)
    invoice = made(client)
    assert (
        'disabled aria-describedby="approval-why"' not in client.get(f"/invoices/{invoice.public_id}/").content.decode()
    )
    limited(company, admin, "1")
    press(client, invoice, "approve")
    assert invoice.state == "submitted"
    limited(company, admin, None)
    press(client, invoice, "approve")
    assert invoice.state == "approved"


def test_the_limit_of_one_company_is_not_anothers(
    company: Company, other_company: Company, accountant: User, outsider: User, as_user: Any
) -> None:
    limited(other_company, outsider, "1")
    invoice = made(as_user(accountant))
    press(as_user(accountant), invoice, "approve")
    assert invoice.state == "approved"


# --- Settings → Approvals --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("posted", "words", "stored"),
    [
        ({"limit": "upto", "amount": "5000"}, "Up to $5,000.00", [Decimal("5000.00")]),
        ({"limit": "none"}, "May not approve", [None]),
        ({"limit": "any"}, "Any amount", []),
    ],
)
def test_an_admin_sets_it_at_once_and_it_is_on_record(
    posted: dict[str, str], words: str, stored: list[Any], company: Company, admin: User, as_user: Any
) -> None:
    limited(company, admin, "7")
    client = as_user(admin)
    for _ in range(2):  # set, never flipped
        assert client.post("/settings/approvals/", posted)["Location"] == "/settings/approvals/"
    assert list(ApprovalLimit.objects.values_list("amount", flat=True)) == stored
    assert words in client.get("/settings/approvals/").content.decode()
    [event] = AuditEvent.objects.filter(verb="approvals.limit", before__limit="Up to $7.00")
    assert (event.sentence, event.user) == (f"Approval by accountants: {words}", admin)
    answer = client.post("/settings/approvals/", posted, headers={"HX-Request": "true"})
    assert "Saved." in answer.content.decode()


@pytest.mark.parametrize("amount", ["", "0", "-5", "NaN", "1e999", "1.234,5", "x", "9" * 20])
def test_an_amount_that_is_none_is_named_and_nothing_changes(
    amount: str, company: Company, admin: User, as_user: Any
) -> None:
    answer = as_user(admin).post("/settings/approvals/", {"limit": "upto", "amount": amount})
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()
    assert not ApprovalLimit.objects.exists()


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_see_it_greyed_out_with_the_reason(
    role: str, company: Company, as_user: Any, request: pytest.FixtureRequest
) -> None:
    client = as_user(request.getfixturevalue(role))
    shown = client.get("/settings/approvals/").content.decode()
    assert "Only company admins can change this setting." in shown
    assert "<fieldset disabled" in " ".join(shown.split())
    assert client.post("/settings/approvals/", {"limit": "none"}).status_code == 403
    assert not ApprovalLimit.objects.exists()


# --- waiting ---------------------------------------------------------------------------------------------------------
def test_what_waits_is_one_click_away_and_under_the_bell_of_who_can_approve_it(
    company: Company, accountant: User, admin: User, as_user: Any
) -> None:
    client = as_user(accountant)
    made(client, "SMALL", **{"lines-0-gross": "10"})
    made(client, "LARGE", **{"lines-0-gross": "9000"})
    made(client, "DRAFT", draft="1")
    shown = client.get("/invoices/").content.decode()
    assert "2 wait for approval" in shown
    assert "1 draft" in shown
    rows = client.get("/invoices/?approval=waiting").context["rows"]
    assert {row["invoice"].number for row in rows} == {"SMALL", "LARGE"}
    assert notices(company) == {"approvals": (2, False)}
    limited(company, admin, "100")
    assert notices(company) == {"approvals": (1, False), "approvals:admins": (1, True)}
    limited(company, admin, "0")
    assert notices(company) == {"approvals:admins": (2, True)}
    Invoice.objects.update(state="approved")
    assert notices(company) == {}


def notices(company: Company) -> dict[str, tuple[int, bool]]:
    noticing.look(company.pk)
    rows = Notice.objects.filter(company=company, ended_at=None, key__startswith="approvals")
    return {row.key: (row.count, row.admins_only) for row in rows}


# --- sent to Procore instead -----------------------------------------------------------------------------------------
def test_what_is_in_procore_is_neither_approved_nor_rejected_nor_changed_here(
    procore: ProcoreEmulator, company: Company, admin: User, as_user: Any
) -> None:
    out = outgoing.prepared(procore, company, admin)
    invoice, client = out.invoice(), as_user(admin)
    out.send(invoice)
    assert "It is approved or rejected there, not here." in said(press(client, invoice, "reject", why="no"))
    assert "It is approved there, not here." in said(press(client, invoice, "approve"))
    assert "can only be changed while it is a draft" in said(press(client, invoice, "edit", **typed_in()))
    assert invoice.state == "submitted"
    procore.approve(out.there()[0]["id"])
    out.heard_of(out.there()[0])
    invoice.refresh_from_db()
    assert invoice.state == "approved"


def test_only_what_was_submitted_can_be_sent_to_procore(
    procore: ProcoreEmulator, company: Company, admin: User, as_user: Any
) -> None:
    from procore_sync import sending

    out = outgoing.prepared(procore, company, admin)
    invoice, client = out.invoice(), as_user(admin)
    press(client, invoice, "reject", why="no")
    with pytest.raises(sending.CannotSend):
        out.ask(invoice)
    press(client, invoice, "submit")
    assert out.send(invoice).state == "sent"


def test_an_invoice_of_procores_is_not_decided_here(company: Company, accountant: User, as_user: Any) -> None:
    from tests.quickbooks.qbo.test_backend import approved

    invoice, client = approved(company, "SC-1"), as_user(accountant)
    for deed in ("submit", "reject", "edit", "cancel", "approve"):
        press(client, invoice, deed, **typed_in(why="x"))
        assert (invoice.state, invoice.number) == ("approved", "SC-1")
    with pytest.raises(WrongState):
        invoice.submit()
