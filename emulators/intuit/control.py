"""The JSON control interface of the emulator: what a test reads and what it does behind the product's back."""

from __future__ import annotations

import sqlite3
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from emulators.intuit import json_text
from emulators.intuit.answers import QboFault
from emulators.intuit.api import json_response
from emulators.intuit.bookkeeper import bookkeeper_bill, change_bill, delete_bill_by_hand, pay_by_hand
from emulators.intuit.limits import Limiter
from emulators.intuit.oauth import TokenDesk
from emulators.intuit.seeding import seed
from emulators.intuit.store import Body, Record, Store, pacific
from emulators.shared.faults import FaultEngine


def control_routes(store: Store, desk: TokenDesk, limiter: Limiter, engine: FaultEngine) -> Blueprint:
    routes = Blueprint("control", __name__, url_prefix="/_emulator")
    _add_state(routes, store, desk, limiter, engine)
    _add_history(routes, store, limiter)
    _add_bookkeeping(routes, store)
    routes.register_error_handler(QboFault, _refused)
    routes.register_error_handler(ValueError, lambda error: _json({"error": str(error)}, 400))
    return routes


def _json(body: Any, status: int = 200) -> Response:
    return json_response(json_text.render(body), status)


def _refused(fault: QboFault) -> Response:
    return _json({"error": str(fault), "Fault": fault.fault()}, 404 if fault.errors[0].code == "610" else 400)


def _sent() -> Body:
    data = request.get_data()
    sent = json_text.parse(data) if data else {}
    if not isinstance(sent, dict):
        raise ValueError("A JSON object is expected.")
    return sent


def _add_state(routes: Blueprint, store: Store, desk: TokenDesk, limiter: Limiter, engine: FaultEngine) -> None:
    @routes.post("/reset")
    def reset() -> ResponseReturnValue:
        """Everything anew; the history of events and calls stays, as it is append-only."""
        name = str(_sent().get("seed", "demo"))
        if name not in ("demo", "empty"):
            raise ValueError("seed is demo or empty.")
        store.forget_everything()
        store.switches.reset()
        store.apply_limits_option()
        store.clock.move(0)
        limiter.forget()
        engine.remove()
        seed(store, name)
        return _json({"seed": name, "realms": store.realms()})

    @routes.get("/switches/<realm>")
    def switches_of(realm: str) -> ResponseReturnValue:
        return _json({name: store.switches.present(name, realm) for name in store.switches.known})

    @routes.post("/revoke")
    def revoke() -> ResponseReturnValue:
        realm = str(_sent().get("realm", ""))
        return _json({"realm": realm, "tokens_ended": desk.disconnect(realm, "admin")})

    @routes.get("/realms")
    def realms() -> ResponseReturnValue:
        return _json(
            {
                "realms": [
                    {"realm": realm, "name": store.company_name(realm), "connected": desk.connected(realm)}
                    for realm in store.realms()
                ]
            }
        )


def _add_history(routes: Blueprint, store: Store, limiter: Limiter) -> None:
    @routes.get("/ledger")
    def ledger() -> ResponseReturnValue:
        realm = request.args.get("realm", "")
        realms = [realm] if realm else store.realms()
        return _json(
            {
                "bills": [bill_json(store, r) for name in realms for r in store.everything(name, "Bill")],
                "vendors": [vendor_json(store, r) for name in realms for r in store.live(name, "Vendor")],
                "vendor_credits": [
                    bill_json(store, r) for name in realms for r in store.everything(name, "VendorCredit")
                ],
                "payments": [_payment_json(r) for name in realms for r in store.everything(name, "BillPayment")],
            }
        )

    @routes.get("/events")
    def events() -> ResponseReturnValue:
        after, limit = request.args.get("after", 0, int), request.args.get("limit", 1000, int)
        kind, subject = request.args.get("kind", ""), request.args.get("subject", "")
        return _json({"events": store.ledger.events(after=after, kind=kind, subject=subject, limit=limit)})

    @routes.get("/calls")
    def calls() -> ResponseReturnValue:
        after = request.args.get("after", 0, int)
        rows = store.ledger.query(
            "SELECT method, template, status, COUNT(*) AS n FROM call WHERE id > ? GROUP BY method, template, status",
            (after,),
        )
        counts = [{name: row[name] for name in row.keys()} | {"count": row["n"]} for row in rows]  # noqa: SIM118
        return _json(
            {
                "calls": [{k: v for k, v in entry.items() if k != "n"} for entry in counts],
                "throttled": sum(row["n"] for row in rows if row["status"] == 429),
                "refused_by_limits": limiter.refused,
                "last": store.ledger.value("SELECT COALESCE(MAX(id), 0) FROM call"),
            }
        )

    @routes.get("/calls/list")
    def call_list() -> ResponseReturnValue:
        after, limit = request.args.get("after", 0, int), request.args.get("limit", 1000, int)
        rows = store.ledger.query("SELECT * FROM call WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
        return _json({"calls": [_row(row) for row in rows]})


def _row(row: sqlite3.Row) -> dict[str, Any]:
    return dict(zip(row.keys(), tuple(row), strict=True))


def _add_bookkeeping(routes: Blueprint, store: Store) -> None:
    @routes.post("/bills")
    def create() -> ResponseReturnValue:
        return _json(bill_json(store, bookkeeper_bill(store, _sent())), 201)

    @routes.route("/bills/<realm>/<identifier>", methods=["PATCH"])
    def change(realm: str, identifier: str) -> ResponseReturnValue:
        return _json(bill_json(store, change_bill(store, realm, identifier, _sent())))

    @routes.delete("/bills/<realm>/<identifier>")
    def remove(realm: str, identifier: str) -> ResponseReturnValue:
        return _json(bill_json(store, delete_bill_by_hand(store, realm, identifier)))

    @routes.post("/bills/<realm>/<identifier>/pay")
    def pay(realm: str, identifier: str) -> ResponseReturnValue:
        sent = _sent()
        amount: Decimal | None = None
        if sent.get("amount") not in (None, ""):
            try:
                amount = Decimal(str(sent["amount"]))
            except InvalidOperation:
                raise ValueError("amount is not a number.") from None
        bill = pay_by_hand(store, realm, identifier, amount, str(sent.get("pay_type", "Check")))
        return _json(bill_json(store, bill))


def bill_json(store: Store, record: Record) -> Body:
    """A bill or vendor credit in the flat form of the control interface."""
    body = record.body
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
        "private_note": body.get("PrivateNote", ""),
        "ap_account_id": body.get("APAccountRef", {}).get("value", ""),
        "lines": [_line_json(store, record.realm, line) for line in body["Line"]],
        "attachments": [_attachment_json(r) for r in store.attached_to(record.realm, record.kind, record.id)],
        "linked": body.get("LinkedTxn", []),
        "sync_token": str(record.sync),
        "deleted": record.deleted,
        "created_at": pacific(record.created),
        "updated_at": pacific(record.updated),
        "request_id": record.request_id,
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
    }


def _attachment_json(record: Record) -> Body:
    body = record.body
    return {"id": record.id, "file_name": body.get("FileName", ""), "size": body.get("Size", 0),
            "content_type": body.get("ContentType", ""), "note": body.get("Note", "")}  # fmt: skip


def vendor_json(store: Store, record: Record) -> Body:
    return {
        "id": record.id,
        "realm": record.realm,
        "display_name": record.body["DisplayName"],
        "active": record.active,
        "balance": f"{store.open_balance(record.realm, record.id):.2f}",
        "sync_token": str(record.sync),
        "request_id": record.request_id,
    }


def _payment_json(record: Record) -> Body:
    return {
        "id": record.id,
        "realm": record.realm,
        "vendor_id": record.body["VendorRef"]["value"],
        "total": f"{record.body['TotalAmt']:.2f}",
        "pay_type": record.body["PayType"],
        "bills": [link["TxnId"] for line in record.body["Line"] for link in line.get("LinkedTxn", [])],
        "deleted": record.deleted,
    }
