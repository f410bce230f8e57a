"""Control API for hooks and deliveries: what they hold, and what may go wrong with them. Not part of Procore."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.control_invoices import body_object, tell_errors
from emulators.procore.emulation import Emulation


def control_hooks_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("control_hooks", __name__, url_prefix="/_emulator")
    tell_errors(api)
    _add_hooks(api, emulation)
    _add_deliveries(api, emulation)
    return api


def _add_hooks(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/hooks")
    def hooks() -> ResponseReturnValue:
        """All hooks with the full Authorization value and their triggers; ?company_id=&project_id=."""
        found = [_hook(emulation, dict(hook)) for hook in emulation.hooks.every()]
        for name in ("company_id", "project_id"):
            if name in request.args:
                found = [hook for hook in found if str(hook[name] or "") == request.args[name]]
        return jsonify(found)

    @api.patch("/hooks/<int:hook_id>")
    def change(hook_id: int) -> ResponseReturnValue:
        """{"status": "disabled" | "active", "destination_url", "payload_version", "namespace"}, as an admin would."""
        emulation.hooks.need(hook_id)
        return jsonify(_hook(emulation, dict(emulation.hooks.change(hook_id, body_object()))))

    @api.delete("/hooks/<int:hook_id>")
    def delete(hook_id: int) -> ResponseReturnValue:
        emulation.hooks.need(hook_id)
        emulation.hooks.delete(hook_id)
        return Response(status=204)

    @api.delete("/hooks/<int:hook_id>/triggers/<int:trigger_id>")
    def delete_trigger(hook_id: int, trigger_id: int) -> ResponseReturnValue:
        if not emulation.hooks.delete_trigger(hook_id, trigger_id):
            raise KeyError(f"there is no trigger {trigger_id}")
        return Response(status=204)

    @api.post("/hooks/<int:hook_id>/discard")
    def discard(hook_id: int) -> ResponseReturnValue:
        """As after 12 h of failures: everything that waits is discarded at once."""
        emulation.hooks.need(hook_id)
        return jsonify({"discarded": emulation.deliveries.flush(hook_id)})


def _add_deliveries(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/deliveries")
    def deliveries() -> ResponseReturnValue:
        """All deliveries with their attempts: ?hook_id=&resource_id=&status=&after=&limit=."""
        clauses, parameters = ["id > ?"], [request.args.get("after", default=0, type=int)]  # type: list[str], list[Any]
        for name in ("hook_id", "resource_id", "status", "event_id"):
            if request.args.get(name):
                clauses.append(f"{name} = ?")
                parameters.append(request.args[name])
        parameters.append(request.args.get("limit", default=5000, type=int))
        # Names are the constants above; every value goes as a parameter.
        sql = f"SELECT * FROM delivery WHERE {' AND '.join(clauses)} ORDER BY id LIMIT ?"  # noqa: S608
        return jsonify([_delivery(emulation, dict(row)) for row in emulation.ledger.query(sql, parameters)])

    @api.post("/webhooks/send")
    def send() -> ResponseReturnValue:
        """Any raw body to a hook: ?hook_id= (default: the first hook); the request body is sent as it is."""
        found = emulation.hooks.every()
        hook_id = request.args.get("hook_id", default=found[0]["id"] if found else 0, type=int)
        emulation.hooks.need(hook_id)
        text = request.get_data().decode("utf-8", "replace")
        return jsonify({"delivery_id": emulation.deliveries.send_raw(hook_id, text)}), 201

    @api.post("/deliveries/<int:delivery_id>/again")
    def again(delivery_id: int) -> ResponseReturnValue:
        """Deliver the same event once more."""
        emulation.deliveries.send_again(delivery_id)
        return jsonify({}), 201

    @api.post("/quiet")
    def quiet() -> ResponseReturnValue:
        """Wait until the queues are empty: {"timeout": 30, "wake": false}; wake ends running pauses."""
        wanted = request.get_json(silent=True) or {}
        if wanted.get("wake"):
            emulation.deliveries.wake()
        done = emulation.deliveries.quiet(float(wanted.get("timeout", 30)))
        return jsonify({"quiet": done, "pending": emulation.deliveries.pending()}), 200 if done else 504


def _hook(emulation: Emulation, hook: dict[str, Any]) -> dict[str, Any]:
    return {**hook, "triggers": [dict(trigger) for trigger in emulation.hooks.triggers(hook["id"])]}


def _delivery(emulation: Emulation, row: dict[str, Any]) -> dict[str, Any]:
    attempts = emulation.ledger.query("SELECT * FROM attempt WHERE delivery_id = ? ORDER BY id", (row["id"],))
    return {**row, "delivery_attempts": [dict(attempt) for attempt in attempts]}
