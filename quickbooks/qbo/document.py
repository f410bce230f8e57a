"""A bill or vendor credit as Intuit's JSON, built from plain rows: the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import simplejson

from accounting import drafting, holds, memo
from accounting.backends import InBooks
from accounting.books import LineSent
from accounting.mapping import Resolved
from accounting.models import Bill, BillChange, Integration, ListEntry
from accounting.posting import bill_number

MEMO_LENGTH = 4000  # Intuit: Bill.PrivateNote.
DESCRIPTION_LENGTH = 4000  # Intuit: Line.Description.
CENT = Decimal("0.01")


def build(bill: Bill, integration: Integration, found: Resolved) -> bytes:
    """ASCII JSON with two-decimal numbers. Intuit: Bill, create; VendorCredit, create.

    Raises ValueError when the accounts payable account is not set: holds must have stopped such a bill before.
    """
    if integration.ap_account is None:
        raise ValueError("The accounts payable account is not set.")
    document: dict[str, Any] = {
        "VendorRef": {"value": found.vendor.external_id},
        "APAccountRef": {"value": integration.ap_account.external_id},
        "DocNumber": bill_number(bill.invoice.number),
        "TxnDate": holds.posting_date(bill).isoformat(),
        "PrivateNote": _memo(bill),
        "Line": [_line(*row, integration, found) for row in drafting.lines(bill, found)],
    }
    if integration.location is not None:
        document["DepartmentRef"] = {"value": integration.location.external_id}
    if bill.kind == Bill.Kind.BILL:
        document |= _due(bill, integration)
    return simplejson.dumps(document, use_decimal=True).encode("ascii")


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the frozen bytes of a bill say, whatever our rows say by now."""

    number: str
    vendor_id: str
    total: Decimal


def frozen(bill: Bill) -> Frozen:
    """Raises ValueError for a bill that was never frozen."""
    if bill.payload is None:
        raise ValueError(f"Bill {bill.pk} is not frozen.")
    body = simplejson.loads(bytes(bill.payload), use_decimal=True)
    total = sum((line["Amount"] for line in body["Line"]), Decimal(0))
    return Frozen(body["DocNumber"], body["VendorRef"]["value"], total)


def lines_sent(payload: bytes) -> list[LineSent]:
    """The lines of frozen bytes, in their order."""
    found = []
    for line in simplejson.loads(payload, use_decimal=True).get("Line", []):
        detail = line[line["DetailType"]]
        kind = ListEntry.Kind.ITEM if "ItemRef" in detail else ListEntry.Kind.ACCOUNT
        target = detail["ItemRef" if kind == ListEntry.Kind.ITEM else "AccountRef"]["value"]
        found.append(LineSent(line.get("Description", ""), line["Amount"], kind, target))
    return found


# What a bookkeeper may have added in QuickBooks, and a full update that leaves it out would wipe.
KEPT = ("SalesTermRef", "DepartmentRef", "DueDate", "CurrencyRef", "ExchangeRate")


def of_change(change: BillChange, there: InBooks, row: Any, document: Callable[[Bill], bytes]) -> bytes:
    """The bytes of an update or deletion, which name the version of the bill that they replace.

    Intuit: a full update sets what it leaves out to null, and lines without an Id take the place of all others.
    """
    named = {"Id": there.external_id, "SyncToken": there.sync_token}
    if change.kind == BillChange.Kind.DELETE:
        return simplejson.dumps(named).encode("ascii")
    ours = simplejson.loads(document(change.bill), use_decimal=True)
    kept = {name: row[name] for name in KEPT if row is not None and row.get(name) is not None}
    if str(kept.get("DueDate", "")) < ours["TxnDate"]:
        kept.pop("DueDate", None)
    marks = memo.marks(change)
    head = ours["PrivateNote"].removesuffix(change.bill.marker).rstrip()
    note = {"PrivateNote": head[: MEMO_LENGTH - len(marks)] + marks}
    return simplejson.dumps(kept | ours | note | named, use_decimal=True).encode("ascii")


def _memo(bill: Bill) -> str:
    return f"{memo.provenance(bill)[: MEMO_LENGTH - 40]} · {bill.marker}"


def _due(bill: Bill, integration: Integration) -> dict[str, Any]:
    """Left out, QuickBooks takes the vendor's own terms."""
    term, due = drafting.term(integration), drafting.due_date(bill, integration)
    if term is not None:
        return {"SalesTermRef": {"value": term.external_id}}
    return {"DueDate": due.isoformat()} if due is not None else {}


def _line(
    description: str, amount: Decimal, target: ListEntry, integration: Integration, found: Resolved
) -> dict[str, Any]:
    """Intuit: an item line without its item is taken as a remark and its amount ignored, so it always has one."""
    exact = amount.quantize(CENT)
    detail: dict[str, Any] = {"BillableStatus": "NotBillable"}
    if found.customer is not None:
        detail["CustomerRef"] = {"value": found.customer.external_id}
    # Where classes are kept per transaction, their place on a bill is not documented.
    if found.klass is not None and integration.class_tracking == "line":
        detail["ClassRef"] = {"value": found.klass.external_id}
    if target.kind == ListEntry.Kind.ITEM:
        name = "ItemBasedExpenseLineDetail"
        detail |= {"ItemRef": {"value": target.external_id}, "Qty": 1, "UnitPrice": exact}
    else:
        name = "AccountBasedExpenseLineDetail"
        detail["AccountRef"] = {"value": target.external_id}
    return {"Amount": exact, "Description": description[:DESCRIPTION_LENGTH], "DetailType": name, name: detail}
