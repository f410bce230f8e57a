"""Direct costs over REST: list, record, lines, create, change, delete, and the batch change.

Procore: the list has no filter for the status and none for the type (reference 3, oas_direct_costs.json); an unknown
filter does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError, caller, json_body, project_parameter
from emulators.procore.direct_cost_rows import DirectCost
from emulators.procore.emulation import Emulation
from emulators.procore.invoicing import Refused
from emulators.procore.moving_rows import ORDERS, RowMoves
from emulators.procore.paging import filter_list, filter_range, filter_value, page_bounds, paged, with_page_headers
from emulators.procore.requisitions import as_numbers

_LARGEST_BATCH = 1000


def direct_costs_api(emulation: Emulation, moves: RowMoves) -> Blueprint:
    api = Blueprint("direct_costs_api", __name__)
    _add_reading(api, emulation, moves)
    _add_lines(api, emulation)
    _add_writing(api, emulation)
    _add_batch(api, emulation)

    @api.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return ApiError(422, str(error), field=error.field).response()

    return api


def _add_reading(api: Blueprint, emulation: Emulation, moves: RowMoves) -> None:
    @api.get("/rest/v1.1/projects/<int:project_id>/direct_costs")
    @api.get("/rest/v1.0/projects/<int:project_id>/direct_costs")
    def direct_costs(project_id: int) -> ResponseReturnValue:
        where, parameters = _conditions(emulation, project_parameter(emulation, project_id))
        page, per_page = page_bounds(100, int(emulation.switches["largest_page"]))
        order, offset = ORDERS[emulation.switches["list_order"]], (page - 1) * per_page
        total = emulation.direct_cost_rows.count(where, parameters)
        found = emulation.direct_cost_rows.chosen(where, parameters, order=order, limit=per_page + 1, offset=offset)
        found, behind = found[:per_page], found[per_page].id if len(found) > per_page else None
        rows = [emulation.direct_cost_records.row(_seen(emulation, cost)) for cost in found]
        answer = with_page_headers(emulation, jsonify(as_numbers(emulation, rows)), total, page, per_page)
        moves.after_page("direct_costs", page, [cost.id for cost in found], behind, project_id)
        return answer

    @api.get("/rest/v1.1/projects/<int:project_id>/direct_costs/<int:direct_cost_id>")
    @api.get("/rest/v1.0/projects/<int:project_id>/direct_costs/<int:direct_cost_id>")
    def direct_cost(project_id: int, direct_cost_id: int) -> ResponseReturnValue:
        return _shown(emulation, _seen(emulation, _of_project(emulation, project_id, direct_cost_id)))


def _add_lines(api: Blueprint, emulation: Emulation) -> None:
    def answer(costs: Iterable[DirectCost]) -> Response:
        lines = [line for cost in costs for line in emulation.direct_cost_records.listed_lines(_seen(emulation, cost))]
        chosen = [as_numbers(emulation, line) for line in lines if _line_wanted(line)]
        return paged(emulation, sorted(chosen, key=lambda line: int(line["id"])))

    @api.get("/rest/v1.0/projects/<int:project_id>/direct_costs/line_items")
    def all_lines(project_id: int) -> ResponseReturnValue:
        where, parameters = "project_id = ? AND deleted_at IS NULL", [project_parameter(emulation, project_id)]
        wanted = filter_value("direct_cost_id")
        if wanted is not None:
            first, _, last = wanted.partition("...")
            if not first.isdigit() or not (last or first).isdigit():
                raise ApiError(400, "filters[direct_cost_id] is invalid", field="direct_cost_id")
            where, parameters = f"{where} AND id BETWEEN ? AND ?", [*parameters, int(first), int(last or first)]
        return answer(emulation.direct_cost_rows.chosen(where, parameters))

    @api.get("/rest/v1.0/projects/<int:project_id>/direct_costs/<int:direct_cost_id>/line_items")
    def lines_of_one(project_id: int, direct_cost_id: int) -> ResponseReturnValue:
        return answer([_of_project(emulation, project_id, direct_cost_id)])


def _add_writing(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/rest/v1.1/projects/<int:project_id>/direct_costs")
    def create(project_id: int) -> ResponseReturnValue:
        project_parameter(emulation, project_id)
        wanted = _wanted()
        if any("wbs_code_id" not in line for line in wanted.get("line_items") or []):
            raise ApiError(400, "param is missing or the value is empty: wbs_code_id", field="wbs_code_id")
        cost = emulation.direct_costs.create(project_id, wanted, caller(emulation))
        emulation.hold_answer()
        return _shown(emulation, cost), 201

    @api.patch("/rest/v1.1/projects/<int:project_id>/direct_costs/<int:direct_cost_id>")
    def change(project_id: int, direct_cost_id: int) -> ResponseReturnValue:
        _of_project(emulation, project_id, direct_cost_id)
        wanted = {key: value for key, value in _wanted().items() if key not in ("mismatch", "direct_cost_type")}
        return _shown(emulation, emulation.direct_costs.edit(direct_cost_id, wanted, caller(emulation)))

    @api.delete("/rest/v1.1/projects/<int:project_id>/direct_costs/<int:direct_cost_id>")
    @api.delete("/rest/v1.0/projects/<int:project_id>/direct_costs/<int:direct_cost_id>")
    def delete(project_id: int, direct_cost_id: int) -> ResponseReturnValue:
        _of_project(emulation, project_id, direct_cost_id)
        emulation.direct_costs.delete(direct_cost_id, caller(emulation))
        return Response(status=204)


def _add_batch(api: Blueprint, emulation: Emulation) -> None:
    @api.patch("/rest/v1.0/projects/<int:project_id>/direct_costs/sync")
    def sync(project_id: int) -> ResponseReturnValue:
        """Procore: always 200 with entities and errors (reference 5)."""
        project_parameter(emulation, project_id)
        updates = json_body().get("updates")
        if not isinstance(updates, list) or len(updates) > _LARGEST_BATCH:
            raise ApiError(400, f"updates must be a list of at most {_LARGEST_BATCH}", field="updates")
        entities, errors = [], []
        for one in updates:
            try:
                if one.get("id") is None:
                    cost = emulation.direct_costs.create(project_id, one, caller(emulation))
                else:
                    _of_project(emulation, project_id, int(one["id"]))
                    wanted = {key: value for key, value in one.items() if key not in ("id", "direct_cost_type")}
                    cost = emulation.direct_costs.edit(int(one["id"]), wanted, caller(emulation))
                entities.append(emulation.direct_cost_records.record(cost))
            except (Refused, ApiError) as error:
                errors.append({**one, "errors": {getattr(error, "field", "") or "base": [str(error)]}})
        return jsonify({"entities": entities, "errors": errors})


def _conditions(emulation: Emulation, project_id: int) -> tuple[str, list[Any]]:
    """A WHERE text of constants with its parameters."""
    clauses, parameters = ["project_id = ?"], [project_id]  # type: list[str], list[Any]
    if not emulation.switches["direct_cost_list_shows_deleted"]:
        clauses.append("deleted_at IS NULL")
    ids = filter_list("id")
    if ids is not None:
        clauses.append(f"id IN ({', '.join('?' * len(ids))})")
        parameters += ids
    for name in ("origin_id", "invoice_number"):
        if (value := filter_value(name)) is not None:
            clauses.append(f"{name} = ?")
            parameters.append(value)
    for name in ("created_at", "updated_at"):
        if (bounds := filter_range(name)) is not None:
            clauses.append(f"{name} BETWEEN ? AND ?")
            parameters += bounds
    for name in ("payment_date", "received_date"):
        if (bounds := filter_range(name)) is not None:
            clauses.append(f"json_extract(facts, '$.{name}') BETWEEN ? AND ?")
            parameters += [bound[:10] for bound in bounds]
    return " AND ".join(clauses), parameters


def _line_wanted(line: dict[str, Any]) -> bool:
    ids, codes, types = filter_list("id"), filter_list("cost_code_id"), filter_list("line_item_type_id")
    if ids is not None and str(line["id"]) not in ids:
        return False
    if codes is not None and str((line["cost_code"] or {}).get("id")) not in codes:
        return False
    if types is not None and str(line["line_item_type"]["id"]) not in types:
        return False
    for name in ("created_at", "updated_at"):
        bounds = filter_range(name)
        if bounds is not None and not bounds[0] <= line[name] <= bounds[1]:
            return False
    return True


def _wanted() -> dict[str, Any]:
    wanted = json_body().get("direct_cost")
    if not isinstance(wanted, dict):
        raise ApiError(400, "param is missing or the value is empty: direct_cost", field="direct_cost")
    return wanted


def _of_project(emulation: Emulation, project_id: int, direct_cost_id: int) -> DirectCost:
    cost = emulation.direct_cost_rows.find(direct_cost_id)
    if cost is None or cost.project_id != project_parameter(emulation, project_id):
        raise ApiError(404, "Not Found")
    return cost


def _seen(emulation: Emulation, cost: DirectCost) -> DirectCost:
    """What a replica that lags shows, while a fault orders that."""
    if request and emulation.engine.active("stale_read") is not None:
        return emulation.direct_cost_rows.as_before(cost)
    return cost


def _shown(emulation: Emulation, cost: DirectCost) -> Response:
    return jsonify(as_numbers(emulation, emulation.direct_cost_records.record(cost)))
