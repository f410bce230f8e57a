"""How a stored object looks from outside: with the figures that are computed when it is read."""

from __future__ import annotations

from emulators.intuit.store import Body, Record, Store


def present(store: Store, record: Record) -> Body:
    """The object as the API shows it."""
    shown = record.as_json()
    if record.kind == "Vendor":
        shown["Balance"] = store.open_balance(record.realm, record.id)
    elif record.kind == "Attachable" and "FileName" in record.body:
        shown["TempDownloadUri"] = f"{store.public_url}/_download/{record.realm}/{record.id}"
    return shown
