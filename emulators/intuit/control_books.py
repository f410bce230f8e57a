"""Control addresses for what a person does to bills, vendor credits, payments and attachments in QuickBooks."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from emulators.intuit import bookkeeper
from emulators.intuit.control_answers import answer, sent_object
from emulators.intuit.ledger_view import attachment_json, bill_json, payment_json
from emulators.intuit.store import Store


def add_books(routes: Blueprint, store: Store) -> None:
    for address, kind in (("bills", "Bill"), ("vendor-credits", "VendorCredit")):
        _add_transactions(routes, store, address, kind)
    _add_bills(routes, store)
    _add_payments(routes, store)
    _add_attachments(routes, store)


def _add_transactions(routes: Blueprint, store: Store, address: str, kind: str) -> None:
    def create() -> ResponseReturnValue:
        return answer(bill_json(store, bookkeeper.typed_in(store, kind, sent_object())), 201)

    def change(realm: str, identifier: str) -> ResponseReturnValue:
        record = bookkeeper.change_transaction(store, realm, kind, identifier, sent_object())
        return answer(bill_json(store, record))

    def remove(realm: str, identifier: str) -> ResponseReturnValue:
        return answer(bill_json(store, bookkeeper.delete_by_hand(store, realm, kind, identifier)))

    one = f"/{address}/<realm>/<identifier>"
    routes.add_url_rule(f"/{address}", f"create_{kind}", create, methods=["POST"])
    routes.add_url_rule(one, f"change_{kind}", change, methods=["PATCH"])
    routes.add_url_rule(one, f"remove_{kind}", remove, methods=["DELETE"])


def _add_bills(routes: Blueprint, store: Store) -> None:
    @routes.post("/bills/<realm>/<identifier>/copy")
    def copy(realm: str, identifier: str) -> ResponseReturnValue:
        """{"keep_number": true} copies the number too."""
        keep = sent_object().get("keep_number") is True
        return answer(bill_json(store, bookkeeper.copy_bill(store, realm, identifier, keep)), 201)

    @routes.post("/bills/<realm>/<identifier>/pay")
    def pay(realm: str, identifier: str) -> ResponseReturnValue:
        """{"amount": absent for all that is open, "pay_type": "Check" or "CreditCard"}."""
        sent = sent_object()
        amount = bookkeeper.amount_of(sent["amount"]) if sent.get("amount") not in (None, "") else None
        pay_type = str(sent.get("pay_type", "Check"))
        bill, payment = bookkeeper.pay_by_hand(store, realm, identifier, amount, pay_type)
        return answer({**bill_json(store, bill), "payment_id": payment.id})


def _add_payments(routes: Blueprint, store: Store) -> None:
    @routes.post("/payments")
    def create() -> ResponseReturnValue:
        return answer(payment_json(store, bookkeeper.pay_several(store, sent_object())), 201)

    @routes.post("/payments/<realm>/<identifier>/void")
    def void(realm: str, identifier: str) -> ResponseReturnValue:
        return answer(payment_json(store, bookkeeper.void_by_hand(store, realm, identifier)))

    @routes.patch("/payments/<realm>/<identifier>")
    def change_payment(realm: str, identifier: str) -> ResponseReturnValue:
        """{"amount"}: of a payment of one bill."""
        amount = bookkeeper.amount_of(sent_object().get("amount"))
        return answer(payment_json(store, bookkeeper.change_payment_by_hand(store, realm, identifier, amount)))

    @routes.delete("/payments/<realm>/<identifier>")
    def remove(realm: str, identifier: str) -> ResponseReturnValue:
        return answer(payment_json(store, bookkeeper.delete_payment_by_hand(store, realm, identifier)))


def _add_attachments(routes: Blueprint, store: Store) -> None:
    @routes.delete("/attachments/<realm>/<identifier>")
    def remove_attachment(realm: str, identifier: str) -> ResponseReturnValue:
        record = bookkeeper.live(store, realm, "Attachable", identifier)
        store.delete(record, bookkeeper.PERSON)
        return answer(attachment_json(record))
