"""The JSON control interface of the emulator: its state, its books, its history."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from emulators.intuit.answers import QboFault
from emulators.intuit.bookkeeper import PERSON
from emulators.intuit.control_answers import answer, refused, sent_object
from emulators.intuit.control_books import add_books
from emulators.intuit.control_lists import add_lists
from emulators.intuit.control_traffic import add_traffic
from emulators.intuit.control_webhooks import add_webhooks
from emulators.intuit.ledger_view import ledger_of
from emulators.intuit.limits import Limiter
from emulators.intuit.oauth import CLIENT_ID, TokenDesk
from emulators.intuit.oauth_routes import token_answer
from emulators.intuit.seeding import SEEDS, add_company, seed
from emulators.intuit.store import Body, Store
from emulators.intuit.webhooks import WebhookSender
from emulators.shared.faults import FaultEngine


def control_routes(
    store: Store, desk: TokenDesk, limiter: Limiter, engine: FaultEngine, sender: WebhookSender
) -> Blueprint:
    routes = Blueprint("control", __name__, url_prefix="/_emulator")
    _add_state(routes, store, limiter, engine)
    _add_companies(routes, store, desk)
    _add_history(routes, store)
    add_traffic(routes, store, desk, limiter)
    add_books(routes, store)
    add_lists(routes, store)
    add_webhooks(routes, store, sender)
    routes.register_error_handler(QboFault, refused)
    routes.register_error_handler(ValueError, lambda error: answer({"error": str(error)}, 400))
    return routes


def _add_state(routes: Blueprint, store: Store, limiter: Limiter, engine: FaultEngine) -> None:
    @routes.post("/reset")
    def reset() -> ResponseReturnValue:
        """Everything anew; the history of events and calls stays, as it is append-only."""
        sent = sent_object()
        name, companies = str(sent.get("seed", "demo")), int(sent.get("companies", 0))
        if name not in SEEDS:
            raise ValueError(f"seed is {' or '.join(SEEDS)}.")
        store.forget_everything()
        store.switches.reset()
        store.apply_limits_option()
        store.clock.move(0)
        limiter.forget()
        engine.remove()
        seed(store, name, companies)
        return answer({"seed": name, "realms": store.realms()})

    @routes.get("/switches/<realm>")
    def switches_of(realm: str) -> ResponseReturnValue:
        return answer({name: store.switches.present(name, realm) for name in store.switches.known})


def _add_companies(routes: Blueprint, store: Store, desk: TokenDesk) -> None:
    def shown(realm: str) -> Body:
        return {"realm": realm, "name": store.company_name(realm), "connected": desk.connected(realm)}

    @routes.get("/realms")
    def realms() -> ResponseReturnValue:
        return answer({"realms": [shown(realm) for realm in store.realms()]})

    @routes.post("/realms")
    def add_realm() -> ResponseReturnValue:
        """One more company with the lists of the first."""
        sent = sent_object()
        realm = add_company(store, str(sent.get("name", "")), str(sent.get("realm", "")), full=sent.get("lists", True))
        return answer(shown(realm), 201)

    @routes.route("/realms/<realm>", methods=["PATCH"])
    def change_realm(realm: str) -> ResponseReturnValue:
        """A person changes the name, or any property of CompanyInfo."""
        record = store.find(realm, "CompanyInfo", "1")
        if record is None:
            return answer({"error": "There is no such company."}, 404)
        sent = sent_object()
        name = {"CompanyName": str(sent.pop("name"))} if "name" in sent else {}
        store.replace(record, {**record.body, **name, **sent}, PERSON)
        return answer(shown(realm))

    @routes.post("/connect")
    def connect() -> ResponseReturnValue:
        """Tokens of a company without the consent page: {"realm", "scope"}."""
        sent = sent_object()
        realm = str(sent.get("realm", ""))
        if realm not in store.realms():
            raise ValueError("There is no such company.")
        code = desk.issue_code(CLIENT_ID, realm, str(sent.get("scope", "com.intuit.quickbooks.accounting")), "")
        return answer({"realm": realm, **token_answer(store, desk, *desk.exchange_code(CLIENT_ID, code, ""), True)})

    @routes.post("/revoke")
    def revoke() -> ResponseReturnValue:
        realm = str(sent_object().get("realm", ""))
        return answer({"realm": realm, "tokens_ended": desk.disconnect(realm, "admin")})

    @routes.post("/expire")
    def expire() -> ResponseReturnValue:
        """Let tokens end now: {"realm", "which": "access" or "refresh"}."""
        sent = sent_object()
        realm, which = str(sent.get("realm", "")), str(sent.get("which", "access"))
        if which not in ("access", "refresh"):
            raise ValueError("which is access or refresh.")
        return answer({"realm": realm, "tokens_ended": desk.expire(realm, which)})


def _add_history(routes: Blueprint, store: Store) -> None:
    @routes.get("/ledger")
    def ledger() -> ResponseReturnValue:
        realm = request.args.get("realm", "")
        return answer(ledger_of(store, [realm] if realm else store.realms()))

    @routes.get("/events")
    def events() -> ResponseReturnValue:
        after, limit = request.args.get("after", 0, int), request.args.get("limit", 1000, int)
        kind, subject = request.args.get("kind", ""), request.args.get("subject", "")
        return answer({"events": store.ledger.events(after=after, kind=kind, subject=subject, limit=limit)})
