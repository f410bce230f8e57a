"""Keeps a connection whole: the look at sign-in, projects, hooks and permissions, once a day and when asked.

A look is a round over all projects, done in stretches of some seconds, so that a company with hundreds of projects
holds up nobody and a crash costs one project. `check_started_at` says when the round began; a project is done when its
`checked_at` is later. What was asked for meanwhile moves `next_at`, and the next round begins at once.
"""

from __future__ import annotations

import time
from datetime import UTC, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Least, Now

from inbuild.queue import backoff, database_now, mine, ring
from procore_sync import hooks, projects, steps, vendors
from procore_sync.bells import SWEEP_DUE
from procore_sync.client import Forbidden, Procore, ProcoreError, Refused, SignInRefused, Unavailable
from procore_sync.importing import Taken
from procore_sync.models import ProcoreIntegration, ProcoreProject
from procore_sync.steps import Step

STRETCH_SECONDS = 15.0
DAY = timedelta(days=1)
SOON = timedelta(minutes=15)
# Procore discards after twelve hours, so what it discarded since the last look was sent up to a day before.
LOOK_BACK = timedelta(days=1)
SILENT_IN_A_ROW = 3


def check(integration: ProcoreIntegration) -> None:
    """One stretch of the round that is due. Raises Taken when somebody else has taken the row meanwhile."""
    procore = Procore(integration, "check", urgent=False)
    try:
        if integration.check_started_at is None:
            _begin(integration, procore)
        done = _look_at_projects(integration, procore)
    except ProcoreError as exc:
        _put_off(integration, exc)
        return
    if done:
        _finish(integration)
    else:
        mine(integration).update(lease_until=None)


# --- the beginning of a round ----------------------------------------------------------------------------------------
def _begin(integration: ProcoreIntegration, procore: Procore) -> None:
    """Sign-in, company, list of projects, company hook; `check_started_at` is set when these are done."""
    started = database_now()
    me = _signed_in(integration, procore)
    _note(integration, steps.sign_in(integration, me))
    name = _company_name(integration, procore)
    _note(integration, steps.company(integration, name))
    if name is None:
        raise Refused(steps.NO_COMPANY)
    known = projects.remember(integration, procore)
    _note(integration, steps.listed(known))
    vendors.learn_again(integration)
    _keep_company_hook(integration, procore)
    still_ours(integration, check_started_at=started, procore_company_name=name, **steps.own_user(me))
    integration.check_started_at = started


def _signed_in(integration: ProcoreIntegration, procore: Procore) -> Any:
    still_ours(integration, steps=[])
    integration.steps = []
    try:
        me = procore.me()
    except Forbidden as exc:
        # The token is good: the app is not installed in the company (any more).
        raise Refused(steps.NOT_IN_COMPANY) from exc
    integration.works_again()
    return me


def _company_name(integration: ProcoreIntegration, procore: Procore) -> str | None:
    found = {row.get("id"): str(row.get("name") or "")[:255] for row in procore.companies()}
    return found.get(integration.procore_company_id)


def _keep_company_hook(integration: ProcoreIntegration, procore: Procore) -> None:
    """It tells of new and changed projects. Without it they are noticed once a day."""
    facts: dict[str, Any] = {"company_hook_problem": ""}
    try:
        found = hooks.catalogue(procore, None)
        if found.missing:
            facts["company_hook_problem"] = steps.NO_PROJECTS_RESOURCE
        else:
            kept = hooks.keep(procore, integration, None, found.triggers)
            facts |= {"company_hook_id": kept.hook_id, "company_hook_secret_sha256": kept.secret_sha256}
    except (SignInRefused, Unavailable):
        raise
    except ProcoreError as exc:
        facts["company_hook_problem"] = steps.why_no_hook(integration, None, exc)[:300]
    still_ours(integration, **facts)
    for name, value in facts.items():
        setattr(integration, name, value)


# --- the projects ----------------------------------------------------------------------------------------------------
def _look_at_projects(integration: ProcoreIntegration, procore: Procore) -> bool:
    """As many as a stretch allows; True when none is left. One that fails does not stop the others."""
    until, silent, catalogues = time.monotonic() + STRETCH_SECONDS, 0, _Catalogues(integration, procore)
    while (project := _next(integration)) is not None:
        still_ours(integration)
        facts: dict[str, Any] = {"hook_problem": ""}
        try:
            facts |= _looked_at(integration, procore, project, catalogues)
            silent = 0
        except Unavailable as exc:
            silent += 1
            if exc.is_pacing or silent == SILENT_IN_A_ROW:
                raise
            facts["hook_problem"] = str(exc)[:300]
            _note(integration, steps.no_answer(project))
        except SignInRefused:
            raise
        except ProcoreError as exc:
            facts["hook_problem"] = steps.why_no_hook(integration, project, exc)[:300]
        ProcoreProject.objects.filter(pk=project.pk).update(**facts, checked_at=Now())
        if "compare_due_at" in facts:
            ring(SWEEP_DUE, project.company_id)
        if time.monotonic() > until:
            return False
    return True


def _looked_at(
    integration: ProcoreIntegration, procore: Procore, project: ProcoreProject, catalogues: _Catalogues
) -> dict[str, Any]:
    """What is to be written about one project. Raises ProcoreError."""
    if not project.is_open:
        return hooks.give_secret(procore, integration, project)
    # One trial read, because Procore may list a project whose invoices it does not show.
    try:
        procore.try_reading_invoices(project.procore_id)
    except Forbidden:
        # Asking for more would only be refused as well.
        return {"problem": steps.not_permitted(integration, project)[:300]}
    return {"problem": ""} | _hooked(integration, procore, project, catalogues.of(project).triggers)


class _Catalogues:
    """Procore's list of webhook resources, the same for every project: asked once a stretch."""

    def __init__(self, integration: ProcoreIntegration, procore: Procore) -> None:
        self._integration, self._procore = integration, procore
        self._found: hooks.Catalogue | None = None

    def of(self, project: ProcoreProject) -> hooks.Catalogue:
        if self._found is None:
            self._found = hooks.catalogue(self._procore, project.procore_id)
            _note(self._integration, steps.resources(self._found.missing))
        return self._found


def _next(integration: ProcoreIntegration) -> ProcoreProject | None:
    """The next one of this round: open ones, and closed ones whose hook still brings an older secret."""
    rows = ProcoreProject.objects.filter(integration=integration).filter(
        Q(checked_at=None) | Q(checked_at__lt=integration.check_started_at)
    )
    behind = ~Q(hook_id="") & ~Q(hook_secret_sha256=integration.hook_secret_sha256)
    return rows.filter(Q(is_open=True) | behind).order_by("pk").first()


def _hooked(
    integration: ProcoreIntegration, procore: Procore, project: ProcoreProject, triggers: hooks.Triggers
) -> dict[str, Any]:
    if not triggers:
        return {}
    kept = hooks.keep(procore, integration, project, triggers)
    facts: dict[str, Any] = {"hook_id": kept.hook_id, "hook_secret_sha256": kept.secret_sha256}
    lost = kept.was_deaf or (
        project.checked_at is not None
        and kept.hook_id == project.hook_id
        and hooks.discarded(procore, project, (project.checked_at - LOOK_BACK).astimezone(UTC).date())
    )
    # What was not told is found by comparing.
    return facts | ({"compare_due_at": Now(), "next_at": Now()} if lost else {})


# --- the end of a round ----------------------------------------------------------------------------------------------
def _finish(integration: ProcoreIntegration) -> None:
    hooks.settle_rotation(integration)
    rows = list(ProcoreProject.objects.filter(integration=integration, is_open=True).order_by("number", "name", "pk"))
    _note(integration, steps.hooked(integration, rows))
    _note(integration, steps.permitted(rows))
    if any(step["name"] == steps.NO_ANSWER for step in integration.steps):
        _end(integration, min(DAY, SOON * 2 ** min(integration.failures, 10)), failed=True)
    else:
        _end(integration, DAY)


def _put_off(integration: ProcoreIntegration, why: ProcoreError) -> None:
    if isinstance(why, Unavailable) and why.is_pacing:
        # The round goes on where it was; the lease keeps others from it until then.
        mine(integration).update(lease_until=Now() + why.wait)
        return
    if isinstance(why, SignInRefused):
        integration.needs_reconnect(str(why))
    if not any(step["state"] == "bad" for step in integration.steps):
        _note(integration, steps.broken_off(integration.steps, str(why)))
    if isinstance(why, Unavailable):
        _end(integration, max(why.wait, backoff(integration.failures), timedelta(minutes=1)), failed=True)
    else:
        _end(integration, DAY)


def _end(integration: ProcoreIntegration, wait: timedelta, *, failed: bool = False) -> None:
    facts: dict[str, Any] = {
        "check_started_at": None,
        "checked_at": Now(),
        "check_result": steps.summary(integration.steps)[:500],
        "lease_until": None,
        "failures": Least(F("failures") + 1, 1000) if failed else 0,
    }
    # Asked for again after the round began: then it stays due.
    begun = integration.check_started_at or integration.next_at
    if not mine(integration).filter(next_at__lte=begun).update(**facts, next_at=Now() + wait):
        still_ours(integration, **facts)


# --- the row ---------------------------------------------------------------------------------------------------------
def still_ours(integration: ProcoreIntegration, **facts: Any) -> None:
    """Renew the lease and write; raises Taken when another worker, or a new connection, has taken the row."""
    facts.setdefault("lease_until", Now() + timedelta(seconds=settings.IMPORT_LEASE_SECONDS))
    if not mine(integration).update(**facts):
        raise Taken


def _note(integration: ProcoreIntegration, step: Step) -> None:
    """Write down how one step ended, so that the page shows it while the rest goes on."""
    kept = [each for each in integration.steps if each["name"] != step["name"]]
    integration.steps = [*kept, step]
    still_ours(integration, steps=integration.steps)
