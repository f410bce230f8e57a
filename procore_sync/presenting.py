"""What Procore told us, as pages show it."""

from __future__ import annotations

from companies.auditing import Happening
from invoices.models import Invoice
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, WebhookDelivery

SHOWN = 20
LISTED = 50


def not_imported(integration: ProcoreIntegration) -> list[ProcoreInvoice]:
    """What is approved, or could not be read, and is not in inBuild; drafts and invoices under review just wait."""
    rows = ProcoreInvoice.objects.filter(integration=integration, invoice=None).exclude(reason="")
    return list(rows.exclude(gate="status").order_by("-pk")[:LISTED])


def unreadable(integration: ProcoreIntegration) -> list[WebhookDelivery]:
    rows = WebhookDelivery.objects.filter(integration=integration, outcome=WebhookDelivery.Outcome.DEAD)
    return list(rows.order_by("-pk")[:SHOWN])


def happenings(invoice: Invoice) -> list[Happening]:
    """The approval as Procore tells it, and the latest deliveries."""
    row = ProcoreInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice).first()
    if row is None:
        return []
    deliveries = WebhookDelivery.objects.filter(
        company_id=invoice.company_id, integration_id=row.integration_id, procore_id=row.procore_id
    )
    found = [_of(delivery) for delivery in deliveries.order_by("-id")[:SHOWN]]
    if row.approved_at:
        by = row.approved_by or "Procore"
        found.append(Happening(row.approved_at, "Approved in Procore", by, f"Procore id {row.procore_id}"))
    return found


def _of(delivery: WebhookDelivery) -> Happening:
    times = f", {delivery.times_received} times" if delivery.times_received > 1 else ""
    words = f"Webhook received: {delivery.kind} {delivery.event}{times}"
    return Happening(delivery.received_at, words, "Procore", delivery.event_key.removeprefix("id:")[:40])
