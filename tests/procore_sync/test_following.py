"""Life after import: edited, un-approved, approved again or deleted in Procore, through the pages and both ledgers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from accounting.models import Bill, Integration
from companies.models import AuditEvent, User
from invoices.models import Invoice
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration, ProcoreInvoice
from tests.support import work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db

GONE_ON = "this has been decided, or changed again"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


def heard_of(integration: ProcoreIntegration, record: Mapping[str, Any]) -> Invoice:
    row = ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)
    row.refresh_from_db()
    assert row.invoice is not None
    return row.invoice


def posted(integration: ProcoreIntegration, procore: ProcoreEmulator) -> tuple[Mapping[str, Any], Invoice]:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    return record, heard_of(integration, record)


HAPPENINGS = {
    "changed": lambda procore, record: procore.patch(f"invoices/{record['id']}", {"scale": "0.5"}),
    "no_longer_approved": lambda procore, record: procore.set_status(record["id"], "under_review"),
    "deleted": lambda procore, record: procore.delete(f"invoices/{record['id']}"),
}


def happens(
    state: str, integration: ProcoreIntegration, procore: ProcoreEmulator, record: Mapping[str, Any]
) -> Invoice:
    HAPPENINGS[state](procore, record)
    invoice = heard_of(integration, record)
    assert invoice.source_state == state
    return invoice


def page(client: Any, invoice: Invoice) -> str:
    return str(client.get(f"/invoices/{invoice.public_id}/").content.decode())


def press(client: Any, invoice: Invoice, action: str, **more: str) -> str:
    """Press a button of the card as it is shown now; returns the page that follows."""
    difference = client.get(f"/invoices/{invoice.public_id}/").context["difference"]
    seen = more.pop("seen", difference["seen"] if difference else "")
    answer = client.post(f"/settings/procore/invoices/{invoice.public_id}/{action}/", {"seen": seen}, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_change_after_posting_is_shown_side_by_side_with_who_and_how_much(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, viewer: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    before = invoice.amount_due
    [bill] = intuit.bills()
    happens("changed", switched_on, procore, record)
    now = next(each for each in procore.invoices() if each["id"] == record["id"])["current_payment_due"]
    answer = as_user(viewer).get(f"/invoices/{invoice.public_id}/")
    shown, card = answer.content.decode(), answer.context["difference"]
    due = next(fact for fact in card["facts"] if fact["name"] == "Amount due")
    assert (due["before"], due["now"]) == (f"{before:,.2f}", f"{float(now):,.2f}")
    assert f"{float(now) - float(before):.2f}" == f"{card['dollars']:.2f}"
    assert {pair.word for pair in card["lines"]} == {"Changed"}
    assert card["changed_by"]
    assert "Changed in Procore" in shown
    assert f"by {card['changed_by']}" in shown
    assert intuit.bills() == [bill]


@pytest.mark.parametrize("state", HAPPENINGS)
def test_keep_as_is_ends_it_and_a_further_change_asks_again(
    state: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    record, invoice = posted(switched_on, procore)
    bills = intuit.bills()
    happens(state, switched_on, procore, record)
    client = as_user(accountant)
    seen = client.get(f"/invoices/{invoice.public_id}/").context["difference"]["seen"]
    assert "Kept." in press(client, invoice, "keep")
    assert GONE_ON in press(client, invoice, "keep", seen=seen)  # a double click, or a second tab
    assert AuditEvent.objects.filter(verb="invoice.kept", user=accountant).count() == 1
    heard_of(switched_on, record)
    assert 'id="difference"' not in page(client, invoice)
    assert intuit.bills() == bills
    if state == "changed":
        procore.patch(f"invoices/{record['id']}", {"scale": "0.5"})
        assert heard_of(switched_on, record).source_state == "changed"
        assert 'id="difference"' in page(client, invoice)


def test_a_press_on_a_difference_that_is_no_longer_the_one_shown_decides_nothing(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    happens("changed", switched_on, procore, record)
    client = as_user(accountant)
    seen = client.get(f"/invoices/{invoice.public_id}/").context["difference"]["seen"]
    procore.patch(f"invoices/{record['id']}", {"scale": "0.5"})
    heard_of(switched_on, record)
    assert GONE_ON in press(client, invoice, "keep", seen=seen)
    assert heard_of(switched_on, record).source_state == "changed"


def test_a_viewer_sees_and_decides_nothing(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, viewer: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    happens("changed", switched_on, procore, record)
    client = as_user(viewer)
    shown = page(client, invoice)
    assert "Viewers can look at invoices" in shown
    assert "/keep/" not in shown
    assert client.post(f"/settings/procore/invoices/{invoice.public_id}/keep/").status_code == 403
    assert heard_of(switched_on, record).source_state == "changed"


def test_approved_again_unchanged_clears_the_mark_and_with_other_amounts_shows_them(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    client = as_user(accountant)
    happens("no_longer_approved", switched_on, procore, record)
    card = client.get(f"/invoices/{invoice.public_id}/").context["difference"]
    assert (card["title"], card["lines"], card["dollars"]) == ("No longer approved", None, 0)
    procore.approve(record["id"])
    assert heard_of(switched_on, record).source_state == "as_imported"
    assert 'id="difference"' not in page(client, invoice)
    procore.set_status(record["id"], "under_review")
    procore.patch(f"invoices/{record['id']}", {"scale": "0.5"})
    procore.approve(record["id"])
    assert heard_of(switched_on, record).source_state == "changed"
    assert client.get(f"/invoices/{invoice.public_id}/").context["difference"]["lines"]
    assert len(intuit.bills()) == 1


@pytest.mark.parametrize("state", HAPPENINGS)
def test_before_posting_a_change_is_taken_over_and_the_rest_is_held_and_shown(
    state: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    Integration.objects.update(paused=True)
    record, invoice = posted(switched_on, procore)
    HAPPENINGS[state](procore, record)
    heard_of(switched_on, record)
    Integration.objects.update(paused=False)
    Bill.objects.update(next_at=invoice.created_at)
    work.drain(switched_on.company)
    card = as_user(accountant).get(f"/invoices/{invoice.public_id}/").context["difference"]
    if state == "changed":
        now = next(each for each in procore.invoices() if each["id"] == record["id"])["current_payment_due"]
        assert [bill["total"] for bill in intuit.bills()] == [now]
        assert card is None
        return
    assert intuit.bills() == []
    assert Bill.objects.get().state == Bill.State.ON_HOLD
    assert "No bill of it is in QuickBooks" in card["sentence"]
    assert card["actions"] == []
