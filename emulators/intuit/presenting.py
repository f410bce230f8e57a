"""How a stored object looks from outside: with the figures and names that are computed when it is read."""

from __future__ import annotations

from typing import Any

from emulators.intuit.rules import full_name
from emulators.intuit.store import Body, Record, Store

# Which list a reference points into; the name in it is that of today, not of the day it was written.
_REFERENCES = {
    "VendorRef": "Vendor",
    "CustomerRef": "Customer",
    "ItemRef": "Item",
    "ClassRef": "Class",
    "DepartmentRef": "Department",
    **dict.fromkeys(
        ("AccountRef", "APAccountRef", "ExpenseAccountRef", "IncomeAccountRef", "BankAccountRef", "CCAccountRef"),
        "Account",
    ),
}


def present(store: Store, record: Record) -> Body:
    """The object as the API shows it."""
    shown: Body = with_names(store, record.realm, record.as_json())
    if record.kind == "Vendor":
        shown["Balance"] = store.open_balance(record.realm, record.id)
    elif record.kind == "Attachable" and "FileName" in record.body:
        shown["TempDownloadUri"] = f"{store.public_url}/_download/{record.realm}/{record.id}"
    return shown


def with_names(store: Store, realm: str, value: Any) -> Any:
    """A copy in which every reference carries the present name of what it points to."""
    if isinstance(value, list):
        return [with_names(store, realm, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    shown = {key: with_names(store, realm, entry) for key, entry in value.items()}
    for key, reference in shown.items():
        if key in _REFERENCES and isinstance(reference, dict) and "name" in reference:
            record = store.find(realm, _REFERENCES[key], reference["value"])
            if record is not None:
                reference["name"] = full_name(record.body)
    return shown
