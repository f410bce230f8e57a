"""The web pages: what a bookkeeper would see on the PC, and the few buttons a bookkeeper would press."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.desktop import bookkeeper
from emulators.desktop.connector import Connector
from emulators.desktop.ledger_view import bill_json, payment_json
from emulators.desktop.qwc import NotAdded
from emulators.desktop.store import PAYMENTS, Store

_PER_PAGE, _SESSIONS = 50, 50


def page_routes(connector: Connector) -> Blueprint:
    routes = Blueprint("web", __name__)
    routes.add_app_template_filter(money, "money")
    _add_pc(routes, connector)
    _add_sessions(routes, connector)
    _add_bills(routes, connector.pc.store)
    return routes


def money(amount: str) -> str:
    return f"{Decimal(amount):,.2f}"


def _add_pc(routes: Blueprint, connector: Connector) -> None:
    pc, store = connector.pc, connector.pc.store

    @routes.get("/")
    def desk() -> ResponseReturnValue:
        return render_template(
            "pc.html",
            files=[(file, len(store.live(file.name, "Bill"))) for file in store.files.values()],
            state=pc.state,
            applications=list(connector.applications.values()),
            problem=request.args.get("problem", ""),
        )

    @routes.post("/")
    def press() -> ResponseReturnValue:
        """Buttons of the Web Connector and of QuickBooks."""
        form = request.form
        action = form.get("action", "")
        try:
            if action == "update":
                for name in form.getlist("app"):
                    connector.update(name)
            elif action == "add":
                connector.add(_qwc_text(), form.get("password", ""))
            elif action == "password":
                connector.change(form.get("app", ""), {"password": form.get("password", "")})
            elif action == "auto_run":
                every = float(form.get("every_seconds") or 60)
                on = not connector.application(form.get("app", "")).auto_run
                connector.change(form.get("app", ""), {"auto_run": on, "every_seconds": every})
            elif action == "remove":
                connector.remove(form.get("app", ""))
            elif action == "open":
                pc.change({"open_file": form.get("file", ""), "running": True})
            elif action == "close":
                pc.change({"open_file": "", "running": False})
            else:
                abort(400)
        except (NotAdded, LookupError, ValueError) as refused:
            code = f"{refused.code}: " if isinstance(refused, NotAdded) else ""
            return redirect(f"/?{urlencode({'problem': f'{code}{refused}'})}", 303)
        return redirect("/", 303)


def _qwc_text() -> str:
    sent = request.files.get("file")
    return sent.read().decode("utf-8", "replace") if sent is not None and sent.filename else request.form.get("qwc", "")


def _add_sessions(routes: Blueprint, connector: Connector) -> None:
    @routes.get("/sessions")
    def sessions() -> ResponseReturnValue:
        return render_template("sessions.html", sessions=connector.sessions()[: -_SESSIONS - 1 : -1])

    @routes.get("/sessions/<int:number>")
    def session(number: int) -> ResponseReturnValue:
        found = [report for report in connector.sessions(after=number - 1) if report["id"] == number]
        if not found:
            abort(404)
        return render_template("session.html", session=found[0], calls=connector.calls(number))


def _add_bills(routes: Blueprint, store: Store) -> None:
    def title(file: str) -> str:
        return store.files[file].company if file in store.files else abort(404)

    @routes.get("/file/<file>/bills")
    def bills(file: str) -> ResponseReturnValue:
        company, page = title(file), max(request.args.get("page", 1, int), 1)
        records = store.everything(file, "VendorCredit", "Bill")
        rows = [bill_json(store, file, record) for record in reversed(records)]
        wanted = request.args.get("search", "").strip().lower()
        shown = ("doc_number", "vendor_name", "private_note", "id")
        rows = [row for row in rows if not wanted or any(wanted in str(row[name]).lower() for name in shown)]
        part = rows[(page - 1) * _PER_PAGE : page * _PER_PAGE]
        return render_template(
            "desktop_bills.html", file=file, title=company, rows=part, total=len(rows), page=page, per_page=_PER_PAGE,
            search=wanted,
        )  # fmt: skip

    @routes.get("/file/<file>/bills/<identifier>")
    def bill(file: str, identifier: str) -> ResponseReturnValue:
        company, record = title(file), store.find(file, identifier)
        if record is None or record.kind not in ("Bill", "VendorCredit"):
            abort(404)
        payments = [payment_json(store, file, other) for other, _ in store.links(file).of(identifier)
                    if other.kind in PAYMENTS]  # fmt: skip
        return render_template(
            "desktop_bill.html",
            file=file,
            title=company,
            bill=bill_json(store, file, record),
            payments=payments,
            problem=request.args.get("problem", ""),
            history=store.ledger.events(
                after=int(store.ledger.setting("seeded_by_event", 0)), subject=f"{file}/{identifier}"
            ),
        )

    @routes.post("/file/<file>/bills/<identifier>")
    def act(file: str, identifier: str) -> ResponseReturnValue:
        title(file)
        here = f"/file/{file}/bills/{identifier}"
        try:
            _act(store, file, identifier, request.form.get("action", ""))
        except (LookupError, ValueError) as refused:
            return redirect(f"{here}?{urlencode({'problem': str(refused)})}", 303)
        return redirect(here, 303)


def _act(store: Store, file: str, identifier: str, action: str) -> None:
    form = request.form
    if action == "pay":
        part = {"id": identifier, "amount": form.get("amount", "").strip()}
        bookkeeper.pay(store, file, {"bills": [part], "pay_type": form.get("pay_type", "Check")})
    elif action.startswith("void:"):
        bookkeeper.void(store, file, action.removeprefix("void:"))
    elif action == "edit":
        names = ("doc_number", "txn_date", "due_date", "private_note", "total")
        bookkeeper.edit(store, file, identifier, {name: form[name] for name in names if name in form})
    elif action == "delete":
        bookkeeper.delete(store, file, identifier)
    else:
        abort(400)
