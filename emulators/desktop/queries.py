"""Queries: lookups by id or name, filters, pages by iterator, and what was deleted (qbd.md 2.3, 2.4)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from emulators.desktop.names import by_name, named, resolve
from emulators.desktop.refusals import Refused, lookup_not_found, not_found, nothing_found
from emulators.desktop.rendering import money, only, open_of, ret
from emulators.desktop.store import ITEMS, LISTS, TRANSACTIONS, Body, Record, Store

KINDS: dict[str, tuple[str, ...]] = {
    "AccountQueryRq": ("Account",),
    "VendorQueryRq": ("Vendor",),
    "CustomerQueryRq": ("Customer",),
    "ItemQueryRq": ITEMS,
    "ClassQueryRq": ("Class",),
    "TermsQueryRq": ("StandardTerms",),
    "BillQueryRq": ("Bill",),
    "VendorCreditQueryRq": ("VendorCredit",),
    "BillPaymentCheckQueryRq": ("BillPaymentCheck",),
    "BillPaymentCreditCardQueryRq": ("BillPaymentCreditCard",),
}
_LOOKUPS = ("ListID", "FullName", "TxnID", "RefNumber", "RefNumberCaseSensitive")


@dataclass
class Iterators:
    """The pages a session still has to fetch. They end with the session."""

    left: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


@dataclass
class Found:
    """What a query answers: elements, and the attributes of the response that tell of further pages."""

    rets: list[Element]
    attributes: dict[str, str] = field(default_factory=dict)
    # A lookup may name what is not there beside what is.
    problem: Refused | None = None


def query(store: Store, file: str, request: str, sent: Body, attributes: dict[str, str], pages: Iterators) -> Found:
    records, problem = _records(store, file, request, sent)
    found = Found([], problem=problem)
    if mode := attributes.get("iterator"):
        records = _page(store, file, request, sent, attributes, pages, records, mode, found.attributes)
    elif "MaxReturned" in sent:
        records = records[: max(int(sent["MaxReturned"]), 0)]
    if problem is not None and not store.switches["partial_lookup"]:
        return found
    if not records and problem is None and not found.attributes:
        raise nothing_found()
    wanted = sent.get("IncludeRetElement", [])
    lines = _yes(sent, "IncludeLineItems")
    linked = _yes(sent, "IncludeLinkedTxns")
    found.rets = [only(ret(store, file, record, lines=lines, linked=linked), wanted) for record in records]
    return found


def _yes(sent: Body, name: str) -> bool:
    return sent.get(name) in ("true", "1")


def _page(
    store: Store,
    file: str,
    request: str,
    sent: Body,
    attributes: dict[str, str],
    pages: Iterators,
    records: list[Record],
    mode: str,
    shown: dict[str, str],
) -> list[Record]:
    """One page. Continue needs the iterator of this session and the very same filters."""
    filters = request + json.dumps({name: value for name, value in sent.items() if name != "MaxReturned"})
    identifier = attributes.get("iteratorID", "")
    if mode == "Start":
        if "MaxReturned" not in sent:
            raise Refused(3150, 'There is a missing element: "MaxReturned".')
        if not records:
            raise nothing_found()
        identifier, waiting = f"{{{uuid.uuid4()}}}", [record.id for record in records]
    elif identifier not in pages.left or pages.left[identifier][0] != filters:
        raise not_found(identifier)
    else:
        waiting = pages.left.pop(identifier)[1]
    size = int(sent.get("MaxReturned", len(waiting)))
    now, later = ([], []) if mode == "Stop" else (waiting[:size], waiting[size:])
    if later:
        pages.left[identifier] = (filters, later)
    shown |= {"iteratorRemainingCount": str(len(later)), "iteratorID": identifier}
    there = (store.find(file, each) for each in now)
    return [record for record in there if record is not None and record.alive]


def _records(store: Store, file: str, request: str, sent: Body) -> tuple[list[Record], Refused | None]:
    kinds = KINDS[request]
    for name in _LOOKUPS:
        if name in sent:
            return _lookup(store, file, kinds, name, sent[name])
    if kinds[0] in LISTS:
        return [record for record in store.live(file, *kinds) if _entry_matches(store, record, sent)], None
    matches = _transaction_filter(store, file, sent)
    return [record for record in store.live(file, *kinds) if matches(record)], None


def _lookup(
    store: Store, file: str, kinds: tuple[str, ...], name: str, values: list[str]
) -> tuple[list[Record], Refused | None]:
    found: list[Record] = []
    problem = None
    for value in values:
        if name in ("ListID", "TxnID"):
            one = named(store, file, kinds, {"ListID": value})
            matching = [one] if one is not None else []
        elif name == "FullName":
            one = by_name(store, file, kinds, value)
            matching = [one] if one is not None else []
        else:
            exact = name == "RefNumberCaseSensitive"
            live = store.live(file, *kinds)
            matching = [record for record in live if _same(str(record.body.get("RefNumber", "")), value, exact)]
        found += matching
        if not matching:
            problem = problem or lookup_not_found(value)
    return found, problem


def _same(one: str, other: str, exact: bool) -> bool:
    return one == other if exact else one.casefold() == other.casefold()


def _entry_matches(store: Store, record: Record, sent: Body) -> bool:
    status = sent.get("ActiveStatus", "ActiveOnly")
    if status != "All" and record.active != (status == "ActiveOnly"):
        return False
    if "AccountType" in sent and record.body.get("AccountType") not in sent["AccountType"]:
        return False
    span = {"From": sent.get("FromModifiedDate"), "To": sent.get("ToModifiedDate")}
    return (
        _within(store, record.modified, span["From"], span["To"])
        and _text_matches(record.name, sent.get("NameFilter"), "Name")
        and _in_range(record.name, sent.get("NameRangeFilter"), "FromName", "ToName")
    )


def _within(store: Store, moment: float, start: str | None, end: str | None) -> bool:
    # QuickBooks knows whole seconds.
    moment = int(moment)
    return (not start or moment >= store.epoch_of(start)) and (not end or moment <= store.epoch_of(end))


def _text_matches(text: str, wanted: Body | None, name: str) -> bool:
    if not wanted:
        return True
    text, part = text.casefold(), str(wanted[name]).casefold()
    how = wanted["MatchCriterion"]
    if how == "StartsWith":
        return text.startswith(part)
    return text.endswith(part) if how == "EndsWith" else part in text


def _in_range(text: str, wanted: Body | None, start: str, end: str) -> bool:
    if not wanted:
        return True
    text = text.casefold()
    low, high = str(wanted.get(start, "")).casefold(), str(wanted.get(end, "")).casefold()
    return text >= low and (not high or text <= high)


def _transaction_filter(store: Store, file: str, sent: Body) -> Callable[[Record], bool]:
    modified, dated = sent.get("ModifiedDateRangeFilter", {}), sent.get("TxnDateRangeFilter", {})
    if "DateMacro" in dated:
        raise Refused(531, "The emulator does not know DateMacro.")
    entities = _entities(store, file, sent.get("EntityFilter"))
    accounts = _named_ids(store, file, ("Account",), sent.get("AccountFilter"))
    paid = sent.get("PaidStatus", "All")

    def matches(record: Record) -> bool:
        body = record.body
        day = str(body["TxnDate"])
        return (
            _within(store, record.modified, modified.get("FromModifiedDate"), modified.get("ToModifiedDate"))
            and (not dated.get("FromTxnDate") or day >= dated["FromTxnDate"])
            and (not dated.get("ToTxnDate") or day <= dated["ToTxnDate"])
            and (entities is None or body.get("VendorRef", body.get("PayeeEntityRef")) in entities)
            and (accounts is None or body.get("APAccountRef") in accounts)
            and _text_matches(str(body.get("RefNumber", "")), sent.get("RefNumberFilter"), "RefNumber")
            and _in_range(
                str(body.get("RefNumber", "")), sent.get("RefNumberRangeFilter"), "FromRefNumber", "ToRefNumber"
            )
            and (paid == "All" or (open_of(store, file, record) <= 0) == (paid == "PaidOnly"))
        )

    return matches


def _entities(store: Store, file: str, wanted: Body | None) -> set[str] | None:
    return _named_ids(store, file, ("Vendor", "Customer"), wanted)


def _named_ids(store: Store, file: str, kinds: tuple[str, ...], wanted: Body | None) -> set[str] | None:
    """The ids a filter names; one that does not exist is refused."""
    if not wanted:
        return None
    found = set()
    for name, value in wanted.items():
        for each in value if isinstance(value, list) else [value]:
            key = "ListID" if name.startswith("ListID") else "FullName"
            record = named(store, file, kinds, {key: each})
            if record is None:
                raise lookup_not_found(each)
            found.add(record.id)
    return found


# --- what is to pay, and what was deleted ---------------------------------------------------------------------------


def bills_to_pay(store: Store, file: str, sent: Body) -> Found:
    vendor = resolve(store, file, "PayeeEntityRef", sent["PayeeEntityRef"], "BillToPay query")
    rets = []
    for record in store.live(file, "Bill", "VendorCredit"):
        left = open_of(store, file, record)
        if record.body["VendorRef"] != vendor.id or left <= 0:
            continue
        if record.kind == "Bill" and sent.get("DueDate") and record.body["DueDate"] > sent["DueDate"]:
            continue
        rets.append(_to_pay(store, file, record, money(left)))
    if not rets:
        raise nothing_found()
    return Found(rets)


def _to_pay(store: Store, file: str, record: Record, left: str) -> Element:
    is_bill = record.kind == "Bill"
    outer = Element("BillToPayRet")
    element = SubElement(outer, "BillToPay" if is_bill else "CreditToApply")
    values: dict[str, Any] = {"TxnID": record.id, "TxnType": record.kind, "APAccountRef": record.body["APAccountRef"]}
    values |= {"TxnDate": record.body["TxnDate"], "RefNumber": record.body.get("RefNumber", "")}
    values |= {"DueDate": record.body["DueDate"], "AmountDue": left} if is_bill else {"CreditRemaining": left}
    for name, value in values.items():
        child = SubElement(element, name)
        if name == "APAccountRef":
            account = store.find(file, value)
            SubElement(child, "ListID").text = value
            SubElement(child, "FullName").text = account.name if account is not None else ""
        elif value:
            child.text = value
        else:
            element.remove(child)
    return outer


def deleted(store: Store, file: str, request: str, sent: Body) -> Found:
    """TxnDeletedQuery and ListDeletedQuery."""
    what = "Txn" if request == "TxnDeletedQueryRq" else "List"
    span = sent.get("DeletedDateRangeFilter", {})
    rets = []
    for record in store.everything(file, *(TRANSACTIONS if what == "Txn" else LISTS)):
        if record.gone or not record.deleted or record.kind not in sent[f"{what}DelType"]:
            continue
        if not _within(store, record.deleted, span.get("FromDeletedDate"), span.get("ToDeletedDate")):
            continue
        values = {f"{what}DelType": record.kind, f"{what}ID": record.id, "TimeCreated": store.moment(record.created)}
        values["TimeDeleted"] = store.moment(record.deleted)
        values |= {"RefNumber": record.body.get("RefNumber", "")} if what == "Txn" else {"FullName": record.name}
        element = Element(f"{what}DeletedRet")
        for name, value in values.items():
            if value:
                SubElement(element, name).text = str(value)
        rets.append(element)
    if not rets:
        raise nothing_found()
    return Found(rets)
