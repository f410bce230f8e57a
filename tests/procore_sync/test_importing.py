"""What comes from Procore and what does not: the feature's own sentences, against both emulators."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounting.models import Bill, Integration
from companies.models import Company, User
from invoices.models import Invoice
from procore_sync import mirroring
from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreInvoice
from tests.support import work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


def heard_of(integration: ProcoreIntegration, record: Mapping[str, Any]) -> ProcoreInvoice:
    """What a webhook about this invoice does, and all the work that follows."""
    row = ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)
    row.refresh_from_db()
    return row


def test_connecting_makes_a_hook_in_every_project(
    procore_integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    projects = list(procore_integration.projects.all())
    assert len(projects) == 6
    assert all(project.hook_id and not project.problem for project in projects)
    assert procore_integration.check_result == ""
    assert procore_integration.service_user_id


def test_created_and_approved_in_procore_becomes_a_bill(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.decision == "imported"
    assert row.invoice is not None
    assert row.approved_by
    [bill] = intuit.bills()
    now = next(each for each in procore.invoices() if each["id"] == record["id"])
    assert bill["doc_number"] == now["invoice_number"]
    assert bill["vendor_name"] == now["vendor_name"]
    assert bill["total"] == now["current_payment_due"]
    assert sum(Decimal(line["amount"]) for line in bill["lines"]) == Decimal(bill["total"])


@pytest.mark.parametrize("status", ["draft", "under_review", "revise_and_resubmit", "pending_owner_approval"])
def test_what_is_not_approved_waits_and_comes_once_approved(
    status: str, switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status=status)
    row = heard_of(switched_on, record)
    assert (row.decision, row.gate, row.invoice) == ("waiting", "status", None)
    procore.approve(record["id"])
    assert heard_of(switched_on, record).decision == "imported"
    assert len(intuit.bills()) == 1


def test_approved_as_noted_counts(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    procore.set_status(record["id"], "approved_as_noted")
    assert heard_of(switched_on, record).decision == "imported"


def test_approved_before_the_switch_went_on_does_not_come_when_touched(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
) -> None:
    record = procore.create(status="under_review")
    an_hour_ago = (timezone.now() - timedelta(hours=1)).isoformat()
    procore.approve(record["id"], at=an_hour_ago)
    mirroring.set_to(procore_integration, True, user=admin)
    row = heard_of(procore_integration, record)
    assert (row.decision, row.gate) == ("skipped", "mirroring")
    assert intuit.bills() == []


def test_off_stops_new_ones_while_an_imported_one_still_reaches_quickbooks(
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
    quickbooks: Integration,
) -> None:
    Integration.objects.update(paused=True)
    early = procore.create(status="under_review")
    procore.approve(early["id"])
    imported = heard_of(switched_on, early)
    assert imported.invoice is not None
    late = procore.create(status="under_review")
    mirroring.set_to(switched_on, False, user=admin)
    procore.approve(late["id"])
    assert heard_of(switched_on, late).decision == "skipped"
    Integration.objects.update(paused=False)
    Bill.objects.filter(next_at__isnull=False).update(next_at=timezone.now())
    work.drain(switched_on.company)
    assert [bill["doc_number"] for bill in intuit.bills()] == [imported.invoice.number]


def test_approved_while_on_but_heard_of_after_off_does_not_come(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, admin: User
) -> None:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    mirroring.set_to(switched_on, False, user=admin)
    row = heard_of(switched_on, record)
    assert (row.decision, row.gate) == ("skipped", "switch")
    assert "off before it came" in row.reason
    assert not Invoice.objects.exists()


def test_what_inbuild_itself_made_in_procore_never_comes_back(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    ProcoreIntegration.objects.update(own_user_id=_creator(procore, record))
    switched_on.refresh_from_db()
    row = heard_of(switched_on, record)
    assert (row.decision, row.gate) == ("skipped", "created_in_procore")


def _creator(procore: ProcoreEmulator, record: Mapping[str, Any]) -> int:
    row = next(each for each in procore.get("ledger")["invoices"] if each["id"] == record["id"])
    created_by = row["created_by"]
    return int(created_by["id"] if isinstance(created_by, dict) else created_by)


def test_without_quickbooks_an_approval_is_kept_as_skipped(
    procore_integration: ProcoreIntegration, procore: ProcoreEmulator, admin: User, company: Company
) -> None:
    MirroringPeriod.objects.create(company=company, integration=procore_integration, started_by=admin)
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = heard_of(procore_integration, record)
    assert (row.decision, row.gate) == ("skipped", "quickbooks")


def test_reapproval_makes_no_second_bill_and_source_changes_are_shown(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.invoice is not None
    for status, shown in (("under_review", "no_longer_approved"), ("approved", "as_imported")):
        procore.set_status(record["id"], status)
        heard_of(switched_on, record)
        row.invoice.refresh_from_db()
        assert row.invoice.source_state == shown
    procore.delete(f"invoices/{record['id']}")
    heard_of(switched_on, record)
    row.invoice.refresh_from_db()
    assert row.invoice.source_state == "deleted"
    assert len(intuit.bills()) == 1


def test_an_invoice_of_the_same_vendor_and_number_made_here_holds_the_imported_one(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User
) -> None:
    from tests.quickbooks.qbo.test_backend import approved, posted

    record = procore.create(status="under_review")
    now = next(each for each in procore.invoices() if each["id"] == record["id"])
    posted(switched_on.company, approved(switched_on.company, now["invoice_number"], vendor=now["vendor_name"]))
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.invoice is not None
    bill = Bill.objects.get(invoice=row.invoice)
    assert (bill.state, bill.problem) == ("on_hold", "possible_duplicate")
    assert len(intuit.bills()) == 1


@pytest.mark.parametrize("fault", ["500", "503_html", "drop", "garbage", "html_200", "429", "truncated", "hang"])
@pytest.mark.parametrize("path", ["/rest/v1.1/requisitions/", "/detail", "/change_histories"])
def test_procore_in_trouble_delays_and_never_half_imports(
    fault: str,
    path: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr("procore_sync.client.DEADLINE_SECONDS", 1.0)
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    procore.fault(fault, method="GET", path=path, times=1, seconds=3)
    row = heard_of(switched_on, record)
    assert row.decision == "waiting"
    assert row.next_at is not None
    assert row.reason.endswith(".")
    assert not Invoice.objects.exists()
    work.forget_pacing()
    ProcoreInvoice.objects.update(next_at=timezone.now())
    work.drain(switched_on.company)
    row.refresh_from_db()
    assert row.decision == "imported"
    assert len(intuit.bills()) == 1


def test_sums_that_do_not_add_up_hold_the_bill_with_both_numbers(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    procore.patch(f"invoices/{record['id']}", {"override_summary": {"current_payment_due": "123.45"}})
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.invoice is not None
    bill = Bill.objects.get(invoice=row.invoice)
    assert (bill.state, bill.problem) == ("on_hold", "amounts")
    assert "123.45" in bill.problem_detail["mismatch"]
    assert intuit.bills() == []
    # Corrected in Procore, it goes by itself, with the corrected amounts.
    right = row.invoice.gross + row.invoice.retainage
    procore.patch(f"invoices/{record['id']}", {"override_summary": {"current_payment_due": str(right)}})
    heard_of(switched_on, record)
    assert [there["total"] for there in intuit.bills()] == [str(right)]
    row.invoice.refresh_from_db()
    assert (row.invoice.amount_due, row.invoice.source_state) == (right, "as_imported")


def test_changed_before_it_is_sent_is_taken_over_and_after_it_is_only_shown(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    Integration.objects.update(paused=True)
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.invoice is not None
    procore.patch(f"invoices/{record['id']}", {"scale": "0.5"})
    heard_of(switched_on, record)
    now = procore.invoices(id=record["id"])[0]["current_payment_due"]
    row.invoice.refresh_from_db()
    assert str(row.invoice.amount_due) == now != record["current_payment_due"]
    Integration.objects.update(paused=False)
    Bill.objects.update(next_at=timezone.now())
    work.drain(switched_on.company)
    assert [there["total"] for there in intuit.bills()] == [now]
    procore.patch(f"invoices/{record['id']}", {"scale": "0.5"})
    heard_of(switched_on, record)
    row.invoice.refresh_from_db()
    assert row.invoice.source_state == "changed"
    assert [there["total"] for there in intuit.bills()] == [now]


def test_no_longer_approved_before_it_is_sent_holds_the_bill_until_it_is_again(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    Integration.objects.update(paused=True)
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    heard_of(switched_on, record)
    procore.set_status(record["id"], "under_review")
    heard_of(switched_on, record)
    Integration.objects.update(paused=False)
    Bill.objects.update(next_at=timezone.now())
    work.drain(switched_on.company)
    bill = Bill.objects.get()
    assert (bill.state, bill.problem) == ("on_hold", "no_longer_approved")
    assert intuit.bills() == []
    procore.approve(record["id"])
    heard_of(switched_on, record)
    assert len(intuit.bills()) == 1


def test_check_again_asks_procore_too(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record = procore.create(status="under_review")
    procore.patch(f"invoices/{record['id']}", {"override_summary": {"current_payment_due": "123.45"}})
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.invoice is not None
    right = row.invoice.gross + row.invoice.retainage
    procore.patch(f"invoices/{record['id']}", {"override_summary": {"current_payment_due": str(right)}, "emit": False})
    as_user(accountant).post(f"/settings/accounting/bills/{row.invoice.public_id}/retry/")
    work.drain(switched_on.company)
    assert [there["total"] for there in intuit.bills()] == [str(right)]


def test_a_change_while_the_bill_is_under_way_is_taken_over_when_it_was_not_sent_after_all(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    Integration.objects.update(paused=True)
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    Bill.objects.update(lease_until="2099-01-01T00:00:00Z")  # a worker is at it, and QuickBooks hangs
    procore.patch(f"invoices/{record['id']}", {"scale": "0.5"})
    row = heard_of(switched_on, record)
    assert row.next_at is not None
    Integration.objects.update(paused=False)
    Bill.objects.update(lease_until=None, next_at=timezone.now())
    from accounting.tasks import post_due

    post_due(company_id=switched_on.company_id)  # before the import has looked again
    assert Bill.objects.get().problem == "changed_in_procore"
    ProcoreInvoice.objects.update(next_at=timezone.now())
    work.drain(switched_on.company)
    now = procore.invoices(id=record["id"])[0]["current_payment_due"]
    assert [there["total"] for there in intuit.bills()] == [now]


def test_a_trial_of_other_credentials_leaves_the_connection_as_it_is(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    from procore_sync import connecting
    from tests.support.emulated import OTHER_CLIENT_ID, OTHER_CLIENT_SECRET

    before = ProcoreIntegration.objects.values().get()
    for given in ((OTHER_CLIENT_ID, OTHER_CLIENT_SECRET), ("nobody", "nothing")):
        wrong = connecting.Credentials("custom", switched_on.procore_company_id, *given)
        with pytest.raises(connecting.CannotConnect):
            connecting.connect(switched_on.company, wrong, user=admin)
    assert ProcoreIntegration.objects.values().get() == before


@pytest.mark.parametrize("path", ["/detail", "/change_histories"])
def test_lines_that_cannot_be_seen_are_no_deletion(
    path: str, switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.invoice is not None
    procore.fault("404", method="GET", path=path, times=1)
    row = heard_of(switched_on, record)
    row.invoice.refresh_from_db()  # type: ignore[union-attr]
    assert row.invoice.source_state == "as_imported"  # type: ignore[union-attr]
    assert row.next_at is not None


def test_a_moments_404_is_looked_at_again(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    procore.fault("404", method="GET", path="/rest/v1.1/requisitions/", times=1)
    row = heard_of(switched_on, record)
    assert row.next_at is not None
    ProcoreInvoice.objects.update(next_at=timezone.now())
    work.drain(switched_on.company)
    assert len(intuit.bills()) == 1


def test_our_own_bug_in_an_import_is_on_screen_and_tried_again(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import DataError

    from procore_sync import presenting

    record = procore.create(status="under_review")
    heard_of(switched_on, record)
    procore.approve(record["id"])

    def broken(*_: Any, **__: Any) -> None:
        raise DataError("value too long")

    monkeypatch.setattr("invoices.recording.record_from_procore", broken)
    row = heard_of(switched_on, record)
    assert "our side" in row.reason
    assert row.next_at is not None
    assert row in presenting.not_imported(switched_on)


def test_a_sweep_finds_what_no_webhook_told_and_only_that(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    from procore_sync.tasks import sweep_due

    known = procore.create(status="under_review")
    procore.approve(known["id"])
    heard_of(switched_on, known)
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    sweep_due(company_id=switched_on.company_id)
    work.drain(switched_on.company)
    assert len(intuit.bills()) == 2
    wanted = dict(ProcoreInvoice.objects.values_list("procore_id", "wanted"))
    assert (wanted[int(known["id"])], wanted[int(record["id"])]) == (1, 1)
    # The next sweep overlaps and hints at nothing again.
    switched_on.projects.update(next_at=timezone.now())
    sweep_due(company_id=switched_on.company_id)
    assert dict(ProcoreInvoice.objects.values_list("procore_id", "wanted")) == wanted


def test_a_failed_sweep_keeps_its_cursor_and_says_why(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    from procore_sync.tasks import sweep_due

    procore.fault("403", method="GET", path="/rest/v1.1/requisitions", times=None)
    sweep_due(company_id=switched_on.company_id)
    for project in switched_on.projects.all():
        assert project.swept_until is None
        assert "permitted projects" in project.problem
        assert project.next_at is not None


def test_an_older_reading_never_undoes_a_newer_one(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record = procore.create(status="under_review")
    time.sleep(1.1)  # Procore's times are whole seconds
    procore.approve(record["id"])
    row = heard_of(switched_on, record)
    assert row.invoice is not None
    procore.fault("stale_read", method="GET", path="/rest/v1.1/requisitions/", times=1)
    heard_of(switched_on, record)
    assert procore.hits() == {"stale_read": 1}
    row.invoice.refresh_from_db()
    assert row.invoice.source_state == "as_imported"
