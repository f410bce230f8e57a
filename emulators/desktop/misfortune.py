"""What happens to a company file around a cut: a person edits or deletes, records vanish, a backup comes back."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import fromstring

from emulators.desktop import recovery
from emulators.desktop.store import PERSON, Record, Store
from emulators.desktop.writing import unapply
from emulators.shared.faults import FaultRule

_MESSAGE_SET = re.compile(r'newMessageSetID="([^"]*)"')


def befall(store: Store, file: str, rule: FaultRule, text: str, response: str, backup: dict[str, Any] | None) -> None:
    """Do to the file what the cut stands for."""
    if rule.fault in ("record_lost", "record_and_reference_lost"):
        for identifier in _MESSAGE_SET.findall(text):
            recovery.forget(store, file, identifier)
    if rule.fault in ("reference_changed", "record_and_reference_lost"):
        for record in _saved(store, file, response):
            changed = str(rule.extra.get("ref_number", f"{record.body.get('RefNumber', '')[:12]} edited"))
            store.replace(file, record, {**record.body, "RefNumber": changed}, PERSON)
    if rule.fault in ("deleted_unseen", "deleted_after"):
        for record in _saved(store, file, response):
            unapply(store, file, record, PERSON)
            store.delete(file, record, PERSON)
    if rule.fault in ("restored_unseen", "restored_after") and backup is not None:
        store.restore(file, backup)


def _saved(store: Store, file: str, response: str) -> list[Record]:
    """The transactions that a response says were saved."""
    found = (store.find(file, element.text or "") for element in fromstring(response).iterfind(".//TxnID"))  # noqa: S314
    return [
        record for record in found if record is not None and record.alive and record.kind in ("Bill", "VendorCredit")
    ]
