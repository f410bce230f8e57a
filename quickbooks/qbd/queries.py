"""Every question inBuild asks QuickBooks Desktop, as qbXML requests; their elements stand in the schema's order.

What has no end is asked for in pages: the answer says how many remain, and `next_page` asks for more of the same.
"""

from __future__ import annotations

import copy
from datetime import date, datetime

from lxml import etree

from accounting.models import ListEntry
from qbd.document import ENTITY, ref_number, vendor_name
from qbd.qbxml import Element

PAGE = 100  # documents; list entries are smaller
LIST_PAGE = 200
PAYMENTS = {"check": "BillPaymentCheck", "credit_card": "BillPaymentCreditCard"}
Kind = ListEntry.Kind
LISTS: dict[str, str] = {
    Kind.VENDOR: "Vendor",
    Kind.ACCOUNT: "Account",
    Kind.ITEM: "Item",
    Kind.CUSTOMER: "Customer",
    Kind.CLASS: "Class",
    Kind.TERM: "Terms",
}
# Intuit: the others have no iterator and answer all at once.
IN_PAGES = frozenset({Kind.VENDOR, Kind.ITEM, Kind.CUSTOMER})
# Of an item all is asked for: each of its kinds has its accounts elsewhere.
SHOWN: dict[str, tuple[str, ...]] = {
    Kind.VENDOR: ("ListID", "TimeModified", "Name", "IsActive", "CurrencyRef"),
    Kind.ACCOUNT: ("ListID", "TimeModified", "Name", "FullName", "IsActive", "AccountType"),
    Kind.CUSTOMER: ("ListID", "TimeModified", "Name", "FullName", "IsActive", "ParentRef", "Sublevel"),
    Kind.CLASS: ("ListID", "TimeModified", "Name", "FullName", "IsActive"),
    Kind.TERM: ("ListID", "TimeModified", "Name", "IsActive"),
}

# How deleted entries are called, and in which of our lists they were.
DELETED_ENTRIES: dict[str, str] = {
    "Account": Kind.ACCOUNT,
    "Class": Kind.CLASS,
    "Customer": Kind.CUSTOMER,
    "DateDrivenTerms": Kind.TERM,
    "ItemFixedAsset": Kind.ITEM,
    "ItemInventory": Kind.ITEM,
    "ItemInventoryAssembly": Kind.ITEM,
    "ItemNonInventory": Kind.ITEM,
    "ItemOtherCharge": Kind.ITEM,
    "ItemService": Kind.ITEM,
    "StandardTerms": Kind.TERM,
    "Vendor": Kind.VENDOR,
}


# --- the company file -------------------------------------------------------------------------------------------------
def host() -> Element:
    return etree.Element("HostQueryRq")


def company(owner_id: str) -> Element:
    """With the stamp that the Web Connector left in the file under our owner id."""
    asked = etree.Element("CompanyQueryRq")
    _text(asked, "OwnerID", owner_id)
    return asked


def preferences() -> Element:
    return etree.Element("PreferencesQueryRq")


# --- lists ------------------------------------------------------------------------------------------------------------
def entries(kind: str, *, since: datetime | None = None) -> Element:
    """A list with its inactive entries: all of it, or what changed since."""
    asked = _paged(f"{LISTS[kind]}QueryRq", LIST_PAGE) if kind in IN_PAGES else etree.Element(f"{LISTS[kind]}QueryRq")
    _text(asked, "ActiveStatus", "All")
    if since is not None:
        _text(asked, "FromModifiedDate", moment(since))
    for name in SHOWN.get(kind, ()):
        _text(asked, "IncludeRetElement", name)
    return asked


def vendors_named(name: str) -> Element:
    """By a filter, which finds nothing where nothing is; asking for the very name would be answered as an error.

    It shows whatever begins so: the names are to be compared by who asked.
    """
    asked = _paged("VendorQueryRq", LIST_PAGE)
    _text(asked, "ActiveStatus", "All")
    named = etree.SubElement(asked, "NameFilter")
    _text(named, "MatchCriterion", "StartsWith")
    _text(named, "Name", vendor_name(name))
    for element in SHOWN[Kind.VENDOR]:
        _text(asked, "IncludeRetElement", element)
    return asked


def deleted_entries(since: datetime) -> Element:
    """Intuit: at most those of the last ninety days."""
    asked = etree.Element("ListDeletedQueryRq")
    for name in DELETED_ENTRIES:
        _text(asked, "ListDelType", name)
    _text(etree.SubElement(asked, "DeletedDateRangeFilter"), "FromDeletedDate", moment(since))
    return asked


# --- bills and vendor credits -----------------------------------------------------------------------------------------
def bills(kind: str, *ids: str) -> Element:
    """These very ones, with their lines and what is linked to them.

    One that is gone makes the whole answer "not found", so it is safest to ask for one at a time.
    """
    asked = etree.Element(f"{ENTITY[kind]}QueryRq")
    for one in ids:
        _text(asked, "TxnID", one)
    return _with(asked, lines=True)


def same_number(kind: str, vendor_id: str, number: str) -> Element:
    """Of a vendor, whatever begins with the number: there is no filter for the very number."""
    asked = _of(kind)
    _of_vendor(asked, vendor_id)
    _numbered(asked, number)
    return _with(asked)


def numbered(kind: str, number: str) -> Element:
    """Of any vendor, whatever begins with the number."""
    asked = _of(kind)
    _numbered(asked, number)
    return _with(asked)


def of_vendor(kind: str, vendor_id: str, first: date, last: date) -> Element:
    """Of a vendor, dated within these days: finds ours when somebody edited its number."""
    asked = _of(kind)
    _dated(asked, first, last)
    _of_vendor(asked, vendor_id)
    return _with(asked)


def bills_since(kind: str, since: datetime) -> Element:
    """Those that changed since."""
    asked = _of(kind)
    _changed(asked, since)
    return _with(asked)


def bills_dated(kind: str, first: date, last: date | None = None) -> Element:
    asked = _of(kind)
    _dated(asked, first, last)
    return _with(asked)


# --- payments ---------------------------------------------------------------------------------------------------------
def payments(method: str, *ids: str) -> Element:
    """These very ones, with what they paid; see `bills` for asking for several."""
    asked = etree.Element(f"{PAYMENTS[method]}QueryRq")
    for one in ids:
        _text(asked, "TxnID", one)
    _text(asked, "IncludeLineItems", "true")
    return asked


def payments_since(method: str, since: datetime) -> Element:
    asked = _paged(f"{PAYMENTS[method]}QueryRq", PAGE)
    _changed(asked, since)
    _text(asked, "IncludeLineItems", "true")
    return asked


def payments_dated(method: str, first: date, last: date | None = None) -> Element:
    asked = _paged(f"{PAYMENTS[method]}QueryRq", PAGE)
    _dated(asked, first, last)
    _text(asked, "IncludeLineItems", "true")
    return asked


def deleted(since: datetime) -> Element:
    """Bills, vendor credits and payments that were deleted since. Intuit: at most those of the last ninety days."""
    asked = etree.Element("TxnDeletedQueryRq")
    for name in (*ENTITY.values(), *PAYMENTS.values()):
        _text(asked, "TxnDelType", name)
    _text(etree.SubElement(asked, "DeletedDateRangeFilter"), "FromDeletedDate", moment(since))
    return asked


# --- pages ------------------------------------------------------------------------------------------------------------
def next_page(asked: Element, iterator_id: str) -> Element:
    """The next page of the same question. Raises ValueError for a question that has no pages.

    An iterator belongs to the session that it began in: in another one the question starts over.
    """
    if not is_paged(asked):
        raise ValueError(f"{asked.tag} is not asked for in pages.")
    more = copy.deepcopy(asked)
    more.set("iterator", "Continue")
    more.set("iteratorID", iterator_id)
    return more


def is_paged(asked: Element) -> bool:
    return asked.get("iterator") is not None


# --- parts ------------------------------------------------------------------------------------------------------------
def moment(when: datetime) -> str:
    """With its offset; without one QuickBooks would take it for the PC's own time. Raises ValueError."""
    if when.tzinfo is None:
        raise ValueError("A moment without a time zone is not asked for.")
    return when.replace(microsecond=0).isoformat()


def _paged(name: str, most: int) -> Element:
    asked = etree.Element(name, iterator="Start")
    _text(asked, "MaxReturned", str(most))
    return asked


def _of(kind: str) -> Element:
    return _paged(f"{ENTITY[kind]}QueryRq", PAGE)


def _of_vendor(asked: Element, vendor_id: str) -> None:
    _text(etree.SubElement(asked, "EntityFilter"), "ListID", vendor_id)


def _numbered(asked: Element, number: str) -> None:
    only = etree.SubElement(asked, "RefNumberFilter")
    _text(only, "MatchCriterion", "StartsWith")
    _text(only, "RefNumber", ref_number(number))


def _changed(asked: Element, since: datetime) -> None:
    _text(etree.SubElement(asked, "ModifiedDateRangeFilter"), "FromModifiedDate", moment(since))


def _dated(asked: Element, first: date, last: date | None) -> None:
    within = etree.SubElement(asked, "TxnDateRangeFilter")
    _text(within, "FromTxnDate", first.isoformat())
    if last is not None:
        _text(within, "ToTxnDate", last.isoformat())


def _with(asked: Element, *, lines: bool = False) -> Element:
    _text(asked, "IncludeLineItems", "true" if lines else "false")
    _text(asked, "IncludeLinkedTxns", "true")
    return asked


def _text(parent: Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text
