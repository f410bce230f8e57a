"""Notifications to the app: signed, in either format, one after the other.

Intuit: header intuit-signature is base64 of HMAC-SHA256 over the raw body; the receiver has 3 s; retries follow at
10 s, 20 s, 30 s, 5 min, 20 min and hours later, and later events wait behind a failed one (qbo.md section 2.11).
The switches webhook_... are the weather: lost, doubled and shuffled events, wrong signatures.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from datetime import UTC, datetime
from typing import Any

from emulators.intuit.notifications import Change, post, render, signature
from emulators.intuit.store import Origin, Record, Store

_RETRIES = (10, 20, 30, 300, 1200, 7200, 14400, 21600)
_ENTITIES = (
    "Account", "Bill", "BillPayment", "Class", "Customer", "Department", "Employee", "Item", "Preferences", "Term",
    "Vendor", "VendorCredit",
)  # fmt: skip


class WebhookSender:
    """Collects changes and sends them from one thread, so that their order is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: queue.Queue[Change] = queue.Queue()
        self._chance = random.Random(20260101)
        # What is neither sent nor given up yet, for those who want to wait for quiet.
        self._lock = threading.Lock()
        self._open = 0
        store.listeners.append(self._note)
        store.switches.preference_watchers.append(self._note_preferences)
        threading.Thread(target=self._run, daemon=True, name="webhooks").start()

    @property
    def waiting(self) -> int:
        with self._lock:
            return self._open

    def send(self, changes: list[Change], signing: str, style: str) -> int:
        """Deliver once, now, past the queue and the weather; answer the status (0: nobody answered)."""
        url, body = self._store.switches.text("webhook_url"), render(changes, style)
        return self._deliver_once(url, body, changes, signing, style)

    def send_raw(self, body: bytes, signing: str) -> int:
        return self._deliver_once(self._store.switches.text("webhook_url"), body, [], signing, "raw")

    def _note(self, record: Record, verb: str, origin: Origin) -> None:
        if record.kind not in _ENTITIES:
            return
        if origin.payment and record.kind != "BillPayment" and not self._store.switches.on("webhook_after_payment"):
            return
        change: Change = {"realm": record.realm, "name": record.kind, "id": record.id, "verb": verb}
        change["at"] = self._moment(record.updated)
        if "merged_into" in record.authors and verb == "merged":
            # The survivor is named, and the entry that is gone beside it.
            change |= {"id": record.authors["merged_into"], "deleted_id": record.id}
        self._take(change)

    def _note_preferences(self, realm: str) -> None:
        for name in [realm] if realm else self._store.realms():
            self._take({"realm": name, "name": "Preferences", "id": "1", "verb": "updated", "at": self._moment()})

    def _take(self, change: Change) -> None:
        if not self._store.switches.text("webhook_url"):
            return
        if self._struck("webhook_drop_percent"):
            self._store.ledger.append("webhook.dropped", change["realm"], change)
            return
        with self._lock:
            self._open += 1
        self._waiting.put(change)

    def _moment(self, epoch: float = 0) -> str:
        moment = datetime.fromtimestamp(epoch or self._store.now(), UTC).isoformat(timespec="milliseconds")
        return moment.replace("+00:00", "Z")

    def _struck(self, switch: str) -> bool:
        return self._chance.random() * 100 < self._store.switches.number(switch)

    def _run(self) -> None:
        while True:
            changes = [self._waiting.get()]
            time.sleep(max(self._store.switches.number("webhook_delay_ms"), 20) / 1000)
            while not self._waiting.empty():
                changes.append(self._waiting.get())
            taken = len(changes)
            if self._store.switches.on("webhook_shuffle"):
                self._chance.shuffle(changes)
            self._deliver(changes)
            with self._lock:
                self._open -= taken

    def _deliver(self, changes: list[Change]) -> None:
        url, tries = self._store.switches.text("webhook_url"), 0
        while url:
            style = self._store.switches.text("webhook_format")
            body = render(changes, style)
            signing = self._store.switches.text("webhook_signature")
            if self._deliver_once(url, body, changes, signing, style) == 200:
                if self._struck("webhook_duplicate_percent"):
                    self._deliver_once(url, body, changes, signing, style)
                return
            self._pause(_RETRIES[min(tries, len(_RETRIES) - 1)], url)
            url, tries = self._store.switches.text("webhook_url"), tries + 1

    def _pause(self, seconds: float, url: str) -> None:
        """Wait, but not on behalf of a destination that is no longer wanted; the scale may change meanwhile."""
        started = time.monotonic()
        while self._store.switches.text("webhook_url") == url:
            if time.monotonic() - started >= seconds / max(self._store.switches.number("time_scale"), 1):
                return
            time.sleep(0.05)

    def _deliver_once(self, url: str, body: bytes, changes: list[Change], signing: str, style: str) -> int:
        headers = {"Content-Type": "application/json"}
        if signing != "missing":
            key = self._store.switches.text("webhook_verifier_token") if signing == "right" else "another token"
            headers["intuit-signature"] = signature(key, body)
        started = time.monotonic()
        status = post(url, body, headers)
        self._store.ledger.append(
            "webhook.sent",
            url,
            {
                "status": status,
                "events": changes,
                "format": style,
                "signature": signing,
                "milliseconds": round((time.monotonic() - started) * 1000),
            },
        )
        return status


def change_of(sent: dict[str, Any], now: float) -> Change:
    """An invented event of the control interface: {"realm", "name", "id", "verb", "at"}."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = {"realm": "", "name": "Bill", "id": "1", "verb": "updated", "at": moment}
    return {name: str(sent.get(name, value)) for name, value in known.items()}
