"""The accounting API under /v3/company/{realmId}/.

Intuit: REST API features, collected in qbo.md sections 2, 3 and 5. What a handler commits stays committed, whatever a
fault rule does to its answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, request

from emulators.intuit import answers, json_text
from emulators.intuit.answers import QboFault
from emulators.intuit.company import check_company_open, company
from emulators.intuit.limits import Limiter, wait_for_kind
from emulators.intuit.oauth import TokenDesk
from emulators.intuit.oauth_routes import bearer_value
from emulators.intuit.operations import kind_named, read, run_batch, write
from emulators.intuit.queries import changed_since, run_query
from emulators.intuit.request_ids import MOST, Answer, once
from emulators.intuit.store import PACIFIC, Body, Origin, Store
from emulators.intuit.uploads import take_upload
from emulators.shared.faults import FaultEngine

_BASE = "/v3/company/<realm>"
_ACCOUNTING = "com.intuit.quickbooks.accounting"


def time_text(store: Store) -> str:
    return datetime.fromtimestamp(store.now(), PACIFIC).isoformat(timespec="milliseconds")


def json_response(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="application/json;charset=UTF-8")


def fault_response(store: Store, fault: QboFault) -> Response:
    if fault.status == 429:
        return throttle_response(store, store.switches.number("retry_after_seconds"))
    return json_response(json_text.render(fault.body(time_text(store), int(store.now() * 1000))), fault.status)


def throttle_response(store: Store, retry_after: int) -> Response:
    """429; Intuit documents no Retry-After, and the body may also be HTML."""
    fault = answers.throttled()
    if store.switches.text("throttle_body") == "html":
        response = Response("<html><body><h1>429 Too Many Requests</h1></body></html>", 429, content_type="text/html")
    else:
        response = json_response(json_text.render(fault.body(time_text(store), int(store.now() * 1000))), 429)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


class Api:
    """The handlers; each ends in one JSON answer with the time of the server."""

    def __init__(self, store: Store, desk: TokenDesk, limiter: Limiter, engine: FaultEngine) -> None:
        self._store = store
        self._desk = desk
        self._limiter = limiter
        self._engine = engine

    def routes(self) -> Blueprint:
        routes = Blueprint("api", __name__)
        add = routes.add_url_rule
        add(f"{_BASE}/query", "query", self.query, methods=["GET", "POST"])
        add(f"{_BASE}/cdc", "cdc", self.changes, methods=["GET"])
        add(f"{_BASE}/batch", "batch", self.batch, methods=["POST"])
        add(f"{_BASE}/upload", "upload", self.upload, methods=["POST"])
        add(f"{_BASE}/download/<identifier>", "download", self.download, methods=["GET"])
        add(f"{_BASE}/preferences", "preferences", self.preferences, methods=["GET"])
        add(f"{_BASE}/<entity>", "write", self.write, methods=["POST"])
        add(f"{_BASE}/<entity>/<identifier>", "read", self.read, methods=["GET"])
        routes.before_request(self._enter)
        routes.teardown_request(self._leave)
        routes.register_error_handler(QboFault, self._refused)
        return routes

    def query(self, realm: str) -> Response:
        if request.method == "GET":
            text = request.args.get("query", "")
        else:
            try:
                text = request.get_data().decode("utf-8")
            except UnicodeDecodeError:
                raise answers.unsupported_operation("The body is not UTF-8.") from None
        named = re.search(r"\bfrom\s+(\w+)", text, re.IGNORECASE)
        self._works_on(f"{named.group(1).lower() if named else ''}.query")
        if not text.strip():
            raise answers.query_unparsable("Encountered <EOF> at column 1")
        return self._answered({"QueryResponse": run_query(self._store, realm, text, self._stale())})

    def changes(self, realm: str) -> Response:
        self._works_on("cdc")
        names, since = request.args.get("entities", ""), request.args.get("changedSince", "")
        return self._answered(changed_since(self._store, realm, names, since, self._stale()))

    def preferences(self, realm: str) -> Response:
        self._works_on("preferences.read")
        return self._answered(read(self._store, realm, "preferences", ""))

    def read(self, realm: str, entity: str, identifier: str) -> Response:
        self._works_on(f"{entity.lower()}.read")
        if entity.lower() == "companyinfo" and identifier not in (realm, "1"):
            raise answers.not_found()
        return self._answered(read(self._store, realm, entity, identifier, self._stale()))

    def write(self, realm: str, entity: str) -> Response:
        kind = kind_named(entity)
        operation, include = request.args.get("operation", "").lower(), request.args.get("include", "").lower()
        origin = Origin(request_id=_request_id())
        sent = _sent_json()
        self._works_on(f"{kind.lower()}.{_operation(operation, include, sent)}")
        return self._once(realm, lambda: write(self._store, realm, kind, operation, include, sent, origin))

    def batch(self, realm: str) -> Response:
        sent = _sent_json()
        self._works_on("batch")
        request_id = _request_id()
        return self._once(realm, lambda: run_batch(self._store, realm, sent, request_id))

    def upload(self, realm: str) -> Response:
        origin = Origin(request_id=_request_id())
        payload, content_type = request.get_data(), request.headers.get("Content-Type", "")
        if not payload and request.content_length:
            # The server does not read a body this large at all.
            raise answers.single("6030", "Upload too large", "The request is larger than 100 MB")
        self._works_on("upload")
        honoured = self._store.switches.text("requestid_on_upload", realm) == "honoured"

        def act() -> Body:
            return {"AttachableResponse": take_upload(self._store, realm, content_type, payload, origin)}

        return self._once(realm, act, honoured)

    def download(self, realm: str, identifier: str) -> Response:
        """Intuit: the answer is the temporary address of the file, as text."""
        self._works_on("download")
        record = self._store.find(realm, "Attachable", identifier)
        if record is None or record.deleted:
            raise answers.not_found()
        return Response(f"{self._store.public_url}/_download/{realm}/{identifier}", content_type="text/plain")

    def _enter(self) -> Response | None:
        """What the gateway does before any handler: late arrival, token, company, throttles, latency."""
        realm = (request.view_args or {}).get("realm", "")
        g.realm = realm
        if (late := self._engine.active("late_commit")) is not None:
            # The service works on although the client has gone.
            time.sleep(self._engine.seconds(late))
        grant = self._desk.bearer(bearer_value())
        if grant is None:
            raise answers.token_expired("Token expired" if bearer_value() else "AuthenticationFailed")
        if grant.realm != realm or _ACCOUNTING not in grant.scope.split():
            raise answers.app_not_authorized()
        company(self._store, realm)
        self._throttle(realm, grant.client)
        reading = _is_reading()
        self._count_metered(realm, reading)
        check_company_open(self._store, realm, writing=not reading)
        return None

    def _throttle(self, realm: str, app: str) -> None:
        limited = self._store.switches.text("limits", realm) == "documented"
        if limited and not self._limiter.admits(realm, app, request.endpoint == "api.batch"):
            raise answers.throttled()
        if not self._limiter.enters(realm, app, self._store.switches.number("max_in_flight", realm) if limited else 0):
            raise answers.throttled()
        g.in_flight = (realm, app)

    def _leave(self, error: BaseException | None) -> None:
        if (counted := g.pop("in_flight", None)) is not None:
            self._limiter.leaves(*counted)

    def _count_metered(self, realm: str, reading: bool) -> None:
        """Intuit: reads and queries are CorePlus calls; over the monthly quota they get 429."""
        quota = self._store.switches.number("coreplus_monthly_quota")
        if not reading or not quota:
            return
        month = f"coreplus_{self._store.today()[:7]}"
        used = int(self._store.ledger.setting(month, 0))
        if used >= quota:
            self._limiter.note_quota(realm)
            raise answers.throttled()
        self._store.ledger.set_setting(month, used + 1)

    def _works_on(self, kind: str) -> None:
        """Note what the call is, and take the time such a call takes; nobody else waits for it."""
        request.environ["emulators.kind"] = kind
        wait_for_kind(self._store, kind, g.realm, "read_latency_ms" if _is_reading() else "latency_ms")

    def _stale(self) -> float:
        rule = self._engine.active("stale_read")
        return rule.seconds if rule is not None else 0

    def _answered(self, body: Body) -> Response:
        return json_response(json_text.render({**body, "time": time_text(self._store)}))

    def _once(self, realm: str, act: Callable[[], Body], honoured: bool = True) -> Response:
        def run() -> Answer:
            try:
                return 200, json_text.render({**act(), "time": time_text(self._store)})
            except QboFault as fault:
                body = fault.body(time_text(self._store), int(self._store.now() * 1000))
                return fault.status, json_text.render(body)

        if len(_request_id()) > MOST:
            raise answers.too_long("requestid", MOST)
        status, text = once(self._store, realm, _request_id(), _fingerprint(), run, honoured)
        return json_response(text, status)

    def _refused(self, fault: QboFault) -> Response:
        return fault_response(self._store, fault)


def _is_reading() -> bool:
    return request.endpoint in ("api.query", "api.cdc", "api.read", "api.preferences", "api.download")


def _operation(operation: str, include: str, sent: Any) -> str:
    """create, update, delete or void, as the calls are counted."""
    if include == "void":
        return "void"
    if operation in ("delete", "void"):
        return operation
    return "update" if isinstance(sent, dict) and sent.get("Id") not in (None, "") else "create"


def _fingerprint() -> bytes:
    """What makes a request the same request: operation and body."""
    return f"{request.path}?{request.args.get('operation', '')}".encode() + request.get_data()


def _request_id() -> str:
    return next((value for name, value in request.args.items() if name.lower() == "requestid"), "")


def _sent_json() -> Any:
    try:
        text = request.get_data().decode("utf-8")
    except UnicodeDecodeError:
        raise answers.unsupported_operation("The body is not UTF-8.") from None
    try:
        return json_text.parse(text)
    except (ValueError, RecursionError):
        raise answers.unreadable_body("the body is not JSON") from None
