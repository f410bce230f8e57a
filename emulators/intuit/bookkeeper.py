"""What a person does in QuickBooks behind the product's back: type in, change, copy, pay and delete bills.

A person is not bound by the API's SyncToken and may do what the API refuses; the SyncToken still moves on.
"""

from __future__ import annotations

import copy
from decimal import Decimal

from emulators.intuit import answers
from emulators.intuit.bills import save_bill
from emulators.intuit.json_text import cents
from emulators.intuit.payments import delete_payment, pay_bill
from emulators.intuit.store import Body, Origin, Record, Store

PERSON = Origin("bookkeeper")
_DETAIL = "AccountBasedExpenseLineDetail"


def live_bill(store: Store, realm: str, identifier: str) -> Record:
    record = store.find(realm, "Bill", identifier)
    if record is None or record.deleted:
        raise answers.not_found()
    return record


def bookkeeper_bill(store: Store, sent: Body) -> Record:
    """A bill typed in by hand: {"realm", "vendor_id", "doc_number", "txn_date", "private_note", "lines": [...]}."""
    realm = str(sent.get("realm", ""))
    lines = sent.get("lines") or [{"amount": sent.get("amount", "0")}]
    body: Body = {"VendorRef": {"value": str(sent.get("vendor_id", ""))}, "Line": [_line(line) for line in lines]}
    names = {"doc_number": "DocNumber", "txn_date": "TxnDate", "due_date": "DueDate", "private_note": "PrivateNote"}
    body |= {name: str(sent[key]) for key, name in names.items() if sent.get(key)}
    with store.ledger.writing():
        return save_bill(store, realm, "Bill", body, PERSON, allow_duplicate_number=True)


def _line(sent: Body) -> Body:
    detail: Body = {"AccountRef": {"value": str(sent.get("account_id") or "80")}}
    if sent.get("customer_id"):
        detail["CustomerRef"] = {"value": str(sent["customer_id"])}
    amount = cents(str(sent.get("amount", "0")))
    return {"Amount": amount, "Description": str(sent.get("description", "")), "DetailType": _DETAIL, _DETAIL: detail}


def change_bill(store: Store, realm: str, identifier: str, changes: Body) -> Record:
    """Change number, note, dates or total; a new total goes to the first line."""
    with store.ledger.writing():
        record = live_bill(store, realm, identifier)
        body = copy.deepcopy(record.body)
        names = {"doc_number": "DocNumber", "private_note": "PrivateNote", "txn_date": "TxnDate", "due_date": "DueDate"}
        for key, name in names.items():
            if key in changes:
                body[name] = str(changes[key])
                if not body[name]:
                    del body[name]
        if changes.get("vendor_id"):
            vendor = store.find(realm, "Vendor", str(changes["vendor_id"]))
            if vendor is None:
                raise answers.bad_reference("Names", str(changes["vendor_id"]))
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
        account = store.find(realm, "Account", line[_DETAIL]["AccountRef"]["value"])
        if account is None:
            raise answers.bad_reference("Accounts", line[_DETAIL]["AccountRef"]["value"])
        line[_DETAIL]["AccountRef"]["name"] = account.body["FullyQualifiedName"]
    body["Line"] = lines
    _add_up(body)


def _add_up(body: Body) -> None:
    paid = body["TotalAmt"] - body["Balance"]
    body["TotalAmt"] = cents(sum((Decimal(line.get("Amount", 0)) for line in body["Line"]), Decimal(0)))
    body["Balance"] = body["TotalAmt"] - paid


def copy_bill(store: Store, realm: str, identifier: str) -> Record:
    """Make Copy in QuickBooks: the same lines, without number and payments."""
    with store.ledger.writing():
        record = live_bill(store, realm, identifier)
        body = copy.deepcopy(record.body)
        body.pop("LinkedTxn", None)
        body.pop("DocNumber", None)
        body["Balance"], body["TxnDate"] = body["TotalAmt"], store.today()
        return store.insert(realm, "Bill", body, PERSON)


def delete_bill_by_hand(store: Store, realm: str, identifier: str) -> Record:
    """QuickBooks asks, then removes the payments' links; here the payments go with the bill."""
    with store.ledger.writing():
        record = live_bill(store, realm, identifier)
        for linked in list(record.body.get("LinkedTxn", [])):
            payment = store.find(realm, "BillPayment", linked["TxnId"])
            if payment is not None and not payment.deleted:
                delete_payment(store, realm, {"Id": payment.id, "SyncToken": str(payment.sync)}, PERSON)
        store.delete(record, PERSON)
        return record


def pay_by_hand(store: Store, realm: str, identifier: str, amount: Decimal | None, pay_type: str = "Check") -> Record:
    """Pay the amount, or what is open."""
    with store.ledger.writing():
        record = live_bill(store, realm, identifier)
        pay_bill(store, record, cents(amount if amount is not None else record.body["Balance"]), PERSON, pay_type)
        return record
