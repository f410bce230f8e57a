"""Control API of the whole emulator: ledger, events, clients, reset. Not part of Procore."""

from __future__ import annotations

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

    @api.post("/keep")
    def keep() -> ResponseReturnValue:
        """Remember every object under {"name"}, until the process ends; nothing else of the world is remembered."""
        emulation.storage.keep(_name())
        return jsonify({"name": _name()})

    @api.post("/bring_back")
    def bring_back() -> ResponseReturnValue:
        """Have the objects kept under {"name"} instead of those of now."""
        with emulation.ledger.writing():
            if not emulation.storage.keeps(_name()):
                return jsonify({"error": "nothing is kept under this name"}), 404
            emulation.storage.clear()
            emulation.storage.bring_back(_name())
            emulation.ledger.append("brought_back", _name())
        return jsonify({"name": _name()})

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


def _name() -> str:
    return str((request.get_json(silent=True) or {}).get("name", ""))
