"""One invoice of Procore's is one invoice of inBuild's and one bill, even when inBuild loses its own record of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounting.models import Integration
from companies.models import Company, User
from invoices.models import Invoice
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration, ProcoreInvoice
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
    row = ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    ProcoreInvoice.objects.filter(pk=row.pk).update(next_at=timezone.now())
    work.drain(integration.company)
    row.refresh_from_db()
    return row


def imported(integration: ProcoreIntegration, procore: ProcoreEmulator) -> tuple[Mapping[str, Any], Invoice]:
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    invoice = heard_of(integration, record).invoice
    assert invoice is not None
    return record, invoice


def test_a_lost_record_is_linked_again_and_makes_no_second_bill(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record, invoice = imported(switched_on, procore)
    ProcoreInvoice.objects.all().delete()
    row = heard_of(switched_on, record)
    assert (row.decision, row.invoice) == ("imported", invoice)
    invoice.refresh_from_db()
    assert invoice.source_state == "as_imported"
    assert Invoice.objects.count() == 1
    assert len(intuit.bills()) == 1


def test_it_is_linked_again_even_when_the_gates_are_shut_by_now(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, admin: User
) -> None:
    record, invoice = imported(switched_on, procore)
    mirroring.set_to(switched_on, False, user=admin)
    ProcoreInvoice.objects.all().delete()
    assert heard_of(switched_on, record).invoice == invoice


def test_what_changed_meanwhile_is_shown_on_the_posted_one(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record, invoice = imported(switched_on, procore)
    Invoice.objects.filter(pk=invoice.pk).update(amount_due=invoice.amount_due + Decimal("1.00"))
    ProcoreInvoice.objects.all().delete()
    heard_of(switched_on, record)
    invoice.refresh_from_db()
    assert invoice.source_state == "changed"


def test_one_that_was_unapproved_when_it_was_found_again_is_as_imported_once_approved_again(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator
) -> None:
    record, invoice = imported(switched_on, procore)
    ProcoreInvoice.objects.all().delete()
    for status, shown in (("under_review", "no_longer_approved"), ("approved", "as_imported")):
        procore.set_status(record["id"], status)
        heard_of(switched_on, record)
        invoice.refresh_from_db()
        assert invoice.source_state == shown
    assert len(intuit.bills()) == 1


def test_the_database_refuses_a_second_invoice_of_one_original(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, company: Company
) -> None:
    record, invoice = imported(switched_on, procore)
    assert invoice.procore_id == int(record["id"])
    twin = Invoice.objects.get(pk=invoice.pk)
    twin.pk, twin.public_id = None, "00000000-0000-0000-0000-000000000001"
    twin._state.adding = True
    with pytest.raises(IntegrityError, match="invoice_once_per_procore_id"), transaction.atomic():
        twin.save()
