"""Control API for direct costs: what a person would do in Procore, for scripts. No login; not part of Procore."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.amounts import money
from emulators.procore.control_invoices import actor_of, body_object, silence_of, tell_errors
from emulators.procore.direct_cost_rows import DirectCost
from emulators.procore.direct_costs import split
from emulators.procore.emulation import Emulation
from emulators.procore.seeding import COMPANY

_DICE = random.Random(78)
_DICE_LOCK = threading.Lock()
_FILTERS = {"company_id": "company_id", "project_id": "project_id", "vendor_id": "vendor_id"} | {
    "status": "status",
    "type": "kind",
    "invoice_number": "invoice_number",
    "id": "id",
}


def control_direct_costs_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("control_direct_costs", __name__, url_prefix="/_emulator")
    tell_errors(api)
    _add_making(api, emulation)
    _add_changing(api, emulation)
    return api


def _add_making(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/direct_costs")
    def direct_costs() -> ResponseReturnValue:
        """Filters: id, company_id, project_id, vendor_id, status, type, invoice_number, deleted=true."""
        return jsonify(short_direct_costs(emulation, request.args))

    @api.post("/direct_costs")
    def make() -> ResponseReturnValue:
        cost = make_direct_cost(emulation, body_object())
        return jsonify(one_short_direct_cost(emulation, cost.id)), 201

    @api.post("/direct_costs/bulk")
    def make_many() -> ResponseReturnValue:
        wanted = body_object()
        total = int(wanted.pop("count", 1))
        with emulation.ledger.writing():
            made = [make_direct_cost(emulation, wanted, place) for place in range(total)]
        return jsonify([one_short_direct_cost(emulation, cost.id) for cost in made]), 201


def _add_changing(api: Blueprint, emulation: Emulation) -> None:
    def change(direct_cost_id: int, wanted: dict[str, Any]) -> None:
        cost = emulation.direct_costs.need(direct_cost_id)
        actor = actor_of(emulation, wanted.pop("by", None), cost.company_id)
        silence = silence_of(emulation, wanted)
        emulation.direct_costs.edit(direct_cost_id, wanted, actor, emit=silence.emit, touch=silence.touch)

    @api.post("/direct_costs/status")
    def many_statuses() -> ResponseReturnValue:
        """{"ids": [...], "status": "approved"}."""
        wanted = body_object()
        ids = [int(one) for one in wanted.pop("ids")]
        with emulation.ledger.writing():
            for direct_cost_id in ids:
                change(direct_cost_id, dict(wanted))
        return jsonify([one_short_direct_cost(emulation, direct_cost_id) for direct_cost_id in ids])

    @api.post("/direct_costs/<int:direct_cost_id>/status")
    @api.patch("/direct_costs/<int:direct_cost_id>")
    def edit(direct_cost_id: int) -> ResponseReturnValue:
        """Header fields of the API, status, mismatch; by, emit, quiet."""
        change(direct_cost_id, body_object())
        return jsonify(one_short_direct_cost(emulation, direct_cost_id))

    @api.patch("/direct_costs/<int:direct_cost_id>/lines")
    def edit_lines(direct_cost_id: int) -> ResponseReturnValue:
        """{"lines": [{"id", "amount", ...}, {"amount", ...}, {"id", "_remove": true}]}: change, add, take away."""
        wanted = body_object()
        wanted["line_items"] = wanted.pop("lines")
        change(direct_cost_id, wanted)
        return jsonify(one_short_direct_cost(emulation, direct_cost_id))

    @api.delete("/direct_costs/<int:direct_cost_id>")
    def delete(direct_cost_id: int) -> ResponseReturnValue:
        cost = emulation.direct_costs.need(direct_cost_id)
        silence = silence_of(emulation, request.args.to_dict())
        emulation.direct_costs.delete(direct_cost_id, actor_of(emulation, None, cost.company_id), emit=silence.emit)
        return Response(status=204)


def make_direct_cost(emulation: Emulation, options: Mapping[str, Any], place: int = 0) -> DirectCost:
    """From the wishes of the control API or the web page; whatever is not said is made up."""
    wanted = dict(options)
    silence = silence_of(emulation, wanted)
    project_id = _project_id(emulation, wanted, place)
    company_id = int(emulation.storage.company_of("project", project_id) or COMPANY)
    actor = actor_of(emulation, wanted.pop("created_by", None), company_id)
    wanted["direct_cost_type"] = wanted.pop("type", wanted.get("direct_cost_type", "invoice"))
    attachment = wanted.pop("attachment", None)
    with _DICE_LOCK:
        _make_up(emulation, wanted, project_id, company_id)
    with emulation.ledger.writing():
        cost = emulation.direct_costs.create(project_id, wanted, actor, emit=silence.emit)
        if attachment:
            _attach(emulation, cost, attachment if isinstance(attachment, dict) else {"filename": attachment})
        return cost


def short_direct_costs(
    emulation: Emulation, wanted: Mapping[str, str], *, limit: int = -1, offset: int = 0, newest_first: bool = False
) -> list[dict[str, Any]]:
    where, parameters = conditions(wanted)
    order = "updated_at DESC, id DESC" if newest_first else "id"
    found = emulation.direct_cost_rows.chosen(where, parameters, order=order, limit=limit, offset=offset)
    return [_short(emulation, cost) for cost in found]


def one_short_direct_cost(emulation: Emulation, direct_cost_id: int) -> dict[str, Any]:
    (cost,) = emulation.direct_cost_rows.chosen("id = ?", [direct_cost_id])
    return _short(emulation, cost)


def conditions(wanted: Mapping[str, str]) -> tuple[str, list[Any]]:
    clauses, parameters = ["1 = 1"], []  # type: tuple[list[str], list[Any]]
    if wanted.get("deleted") != "true":
        clauses.append("deleted_at IS NULL")
    for name, column in _FILTERS.items():
        if wanted.get(name):
            values = wanted[name].split(",")
            clauses.append(f"{column} IN ({', '.join('?' * len(values))})")
            parameters += values
    return " AND ".join(clauses), parameters


def _short(emulation: Emulation, cost: DirectCost) -> dict[str, Any]:
    """What a checker needs to know of a direct cost."""
    row = emulation.direct_cost_records.row(cost)
    return {
        "id": cost.id,
        "company_id": cost.company_id,
        "project_id": cost.project_id,
        "invoice_number": cost.invoice_number,
        "vendor_id": cost.vendor_id,
        "vendor_name": row["vendor_name"],
        "status": cost.status,
        "type": cost.kind,
        "grand_total": row["grand_total"],
        "lines_total": str(cost.total),
        "lines": [{name: line[name] for name in ("id", "amount", "tax", "description")} for line in cost.lines],
        "direct_cost_date": row["direct_cost_date"],
        "origin_id": cost.origin_id,
        "created_at": cost.created_at,
        "updated_at": cost.updated_at,
        "approved_at": cost.facts.get("approved_at"),
        "attachments": len(emulation.direct_cost_records.attachments(cost.id)),
        "deleted": cost.deleted_at is not None,
    }


def _project_id(emulation: Emulation, wanted: dict[str, Any], place: int) -> int:
    company_id = int(wanted.pop("company_id", COMPANY))
    project_id = wanted.pop("project_id", None)
    if project_id is not None:
        return int(emulation.storage.need("project", project_id)["id"])
    projects = emulation.storage.every("project", company_id=company_id)
    if not projects:
        raise KeyError("there is no project to put a direct cost on")
    return int(projects[place % len(projects)]["id"])


def _make_up(emulation: Emulation, wanted: dict[str, Any], project_id: int, company_id: int) -> None:
    """A vendor, a number, dates, and lines that add up to the wanted amount."""
    if wanted["direct_cost_type"] == "invoice":
        if "vendor_id" not in wanted:
            vendors = emulation.storage.every("vendor", company_id=company_id)
            wanted["vendor_id"] = _DICE.choice(vendors)["id"] if vendors else None
        wanted.setdefault("invoice_number", f"DC-{emulation.storage.new_id() % 10_000_000}")
    elif wanted["direct_cost_type"] == "payroll" and "employee_id" not in wanted:
        wanted["employee_id"] = actor_of(emulation, None, company_id).user_id
    wanted.setdefault("direct_cost_date", emulation.clock.today())
    wanted.setdefault("received_date", emulation.clock.today())
    wanted.setdefault("description", "Made by the emulator")
    wanted.setdefault("terms", "Net 30")
    wished = wanted.pop("lines", None)
    amount = wanted.pop("amount", None)
    tax = money(wanted.pop("tax", 0))
    if isinstance(wished, list):
        wanted["line_items"] = wished
    elif "line_items" not in wanted:
        total = Decimal(_DICE.randint(5_000, 900_000)) / 100 if amount is None else money(amount) - tax
        codes = emulation.storage.every("cost_code", project_id=project_id)
        parts = split(money(total), int(wished or min(2, max(len(codes), 1))))
        wanted["line_items"] = [
            {
                "amount": str(part),
                "description": f"Line {number}",
                "cost_code_id": codes[number % len(codes)]["id"] if codes else None,
                "tax": str(tax) if number == 1 else "0.00",
            }
            for number, part in enumerate(parts, 1)
        ]


def _attach(emulation: Emulation, cost: DirectCost, wanted: Mapping[str, Any]) -> int:
    filename = wanted.get("filename")
    default = f"{cost.invoice_number or cost.id}.pdf"
    return emulation.invoicing.add_file(
        cost.id, filename if isinstance(filename, str) else default, f"Direct cost {cost.invoice_number or cost.id}"
    )
