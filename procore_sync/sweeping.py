"""Finds what no webhook told us: lists each project's invoices by the time they were last changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Least, Now

from inbuild.queue import backoff, database_now, mine, ring
from procore_sync import comparing, mirroring, reading
from procore_sync.bells import IMPORT_DUE
from procore_sync.client import Forbidden, NotFound, Procore, ProcoreError, SignInRefused, Unavailable
from procore_sync.models import ProcoreInvoice, ProcoreProject

OVERLAP = timedelta(minutes=30)
FIRST_LOOK_BACK = timedelta(days=1)
NO_DIRECT_COSTS = (
    "inBuild cannot read direct costs here: the tool is switched off in this project, or the permission is missing."
)
A_MESSAGE_TAKES = timedelta(seconds=20)  # nearly always less; one that takes longer costs a look
SOON = ProcoreInvoice.Priority.LATER


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of a list: what it is, when it was last changed by Procore's clock, and its status."""

    kind: str
    procore_id: int
    at: datetime | None
    status: str


def sweep(project: ProcoreProject) -> int:
    """Hint at every invoice of one project that changed since the last sweep; returns how many.

    The cursor is the latest change Procore has told of, by Procore's own clock, and it moves only when the whole list
    was read and its hints are committed. When it is due, everything is compared as well.
    """
    if not project.is_open:
        mine(project).update(next_at=None, lease_until=None)
        return 0
    if project.integration.state != project.integration.State.CONNECTED:
        _finish(project)
        return 0
    procore = Procore(project.integration, f"sweep:{project.pk}", urgent=False)
    try:
        hinted = comparing.compare(project, procore) if _compare_is_due(project) else 0
        hinted += _changes(project, procore)
    except ProcoreError as exc:
        _failed(project, exc)
        return 0
    if hinted:
        ring(IMPORT_DUE, project.company_id)
    return hinted


def _changes(project: ProcoreProject, procore: Procore) -> int:
    if not _wanted(project):
        _finish(project)
        return 0
    since = project.swept_until - OVERLAP if project.swept_until else database_now() - FIRST_LOOK_BACK
    invoices = procore.changed_since(project.procore_id, since)
    direct_costs, problem = _direct_costs_since(project, procore, since)
    changed = [
        *_listed(ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE, invoices),
        *_listed(ProcoreInvoice.Kind.DIRECT_COST, direct_costs),
    ]
    if any(_was_not_told(project, listed) for listed in changed):
        project.integration.check_missed_messages()
    with transaction.atomic(durable=True):
        # Before its invoices, in the order in which a message takes them.
        ProcoreProject.objects.select_for_update(no_key=True).get(pk=project.pk)
        hinted = _hint_at(project, changed)
        latest = max((listed.at for listed in changed if listed.at), default=project.swept_until)
        _finish(project, swept_until=latest, swept_at=Now(), problem="", direct_costs_problem=problem)
    return hinted


def _direct_costs_since(
    project: ProcoreProject, procore: Procore, since: datetime
) -> tuple[list[Mapping[str, Any]], str]:
    """A project may have the tool switched off, which must not keep its subcontractor invoices away."""
    try:
        return procore.direct_costs_changed_since(project.procore_id, since), ""
    except (Forbidden, NotFound):
        return [], NO_DIRECT_COSTS


def _listed(kind: str, rows: Iterable[Mapping[str, Any]]) -> list[Listed]:
    """Every row that has an id."""
    found = []
    for row in rows:
        with suppress(reading.Unreadable):
            procore_id = reading.an_id(row.get("id"), "id")
            at, status = reading.a_moment(row.get("updated_at")), reading.status_key(row.get("status"))
            found.append(Listed(kind, procore_id, at, status))
    return found


def _wanted(project: ProcoreProject) -> bool:
    """While the switch is on; after that only where something imported or sent is still to be followed."""
    if mirroring.is_on(project.integration):
        return True
    followed = ProcoreInvoice.objects.filter(integration=project.integration, project_id=project.procore_id)
    sent = project.integration.sent_invoices.filter(project_id=project.procore_id)
    return followed.filter(invoice__isnull=False).exists() or sent.exists()


def _compare_is_due(project: ProcoreProject) -> bool:
    rows = ProcoreProject.objects.filter(pk=project.pk)
    return rows.filter(Q(compare_due_at=None) | Q(compare_due_at__lte=Now())).exists()


def _hint_at(project: ProcoreProject, changed: list[Listed]) -> int:
    """Only at what is new to us: the overlap and our own webhooks have shown most of it already.

    Procore's times are whole seconds, so a status may change within the second that is known already.
    """
    rows = ProcoreInvoice.objects.filter(
        integration=project.integration, procore_id__in=[listed.procore_id for listed in changed]
    )
    known = {(row.kind, row.procore_id): row for row in rows.defer("snapshot", "imported", "evidence")}
    new = [listed for listed in changed if _is_new(listed, known.get((listed.kind, listed.procore_id)))]
    for listed in new:
        ProcoreInvoice.hint(
            project.integration,
            kind=listed.kind,
            procore_id=listed.procore_id,
            project_id=project.procore_id,
            told_at=listed.at,
            priority=SOON,
        )
    return len(new)


def _is_new(listed: Listed, row: ProcoreInvoice | None) -> bool:
    if row is None or listed.at is None:
        return True
    seen = max((at for at in (row.source_updated_at, row.told_at) if at), default=None)
    return seen is None or listed.at > seen or (row.next_at is None and listed.status != row.status)


def _was_not_told(project: ProcoreProject, listed: Listed) -> bool:
    """Changed a while ago, after its project's hook was last looked at, and no message came from there since."""
    if listed.at is None or project.checked_at is None or not project.hook_id:
        return False
    if not project.checked_at < listed.at < database_now() - A_MESSAGE_TAKES:
        return False
    return project.last_delivery_at is None or project.last_delivery_at < listed.at


def _finish(project: ProcoreProject, **facts: Any) -> None:
    every = timedelta(seconds=settings.SWEEP_PROJECT_SECONDS)
    mine(project).update(next_at=Now() + every, lease_until=None, failures=0, **facts)


def _failed(project: ProcoreProject, why: ProcoreError) -> None:
    if isinstance(why, Unavailable) and why.is_pacing:
        mine(project).update(next_at=Now() + why.wait, lease_until=None)
        return
    if isinstance(why, SignInRefused):
        project.integration.needs_reconnect(str(why))
    wait = max(backoff(project.failures), timedelta(seconds=settings.SWEEP_PROJECT_SECONDS))
    mine(project).update(
        next_at=Now() + wait,
        lease_until=None,
        failures=Least(F("failures") + 1, 1000),
        problem=f"{project}: {why}"[:300],
    )
