"""An invoice made in inBuild goes into Procore exactly once, whatever becomes of our calls. Procore's ledger counts."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from companies.models import AuditEvent, Company, User
from invoices import recording
from invoices.models import Invoice
from procore_sync import echo, sending
from procore_sync.models import ProcoreIntegration, SentInvoice
from procore_sync.tasks import send_due
from tests.support import outgoing as support
from tests.support import work
from tests.support.emulated import ProcoreEmulator
from tests.support.outgoing import Outgoing

pytestmark = pytest.mark.django_db

CREATE = {"method": "POST", "path": "/rest/v1.1/requisitions"}
LATER = 600


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def outgoing(procore: ProcoreEmulator, company: Company, admin: User) -> Outgoing:
    return support.prepared(procore, company, admin)


def test_it_stands_there_once_with_its_number_date_lines_and_mark(outgoing: Outgoing) -> None:
    invoice = outgoing.invoice("IB-7")
    sent = outgoing.send(invoice)
    assert (sent.state, sent.status, sent.problem) == ("sent", "under_review", "")
    [there] = outgoing.there()
    assert there["id"] == sent.procore_id
    assert (there["invoice_number"], there["billing_date"]) == ("IB-7", "2026-11-01")
    assert there["status"] == "under_review"
    assert Decimal(there["current_payment_due"]) == invoice.amount_due
    assert there["created_by"] == outgoing.integration.own_user_id
    assert sent.payload["requisition"]["origin_data"] == echo.mark_of(sent)
    [item] = sent.payload["requisition"]["items"]
    assert item["line_item_id"] == outgoing.contract["lines"][0]["id"]
    assert item["work_completed_retainage_retained_this_period"] == "100.01"
    invoice.refresh_from_db()
    assert str(there["id"]) in invoice.source_url
    assert outgoing.contract["number"] in invoice.commitment


def test_lines_that_fit_no_line_of_the_commitment_are_left_to_people(outgoing: Outgoing) -> None:
    line = outgoing.contract["lines"][0]
    lines = (
        recording.NewLine(line["description"].upper(), Decimal("300.00")),
        recording.NewLine("Nobody knows this", Decimal("200.00"), Decimal(0), "99-999"),
    )
    outgoing.send(outgoing.invoice(lines=lines))
    [there] = outgoing.there()
    assert there["current_payment_due"] == "300.00"


def test_a_release_of_retainage_is_told_as_a_release(outgoing: Outgoing) -> None:
    outgoing.send(outgoing.invoice("IB-1"))
    outgoing.procore.approve(outgoing.there()[0]["id"])
    outgoing.send(outgoing.invoice("IB-2", lines=(outgoing.line(Decimal("0.00"), Decimal("50.00")),)))
    assert [each["current_payment_due"] for each in outgoing.there()] == ["900.09", "50.00"]


UNCLEAR = (
    ["500", "503_html", "drop", "reset", "hang", "garbage", "html_200", "redirect"]
    + [f"{name}_after_commit" for name in ("500", "drop", "reset", "hang")]
    + ["truncated"]
)


@pytest.mark.parametrize("fault", UNCLEAR)
def test_an_unclear_end_is_looked_into_and_leaves_exactly_one(
    fault: str, outgoing: Outgoing, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procore_sync.client.DEADLINE_SECONDS", 1.0)
    settings.PROCORE_QUARANTINE_SECONDS = LATER
    outgoing.procore.fault(fault, **CREATE, times=1, seconds=1.5)
    sent = outgoing.ask()
    frozen = sent.payload
    send_due(company_id=sent.company_id)
    sent.refresh_from_db()
    assert sent.state == "checking"
    assert sent.next_at is not None
    assert (sent.next_at - timezone.now()).total_seconds() > LATER - 60
    assert "looks in Procore" in sent.problem
    sent = outgoing.go_on(sent)
    assert (sent.state, len(outgoing.there())) == ("sent", 1)
    assert sent.procore_id == outgoing.there()[0]["id"]
    assert sent.payload == frozen


def test_one_that_comes_late_is_waited_for(outgoing: Outgoing, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Procore carries the request out after we gave up: a look too early would send it a second time."""
    monkeypatch.setattr("procore_sync.client.DEADLINE_SECONDS", 0.5)
    settings.PROCORE_QUARANTINE_SECONDS = 2.5
    outgoing.procore.fault("slow", **CREATE, times=1, seconds=1.5)
    sent = outgoing.ask()
    until = time.monotonic() + 15
    while sent.state != "sent" and time.monotonic() < until:
        send_due(company_id=sent.company_id)
        sent.refresh_from_db()
        time.sleep(0.1)
    assert (sent.state, len(outgoing.there())) == ("sent", 1)


def test_without_marks_the_one_our_own_user_made_is_ours(outgoing: Outgoing, settings: Any) -> None:
    settings.PROCORE_QUARANTINE_SECONDS = LATER
    outgoing.procore.fault("500_after_commit", **CREATE, times=1)
    sent = outgoing.send()
    settings.PROCORE_QUARANTINE_SECONDS = 0
    SentInvoice.objects.update(state="checking", procore_id=None, next_at=timezone.now())
    outgoing.procore.patch(f"invoices/{outgoing.there()[0]['id']}", {"origin_data": ""})
    sent = outgoing.go_on(sent)
    assert (sent.state, len(outgoing.there())) == ("sent", 1)


def test_what_a_person_made_meanwhile_with_this_number_is_not_ours_and_not_made_twice(
    outgoing: Outgoing, settings: Any
) -> None:
    settings.PROCORE_QUARANTINE_SECONDS = LATER
    outgoing.procore.fault("500", **CREATE, times=1)
    sent = outgoing.ask()
    send_due(company_id=sent.company_id)
    outgoing.procore.create(commitment_id=outgoing.contract["id"], invoice_number="ib 100", amount="5.00")
    sent = outgoing.go_on(sent)
    assert sent.state == "refused"
    assert "already, made by" in sent.problem
    assert len(outgoing.there()) == 1


class Killed(BaseException):
    """The process is gone: nothing after this line happens."""


@pytest.mark.parametrize("point", ["send.after_take", "send.after_start", "send.after_send", "send.after_settle"])
def test_a_worker_killed_at_any_point_leaves_exactly_one(
    point: str, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patched:
        for module in ("procore_sync.sending", "inbuild.queue"):
            patched.setattr(f"{module}.faultpoint", die)
        sent = outgoing.ask()
        with pytest.raises(Killed):
            send_due(company_id=sent.company_id)
    sent = outgoing.go_on(sent)
    assert (sent.state, len(outgoing.there())) == ("sent", 1)


@pytest.mark.parametrize("fault", ["403", "404"])
def test_a_refusal_is_shown_in_procores_words_and_can_be_tried_again(fault: str, outgoing: Outgoing) -> None:
    outgoing.procore.fault(fault, **CREATE, times=1)
    sent = outgoing.send()
    assert sent.state == "refused"
    assert sent.problem.startswith("Procore does not")
    assert outgoing.there() == []
    sent = outgoing.send(sent.invoice)
    assert (sent.state, len(outgoing.there())) == ("sent", 1)


@pytest.mark.parametrize("status", [400, 422])
def test_a_rule_of_procores_is_shown_in_its_own_words(status: int, outgoing: Outgoing) -> None:
    outgoing.procore.switches(create_refused_status=status, open_invoice_refuses_next=True)
    open_one = outgoing.procore.create(commitment_id=outgoing.contract["id"], invoice_number="OPEN-1", amount="5.00")
    sent = outgoing.send()
    assert sent.state == "refused"
    assert "OPEN-1" in sent.problem
    outgoing.procore.approve(open_one["id"])
    assert outgoing.send(sent.invoice).state == "sent"
    assert [each["invoice_number"] for each in outgoing.there()] == ["OPEN-1", "IB-100"]


def test_asked_to_slow_down_it_waits_without_counting(outgoing: Outgoing) -> None:
    outgoing.procore.fault("429", **CREATE, times=2, seconds=7)
    sent = outgoing.ask()
    send_due(company_id=sent.company_id)
    sent.refresh_from_db()
    assert (sent.state, sent.failures) == ("ready", 0)
    assert sent.next_at is not None
    assert 4 < (sent.next_at - timezone.now()).total_seconds() < 8
    sent = outgoing.go_on(outgoing.go_on(sent))
    assert (sent.state, len(outgoing.there())) == ("sent", 1)


def test_an_expired_token_is_no_reason_to_send_twice(outgoing: Outgoing) -> None:
    outgoing.procore.fault("401", **CREATE, times=1)
    sent = outgoing.ask()
    send_due(company_id=sent.company_id)
    sent.refresh_from_db()
    assert sent.state == "ready"
    assert outgoing.go_on(sent).state == "sent"
    assert len(outgoing.there()) == 1


def test_without_a_look_nothing_leaves(outgoing: Outgoing) -> None:
    rule = outgoing.procore.fault("500", method="GET", path="/rest/v1.1/requisitions", times=None)
    sent = outgoing.send()
    assert (sent.state, outgoing.there()) == ("ready", [])
    assert "tries again by itself" in sent.problem
    outgoing.procore.delete(f"faults/{rule}")
    assert outgoing.go_on(sent).state == "sent"


@pytest.mark.parametrize(("state", "words"), [("disconnected", "disconnected"), ("needs_reconnect", "reconnected")])
def test_a_lost_connection_waits_with_the_reason(state: str, words: str, outgoing: Outgoing) -> None:
    sent = outgoing.ask()
    ProcoreIntegration.objects.update(state=state)
    sent = outgoing.go_on(sent)
    assert (sent.state, words in sent.problem, outgoing.there()) == ("ready", True, [])
    ProcoreIntegration.objects.update(state="connected")
    assert outgoing.go_on(sent).state == "sent"


def test_our_own_bug_after_it_left_is_a_doubt(outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("our bug")

    with monkeypatch.context() as patched:
        patched.setattr("procore_sync.sending._settle", broken)
        sent = outgoing.ask()
        send_due(company_id=sent.company_id)
    sent = outgoing.go_on(sent)
    assert (sent.state, len(outgoing.there())) == ("sent", 1)


def test_pressing_twice_makes_one(outgoing: Outgoing) -> None:
    invoice = outgoing.invoice()
    outgoing.ask(invoice)
    with pytest.raises(sending.AlreadySent):
        outgoing.ask(invoice)
    outgoing.go_on(SentInvoice.objects.get())
    with pytest.raises(sending.AlreadySent):
        outgoing.ask(invoice)
    assert len(outgoing.there()) == 1


def test_without_an_open_billing_period_nothing_is_sent(outgoing: Outgoing) -> None:
    for period in outgoing.procore.get("objects/period", project_id=outgoing.project.procore_id):
        outgoing.procore.patch(f"periods/{period['id']}", {"status": "closed"})
    with pytest.raises(sending.CannotSend, match="no open billing period"):
        outgoing.ask()
    assert not SentInvoice.objects.exists()


def test_what_is_on_its_way_can_no_longer_be_approved_or_cancelled_here(outgoing: Outgoing, as_user: Any) -> None:
    sent = outgoing.ask()
    client, address = as_user(outgoing.user), f"/invoices/{sent.invoice.public_id}"
    for _ in ("on its way", "there"):
        for step, words in (("approve", "approved there"), ("cancel", "Delete it there")):
            answer = client.post(f"{address}/{step}/", follow=True)
            assert words in answer.content.decode()
        sent.invoice.refresh_from_db()
        assert sent.invoice.state == Invoice.State.SUBMITTED
        outgoing.go_on(sent)


def test_a_refused_one_may_be_approved_here_and_then_not_sent(outgoing: Outgoing, as_user: Any) -> None:
    outgoing.procore.fault("404", **CREATE, times=1)
    sent = outgoing.send()
    as_user(outgoing.user).post(f"/invoices/{sent.invoice.public_id}/approve/")
    sent.invoice.refresh_from_db()
    assert sent.invoice.state == Invoice.State.APPROVED
    with pytest.raises(sending.CannotSend):
        outgoing.ask(sent.invoice)
    assert outgoing.there() == []


def test_each_step_is_written_down_with_who_and_why(outgoing: Outgoing) -> None:
    sent = outgoing.send()
    about = AuditEvent.objects.filter(object_type="invoice", object_id=str(sent.invoice_id)).order_by("id")
    steps = [event.verb for event in about if event.verb.startswith("sent_invoice.")]
    assert steps == ["sent_invoice.ready", "sent_invoice.sending", "sent_invoice.sent"]
    assert about.get(verb="sent_invoice.ready").user == outgoing.user
