"""Control addresses for what a person does to bills, vendor credits, payments and lists in QuickBooks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.desktop import bookkeeper
from emulators.desktop.ledger_view import bill_json, entry_json, lists_of, payment_json
from emulators.desktop.store import LISTS, Store


def add_books(routes: Blueprint, store: Store) -> None:
    for address, kind in (("bills", "Bill"), ("vendor-credits", "VendorCredit")):
        _add_transactions(routes, store, address, kind)
    _add_bills(routes, store)
    _add_payments(routes, store)
    _add_lists(routes, store)


def sent_object() -> dict[str, Any]:
    """The JSON of the request; nothing at all is an empty object."""
    sent = request.get_json(force=True, silent=True) if request.get_data() else {}
    if not isinstance(sent, dict):
        raise ValueError("A JSON object is expected.")
    return sent


def _add_transactions(routes: Blueprint, store: Store, address: str, kind: str) -> None:
    def create() -> ResponseReturnValue:
        sent = sent_object()
        file = store.file(str(sent.get("file", ""))).name
        return jsonify(bill_json(store, file, bookkeeper.typed_in(store, file, kind, sent))), 201

    def change(file: str, identifier: str) -> ResponseReturnValue:
        return jsonify(bill_json(store, file, bookkeeper.edit(store, file, identifier, sent_object())))

    def remove(file: str, identifier: str) -> ResponseReturnValue:
        return jsonify(bill_json(store, file, bookkeeper.delete(store, file, identifier)))

    one = f"/{address}/<file>/<identifier>"
    routes.add_url_rule(f"/{address}", f"create_{kind}", create, methods=["POST"])
    routes.add_url_rule(one, f"change_{kind}", change, methods=["PATCH"])
    routes.add_url_rule(one, f"remove_{kind}", remove, methods=["DELETE"])


def _add_bills(routes: Blueprint, store: Store) -> None:
    @routes.post("/bills/<file>/<identifier>/copy")
    def copy(file: str, identifier: str) -> ResponseReturnValue:
        """{"keep_number": true} copies the number too."""
        record = bookkeeper.copy(store, file, identifier, keep_number=sent_object().get("keep_number") is True)
        return jsonify(bill_json(store, file, record)), 201

    @routes.post("/bills/<file>/<identifier>/pay")
    def pay(file: str, identifier: str) -> ResponseReturnValue:
        """{"amount": absent for all that is open, "pay_type": "Check" or "CreditCard", "txn_date", "doc_number"}."""
        sent = sent_object()
        part = {"id": identifier, "amount": sent.get("amount")}
        payment = bookkeeper.pay(store, file, {**sent, "bills": [part]})
        bill = bookkeeper.live(store, file, identifier, "Bill")
        return jsonify({**bill_json(store, file, bill), "payment_id": payment.id})

    @routes.post("/bills/<file>/<identifier>/credit")
    def credit(file: str, identifier: str) -> ResponseReturnValue:
        """{"credit_id", "amount"}: Set Credits."""
        sent = sent_object()
        bookkeeper.apply_credit(store, file, identifier, str(sent.get("credit_id", "")), sent.get("amount"))
        return jsonify(bill_json(store, file, bookkeeper.live(store, file, identifier, "Bill")))


def _add_payments(routes: Blueprint, store: Store) -> None:
    @routes.post("/payments")
    def create_payment() -> ResponseReturnValue:
        """{"file", "bills": [{"id", "amount"}], "pay_type", "txn_date", "doc_number"}."""
        sent = sent_object()
        file = store.file(str(sent.get("file", ""))).name
        return jsonify(payment_json(store, file, bookkeeper.pay(store, file, sent))), 201

    @routes.post("/payments/<file>/<identifier>/void")
    def void(file: str, identifier: str) -> ResponseReturnValue:
        return jsonify(payment_json(store, file, bookkeeper.void(store, file, identifier)))

    @routes.delete("/payments/<file>/<identifier>")
    def remove_payment(file: str, identifier: str) -> ResponseReturnValue:
        return jsonify(payment_json(store, file, bookkeeper.delete(store, file, identifier)))


def _add_lists(routes: Blueprint, store: Store) -> None:
    @routes.get("/lists/<file>")
    def lists(file: str) -> ResponseReturnValue:
        return jsonify(lists_of(store, store.file(file).name))

    @routes.get("/lists/<file>/<kind>")
    def one_list(file: str, kind: str) -> ResponseReturnValue:
        if kind not in LISTS:
            raise LookupError(f"A list is one of {', '.join(LISTS)}.")
        return jsonify({"entries": lists_of(store, store.file(file).name)[kind]})

    @routes.post("/lists/<file>/<kind>")
    def add_entry(file: str, kind: str) -> ResponseReturnValue:
        record = bookkeeper.add_entry(store, store.file(file).name, kind, sent_object())
        return jsonify(entry_json(store, file, record)), 201

    @routes.patch("/lists/<file>/<kind>/<identifier>")
    def change_entry(file: str, kind: str, identifier: str) -> ResponseReturnValue:
        return jsonify(entry_json(store, file, bookkeeper.change_entry(store, file, identifier, sent_object())))

    @routes.delete("/lists/<file>/<kind>/<identifier>")
    def delete_entry(file: str, kind: str, identifier: str) -> ResponseReturnValue:
        return jsonify(entry_json(store, file, bookkeeper.delete_entry(store, file, identifier)))
