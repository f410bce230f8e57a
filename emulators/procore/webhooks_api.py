"""Webhook set-up over REST v2.0, for a company and for a project.

Procore: ids are text, bodies have a data envelope, the Authorization header is masked (reference 1.2).
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError, project_parameter
from emulators.procore.emulation import Emulation
from emulators.procore.event_bodies import FORMATS
from emulators.procore.hooks import HookRefused, masked
from emulators.procore.paging import paged_v2

_SCOPES = ("/rest/v2.0/companies/<company_id>", "/rest/v2.0/companies/<company_id>/projects/<project_id>")
# The filter says succeeded where the answer says delivered (reference 1.2).
_STATUS_FILTER = {"succeeded": "delivered", "failed": "retrying"}


def webhooks_v2(emulation: Emulation) -> Blueprint:
    api = Blueprint("webhooks_v2", __name__)
    for number, scope in enumerate(_SCOPES):
        _add_hooks(api, emulation, f"{scope}/webhooks/hooks", str(number))
        _add_triggers(api, emulation, f"{scope}/webhooks/hooks/<int:hook_id>/triggers", str(number))
        _add_reports(api, emulation, f"{scope}/webhooks", str(number))

    @api.errorhandler(HookRefused)
    def refused(error: HookRefused) -> Response:
        return ApiError(400, f"{error.field} {error}", field=error.field).response()

    return api


def _add_hooks(api: Blueprint, emulation: Emulation, address: str, suffix: str) -> None:
    def hooks(company_id: str, project_id: str | None = None) -> ResponseReturnValue:
        project = _project(emulation, project_id)
        if request.method == "POST":
            hook = emulation.hooks.create(g.company_id, project, _object(), g.token["user_id"])
            return jsonify({"data": _shown(emulation, hook)}), 201
        found = emulation.hooks.every(g.company_id, project)
        for name in ("namespace", "payload_version"):
            if name in request.args:
                found = [hook for hook in found if hook[name] == request.args[name]]
        return paged_v2(emulation, [_shown(emulation, hook) for hook in found])

    def hook(hook_id: int, company_id: str, project_id: str | None = None) -> ResponseReturnValue:
        row = _hook(emulation, hook_id, project_id)
        if request.method == "DELETE":
            emulation.hooks.delete(hook_id)
            return Response(status=204)
        if request.method == "PATCH":
            row = emulation.hooks.change(hook_id, _object())
        return jsonify({"data": _shown(emulation, row)})

    api.add_url_rule(address, f"hooks{suffix}", hooks, methods=["GET", "POST"])
    api.add_url_rule(f"{address}/<int:hook_id>", f"hook{suffix}", hook, methods=["GET", "PATCH", "DELETE"])


def _add_triggers(api: Blueprint, emulation: Emulation, address: str, suffix: str) -> None:
    def triggers(hook_id: int, company_id: str, project_id: str | None = None) -> ResponseReturnValue:
        row = _hook(emulation, hook_id, project_id)
        if request.method == "POST":
            return jsonify({"data": _trigger(row, emulation.hooks.add_trigger(row, _object()))}), 201
        return paged_v2(emulation, [_trigger(row, trigger) for trigger in emulation.hooks.triggers(hook_id)])

    def bulk(hook_id: int, company_id: str, project_id: str | None = None) -> ResponseReturnValue:
        row = _hook(emulation, hook_id, project_id)
        wanted = request.get_json(silent=True)
        if not isinstance(wanted, list) or len(wanted) > 500:
            raise ApiError(400, "The body is not a list of at most 500 elements")
        if request.method == "POST":
            return _bulk_added(emulation, row, wanted)
        gone = [str(t) for t in wanted if emulation.hooks.delete_trigger(hook_id, t)]
        failed = [str(t) for t in wanted if str(t) not in gone]
        answer: dict[str, Any] = {"succeeded": gone}
        if failed:
            answer["failed"] = failed
        return jsonify({"data": answer}), 207 if failed else 200

    def one(hook_id: int, trigger_id: int, company_id: str, project_id: str | None = None) -> ResponseReturnValue:
        _hook(emulation, hook_id, project_id)
        if not emulation.hooks.delete_trigger(hook_id, trigger_id):
            raise ApiError(404, "Not Found")
        return Response(status=204)

    api.add_url_rule(address, f"triggers{suffix}", triggers, methods=["GET", "POST"])
    api.add_url_rule(f"{address}/bulk", f"bulk{suffix}", bulk, methods=["POST", "DELETE"])
    api.add_url_rule(f"{address}/<int:trigger_id>", f"trigger{suffix}", one, methods=["DELETE"])


def _bulk_added(emulation: Emulation, hook: sqlite3.Row, wanted: list[Any]) -> ResponseReturnValue:
    added: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for one in wanted:
        try:
            added.append(_trigger(hook, emulation.hooks.add_trigger(hook, one)))
        except HookRefused as error:
            failed.append({"trigger": one, "message": f"{error.field} {error}"})
    if not failed:
        return jsonify({"data": added}), 201
    return jsonify({"data": added, "errors": failed}), 207


def _add_reports(api: Blueprint, emulation: Emulation, address: str, suffix: str) -> None:
    def resources(company_id: str, project_id: str | None = None) -> ResponseReturnValue:
        version = request.args.get("payload_version", "")
        if version not in FORMATS:
            raise ApiError(400, "payload_version is missing or invalid", field="payload_version")
        rows = [
            {"category": "", "tool": name, "name": name, "payload_version": version, "actions": list(actions)}
            for name, actions in emulation.hooks.catalogue(_project(emulation, project_id)).items()
        ]
        return paged_v2(emulation, rows)

    def deliveries(hook_id: int, company_id: str, project_id: str | None = None) -> ResponseReturnValue:
        _hook(emulation, hook_id, project_id)
        rows = emulation.ledger.query(
            "SELECT * FROM delivery WHERE hook_id = ? AND status != 'dropped' ORDER BY id DESC LIMIT 2000", (hook_id,)
        )
        chosen = [row for row in rows if _wanted(row)]
        return paged_v2(emulation, [_delivery(emulation, row) for row in chosen])

    api.add_url_rule(f"{address}/resources", f"resources{suffix}", resources)
    api.add_url_rule(f"{address}/hooks/<int:hook_id>/deliveries", f"deliveries{suffix}", deliveries)


def _wanted(row: sqlite3.Row) -> bool:
    status = request.args.get("filter[status]")
    if status and row["status"] != _STATUS_FILTER.get(status, status):
        return False
    for name in ("resource_name", "event_type"):
        value = request.args.get(f"filter[{name}]")
        if value and row[name] != value:
            return False
    start, end = request.args.get("filter[start]", ""), request.args.get("filter[end]", "9999")
    return bool(start <= row["enqueued_at"][:10] <= end)


def _delivery(emulation: Emulation, row: sqlite3.Row) -> dict[str, Any]:
    attempts = emulation.ledger.query("SELECT * FROM attempt WHERE delivery_id = ? ORDER BY id", (row["id"],))
    return {
        "id": row["event_id"],
        "status": row["status"],
        "payload": json.loads(row["body"]) if row["resource_name"] != "raw" else row["body"],
        "delivery_attempts": [
            {
                "outcome": attempt["outcome"],
                "started_at": attempt["started_at"],
                "completed_at": attempt["completed_at"],
                "response_status": attempt["response_status"],
                "response_body": attempt["response_body"],
                "response_error": attempt["response_error"],
                "response_headers": json.loads(attempt["response_headers"]),
            }
            for attempt in attempts
        ],
    }


def _project(emulation: Emulation, project_id: str | None) -> int | None:
    return None if project_id is None else project_parameter(emulation, project_id)


def _hook(emulation: Emulation, hook_id: int, project_id: str | None) -> sqlite3.Row:
    project = _project(emulation, project_id)
    row = emulation.hooks.find(hook_id)
    if row is None or row["company_id"] != g.company_id or row["project_id"] != project:
        raise ApiError(404, "Not Found")
    return row


def _object() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, "The body is not a JSON object")
    return body


def _shown(emulation: Emulation, hook: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": str(hook["id"]),
        "status": hook["status"],
        "payload_version": hook["payload_version"],
        "namespace": hook["namespace"],
        "destination_url": hook["destination_url"],
        "destination_headers": {"Authorization": masked(hook["authorization"])} if hook["authorization"] else {},
        "trigger_count": len(emulation.hooks.triggers(hook["id"])),
        "company_id": str(hook["company_id"]),
        "project_id": None if hook["project_id"] is None else str(hook["project_id"]),
        "created_at": hook["created_at"],
        "updated_at": hook["updated_at"],
    }


def _trigger(hook: sqlite3.Row, trigger: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": str(trigger["id"]),
        "webhook_hook_id": str(trigger["hook_id"]),
        "resource_name": trigger["resource_name"],
        "event_type": trigger["event_type"],
        "company_id": str(hook["company_id"]),
        "project_id": None if hook["project_id"] is None else str(hook["project_id"]),
    }
