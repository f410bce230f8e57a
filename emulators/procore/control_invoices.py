"""Control API for invoices: what a person would do in Procore, for scripts. No login; not part of Procore."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.amounts import money
from emulators.procore.believable import progress_items, release_items
from emulators.procore.emulation import Emulation
from emulators.procore.invoice_lists import one_short, short_rows
from emulators.procore.invoicing import Actor, Refused
from emulators.procore.records import Invoice
from emulators.procore.seeding import COMPANY

_DICE = random.Random(77)
_DICE_LOCK = threading.Lock()


def control_invoices_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("control_invoices", __name__, url_prefix="/_emulator")
    _add_making(api, emulation)
    _add_changing(api, emulation)
    tell_errors(api)

    @api.get("/invoices")
    def invoices() -> ResponseReturnValue:
        return jsonify(short_rows(emulation, request.args.to_dict()))

    return api


def tell_errors(api: Blueprint) -> None:
    """Readable answers to what a script got wrong."""

    @api.errorhandler(Refused)
    def refused(error: Refused) -> ResponseReturnValue:
        return jsonify({"error": f"{error.field} {error}"}), 422

    @api.errorhandler(KeyError)
    def missing(error: KeyError) -> ResponseReturnValue:
        return jsonify({"error": str(error.args[0])}), 404

    @api.errorhandler(ArithmeticError)
    @api.errorhandler(ValueError)
    @api.errorhandler(TypeError)
    def wrong(error: Exception) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 400


@dataclass(frozen=True)
class Silence:
    """Whether a change sends its event, and whether it shows in updated_at."""

    emit: bool
    touch: bool


def silence_of(emulation: Emulation, wanted: dict[str, Any]) -> Silence:
    """Takes emit and quiet out of the wishes: a quiet change sends nothing and perhaps leaves updated_at alone."""
    quiet = wanted.pop("quiet", False) in (True, "true")
    emit = wanted.pop("emit", True) not in (False, "false")
    return Silence(emit and not quiet, not quiet or bool(emulation.switches["quiet_changes_updated_at"]))


def _add_making(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/invoices")
    def make() -> ResponseReturnValue:
        """Create one: commitment_id or project_id, amount or items, invoice_number, status, emit, ..."""
        wanted = body_object()
        invoice = make_invoice(emulation, wanted)
        return jsonify(one_short(emulation, invoice.id)), 201

    @api.post("/invoices/bulk")
    def make_many() -> ResponseReturnValue:
        wanted = body_object()
        total = int(wanted.pop("count", 1))
        pool = commitments(emulation, wanted)
        made = []
        with emulation.ledger.writing():
            for place in range(total):
                one = {**wanted, "commitment_id": pool[place % len(pool)]["id"]}
                made.append(make_invoice(emulation, one))
        return jsonify([one_short(emulation, invoice.id) for invoice in made]), 201

    @api.post("/import")
    def take_in() -> ResponseReturnValue:
        """Store a record word for word; show and list give it back as it is."""
        wanted = body_object()
        invoice = import_record(emulation, dict(wanted["requisition"]), wanted)
        return jsonify(one_short(emulation, invoice.id)), 201


def _add_changing(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/invoices/status")
    def many_statuses() -> ResponseReturnValue:
        """The bulk action of the invoicing tool: {"ids": [...], "status": "approved"}."""
        wanted = body_object()
        actor = actor_of(emulation, wanted.get("by"), None)
        silence = silence_of(emulation, wanted)
        changed = emulation.invoicing.set_status_of_many(
            list(wanted["ids"]), wanted["status"], actor, emit=silence.emit, touch=silence.touch
        )
        return jsonify([one_short(emulation, invoice.id) for invoice in changed])

    @api.post("/invoices/<int:invoice_id>/status")
    def status(invoice_id: int) -> ResponseReturnValue:
        wanted = body_object()
        company_id = emulation.invoicing.need(invoice_id).company_id
        actor = actor_of(emulation, wanted.get("by"), company_id)
        silence = silence_of(emulation, wanted)
        emulation.invoicing.set_status(
            invoice_id, wanted["status"], actor, at=wanted.get("at"), emit=silence.emit, touch=silence.touch
        )
        return jsonify(one_short(emulation, invoice_id))

    @api.patch("/invoices/<int:invoice_id>")
    def edit(invoice_id: int) -> ResponseReturnValue:
        """Header fields, items, scale, override_summary, override_items, tax, workflow, currency; by, emit, quiet."""
        wanted = body_object()
        invoice = emulation.invoicing.need(invoice_id)
        actor = actor_of(emulation, wanted.pop("by", None), invoice.company_id)
        silence = silence_of(emulation, wanted)
        if "scale" in wanted:
            wanted["items"] = _scaled_items(invoice, Decimal(str(wanted.pop("scale"))))
        emulation.invoicing.edit(invoice_id, wanted, actor, emit=silence.emit, touch=silence.touch)
        return jsonify(one_short(emulation, invoice_id))

    @api.delete("/invoices/<int:invoice_id>")
    def delete(invoice_id: int) -> ResponseReturnValue:
        company_id = emulation.invoicing.need(invoice_id).company_id
        emit = silence_of(emulation, request.args.to_dict()).emit
        emulation.invoicing.delete(invoice_id, actor_of(emulation, None, company_id), emit=emit)
        return Response(status=204)


def make_invoice(emulation: Emulation, wanted: dict[str, Any]) -> Invoice:
    """Create an invoice from the wishes of the control API or the web page."""
    wanted = dict(wanted)
    emit = silence_of(emulation, wanted).emit
    attachment = wanted.pop("attachment", None)
    amount = wanted.pop("amount", None)
    release = wanted.pop("release_retainage", False)
    commitment = commitments(emulation, wanted)[0]
    chain = emulation.rows.of_commitment(commitment["id"])
    actor = actor_of(emulation, wanted.pop("created_by", None), commitment["company_id"])
    for name in ("commitment_id", "project_id", "company_id"):
        wanted.pop(name, None)
    if "items" not in wanted:
        if release:
            wanted["items"] = release_items(commitment, chain)
        else:
            with _DICE_LOCK:
                wanted["items"] = progress_items(commitment, chain, _DICE, None if amount is None else money(amount))
    with emulation.ledger.writing():
        invoice = emulation.invoicing.create(commitment["id"], wanted, actor, emit=emit)
        if attachment:
            name = attachment if isinstance(attachment, str) else f"{invoice.invoice_number}.pdf"
            emulation.invoicing.attach(invoice.id, name, actor, emit=False)
        return invoice


def commitments(emulation: Emulation, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The commitments that the wishes allow, the one with the fewest invoices first."""
    if wanted.get("commitment_id"):
        return [emulation.storage.need("commitment", wanted["commitment_id"])]
    project_id = wanted.get("project_id")
    company_id = None if project_id else int(wanted.get("company_id", COMPANY))
    found = emulation.storage.every(
        "commitment", project_id=None if project_id is None else int(project_id), company_id=company_id
    )
    if not found:
        raise KeyError("there is no commitment to put an invoice on")
    used = {
        row["commitment_id"]: row["n"]
        for row in emulation.ledger.query(
            "SELECT commitment_id, COUNT(*) AS n FROM invoice WHERE deleted = 0 GROUP BY commitment_id"
        )
    }
    return sorted(found, key=lambda commitment: (used.get(commitment["id"], 0), commitment["id"]))


def actor_of(emulation: Emulation, user_id: object, company_id: int | None) -> Actor:
    """The named user, or the first of the contractor's staff."""
    if user_id is not None:
        return Actor(int(emulation.storage.need("user", str(user_id))["id"]))
    users = emulation.storage.every("user", company_id=company_id or COMPANY)
    return Actor(int(next(user["id"] for user in users if user["kind"] == "staff")))


def import_record(emulation: Emulation, record: dict[str, Any], options: dict[str, Any]) -> Invoice:
    """Keep a record verbatim; company, project and missing numbers come from the options."""
    detail, emit = options.get("detail", []), bool(options.get("emit", False))
    project_id = record.get("project_id") or options.get("project_id")
    with emulation.ledger.writing():
        company_id = _home_of(emulation, project_id, options)
        project = int(project_id or emulation.storage.every("project", company_id=company_id)[0]["id"])
        items = record.pop("items", None)
        now = emulation.clock.stamp()
        invoice = Invoice(
            id=int(record["id"]),
            company_id=company_id,
            project_id=project,
            commitment_id=int(record.get("commitment_id") or 0),
            vendor_id=record.get("vendor_id"),
            number=int(record.get("number") or 0),
            status=str(record.get("status", "draft")),
            invoice_number=str(record.get("invoice_number", "")),
            period_id=record.get("period_id"),
            created_at=record.get("created_at") or now,
            updated_at=record.get("updated_at") or now,
            origin_id=record.get("origin_id"),
            created_by=(record.get("created_by") or {}).get("id"),
            approved_at=None,
            basis={},
            verbatim=True,
        )
        emulation.ledger.execute("DELETE FROM invoice WHERE id = ?", (invoice.id,))
        emulation.rows.insert_verbatim(invoice, {**record, "_verbatim": True}, items, detail)
        emulation.ledger.append("invoice_imported", invoice.id, {"project_id": project})
        if emit:
            emulation.invoicing.tell(invoice, "create", actor_of(emulation, None, company_id))
    return invoice


def _home_of(emulation: Emulation, project_id: object, options: dict[str, Any]) -> int:
    """The company of the record's project; a project that is not known yet is added to the demo company."""
    company_id = int(options.get("company_id", COMPANY))
    if project_id is None:
        return company_id
    known = emulation.storage.company_of("project", str(project_id))
    if known is not None:
        return known
    now = emulation.clock.stamp()
    number = int(str(project_id))
    record: dict[str, Any] = {"id": number, "name": f"Imported project {project_id}", "active": True}
    record |= {"display_name": record["name"], "project_number": str(project_id), "created_at": now, "updated_at": now}
    emulation.storage.put("project", record, company_id=company_id, project_id=number)
    return company_id


def _scaled_items(invoice: Invoice, factor: Decimal) -> list[dict[str, Any]]:
    """Work multiplied; retainage follows its percentage."""
    return [
        {"id": entry.item_id, "work_completed_this_period": str(money(entry.work * factor))}
        for entry in invoice.entries
    ]


def body_object() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if body is None and not request.get_data():
        return {}
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    return body
