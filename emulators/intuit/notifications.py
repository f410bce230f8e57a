"""One webhook request: its body in both formats, its signature, and its delivery.

Intuit: both formats are in qbo.md section 2.11; the operation Merge with deletedId is inferred.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
import uuid
from typing import Any

# realm, name, id, verb, at; deleted_id of a merge.
Change = dict[str, str]
_OPERATIONS = {"created": "Create", "updated": "Update", "deleted": "Delete", "voided": "Void", "merged": "Merge"}
_SECONDS = 3


def render(changes: list[Change], style: str) -> bytes:
    if style != "legacy":
        return json.dumps([_cloud_event(change) for change in changes]).encode()
    realms = list(dict.fromkeys(change["realm"] for change in changes))
    parts = [
        {"realmId": realm, "dataChangeEvent": {"entities": [_legacy(c) for c in changes if c["realm"] == realm]}}
        for realm in realms
    ]
    return json.dumps({"eventNotifications": parts}).encode()


def signature(key: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer; 0 if there was none in time."""
    if not url.startswith(("http://", "https://")):
        return 0
    try:
        with urllib.request.urlopen(  # noqa: S310 - the address was typed in by whoever runs the emulator
            urllib.request.Request(url, body, headers),  # noqa: S310
            timeout=_SECONDS,
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0


def _legacy(change: Change) -> dict[str, str]:
    operation = _OPERATIONS.get(change["verb"], change["verb"])
    entity = {"id": change["id"], "operation": operation, "name": change["name"], "lastUpdated": change["at"]}
    return {**entity, "deletedId": change["deleted_id"]} if "deleted_id" in change else entity


def _cloud_event(change: Change) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "intuit.emulator",
        "type": f"qbo.{change['name'].lower()}.{change['verb']}.v1",
        "datacontenttype": "application/json",
        "time": change["at"],
        "intuitentityid": change["id"],
        "intuitaccountid": change["realm"],
        "data": {"deletedId": change["deleted_id"]} if "deleted_id" in change else {},
    }
