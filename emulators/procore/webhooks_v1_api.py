"""Webhook set-up over REST v1.0: the scope is a company_id or a project_id in the query or body.

Procore: api_version instead of payload_version, event types in capitals, integer ids (reference 1.1, 1.2).
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError, connected_company, project_parameter
from emulators.procore.emulation import Emulation
from emulators.procore.hooks import HookRefused, masked
from emulators.procore.paging import whole_number

_TO_FORMAT = {"v2": "v2.0", "v3": "v3.0", "v4": "v4.0", "v2.0": "v2.0", "v3.0": "v3.0", "v4.0": "v4.0"}
_OUTCOMES = {"delivered": "ok", "retrying": "retried", "discarded": "discarded"}
_STATUS_FILTER = {"successful": "delivered", "failing": "retrying", "discarded": "discarded"}


def webhooks_v1(emulation: Emulation) -> Blueprint:
    api = Blueprint("webhooks_v1", __name__, url_prefix="/rest/v1.0/webhooks")
    _add_hooks(api, emulation)
    _add_triggers(api, emulation)
    _add_reports(api, emulation)

    @api.errorhandler(HookRefused)
    def refused(error: HookRefused) -> Response:
        return ApiError(422, str(error), field=error.field).response()

    return api


def _add_hooks(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/hooks")
    def hooks() -> ResponseReturnValue:
        found = emulation.hooks.every(g.company_id, _scope(emulation))
        if "namespace" in request.args:
            found = [hook for hook in found if hook["namespace"] == request.args["namespace"]]
        return jsonify([_shown(hook) for hook in found])

    @api.post("/hooks")
    def add_hook() -> ResponseReturnValue:
        wanted = _translated(_body().get("hook"))
        return jsonify(_shown(emulation.hooks.create(g.company_id, _scope(emulation), wanted, g.token["user_id"]))), 201

    @api.route("/hooks/<int:hook_id>", methods=["GET", "PATCH", "DELETE"])
    def hook(hook_id: int) -> ResponseReturnValue:
        row = _hook(emulation, hook_id)
        if request.method == "DELETE":
            emulation.hooks.delete(hook_id)
            return Response(status=204)
        if request.method == "PATCH":
            row = emulation.hooks.change(hook_id, _translated(_body().get("hook")))
        return jsonify(_shown(row))


def _add_triggers(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/hooks/<int:hook_id>/triggers")
    def triggers(hook_id: int) -> ResponseReturnValue:
        row = _hook(emulation, hook_id)
        return jsonify([_trigger(row, trigger) for trigger in emulation.hooks.triggers(hook_id)])

    @api.post("/hooks/<int:hook_id>/triggers")
    def add_trigger(hook_id: int) -> ResponseReturnValue:
        row = _hook(emulation, hook_id)
        return jsonify(_trigger(row, emulation.hooks.add_trigger(row, _body().get("trigger")))), 201

    @api.post("/hooks/<int:hook_id>/triggers/bulk")
    def bulk(hook_id: int) -> ResponseReturnValue:
        row = _hook(emulation, hook_id)
        wanted = _body().get("triggers")
        if not isinstance(wanted, list):
            raise ApiError(400, "triggers is missing", field="triggers")
        if len(wanted) > 500:
            raise ApiError(413, "Too many triggers")
        added: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for one in wanted:
            try:
                added.append(_trigger(row, emulation.hooks.add_trigger(row, one)))
            except HookRefused as error:
                failed.append({"trigger": one, "errors": {error.field: [str(error)]}})
        answer = {"success": added, **({"failed": failed} if failed else {})}
        return jsonify(answer), 207 if failed else 200

    @api.delete("/hooks/<int:hook_id>/triggers/<int:trigger_id>")
    def delete_trigger(hook_id: int, trigger_id: int) -> ResponseReturnValue:
        _hook(emulation, hook_id)
        if not emulation.hooks.delete_trigger(hook_id, trigger_id):
            raise ApiError(404, "Not Found")
        return Response(status=204)


def _add_reports(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/hooks/<int:hook_id>/deliveries")
    def deliveries(hook_id: int) -> ResponseReturnValue:
        """Paged by page_size and page_start; the filter is spelled in two ways (reference 1.2)."""
        _hook(emulation, hook_id)
        wanted = request.args.get("filters[status]") or request.args.get("filter[status]") or "any"
        rows = emulation.ledger.query(
            "SELECT * FROM delivery WHERE hook_id = ? AND status NOT IN ('dropped', 'enqueued') AND id > ?"
            " AND (? = 'any' OR status = ?) ORDER BY id LIMIT ?",
            (
                hook_id,
                request.args.get("page_start", 0, type=int),
                wanted,
                _STATUS_FILTER.get(wanted, wanted),
                whole_number("page_size", 100),
            ),
        )
        return jsonify([_delivery(emulation, row) for row in rows])

    @api.get("/resources")
    def resources() -> ResponseReturnValue:
        rows = []
        for name, actions in emulation.hooks.catalogue(_scope(emulation)).items():
            row: dict[str, Any] = {"api_version": "v2", "product_category": "", "tools": name, "name": name}
            row["except"] = [word for word in ("create", "update", "delete") if word not in actions]
            rows.append(row | {word: f"{name} {word}" for word in actions})
        return jsonify(rows)

    @api.get("/resources/api_versions")
    def api_versions() -> ResponseReturnValue:
        return jsonify(["v2", "v3", "v4"])


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _scope(emulation: Emulation) -> int | None:
    """The project of the call, or None for the company; one of them must be given."""
    values = {**_body(), **request.args.to_dict()}
    if values.get("project_id"):
        return project_parameter(emulation, values["project_id"])
    if not values.get("company_id"):
        raise ApiError(400, "You must supply either a company_id or project_id")
    if connected_company(emulation, str(values["company_id"])) != g.company_id:
        raise ApiError(403, "You are not permitted to access this company")
    return None


def _translated(wanted: object) -> dict[str, Any]:
    if not isinstance(wanted, dict):
        raise ApiError(400, "hook is missing", field="hook")
    hook = dict(wanted)
    if "api_version" in hook:
        version = str(hook.pop("api_version"))
        hook["payload_version"] = _TO_FORMAT.get(version, version)
    return hook


def _hook(emulation: Emulation, hook_id: int) -> sqlite3.Row:
    project_id = _scope(emulation)
    row = emulation.hooks.find(hook_id)
    if row is None or row["company_id"] != g.company_id or row["project_id"] != project_id:
        raise ApiError(404, "Not Found")
    return row


def _shown(hook: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": hook["id"],
        "api_version": hook["payload_version"].partition(".")[0],
        "destination_headers": {"Authorization": masked(hook["authorization"])} if hook["authorization"] else {},
        "destination_url": hook["destination_url"],
        "owned_by_company_id": hook["company_id"] if hook["project_id"] is None else None,
        "owned_by_project_id": hook["project_id"],
        "owned_by_user_id": hook["user_id"],
        "namespace": hook["namespace"],
    }


def _trigger(hook: sqlite3.Row, trigger: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": trigger["id"],
        "webhook_hook_id": trigger["hook_id"],
        "resource_name": trigger["resource_name"],
        "resource_id": None,
        "event_type": trigger["event_type"].upper(),
        "company_id": hook["company_id"],
        "project_id": hook["project_id"],
        "user_id": None,
    }


def _delivery(emulation: Emulation, row: sqlite3.Row) -> dict[str, Any]:
    last = emulation.ledger.one("SELECT * FROM attempt WHERE delivery_id = ? ORDER BY id DESC LIMIT 1", (row["id"],))
    return {
        "event": json.loads(row["body"]) if row["resource_name"] != "raw" else row["body"],
        "event_id": row["id"],
        "outcome": _OUTCOMES.get(row["status"], "failed"),
        "response_status": None if last is None else last["response_status"],
        "response_body": "" if last is None else last["response_body"],
        "response_error": "" if last is None else last["response_error"],
        "response_headers": {} if last is None else json.loads(last["response_headers"]),
        "started_at": None if last is None else last["started_at"],
        "completed_at": None if last is None else last["completed_at"],
    }
