"""The books in the flat form of the control interface, which checks may trust: /_emulator/ledger.

The names of the fields are those of the Intuit emulator, so that one judge reads both.
"""

from __future__ import annotations

from typing import Any

from emulators.desktop.rendering import money, open_of, total_of, vendor_balance
from emulators.desktop.store import LISTS, PAYMENTS, Body, Record, Store


def ledger_of(store: Store, files: list[str]) -> Body:
    """Everything that was ever written into the files; what is deleted or vanished says so."""

    def rows(*kinds: str) -> list[tuple[str, Record]]:
        return [(file, record) for file in files for record in store.everything(file, *kinds)]

    return {
        "bills": [bill_json(store, file, record) for file, record in rows("Bill")],
        "vendor_credits": [bill_json(store, file, record) for file, record in rows("VendorCredit")],
        "payments": [payment_json(store, file, record) for file, record in rows(*PAYMENTS)],
        "vendors": [entry_json(store, file, record) for file, record in rows("Vendor")],
    }


def _common(store: Store, file: str, record: Record) -> Body:
    """Who did what: qbxml, hand or seed; empty if nobody did. `deleted` covers what a restored backup does not know."""
    authors = record.authors
    return {
        "id": record.id,
        "file": file,
        "kind": record.kind,
        "deleted": not record.alive,
        "vanished": record.gone,
        "created_at": store.moment(record.created),
        "updated_at": store.moment(record.modified),
        "created_by": authors.get("created", ""),
        "updated_by": authors.get("modified", ""),
        "deleted_by": "restore" if record.gone else authors.get("deleted", ""),
        "request_id": authors.get("message_set", ""),
        "app": authors.get("app", ""),
        "edit_sequence": record.edit_sequence,
    }


def _name(store: Store, file: str, identifier: Any) -> str:
    record = store.find(file, str(identifier or ""))
    return record.name if record is not None else ""


def bill_json(store: Store, file: str, record: Record) -> Body:
    """A bill or vendor credit."""
    body = record.body
    balance = open_of(store, file, record) if record.alive else 0
    return {
        "doc_number": body.get("RefNumber", ""),
        "vendor_id": body["VendorRef"],
        "vendor_name": _name(store, file, body["VendorRef"]),
        "txn_date": body["TxnDate"],
        "due_date": body.get("DueDate", ""),
        "total": money(total_of(record)),
        "balance": f"{balance:.2f}",
        "private_note": body.get("Memo", ""),
        "external_guid": body.get("ExternalGUID", ""),
        "ap_account_id": body["APAccountRef"],
        "term_id": body.get("TermsRef", ""),
        "lines": [_line_json(store, file, line) for line in (*body["ExpenseLines"], *body["ItemLines"])],
        "linked": [{"id": other.id, "type": other.kind, "amount": money(amount)}
                   for other, amount in store.links(file).of(record.id)],
        **_common(store, file, record),
    }  # fmt: skip


def _line_json(store: Store, file: str, line: Body) -> Body:
    item = store.find(file, str(line.get("ItemRef", "")))
    account = line.get("OverrideItemAccountRef") or line.get("AccountRef", "")
    if item is not None and not account:
        # What the line really debits is the expense account of the item.
        sides = item.body.get("SalesAndPurchase", {})
        account = sides.get("ExpenseAccountRef") or item.body.get("SalesOrPurchase", {}).get("AccountRef", "")
    return {
        "id": line["TxnLineID"],
        "amount": line["Amount"],
        "description": line.get("Memo") or line.get("Desc", ""),
        "account_id": account,
        "account_name": _name(store, file, account),
        "item_id": line.get("ItemRef", ""),
        "item_name": _name(store, file, line.get("ItemRef")),
        "customer_id": line.get("CustomerRef", ""),
        "customer_name": _name(store, file, line.get("CustomerRef")),
        "class_id": line.get("ClassRef", ""),
        "billable": line.get("BillableStatus", ""),
    }


def payment_json(store: Store, file: str, record: Record) -> Body:
    body = record.body
    applied = [{"id": part["TxnID"], "type": "Bill", "amount": part["Amount"]} for part in body["Applied"]]
    return {
        "doc_number": body.get("RefNumber", ""),
        "vendor_id": body["PayeeEntityRef"],
        "txn_date": body["TxnDate"],
        "total": body["Amount"],
        "pay_type": "Check" if record.kind == "BillPaymentCheck" else "CreditCard",
        "bills": [part["id"] for part in applied],
        "applied": applied,
        "voided": str(body.get("Memo", "")).startswith("VOID:"),
        **_common(store, file, record),
    }


def entry_json(store: Store, file: str, record: Record) -> Body:
    """An entry of any list."""
    owed = {"balance": money(vendor_balance(store, file, record.id))} if record.kind == "Vendor" else {}
    return {
        "name": record.body["Name"],
        "full_name": record.name,
        "active": record.active,
        "external_guid": record.body.get("ExternalGUID", ""),
        "body": record.body,
        **owed,
        **_common(store, file, record),
    }


def lists_of(store: Store, file: str) -> Body:
    return {kind: [entry_json(store, file, record) for record in store.everything(file, kind)] for kind in LISTS}
