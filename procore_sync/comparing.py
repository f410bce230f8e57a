"""Compares all of a project with what we know, at night and when asked: silent edits, deletions, old approvals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from inbuild.queue import database_now
from invoices.models import Invoice
from procore_sync import gates, importing, mirroring, reading, records
from procore_sync.client import Forbidden, Listed, NotFound, Procore
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from procore_sync.reading import Unreadable
from procore_sync.records import Record

NIGHT_HOUR = 2
SPREAD_MINUTES = 120
CHUNK = 200


def compare(project: ProcoreProject, procore: Procore) -> int:
    """List everything, remember what stands there, hint at what differs; returns at how many. Raises ProcoreError.

    What was approved before the switch was ever on is only remembered, so that a person can choose from it.
    """
    asked_at = project.compare_due_at
    hinted = 0
    for kind, listed in lists_of(project, procore):
        for start in range(0, len(listed.rows), CHUNK):
            with transaction.atomic(durable=True):
                hinted += _compare_some(project, kind, listed.rows[start : start + CHUNK])
        hinted += _missing(project, kind, listed)
    rows = ProcoreProject.objects.filter(pk=project.pk)
    rows.update(compared_at=Now())
    # Somebody who asked again meanwhile is not put off until the night.
    rows.filter(compare_due_at=asked_at).update(compare_due_at=_next_night(project))
    return hinted


def lists_of(project: ProcoreProject, procore: Procore) -> Iterator[tuple[str, Listed]]:
    """Everything that Procore lists of a project, by kind. Raises ProcoreError."""
    yield ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE, procore.all_subcontractor_invoices(project.procore_id)
    # Where the tool is switched off there is nothing to compare; the sweep says so on the project.
    with suppress(NotFound, Forbidden):
        yield ProcoreInvoice.Kind.DIRECT_COST, procore.all_direct_costs(project.procore_id)


def _compare_some(project: ProcoreProject, kind: str, rows: list[Mapping[str, Any]]) -> int:
    integration, now = project.integration, database_now()
    periods = mirroring.periods(integration)
    found = {procore_id: row for row in rows if (procore_id := _id(row)) is not None}
    known = {
        row.procore_id: row
        for row in ProcoreInvoice.objects.filter(integration=integration, kind=kind, procore_id__in=found)
        .order_by("pk")
        .select_for_update()
    }
    new, hinted = [], 0
    for procore_id, data in found.items():
        record, digest = record_of(project, kind, data), records.listed_sha256(data)
        row = known.get(procore_id)
        if row is None and record is not None and _needs_no_look(periods, record):
            new.append(_remembered(project, record, digest, now, periods))
        elif row is None or not _is_as_known(row, record, digest):
            ProcoreInvoice.hint(
                integration,
                kind=kind,
                procore_id=procore_id,
                project_id=project.procore_id,
                told_at=record.updated_at if record else None,
                priority=ProcoreInvoice.Priority.LATER,
            )
            hinted += 1
    ProcoreInvoice.objects.bulk_create(new, ignore_conflicts=True)
    _note(integration, kind, project, found, now)
    return hinted


def _needs_no_look(periods: Sequence[gates.Period], record: Record) -> bool:
    """Not approved, or certainly approved before the switch went on: the list has told all that counts."""
    if not record.is_approved:
        return True
    latest = record.updated_at
    return latest is not None and all(latest < period.started_at - gates.GRACE for period in periods)


def _is_as_known(row: ProcoreInvoice, record: Record | None, digest: str) -> bool:
    if row.listed_sha256 == digest:
        return True
    if row.listed_sha256 or record is None:
        return False
    # The first comparison of one that was read before.
    return (row.status, row.source_updated_at, row.amount_due) == (
        record.status,
        record.updated_at,
        record.amount_due,
    )


def _remembered(
    project: ProcoreProject, record: Record, digest: str, now: datetime, periods: Sequence[gates.Period]
) -> ProcoreInvoice:
    """A row with what the list tells, decided by the same gates as any other."""
    row = ProcoreInvoice(
        company=project.company,
        integration=project.integration,
        kind=record.kind,
        procore_id=record.procore_id,
        project_id=project.procore_id,
        source_updated_at=record.updated_at,
        listed_sha256=digest,
        **importing.header_facts(record),
    )
    if record.is_approved:
        row.first_seen_approved_at = now
    else:
        row.seen_unapproved_at = now
    answers = gates.decide(importing.facts_for_gates(row, project.integration, record, None, periods))
    shut = gates.first_shut(answers)
    if shut is not None:
        row.gate, row.reason = shut.name, shut.reason[:500]
        row.decision = ProcoreInvoice.Decision.SKIPPED if shut.final else ProcoreInvoice.Decision.WAITING
    row.evidence = [asdict(gate) for gate in answers]
    return row


def _note(
    integration: ProcoreIntegration, kind: str, project: ProcoreProject, found: Mapping[int, Any], now: datetime
) -> None:
    """What was listed, and who is still unapproved: an approval seen later then happened after this moment."""
    rows = ProcoreInvoice.objects.filter(integration=integration, kind=kind)
    changed = []
    for row in rows.filter(procore_id__in=found).only("pk", "procore_id", "listed_sha256"):
        digest = records.listed_sha256(found[row.procore_id])
        if row.listed_sha256 != digest:
            row.listed_sha256 = digest
            changed.append(row)
    ProcoreInvoice.objects.bulk_update(changed, ["listed_sha256"])
    unapproved = [
        procore_id
        for procore_id, data in found.items()
        if (record := record_of(project, kind, data)) and not record.is_approved
    ]
    rows.filter(procore_id__in=unapproved, invoice=None).update(**importing.unapproved_facts(now))


def _missing(project: ProcoreProject, kind: str, listed: Listed) -> int:
    """Known, but not in the list: the next look tells a deletion from a lost permission."""
    if not listed.is_complete:
        return 0
    seen = {_id(row) for row in listed.rows}
    known = ProcoreInvoice.objects.filter(
        integration=project.integration, kind=kind, project_id=project.procore_id
    ).exclude(status="")
    known = known.exclude(Q(invoice__source_state=Invoice.SourceState.DELETED))
    gone = [procore_id for procore_id in known.values_list("procore_id", flat=True) if procore_id not in seen]
    for procore_id in gone:
        ProcoreInvoice.hint(
            project.integration,
            kind=kind,
            procore_id=procore_id,
            project_id=project.procore_id,
            priority=ProcoreInvoice.Priority.LATER,
        )
    return len(gone)


def record_of(project: ProcoreProject, kind: str, data: Mapping[str, Any]) -> Record | None:
    """None for one that cannot be read; looking at it by itself will say what is wrong."""
    try:
        if kind == ProcoreInvoice.Kind.DIRECT_COST:
            return records.direct_cost(data, project.procore_id)
        return records.subcontractor_invoice(data)
    except Unreadable:
        return None


def _id(row: Mapping[str, Any]) -> int | None:
    try:
        return reading.an_id(row.get("id"), "id")
    except Unreadable:
        return None


def _next_night(project: ProcoreProject) -> datetime:
    """Between two and four in the morning where the company is, each project at its own minute."""
    here = database_now().astimezone(ZoneInfo(project.company.time_zone))
    night = here.replace(hour=NIGHT_HOUR, minute=0, second=0) + timedelta(minutes=project.pk % SPREAD_MINUTES)
    found: datetime = night if night > here else night + timedelta(days=1)
    return found
