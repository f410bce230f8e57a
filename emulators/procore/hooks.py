"""Hooks and triggers, and the names one may subscribe to.

Procore: the company list and the project list of resources differ; Draw Requests is only in the project list
(reference 1.4, 1.5, webhook_resources.json).
"""

from __future__ import annotations

import sqlite3
from typing import Any

from emulators.procore.event_bodies import FORMATS, Happening
from emulators.procore.resource_names import COMPANY_RESOURCES, PROJECT_RESOURCES
from emulators.procore.storage import Storage
from emulators.shared.clock import Clock
from emulators.shared.switches import Switches


class HookRefused(Exception):
    """A hook or trigger that Procore would not take; `field` names the culprit."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class Hooks:
    """The hooks of all companies and projects."""

    def __init__(self, storage: Storage, switches: Switches, clock: Clock) -> None:
        self._storage = storage
        self._ledger = storage.ledger
        self._switches = switches
        self._clock = clock

    def catalogue(self, project_id: int | None) -> dict[str, tuple[str, ...]]:
        """Resource names with their event types, for a company (None) or a project."""
        names = dict(COMPANY_RESOURCES if project_id is None else PROJECT_RESOURCES)
        wanted = self._switches["draw_requests_name"]
        if project_id is not None and wanted != "Draw Requests":
            names[wanted] = names.pop("Draw Requests")
        return names

    def create(self, company_id: int, project_id: int | None, wanted: dict[str, Any], user_id: int) -> sqlite3.Row:
        for name in ("payload_version", "namespace", "destination_url"):
            if not wanted.get(name):
                raise HookRefused("is required", name)
        self._check(wanted)
        now = self._clock.stamp()
        hook_id = self._storage.new_id()
        self._ledger.execute(
            "INSERT INTO hook (id, company_id, project_id, status, payload_version, namespace, destination_url,"
            " authorization, user_id, created_at, updated_at) VALUES (?, ?, ?, 'active', ?, ?, ?, ?, ?, ?, ?)",
            (
                hook_id,
                company_id,
                project_id,
                wanted["payload_version"],
                wanted["namespace"],
                wanted["destination_url"],
                (wanted.get("destination_headers") or {}).get("Authorization") or "",
                user_id,
                now,
                now,
            ),
        )
        self._ledger.append("hook_created", hook_id, {"project_id": project_id, "url": wanted["destination_url"]})
        return self.need(hook_id)

    def change(self, hook_id: int, wanted: dict[str, Any]) -> sqlite3.Row:
        """Change any field, also the status: a disabled hook is activated this way (reference 1.2)."""
        self._check(wanted)
        columns = {
            name: str(wanted[name])
            for name in ("payload_version", "namespace", "destination_url", "status")
            if wanted.get(name) is not None
        }
        headers = wanted.get("destination_headers")
        if headers is not None:
            columns["authorization"] = str(headers.get("Authorization") or "")
        columns["updated_at"] = self._clock.stamp()
        with self._ledger.writing() as db:
            for name, value in columns.items():
                # The names are the constants above.
                db.execute(f"UPDATE hook SET {name} = ? WHERE id = ?", (value, hook_id))  # noqa: S608
            self._ledger.append("hook_changed", hook_id, {k: v for k, v in columns.items() if k != "authorization"})
        return self.need(hook_id)

    def delete(self, hook_id: int) -> None:
        with self._ledger.writing() as db:
            db.execute("DELETE FROM hook_trigger WHERE hook_id = ?", (hook_id,))
            db.execute("DELETE FROM hook WHERE id = ?", (hook_id,))
            db.execute(
                "UPDATE delivery SET status = 'discarded' WHERE hook_id = ? AND status IN ('enqueued', 'retrying')",
                (hook_id,),
            )
            self._ledger.append("hook_deleted", hook_id)

    def find(self, hook_id: int) -> sqlite3.Row | None:
        return self._ledger.one("SELECT * FROM hook WHERE id = ?", (hook_id,))

    def need(self, hook_id: int) -> sqlite3.Row:
        found = self.find(hook_id)
        if found is None:
            raise KeyError(f"there is no hook {hook_id}")
        return found

    def every(self, company_id: int | None = None, project_id: int | None = None) -> list[sqlite3.Row]:
        """Hooks of one scope, or all hooks if no company is given."""
        if company_id is None:
            return self._ledger.query("SELECT * FROM hook ORDER BY id")
        return self._ledger.query(
            "SELECT * FROM hook WHERE company_id = ? AND project_id IS ? ORDER BY id", (company_id, project_id)
        )

    def triggers(self, hook_id: int) -> list[sqlite3.Row]:
        return self._ledger.query("SELECT * FROM hook_trigger WHERE hook_id = ? ORDER BY id", (hook_id,))

    def add_trigger(self, hook: sqlite3.Row, wanted: object) -> sqlite3.Row:
        """Subscribe a hook to a resource and event; names outside the catalogue are refused."""
        if not isinstance(wanted, dict):
            raise HookRefused("must be an object", "trigger")
        name, event_type = str(wanted.get("resource_name", "")), str(wanted.get("event_type", "")).lower()
        known = self.catalogue(hook["project_id"])
        if hook["project_id"] is None and self._switches["company_hook_accepts_project_resource"]:
            known = {**self.catalogue(0), **known}
        if name not in known:
            raise HookRefused("is not a resource that webhooks know", "resource_name")
        if event_type not in known[name]:
            raise HookRefused("is not an event of this resource", "event_type")
        existing = self._ledger.one(
            "SELECT * FROM hook_trigger WHERE hook_id = ? AND resource_name = ? AND event_type = ?",
            (hook["id"], name, event_type),
        )
        if existing is not None:
            raise HookRefused("has already been taken", "event_type")
        trigger_id = self._storage.new_id()
        self._ledger.execute(
            "INSERT INTO hook_trigger (id, hook_id, resource_name, event_type) VALUES (?, ?, ?, ?)",
            (trigger_id, hook["id"], name, event_type),
        )
        return self._ledger.query("SELECT * FROM hook_trigger WHERE id = ?", (trigger_id,))[0]

    def delete_trigger(self, hook_id: int, trigger_id: object) -> bool:
        return (
            self._ledger.execute("DELETE FROM hook_trigger WHERE hook_id = ? AND id = ?", (hook_id, str(trigger_id)))
            > 0
        )

    def listening(self, happening: Happening) -> list[sqlite3.Row]:
        """Active hooks with a trigger for this; a hook of a company also hears the projects of the company."""
        return self._ledger.query(
            "SELECT hook.* FROM hook JOIN hook_trigger ON hook_trigger.hook_id = hook.id"
            " WHERE hook.status = 'active' AND hook.company_id = ?"
            " AND (hook.project_id IS NULL OR hook.project_id = ?)"
            " AND hook_trigger.resource_name = ? AND hook_trigger.event_type = ? ORDER BY hook.id",
            (happening.company_id, happening.project_id, happening.resource_name, happening.event_type),
        )

    def _check(self, wanted: dict[str, Any]) -> None:
        version = wanted.get("payload_version")
        if version is not None and version not in FORMATS:
            raise HookRefused(f"must be one of {', '.join(FORMATS)}", "payload_version")
        namespace = wanted.get("namespace")
        # Procore: lower-case letters, digits and dashes (reference 1.2).
        if namespace is not None and not (
            namespace and all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in str(namespace))
        ):
            raise HookRefused("may have lower-case letters, digits and dashes only", "namespace")
        url = wanted.get("destination_url")
        if url is not None and not str(url).startswith(("http://", "https://")):
            raise HookRefused("is not a valid address", "destination_url")
        if wanted.get("status") not in (None, "active", "disabled"):
            raise HookRefused("must be active or disabled", "status")


def masked(authorization: str) -> str:
    """Procore: the header is shown masked to its last five characters."""
    return "*" * max(len(authorization) - 5, 0) + authorization[-5:]
