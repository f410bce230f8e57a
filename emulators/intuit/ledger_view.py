"""The books in the flat form of the control interface, which checks may trust: /_emulator/ledger."""

from __future__ import annotations

from emulators.intuit.presenting import with_names
from emulators.intuit.shapes import LISTS
from emulators.intuit.store import Body, Record, Store, pacific


def ledger_of(store: Store, realms: list[str]) -> Body:
    """Everything that was ever written into the books of the companies; what is deleted says so."""

    def rows(kind: str) -> list[Record]:
        return [record for realm in realms for record in store.everything(realm, kind)]

    return {
        "bills": [bill_json(store, record) for record in rows("Bill")],
        "vendors": [vendor_json(store, record) for record in rows("Vendor") if not record.deleted],
        "vendor_credits": [bill_json(store, record) for record in rows("VendorCredit")],
        "payments": [payment_json(store, record) for record in rows("BillPayment")],
        "attachments": [attachment_json(record) for record in rows("Attachable")],
    }


def _authors(record: Record) -> Body:
    """Who did what: api, hand or seed; empty if nobody did."""
    authors = record.authors
    return {
        "deleted": record.deleted,
        "created_at": pacific(record.created),
        "updated_at": pacific(record.updated),
        "created_by": authors.get("created", ""),
        "updated_by": authors.get("updated", ""),
        "deleted_by": authors.get("deleted", ""),
        "request_id": record.request_id,
        "updated_request_id": authors.get("updated_request_id", ""),
        "deleted_request_id": authors.get("deleted_request_id", ""),
    }


def bill_json(store: Store, record: Record) -> Body:
    """A bill or vendor credit."""
    body = with_names(store, record.realm, record.body)
    return {
        "id": record.id,
        "realm": record.realm,
        "doc_number": body.get("DocNumber", ""),
        "vendor_id": body["VendorRef"]["value"],
        "vendor_name": body["VendorRef"].get("name", ""),
        "txn_date": body.get("TxnDate", ""),
        "due_date": body.get("DueDate", ""),
        "total": f"{body['TotalAmt']:.2f}",
        "balance": f"{body['Balance']:.2f}",
        "currency": body.get("CurrencyRef", {}).get("value", ""),
        "private_note": body.get("PrivateNote", ""),
        "ap_account_id": body.get("APAccountRef", {}).get("value", ""),
        "term_id": body.get("SalesTermRef", {}).get("value", ""),
        "department_id": body.get("DepartmentRef", {}).get("value", ""),
        "lines": [_line_json(store, record.realm, line) for line in body["Line"]],
        "attachments": [attachment_json(r) for r in store.attached_to(record.realm, record.kind, record.id)],
        "linked": body.get("LinkedTxn", []),
        "sync_token": str(record.sync),
        **_authors(record),
    }


def _line_json(store: Store, realm: str, line: Body) -> Body:
    detail = line.get(str(line.get("DetailType")), {})
    account = detail.get("AccountRef", {})
    item = store.find(realm, "Item", detail.get("ItemRef", {}).get("value", ""))
    if item is not None:
        # What the line really debits is the expense account of the item.
        account = item.body.get("ExpenseAccountRef", {})
    return {
        "id": line.get("Id", ""),
        "amount": f"{line['Amount']:.2f}" if "Amount" in line else None,
        "description": line.get("Description", ""),
        "account_id": account.get("value", ""),
        "account_name": account.get("name", ""),
        "item_id": item.id if item is not None else "",
        "item_name": item.body["Name"] if item is not None else "",
        "customer_id": detail.get("CustomerRef", {}).get("value", ""),
        "customer_name": detail.get("CustomerRef", {}).get("name", ""),
        "class_id": detail.get("ClassRef", {}).get("value", ""),
        "project_id": line.get("ProjectRef", {}).get("value", ""),
        "billable": detail.get("BillableStatus", ""),
    }


def attachment_json(record: Record) -> Body:
    body = record.body
    links = [link.get("EntityRef", {}) for link in body.get("AttachableRef", [])]
    return {
        "id": record.id,
        "realm": record.realm,
        "file_name": body.get("FileName", ""),
        "size": body.get("Size", 0),
        "content_type": body.get("ContentType", ""),
        "note": body.get("Note", ""),
        "linked_to": [{"type": link.get("type", ""), "id": link.get("value", "")} for link in links],
        "sha256": record.authors.get("sha256", ""),
        **_authors(record),
    }


def vendor_json(store: Store, record: Record) -> Body:
    return {
        "id": record.id,
        "realm": record.realm,
        "display_name": record.body["DisplayName"],
        "active": record.active,
        "balance": f"{store.open_balance(record.realm, record.id):.2f}",
        "sync_token": str(record.sync),
        **_authors(record),
    }


def payment_json(store: Store, record: Record) -> Body:
    applied = [
        {"type": link["TxnType"], "id": link["TxnId"], "amount": f"{line.get('Amount', 0):.2f}"}
        for line in record.body["Line"]
        for link in line.get("LinkedTxn", [])
    ]
    return {
        "id": record.id,
        "realm": record.realm,
        "doc_number": record.body.get("DocNumber", ""),
        "vendor_id": record.body["VendorRef"]["value"],
        "txn_date": record.body.get("TxnDate", ""),
        "total": f"{record.body['TotalAmt']:.2f}",
        "pay_type": record.body["PayType"],
        "private_note": record.body.get("PrivateNote", ""),
        "bills": [part["id"] for part in applied],
        "applied": applied,
        "voided": str(record.body.get("PrivateNote", "")).startswith("Voided"),
        "sync_token": str(record.sync),
        **_authors(record),
    }


def list_json(store: Store, record: Record) -> Body:
    """An entry of any list."""
    body = record.body
    shown: Body = {
        "id": record.id,
        "realm": record.realm,
        "kind": record.kind,
        "name": body.get("DisplayName") or body.get("Name"),
        "full_name": body.get("FullyQualifiedName", ""),
        "active": record.active,
        "sync_token": str(record.sync),
        "merged_into": record.authors.get("merged_into", ""),
        "body": with_names(store, record.realm, body),
        **_authors(record),
    }
    return shown


def lists_of(store: Store, realm: str) -> Body:
    return {kind: [list_json(store, record) for record in store.everything(realm, kind)] for kind in LISTS}
