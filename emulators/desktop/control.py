"""The JSON control interface of the PC: its state, the Web Connector, the company files, the history."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.desktop import recovery
from emulators.desktop.connector import Connector
from emulators.desktop.control_books import add_books, sent_object
from emulators.desktop.ledger_view import ledger_of
from emulators.desktop.processor import QuickBooksSession
from emulators.desktop.qwc import NotAdded
from emulators.desktop.refusals import LOCKED, Denied, Refused
from emulators.desktop.seeding import SEEDS, add_file, seed
from emulators.desktop.store import Lock, Store

_FILE_FACTS = ("company", "path", "product", "major_version", "closing_date", "class_tracking", "multicurrency",
               "single_user", "stamps")  # fmt: skip


def control_routes(connector: Connector) -> Blueprint:
    routes = Blueprint("control", __name__, url_prefix="/_emulator")
    store = connector.pc.store
    _add_pc(routes, connector)
    _add_applications(routes, connector)
    _add_sessions(routes, connector)
    _add_files(routes, store)
    _add_safety(routes, store)
    _add_history(routes, store)
    add_books(routes, store)
    routes.register_error_handler(ValueError, lambda error: (jsonify({"error": str(error)}), 400))
    routes.register_error_handler(LookupError, lambda error: (jsonify({"error": str(error)}), 404))
    routes.register_error_handler(Refused, lambda error: (jsonify({"error": error.message, "code": error.code}), 400))
    routes.register_error_handler(NotAdded, lambda error: (jsonify({"error": str(error), "code": error.code}), 409))
    return routes


def _add_pc(routes: Blueprint, connector: Connector) -> None:
    pc, store = connector.pc, connector.pc.store

    @routes.post("/reset")
    def reset() -> ResponseReturnValue:
        """Everything anew; the history of events, calls and sessions stays, as it is append-only."""
        name = str(sent_object().get("seed", "demo"))
        if name not in SEEDS:
            raise ValueError(f"seed is {' or '.join(SEEDS)}.")
        connector.forget()
        store.forget_everything()
        store.switches.reset()
        store.clock.move(0)
        connector.cuts.remove()
        seed(pc, name)
        return jsonify({"seed": name, "files": list(store.files)})

    @routes.route("/pc", methods=["GET", "PATCH"])
    def state() -> ResponseReturnValue:
        return jsonify(pc.change(sent_object()) if request.method == "PATCH" else pc.state)

    @routes.post("/process")
    def process() -> ResponseReturnValue:
        """{"file", "app", "owner", "qbxml": one text or several}: QuickBooks alone, in one session, without QBWC."""
        sent = sent_object()
        session = QuickBooksSession(
            store, store.file(str(sent.get("file"))).name, str(sent.get("app", "")), str(sent.get("owner", ""))
        )
        texts = sent.get("qbxml", [])
        answers = []
        for text in [texts] if isinstance(texts, str) else texts:
            try:
                answers.append({"response": session.process(text), "hresult": "", "message": "", "detail": ""})
            except Denied as denied:
                told = {"hresult": denied.hresult, "message": denied.message, "detail": denied.detail}
                answers.append({"response": "", **told})
        return jsonify({"answers": answers, "first_contact": session.first_contact()})


def _add_applications(routes: Blueprint, connector: Connector) -> None:
    @routes.get("/applications")
    def applications() -> ResponseReturnValue:
        return jsonify({"applications": [app.shown() for app in connector.applications.values()]})

    @routes.post("/applications")
    def add_application() -> ResponseReturnValue:
        """{"qwc": text of the file, "password": as typed}; 409 with the QBWC code if it is not added."""
        sent = sent_object()
        return jsonify(connector.add(str(sent.get("qwc", "")), str(sent.get("password", ""))).shown()), 201

    @routes.patch("/applications/<path:name>")
    def change_application(name: str) -> ResponseReturnValue:
        """password, ticked, auto_run, every_seconds (also a part of a second)."""
        return jsonify(connector.change(name, sent_object()).shown())

    @routes.delete("/applications/<path:name>")
    def remove_application(name: str) -> ResponseReturnValue:
        connector.remove(name)
        return jsonify({"removed": name})

    @routes.post("/update")
    def update() -> ResponseReturnValue:
        """{"app"}: one session to its end; the answer is its report. The name may be left out if there is only one."""
        return jsonify(connector.update(str(sent_object().get("app", ""))))

    @routes.post("/update-selected")
    def update_selected() -> ResponseReturnValue:
        return jsonify({"sessions": connector.update_selected()})


def _add_sessions(routes: Blueprint, connector: Connector) -> None:
    @routes.get("/sessions")
    def sessions() -> ResponseReturnValue:
        found = connector.sessions(after=request.args.get("after", 0, int), app=request.args.get("app", ""))
        return jsonify({"sessions": found})

    @routes.get("/sessions/<int:number>")
    def session(number: int) -> ResponseReturnValue:
        """With every call: operation, sent, answer, code, milliseconds."""
        found = [report for report in connector.sessions(after=number - 1) if report["id"] == number]
        if not found:
            raise LookupError("There is no such session.")
        return jsonify({**found[0], "calls": connector.calls(number)})

    @routes.get("/log")
    def log() -> ResponseReturnValue:
        return Response(connector.log(request.args.get("after", 0, int)), content_type="text/plain; charset=utf-8")


def _add_files(routes: Blueprint, store: Store) -> None:
    @routes.get("/files")
    def files() -> ResponseReturnValue:
        return jsonify({"files": [file.as_json() for file in store.files.values()]})

    @routes.post("/files")
    def new_file() -> ResponseReturnValue:
        """{"name", "company", "lists"}: one more company file on the PC."""
        sent = sent_object()
        file = add_file(store, str(sent.get("name", "")), str(sent.get("company", "")), full=sent.get("lists", True))
        return jsonify(file.as_json()), 201

    @routes.route("/files/<name>", methods=["GET", "PATCH"])
    def file_of(name: str) -> ResponseReturnValue:
        """PATCH changes the preferences, the name, the path or the edition of the file."""
        file = store.file(name)
        if request.method == "PATCH":
            for field, value in sent_object().items():
                if field not in _FILE_FACTS:
                    raise ValueError(f"A company file has {', '.join(_FILE_FACTS)}.")
                setattr(file, field, value)
            store.keep_file(file)
        return jsonify(file.as_json())

    @routes.post("/files/<name>/locks")
    def lock(name: str) -> ResponseReturnValue:
        """{"kind": "" for any write, "id": "" for any, "code": 3175, 3176 or 3180, "times"}."""
        sent, file = sent_object(), store.file(name)
        code = int(sent.get("code", 3175))
        if code not in LOCKED:
            raise ValueError(f"code is one of {', '.join(map(str, LOCKED))}.")
        kind, identifier = str(sent.get("kind", "")), str(sent.get("id", ""))
        file.locks.append(Lock(kind, identifier, code, int(sent.get("times", 1))))
        store.keep_file(file)
        return jsonify(file.as_json()), 201

    @routes.delete("/files/<name>/locks")
    def unlock(name: str) -> ResponseReturnValue:
        file = store.file(name)
        file.locks = []
        store.keep_file(file)
        return jsonify(file.as_json())


def _add_safety(routes: Blueprint, store: Store) -> None:
    """Backups and recovery records."""

    @routes.post("/files/<name>/backup")
    def backup(name: str) -> ResponseReturnValue:
        """{"name"}: a backup under this name."""
        kept = {**store.ledger.setting("backups", {}), f"{name}/{sent_object().get('name', '')}": store.snapshot(name)}
        store.ledger.set_setting("backups", kept)
        return jsonify({"backups": list(kept)}), 201

    @routes.post("/files/<name>/restore")
    def restore(name: str) -> ResponseReturnValue:
        """{"name"}: the file is again as it was at that backup; answers what vanished."""
        kept = store.ledger.setting("backups", {}).get(f"{name}/{sent_object().get('name', '')}")
        if kept is None:
            raise LookupError("There is no such backup.")
        return jsonify({"vanished": store.restore(name, kept)})

    @routes.get("/files/<name>/recovery")
    def records(name: str) -> ResponseReturnValue:
        return jsonify({"records": recovery.records_of(store, store.file(name).name)})

    @routes.delete("/files/<name>/recovery")
    def lose_records(name: str) -> ResponseReturnValue:
        """All recovery records are lost, or with ?id= one."""
        return jsonify({"lost": recovery.forget(store, store.file(name).name, request.args.get("id", ""))})


def _add_history(routes: Blueprint, store: Store) -> None:
    @routes.get("/ledger")
    def ledger() -> ResponseReturnValue:
        file = request.args.get("file", "")
        return jsonify(ledger_of(store, [store.file(file).name] if file else list(store.files)))

    @routes.get("/events")
    def events() -> ResponseReturnValue:
        after, limit = request.args.get("after", 0, int), request.args.get("limit", 1000, int)
        kind, subject = request.args.get("kind", ""), request.args.get("subject", "")
        return jsonify({"events": store.ledger.events(after=after, kind=kind, subject=subject, limit=limit)})

    @routes.get("/hits")
    def hits() -> ResponseReturnValue:
        """How often each cut struck since the reset, removed rules included."""
        after = request.args.get("after", int(store.ledger.setting("seeded_by_event", 0)), int)
        struck = store.ledger.events(after=after, kind="fault_hit", limit=1_000_000)
        return jsonify({"hits": dict(sorted(Counter(event["data"]["fault"] for event in struck).items()))})
