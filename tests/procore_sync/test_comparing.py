"""The full compare: silent edits, deletions, earlier approvals, and who was unapproved when the switch went on."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounting.models import Integration
from companies.models import User
from inbuild import queue
from invoices.models import Invoice
from procore_sync import mirroring, sweeping
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from procore_sync.tasks import sweep_due
from tests.procore_sync.test_importing import heard_of
from tests.support import work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def compared(integration: ProcoreIntegration) -> None:
    """Everything compared now, and all the work that follows."""
    integration.compare_soon()
    while integration.projects.filter(next_at__lte=timezone.now()).exists():
        sweep_due(company_id=integration.company_id)
    work.drain(integration.company)


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    compared(procore_integration)
    return procore_integration


def test_earlier_approvals_are_remembered_with_number_vendor_and_amount_and_never_come(
    procore_integration: ProcoreIntegration, quickbooks: Integration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    compared(procore_integration)
    permitted = set(procore_integration.projects.values_list("procore_id", flat=True))
    there = {
        row["id"]: Decimal(row["current_payment_due"])
        for row in procore.get("ledger")["invoices"]
        if row["status"] in ("approved", "approved_as_noted") and row["project_id"] in permitted
    }
    rows = ProcoreInvoice.objects.filter(kind="subcontractor_invoice", status__startswith="approved")
    known = dict(rows.values_list("procore_id", "amount_due"))
    assert known == there
    assert all(row.number and row.vendor_name and row.reason.endswith(".") for row in rows)
    assert {row.gate for row in rows} == {"mirroring"}
    assert not Invoice.objects.exists()
    assert intuit.bills() == []
    # Only the lists were read for them.
    assert not rows.filter(wanted__gt=0).exists()


def test_switching_on_records_who_is_unapproved_at_that_moment(
    procore_integration: ProcoreIntegration, quickbooks: Integration, procore: ProcoreEmulator, admin: User
) -> None:
    record = procore.create(status="under_review")
    before = timezone.now()
    mirroring.set_to(procore_integration, True, user=admin)
    sweep_due(company_id=procore_integration.company_id)
    row = ProcoreInvoice.objects.get(procore_id=record["id"])
    assert row.seen_unapproved_at is not None
    assert row.seen_unapproved_at >= before
    assert (row.decision, row.gate) == ("waiting", "status")


def test_without_a_history_an_approval_counts_when_it_was_seen_unapproved_in_the_same_period(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    procore.fault("garbage", method="GET", path="/change_histories", times=None)
    procore.switches(history_column="status")
    record = procore.create_direct_cost(type="invoice", status="pending", emit=False)
    compared(switched_on)
    assert ProcoreInvoice.objects.get(procore_id=record["id"]).seen_unapproved_at
    procore.approve_direct_cost(record["id"])
    row = heard_of_cost(switched_on, record)
    assert (row.decision, row.approval_source) == ("imported", "first_seen")
    assert "first seen" in str(row.evidence)


def heard_of_cost(integration: ProcoreIntegration, record: Any) -> ProcoreInvoice:
    row = ProcoreInvoice.hint(
        integration, kind="direct_cost", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)
    row.refresh_from_db()
    return row


def test_a_direct_cost_created_and_approved_while_the_switch_is_on_becomes_one_bill(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create_direct_cost(type="invoice", status="approved", amount="1250.50", lines=3, emit=False)
    row = heard_of_cost(switched_on, record)
    assert (row.decision, row.approval_source) == ("imported", "created")
    assert row.invoice is not None
    assert row.invoice.lines.count() == 3
    [bill] = intuit.bills()
    assert (bill["doc_number"], bill["total"]) == (row.number, "1250.50")
    heard_of_cost(switched_on, record)
    assert len(intuit.bills()) == 1


def test_a_direct_cost_approved_before_the_switch_and_touched_after_does_not_come(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
) -> None:
    """Procore keeps no history of direct costs, so a touched one cannot prove when it was approved."""
    permitted = set(procore_integration.projects.values_list("procore_id", flat=True))
    earlier = procore.direct_costs(type="invoice", status="approved")
    record = next(row for row in earlier if row["project_id"] in permitted)
    compared(procore_integration)
    mirroring.set_to(procore_integration, True, user=admin)
    procore.edit_direct_cost(record["id"], description="Touched")
    row = heard_of_cost(procore_integration, record)
    assert (row.decision, row.gate) == ("skipped", "mirroring")
    assert intuit.bills() == []


@pytest.mark.parametrize("kind", ["expense", "payroll"])
def test_expense_and_payroll_are_not_mirrored(
    kind: str, switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create_direct_cost(type=kind, status="approved", emit=False)
    row = heard_of_cost(switched_on, record)
    assert (row.decision, row.gate) == ("skipped", "kind")
    assert kind in row.reason
    assert intuit.bills() == []


def test_a_direct_cost_whose_lines_do_not_come_to_its_total_is_held_with_both_numbers(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create_direct_cost(type="invoice", status="approved", amount="100.00", mismatch="0.01", emit=False)
    row = heard_of_cost(switched_on, record)
    assert row.invoice is not None
    bill = row.invoice.bill
    assert (bill.state, bill.problem) == ("on_hold", "amounts")
    assert "difference" in bill.problem_detail["mismatch"]
    assert intuit.bills() == []


def test_a_silent_edit_of_a_mirrored_invoice_is_seen(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    """No event, and the time of the last change stands still."""
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    compared(switched_on)
    procore.switches(quiet_changes_updated_at=False)
    procore.edit_invoice(record["id"], scale="0.5", quiet=True)
    compared(switched_on)
    row.refresh_from_db()
    assert row.invoice is not None
    row.invoice.refresh_from_db()
    assert row.invoice.source_state == "changed"


def test_a_silent_deletion_of_a_mirrored_invoice_is_seen_and_a_lost_permission_is_none(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    kept, gone = procore.create(status="under_review"), procore.create(status="under_review")
    rows = []
    for record in (kept, gone):
        procore.approve(record["id"])
        rows.append(heard_of(switched_on, record))
    procore.delete_invoice(gone["id"], quiet=True)
    for _ in range(5):  # what is gone is looked for a few times more
        compared(switched_on)
        ProcoreInvoice.objects.filter(next_at__isnull=False).update(next_at=timezone.now())
    states = [Invoice.objects.get(procore_invoice=row).source_state for row in rows]
    assert states == ["as_imported", "deleted"]
    # Procore answers 404 for what one may not see; that deletes nothing.
    procore.fault("404", method="GET", path=f"/requisitions/{kept['id']}", times=None)
    procore.fault("404", method="GET", path=f"/rest/v1.0/projects/{kept['project_id']}", times=None)
    heard_of(switched_on, kept)
    assert Invoice.objects.get(procore_invoice=rows[0]).source_state == "as_imported"


@pytest.mark.parametrize("how", ["delete", "insert", "touch"])
def test_rows_that_move_between_pages_are_not_missed(
    how: str,
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("procore_sync.client.PER_PAGE", 5)
    procore.switches(
        list_order="-updated_at",
        rows_move={"list": "requisitions", "after_page": 1, "how": how, "row": "served", "times": 2},
    )
    compared(procore_integration)
    permitted = set(procore_integration.projects.values_list("procore_id", flat=True))
    there = {
        row["id"]
        for row in procore.get("ledger")["invoices"]
        if row["project_id"] in permitted and not row.get("deleted")
    }
    known = set(ProcoreInvoice.objects.filter(kind="subcontractor_invoice").values_list("procore_id", flat=True))
    assert there <= known


def test_a_project_without_the_direct_costs_tool_still_brings_its_subcontractor_invoices(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    procore.fault("403", method="GET", path="/direct_costs", times=None)
    record = procore.create(status="under_review", emit=False)
    procore.approve(record["id"], emit=False)
    switched_on.projects.update(next_at=timezone.now())
    sweep_due(company_id=switched_on.company_id)
    work.drain(switched_on.company)
    assert len(intuit.bills()) == 1
    project = switched_on.projects.get(procore_id=record["project_id"])
    assert project.problem == ""
    assert "direct costs" in project.direct_costs_problem


def test_an_approval_within_the_second_that_is_known_already_is_not_missed(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    """Procore's times are whole seconds. Found by 500 approvals with every webhook dropped."""
    record = procore.create(status="under_review", emit=False)
    compared(switched_on)
    row = ProcoreInvoice.objects.get(procore_id=record["id"])
    assert row.status == "under_review"
    assert row.source_updated_at is not None
    procore.approve(record["id"], at=row.source_updated_at.isoformat(), emit=False)
    now = next(each for each in procore.invoices(id=record["id"]))
    assert now["updated_at"][:19] == record["updated_at"][:19]
    switched_on.projects.update(next_at=timezone.now())
    sweep_due(company_id=switched_on.company_id)
    work.drain(switched_on.company)
    assert [bill["doc_number"] for bill in intuit.bills()] == [record["invoice_number"]]


@pytest.mark.django_db(transaction=True)
def test_the_switch_and_a_compare_never_stop_each_other(switched_on: ProcoreIntegration, admin: User) -> None:
    """A compare holds rows the switch wants, and then stores new ones that point to what the switch holds."""
    mirroring.set_to(switched_on, False, user=admin)
    late = ProcoreInvoice.hint(switched_on, kind="subcontractor_invoice", procore_id=77, project_id=1)
    ProcoreInvoice.objects.filter(pk=late.pk).update(gate="switch")
    ended: list[Exception | None] = []

    def turn_on() -> None:
        try:
            mirroring.set_to(switched_on, True, user=admin)
            ended.append(None)
        except Exception as exc:
            ended.append(exc)
        finally:
            connection.close()

    turning = threading.Thread(target=turn_on)
    with transaction.atomic(durable=True):
        ProcoreInvoice.objects.select_for_update().get(pk=late.pk)
        turning.start()
        while not _somebody_waits():
            time.sleep(0.02)
        ProcoreInvoice.hint(switched_on, kind="subcontractor_invoice", procore_id=78, project_id=1)
    turning.join()
    assert ended == [None]
    assert mirroring.is_on(switched_on)


@pytest.mark.django_db(transaction=True)
def test_a_sweep_and_a_message_never_stop_each_other(switched_on: ProcoreIntegration, procore: ProcoreEmulator) -> None:
    """A message notes its time on the project and then names the invoice that the sweep has just found."""
    record = procore.create(status="under_review")
    project_id = record["project_id"]
    project = ProcoreProject.objects.filter(integration=switched_on, procore_id=project_id)
    [row] = queue.take(project, lease=timedelta(minutes=1))
    ended: list[Exception | None] = []

    def sweep() -> None:
        try:
            sweeping.sweep(row)
            ended.append(None)
        except Exception as exc:
            ended.append(exc)
        finally:
            connection.close()

    sweeper = threading.Thread(target=sweep)
    with transaction.atomic(durable=True):
        project.update(last_delivery_at=Now())
        sweeper.start()
        while not _somebody_waits():
            time.sleep(0.02)
        ProcoreInvoice.hint(switched_on, kind="subcontractor_invoice", procore_id=record["id"], project_id=project_id)
    sweeper.join()
    assert ended == [None]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
