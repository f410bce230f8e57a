"""Control addresses for what a person does to the lists in QuickBooks."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from emulators.intuit import listkeeper
from emulators.intuit.control_answers import answer, sent_object
from emulators.intuit.ledger_view import list_json, lists_of
from emulators.intuit.store import Store


def add_lists(routes: Blueprint, store: Store) -> None:
    @routes.get("/lists/<realm>")
    def everything(realm: str) -> ResponseReturnValue:
        return answer(lists_of(store, realm))

    @routes.get("/lists/<realm>/<name>")
    def one_list(realm: str, name: str) -> ResponseReturnValue:
        rows = store.everything(realm, listkeeper.list_kind(name))
        return answer({"entries": [list_json(store, record) for record in rows]})

    @routes.post("/lists/<realm>/<name>")
    def add(realm: str, name: str) -> ResponseReturnValue:
        record = listkeeper.add_entry(store, realm, listkeeper.list_kind(name), sent_object())
        return answer(list_json(store, record), 201)

    @routes.route("/lists/<realm>/<name>/<identifier>", methods=["PATCH"])
    def change(realm: str, name: str, identifier: str) -> ResponseReturnValue:
        record = listkeeper.change_entry(store, realm, listkeeper.list_kind(name), identifier, sent_object())
        return answer(list_json(store, record))

    @routes.post("/lists/<realm>/<name>/<identifier>/merge")
    def merge(realm: str, name: str, identifier: str) -> ResponseReturnValue:
        """{"into": id}: the entry goes, the other takes its place; the survivor is answered."""
        kind, into = listkeeper.list_kind(name), str(sent_object().get("into", ""))
        return answer(list_json(store, listkeeper.merge_entry(store, realm, kind, identifier, into)))
