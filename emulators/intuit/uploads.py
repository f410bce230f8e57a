"""Attachments: notes, uploaded files, and their links to bills.

Intuit: Attachable and "Attach images and notes", collected in qbo.md section 2.8.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from emulators.intuit import answers, json_text
from emulators.intuit.answers import QboFault
from emulators.intuit.presenting import present
from emulators.intuit.rules import Check, check_sync_token
from emulators.intuit.shapes import TRANSACTIONS
from emulators.intuit.store import Body, Origin, Record, Store

MOST_BYTES = 100 * 1024 * 1024
CONTENT_TYPES = {
    "ai": "application/postscript",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eps": "application/postscript",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "pdf": "application/pdf",
    "png": "image/png",
    "rtf": "text/rtf",
    "tif": "image/tiff",
    "txt": "text/plain",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "text/xml",
}
_PART_NAME = re.compile(r"file_(metadata|content)_(\d+)")


@dataclass(frozen=True)
class Part:
    name: str
    file_name: str
    content_type: str
    content: bytes


def save_attachable(store: Store, realm: str, sent: Any, origin: Origin) -> Record:
    """Create a note, or update the data of an attachment."""
    if not isinstance(sent, dict):
        raise answers.unreadable_body("the body is not an object")
    body = Check(store, realm, "Attachable").body(sent)
    _check_links(store, realm, body)
    if sent.get("Id") in (None, ""):
        if not body.get("Note"):
            raise answers.missing("Note")
        return store.insert(realm, "Attachable", body, origin)
    record = store.find(realm, "Attachable", str(sent["Id"]))
    if record is None or record.deleted:
        raise answers.not_found()
    check_sync_token(sent, record.sync)
    fixed = ("FileName", "Size", "ContentType", "FileAccessUri")
    body |= {name: value for name, value in record.body.items() if name in fixed}
    return store.replace(record, body, origin)


def delete_attachable(store: Store, realm: str, sent: Any, origin: Origin) -> Record:
    record = store.find(realm, "Attachable", str(sent.get("Id", ""))) if isinstance(sent, dict) else None
    if record is None or record.deleted:
        raise answers.not_found()
    check_sync_token(sent, record.sync)
    store.delete(record, origin)
    return record


def take_upload(store: Store, realm: str, content_type: str, payload: bytes, origin: Origin) -> list[Body]:
    """The AttachableResponse list. Intuit: each entry has an Attachable or a Fault while the status is 200."""
    if len(payload) > MOST_BYTES:
        raise answers.single("6030", "Upload too large", "The request is larger than 100 MB")
    metadata: dict[str, Part] = {}
    contents: dict[str, Part] = {}
    for part in split_parts(content_type, payload):
        match = _PART_NAME.fullmatch(part.name)
        if match is not None:
            (metadata if match.group(1) == "metadata" else contents)[match.group(2)] = part
    if not contents:
        raise answers.single("6040", "Invalid upload", "No file_content part was found")
    found: list[Body] = []
    for number, part in contents.items():
        try:
            record = _take_one(store, realm, metadata.get(number), part, origin)
            found.append({"Attachable": present(store, record)})
        except QboFault as fault:
            found.append({"Fault": fault.fault()})
    return found


def _take_one(store: Store, realm: str, described: Part | None, part: Part, origin: Origin) -> Record:
    sent: Any = {"FileName": part.file_name}
    if described is not None:
        try:
            sent = json_text.parse(described.content)
        except ValueError:
            raise answers.single("6040", "Invalid metadata", "The metadata of the file is not JSON") from None
    body = Check(store, realm, "Attachable").body(sent)
    body.setdefault("FileName", part.file_name)
    name = body["FileName"]
    if not name:
        raise answers.missing("FileName")
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in CONTENT_TYPES:
        raise answers.single("6040", "Invalid file type", f"Files of type {ending or 'unknown'} are not supported")
    _check_links(store, realm, body)
    body.setdefault("ContentType", part.content_type or CONTENT_TYPES[ending])
    body["Size"] = len(part.content)
    with store.ledger.writing() as db:
        record = store.insert(realm, "Attachable", body, origin)
        db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?)", (realm, record.id, part.content))
        record.authors["sha256"] = hashlib.sha256(part.content).hexdigest()
        store.rewrite(record, {**record.body, "FileAccessUri": f"/v3/company/{realm}/download/{record.id}"})
    return record


def _check_links(store: Store, realm: str, body: Body) -> None:
    for link in body.get("AttachableRef", []):
        reference = link.get("EntityRef", {})
        kind, identifier = reference.get("type", ""), reference.get("value", "")
        target = store.find(realm, kind, identifier)
        if target is None or target.deleted or kind not in (*TRANSACTIONS, "Vendor", "Customer", "Item"):
            raise answers.single("6050", "Invalid entity", f"There is no {kind or 'entity'} with id {identifier}")
        link.setdefault("IncludeOnSend", False)


def split_parts(content_type: str, payload: bytes) -> list[Part]:
    """The parts of a multipart body; CRLF and bare LF line ends, base64 where a part says so."""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if "multipart/form-data" not in content_type or match is None:
        raise answers.single("6040", "Invalid upload", "The request is not multipart/form-data")
    mark = re.escape(match.group(1).strip().encode("latin-1"))
    pieces = re.split(rb"(?:^|\r?\n)--" + mark + rb"(?:--)?[ \t]*(?=\r?\n|$)", payload)
    return [part for piece in pieces[1:] if (part := _read_part(piece)) is not None]


def _read_part(piece: bytes) -> Part | None:
    match = re.match(rb"\r?\n(.*?)\r?\n\r?\n(.*)\Z", piece, re.DOTALL)
    if match is None:
        return None
    headers: dict[str, str] = {}
    for line in match.group(1).decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    content = match.group(2)
    if headers.get("content-transfer-encoding", "").lower() == "base64":
        try:
            content = base64.b64decode(content, validate=False)
        except binascii.Error:
            raise answers.single("6040", "Invalid upload", "A part is not valid base64") from None
    return Part(
        _parameter(disposition, "name"),
        _parameter(disposition, "filename"),
        headers.get("content-type", ""),
        content,
    )


def _parameter(disposition: str, name: str) -> str:
    match = re.search(rf'(?:^|[;\s]){name}="((?:\\.|[^"\\])*)"', disposition)
    return re.sub(r"\\(.)", r"\1", match.group(1)) if match is not None else ""
