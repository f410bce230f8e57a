"""Files of invoices: an address that wants the bearer token, then a signed storage address that wants none.

Procore: the token must not be forwarded to the storage, whose link lives about 60 s (reference 5).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError
from emulators.procore.emulation import Emulation

_LINK_SECONDS = 60


def attachment_pages(emulation: Emulation) -> Blueprint:
    pages = Blueprint("attachments", __name__)
    key = secrets.token_bytes(32)

    def sign(attachment_id: int, expires: int) -> str:
        return hmac.new(key, f"{attachment_id}:{expires}".encode(), hashlib.sha256).hexdigest()

    @pages.get("/rest/v1.0/prostore_files/<int:attachment_id>/<filename>")
    def open_file(attachment_id: int, filename: str) -> ResponseReturnValue:
        row = emulation.ledger.one("SELECT * FROM attachment WHERE id = ?", (attachment_id,))
        if row is None:
            raise ApiError(404, "Not Found")
        expires = int(emulation.clock.epoch()) + _LINK_SECONDS
        return redirect(
            f"{emulation.public_url}/_storage/{attachment_id}/{row['filename']}"
            f"?X-Expires={expires}&X-Signature={sign(attachment_id, expires)}",
            302,
        )

    @pages.get("/_storage/<int:attachment_id>/<filename>")
    def stored_file(attachment_id: int, filename: str) -> ResponseReturnValue:
        forwarded = "Authorization" in request.headers
        if forwarded:
            emulation.ledger.append("token_forwarded_to_storage", attachment_id)
            if emulation.switches["storage_refuses_token"]:
                return Response("Only one auth mechanism allowed", 400, content_type="text/plain")
        expires = request.args.get("X-Expires", 0, type=int)
        good = hmac.compare_digest(sign(attachment_id, expires), request.args.get("X-Signature", ""))
        row = emulation.ledger.one("SELECT * FROM attachment WHERE id = ?", (attachment_id,))
        if not good or expires < emulation.clock.epoch() or row is None:
            return Response("Request has expired", 403, content_type="text/plain")
        return pdf_answer([row["title"], row["filename"], "Made by the Procore emulator."])

    @pages.get("/_storage/cover/<int:invoice_id>.pdf")
    def cover(invoice_id: int) -> ResponseReturnValue:
        invoice = emulation.rows.find(invoice_id)
        if invoice is None:
            return Response("Request has expired", 403, content_type="text/plain")
        return pdf_answer([f"Subcontractor invoice {invoice.invoice_number}", f"Status: {invoice.status}"])

    return pages


def pdf_answer(lines: Sequence[str]) -> Response:
    return Response(small_pdf(lines), content_type="application/pdf")


def small_pdf(lines: Sequence[str]) -> bytes:
    """A valid one-page PDF with some lines of text."""
    shown = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in lines]
    text = "BT /F1 14 Tf 72 720 Td 20 TL " + " T* ".join(f"({line}) Tj" for line in shown) + " ET"
    stream = text.encode("latin-1", "replace")
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, part in enumerate(parts, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start)
