"""Control API for everything but invoices: ledger, events, deliveries, hooks, clients, reset. Not part of Procore."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.control_direct_costs import short_direct_costs
from emulators.procore.emulation import Emulation
from emulators.procore.invoice_lists import short_rows
from emulators.procore.seeding import seed

_COUNTED = ("project", "vendor", "commitment", "period", "cost_code", "payment", "user")


def control_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("control", __name__, url_prefix="/_emulator")
    _add_ledger(api, emulation)
    _add_webhooks(api, emulation)
    _add_world(api, emulation)
    return api


def _add_ledger(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/ledger")
    def summary() -> ResponseReturnValue:
        """Counts, short invoices and direct costs (deleted ones too).

        ?after= an event id narrows the event counts; invoice filters as in /invoices.
        """
        after = request.args.get("after", default=int(emulation.ledger.setting("begun_at_event", 0)), type=int)
        wanted = {key: value for key, value in request.args.items() if key != "after"}
        ledger = emulation.ledger
        counts: dict[str, int] = {
            kind: ledger.value("SELECT COUNT(*) FROM document WHERE kind = ?", (kind,)) for kind in _COUNTED
        }
        by_status = ledger.query("SELECT status, COUNT(*) AS n FROM invoice WHERE deleted = 0 GROUP BY status")
        by_company = ledger.query("SELECT company_id, COUNT(*) AS n FROM invoice WHERE deleted = 0 GROUP BY company_id")
        states = ledger.query("SELECT status, COUNT(*) AS n FROM delivery GROUP BY status")
        invoices = short_rows(emulation, wanted)
        scope: dict[str, str] = {name: wanted[name] for name in ("company_id", "project_id") if name in wanted}
        direct_costs = short_direct_costs(emulation, {**scope, "deleted": "true"})
        return jsonify(
            {
                "now": emulation.clock.stamp(),
                "last_event_id": ledger.value("SELECT COALESCE(MAX(id), 0) FROM event"),
                "counts": {**counts, "invoice": len(invoices), "direct_cost": len(direct_costs)},
                "invoices_by_status": {row["status"]: row["n"] for row in by_status},
                "invoices_by_company": {str(row["company_id"]): row["n"] for row in by_company},
                "deliveries_by_status": {row["status"]: row["n"] for row in states},
                "events": ledger.event_counts(after=after),
                "invoices": invoices,
                "direct_costs": direct_costs,
            }
        )

    @api.get("/events")
    def events() -> ResponseReturnValue:
        """The history, oldest first: ?after=&kind=&subject=&limit=; after a reset it begins there by default."""
        begun = int(emulation.ledger.setting("begun_at_event", 0))
        return jsonify(
            emulation.ledger.events(
                after=request.args.get("after", default=begun, type=int),
                kind=request.args.get("kind", ""),
                subject=request.args.get("subject", ""),
                limit=request.args.get("limit", default=1000, type=int),
            )
        )


def _add_webhooks(api: Blueprint, emulation: Emulation) -> None:
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

    @api.get("/hooks")
    def hooks() -> ResponseReturnValue:
        """All hooks with the full Authorization value and their triggers."""
        return jsonify(
            [
                {**dict(hook), "triggers": [dict(trigger) for trigger in emulation.hooks.triggers(hook["id"])]}
                for hook in emulation.hooks.every()
            ]
        )

    @api.post("/webhooks/send")
    def send() -> ResponseReturnValue:
        """Any raw body to a hook: ?hook_id= (default: the first hook); the request body is sent as it is."""
        found = emulation.hooks.every()
        hook_id = request.args.get("hook_id", default=found[0]["id"] if found else 0, type=int)
        if emulation.hooks.find(hook_id) is None:
            return jsonify({"error": "there is no such hook"}), 404
        text = request.get_data().decode("utf-8", "replace")
        return jsonify({"delivery_id": emulation.deliveries.send_raw(hook_id, text)}), 201

    @api.post("/deliveries/<int:delivery_id>/again")
    def again(delivery_id: int) -> ResponseReturnValue:
        """Deliver the same event once more."""
        try:
            emulation.deliveries.send_again(delivery_id)
        except KeyError as error:
            return jsonify({"error": str(error.args[0])}), 404
        return jsonify({}), 201

    @api.post("/quiet")
    def quiet() -> ResponseReturnValue:
        """Wait until the queues are empty: {"timeout": 30, "wake": false}; wake ends running pauses."""
        wanted = request.get_json(silent=True) or {}
        if wanted.get("wake"):
            emulation.deliveries.wake()
        done = emulation.deliveries.quiet(float(wanted.get("timeout", 30)))
        return jsonify({"quiet": done, "pending": emulation.deliveries.pending()}), 200 if done else 504


def _add_world(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/reset")
    def reset() -> ResponseReturnValue:
        """Start over: {"seed": "demo" | "empty"}; switches, faults and clock return to their defaults too."""
        name = (request.get_json(silent=True) or {}).get("seed", "demo")
        if name not in ("demo", "empty"):
            return jsonify({"error": "seed must be demo or empty"}), 400
        with emulation.ledger.writing():
            begun = emulation.ledger.append("reset", name)
            emulation.ledger.set_setting("begun_at_event", begun)
            emulation.storage.clear()
            emulation.switches.reset()
            emulation.engine.remove()
            emulation.clock.move(0)
            emulation.rates.clear()
            emulation.deliveries.weather.begin_again()
            seed(emulation, name)
        return jsonify({"seed": name})

    @api.get("/clients")
    def clients() -> ResponseReturnValue:
        rows = emulation.ledger.query("SELECT * FROM client ORDER BY client_id")
        return jsonify([_client(dict(row)) for row in rows])

    @api.patch("/clients/<client_id>")
    def change_client(client_id: str) -> ResponseReturnValue:
        """permitted_projects (list of ids, or null for all), companies (where the app is connected), secret."""
        wanted = request.get_json(force=True)
        with emulation.ledger.writing() as db:
            for name in ("permitted_projects", "companies"):
                if name in wanted:
                    # The name is one of the two constants above.
                    db.execute(
                        f"UPDATE client SET {name} = ? WHERE client_id = ?",  # noqa: S608
                        (json.dumps(wanted[name]), client_id),
                    )
            if "secret" in wanted:
                db.execute("UPDATE client SET secret = ? WHERE client_id = ?", (wanted["secret"], client_id))
            emulation.ledger.append("client_changed", client_id, {k: v for k, v in wanted.items() if k != "secret"})
        row = emulation.ledger.one("SELECT * FROM client WHERE client_id = ?", (client_id,))
        return (jsonify({"error": "there is no such client"}), 404) if row is None else jsonify(_client(dict(row)))

    @api.post("/tokens/expire")
    def expire() -> ResponseReturnValue:
        """All access tokens are expired at once; refresh tokens stay good."""
        touched = emulation.ledger.execute("UPDATE token SET expires = 0 WHERE revoked = 0")
        return jsonify({"expired": touched})

    @api.get("/objects/<kind>")
    def objects(kind: str) -> ResponseReturnValue:
        """project, vendor, commitment, period, cost_code, user, payment, company; ?company_id=&project_id=."""
        return jsonify(
            emulation.storage.every(
                kind,
                company_id=request.args.get("company_id", type=int),
                project_id=request.args.get("project_id", type=int),
            )
        )


def _client(row: dict[str, Any]) -> dict[str, Any]:
    row.pop("secret")
    return {**row, **{name: json.loads(row[name]) for name in ("companies", "permitted_projects")}}


def _delivery(emulation: Emulation, row: dict[str, Any]) -> dict[str, Any]:
    attempts = emulation.ledger.query("SELECT * FROM attempt WHERE delivery_id = ? ORDER BY id", (row["id"],))
    return {**row, "delivery_attempts": [dict(attempt) for attempt in attempts]}
