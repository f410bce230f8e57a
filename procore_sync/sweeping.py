"""Finds what no webhook told us: lists each project's invoices by the time they were last changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least, Now

from inbuild.queue import backoff, database_now, mine, ring
from procore_sync import mirroring, reading
from procore_sync.client import Procore, ProcoreError
from procore_sync.importing import IMPORT_DUE
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject

SWEEP_DUE = "procore_sync.sweep_due"
OVERLAP = timedelta(minutes=30)
FIRST_LOOK_BACK = timedelta(days=1)
KIND = ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE


def sweep(project: ProcoreProject) -> int:
    """Hint at every invoice of one project that changed since the last sweep; returns how many.

    The cursor is the latest change Procore has told of, by Procore's own clock, and it moves only when the whole list
    was read and its hints are committed.
    """
    if not _wanted(project.integration):
        _finish(project)
        return 0
    since = project.swept_until - OVERLAP if project.swept_until else database_now() - FIRST_LOOK_BACK
    try:
        rows = Procore(project.integration, f"sweep:{project.pk}").changed_since(project.procore_id, since)
    except ProcoreError as exc:
        wait = max(backoff(project.failures), timedelta(seconds=settings.SWEEP_PROJECT_SECONDS))
        problem = str(exc)[:300]
        mine(project).update(
            next_at=Now() + wait, lease_until=None, failures=Least(F("failures") + 1, 1000), problem=problem
        )
        return 0
    changed = [row for row in map(reading.listed, rows) if row is not None]
    with transaction.atomic(durable=True):
        hinted = _hint_at(project, changed)
        latest = max((at for _, at in changed if at), default=project.swept_until)
        _finish(project, swept_until=latest, swept_at=Now(), problem="")
    if hinted:
        ring(IMPORT_DUE, project.company_id)
    return hinted


def _wanted(integration: ProcoreIntegration) -> bool:
    return integration.state == ProcoreIntegration.State.CONNECTED and mirroring.is_on(integration)


def _hint_at(project: ProcoreProject, changed: list[tuple[int, datetime | None]]) -> int:
    """Only at what is new to us: the overlap and our own webhooks have shown most of it already."""
    rows = ProcoreInvoice.objects.filter(
        integration=project.integration, kind=KIND, procore_id__in=[procore_id for procore_id, _ in changed]
    )
    known = dict(rows.values_list("procore_id", "source_updated_at"))
    hinted = 0
    for procore_id, at in changed:
        seen = known.get(procore_id)
        if seen is None or at is None or at > seen:
            ProcoreInvoice.hint(
                project.integration, kind=KIND, procore_id=procore_id, project_id=project.procore_id, told_at=at
            )
            hinted += 1
    return hinted


def _finish(project: ProcoreProject, **facts: Any) -> None:
    every = timedelta(seconds=settings.SWEEP_PROJECT_SECONDS)
    mine(project).update(next_at=Now() + every, lease_until=None, failures=0, **facts)
