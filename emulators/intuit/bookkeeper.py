"""What a person does in QuickBooks behind the product's back: type in, change, copy, pay and delete bills.

A person is not bound by the API's SyncToken and may do what the API refuses (closed books, a number used twice, a
negative total); the SyncToken and LastUpdatedTime still move on.
"""

from __future__ import annotations

import copy
from decimal import Decimal, InvalidOperation
from typing import Any

from emulators.intuit import answers
from emulators.intuit.bills import save_bill
from emulators.intuit.json_text import cents
from emulators.intuit.payments import delete_payment, pay_bill, pay_together, save_payment, void_payment
from emulators.intuit.store import Body, Origin, Record, Store

PERSON = Origin("bookkeeper")
_DETAIL, _ITEM_DETAIL = "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"
_NAMES = {"doc_number": "DocNumber", "txn_date": "TxnDate", "due_date": "DueDate", "private_note": "PrivateNote"}


def live(store: Store, realm: str, kind: str, identifier: str) -> Record:
    record = store.find(realm, kind, identifier)
    if record is None or record.deleted:
        raise answers.not_found()
    return record


def live_bill(store: Store, realm: str, identifier: str) -> Record:
    return live(store, realm, "Bill", identifier)


def typed_in(store: Store, kind: str, sent: Body) -> Record:
    """A bill or vendor credit: {"realm", "vendor_id" or "vendor", "doc_number", "txn_date", "total" or "lines"}."""
    realm = str(sent.get("realm", ""))
    lines = sent.get("lines") or [{"amount": sent.get("total", sent.get("amount", "0")), **sent.get("line", {})}]
    vendor = _vendor_id(store, realm, sent)
    body: Body = {"VendorRef": {"value": vendor}, "Line": [_line(line) for line in lines]}
    names = {key: name for key, name in _NAMES.items() if kind == "Bill" or key != "due_date"}
    body |= {name: str(sent[key]) for key, name in names.items() if sent.get(key)}
    if store.switches.on("multicurrency", realm) and (record := store.find(realm, "Vendor", vendor)) is not None:
        body["CurrencyRef"] = {"value": record.body["CurrencyRef"]["value"]}
    with store.ledger.writing():
        return save_bill(store, realm, kind, body, PERSON, allow_duplicate_number=True)


def _vendor_id(store: Store, realm: str, sent: Body) -> str:
    """By id, or by the exact name."""
    if not sent.get("vendor"):
        return str(sent.get("vendor_id", ""))
    for record in store.live(realm, "Vendor"):
        if record.body["DisplayName"] == sent["vendor"]:
            return record.id
    raise answers.bad_reference("Names", str(sent["vendor"]))


def _line(sent: Body) -> Body:
    kind = _ITEM_DETAIL if sent.get("item_id") else _DETAIL
    detail: Body = {}
    if sent.get("item_id"):
        detail["ItemRef"] = {"value": str(sent["item_id"])}
    else:
        detail["AccountRef"] = {"value": str(sent.get("account_id") or "80")}
    if sent.get("customer_id"):
        detail["CustomerRef"] = {"value": str(sent["customer_id"])}
    amount = cents(str(sent.get("amount", "0")))
    return {"Amount": amount, "Description": str(sent.get("description", "")), "DetailType": kind, kind: detail}


def change_transaction(store: Store, realm: str, kind: str, identifier: str, changes: Body) -> Record:
    """Change number, note, dates, vendor, lines or total; a new total goes to the first line."""
    with store.ledger.writing():
        record = live(store, realm, kind, identifier)
        body = copy.deepcopy(record.body)
        for key, name in _NAMES.items():
            if key in changes:
                body[name] = str(changes[key])
                if not body[name]:
                    del body[name]
        if changes.get("vendor_id"):
            vendor = live(store, realm, "Vendor", str(changes["vendor_id"]))
            body["VendorRef"] = {"value": vendor.id, "name": vendor.body["DisplayName"]}
        if "lines" in changes:
            _replace_lines(store, realm, body, [_line(line) for line in changes["lines"]])
        if changes.get("total") not in (None, ""):
            difference = cents(str(changes["total"])) - body["TotalAmt"]
            first = next(line for line in body["Line"] if "Amount" in line)
            first["Amount"] = cents(first["Amount"]) + difference
            detail = first.get(str(first.get("DetailType")), {})
            if "UnitPrice" in detail:
                detail["Qty"], detail["UnitPrice"] = 1, first["Amount"]
            _add_up(body)
        return store.replace(record, body, PERSON)


def _replace_lines(store: Store, realm: str, body: Body, lines: list[Body]) -> None:
    for number, line in enumerate(lines, start=1):
        line["Id"], line["LineNum"] = str(number), number
        for name, kind in (("AccountRef", "Account"), ("ItemRef", "Item")):
            reference = line[line["DetailType"]].get(name)
            if reference is None:
                continue
            record = store.find(realm, kind, reference["value"])
            if record is None:
                raise answers.bad_reference(f"{kind}s", reference["value"])
            reference["name"] = record.body["FullyQualifiedName"]
    body["Line"] = lines
    _add_up(body)


def _add_up(body: Body) -> None:
    paid = body["TotalAmt"] - body["Balance"]
    body["TotalAmt"] = cents(sum((Decimal(line.get("Amount", 0)) for line in body["Line"]), Decimal(0)))
    body["Balance"] = body["TotalAmt"] - paid


def copy_bill(store: Store, realm: str, identifier: str, keep_number: bool = False) -> Record:
    """Make Copy in QuickBooks: the same lines and memo, without payments, and without number unless asked."""
    with store.ledger.writing():
        record = live_bill(store, realm, identifier)
        body = copy.deepcopy(record.body)
        body.pop("LinkedTxn", None)
        if not keep_number:
            body.pop("DocNumber", None)
        body["Balance"], body["TxnDate"] = body["TotalAmt"], store.today()
        return store.insert(realm, "Bill", body, PERSON)


def delete_by_hand(store: Store, realm: str, kind: str, identifier: str) -> Record:
    """QuickBooks asks, then removes the payments' links; here the payments go with the bill or credit."""
    with store.ledger.writing():
        record = live(store, realm, kind, identifier)
        for linked in list(record.body.get("LinkedTxn", [])):
            payment = store.find(realm, "BillPayment", linked["TxnId"])
            if payment is not None and not payment.deleted:
                delete_payment(store, realm, _current(payment), PERSON)
        store.delete(record, PERSON)
        return record


def pay_by_hand(
    store: Store, realm: str, identifier: str, amount: Decimal | None, pay_type: str = "Check"
) -> tuple[Record, Record]:
    """Pay the amount, or what is open. Answer the bill and the payment."""
    with store.ledger.writing():
        record = live_bill(store, realm, identifier)
        open_amount = cents(amount if amount is not None else record.body["Balance"])
        return record, pay_bill(store, record, open_amount, PERSON, pay_type)


def pay_several(store: Store, sent: Body) -> Record:
    """{"realm", "bills": [{"id", "amount"}], "credits": [...], "pay_type", "txn_date", "doc_number", "total"}."""
    realm = str(sent.get("realm", ""))
    header = {name: str(sent[key]) for key, name in _NAMES.items() if sent.get(key) and key != "due_date"}
    more: Body = {**header, **({"TotalAmt": amount_of(sent["total"])} if sent.get("total") else {})}
    with store.ledger.writing():
        applied = [
            (record, amount_of(part["amount"]) if part.get("amount") else Decimal(record.body["Balance"]))
            for key, kind in (("bills", "Bill"), ("credits", "VendorCredit"))
            for part in sent.get(key, [])
            for record in [live(store, realm, kind, str(part.get("id", "")))]
        ]
        if not applied:
            raise ValueError("bills is empty.")
        return pay_together(store, realm, applied, PERSON, str(sent.get("pay_type", "Check")), more)


def void_by_hand(store: Store, realm: str, identifier: str) -> Record:
    with store.ledger.writing():
        return void_payment(store, realm, _current(live(store, realm, "BillPayment", identifier)), PERSON)


def change_payment_by_hand(store: Store, realm: str, identifier: str, amount: Decimal) -> Record:
    """Another amount on a payment of one bill."""
    with store.ledger.writing():
        record = live(store, realm, "BillPayment", identifier)
        [line] = record.body["Line"]
        body = {**record.body, **_current(record), "TotalAmt": amount, "Line": [{**line, "Amount": amount}]}
        return save_payment(store, realm, body, PERSON)


def delete_payment_by_hand(store: Store, realm: str, identifier: str) -> Record:
    with store.ledger.writing():
        return delete_payment(store, realm, _current(live(store, realm, "BillPayment", identifier)), PERSON)


def amount_of(value: Any) -> Decimal:
    try:
        return cents(str(value))
    except InvalidOperation:
        raise ValueError("amount is not a number.") from None


def _current(record: Record) -> Body:
    return {"Id": record.id, "SyncToken": str(record.sync)}
