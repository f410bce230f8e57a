"""Control API for the files of invoices and direct costs. Not part of Procore."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.attachments import BEHAVIOURS, StoredFile, stored_file
from emulators.procore.control_invoices import actor_of, body_object, silence_of, tell_errors
from emulators.procore.emulation import Emulation
from emulators.procore.files import LARGEST, type_of

_TRAITS = ("behaviour", "size", "location", "seconds")


def control_attachments_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("control_attachments", __name__, url_prefix="/_emulator")
    tell_errors(api)

    @api.post("/invoices/<int:invoice_id>/attachments")
    def attach_to_invoice(invoice_id: int) -> ResponseReturnValue:
        """{"filename", "content_type", "size", "behaviour", "location", "seconds"; by, emit, quiet}."""
        wanted = body_object()
        invoice = emulation.invoicing.need(invoice_id)
        silence = silence_of(emulation, wanted)
        filename = str(wanted.get("filename") or f"{invoice.invoice_number}.pdf")
        with emulation.ledger.writing():
            actor = actor_of(emulation, wanted.get("by"), invoice.company_id)
            attachment_id = emulation.invoicing.attach(invoice_id, filename, actor, emit=silence.emit)
            _set_traits(emulation, attachment_id, wanted)
            emulation.rows.save_chain(invoice.commitment_id, None, from_number=invoice.number)
        return jsonify(_shown(emulation, attachment_id)), 201

    @api.post("/direct_costs/<int:direct_cost_id>/attachments")
    def attach_to_direct_cost(direct_cost_id: int) -> ResponseReturnValue:
        """The same body."""
        wanted = body_object()
        silence = silence_of(emulation, wanted)
        with emulation.ledger.writing():
            cost = emulation.direct_costs.need(direct_cost_id)
            number = cost.invoice_number or str(cost.id)
            filename = str(wanted.get("filename") or f"{number}.pdf")
            attachment_id = emulation.invoicing.add_file(direct_cost_id, filename, f"Direct cost {number}")
            _set_traits(emulation, attachment_id, wanted)
            actor = actor_of(emulation, wanted.get("by"), cost.company_id)
            emulation.direct_costs.touched_by_attachment(direct_cost_id, actor, emit=silence.emit)
        return jsonify(_shown(emulation, attachment_id)), 201

    @api.patch("/attachments/<int:attachment_id>")
    def change(attachment_id: int) -> ResponseReturnValue:
        """Another behaviour, size, location or seconds for a file that is there."""
        _need(emulation, attachment_id)
        _set_traits(emulation, attachment_id, body_object())
        return jsonify(_shown(emulation, attachment_id))

    @api.get("/attachments")
    def attachments() -> ResponseReturnValue:
        """?holder_id= (an invoice or a direct cost): with size, sha256 and how often each was opened and downloaded."""
        holder = request.args.get("holder_id", type=int)
        rows = emulation.ledger.query(
            "SELECT id FROM attachment WHERE ? IS NULL OR invoice_id = ? ORDER BY id", (holder, holder)
        )
        return jsonify([_shown(emulation, row["id"]) for row in rows])

    return api


def _need(emulation: Emulation, attachment_id: int) -> StoredFile:
    file = stored_file(emulation, attachment_id)
    if file is None:
        raise KeyError(f"there is no attachment {attachment_id}")
    return file


def _set_traits(emulation: Emulation, attachment_id: int, wanted: Mapping[str, Any]) -> None:
    file = _need(emulation, attachment_id)
    if wanted.get("behaviour", "good") not in BEHAVIOURS:
        raise ValueError(f"behaviour must be one of {', '.join(BEHAVIOURS)}")
    if int(wanted.get("size") or 0) > LARGEST:
        raise ValueError(f"size must be at most {LARGEST}")
    traits = {**file.traits, **{name: wanted[name] for name in _TRAITS if name in wanted}}
    with emulation.ledger.writing() as db:
        db.execute("INSERT OR REPLACE INTO attachment_trait VALUES (?, ?)", (attachment_id, json.dumps(traits)))
        content_type = str(wanted.get("content_type") or type_of(file.filename))
        db.execute("UPDATE attachment SET content_type = ? WHERE id = ?", (content_type, attachment_id))


def _shown(emulation: Emulation, attachment_id: int) -> dict[str, Any]:
    file = _need(emulation, attachment_id)
    content = file.content

    # After a reset the ids begin again.
    begun = int(emulation.ledger.setting("begun_at_event", 0))

    def times(kind: str) -> int:
        counted = emulation.ledger.value(
            "SELECT COUNT(*) FROM event WHERE kind = ? AND subject = ? AND id > ?", (kind, str(attachment_id), begun)
        )
        return int(counted)

    return {
        "id": file.id,
        "holder_id": file.holder_id,
        "filename": file.filename,
        "content_type": file.content_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "behaviour": file.behaviour,
        "opened": times("attachment_opened"),
        "downloaded": times("attachment_downloaded"),
        "tokens_leaked": times("token_forwarded_to_storage"),
    }
