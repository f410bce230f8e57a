"""Notifications to the app: signed, in either format, one after the other.

Intuit: header intuit-signature is base64 of HMAC-SHA256 over the raw body; the receiver has 3 s; retries follow at
10 s, 20 s, 30 s, 5 min and later, and later events wait behind a failed one (qbo.md section 2.11).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

from emulators.intuit.store import Record, Store

_RETRIES = (10, 20, 30, 300)
_ENTITIES = (
    "Account", "Bill", "BillPayment", "Class", "Customer", "Department", "Item", "Term", "Vendor", "VendorCredit",
)  # fmt: skip
_OPERATIONS = {"created": "Create", "updated": "Update", "deleted": "Delete", "voided": "Void"}


class WebhookSender:
    """Collects changes and sends them from one thread, so that their order is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: queue.Queue[dict[str, str]] = queue.Queue()
        store.listeners.append(self._note)
        threading.Thread(target=self._run, daemon=True, name="webhooks").start()

    def _note(self, record: Record, verb: str) -> None:
        if self._store.switches.text("webhook_url") and record.kind in _ENTITIES:
            moment = datetime.fromtimestamp(record.updated, UTC).isoformat(timespec="milliseconds")
            change = {"realm": record.realm, "name": record.kind, "id": record.id, "verb": verb}
            self._waiting.put({**change, "at": moment.replace("+00:00", "Z")})

    def _run(self) -> None:
        while True:
            changes = [self._waiting.get()]
            time.sleep(max(self._store.switches.number("webhook_delay_ms"), 20) / 1000)
            while not self._waiting.empty():
                changes.append(self._waiting.get())
            self._deliver(changes)

    def _deliver(self, changes: list[dict[str, str]]) -> None:
        for wait in (0, *_RETRIES):
            time.sleep(wait)
            url = self._store.switches.text("webhook_url")
            if not url:
                return
            body = json.dumps(self._body(changes)).encode()
            status = self._post(url, body)
            self._store.ledger.append(
                "webhook.sent",
                url,
                {"status": status, "events": changes, "format": self._store.switches.text("webhook_format")},
            )
            if status == 200:
                return

    def _body(self, changes: list[dict[str, str]]) -> Any:
        if self._store.switches.text("webhook_format") == "legacy":
            realms = list(dict.fromkeys(change["realm"] for change in changes))
            return {
                "eventNotifications": [
                    {
                        "realmId": realm,
                        "dataChangeEvent": {"entities": [_legacy(c) for c in changes if c["realm"] == realm]},
                    }
                    for realm in realms
                ]
            }
        return [_cloud_event(change) for change in changes]

    def _post(self, url: str, body: bytes) -> int:
        key = self._store.switches.text("webhook_verifier_token").encode()
        signature = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
        headers = {"Content-Type": "application/json", "intuit-signature": signature}
        if not url.startswith(("http://", "https://")):
            return 0
        try:
            with urllib.request.urlopen(  # noqa: S310 - the address was typed in by whoever runs the emulator
                urllib.request.Request(url, body, headers),  # noqa: S310
                timeout=3,
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


def _legacy(change: dict[str, str]) -> dict[str, str]:
    operation = _OPERATIONS[change["verb"]]
    return {"id": change["id"], "operation": operation, "name": change["name"], "lastUpdated": change["at"]}


def _cloud_event(change: dict[str, str]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "intuit.emulator",
        "type": f"qbo.{change['name'].lower()}.{change['verb']}.v1",
        "datacontenttype": "application/json",
        "time": change["at"],
        "intuitentityid": change["id"],
        "intuitaccountid": change["realm"],
        "data": {},
    }
