"""Bill payments: they bring the balance of bills and vendor credits down, and voiding one brings it back.

Intuit: BillPayment in the API reference, collected in qbo.md section 2.9.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

from emulators.intuit import answers
from emulators.intuit.bills import NOTHING
from emulators.intuit.rules import CURRENCIES, Check, check_open_period, check_sync_token
from emulators.intuit.store import Body, Origin, Record, Store

_ACCOUNT_TYPES = {"Check": ("Bank",), "CreditCard": ("Credit Card",)}
Applied = list[tuple[Record, Decimal]]


def save_payment(store: Store, realm: str, sent: Any, origin: Origin) -> Record:
    """Create a payment, or update one: what it paid before is given back first."""
    if not isinstance(sent, dict):
        raise answers.unreadable_body("the body is not an object")
    if sent.get("Id") in (None, ""):
        body = Check(store, realm, "BillPayment").body(sent)
        applied = _complete(store, realm, body, None, origin)
        record = store.insert(realm, "BillPayment", body, origin)
        _apply(store, record, applied, origin)
        return record
    record = _current(store, realm, sent)
    body = Check(store, realm, "BillPayment").body(sent)
    applied = _complete(store, realm, body, record, origin)
    _give_back(store, record, origin)
    store.replace(record, body, origin)
    _apply(store, record, applied, origin)
    return record


def void_payment(store: Store, realm: str, sent: Any, origin: Origin) -> Record:
    """Intuit: amounts become zero, lines empty, and PrivateNote starts with Voided."""
    record = _current(store, realm, sent)
    check_open_period(store, realm, origin, record.body["TxnDate"])
    _give_back(store, record, origin)
    note = f"Voided {record.body.get('PrivateNote', '')}".strip()
    body = {**record.body, "TotalAmt": NOTHING, "Line": [], "PrivateNote": note}
    return store.replace(record, body, origin, "voided")


def delete_payment(store: Store, realm: str, sent: Any, origin: Origin) -> Record:
    record = _current(store, realm, sent)
    check_open_period(store, realm, origin, record.body["TxnDate"])
    _give_back(store, record, origin)
    store.delete(record, origin)
    return record


def pay_bill(store: Store, bill: Record, amount: Decimal, origin: Origin, pay_type: str = "Check") -> Record:
    """A bookkeeper pays one bill in QuickBooks."""
    if amount <= 0 or amount > bill.body["Balance"]:
        raise answers.business_rule("The amount must be more than zero and at most the open balance.")
    return pay_together(store, bill.realm, [(bill, amount)], origin, pay_type)


def pay_together(
    store: Store, realm: str, applied: Applied, origin: Origin, pay_type: str = "Check", more: Body | None = None
) -> Record:
    """One payment for several bills of a vendor, less the vendor credits among them; `more` goes into its header."""
    if pay_type not in _ACCOUNT_TYPES:
        raise ValueError("pay_type is Check or CreditCard.")
    accounts = [a for a in store.live(realm, "Account") if a.body["AccountType"] in _ACCOUNT_TYPES[pay_type]]
    source = {"value": accounts[0].id if accounts else ""}
    first = applied[0][0]
    net = sum((amount if target.kind == "Bill" else -amount for target, amount in applied), NOTHING)
    sent: Body = {
        "VendorRef": {"value": first.body["VendorRef"]["value"]},
        "PayType": pay_type,
        "TotalAmt": max(net, NOTHING),
        "Line": [
            {"Amount": amount, "LinkedTxn": [{"TxnId": target.id, "TxnType": target.kind}]}
            for target, amount in applied
        ],
        **(more or {}),
    }
    if store.switches.on("multicurrency", realm):
        sent["CurrencyRef"] = {"value": first.body["CurrencyRef"]["value"]}
    if pay_type == "Check":
        sent["CheckPayment"] = {"BankAccountRef": source}
    else:
        sent["CreditCardPayment"] = {"CCAccountRef": source}
    return save_payment(store, realm, sent, origin)


def _current(store: Store, realm: str, sent: Any) -> Record:
    if not isinstance(sent, dict):
        raise answers.unreadable_body("the body is not an object")
    if sent.get("Id") in (None, ""):
        raise answers.missing("Id")
    record = store.find(realm, "BillPayment", str(sent["Id"]))
    if record is None or record.deleted:
        raise answers.not_found()
    check_sync_token(sent, record.sync)
    return record


def _complete(store: Store, realm: str, body: Body, record: Record | None, origin: Origin) -> Applied:
    body.setdefault("TxnDate", store.today())
    check_open_period(store, realm, origin, body["TxnDate"], record.body["TxnDate"] if record is not None else "")
    vendor = store.find(realm, "Vendor", body["VendorRef"]["value"])
    own = vendor.body.get("CurrencyRef", {}).get("value", "USD") if vendor is not None else "USD"
    body.setdefault("CurrencyRef", {"value": own, "name": CURRENCIES[own]})
    _check_source(store, realm, body)
    applied: Applied = []
    net = NOTHING
    for number, line in enumerate(body["Line"], start=1):
        for linked in line.get("LinkedTxn", []):
            target = _target(store, realm, body, linked)
            amount = Decimal(line.get("Amount", 0))
            if amount <= 0 or amount > target.body["Balance"] + _paid_before(record, target):
                raise answers.business_rule("The amount applied is more than the open balance.")
            applied.append((target, amount))
            net += amount if target.kind == "Bill" else -amount
        line.setdefault("Id", str(number))
    if body["TotalAmt"] < max(net, NOTHING):
        raise answers.business_rule("The total of the payment is lower than the sum of its lines.")
    return applied


def _target(store: Store, realm: str, body: Body, linked: Body) -> Record:
    kind = linked.get("TxnType", "")
    if kind not in ("Bill", "VendorCredit"):
        raise answers.bad_choice("TxnType", kind)
    target = store.find(realm, kind, linked.get("TxnId", ""))
    if target is None or target.deleted:
        raise answers.not_found()
    if target.body["VendorRef"]["value"] != body["VendorRef"]["value"]:
        raise answers.business_rule("The vendor of the payment is not the vendor of the bill.")
    return target


def _check_source(store: Store, realm: str, body: Body) -> None:
    pay_type = body["PayType"]
    holder, name = ("CheckPayment", "BankAccountRef") if pay_type == "Check" else ("CreditCardPayment", "CCAccountRef")
    reference = body.get(holder, {}).get(name)
    if reference is None:
        raise answers.missing(f"{holder}.{name}")
    account = store.find(realm, "Account", reference["value"])
    if account is None or account.body["AccountType"] not in _ACCOUNT_TYPES[pay_type]:
        raise answers.business_rule(f"The account cannot be used for {pay_type} payments.")


def _paid_before(record: Record | None, target: Record) -> Decimal:
    if record is None:
        return NOTHING
    return sum((amount for identifier, kind, amount in _links(record) if identifier == target.id), NOTHING)


def _links(record: Record) -> list[tuple[str, str, Decimal]]:
    return [
        (linked["TxnId"], linked["TxnType"], Decimal(line["Amount"]))
        for line in record.body.get("Line", [])
        for linked in line.get("LinkedTxn", [])
    ]


def _apply(store: Store, record: Record, applied: Applied, origin: Origin) -> None:
    name = "BillPaymentCheck"
    if record.body["PayType"] == "CreditCard":
        name = store.switches.text("credit_card_linked_txn", record.realm)
    for target, amount in applied:
        body = copy.deepcopy(target.body)
        body["Balance"] -= amount
        body["LinkedTxn"] = [*body.get("LinkedTxn", []), {"TxnId": record.id, "TxnType": name}]
        store.replace(target, body, replace(origin, payment=True))


def _give_back(store: Store, record: Record, origin: Origin) -> None:
    for identifier, kind, amount in _links(record):
        target = store.find(record.realm, kind, identifier)
        if target is None or target.deleted:
            continue
        body = copy.deepcopy(target.body)
        body["Balance"] += amount
        body["LinkedTxn"] = [linked for linked in body.get("LinkedTxn", []) if linked["TxnId"] != record.id]
        if not body["LinkedTxn"]:
            del body["LinkedTxn"]
        store.replace(target, body, replace(origin, payment=True))
