"""I21: every change of a bill's or the switch's state is on record: who, when, from what, to what."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounting import posting, setting_aside
from accounting.models import Bill, Integration, Moved
from companies import auditing
from companies.models import AuditEvent, Company, User
from procore_sync import mirroring
from procore_sync.models import MirroringPeriod, ProcoreIntegration
from tests.quickbooks.qbo.test_backend import again, approved
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db

STEPS = 120
FAULTS = ("500_after_commit", "429", "401", "drop", "503_html")


def test_i21(
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    admin: User,
    accountant: User,
    monkeypatch: pytest.MonkeyPatch,
    figures: Callable[[str], None],
) -> None:
    """A random walk over what people and jobs can do; then every bill's events are replayed."""
    work.no_bell(monkeypatch)
    chance = random.Random(21)
    bills: list[Bill] = []
    for step in range(STEPS):
        if not bills or chance.random() < 0.3:
            invoice = approved(company, f"W-{chance.randrange(20)}", vendor=f"Vendor {chance.randrange(4)}")
            bills.append(posting.release(invoice))
        if chance.random() < 0.3:
            intuit.fault(chance.choice(FAULTS), method="POST", path="/bill\\?", times=1)
        _act(chance, bills, accountant)
        if step % 3 == 0:
            work.forget_pacing()
            Bill.objects.filter(next_at__isnull=False).update(next_at="2026-01-01T00:00:00Z")
            again(company, bills[-1].invoice)
    unexplained = [bill.pk for bill in Bill.objects.all() if not _explained(bill)]
    figures(f"events {AuditEvent.objects.count()} · bills {len(bills)} · unexplained states {len(unexplained)}")
    assert not unexplained
    assert AuditEvent.objects.filter(user=accountant).exists()


def _act(chance: random.Random, bills: list[Bill], user: User) -> None:
    bill = Bill.objects.get(pk=chance.choice(bills).pk)
    try:
        if chance.random() < 0.3:
            setting_aside.skip(bill, user=user)
        else:
            posting.retry(bill, user=user, sync_anyway=chance.random() < 0.5)
    except Moved:
        pass


def _explained(bill: Bill) -> bool:
    """Each event starts where the one before ended, and the last ends in the state the row has."""
    state: Any = None
    for event in auditing.history(bill):
        if event.before.get("state") not in (state, None):
            return False
        state = event.after.get("state", state)
    return bool(state == bill.state)


def test_the_switchs_periods_and_events_tell_the_same(
    company: Company, quickbooks: Integration, procore_integration: ProcoreIntegration, admin: User
) -> None:
    for wanted in (True, True, False, False, True):
        mirroring.set_to(procore_integration, wanted, user=admin)
    verbs = [event.verb for event in auditing.history(procore_integration) if event.verb.startswith("mirroring.")]
    assert verbs == ["mirroring.on", "mirroring.off", "mirroring.on"]
    assert MirroringPeriod.objects.count() == 2
    assert MirroringPeriod.objects.filter(ended_at=None).count() == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE companies_auditevent SET verb = 'x'", "DELETE FROM companies_auditevent"]
)
def test_history_cannot_be_rewritten(statement: str, company: Company, admin: User) -> None:
    auditing.record(company, "test", company, "A test", user=admin)
    with pytest.raises(DatabaseError, match="insert only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_event_needs_an_actor(company: Company) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        auditing.record(company, "test", company, "Nobody did it")


def test_frozen_bytes_and_the_books_id_cannot_be_changed(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.no_bell(monkeypatch)
    bill = posting.release(approved(company))
    bill = again(company, bill.invoice)
    for change in ({"payload": b"other"}, {"request_id": "other"}, {"external_id": "other"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Bill.objects.filter(pk=bill.pk).update(**change)
