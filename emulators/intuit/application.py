"""Puts the parts together: one Flask application over one ledger."""

from __future__ import annotations

import argparse
import re
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.wrappers import Response

from emulators.intuit import answers
from emulators.intuit.api import Api, fault_response, throttle_response
from emulators.intuit.control import control_routes
from emulators.intuit.limits import Limiter
from emulators.intuit.oauth import TokenDesk
from emulators.intuit.oauth_routes import oauth_routes
from emulators.intuit.pages import page_routes
from emulators.intuit.seeding import seed
from emulators.intuit.store import Store
from emulators.intuit.webhooks import WebhookSender
from emulators.shared.faults import FaultEngine, FaultRule
from emulators.shared.ledger import Ledger
from emulators.shared.pages import install_shared_pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_NAVIGATION = (("/", "Companies"), ("/faults", "Faults"), ("/switches", "Switches"))
_REALM = re.compile(r"^/v3/company/([^/]+)/([^/?]+)(/[^/]+)?")
# Carried out by the handlers; the rest of the list is the shared engine's.
_OWN_FAULTS = ("stale_read", "late_commit")


def build(ledger: Ledger, options: argparse.Namespace) -> Flask:
    """The whole emulator, seeded if the ledger is new."""
    store = Store(ledger)
    store.public_url = options.public_url
    store.limits_option = options.limits
    store.apply_limits_option()
    if not store.realms():
        seed(store, options.seed, options.companies)
    desk, limiter = TokenDesk(store), Limiter()
    engine = IntuitFaults(ledger, store)
    sender = WebhookSender(store)
    app = Flask(__name__, template_folder=str(Path(__file__).with_name("templates")), static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_blueprint(oauth_routes(store, desk, list(options.redirect_uri)))
    app.register_blueprint(Api(store, desk, limiter, engine).routes())
    app.register_blueprint(control_routes(store, desk, limiter, engine, sender))
    app.register_blueprint(page_routes(store, desk))
    install_shared_pages(
        app,
        product="Intuit QuickBooks Online",
        engine=engine,
        switches=store.switches,
        clock=store.clock,
        navigation=_NAVIGATION,
    )
    engine.install(app)
    app.wsgi_app = RequestLog(app.wsgi_app, ledger)  # type: ignore[method-assign]
    return app


class IntuitFaults(FaultEngine):
    """The shared engine with the answers Intuit would give; the web pages are spared."""

    def __init__(self, ledger: Ledger, store: Store) -> None:
        super().__init__(
            ledger,
            answers=_answers(store),
            own_faults=_OWN_FAULTS,
            spare=("/_emulator/", "/static/", "/faults", "/switches", "/company/", "/app/", "/?", "/_download/"),
            time_scale=lambda: store.switches.number("time_scale"),
        )

    def pick(self, method: str, address: str, body: str = "") -> FaultRule | None:
        return None if address == "/" else super().pick(method, address, body)


def _answers(store: Store) -> dict[str, Callable[[FaultRule], Response]]:
    def fault(make: Callable[[], answers.QboFault], status: int = 0) -> Callable[[FaultRule], Response]:
        def answer(rule: FaultRule) -> Response:
            response = fault_response(store, make())
            if status:
                response.status_code = status
            return response

        return answer

    def business_fault() -> answers.QboFault:
        return answers.business_rule("Unexpected error while processing the transaction.")

    def invalid_grant(rule: FaultRule) -> Response:
        body = '{"error":"invalid_grant","error_description":"Incorrect or invalid refresh token"}'
        return Response(body, 400, content_type="application/json")

    def with_retry(rule: FaultRule) -> Response:
        return throttle_response(store, max(1, round(rule.seconds)))

    return {
        "500": fault(answers.system_failure),
        "401": fault(answers.token_expired),
        "401_always": fault(answers.token_expired),
        "403": fault(answers.app_not_authorized),
        "429": fault(answers.throttled),
        "429_retry_after": with_retry,
        "fault_200": fault(business_fault, 200),
        "invalid_grant": invalid_grant,
    }


class RequestLog:
    """Outermost layer: gives every answer an intuit_tid and writes every request into the ledger."""

    def __init__(self, app: WSGIApplication, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started, statuses = time.perf_counter(), [0]
        tid = f"1-{int(time.time()):x}-{secrets.token_hex(12)}"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            statuses[0] = int(status.split(None, 1)[0])
            return start_response(status, [*headers, ("intuit_tid", tid)], exc_info)

        try:
            return self._app(environ, start)
        finally:
            if not environ["PATH_INFO"].startswith("/_emulator/"):
                self._write(environ, statuses[0], tid, (time.perf_counter() - started) * 1000)

    def _write(self, environ: WSGIEnvironment, status: int, tid: str, milliseconds: float) -> None:
        path = environ["PATH_INFO"]
        match = _REALM.match(path)
        template = path
        if match is not None:
            template = f"/v3/company/{{realm}}/{match.group(2)}{'/{id}' if match.group(3) else ''}"
        elif path.startswith("/company/"):
            template = "/company/..."
        query = environ.get("QUERY_STRING", "")
        found = re.search(r"(?:^|&)requestid=([^&]*)", query, re.IGNORECASE)
        rule = environ.get("emulators.fault")
        self._ledger.execute(
            "INSERT INTO call (at, realm, method, path, template, status, tid, request_id, fault, milliseconds, kind) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                time.time(),
                match.group(1) if match is not None else "",
                environ["REQUEST_METHOD"],
                path,
                template,
                status,
                tid,
                found.group(1) if found is not None else "",
                rule.fault if isinstance(rule, FaultRule) else "",
                milliseconds,
                environ.get("emulators.kind", ""),
            ),
        )
