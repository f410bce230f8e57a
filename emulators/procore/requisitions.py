"""Reading subcontractor invoices over REST.

Procore: requisitions are listed per project only; items come with the views extended and items (reference 2.1).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError, project_parameter
from emulators.procore.emulation import Emulation
from emulators.procore.moving_rows import ORDERS, RowMoves
from emulators.procore.paging import (
    filter_list,
    filter_range,
    filter_value,
    page_bounds,
    paged,
    with_page_headers,
)
from emulators.procore.records import STATUSES

VIEWS = ("default", "extended", "items", "action_policy")


def requisition_reading(emulation: Emulation, moves: RowMoves) -> Blueprint:
    api = Blueprint("requisition_reading", __name__)

    @api.get("/rest/v1.1/requisitions")
    @api.get("/rest/v1.0/requisitions")
    def list_requisitions() -> ResponseReturnValue:
        return _list(emulation, moves, project_parameter(emulation))

    @api.get("/rest/v1.1/requisitions/<int:requisition_id>")
    @api.get("/rest/v1.0/requisitions/<int:requisition_id>")
    def show_requisition(requisition_id: int) -> ResponseReturnValue:
        project_id = project_parameter(emulation)
        row = _stored(emulation, requisition_id, project_id)
        return jsonify(wire(emulation, row["header"], row["items"], view()))

    @api.get("/rest/v1.0/requisitions/<int:requisition_id>/detail")
    def detail(requisition_id: int) -> ResponseReturnValue:
        row = _stored(emulation, requisition_id, project_parameter(emulation))
        return jsonify(as_numbers(emulation, json.loads(row["detail"])))

    @api.get("/rest/v1.0/requisitions/<int:requisition_id>/contract_items")
    def contract_items(requisition_id: int) -> ResponseReturnValue:
        return _items_of_kind(emulation, requisition_id, "contract_item")

    @api.get("/rest/v1.0/requisitions/<int:requisition_id>/contract_detail_items")
    def contract_detail_items(requisition_id: int) -> ResponseReturnValue:
        return _items_of_kind(emulation, requisition_id, "contract_detail_item")

    @api.get("/rest/v1.0/requisitions/<int:requisition_id>/change_order_items")
    def change_order_items(requisition_id: int) -> ResponseReturnValue:
        return _items_of_kind(emulation, requisition_id, "change_order_item")

    @api.get("/rest/v1.0/requisitions/<int:requisition_id>/change_histories")
    def change_histories(requisition_id: int) -> ResponseReturnValue:
        _stored(emulation, requisition_id, project_parameter(emulation))
        return jsonify(history_rows(emulation, requisition_id))

    return api


def view() -> str:
    """The wanted view; a wrong word is refused."""
    wanted = request.args.get("view", "default")
    if wanted not in VIEWS:
        raise ApiError(400, "view does not have a valid value", field="view")
    return wanted


def wire(emulation: Emulation, header_text: str, items_text: str, wanted_view: str) -> dict[str, Any]:
    """A stored record as this call should see it."""
    record: dict[str, Any] = json.loads(header_text)
    verbatim = record.pop("_verbatim", False)
    old = request.path.startswith("/rest/v1.0")
    if wanted_view in ("extended", "items") and not old and items_text != "null":
        record["items"] = json.loads(items_text)
    if verbatim:
        return record
    if "items" in record and emulation.switches["contract_and_detail_items"]:
        record["items"] = [*record["items"], *_detail_twins(record["items"])]
    if not emulation.switches["percent_sign"]:
        record["percent_complete"] = record["percent_complete"].rstrip("%")
    if old:
        for name in ("vendor_id", "previous_requisition_id", "item_packages", "invoice_type"):
            record.pop(name, None)
        record[emulation.switches["v1_0_summary_name"]] = record.pop("summary")
    else:
        record.pop("comment", None)
        if emulation.switches["payment_summary"]:
            record["payment_summary"] = _payment_summary(emulation, record)
    if wanted_view == "default":
        record.pop("item_packages", None)
    converted: dict[str, Any] = as_numbers(emulation, record)
    return converted


def history_rows(emulation: Emulation, requisition_id: int) -> list[dict[str, Any]]:
    """The audit trail; its words are not documented, so switches choose the spelling (reference 9.4)."""
    rows = emulation.ledger.query("SELECT * FROM history WHERE invoice_id = ? ORDER BY id", (requisition_id,))
    title_case = emulation.switches["history_values"] == "Title Case"
    named = emulation.switches["history_action_by_approver"]
    answer = []
    for row in rows:
        is_status = row["field"] == "status"
        person = emulation.storage.get("user", row["user_id"]) if named else None
        old, new = row["old_value"], row["new_value"]
        if is_status and title_case:
            old, new = (str(value or "").replace("_", " ").title() for value in (old, new))
        answer.append(
            {
                "id": row["id"],
                "column": emulation.switches["history_column"] if is_status else row["field"],
                "old_value": old,
                "new_value": new,
                "action_by": "" if person is None else person["name"],
                "action_by_id": None if person is None else person["id"],
                "created_at": row["at"],
                "ref_id": requisition_id,
                "ref_type": "Requisition",
            }
        )
    return answer


def _list(emulation: Emulation, moves: RowMoves, project_id: int) -> Response:
    clauses, parameters = _conditions(project_id)
    where = " AND ".join(clauses)
    # The clauses are constants of this module; every value goes as a parameter.
    total = emulation.ledger.value(f"SELECT COUNT(*) FROM invoice WHERE {where}", parameters)  # noqa: S608
    page, per_page = page_bounds(30, int(emulation.switches["largest_page"]))
    order = ORDERS[emulation.switches["list_order"]]
    rows = emulation.ledger.query(
        f"SELECT id, version, header, items FROM invoice WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
        [*parameters, per_page + 1, (page - 1) * per_page],
    )
    rows, behind = rows[:per_page], rows[per_page]["id"] if len(rows) > per_page else None
    wanted = view()
    stale = emulation.engine.active("stale_read") is not None
    records = []
    for row in rows:
        seen = (_previous(emulation, row["id"], row["version"]) or row) if stale else row
        records.append(wire(emulation, seen["header"], seen["items"], wanted))
    answer = with_page_headers(emulation, jsonify(records), int(total), page, per_page)
    moves.after_page("requisitions", page, [row["id"] for row in rows], behind, project_id)
    return answer


def _conditions(project_id: int) -> tuple[list[str], list[Any]]:
    clauses, parameters = ["deleted = 0", "project_id = ?"], [project_id]  # type: tuple[list[str], list[Any]]
    for name, column in (("id", "id"), ("commitment_id", "commitment_id"), ("period_id", "period_id")):
        values = filter_list(name)
        if values is not None:
            clauses.append(f"{column} IN ({', '.join('?' * len(values))})")
            parameters += values
    status = filter_value("status")
    if status is not None:
        if status not in STATUSES:
            raise ApiError(400, "filters[status] does not have a valid value", field="status")
        clauses.append("status = ?")
        parameters.append(status)
    if (origin := filter_value("origin_id")) is not None:
        clauses.append("origin_id = ?")
        parameters.append(origin)
    for name in ("created_at", "updated_at"):
        bounds = filter_range(name)
        if bounds is not None:
            clauses.append(f"{name} BETWEEN ? AND ?")
            parameters += bounds
    last = filter_value("is_last")
    if last is not None:
        newest = "SELECT MAX(number) FROM invoice AS n WHERE n.commitment_id = invoice.commitment_id AND n.deleted = 0"
        clauses.append(f"number {'=' if last == 'true' else '<'} ({newest})")
    return clauses, parameters


def _stored(emulation: Emulation, requisition_id: int, project_id: int) -> Any:
    """The row of an invoice of this project, or what an out-of-date replica would still show of it."""
    row = emulation.ledger.one(
        "SELECT id, version, deleted, header, items, detail FROM invoice WHERE id = ? AND project_id = ?",
        (requisition_id, project_id),
    )
    if row is not None and emulation.engine.active("stale_read") is not None:
        return _previous(emulation, row["id"], row["version"]) or row
    if row is None or row["deleted"]:
        raise ApiError(404, "Not Found")
    return row


def _previous(emulation: Emulation, invoice_id: int, version: int) -> Any:
    return emulation.ledger.one(
        "SELECT header, items, detail FROM invoice_version WHERE invoice_id = ? AND version < ?"
        " ORDER BY version DESC LIMIT 1",
        (invoice_id, version),
    )


def _items_of_kind(emulation: Emulation, requisition_id: int, kind: str) -> Response:
    row = _stored(emulation, requisition_id, project_parameter(emulation))
    items = json.loads(row["items"]) or []
    if kind == "contract_detail_item" and emulation.switches["contract_and_detail_items"]:
        items = _detail_twins(items)
    chosen = [item for item in items if item.get("item_type") == kind]
    return paged(emulation, as_numbers(emulation, chosen))


def _detail_twins(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same money a second time, as lines of the subcontractor's own schedule of values (reference 2.6)."""
    return [
        {**item, "id": item["id"] + 1_000_000_000, "item_type": "contract_detail_item"}
        for item in items
        if item["item_type"] == "contract_item"
    ]


def _payment_summary(emulation: Emulation, record: dict[str, Any]) -> dict[str, Any]:
    """Seen in live answers, not in the schema (reference 2.2)."""
    payments = emulation.storage.every("payment", parent_id=record["id"])
    paid = sum((Decimal(str(payment["amount"])) for payment in payments), Decimal("0.00"))
    due = Decimal(str(record["summary"]["current_payment_due"]))
    return {
        "invoice_paid_in_full": paid >= due,
        "invoiced_amount_due": str(due - paid),
        "procore_pay": {"amount": "0.00"},
        "manual": {"amount": str(paid)},
    }


def as_numbers(emulation: Emulation, value: Any) -> Any:
    """With the switch on, amounts become JSON numbers: official examples mix both (reference 5)."""
    if not emulation.switches["numbers_as_json_numbers"]:
        return value
    if isinstance(value, dict):
        return {key: inner if key in _TEXTS else as_numbers(emulation, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_numbers(emulation, inner) for inner in value]
    if isinstance(value, str) and "." in value and value.replace(".", "", 1).lstrip("-").isdigit():
        return float(value)
    return value


_TEXTS = {"invoice_number", "summary_text", "wbs_code", "origin_id", "origin_data", "line_number"}
