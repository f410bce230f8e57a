"""Failures on demand: rules that make chosen requests fail in a chosen way.

    engine = FaultEngine(ledger, answers={"401": refused, "429": too_many})   # the product's own error shapes
    engine.install(app)                                                       # wraps app.wsgi_app

A rule matches by method, path (a regular expression searched in path?query) and body (another one), lets the first
`skip` matches pass, fires `times` times (None: for ever) with a `probability` (seeded, so a run can be repeated), and
counts what it saw and what it hit. The first matching rule wins. Addresses under /_emulator/, /static/ and the web
pages given in `spare` never fail. Every wait is divided by the engine's time scale.

Faults that come BEFORE the handler (the request changes nothing):
    500, 503_html, 429, 401 (once unless `times` says otherwise), 401_always, 403, 404, garbage, html_200, redirect,
    gzip_bomb, drop (connection closed), reset (TCP reset), hang (waits `seconds`, then closes the connection),
    slow (waits `seconds`, then handles the request as usual: a late commit if the client has gone)
Faults that come AFTER the handler (what it committed stands):
    <answer>_after_commit (500, 503_html, 429, garbage, html_200, and fault_200 where the product has it),
    drop_after_commit, reset_after_commit, hang_after_commit, slow_after_commit (the good answer comes `seconds`
    later), truncated, slow_drip (the body takes `seconds`), wrong_type (text/plain)
Faults that come WHILE the service still works: the client gets its answer at once, the request is carried out
`seconds` later, and the history then has an event `late_commit`:
    <answer>_late_commit (the same answers), drop_late_commit, reset_late_commit
Faults that the emulator itself carries out: it asks `engine.active(name)` in its handler, e.g. stale_read.
"""

from __future__ import annotations

import gzip
import io
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Flask, has_request_context, request
from werkzeug.wrappers import Response

from emulators.shared.ledger import Ledger

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BEFORE = (
    "500",
    "503_html",
    "429",
    "401",
    "401_always",
    "403",
    "404",
    "garbage",
    "html_200",
    "redirect",
    "gzip_bomb",
    "drop",
    "reset",
    "hang",
    "slow",
)
# Answers that may come before the handler, after it (_after_commit), or while it is yet to run (_late_commit).
ANY_TIME = ("500", "503_html", "429", "garbage", "html_200", "fault_200")
AFTER = (
    "drop_after_commit",
    "reset_after_commit",
    "hang_after_commit",
    "slow_after_commit",
    "truncated",
    "slow_drip",
    "wrong_type",
)
_CUTS = ("drop", "reset", "hang", "drop_late_commit", "reset_late_commit")
_AFTER_COMMIT, _LATE_COMMIT = "_after_commit", "_late_commit"
_SETTING = "faults"
_ENVIRON_KEY = "emulators.fault"


@dataclass
class FaultRule:
    """One rule with its counters: `seen` requests matched, `hits` of them were made to fail."""

    id: int
    fault: str
    method: str = ""
    path: str = ""
    body: str = ""
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    seconds: float = 5.0
    note: str = ""
    seen: int = 0
    hits: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        fields = asdict(self)
        fields["match"] = {name: fields.pop(name) for name in ("method", "path", "body")}
        fields["remaining"] = None if self.times is None else max(self.times - self.hits, 0)
        return fields


class FaultEngine:
    """Keeps the rules (in the ledger, so they survive a restart) and carries them out."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        answers: Mapping[str, Callable[[FaultRule], Response]] | None = None,
        own_faults: Iterable[str] = ("stale_read",),
        spare: Iterable[str] = ("/_emulator/", "/static/", "/faults", "/switches"),
        seed: int = 20260101,
        time_scale: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`answers` adds or replaces before-the-handler faults; `own_faults` are carried out by the handlers."""
        self._time_scale = time_scale
        self._ledger = ledger
        self._answers = {**_PLAIN_ANSWERS, **(answers or {})}
        self.own_faults = tuple(own_faults)
        self._spare = tuple(spare)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        kept = ledger.setting(_SETTING, {"next": 1, "rules": []})
        self._next = int(kept["next"])
        self._rules = [FaultRule(**rule) for rule in kept["rules"]]

    @property
    def names(self) -> list[str]:
        """Every fault a rule may ask for."""
        any_time = [name for name in ANY_TIME if name in self._answers]
        after = [f"{name}{_AFTER_COMMIT}" for name in any_time]
        late = [f"{name}{_LATE_COMMIT}" for name in (*any_time, "drop", "reset")]
        return list(dict.fromkeys([*BEFORE, *self._answers, *after, *AFTER, *late, *self.own_faults]))

    def install(self, app: Flask) -> None:
        app.wsgi_app = _FaultGate(app.wsgi_app, self)  # type: ignore[method-assign]

    def rules(self) -> list[FaultRule]:
        with self._lock:
            return list(self._rules)

    def add(self, wanted: Mapping[str, Any]) -> FaultRule:
        """Add a rule from JSON: {"match": {"method", "path"}, "fault", "times", "probability", "seconds", ...}."""
        rule = self._read(wanted)
        with self._lock:
            rule.id = self._next
            self._next += 1
            self._rules.append(rule)
        self._keep()
        self._ledger.append("fault_added", subject=rule.id, data=rule.as_json())
        return rule

    def remove(self, rule_id: int | None = None) -> int:
        """Remove one rule, or all of them; answer how many went."""
        with self._lock:
            before = len(self._rules)
            self._rules = [] if rule_id is None else [rule for rule in self._rules if rule.id != rule_id]
            gone = before - len(self._rules)
        self._keep()
        self._ledger.append("faults_removed", subject=rule_id or "all", data={"removed": gone})
        return gone

    def seconds(self, rule: FaultRule) -> float:
        """The waiting time of the rule, scaled."""
        return rule.seconds / max(self._time_scale(), 0.001)

    def pick(self, method: str, address: str, body: str = "") -> FaultRule | None:
        """The rule that this request falls under now, already counted."""
        if address.startswith(self._spare):
            return None
        with self._lock:
            chosen = self._pick_locked(method, address, body)
        return self._counted(chosen, method, address)

    def _counted(self, chosen: FaultRule | None, method: str, address: str) -> FaultRule | None:
        if chosen is not None:
            self._keep()
            self._ledger.append(
                "fault_hit", subject=chosen.id, data={"fault": chosen.fault, "method": method, "address": address}
            )
        return chosen

    def strike(self, fault: str, method: str, address: str, body: str = "") -> FaultRule | None:
        """As pick, among the rules of one fault: for an emulator that asks at a point of its own work."""
        with self._lock:
            chosen = self._pick_locked(method, address, body, fault)
        return self._counted(chosen, method, address)

    def active(self, fault: str) -> FaultRule | None:
        """Inside a handler: the rule of this request, if it asks for the given fault."""
        rule = request.environ.get(_ENVIRON_KEY) if has_request_context() else None
        return rule if isinstance(rule, FaultRule) and rule.fault == fault else None

    def answer(self, rule: FaultRule) -> Response | None:
        """The answer that replaces the handler's, for faults of that kind."""
        name = rule.fault.removesuffix(_AFTER_COMMIT).removesuffix(_LATE_COMMIT)
        make = self._answers.get(rule.fault) or (self._answers.get(name) if name in ANY_TIME else None)
        return None if make is None else make(rule)

    def late_commit_done(self, rule: FaultRule, status: str) -> None:
        self._ledger.append("late_commit", subject=rule.id, data={"fault": rule.fault, "status": status})

    def _pick_locked(self, method: str, address: str, body: str, fault: str = "") -> FaultRule | None:
        for rule in self._rules:
            if fault and rule.fault != fault:
                continue
            if rule.times is not None and rule.hits >= rule.times:
                continue
            if rule.method and rule.method.upper() != method:
                continue
            if rule.path and not re.search(rule.path, address):
                continue
            if rule.body and not re.search(rule.body, body):
                continue
            rule.seen += 1
            if rule.seen <= rule.skip:
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            rule.hits += 1
            return rule
        return None

    def _read(self, wanted: Mapping[str, Any]) -> FaultRule:
        match = wanted.get("match") or {}
        fault = str(wanted.get("fault", ""))
        if fault not in self.names:
            raise ValueError(f"fault must be one of {', '.join(self.names)}.")
        patterns = {name: str(match.get(name, "") or "") for name in ("path", "body")}
        for name, pattern in patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{name} is not a regular expression: {error}.") from error
        times = wanted.get("times", 1 if fault == "401" else None)
        known = {"match", "fault", "skip", "times", "probability", "seconds", "note"}
        return FaultRule(
            id=0,
            fault=fault,
            method=str(match.get("method", "") or "").upper(),
            path=patterns["path"],
            body=patterns["body"],
            skip=int(wanted.get("skip", 0)),
            times=None if times is None else int(times),
            probability=float(wanted.get("probability", 1.0)),
            seconds=float(wanted.get("seconds", 5.0)),
            note=str(wanted.get("note", "")),
            extra={key: value for key, value in wanted.items() if key not in known},
        )

    def _keep(self) -> None:
        with self._lock:
            kept = {"next": self._next, "rules": [asdict(rule) for rule in self._rules]}
        self._ledger.set_setting(_SETTING, kept)


class _FaultGate:
    """Stands in front of the application and spoils the requests that a rule chose."""

    def __init__(self, app: WSGIApplication, engine: FaultEngine) -> None:
        self._app = app
        self._engine = engine

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING", "")
        address = environ.get("PATH_INFO", "") + (f"?{query}" if query else "")
        rule = self._engine.pick(environ["REQUEST_METHOD"], address, _body_text(environ))
        if rule is None:
            return self._app(environ, start_response)
        environ[_ENVIRON_KEY] = rule
        if rule.fault in AFTER or rule.fault.endswith(_AFTER_COMMIT):
            return self._after(rule, environ, start_response)
        if rule.fault.endswith(_LATE_COMMIT):
            threading.Thread(target=self._late, args=(rule, dict(environ), _body_text(environ)), daemon=True).start()
        if rule.fault in ("hang", "slow"):
            time.sleep(self._engine.seconds(rule))
        if rule.fault in _CUTS:
            _cut(environ, reset=rule.fault.startswith("reset"))
        replacement = self._engine.answer(rule)
        if replacement is not None:
            return replacement(environ, start_response)
        return self._app(environ, start_response)

    def _late(self, rule: FaultRule, environ: WSGIEnvironment, body: str) -> None:
        """Carry the request out although its client was answered long ago."""
        environ["wsgi.input"] = io.BytesIO(body.encode("latin-1"))
        environ.pop("emulators.handler", None)
        time.sleep(self._engine.seconds(rule))
        answer = Response.from_app(self._app, environ, buffered=True)
        self._engine.late_commit_done(rule, answer.status)

    def _after(self, rule: FaultRule, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = Response.from_app(self._app, environ, buffered=True)
        if rule.fault in ("hang_after_commit", "slow_after_commit"):
            time.sleep(self._engine.seconds(rule))
        if rule.fault in ("drop_after_commit", "reset_after_commit", "hang_after_commit"):
            _cut(environ, reset=rule.fault == "reset_after_commit")
        replacement = self._engine.answer(rule)
        if replacement is not None:
            return replacement(environ, start_response)
        if rule.fault == "truncated":
            body = answer.get_data()
            headers = [(key, value) for key, value in answer.headers if key.lower() != "content-length"]
            start_response(answer.status, [*headers, ("Content-Length", str(len(body)))])
            return _cut_short(body, environ)
        if rule.fault == "slow_drip":
            body = answer.get_data()
            start_response(answer.status, list(answer.headers))
            return _dripping(body, self._engine.seconds(rule))
        if rule.fault == "wrong_type":
            answer.headers["Content-Type"] = "text/plain"
        return answer(environ, start_response)


def _body_text(environ: WSGIEnvironment) -> str:
    """The body as text of bytes; the server has read it whole, so it can be read again."""
    source = environ.get("wsgi.input")
    return source.getvalue().decode("latin-1") if isinstance(source, io.BytesIO) else ""


def _cut(environ: WSGIEnvironment, *, reset: bool) -> None:
    """Close the connection without an answer; with `reset` the peer sees a TCP reset."""
    handler = environ.get("emulators.handler")
    if handler is not None:
        handler.close_connection = True
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.rfile.close()
            handler.connection.close()
    raise ConnectionAbortedError("a fault rule cut this connection")


def _cut_short(body: bytes, environ: WSGIEnvironment) -> Iterator[bytes]:
    """Half of the body, although the header promised all of it."""
    yield body[: len(body) // 2]
    handler = environ.get("emulators.handler")
    if handler is not None:
        handler.wfile.flush()
        handler.close_connection = True
    raise ConnectionAbortedError("a fault rule cut this answer")


def _dripping(body: bytes, seconds: float) -> Iterator[bytes]:
    """The body in small pieces spread over the given time."""
    pieces = max(1, min(20, len(body)))
    size = -(-len(body) // pieces)
    for start in range(0, len(body), size):
        time.sleep(seconds / pieces)
        yield body[start : start + size]


def _plain(status: int, body: str, content_type: str = "application/json", **headers: str) -> Response:
    answer = Response(body, status=status, content_type=content_type)
    for name, value in headers.items():
        answer.headers[name.replace("_", "-")] = value
    return answer


def _bomb(rule: FaultRule) -> Response:
    """A few kilobytes that unpack to 20 MB."""
    packed = gzip.compress(b"[" + b" " * (20 * 1024 * 1024) + b"]", 9)
    answer = Response(packed, status=200, content_type="application/json")
    answer.headers["Content-Encoding"] = "gzip"
    return answer


def _redirect(rule: FaultRule) -> Response:
    target = str(rule.extra.get("location", "/_emulator/elsewhere"))
    return _plain(302, "", "text/html", Location=target)


def _retry_after(rule: FaultRule) -> Response:
    answer = _plain(429, '{"message": "Too many requests"}')
    if rule.extra.get("retry_after", True):
        answer.headers["Retry-After"] = str(max(1, round(rule.seconds)))
    return answer


_HTML = "<!doctype html><html><head><title>Sorry</title></head><body><h1>Temporarily unavailable</h1></body></html>"
_PLAIN_ANSWERS: dict[str, Callable[[FaultRule], Response]] = {
    "500": lambda rule: _plain(500, '{"error": "Internal Server Error"}'),
    "503_html": lambda rule: _plain(503, _HTML, "text/html", Retry_After=str(max(1, round(rule.seconds)))),
    "429": _retry_after,
    "401": lambda rule: _plain(401, '{"error": "Unauthorized"}'),
    "401_always": lambda rule: _plain(401, '{"error": "Unauthorized"}'),
    "403": lambda rule: _plain(403, '{"error": "Forbidden"}'),
    "404": lambda rule: _plain(404, '{"error": "Not Found"}'),
    "garbage": lambda rule: _plain(200, '{"id": 12, "status": \x00\x01 }}{{ not json'),
    "html_200": lambda rule: _plain(200, _HTML, "text/html"),
    "redirect": _redirect,
    "gzip_bomb": _bomb,
}
