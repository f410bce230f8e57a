"""Turns a delivery into a hint. What it says is not believed, only that something happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models, transaction
from django.db.models import F, Max
from django.db.models.functions import Greatest, Now

from inbuild.queue import mine, ring
from procore_sync import reading
from procore_sync.bells import CHECK_DUE, SWEEP_DUE
from procore_sync.importing import Taken
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject, WebhookDelivery
from procore_sync.reading import Event, Unreadable

INVOICES = {
    reading.SUBCONTRACTOR_INVOICES: ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE,
    reading.DIRECT_COSTS: ProcoreInvoice.Kind.DIRECT_COST,
    reading.DIRECT_COST_LINES: ProcoreInvoice.Kind.DIRECT_COST,
}


def absorb(delivery: WebhookDelivery) -> None:
    """Note what one delivery is about, and make that due. Raises Taken."""
    outcome, reason, seen = _understood(delivery)
    with transaction.atomic(durable=True):
        facts: dict[str, Any] = {"outcome": outcome, "reason": reason, "next_at": None, "lease_until": None}
        if seen is not None:
            facts |= {
                "kind": seen.resource,
                "procore_id": seen.procore_id,
                "project_id": seen.project_id,
                "event": seen.reason,
            }
        if not mine(delivery).update(**facts):
            raise Taken
        if outcome == WebhookDelivery.Outcome.DONE and seen is not None:
            _make_due(delivery.integration, seen)


def _understood(delivery: WebhookDelivery) -> tuple[str, str, Event | None]:
    try:
        seen = reading.event(bytes(delivery.body))
    except Unreadable as exc:
        return (
            WebhookDelivery.Outcome.DEAD,
            f"A message from Procore could not be read. {exc} Nothing was changed.",
            None,
        )
    if seen.company_id != delivery.integration.procore_company_id:
        return WebhookDelivery.Outcome.IGNORED, "It is about another company of Procore's.", seen
    if seen.resource.lower() not in {*INVOICES, reading.PROJECTS}:
        return WebhookDelivery.Outcome.IGNORED, f"inBuild does not follow {seen.resource}.", seen
    if seen.resource.lower() in INVOICES and seen.project_id is None:
        return WebhookDelivery.Outcome.DEAD, "A message from Procore named no project. Nothing was changed.", seen
    return WebhookDelivery.Outcome.DONE, "", seen


def note_times(company_id: int, deliveries: Sequence[WebhookDelivery]) -> None:
    """Keep when Procore last called, in each project and at all: once for many, where each would lock these rows."""
    read = WebhookDelivery.objects.filter(id__in=[delivery.pk for delivery in deliveries])
    integrations = ProcoreIntegration.objects.filter(company_id=company_id)
    for pk, latest in _latest(read, "integration_id"):
        integrations.filter(pk=pk).update(last_delivery_at=Greatest(F("last_delivery_at"), latest))
    for pk, procore_id, latest in _latest(read.exclude(project_id=None), "integration_id", "project_id"):
        projects = ProcoreProject.objects.filter(company_id=company_id, integration_id=pk, procore_id=procore_id)
        projects.update(last_delivery_at=Greatest(F("last_delivery_at"), latest))


def _latest(read: models.QuerySet[WebhookDelivery], *by: str) -> models.QuerySet[Any, tuple[Any, ...]]:
    return read.order_by(*by).values_list(*by).annotate(latest=Max("received_at"))


def _make_due(integration: ProcoreIntegration, seen: Event) -> None:
    resource = seen.resource.lower()
    if resource == reading.PROJECTS:
        ProcoreIntegration.objects.filter(pk=integration.pk).update(next_at=Now())
        ring(CHECK_DUE, integration.company_id)
        return
    if seen.project_id is None:
        return
    procore_id = seen.parent_id if resource == reading.DIRECT_COST_LINES else seen.procore_id
    if procore_id is None:
        # A line that does not name its direct cost: the sweep finds which one changed.
        projects = ProcoreProject.objects.filter(integration=integration, procore_id=seen.project_id)
        projects.update(next_at=Now())
        ring(SWEEP_DUE, integration.company_id)
        return
    row = ProcoreInvoice.hint(
        integration, kind=INVOICES[resource], procore_id=procore_id, project_id=seen.project_id, told_at=seen.at
    )
    if seen.reason == "create" and seen.user_id is not None and resource != reading.DIRECT_COST_LINES:
        ProcoreInvoice.objects.filter(pk=row.pk, creator_told=None).update(creator_told=seen.user_id)
