"""A bill or vendor credit as a qbXML request, built from plain rows: the same rows give the same bytes.

Elements stand in the order of Intuit's schema, which QuickBooks insists on.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lxml import etree

from accounting import drafting, holds, memo
from accounting.backends import InBooks
from accounting.books import LineSent
from accounting.mapping import Resolved
from accounting.models import Bill, BillChange, Integration, ListEntry
from accounting.posting import bill_number
from qbd import qbxml
from qbd.qbxml import Element

NUMBER_LENGTH = 20  # Intuit: RefNumber.
MEMO_LENGTH = 4095
NAME_LENGTH = 41  # of a vendor
LARGEST_COST = Decimal("9999999999.99")
ENTITY: dict[str, str] = {Bill.Kind.BILL: "Bill", Bill.Kind.VENDOR_CREDIT: "VendorCredit"}


def build(bill: Bill, integration: Integration, found: Resolved) -> bytes:
    """A BillAddRq or VendorCreditAddRq. Raises ValueError for what holds must have stopped before."""
    if integration.ap_account is None:
        raise ValueError("The accounts payable account is not set.")
    name = ENTITY[bill.kind]
    asked = etree.Element(f"{name}AddRq", requestID=f"bill-{bill.uid.hex[:12]}")
    body = etree.SubElement(asked, f"{name}Add")
    _ref(body, "VendorRef", found.vendor)
    _ref(body, "APAccountRef", integration.ap_account)
    _text(body, "TxnDate", holds.posting_date(bill).isoformat())
    term, due = drafting.term(integration), drafting.due_date(bill, integration)
    if bill.kind == Bill.Kind.BILL and due is not None:
        _text(body, "DueDate", due.isoformat())
    _text(body, "RefNumber", ref_number(bill.invoice.number))
    if bill.kind == Bill.Kind.BILL and term is not None:
        _ref(body, "TermsRef", term)
    _text(body, "Memo", _memo(memo.provenance(bill), f" - {bill.marker}"))
    _text(body, "ExternalGUID", external_guid(bill))
    for line in _in_order(drafting.lines(bill, found)):
        _line(body, *line, integration, found)
    return qbxml.payload(asked)


def ref_number(number: str) -> str:
    """The invoice's number as QuickBooks Desktop holds it; the same for what was already cut."""
    cut = qbxml.clean(bill_number(number, NUMBER_LENGTH), NUMBER_LENGTH)
    # Of a number in letters that QuickBooks does not hold something must be left to look for.
    return cut or hashlib.sha256(number.encode()).hexdigest()[:8]


def external_guid(bill: Bill) -> str:
    """Ours in QuickBooks: braced, another one for each set of bytes that may leave."""
    return f"{{{uuid.uuid5(bill.uid, f'bill:create:{bill.generation}')}}}".upper()


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the frozen bytes of a bill say, whatever our rows say by now. `total` is as written there."""

    kind: str
    number: str
    vendor_id: str
    date: str
    guid: str
    total: Decimal


def frozen(bill: Bill) -> Frozen:
    """Raises ValueError for a bill that was never frozen."""
    if bill.payload is None:
        raise ValueError(f"Bill {bill.pk} is not frozen.")
    body = qbxml.request(bytes(bill.payload))[0]
    return Frozen(
        kind=next(kind for kind, name in ENTITY.items() if body.tag == f"{name}Add"),
        number=body.findtext("RefNumber") or "",
        vendor_id=body.findtext("VendorRef/ListID") or "",
        date=body.findtext("TxnDate") or "",
        guid=body.findtext("ExternalGUID") or "",
        total=sum((Decimal(line.findtext("Amount")) for line in _lines_of(body)), Decimal("0.00")),
    )


def lines_sent(payload: bytes) -> list[LineSent]:
    """The lines of frozen bytes, those with accounts first, as QuickBooks keeps them."""
    body = qbxml.request(payload)[0]
    return [
        *(_sent(line, ListEntry.Kind.ACCOUNT, "AccountRef", "Memo") for line in _kind_of(body, "Expense")),
        *(_sent(line, ListEntry.Kind.ITEM, "ItemRef", "Desc") for line in _kind_of(body, "Item")),
    ]


def _kind_of(body: Element, kind: str) -> list[Element]:
    return [*body.findall(f"{kind}LineAdd"), *body.findall(f"{kind}LineMod")]


def _sent(line: Element, kind: str, target: str, words: str) -> LineSent:
    amount = Decimal(line.findtext("Amount") or "0")
    return LineSent(line.findtext(words) or "", amount, kind, line.findtext(f"{target}/ListID") or "")


# --- changes ----------------------------------------------------------------------------------------------------------
# What the header of a bill takes in a change, in the schema's order; a vendor credit knows neither due date nor terms.
HEADER = ("VendorRef", "APAccountRef", "TxnDate", "DueDate", "RefNumber", "TermsRef", "Memo", "ExchangeRate")
# What a bookkeeper may have added in QuickBooks. Left out it would stay as well, but a changed date may move it.
KEPT = ("DueDate", "TermsRef", "ExchangeRate")


def of_change(change: BillChange, there: InBooks, row: Element | None, document: Callable[[Bill], bytes]) -> bytes:
    """The request for an update, which names the version it replaces, or for a deletion.

    `row` is the bill as QuickBooks shows it. Lines without a known id take the place of all others of their kind.
    """
    name = ENTITY[change.bill.kind]
    request_id = f"{change.kind}-{change.uid.hex[:12]}"
    if change.kind == BillChange.Kind.DELETE:
        asked = etree.Element("TxnDelRq", requestID=request_id)
        _text(asked, "TxnDelType", name)
        _text(asked, "TxnID", there.external_id)
        return qbxml.payload(asked)
    if not there.sync_token:
        raise ValueError(f"QuickBooks showed no version of bill {there.external_id}.")
    ours = qbxml.request(document(change.bill))[0]
    asked = etree.Element(f"{name}ModRq", requestID=request_id)
    body = etree.SubElement(asked, f"{name}Mod")
    _text(body, "TxnID", there.external_id)
    _text(body, "EditSequence", there.sync_token)
    kept = _kept(row, ours)
    for field in HEADER:
        found = kept.get(field, ours.find(field))
        if field == "Memo":
            head = (ours.findtext("Memo") or "").removesuffix(change.bill.marker).rstrip(" -")
            _text(body, "Memo", _memo(head, memo.marks(change)))
        elif found is not None:
            body.append(_copied(found))
    _all_lines_anew(body, ours)
    return qbxml.payload(asked)


def _kept(row: Element | None, ours: Element) -> dict[str, Element]:
    """What is there and we do not name ourselves; a due date before the bill's date would be refused."""
    found = {name: row.find(name) for name in KEPT if row is not None and row.find(name) is not None}
    due = found.get("DueDate")
    if due is not None and (due.text or "") < (ours.findtext("TxnDate") or ""):
        del found["DueDate"]
    return {name: element for name, element in found.items() if ours.find(name) is None}


def _copied(found: Element) -> Element:
    """Of a reference only the id, which stays the same when the name is edited."""
    made = etree.Element(found.tag)
    entry = found.findtext("ListID")
    if entry is not None:
        _text(made, "ListID", entry)
    elif len(found):
        _text(made, "FullName", qbxml.clean(found.findtext("FullName") or "", 209))
    else:
        made.text = found.text
    return made


def _all_lines_anew(body: Element, ours: Element) -> None:
    """Naming lines of a kind deletes those that are not named; the other kind has to be cleared by name."""
    for kind in ("Expense", "Item"):
        lines = ours.findall(f"{kind}LineAdd")
        if not lines:
            _text(body, f"Clear{kind}Lines", "true")
        for line in lines:
            made = etree.SubElement(body, f"{kind}LineMod")
            _text(made, "TxnLineID", "-1")
            made.extend(list(line))


# --- vendors ----------------------------------------------------------------------------------------------------------
def vendor_name(name: str) -> str:
    """A vendor's name as QuickBooks Desktop takes it: the colon separates levels there."""
    return qbxml.clean(name.replace(":", "-"), NAME_LENGTH)


def vendor_add(name: str, key: uuid.UUID) -> bytes:
    """A VendorAddRq; `key` is ours for this vendor. Raises ValueError for a name of which nothing is left."""
    told = vendor_name(name)
    if not told:
        raise ValueError(f"QuickBooks Desktop cannot hold the name {name}.")
    asked = etree.Element("VendorAddRq", requestID=f"vendor-{key.hex[:12]}")
    body = etree.SubElement(asked, "VendorAdd")
    _text(body, "Name", told)
    _text(body, "CompanyName", told)
    _text(body, "ExternalGUID", f"{{{key}}}".upper())
    return qbxml.payload(asked)


# --- parts ------------------------------------------------------------------------------------------------------------
def _memo(head: str, marks: str) -> str:
    """Cut so that the marks, which a look-up finds the bill by, are always whole."""
    return qbxml.clean(head, MEMO_LENGTH - len(marks)) + marks


def _in_order(lines: Sequence[drafting.Line]) -> list[drafting.Line]:
    """All lines with accounts stand before all lines with items."""
    return sorted(lines, key=lambda line: line[2].kind == ListEntry.Kind.ITEM)


def _line(
    body: Element, words: str, amount: Decimal, target: ListEntry, integration: Integration, found: Resolved
) -> None:
    exact, told = qbxml.amount(amount), qbxml.clean(words, MEMO_LENGTH)
    is_item = target.kind == ListEntry.Kind.ITEM
    line = etree.SubElement(body, "ItemLineAdd" if is_item else "ExpenseLineAdd")
    if is_item:
        _ref(line, "ItemRef", target)
        _text(line, "Desc", told)
        # A cost has fewer digits than an amount; without one QuickBooks goes by the amount.
        if abs(amount) <= LARGEST_COST:
            _text(line, "Quantity", "1")
            _text(line, "Cost", exact)
        _text(line, "Amount", exact)
    else:
        _ref(line, "AccountRef", target)
        _text(line, "Amount", exact)
        _text(line, "Memo", told)
    if found.customer is not None:
        _ref(line, "CustomerRef", found.customer)
    if found.klass is not None and integration.class_tracking == "line":
        _ref(line, "ClassRef", found.klass)
    if found.customer is not None:
        # Else a preference of the company may make it billable to the customer.
        _text(line, "BillableStatus", "NotBillable")


def _lines_of(body: Element) -> list[Any]:
    return [*body.findall("ExpenseLineAdd"), *body.findall("ItemLineAdd")]


def _ref(parent: Element, name: str, entry: ListEntry) -> None:
    """By id: names get edited."""
    _text(etree.SubElement(parent, name), "ListID", entry.external_id)


def _text(parent: Element, name: str, text: str) -> None:
    if text:
        etree.SubElement(parent, name).text = text
