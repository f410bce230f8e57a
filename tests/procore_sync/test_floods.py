"""A flood of messages from Procore: what is in it does not wait for the last of it."""

from __future__ import annotations

import pytest
from django.db.models.functions import Now

from accounting.models import Integration
from companies.models import User
from inbuild import queue
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, WebhookDelivery
from procore_sync.tasks import import_due
from tests.support import work
from tests.support.emulated import ProcoreEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


def test_the_first_invoice_of_a_flood_does_not_wait_for_the_last_delivery_to_be_read(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.no_bell(monkeypatch)
    record = procore.create(status="under_review")
    procore.approve(record["id"])
    row = ProcoreInvoice.hint(
        switched_on, kind="subcontractor_invoice", procore_id=record["id"], project_id=record["project_id"]
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(company=switched_on.company, integration=switched_on, event_key=str(n), body=b"", next_at=Now())
        for n in range(200)
    )
    monkeypatch.setattr(queue, "TURN_ROWS", 1)
    import_due(company_id=switched_on.company_id)
    row.refresh_from_db()
    assert row.invoice is not None
    assert WebhookDelivery.objects.filter(outcome="new").count() == 150
