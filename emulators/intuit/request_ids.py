"""The idempotency key `requestid`: a repeat gets the stored original response.

Intuit: unique per company, at most 50 characters, in a batch at most 36 (qbo.md section 3.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from emulators.intuit import answers
from emulators.intuit.store import Store

MOST, MOST_IN_BATCH = 50, 36
Answer = tuple[int, str]


def once(
    store: Store, realm: str, request_id: str, payload: bytes, act: Callable[[], Answer], honoured: bool = True
) -> Answer:
    """Run `act` unless this id has an answer already; the answer and what it changed are committed together."""
    if not request_id or not honoured or store.switches.text("requestid", realm) == "ignored":
        with store.ledger.writing():
            return act()
    fingerprint = hashlib.sha256(payload).hexdigest()
    with store.ledger.writing():
        row = store.ledger.one("SELECT * FROM reply WHERE realm = ? AND request_id = ?", (realm, request_id))
        if row is not None and not _expired(store, realm, row["at"]) and _counts(store, realm, row["status"]):
            changed = row["fingerprint"] != fingerprint
            if changed and store.switches.text("requestid_changed_body", realm) == "fault_600":
                raise answers.single("600", "RequestId already exists", f"RequestId {request_id} was used before")
            store.ledger.append("replayed", f"{realm}/{request_id}", {"changed_body": changed})
            return int(row["status"]), str(row["body"])
        status, body = act()
        store.ledger.execute(
            "INSERT OR REPLACE INTO reply VALUES (?, ?, ?, ?, ?, ?)",
            (realm, request_id, store.now(), status, fingerprint, body),
        )
        return status, body


def _expired(store: Store, realm: str, at: float) -> bool:
    lifetime = store.switches.number("requestid_lifetime_seconds", realm)
    return bool(lifetime) and store.now() > at + lifetime


def _counts(store: Store, realm: str, status: int) -> bool:
    return status < 400 or store.switches.on("requestid_replays_failures", realm)
