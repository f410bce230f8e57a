"""Creating, changing and deleting subcontractor invoices over REST.

Procore: an admin may change any invoice whatever its status; a record with an origin_id is locked (reference 2.3, 2.7).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError, caller, json_body, project_parameter
from emulators.procore.emulation import Emulation
from emulators.procore.invoicing import Refused
from emulators.procore.records import Invoice
from emulators.procore.requisitions import view, wire


def requisition_writing(emulation: Emulation) -> Blueprint:
    api = Blueprint("requisition_writing", __name__)
    _add_writes(api, emulation)
    _add_extras(api, emulation)

    @api.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return ApiError(422, str(error), field=error.field).response()

    return api


def _add_writes(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/rest/v1.1/requisitions")
    @api.post("/rest/v1.0/requisitions")
    def create() -> ResponseReturnValue:
        body = json_body()
        commitment, wanted = _addressed(emulation, body)
        _check_items(wanted, "item_type")
        try:
            with emulation.ledger.writing():
                _refuse_if_open(emulation, commitment["id"])
                invoice = emulation.invoicing.create(commitment["id"], wanted, caller(emulation))
        except Refused as error:
            status = int(emulation.switches["create_refused_status"])
            raise ApiError(
                status, f"{error.field} {error}" if status == 400 else str(error), field=error.field
            ) from error
        emulation.hold_answer()
        return _shown(emulation, invoice), 201

    @api.patch("/rest/v1.1/requisitions/<int:requisition_id>")
    @api.patch("/rest/v1.0/requisitions/<int:requisition_id>")
    def change(requisition_id: int) -> ResponseReturnValue:
        body = json_body()
        _of_project(emulation, requisition_id, project_parameter(emulation, body.get("project_id", "")))
        if not body.get("commitment_id"):
            raise ApiError(400, "param is missing or the value is empty: commitment_id", field="commitment_id")
        wanted = body.get("requisition")
        if not isinstance(wanted, dict):
            raise ApiError(400, "param is missing or the value is empty: requisition", field="requisition")
        _check_items(wanted, "id", "item_type")
        return _shown(emulation, emulation.invoicing.edit(requisition_id, wanted, caller(emulation)))

    @api.delete("/rest/v1.1/requisitions/<int:requisition_id>")
    @api.delete("/rest/v1.0/requisitions/<int:requisition_id>")
    def delete(requisition_id: int) -> ResponseReturnValue:
        _of_project(emulation, requisition_id, project_parameter(emulation))
        emulation.invoicing.delete(requisition_id, caller(emulation))
        return Response(status=200)

    @api.patch("/rest/v1.0/requisitions/<int:requisition_id>/bulk_item_update")
    def change_items(requisition_id: int) -> ResponseReturnValue:
        _of_project(emulation, requisition_id, project_parameter(emulation))
        items = json_body().get("requisition_items")
        if not isinstance(items, list):
            raise ApiError(400, "requisition_items is missing", field="requisition_items")
        emulation.invoicing.edit(requisition_id, {"items": items}, caller(emulation))
        return jsonify({})


def _add_extras(api: Blueprint, emulation: Emulation) -> None:
    prefix = "/rest/v2.0/companies/<company_id>/projects/<project_id>/requisitions"

    @api.patch(f"{prefix}/<int:requisition_id>/payment_details")
    def due_date(company_id: str, project_id: str, requisition_id: int) -> ResponseReturnValue:
        """Write only: no reading call shows the due date (reference 2.1)."""
        invoice = _of_project(emulation, requisition_id, project_parameter(emulation, project_id))
        value = json_body().get("due_date")
        with emulation.ledger.writing():
            invoice.basis["due_date"] = value
            emulation.rows.save_chain(invoice.commitment_id, invoice, from_number=invoice.number)
            emulation.ledger.append("due_date_set", requisition_id, {"due_date": value})
        return jsonify({"data": {"due_date": value}})

    @api.post("/rest/v1.0/requisitions/<int:requisition_id>/single_pdf_compilers")
    def compile_pdf(requisition_id: int) -> ResponseReturnValue:
        """With polling a job address, otherwise an e-mail (reference 2.1)."""
        project_id = project_parameter(emulation)
        _of_project(emulation, requisition_id, project_id)
        files = json_body().get("files")
        if not isinstance(files, list) or any("type" not in file or "id" not in file for file in files):
            raise ApiError(400, "param is missing or the value is empty: files", field="files")
        if request.args.get("polling") != "true":
            return jsonify({"message": "The PDF will be sent by e-mail."})
        job = {"id": emulation.storage.new_id(), "requisition_id": requisition_id, "polls": 0, "files": files}
        emulation.storage.put("pdf_job", job, project_id=project_id)
        return jsonify({"job_url": f"{emulation.public_url}/rest/v1.0/pdf_jobs/{job['id']}?project_id={project_id}"})

    @api.get("/rest/v1.0/pdf_jobs/<int:job_id>")
    def poll(job_id: int) -> ResponseReturnValue:
        project_id = project_parameter(emulation)
        with emulation.ledger.writing():
            job = emulation.storage.get("pdf_job", job_id)
            if job is None:
                raise ApiError(404, "Not Found")
            _of_project(emulation, job["requisition_id"], project_id)
            job["polls"] += 1
            emulation.storage.put("pdf_job", job, project_id=project_id)
        outcome = emulation.switches["pdf_job_outcome"]
        if outcome == "never" or job["polls"] <= int(emulation.switches["pdf_polls_before_ready"]):
            return jsonify({"status": "processing", "result": None})
        if outcome == "failed":
            return jsonify({"status": "failed", "result": None})
        base = emulation.switches["storage_base_url"] or emulation.public_url
        return jsonify({"status": "completed", "result": {"url": f"{base}/_storage/compiled/{job_id}.pdf"}})


def _addressed(emulation: Emulation, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The commitment and the wanted fields of a create call."""
    project_id = project_parameter(emulation, body.get("project_id", ""))
    wanted = body.get("requisition")
    if not isinstance(wanted, dict):
        raise ApiError(400, "param is missing or the value is empty: requisition", field="requisition")
    commitment = emulation.storage.get("commitment", str(body.get("commitment_id", "")))
    if commitment is None or commitment["project_id"] != project_id:
        raise ApiError(404, "Not Found")
    return commitment, wanted


def _check_items(wanted: dict[str, Any], *names: str) -> None:
    """Procore: what a line must say (oas_requisitions.json)."""
    for item in wanted.get("items") or []:
        for name in names:
            if not item.get(name):
                raise ApiError(400, f"items: {name} is missing", field=name)


def _refuse_if_open(emulation: Emulation, commitment_id: int) -> None:
    """The next invoice of a contract has to wait until the one before is approved, unless the switch says otherwise."""
    if not emulation.switches["open_invoice_refuses_next"]:
        return
    for invoice in emulation.rows.of_commitment(commitment_id):
        if invoice.status not in ("approved", "approved_as_noted"):
            raise Refused(f"cannot be created while invoice {invoice.invoice_number} of this contract is open")


def _of_project(emulation: Emulation, requisition_id: int, project_id: int) -> Invoice:
    invoice = emulation.rows.find(requisition_id)
    if invoice is None or invoice.project_id != project_id:
        raise ApiError(404, "Not Found")
    return invoice


def _shown(emulation: Emulation, invoice: Invoice) -> Response:
    row = emulation.ledger.query("SELECT header, items FROM invoice WHERE id = ?", (invoice.id,))[0]
    return jsonify(wire(emulation, row["header"], row["items"], view()))
