"""Files of invoices and direct costs: an address that wants the bearer token, then a signed storage address.

Procore: the token must not be forwarded to the storage, whose host may change and whose link lives about 60 s
(reference 5). What goes wrong with one file is its `behaviour`:

at the API         not_found, forbidden, redirect_loop, private_redirect (to `location`), no_redirect (the file itself)
at the storage     expired, storage_forbidden, storage_not_found, storage_500, redirect_again (one more hop)
in the content     wrong_length (promises twice as much), cut_short (the connection ends half way), no_length (chunked),
                   empty, wrong_type (HTML under the promised type), slow (spread over `seconds`), html_page (200, HTML)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError
from emulators.procore.emulation import Emulation
from emulators.procore.files import content_of, small_pdf

_LINK_SECONDS = 60
BEHAVIOURS = (
    "good",
    "not_found",
    "forbidden",
    "redirect_loop",
    "private_redirect",
    "no_redirect",
    "expired",
    "storage_forbidden",
    "storage_not_found",
    "storage_500",
    "redirect_again",
    "wrong_length",
    "cut_short",
    "no_length",
    "empty",
    "wrong_type",
    "slow",
    "html_page",
)
_STORAGE_STATUS = {"storage_forbidden": 403, "storage_not_found": 404, "storage_500": 500}
_HTML = b"<!doctype html><html><body><h1>Sign in</h1></body></html>"


@dataclass(frozen=True)
class StoredFile:
    """A row of the attachment table with what was ordered for it."""

    id: int
    holder_id: int
    filename: str
    content_type: str
    title: str
    traits: dict[str, Any]

    @property
    def behaviour(self) -> str:
        return str(self.traits.get("behaviour", "good"))

    @property
    def content(self) -> bytes:
        size = self.traits.get("size")
        lines = [self.title, self.filename, "Made by the Procore emulator."]
        return content_of(self.content_type, lines, None if size is None else int(size))


def stored_file(emulation: Emulation, attachment_id: int) -> StoredFile | None:
    row = emulation.ledger.one(
        "SELECT attachment.*, traits FROM attachment LEFT JOIN attachment_trait ON attachment_id = attachment.id"
        " WHERE attachment.id = ?",
        (attachment_id,),
    )
    if row is None:
        return None
    traits = json.loads(row["traits"] or "{}")
    return StoredFile(row["id"], row["invoice_id"], row["filename"], row["content_type"], row["title"], traits)


def attachment_pages(emulation: Emulation) -> Blueprint:
    pages = Blueprint("attachments", __name__)
    key = secrets.token_bytes(32)

    def sign(name: object, expires: int) -> str:
        return hmac.new(key, f"{name}:{expires}".encode(), hashlib.sha256).hexdigest()

    def storage_link(file: StoredFile, folder: str = "") -> str:
        late = -1 if file.behaviour == "expired" else _LINK_SECONDS
        expires = int(emulation.clock.epoch()) + late
        base = emulation.switches["storage_base_url"] or emulation.public_url
        path = f"/_storage/{folder}{file.id}/{quote(file.filename)}"
        return f"{base}{path}?X-Expires={expires}&X-Signature={sign(file.id, expires)}"

    @pages.get("/rest/v1.0/prostore_files/<int:attachment_id>/<filename>")
    def open_file(attachment_id: int, filename: str) -> ResponseReturnValue:
        file = stored_file(emulation, attachment_id)
        if file is None or file.behaviour == "not_found":
            raise ApiError(404, "Not Found")
        emulation.ledger.append("attachment_opened", attachment_id)
        if file.behaviour == "forbidden":
            raise ApiError(403, "You are not permitted to access this file")
        if file.behaviour == "redirect_loop":
            return redirect(f"{request.base_url}?again={secrets.token_hex(4)}", 302)
        if file.behaviour == "private_redirect":
            return redirect(str(file.traits.get("location", "http://169.254.169.254/latest/meta-data/")), 302)
        if file.behaviour == "no_redirect":
            return _sent(file)
        return redirect(storage_link(file, "moved/" if file.behaviour == "redirect_again" else ""), 302)

    @pages.get("/_storage/moved/<int:attachment_id>/<filename>")
    def moved_file(attachment_id: int, filename: str) -> ResponseReturnValue:
        file = stored_file(emulation, attachment_id)
        return Response(status=404) if file is None else redirect(storage_link(file), 307)

    @pages.get("/_storage/<int:attachment_id>/<filename>")
    def stored(attachment_id: int, filename: str) -> ResponseReturnValue:
        if (refusal := _token_refused(emulation, attachment_id)) is not None:
            return refusal
        expires = request.args.get("X-Expires", 0, type=int)
        good = hmac.compare_digest(sign(attachment_id, expires), request.args.get("X-Signature", ""))
        file = stored_file(emulation, attachment_id)
        if not good or expires < emulation.clock.epoch() or file is None:
            return Response("Request has expired", 403, content_type="text/plain")
        if file.behaviour in _STORAGE_STATUS:
            return Response("AccessDenied", _STORAGE_STATUS[file.behaviour], content_type="application/xml")
        emulation.ledger.append("attachment_downloaded", attachment_id)
        return _sent(file)

    @pages.get("/_storage/compiled/<int:job_id>.pdf")
    def compiled(job_id: int) -> ResponseReturnValue:
        """The result of a PDF job; its link needs no token (reference 2.1)."""
        if (refusal := _token_refused(emulation, job_id)) is not None:
            return refusal
        job = emulation.storage.get("pdf_job", job_id)
        invoice = None if job is None else emulation.rows.find(job["requisition_id"])
        if invoice is None:
            return Response("Request has expired", 403, content_type="text/plain")
        lines = [f"Subcontractor invoice {invoice.invoice_number}", f"Status: {invoice.status}"]
        return Response(small_pdf(lines), content_type="application/pdf")

    return pages


def _token_refused(emulation: Emulation, subject: int) -> Response | None:
    """A token at the storage is a leak, told to the ledger; the storage may refuse it."""
    if "Authorization" not in request.headers:
        return None
    emulation.ledger.append("token_forwarded_to_storage", subject)
    if not emulation.switches["storage_refuses_token"]:
        return None
    return Response("Only one auth mechanism allowed", 400, content_type="text/plain")


def _sent(file: StoredFile) -> Response:
    content, behaviour = file.content, file.behaviour
    if behaviour == "html_page":
        return Response(_HTML, content_type="text/html")
    if behaviour == "wrong_type":
        return Response(_HTML, content_type=file.content_type)
    if behaviour == "empty":
        return Response(b"", content_type=file.content_type)
    if behaviour in ("wrong_length", "cut_short"):
        promised = len(content) * 2 if behaviour == "wrong_length" else len(content)
        part = content if behaviour == "wrong_length" else content[: len(content) // 2]
        return Response(_then_cut(part), content_type=file.content_type, headers={"Content-Length": str(promised)})
    if behaviour == "no_length":
        return Response((content[i : i + 65536] for i in range(0, len(content), 65536)), content_type=file.content_type)
    if behaviour == "slow":
        seconds = float(file.traits.get("seconds", 5))
        answer = Response(_dripping(content, seconds), content_type=file.content_type)
        answer.headers["Content-Length"] = str(len(content))
        return answer
    return Response(content, content_type=file.content_type)


def _then_cut(content: bytes) -> Iterator[bytes]:
    """The content, and then the end of the connection, although the header promised more."""
    handler = request.environ.get("emulators.handler")

    def pieces() -> Iterator[bytes]:
        yield content
        if handler is not None:
            handler.wfile.flush()
            handler.close_connection = True
        raise ConnectionAbortedError("this file ends before its length")

    return pieces()


def _dripping(content: bytes, seconds: float) -> Iterator[bytes]:
    size = max(1, -(-len(content) // 20))
    for start in range(0, len(content), size):
        time.sleep(seconds / 20)
        yield content[start : start + size]
