"""The web pages: what a bookkeeper would see, and the few buttons a bookkeeper would press."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.intuit import bookkeeper, ledger_view, listkeeper
from emulators.intuit.answers import QboFault
from emulators.intuit.json_text import cents
from emulators.intuit.oauth import TokenDesk
from emulators.intuit.presenting import with_names
from emulators.intuit.store import Record, Store, pacific

_PER_PAGE = 50
_TRANSACTIONS = {"bills": "Bill", "vendor-credits": "VendorCredit"}
_NOUNS = {"Bill": ("bill", "bills"), "VendorCredit": ("vendor credit", "vendor credits")}


def page_routes(store: Store, desk: TokenDesk) -> Blueprint:
    routes = Blueprint("web", __name__)
    routes.add_app_template_filter(money, "money")
    routes.add_app_template_filter(pacific, "moment")
    _add_companies(routes, store, desk)
    for address, kind in _TRANSACTIONS.items():
        _add_transactions(routes, store, address, kind)
    _add_vendor_buttons(routes, store)
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
        return render_template(
            "vendors.html", title=title, realm=realm, rows=rows, owed=owed, problem=request.args.get("problem", "")
        )

    @routes.get("/company/<realm>/accounts")
    def accounts(realm: str) -> ResponseReturnValue:
        title = _check_realm(store, realm)
        rows = sorted(store.live(realm, "Account"), key=lambda record: str(record.body.get("AcctNum", "")))
        items = store.live(realm, "Item")
        return render_template("accounts.html", title=title, realm=realm, rows=rows, items=items)


def _add_transactions(routes: Blueprint, store: Store, address: str, kind: str) -> None:
    def listed(realm: str) -> ResponseReturnValue:
        title, wanted = _check_realm(store, realm), request.args.get("search", "").strip()
        page = max(request.args.get("page", 1, int), 1)
        rows = [record for record in reversed(store.everything(realm, kind)) if _matches(record, wanted)]
        shown = rows[(page - 1) * _PER_PAGE : page * _PER_PAGE]
        return render_template(
            "bills.html",
            title=title,
            realm=realm,
            address=address,
            nouns=_NOUNS[kind],
            rows=shown,
            files={record.id: len(store.attached_to(realm, kind, record.id)) for record in shown},
            total=len(rows),
            page=page,
            per_page=_PER_PAGE,
            search=wanted,
        )

    def one(realm: str, identifier: str) -> ResponseReturnValue:
        title = _check_realm(store, realm)
        record = store.find(realm, kind, identifier)
        if record is None:
            abort(404)
        return render_template(
            "bill.html",
            title=title,
            realm=realm,
            noun=_NOUNS[kind][0].capitalize(),
            kind=kind,
            bill=record,
            body=with_names(store, realm, record.body),
            problem=request.args.get("problem", ""),
            payments=[
                ledger_view.payment_json(store, r) for r in store.everything(realm, "BillPayment") if _pays(r, record)
            ],
            attachments=store.attached_to(realm, kind, identifier),
            history=store.ledger.events(
                after=int(store.ledger.setting("seeded_by_event", 0)), subject=f"{realm}/{kind}/{identifier}"
            ),
        )

    def act(realm: str, identifier: str) -> ResponseReturnValue:
        _check_realm(store, realm)
        here = f"/company/{realm}/{address}/{identifier}"
        try:
            target = _act(store, realm, kind, identifier, request.form.get("action", ""))
        except QboFault as fault:
            return redirect(f"{here}?{urlencode({'problem': fault.errors[0].detail})}", 303)
        except (InvalidOperation, ValueError):
            return redirect(f"{here}?problem=That is not an amount.", 303)
        return redirect(f"/company/{realm}/{address}/{target}", 303)

    base = f"/company/<realm>/{address}"
    routes.add_url_rule(base, f"{kind}_list", listed)
    routes.add_url_rule(f"{base}/<identifier>", f"{kind}_page", one)
    routes.add_url_rule(f"{base}/<identifier>", f"{kind}_act", act, methods=["POST"])


def _pays(payment: Record, target: Record) -> bool:
    return any(
        (linked["TxnType"], linked["TxnId"]) == (target.kind, target.id)
        for line in payment.body["Line"]
        for linked in line.get("LinkedTxn", [])
    )


def _matches(record: Record, wanted: str) -> bool:
    body = record.body
    texts = (body.get("DocNumber", ""), body["VendorRef"].get("name", ""), body.get("PrivateNote", ""), record.id)
    return not wanted or any(wanted.lower() in str(text).lower() for text in texts)


def _act(store: Store, realm: str, kind: str, identifier: str, action: str) -> str:
    """Do what the button says; answer the transaction to show next."""
    record = bookkeeper.live(store, realm, kind, identifier)
    if action == "pay" and kind == "Bill":
        amount = request.form.get("amount", "").strip()
        bookkeeper.pay_by_hand(
            store, realm, identifier, Decimal(amount) if amount else None, request.form.get("pay_type", "Check")
        )
    elif action == "pay_full" and kind == "Bill":
        bookkeeper.pay_by_hand(store, realm, identifier, None)
    elif action == "pay_half" and kind == "Bill":
        bookkeeper.pay_by_hand(store, realm, identifier, record.body["Balance"] / 2)
    elif action.startswith("void:"):
        bookkeeper.void_by_hand(store, realm, action.removeprefix("void:"))
    elif action.startswith("unpay:"):
        bookkeeper.delete_payment_by_hand(store, realm, action.removeprefix("unpay:"))
    elif action == "delete":
        bookkeeper.delete_by_hand(store, realm, kind, identifier)
    elif action == "copy" and kind == "Bill":
        return bookkeeper.copy_bill(store, realm, identifier, "keep_number" in request.form).id
    elif action == "edit":
        names = ("doc_number", "txn_date", "due_date", "private_note", "total")
        changes = {name: request.form.get(name, "") for name in names if name in request.form}
        bookkeeper.change_transaction(store, realm, kind, identifier, changes)
    else:
        abort(400)
    return identifier


def _add_vendor_buttons(routes: Blueprint, store: Store) -> None:
    @routes.post("/company/<realm>/vendors")
    def change_vendor(realm: str) -> ResponseReturnValue:
        """Rename, make inactive, or take back."""
        _check_realm(store, realm)
        form = request.form
        changes = {"active": form["active"] == "true"} if "active" in form else {"name": form.get("name", "")}
        try:
            listkeeper.change_entry(store, realm, "Vendor", form.get("id", ""), changes)
        except QboFault as fault:
            return redirect(f"/company/{realm}/vendors?{urlencode({'problem': fault.errors[0].detail})}", 303)
        return redirect(f"/company/{realm}/vendors", 303)


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
