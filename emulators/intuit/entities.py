"""List objects: vendors, customers, employees, accounts, items, classes, departments, terms.

Intuit: create without Id, full update with Id and SyncToken, sparse update keeps what is not sent, inactivation by
Active=false instead of deletion (qbo.md sections 2 and 5).
"""

from __future__ import annotations

from typing import Any

from emulators.intuit import answers
from emulators.intuit.rules import CURRENCIES, Check, check_sync_token, full_name
from emulators.intuit.store import Body, Origin, Record, Store

# Intuit: DisplayName is unique over vendors, customers and employees together.
_SHARED_NAMES = ("Vendor", "Customer", "Employee")
_DELETED = " (deleted)"

_CLASSIFICATION = {
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Other Income": "Revenue",
    "Cost of Goods Sold": "Expense",
    "Expense": "Expense",
    "Other Expense": "Expense",
}
_PARENT_FLAG = {
    "Account": "SubAccount",
    "Class": "SubClass",
    "Customer": "Job",
    "Department": "SubDepartment",
    "Item": "SubItem",
}


def save_list_object(store: Store, realm: str, kind: str, sent: Any, origin: Origin) -> Record:
    """Create, or update if the body has an Id."""
    if not isinstance(sent, dict):
        raise answers.unreadable_body("the body is not an object")
    if sent.get("Id") in (None, ""):
        body = _completed(store, realm, kind, Check(store, realm, kind).body(sent), None)
        return store.insert(realm, kind, body, origin)
    record = store.find(realm, kind, str(sent["Id"]))
    if record is None or record.deleted:
        raise answers.not_found()
    check_sync_token(sent, record.sync)
    sparse = sent.get("sparse") is True
    body = Check(store, realm, kind).body(sent, partial=sparse)
    if sparse:
        kept = {name: value for name, value in record.body.items() if name not in sent}
        body = {**kept, **body}
    store.replace(record, _completed(store, realm, kind, body, record), origin)
    _rename_children(store, record)
    return record


def _rename_children(store: Store, record: Record) -> None:
    """The full names below follow quietly; QuickBooks does not count that as a change of the children."""
    for child in store.live(record.realm, record.kind):
        if child.body.get("ParentRef", {}).get("value") == record.id:
            own = str(child.body.get("DisplayName") or child.body.get("Name"))
            name = f"{full_name(record.body)}:{own}"
            if child.body.get("FullyQualifiedName") != name:
                store.rewrite(child, {**child.body, "FullyQualifiedName": name})
                _rename_children(store, child)


def _completed(store: Store, realm: str, kind: str, body: Body, record: Record | None) -> Body:
    """The body with what QuickBooks fills in itself, after the checks that concern the whole list."""
    body.setdefault("Active", True)
    if kind in _SHARED_NAMES:
        _complete_name(store, realm, kind, body, record)
    else:
        _check_name(store, realm, kind, body, record)
    if kind == "Account":
        _complete_account(body)
    if kind == "Item":
        _complete_item(body)
    if kind == "Term":
        body.setdefault("Type", "STANDARD" if "DayOfMonthDue" not in body else "DATE_DRIVEN")
    _place_in_tree(store, realm, kind, body)
    return body


def _complete_name(store: Store, realm: str, kind: str, body: Body, record: Record | None) -> None:
    name = body.get("DisplayName") or " ".join(
        str(body[part]) for part in ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix") if body.get(part)
    )
    if not name:
        raise answers.missing("DisplayName")
    if any(mark in name for mark in ":\t\n"):
        raise answers.bad_value("DisplayName", "colon, tab and new line are not allowed")
    if not body["Active"] and not name.lower().endswith(_DELETED):
        # QuickBooks frees the name of an inactive vendor or customer by a suffix.
        name = f"{name} (Deleted)"
    if body["Active"] and record is not None and not record.active and name.lower().endswith(_DELETED):
        # Taken back: the name without the suffix, which must be free by now.
        name = name[: -len(_DELETED)]
    for other_kind in _SHARED_NAMES:
        for other in store.live(realm, other_kind):
            if other is not record and str(other.body["DisplayName"]).lower() == name.lower():
                raise answers.duplicate_name(other_kind)
    body["DisplayName"] = name
    body.setdefault("PrintOnCheckName", body.get("CompanyName") or name)
    if kind != "Employee":
        _complete_currency(body, record)
    if kind == "Vendor":
        body.setdefault("Vendor1099", False)
        if number := body.get("TaxIdentifier"):
            body["TaxIdentifier"] = "X" * max(len(number) - 4, 0) + number[-4:]


def _complete_currency(body: Body, record: Record | None) -> None:
    """Intuit: the currency is fixed when the vendor is created."""
    currency: Body = {"value": "USD", "name": CURRENCIES["USD"]}
    if record is not None:
        currency = record.body["CurrencyRef"]
    if record is not None and body.get("CurrencyRef", currency)["value"] != currency["value"]:
        raise answers.business_rule("The currency of an existing name cannot be changed.")
    body.setdefault("CurrencyRef", currency)


def _check_name(store: Store, realm: str, kind: str, body: Body, record: Record | None) -> None:
    parent = body.get("ParentRef", {}).get("value")
    for other in store.live(realm, kind):
        same_parent = other.body.get("ParentRef", {}).get("value") == parent
        if other is not record and same_parent and str(other.body["Name"]).lower() == body["Name"].lower():
            raise answers.duplicate_name(kind)


def _complete_account(body: Body) -> None:
    if not body.get("AccountType") and not body.get("AccountSubType"):
        raise answers.missing("AccountType or AccountSubType")
    if body.get("AccountSubType") == "AccountsPayable":
        body.setdefault("AccountType", "Accounts Payable")
    body.setdefault("AccountType", "Expense")
    if body["AccountType"] not in _CLASSIFICATION:
        raise answers.bad_choice("AccountType", body["AccountType"])
    if body["AccountType"] == "Accounts Payable":
        body.setdefault("AccountSubType", "AccountsPayable")
    body["Classification"] = _CLASSIFICATION[body["AccountType"]]
    body.setdefault("CurrencyRef", {"value": "USD", "name": CURRENCIES["USD"]})
    body.setdefault("CurrentBalance", 0)
    body.setdefault("CurrentBalanceWithSubAccounts", 0)


def _complete_item(body: Body) -> None:
    body.setdefault("Type", "Service")
    if body["Type"] == "Category":
        return
    if not body.get("IncomeAccountRef") and not body.get("ExpenseAccountRef"):
        raise answers.missing("IncomeAccountRef or ExpenseAccountRef")
    body.setdefault("Taxable", False)
    body.setdefault("TrackQtyOnHand", False)
    body.setdefault("UnitPrice", 0)


def _place_in_tree(store: Store, realm: str, kind: str, body: Body) -> None:
    if kind == "Term":
        return
    own = str(body.get("DisplayName") or body.get("Name"))
    flag = _PARENT_FLAG.get(kind)
    parent = store.find(realm, kind, body["ParentRef"]["value"]) if body.get("ParentRef") else None
    if flag:
        body[flag] = parent is not None
    body["FullyQualifiedName"] = f"{full_name(parent.body)}:{own}" if parent is not None else own
    if parent is not None and kind in ("Customer", "Item"):
        body["Level"] = int(parent.body.get("Level", 0)) + 1
