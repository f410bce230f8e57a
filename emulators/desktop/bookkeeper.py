"""What a person does in QuickBooks behind the product's back: type in, edit, copy, pay and delete; keep the lists.

A person is bound neither by the closing date nor by locks, and may do what qbXML refuses; EditSequence and
TimeModified still move on.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from emulators.desktop.names import by_name, check_free, check_name
from emulators.desktop.rendering import open_of, total_of
from emulators.desktop.store import ITEMS, LISTS, PAYMENTS, PERSON, ZERO, Body, Origin, Record, Store
from emulators.desktop.writing import unapply

_NAMES = {"doc_number": "RefNumber", "txn_date": "TxnDate", "due_date": "DueDate", "private_note": "Memo"}
_PAY_TYPES = {"Check": "BillPaymentCheck", "CreditCard": "BillPaymentCreditCard"}


def live(store: Store, file: str, identifier: str, *kinds: str) -> Record:
    record = store.find(file, identifier)
    if record is None or not record.alive or record.kind not in kinds:
        raise LookupError(f"There is no {' or '.join(kinds)} {identifier!r}.")
    return record


def open_amount(store: Store, file: str, record: Record) -> Decimal:
    return open_of(store, file, record)


def amount_of(value: Any) -> Decimal:
    try:
        return Decimal(str(value)).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise ValueError("amount is not a number.") from None


# --- bills and vendor credits --------------------------------------------------------------------------------------


def typed_in(store: Store, file: str, kind: str, sent: Body, origin: Origin = PERSON) -> Record:
    """{"vendor" or "vendor_id", "doc_number", "txn_date", "due_date", "private_note", "total" or "lines"}."""
    vendor = _vendor(store, file, sent)
    lines = sent.get("lines") or [{"amount": sent.get("total", "0")}]
    body: Body = {"VendorRef": vendor.id, "APAccountRef": _account(store, file, "AccountsPayable").id}
    body |= {name: str(sent[key]) for key, name in _NAMES.items() if sent.get(key)}
    body.setdefault("TxnDate", store.today())
    if kind == "Bill":
        body.setdefault("DueDate", body["TxnDate"])
        if vendor.body.get("TermsRef"):
            body["TermsRef"] = vendor.body["TermsRef"]
    else:
        body.pop("DueDate", None)
    body |= _lines(store, file, lines)
    body["TxnNumber"] = store.next_txn_number(file)
    return store.insert(file, kind, body, origin)


def edit(store: Store, file: str, identifier: str, changes: Body) -> Record:
    """Number, memo, dates, vendor, lines or total; a new total goes to the first line."""
    record = live(store, file, identifier, "Bill", "VendorCredit")
    body = dict(record.body)
    for key, name in _NAMES.items():
        if key in changes:
            body[name] = str(changes[key])
    if changes.get("vendor") or changes.get("vendor_id"):
        body["VendorRef"] = _vendor(store, file, changes).id
    if "lines" in changes:
        body |= _lines(store, file, changes["lines"])
    if changes.get("total") not in (None, ""):
        name = "ExpenseLines" if body["ExpenseLines"] else "ItemLines"
        first, *others = body[name]
        difference = amount_of(changes["total"]) - total_of(Record(record.kind, "", 0, 0, 0, body))
        body[name] = [{**first, "Amount": f"{Decimal(first['Amount']) + difference:.2f}"}, *others]
    return store.replace(file, record, body, PERSON)


def delete(store: Store, file: str, identifier: str) -> Record:
    """A transaction, with what was applied to it."""
    record = live(store, file, identifier, "Bill", "VendorCredit", *PAYMENTS)
    with store.ledger.writing():
        unapply(store, file, record, PERSON)
        store.delete(file, record, PERSON)
    return record


def copy(store: Store, file: str, identifier: str, *, keep_number: bool) -> Record:
    """Memorise and enter again: everything but the ids; the ExternalGUID stays with the first."""
    record = live(store, file, identifier, "Bill", "VendorCredit")
    body = {name: value for name, value in record.body.items() if name not in ("ExternalGUID", "Applied")}
    if not keep_number:
        body.pop("RefNumber", None)
    for name in ("ExpenseLines", "ItemLines"):
        body[name] = [{**line, "TxnLineID": store.next_txn_id(file)} for line in body[name]]
    body["TxnNumber"] = store.next_txn_number(file)
    return store.insert(file, record.kind, body, PERSON)


def _lines(store: Store, file: str, sent: list[Body]) -> Body:
    made: Body = {"ExpenseLines": [], "ItemLines": []}
    for line in sent:
        body: Body = {"TxnLineID": store.next_txn_id(file), "Amount": f"{amount_of(line.get('amount', '0')):.2f}"}
        if line.get("customer_id"):
            body |= {
                "CustomerRef": live(store, file, line["customer_id"], "Customer").id,
                "BillableStatus": "NotBillable",
            }
        if line.get("item_id"):
            body["ItemRef"] = live(store, file, line["item_id"], *ITEMS).id
            made["ItemLines"].append(body | {"Desc": str(line.get("description", ""))})
            continue
        named = line.get("account_id")
        account = live(store, file, named, "Account") if named else _account(store, file, "CostOfGoodsSold")
        made["ExpenseLines"].append(body | {"AccountRef": account.id, "Memo": str(line.get("description", ""))})
    return made


def _vendor(store: Store, file: str, sent: Body) -> Record:
    """By id, or by the exact name."""
    if not sent.get("vendor"):
        return live(store, file, str(sent.get("vendor_id", "")), "Vendor")
    record = by_name(store, file, ("Vendor",), str(sent["vendor"]))
    if record is None:
        raise LookupError(f"There is no vendor {sent['vendor']!r}.")
    return record


def _account(store: Store, file: str, kind: str) -> Record:
    found = next((r for r in store.live(file, "Account") if r.active and r.body["AccountType"] == kind), None)
    if found is None:
        raise LookupError(f"There is no account of type {kind}.")
    return found


# --- payments ------------------------------------------------------------------------------------------------------


def pay(store: Store, file: str, sent: Body, origin: Origin = PERSON) -> Record:
    """{"bills": [{"id", "amount"}], "pay_type": "Check" or "CreditCard", "txn_date", "doc_number"}, one vendor."""
    kind = _PAY_TYPES.get(str(sent.get("pay_type") or "Check"))
    if kind is None or not sent.get("bills"):
        raise ValueError(f"pay_type is one of {', '.join(_PAY_TYPES)}, and bills names at least one.")
    bills = [live(store, file, str(part["id"]), "Bill") for part in sent["bills"]]
    if len({bill.body["VendorRef"] for bill in bills}) > 1:
        raise ValueError("A payment goes to one vendor.")
    applied = [_part(store, file, bill, part.get("amount")) for bill, part in zip(bills, sent["bills"], strict=True)]
    bank = "BankAccountRef" if kind == "BillPaymentCheck" else "CreditCardAccountRef"
    body: Body = {
        "PayeeEntityRef": bills[0].body["VendorRef"],
        "APAccountRef": bills[0].body["APAccountRef"],
        "TxnDate": str(sent.get("txn_date") or store.today()),
        bank: _account(store, file, "Bank" if kind == "BillPaymentCheck" else "CreditCard").id,
        "Amount": f"{sum((Decimal(part['Amount']) for part in applied), ZERO):.2f}",
        "Applied": applied,
        "TxnNumber": store.next_txn_number(file),
    }
    body["RefNumber"] = str(sent.get("doc_number") or body["TxnNumber"])
    with store.ledger.writing():
        payment = store.insert(file, kind, body, origin)
        _touch(store, file, bills, origin)
    return payment


def apply_credit(store: Store, file: str, bill_id: str, credit_id: str, amount: Any = None) -> Record:
    """Set Credits: a vendor credit takes off from a bill, without money."""
    bill, credit = live(store, file, bill_id, "Bill"), live(store, file, credit_id, "VendorCredit")
    most = min(open_of(store, file, bill), open_of(store, file, credit))
    part = _part(store, file, bill, amount if amount not in (None, "") else most)
    if Decimal(part["Amount"]) > most:
        raise ValueError(f"At most {most} is open.")
    with store.ledger.writing():
        body = {**credit.body, "Applied": [*credit.body.get("Applied", ()), part]}
        store.replace(file, credit, body, PERSON, "applied")
        _touch(store, file, [bill], PERSON)
    return credit


def void(store: Store, file: str, payment_id: str) -> Record:
    """The payment stays with 0.00, its bills are open again."""
    payment = live(store, file, payment_id, *PAYMENTS)
    bills = [live(store, file, part["TxnID"], "Bill") for part in payment.body["Applied"]]
    body = {**payment.body, "Amount": "0.00", "Applied": [], "Memo": f"VOID: {payment.body.get('Memo', '')}"}
    with store.ledger.writing():
        store.replace(file, payment, body, PERSON, "voided")
        _touch(store, file, bills, PERSON)
    return payment


def _part(store: Store, file: str, bill: Record, amount: Any) -> Body:
    wanted = amount_of(amount) if amount not in (None, "") else open_of(store, file, bill)
    if wanted <= 0 or wanted > open_of(store, file, bill):
        raise ValueError(f"{wanted} cannot be paid: {open_of(store, file, bill)} is open.")
    return {"TxnID": bill.id, "Amount": f"{wanted:.2f}"}


def _touch(store: Store, file: str, bills: list[Record], origin: Origin) -> None:
    """qbd.md 2.4: whether a payment moves the bill's TimeModified is unknown."""
    for bill in bills if store.switches["payment_touches_bill"] else ():
        store.replace(file, bill, dict(bill.body), origin, "touched")


# --- lists ---------------------------------------------------------------------------------------------------------


def add_entry(store: Store, file: str, kind: str, sent: Body) -> Record:
    """{"name", "parent_id", "id"} and any field of qbXML under "body"."""
    if kind not in LISTS:
        raise LookupError(f"A list is one of {', '.join(LISTS)}.")
    name = str(sent.get("name", ""))
    check_name(name)
    body: Body = {"Name": name, "IsActive": bool(sent.get("active", True)), **sent.get("body", {})}
    if kind not in ("Vendor", "StandardTerms", "Currency"):
        body |= {"FullName": name, "Sublevel": "0"}
        if sent.get("parent_id"):
            parent = live(store, file, str(sent["parent_id"]), kind)
            level = int(parent.body.get("Sublevel", 0)) + 1
            body |= {"ParentRef": parent.id, "FullName": f"{parent.name}:{name}", "Sublevel": str(level)}
    check_free(store, file, kind, str(body.get("FullName", name)))
    return store.insert(file, kind, body, PERSON, str(sent.get("id", "")))


def change_entry(store: Store, file: str, identifier: str, sent: Body) -> Record:
    """Rename (name), inactivate or take back (active), or any field of qbXML under "body"."""
    record = live(store, file, identifier, *LISTS)
    body = {**record.body, **sent.get("body", {})}
    if "active" in sent:
        body["IsActive"] = bool(sent["active"])
    if sent.get("name"):
        name = str(sent["name"])
        check_name(name)
        body["Name"] = name
        if "FullName" in body:
            body["FullName"] = f"{str(body['FullName']).rpartition(':')[0]}:{name}".lstrip(":")
        check_free(store, file, record.kind, str(body.get("FullName", name)), but=record)
    return store.replace(file, record, body, PERSON)


def delete_entry(store: Store, file: str, identifier: str) -> Record:
    """QuickBooks only deletes what nothing uses; the emulator trusts the test."""
    record = live(store, file, identifier, *LISTS)
    store.delete(file, record, PERSON)
    return record
