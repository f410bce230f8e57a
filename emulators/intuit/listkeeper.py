"""What a person does to the lists in QuickBooks: add, rename, inactivate, take back, merge.

Intuit: list entries are never deleted, only made inactive (qbo.md section 5). What a merge leaves behind is a switch.
"""

from __future__ import annotations

import copy
from typing import Any

from emulators.intuit import answers
from emulators.intuit.entities import save_list_object
from emulators.intuit.shapes import LISTS, TRANSACTIONS
from emulators.intuit.store import Body, Origin, Record, Store

PERSON = Origin("bookkeeper")
_REFERENCE_NAMES = {
    "Vendor": ("VendorRef",),
    "Customer": ("CustomerRef",),
    "Item": ("ItemRef",),
    "Class": ("ClassRef",),
    "Department": ("DepartmentRef",),
    "Term": ("SalesTermRef", "TermRef"),
    "Account": (
        "AccountRef",
        "APAccountRef",
        "ExpenseAccountRef",
        "IncomeAccountRef",
        "BankAccountRef",
        "CCAccountRef",
    ),
}
_SHORT = {"name": "Name", "active": "Active", "number": "AcctNum", "currency": "CurrencyRef", "parent_id": "ParentRef"}


def list_kind(name: str) -> str:
    kind = {known.lower(): known for known in LISTS}.get(name.lower())
    if kind is None:
        raise ValueError(f"The list is one of {', '.join(LISTS)}.")
    return kind


def entry(store: Store, realm: str, kind: str, identifier: str) -> Record:
    record = store.find(realm, kind, identifier)
    if record is None or record.deleted:
        raise answers.not_found()
    return record


def add_entry(store: Store, realm: str, kind: str, sent: Body) -> Record:
    """The properties of the API, or the short names name, active, number, currency, parent_id."""
    with store.ledger.writing():
        return save_list_object(store, realm, kind, _long_names(kind, sent), PERSON)


def change_entry(store: Store, realm: str, kind: str, identifier: str, sent: Body) -> Record:
    """What is not sent stays as it is."""
    with store.ledger.writing():
        record = entry(store, realm, kind, identifier)
        envelope = {"Id": record.id, "SyncToken": str(record.sync), "sparse": True}
        return save_list_object(store, realm, kind, _long_names(kind, sent) | envelope, PERSON)


def merge_entry(store: Store, realm: str, kind: str, identifier: str, into: str) -> Record:
    """The entry goes; what used it uses the survivor from now on. Answer the survivor."""
    with store.ledger.writing():
        gone, survivor = entry(store, realm, kind, identifier), entry(store, realm, kind, into)
        if gone is survivor:
            raise ValueError("An entry cannot be merged with itself.")
        visible = store.switches.on("merge_touches_transactions", realm)
        for other_kind in (*TRANSACTIONS, *LISTS):
            for record in store.live(realm, other_kind):
                body = copy.deepcopy(record.body)
                if not _point_elsewhere(body, _REFERENCE_NAMES.get(kind, ()), gone.id, into):
                    continue
                if visible and other_kind in TRANSACTIONS:
                    store.replace(record, body, PERSON)
                else:
                    store.rewrite(record, body)
        gone.authors["merged_into"] = into
        if store.switches.text("merged_entry", realm) == "deleted":
            store.delete(gone, PERSON, "merged")
        else:
            name = "DisplayName" if "DisplayName" in gone.body else "Name"
            store.replace(gone, {**gone.body, "Active": False, name: f"{gone.body[name]} (Deleted)"}, PERSON, "merged")
        return survivor


def _long_names(kind: str, sent: Body) -> Body:
    body: Body = {}
    for key, value in sent.items():
        name = _SHORT.get(key, key)
        if name == "Name" and kind in ("Vendor", "Customer", "Employee"):
            name = "DisplayName"
        body[name] = {"value": str(value)} if name.endswith("Ref") and not isinstance(value, dict) else value
    return body


def _point_elsewhere(value: Any, names: tuple[str, ...], old: str, new: str) -> bool:
    """Turn references in place; answer whether there were any."""
    turned = False
    if isinstance(value, list):
        for part in value:
            turned = _point_elsewhere(part, names, old, new) or turned
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in names and isinstance(part, dict) and part.get("value") == old:
                part["value"] = new
                turned = True
            else:
                turned = _point_elsewhere(part, names, old, new) or turned
    return turned
