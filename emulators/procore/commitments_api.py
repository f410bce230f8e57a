"""Subcontracts, purchase orders and payments issued on them.

Procore: the vendor object of a commitment has id and company, no name (reference 8.10); statuses are in Title Case;
a payment is linked to an invoice by requisition_id (reference 6.1).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError, caller, json_body, project_parameter
from emulators.procore.emulation import Emulation
from emulators.procore.event_bodies import Happening
from emulators.procore.paging import filter_list, filter_range, filter_value, paged, paged_v2

KINDS = {"work_order_contracts": "WorkOrderContract", "purchase_order_contracts": "PurchaseOrderContract"}
_PAYMENT_FIELDS = (
    "requisition_id",
    "amount",
    "date",
    "payment_method",
    "check_number",
    "payment_number",
    "invoice_number",
    "invoice_date",
    "draw_request_number",
    "notes",
    "origin_id",
    "origin_data",
)


def commitments_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("commitments", __name__)
    _add_contracts(api, emulation)
    _add_payments(api, emulation)
    return api


def _add_contracts(api: Blueprint, emulation: Emulation) -> None:
    for word, kind in KINDS.items():

        def list_contracts(kind: str = kind) -> ResponseReturnValue:
            project_id = project_parameter(emulation)
            found = [c for c in emulation.storage.every("commitment", project_id=project_id) if c["type"] == kind]
            return paged(emulation, [_contract(emulation, c, full=False) for c in _filtered(found)])

        def show_contract(contract_id: int, kind: str = kind) -> ResponseReturnValue:
            return jsonify(_contract(emulation, _commitment(emulation, contract_id, kind), full=True))

        api.add_url_rule(f"/rest/v1.0/{word}", f"list_{word}", list_contracts)
        api.add_url_rule(f"/rest/v1.0/{word}/<int:contract_id>", f"show_{word}", show_contract)

    @api.get("/rest/v1.0/commitments")
    def commitments() -> ResponseReturnValue:
        found = emulation.storage.every("commitment", project_id=project_parameter(emulation))
        return paged(emulation, [_contract(emulation, c, full=False) for c in _filtered(found)])

    @api.get("/rest/v2.0/companies/<company_id>/projects/<project_id>/commitment_contracts")
    def commitment_contracts(company_id: str, project_id: str) -> ResponseReturnValue:
        found = emulation.storage.every("commitment", project_id=project_parameter(emulation, project_id))
        rows = [
            {
                "id": str(c["id"]),
                "type": c["type"],
                "number": c["number"],
                "title": c["title"],
                "status": c["status"],
                "vendor_id": str(c["vendor_id"]),
            }
            for c in _filtered(found)
        ]
        return paged_v2(emulation, rows)

    @api.get("/rest/v1.0/projects/<int:project_id>/contracts/<int:contract_id>/invoice_configuration")
    def invoice_configuration(project_id: int, contract_id: int) -> ResponseReturnValue:
        commitment = emulation.storage.get("commitment", contract_id)
        if commitment is None or commitment["project_id"] != project_parameter(emulation, project_id):
            raise ApiError(404, "Not Found")
        return jsonify(
            {
                "id": contract_id + 1,
                "separate_billing_for_stored_materials": True,
                "stored_materials_billing_method": "move_materials_manually",
                "contract_id": contract_id,
                "project_id": project_id,
                "company_id": commitment["company_id"],
                "ssr_enabled": False,
                "move_materials_to_previous_work_completed": False,
                "commitment_has_invoices": bool(emulation.rows.of_commitment(contract_id)),
                "retainage_rule_set": None,
            }
        )


def _add_payments(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/rest/v1.0/contract_payments")
    def payments() -> ResponseReturnValue:
        project_id = project_parameter(emulation)
        contract_id = _contract_parameter()
        found = emulation.storage.every("payment", project_id=project_id)
        return paged(emulation, [p for p in found if str(p["contract_id"]) == contract_id])

    @api.get("/rest/v1.0/contract_payments/<int:payment_id>")
    def payment(payment_id: int) -> ResponseReturnValue:
        return jsonify(_payment(emulation, payment_id, project_parameter(emulation), _contract_parameter()))

    @api.post("/rest/v1.0/contract_payments")
    def add_payment() -> ResponseReturnValue:
        body = json_body()
        project_id = project_parameter(emulation, body.get("project_id", ""))
        commitment = emulation.storage.get("commitment", str(body.get("contract_id", "")))
        if commitment is None or commitment["project_id"] != project_id:
            raise ApiError(404, "Not Found")
        if emulation.switches["payments_refused"]:
            raise ApiError(422, emulation.switches["payments_refused"])
        now = emulation.clock.stamp()
        record: dict[str, Any] = {
            "id": emulation.storage.new_id(),
            "contract_id": commitment["id"],
            "project_id": project_id,
            "created_at": now,
            "updated_at": now,
            "status": "paid",
            "external_payment_id": None,
            "attachments": [],
            **dict.fromkeys(_PAYMENT_FIELDS),
        }
        _fill_payment(emulation, record, body.get("contract_payment") or {})
        _store_payment(emulation, record, "create")
        emulation.hold_answer()
        return jsonify(record), 201

    @api.patch("/rest/v1.0/contract_payments/<int:payment_id>")
    def change_payment(payment_id: int) -> ResponseReturnValue:
        body = json_body()
        contract_id = _contract_parameter(body.get("contract_id", ""))
        record = _payment(emulation, payment_id, project_parameter(emulation, body.get("project_id", "")), contract_id)
        wanted = body.get("contract_payment") or {}
        if record["origin_id"] and set(wanted) - {"origin_id", "origin_data", "prostore_file_ids"}:
            raise ApiError(422, "is not editable because it is synced with ERP")
        _fill_payment(emulation, record, wanted)
        record["updated_at"] = emulation.clock.stamp()
        _store_payment(emulation, record, "update")
        return jsonify(record)

    @api.delete("/rest/v1.0/contract_payments/<int:payment_id>")
    def delete_payment(payment_id: int) -> ResponseReturnValue:
        record = _payment(emulation, payment_id, project_parameter(emulation), _contract_parameter())
        with emulation.ledger.writing():
            emulation.storage.remove("payment", payment_id)
            _announce_payment(emulation, record, "delete")
        return Response(status=204)


def _fill_payment(emulation: Emulation, record: dict[str, Any], wanted: dict[str, Any]) -> None:
    record.update({name: wanted[name] for name in _PAYMENT_FIELDS if name in wanted})
    try:
        record["amount"] = str(Decimal(str(record["amount"])))
    except ArithmeticError:
        raise ApiError(422, "is not a number", field="amount") from None
    if record["payment_method"] not in (None, "check", "credit_card", "electronic"):
        raise ApiError(422, "is not included in the list", field="payment_method")
    if record["requisition_id"] is not None:
        invoice = emulation.rows.find(int(record["requisition_id"]))
        if invoice is None or invoice.commitment_id != record["contract_id"]:
            raise ApiError(422, "does not belong to this contract", field="requisition_id")


def _store_payment(emulation: Emulation, record: dict[str, Any], event_type: str) -> None:
    with emulation.ledger.writing():
        emulation.storage.put(
            "payment",
            record,
            company_id=g.company_id,
            project_id=record["project_id"],
            parent_id=record["requisition_id"],
        )
        emulation.ledger.append(f"payment_{event_type}", record["id"], record)
        _announce_payment(emulation, record, event_type)


def _announce_payment(emulation: Emulation, record: dict[str, Any], event_type: str) -> None:
    actor = caller(emulation)
    emulation.deliveries.announce(
        Happening(
            "Contract Payments",
            event_type,
            record["id"],
            g.company_id,
            record["project_id"],
            actor.user_id,
            actor.application_id,
        )
    )


def _contract_parameter(value: object = None) -> str:
    """Procore wants the contract beside the project (oas_contract_payments.json)."""
    text = str(request.args.get("contract_id", "") if value is None else value)
    if not text:
        raise ApiError(400, "param is missing or the value is empty: contract_id", field="contract_id")
    return text


def _payment(emulation: Emulation, payment_id: int, project_id: int, contract_id: str) -> dict[str, Any]:
    found = emulation.storage.get("payment", payment_id)
    if found is None or found["project_id"] != project_id or str(found["contract_id"]) != contract_id:
        raise ApiError(404, "Not Found")
    return found


def _commitment(emulation: Emulation, contract_id: int, kind: str) -> dict[str, Any]:
    found = emulation.storage.get("commitment", contract_id)
    if found is None or found["project_id"] != project_parameter(emulation) or found["type"] != kind:
        raise ApiError(404, "Not Found")
    return found


def _contract(emulation: Emulation, commitment: dict[str, Any], *, full: bool) -> dict[str, Any]:
    vendor = emulation.storage.need("vendor", commitment["vendor_id"])
    project = emulation.storage.need("project", commitment["project_id"])
    hidden = ("lines", "company_id", "project_id", "vendor_id", "type")
    record = {key: value for key, value in commitment.items() if key not in hidden}
    record["vendor"] = {"id": vendor["id"], "company": vendor["name"]}
    record["project"] = {"id": project["id"], "name": project["name"]}
    original = sum(
        (Decimal(x["scheduled_value"]) for x in commitment["lines"] if x["kind"] == "contract_item"), Decimal()
    )
    total = sum((Decimal(x["scheduled_value"]) for x in commitment["lines"]), Decimal())
    record.update(grand_total=str(original), approved_change_orders=str(total - original), revised_contract=str(total))
    if full:
        record["vendor"].update(origin_id=vendor["origin_id"], origin_data=vendor["origin_data"])
        record["line_items"] = [
            {
                "id": line["id"],
                "amount": line["scheduled_value"],
                "description": line["description"],
                "position": place,
                "cost_code": {"id": line["cost_code_id"]},
                "wbs_code": line["wbs_code"],
                "extended_type": "manual",
            }
            for place, line in enumerate(commitment["lines"], 1)
            if line["kind"] == "contract_item"
        ]
    return record


def _filtered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids, status, origin = filter_list("id"), filter_value("status"), filter_value("origin_id")
    if ids is not None:
        rows = [row for row in rows if str(row["id"]) in ids]
    if status is not None:
        rows = [row for row in rows if row["status"] == status]
    if origin is not None:
        rows = [row for row in rows if row["origin_id"] == origin]
    for name in ("created_at", "updated_at"):
        bounds = filter_range(name)
        if bounds is not None:
            rows = [row for row in rows if bounds[0] <= row[name] <= bounds[1]]
    return rows
