"""Which projects inBuild may read: new ones are followed, closed ones are let go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from inbuild.queue import ring
from invoices import recording
from procore_sync import reading
from procore_sync.bells import SWEEP_DUE
from procore_sync.client import Forbidden, NotFound, Procore
from procore_sync.models import ProcoreIntegration, ProcoreProject

CHUNK = 200
# Each project that vanished from the list is asked for by itself; more at once are left for the next look.
ASKED_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Known:
    """How many are permitted, and the open ones that no longer are."""

    permitted: int
    withdrawn: tuple[str, ...]


def remember(integration: ProcoreIntegration, procore: Procore) -> Known:
    """Take over Procore's list of active projects. Raises ProcoreError."""
    listed = {row["id"]: row for row in procore.projects() if _is_usable(row)}
    rows = ProcoreProject.objects.filter(integration=integration)
    _store(integration, listed.values())
    facts = [(row["id"], *_names(row), reading.origin_id(row.get("origin_id"))) for row in listed.values()]
    recording.know_projects(integration.company, integration.environment, facts)
    # A new one, or one that is open again, is compared with Procore at once.
    to_follow = rows.filter(Q(is_open=False) | Q(next_at=None), procore_id__in=listed)
    if to_follow.update(is_open=True, compare_due_at=Now(), next_at=Now()):
        ring(SWEEP_DUE, integration.company_id)
    vanished = rows.filter(is_open=True).exclude(procore_id__in=listed).order_by("checked_at", "pk")
    withdrawn = [project for project in vanished[:ASKED_AT_ONCE] if _is_withdrawn(procore, project)]
    return Known(len(listed), tuple(str(project) for project in withdrawn))


def _is_usable(row: Mapping[str, Any]) -> bool:
    return type(row.get("id")) is int and 0 < row["id"] <= reading.MAX_ID


def _store(integration: ProcoreIntegration, listed: Iterable[Mapping[str, Any]]) -> None:
    rows = []
    for found in listed:
        name, number = _names(found)
        rows.append(
            ProcoreProject(
                company_id=integration.company_id,
                integration=integration,
                procore_id=found["id"],
                name=name,
                number=number,
            )
        )
    ProcoreProject.objects.bulk_create(
        rows,
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["integration", "procore_id"],
        update_fields=["name", "number"],
    )


def _names(row: Mapping[str, Any]) -> tuple[str, str]:
    return reading.text(row.get("name"))[:255], reading.text(row.get("project_number"))[:60]


def _is_withdrawn(procore: Procore, project: ProcoreProject) -> bool:
    """Not in the list any more: closed, deleted, or only no longer permitted? Procore: 403 for the last."""
    try:
        found = procore.project(project.procore_id)
    except Forbidden:
        return True
    except NotFound:
        found = {"active": False}
    if found.get("active") is False:
        closed = {"is_open": False, "problem": "", "hook_problem": "", "direct_costs_problem": "", "next_at": None}
        ProcoreProject.objects.filter(pk=project.pk).update(**closed)
    return False
