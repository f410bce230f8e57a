"""What inBuild made in Procore is never mirrored back, and its approval there makes one bill: of inBuild's invoice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounting.models import Bill, Integration
from companies.models import Company, User
from invoices.models import Invoice
from procore_sync import fetching, mirroring, presenting
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, SentInvoice, WebhookDelivery
from procore_sync.tasks import import_due, send_due
from tests.support import connected, work
from tests.support import outgoing as support
from tests.support.emulated import IntuitEmulator, ProcoreEmulator
from tests.support.outgoing import Outgoing

pytestmark = pytest.mark.django_db

CREATE = {"method": "POST", "path": "/rest/v1.1/requisitions"}
LATER = 600


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def outgoing(procore: ProcoreEmulator, quickbooks: Integration, company: Company, admin: User) -> Outgoing:
    return support.prepared(procore, company, admin)


@pytest.fixture(params=[True, False], ids=["mirroring on", "mirroring off"])
def either_way(request: pytest.FixtureRequest, outgoing: Outgoing) -> Outgoing:
    mirroring.set_to(outgoing.integration, request.param, user=outgoing.user)
    return outgoing


@pytest.fixture
def mirrored(outgoing: Outgoing) -> Outgoing:
    mirroring.set_to(outgoing.integration, True, user=outgoing.user)
    return outgoing


def in_doubt(outgoing: Outgoing, settings: Any, fault: str = "500_after_commit") -> SentInvoice:
    """It left, and nobody knows how that ended."""
    settings.PROCORE_QUARANTINE_SECONDS = LATER
    outgoing.procore.fault(fault, **CREATE, times=1)
    sent = outgoing.ask()
    send_due(company_id=sent.company_id)
    sent.refresh_from_db()
    assert sent.state == "checking"
    return sent


def only_one_of_ours(intuit: IntuitEmulator, sent: SentInvoice) -> None:
    """One bill, of inBuild's own invoice, and nothing imported."""
    [bill] = intuit.bills()
    assert bill["doc_number"] == sent.invoice.number
    assert [invoice.source for invoice in Invoice.objects.all()] == ["inbuild"]
    assert Bill.objects.get().state == "synced"


def test_approved_there_it_becomes_one_bill_however_often_that_is_heard(
    either_way: Outgoing, intuit: IntuitEmulator
) -> None:
    sent = either_way.send()
    [there] = either_way.there()
    either_way.heard_of(there)
    assert intuit.bills() == []
    either_way.procore.approve(there["id"])
    for _ in range(10):
        either_way.heard_of(there)
    for status in ("under_review", "approved", "approved_as_noted", "approved"):
        either_way.procore.set_status(there["id"], status)
        either_way.heard_of(there)
    only_one_of_ours(intuit, sent)
    sent.refresh_from_db()
    assert (sent.state, sent.status_words) == ("sent", "Approved")
    sent.invoice.refresh_from_db()
    assert (sent.invoice.state, sent.invoice.source_state) == ("approved", "as_imported")
    assert sent.invoice.approved_by


def test_approved_while_the_answer_is_still_missing(mirrored: Outgoing, intuit: IntuitEmulator, settings: Any) -> None:
    sent = in_doubt(mirrored, settings)
    [there] = mirrored.there()
    mirrored.procore.approve(there["id"])
    mirrored.heard_of(there)
    sent.refresh_from_db()
    assert (sent.state, sent.procore_id) == ("sent", there["id"])  # by our mark, long before the look
    only_one_of_ours(intuit, sent)
    sent = mirrored.go_on(sent)
    only_one_of_ours(intuit, sent)
    assert len(mirrored.there()) == 1


def test_approved_before_anything_was_heard_of_it(either_way: Outgoing, intuit: IntuitEmulator, settings: Any) -> None:
    """No webhook at all: the look that finds it makes it followed."""
    sent = in_doubt(either_way, settings)
    either_way.procore.approve(either_way.there()[0]["id"])
    sent = either_way.go_on(sent)
    only_one_of_ours(intuit, sent)


def test_without_marks_and_author_it_waits_for_the_look_and_is_then_ours(
    mirrored: Outgoing, intuit: IntuitEmulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a company sees that signs in as a person, where Procore's record does not show marks."""
    sent = in_doubt(mirrored, settings)
    [there] = mirrored.there()
    mirrored.procore.patch(f"invoices/{there['id']}", {"origin_data": ""})
    mirrored.procore.approve(there["id"])
    monkeypatch.setattr(ProcoreIntegration, "service_user_id", property(lambda _: None))
    row = mirrored.heard_of(there)
    assert (row.decision, row.gate, row.invoice) == ("waiting", "created_in_procore", None)
    assert row.next_at is not None
    sent = mirrored.go_on(sent)
    assert sent.state == "sent"
    only_one_of_ours(intuit, sent)


def test_a_persons_own_invoice_of_that_number_waits_for_the_look_and_then_comes_as_usual(
    mirrored: Outgoing, intuit: IntuitEmulator, settings: Any, as_user: Any
) -> None:
    sent = in_doubt(mirrored, settings, "500")
    number = sent.invoice.number
    theirs = mirrored.procore.create(commitment_id=mirrored.contract["id"], invoice_number=number, amount="77.00")
    mirrored.procore.approve(theirs["id"])
    row = mirrored.heard_of(theirs)
    assert (row.decision, row.gate) == ("waiting", "created_in_procore")
    assert intuit.bills() == []
    sent = mirrored.go_on(sent)
    assert sent.state == "refused"
    row.refresh_from_db()
    assert row.decision == "imported"
    # Two invoices of one vendor and number: a person says which, before either becomes a bill.
    assert row.invoice is not None
    assert Bill.objects.get(invoice=row.invoice).problem == "possible_duplicate"
    client = as_user(mirrored.user)
    client.post(f"/invoices/{sent.invoice.public_id}/cancel/")
    client.post(f"/settings/accounting/bills/{row.invoice.public_id}/retry/")
    work.drain(sent.company, turns=4)
    [bill] = intuit.bills()
    assert [each["id"] for each in mirrored.there()] == [theirs["id"]]
    assert bill["total"] == mirrored.there()[0]["current_payment_due"]


def test_another_invoice_of_that_commitment_does_not_wait(
    mirrored: Outgoing, intuit: IntuitEmulator, settings: Any
) -> None:
    in_doubt(mirrored, settings, "500")
    theirs = mirrored.procore.create(commitment_id=mirrored.contract["id"], invoice_number="OTHER-1", amount="77.00")
    mirrored.procore.approve(theirs["id"])
    assert mirrored.heard_of(theirs).decision == "imported"


@pytest.mark.parametrize("signal", ["id", "mark", "unknown mark", "author", "event"])
def test_each_sign_alone_keeps_it_from_being_mirrored(
    signal: str, mirrored: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = mirrored.send()
    [there] = mirrored.there()
    own = mirrored.integration.own_user_id
    change: dict[str, Any] = {"origin_data": "", "created_by_id": None}
    if signal == "mark":
        SentInvoice.objects.update(state="checking", procore_id=None)
        change["origin_data"] = sent.payload["requisition"]["origin_data"]
    elif signal != "id":
        SentInvoice.objects.all().delete()
    if signal == "unknown mark":
        change["origin_data"] = "inBuild:0e0e0e0e-0000-4000-8000-000000000000"
    if signal == "author":
        change["created_by_id"] = own
    if signal == "event":
        ProcoreInvoice.objects.update(creator_told=own)

    def shown(row: ProcoreInvoice) -> fetching.Fetched:
        found = fetching.fetch(row)
        assert found.record is not None
        return replace(found, record=replace(found.record, **change))

    monkeypatch.setattr("procore_sync.importing.fetch", shown)
    mirrored.procore.approve(there["id"])
    row = mirrored.heard_of(there)
    assert (row.decision, row.gate, row.invoice) == ("skipped", "created_in_procore", None)
    assert [invoice.source for invoice in Invoice.objects.all()] == ["inbuild"]


def test_another_amount_there_holds_the_bill_with_both_numbers_until_they_agree(
    outgoing: Outgoing, intuit: IntuitEmulator
) -> None:
    sent = outgoing.send()
    [there] = outgoing.there()
    outgoing.procore.patch(f"invoices/{there['id']}", {"override_summary": {"current_payment_due": "123.45"}})
    outgoing.procore.approve(there["id"])
    outgoing.heard_of(there)
    bill = Bill.objects.get(invoice=sent.invoice)
    assert (bill.state, bill.problem) == ("on_hold", "amounts")
    assert "123.45" in bill.problem_detail["mismatch"]
    assert "900.09" in bill.problem_detail["mismatch"]
    outgoing.procore.patch(f"invoices/{there['id']}", {"override_summary": {"current_payment_due": "900.09"}})
    outgoing.heard_of(there)
    only_one_of_ours(intuit, sent)


@pytest.mark.parametrize("status", ["under_review", "draft"])
def test_no_longer_approved_before_it_is_posted_holds_it_until_it_is_again(
    status: str, either_way: Outgoing, intuit: IntuitEmulator
) -> None:
    Integration.objects.update(paused=True)
    sent, there = approved_there(either_way)
    either_way.procore.set_status(there["id"], status)
    either_way.heard_of(there)
    resume()
    work.drain(sent.company, turns=4)
    assert Bill.objects.get().problem == "no_longer_approved"
    assert intuit.bills() == []
    either_way.procore.approve(there["id"])
    either_way.heard_of(there)
    only_one_of_ours(intuit, sent)


def test_edited_before_it_is_posted_is_judged_anew(outgoing: Outgoing, intuit: IntuitEmulator) -> None:
    Integration.objects.update(paused=True)
    sent, there = approved_there(outgoing)
    outgoing.procore.patch(f"invoices/{there['id']}", {"scale": "0.5"})
    outgoing.heard_of(there)
    resume()
    work.drain(sent.company, turns=4)
    bill = Bill.objects.get()
    assert (bill.state, bill.problem) == ("on_hold", "amounts")
    assert intuit.bills() == []
    sent.invoice.refresh_from_db()
    assert sent.invoice.amount_due == Decimal("900.09")


def test_edited_unapproved_and_deleted_after_it_is_posted_is_shown_and_the_bill_stays(
    either_way: Outgoing, intuit: IntuitEmulator
) -> None:
    sent, there = approved_there(either_way)
    for change, shown in (
        (lambda: either_way.procore.patch(f"invoices/{there['id']}", {"scale": "0.5"}), "changed"),
        (lambda: either_way.procore.set_status(there["id"], "under_review"), "no_longer_approved"),
        (lambda: either_way.procore.delete(f"invoices/{there['id']}"), "deleted"),
    ):
        change()
        either_way.heard_of(there)
        sent.invoice.refresh_from_db()
        assert sent.invoice.source_state == shown
    only_one_of_ours(intuit, sent)
    assert intuit.bills()[0]["total"] == "900.09"


def test_deleted_before_it_is_posted_holds_the_bill(outgoing: Outgoing, intuit: IntuitEmulator) -> None:
    Integration.objects.update(paused=True)
    sent, there = approved_there(outgoing)
    outgoing.procore.delete(f"invoices/{there['id']}")
    outgoing.heard_of(there)
    resume()
    work.drain(sent.company, turns=4)
    assert Bill.objects.get().problem == "deleted_in_procore"
    assert intuit.bills() == []


def test_deleted_before_it_was_approved_a_person_decides(
    outgoing: Outgoing, intuit: IntuitEmulator, as_user: Any
) -> None:
    sent = outgoing.send()
    [there] = outgoing.there()
    outgoing.heard_of(there)
    outgoing.procore.delete(f"invoices/{there['id']}")
    outgoing.heard_of(there)
    sent.refresh_from_db()
    assert (sent.state, "deleted in Procore" in sent.problem) == ("refused", True)
    sent = outgoing.send(sent.invoice)
    assert sent.state == "sent"
    [again] = outgoing.there()
    assert again["id"] == sent.procore_id != there["id"]
    outgoing.procore.approve(again["id"])
    outgoing.heard_of(again)
    outgoing.heard_of(there)
    only_one_of_ours(intuit, sent)


def test_approved_as_noted_waits_where_a_company_takes_only_approved(
    outgoing: Outgoing, intuit: IntuitEmulator
) -> None:
    ProcoreIntegration.objects.update(approved_as_noted_counts=False)
    sent = outgoing.send()
    [there] = outgoing.there()
    outgoing.procore.set_status(there["id"], "approved_as_noted")
    outgoing.heard_of(there)
    assert (intuit.bills(), Bill.objects.count()) == ([], 0)
    outgoing.procore.approve(there["id"])
    outgoing.heard_of(there)
    only_one_of_ours(intuit, sent)


def test_it_is_no_invoice_that_did_not_come(mirrored: Outgoing) -> None:
    _, there = approved_there(mirrored)
    assert mirrored.heard_of(there).gate == "created_in_procore"
    assert presenting.not_imported(mirrored.integration) == []


def test_without_any_webhook_the_sweep_follows_it_with_mirroring_off(
    outgoing: Outgoing, intuit: IntuitEmulator
) -> None:
    from procore_sync.tasks import sweep_due

    sent = outgoing.send()
    time.sleep(1.1)  # Procore's times are whole seconds
    outgoing.procore.approve(outgoing.there()[0]["id"])
    outgoing.integration.projects.update(next_at=timezone.now())
    sweep_due(company_id=sent.company_id)
    outgoing.go_on(sent)
    only_one_of_ours(intuit, sent)


def test_of_a_disconnected_procore_it_may_be_approved_here_and_still_becomes_one_bill(
    outgoing: Outgoing, intuit: IntuitEmulator, as_user: Any
) -> None:
    sent = outgoing.send()
    ProcoreIntegration.objects.update(state="disconnected")
    assert "/approve/" in as_user(outgoing.user).get(f"/invoices/{sent.invoice.public_id}/").content.decode()
    as_user(outgoing.user).post(f"/invoices/{sent.invoice.public_id}/approve/")
    ProcoreIntegration.objects.update(state="connected")
    outgoing.procore.approve(outgoing.there()[0]["id"])
    outgoing.heard_of(outgoing.there()[0])
    only_one_of_ours(intuit, sent)


def test_where_both_were_made_the_one_approved_first_counts_once(outgoing: Outgoing, intuit: IntuitEmulator) -> None:
    sent = outgoing.send()
    mark = sent.payload["requisition"]["origin_data"]
    twin = outgoing.procore.create(commitment_id=outgoing.contract["id"], invoice_number="TWIN", amount="900.09")
    outgoing.procore.patch(f"invoices/{twin['id']}", {"origin_data": mark})
    for each in (twin, outgoing.there()[0]):
        outgoing.procore.approve(each["id"])
        outgoing.heard_of(each)
    assert len(intuit.bills()) + Bill.objects.filter(state="on_hold").count() == 1
    assert [invoice.source for invoice in Invoice.objects.all()] == ["inbuild"]


def approved_there(outgoing: Outgoing) -> tuple[SentInvoice, Any]:
    sent = outgoing.send()
    [there] = outgoing.there()
    outgoing.procore.approve(there["id"])
    outgoing.heard_of(there)
    return sent, there


def resume() -> None:
    Integration.objects.update(paused=False)
    Bill.objects.filter(next_at__isnull=False).update(next_at=timezone.now())


def in_a_thread(step: Callable[[], None]) -> threading.Thread:
    """With a database connection of its own, as another worker has."""

    def run() -> None:
        try:
            step()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("marks", [True, False], ids=["with marks", "without marks"])
def test_the_create_event_comes_through_the_door_before_our_post_returns(
    marks: bool,
    live_server: Any,
    settings: Any,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    company: Company,
    admin: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Procore tells, an import looks, and somebody approves, all while our own call still waits for its answer."""
    settings.PUBLIC_URL = live_server.url
    connected.quickbooks(intuit, company, admin)
    outgoing = support.prepared(procore, company, admin)
    mirroring.set_to(outgoing.integration, True, user=admin)
    procore.switches(create_event_before_answer=4)
    sent = outgoing.ask()
    sending = in_a_thread(lambda: send_due(company_id=company.pk))
    until(lambda: WebhookDelivery.objects.filter(event="").exclude(body=b"").exists())
    # The row stands, committed, while the request is under way.
    sent.refresh_from_db()
    assert (sent.state, sent.procore_id) == ("sending", None)
    [there] = outgoing.there()
    procore.approve(there["id"])
    if not marks:
        procore.patch(f"invoices/{there['id']}", {"origin_data": ""})
        monkeypatch.setattr(ProcoreIntegration, "service_user_id", property(lambda _: None))
    import_due(company_id=company.pk)
    row = ProcoreInvoice.objects.get(procore_id=there["id"])
    assert row.creator_told == outgoing.integration.own_user_id
    assert (row.gate, row.invoice) == ("created_in_procore", None)
    sending.join()
    sent = outgoing.go_on(sent)
    assert (sent.state, sent.procore_id) == ("sent", there["id"])
    assert len(outgoing.there()) == 1
    only_one_of_ours(intuit, sent)
