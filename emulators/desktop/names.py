"""Finding what a request names: references by ListID or FullName, and names that are taken."""

from __future__ import annotations

from typing import Any

from emulators.desktop.refusals import Refused, bad_reference, inactive_reference, name_in_use
from emulators.desktop.store import ITEMS, Record, Store

# Which lists a reference points into, and what QuickBooks calls such an entry in its messages.
FAMILIES: dict[str, tuple[tuple[str, ...], str]] = {
    "VendorRef": (("Vendor",), "Vendor"),
    "PayeeEntityRef": (("Vendor",), "Vendor"),
    "CustomerRef": (("Customer",), "Customer:Job"),
    "AccountRef": (("Account",), "Account"),
    "APAccountRef": (("Account",), "Account"),
    "BankAccountRef": (("Account",), "Account"),
    "CreditCardAccountRef": (("Account",), "Account"),
    "OverrideItemAccountRef": (("Account",), "Account"),
    "PrefillAccountRef": (("Account",), "Account"),
    "IncomeAccountRef": (("Account",), "Account"),
    "ExpenseAccountRef": (("Account",), "Account"),
    "ClassRef": (("Class",), "Class"),
    "ItemRef": (ITEMS, "Item"),
    "TermsRef": (("StandardTerms",), "Terms"),
    "CurrencyRef": (("Currency",), "Currency"),
    "ParentRef": ((), "Parent"),
}
# Vendors and customers share one set of names (qbd.md 2.3).
_ONE_SET_OF_NAMES = ("Vendor", "Customer")


def by_name(store: Store, file: str, kinds: tuple[str, ...], name: str) -> Record | None:
    """The live entry of that full name, in whatever capitals."""
    wanted = name.casefold()
    return next((record for record in store.live(file, *kinds) if record.name.casefold() == wanted), None)


def named(store: Store, file: str, kinds: tuple[str, ...], sent: dict[str, Any]) -> Record | None:
    """The live entry that {"ListID"} or {"FullName"} names; the ListID counts if both are there."""
    if identifier := sent.get("ListID"):
        record = store.find(file, identifier)
        return record if record is not None and record.alive and record.kind in kinds else None
    return by_name(store, file, kinds, str(sent.get("FullName", "")))


def resolve(store: Store, file: str, field: str, sent: dict[str, Any], where: str) -> Record:
    """The entry a write names; QuickBooks answers 3140 where there is none, or none in use."""
    kinds, called = FAMILIES[field]
    record = named(store, file, kinds, sent)
    shown = str(sent.get("ListID") or sent.get("FullName") or "")
    if record is None:
        raise bad_reference(called, shown, where)
    if not record.active and store.switches["inactive_reference"] == "refuse":
        raise inactive_reference(called, shown, where)
    return record


def check_free(store: Store, file: str, kind: str, name: str, *, but: Record | None = None) -> None:
    """3100 if an entry of the list has the name, inactive ones too; vendors also collide with customers."""
    kinds = _ONE_SET_OF_NAMES if kind in _ONE_SET_OF_NAMES else (kind,)
    for record in store.live(file, *kinds):
        if record is not but and record.name.casefold() == name.casefold():
            raise name_in_use(name, record.kind.lower())


def check_name(name: str) -> None:
    if not name.strip():
        raise Refused(3150, 'There is a missing element: "Name".')
    if ":" in name:
        raise Refused(
            3210,
            f'The "Name" field has an invalid value "{name}".  QuickBooks error message: A colon (:) '
            "separates the levels of a list and may not stand in a name.",
        )
