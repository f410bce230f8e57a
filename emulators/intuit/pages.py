"""The web pages: what a bookkeeper would see, and the few buttons a bookkeeper would press."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask import Blueprint, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.intuit import bookkeeper
from emulators.intuit.answers import QboFault
from emulators.intuit.json_text import cents
from emulators.intuit.oauth import TokenDesk
from emulators.intuit.store import Record, Store, pacific

_PER_PAGE = 50


def page_routes(store: Store, desk: TokenDesk) -> Blueprint:
    routes = Blueprint("web", __name__)
    routes.add_app_template_filter(money, "money")
    routes.add_app_template_filter(pacific, "moment")
    _add_companies(routes, store, desk)
    _add_bills(routes, store)
    _add_buttons(routes, store)
    _add_links(routes, store)
    return routes


def money(amount: Decimal | int | str) -> str:
    return f"{cents(amount):,.2f}"


def _check_realm(store: Store, realm: str) -> str:
    if realm not in store.realms():
        abort(404)
    return store.company_name(realm)


def _add_companies(routes: Blueprint, store: Store, desk: TokenDesk) -> None:
    @routes.get("/")
    def companies() -> ResponseReturnValue:
        rows = [
            {
                "realm": realm,
                "name": store.company_name(realm),
                "vendors": len(store.live(realm, "Vendor")),
                "bills": len(store.live(realm, "Bill")),
                "open": sum((r.body["Balance"] for r in store.live(realm, "Bill")), Decimal(0)),
                "connected": desk.connected(realm),
            }
            for realm in store.realms()
        ]
        return render_template("companies.html", rows=rows)

    @routes.get("/company/<realm>/")
    def company(realm: str) -> ResponseReturnValue:
        return redirect(f"/company/{realm}/bills")

    @routes.get("/company/<realm>/vendors")
    def vendors(realm: str) -> ResponseReturnValue:
        title = _check_realm(store, realm)
        rows = sorted(store.live(realm, "Vendor"), key=lambda record: str(record.body["DisplayName"]).lower())
        owed = {record.id: store.open_balance(realm, record.id) for record in rows}
        return render_template("vendors.html", title=title, realm=realm, rows=rows, owed=owed)

    @routes.get("/company/<realm>/accounts")
    def accounts(realm: str) -> ResponseReturnValue:
        title = _check_realm(store, realm)
        rows = sorted(store.live(realm, "Account"), key=lambda record: str(record.body.get("AcctNum", "")))
        items = store.live(realm, "Item")
        return render_template("accounts.html", title=title, realm=realm, rows=rows, items=items)


def _add_bills(routes: Blueprint, store: Store) -> None:
    @routes.get("/company/<realm>/bills")
    def bills(realm: str) -> ResponseReturnValue:
        title, wanted = _check_realm(store, realm), request.args.get("search", "").strip()
        page = max(request.args.get("page", 1, int), 1)
        rows = [record for record in reversed(store.everything(realm, "Bill")) if _matches(record, wanted)]
        shown = rows[(page - 1) * _PER_PAGE : page * _PER_PAGE]
        return render_template(
            "bills.html",
            title=title,
            realm=realm,
            rows=shown,
            total=len(rows),
            page=page,
            per_page=_PER_PAGE,
            search=wanted,
        )

    @routes.get("/company/<realm>/bills/<identifier>")
    def bill(realm: str, identifier: str) -> ResponseReturnValue:
        title = _check_realm(store, realm)
        record = store.find(realm, "Bill", identifier)
        if record is None:
            abort(404)
        return render_template(
            "bill.html",
            title=title,
            realm=realm,
            bill=record,
            problem=request.args.get("problem", ""),
            attachments=store.attached_to(realm, "Bill", identifier),
            history=store.ledger.events(
                after=int(store.ledger.setting("seeded_by_event", 0)), subject=f"{realm}/Bill/{identifier}"
            ),
        )


def _matches(record: Record, wanted: str) -> bool:
    body = record.body
    texts = (body.get("DocNumber", ""), body["VendorRef"].get("name", ""), body.get("PrivateNote", ""), record.id)
    return not wanted or any(wanted.lower() in str(text).lower() for text in texts)


def _add_buttons(routes: Blueprint, store: Store) -> None:
    @routes.post("/company/<realm>/bills/<identifier>")
    def act(realm: str, identifier: str) -> ResponseReturnValue:
        _check_realm(store, realm)
        target = identifier
        try:
            target = _act(store, realm, identifier, request.form.get("action", ""))
        except QboFault as fault:
            address = f"/company/{realm}/bills/{identifier}"
            return redirect(f"{address}?problem={fault.errors[0].detail}", 303)
        except (InvalidOperation, ValueError):
            return redirect(f"/company/{realm}/bills/{identifier}?problem=That is not an amount.", 303)
        return redirect(f"/company/{realm}/bills/{target}", 303)


def _act(store: Store, realm: str, identifier: str, action: str) -> str:
    """Do what the button says; answer the bill to show next."""
    record = bookkeeper.live_bill(store, realm, identifier)
    if action == "pay_full":
        bookkeeper.pay_by_hand(store, realm, identifier, None)
    elif action == "pay_half":
        bookkeeper.pay_by_hand(store, realm, identifier, record.body["Balance"] / 2)
    elif action == "delete":
        bookkeeper.delete_by_hand(store, realm, "Bill", identifier)
    elif action == "copy":
        return bookkeeper.copy_bill(store, realm, identifier).id
    elif action == "edit":
        names = ("doc_number", "txn_date", "due_date", "private_note", "total")
        bookkeeper.change_transaction(
            store, realm, "Bill", identifier, {name: request.form.get(name, "") for name in names}
        )
    else:
        abort(400)
    return identifier


def _add_links(routes: Blueprint, store: Store) -> None:
    @routes.get("/app/bill")
    def deep_link() -> ResponseReturnValue:
        """The path of the real link into QuickBooks; the company may be named, else the first that has the bill."""
        identifier = request.args.get("txnId", "")
        named = request.args.get("realm") or request.args.get("deeplinkcompanyid") or ""
        realms = [named] if named else store.realms()
        found = [realm for realm in realms if store.find(realm, "Bill", identifier) is not None]
        if not found:
            abort(404)
        return redirect(f"/company/{found[0]}/bills/{identifier}")

    @routes.get("/_download/<realm>/<identifier>")
    def download(realm: str, identifier: str) -> ResponseReturnValue:
        record = store.find(realm, "Attachable", identifier)
        row = store.ledger.one("SELECT content FROM file WHERE realm = ? AND id = ?", (realm, identifier))
        if row is None or record is None or record.deleted:
            abort(404)
        answer = Response(row["content"], content_type=record.body.get("ContentType", "application/octet-stream"))
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers.set("Content-Disposition", "attachment", filename=record.body["FileName"])
        return answer
