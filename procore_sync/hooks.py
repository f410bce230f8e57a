"""The webhooks we keep in Procore: one of the company, one in each project; and changing the secret they bring."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from companies import auditing
from companies.models import User
from procore_sync import reading
from procore_sync.client import Forbidden, NotFound, Procore
from procore_sync.models import ProcoreIntegration, ProcoreProject, secret_sha256

NAMESPACE = "inbuild"
PAYLOAD_VERSION = "v4.0"
EVENTS = ("create", "update", "delete")
OF_PROJECT = {
    reading.SUBCONTRACTOR_INVOICES: "Draw Requests",
    reading.DIRECT_COSTS: "Direct Costs",
    reading.DIRECT_COST_LINES: "Direct Cost Line Items",
}
OF_COMPANY = {reading.PROJECTS: "Projects"}
OLD_SECRET_STAYS = timedelta(hours=24)
# The masked header ends with this many letters of the real one. Procore: webhooks.
SHOWN_LETTERS = 5

Triggers = frozenset[tuple[str, str]]


class CannotRotate(Exception):
    """The text says why the secret cannot be changed now."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What may be subscribed to at one level, in Procore's own spelling, and the names it lacks."""

    triggers: Triggers
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A hook of ours as it now stands; `was_deaf` when it cannot have told us everything."""

    hook_id: str
    secret_sha256: str
    was_deaf: bool


def catalogue(procore: Procore, project_id: int | None) -> Catalogue:
    """The names for v4.0 are not documented, so they are read from Procore and not assumed."""
    wanted = OF_COMPANY if project_id is None else OF_PROJECT
    found = {
        str(row.get("name")).lower(): row
        for row in procore.webhook_resources(project_id, PAYLOAD_VERSION)
        if isinstance(row.get("name"), str)
    }
    triggers = {(str(found[name]["name"]), event) for name in wanted if name in found for event in _events(found[name])}
    return Catalogue(frozenset(triggers), tuple(label for name, label in wanted.items() if name not in found))


def _events(row: Mapping[str, Any]) -> list[str]:
    actions = row.get("actions")
    offered = {str(action).lower() for action in actions} if isinstance(actions, list) else set(EVENTS)
    return [event for event in EVENTS if event in offered]


def keep(procore: Procore, integration: ProcoreIntegration, project: ProcoreProject | None, triggers: Triggers) -> Kept:
    """Our one hook of this project, or of the company: made, mended, given our secret; any second one is removed."""
    project_id = project.procore_id if project else None
    known_id = project.hook_id if project else integration.company_hook_id
    known_secret = project.hook_secret_sha256 if project else integration.company_hook_secret_sha256
    ours = _ours(procore, integration, project_id, known_id)
    for extra in ours[1:]:
        with suppress(NotFound):
            procore.delete_hook(project_id, str(extra["id"]))
    secret, body = integration.hook_secret_sha256, _body(integration)
    if not ours:
        hook_id = str(procore.create_hook(project_id, body)["id"])
        _subscribe(procore, project_id, hook_id, triggers)
        return Kept(hook_id, secret, was_deaf=bool(known_id))
    hook, hook_id = ours[0], str(ours[0]["id"])
    is_active = str(hook.get("status") or "active").lower() == "active"
    if not is_active or known_secret != secret or not _is_as_sent(hook, body):
        procore.update_hook(project_id, hook_id, body | {"status": "active"})
    subscribed = _subscribe(procore, project_id, hook_id, triggers)
    return Kept(hook_id, secret, was_deaf=bool(known_id) and (not is_active or subscribed))


def remove(procore: Procore, integration: ProcoreIntegration, project: ProcoreProject | None) -> None:
    """Every hook of ours in this project, or of the company."""
    project_id = project.procore_id if project else None
    known_id = project.hook_id if project else integration.company_hook_id
    for hook in _ours(procore, integration, project_id, known_id):
        with suppress(NotFound):
            procore.delete_hook(project_id, str(hook["id"]))


def give_secret(procore: Procore, integration: ProcoreIntegration, project: ProcoreProject) -> dict[str, str]:
    """For a closed project: its hook gets the current secret, and none is made. Returns what is to be written."""
    try:
        ours = _ours(procore, integration, project.procore_id, project.hook_id)
    except (Forbidden, NotFound):
        ours = []  # nothing can be read there any more, so nothing need be told
    for hook in ours:
        procore.update_hook(project.procore_id, str(hook["id"]), _body(integration))
    if not ours:
        return {"hook_id": "", "hook_secret_sha256": ""}
    return {"hook_id": str(ours[0]["id"]), "hook_secret_sha256": integration.hook_secret_sha256}


def discarded(procore: Procore, project: ProcoreProject, since: date) -> bool:
    """Did Procore give up on a delivery that tells of something after our last comparison?"""
    for row in procore.discarded_deliveries(project.procore_id, project.hook_id, since):
        payload = row.get("payload")
        at = reading.a_moment(payload.get("timestamp")) if isinstance(payload, dict) else None
        # An hour, because one time is by Procore's clock and the other by ours.
        if at is None or project.compared_at is None or at > project.compared_at - timedelta(hours=1):
            return True
    return False


def _ours(
    procore: Procore, integration: ProcoreIntegration, project_id: int | None, known_id: str
) -> list[Mapping[str, Any]]:
    """Those that call our address, whatever its host was when they were made; the one we know of first."""
    found = [
        hook
        for hook in procore.hooks(project_id, NAMESPACE)
        if str(integration.hook_key) in str(hook.get("destination_url"))
    ]
    return sorted(found, key=lambda hook: str(hook.get("id")) != known_id)


def _body(integration: ProcoreIntegration) -> dict[str, Any]:
    return {
        "payload_version": PAYLOAD_VERSION,
        "namespace": NAMESPACE,
        "destination_url": f"{settings.PUBLIC_URL}/hooks/procore/{integration.hook_key}/",
        "destination_headers": {"Authorization": authorization(integration.hook_secret)},
    }


def _is_as_sent(hook: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    headers = hook.get("destination_headers")
    shown = headers.get("Authorization") if isinstance(headers, dict) else None
    ours = str(body["destination_headers"]["Authorization"])
    return all(hook.get(name) == body[name] for name in ("payload_version", "destination_url")) and (
        not isinstance(shown, str) or shown[-SHOWN_LETTERS:] == ours[-SHOWN_LETTERS:]
    )


def _subscribe(procore: Procore, project_id: int | None, hook_id: str, triggers: Collection[tuple[str, str]]) -> bool:
    """Add the triggers that are missing; was there any?"""
    there = {
        (str(trigger.get("resource_name")).lower(), str(trigger.get("event_type")).lower())
        for trigger in procore.triggers(project_id, hook_id)
    }
    lacking = [(name, event) for name, event in sorted(triggers) if (name.lower(), event) not in there]
    if lacking:
        body = [{"resource_name": name, "event_type": event} for name, event in lacking]
        procore.create_triggers(project_id, hook_id, body)
    return bool(lacking)


# --- the secret ----------------------------------------------------------------------------------------------------
def authorization(secret: str) -> str:
    """The value Procore sends with every delivery, letter for letter."""
    return f"Bearer {secret}"


def new_secret() -> dict[str, str]:
    """The fields of a fresh secret."""
    secret = secrets.token_urlsafe(32)
    return {"hook_secret": secret, "hook_secret_sha256": secret_sha256(authorization(secret).encode())}


def rotate(integration: ProcoreIntegration, *, user: User) -> None:
    """Make another secret the current one. The old one is accepted until every hook has the new one, and a day more.

    Raises CannotRotate. The hooks are given it by the check, which finishes what a crash left undone.
    """
    with transaction.atomic():
        row = ProcoreIntegration.objects.select_for_update(no_key=True).get(pk=integration.pk)
        if not row.is_active:
            raise CannotRotate("Connect Procore first.")
        if row.previous_hook_secret_sha256:
            # A third secret would shut out deliveries that still bring the first.
            raise CannotRotate(_still_rotating(row))
        ProcoreIntegration.objects.filter(pk=row.pk).update(
            **new_secret(),
            previous_hook_secret_sha256=row.hook_secret_sha256,
            previous_hook_secret_until=None,
        )
        auditing.record(row.company_id, "procore.secret_rotated", row, "Webhook secret rotated", user=user)
        row.check_soon()


def _still_rotating(row: ProcoreIntegration) -> str:
    if row.previous_hook_secret_until is not None:
        return "The secret was changed within the last day. Try again tomorrow."
    behind = behind_with_secret(row).first()
    where = f" {behind} still brings the old one." if behind else ""
    return f"The last change of the secret is still under way.{where} Press Test connection."


def behind_with_secret(integration: ProcoreIntegration) -> Any:
    """Projects, closed ones too, whose hook was not given the current secret yet."""
    rows = ProcoreProject.objects.filter(integration=integration).exclude(hook_id="")
    return rows.filter(~Q(hook_secret_sha256=integration.hook_secret_sha256)).order_by("number", "name", "pk")


def settle_rotation(integration: ProcoreIntegration) -> None:
    """Once every hook has the new secret, begin the last day of the old one; after that day, forget it."""
    rows = ProcoreIntegration.objects.filter(pk=integration.pk).exclude(previous_hook_secret_sha256="")
    rows.filter(previous_hook_secret_until__lt=Now()).update(
        previous_hook_secret_sha256="", previous_hook_secret_until=None
    )
    fresh = rows.filter(previous_hook_secret_until=None).first()
    if fresh is None or behind_with_secret(fresh).exists():
        return
    if fresh.company_hook_id and fresh.company_hook_secret_sha256 != fresh.hook_secret_sha256:
        return
    rows.filter(hook_secret_sha256=fresh.hook_secret_sha256).update(previous_hook_secret_until=Now() + OLD_SECRET_STAYS)
