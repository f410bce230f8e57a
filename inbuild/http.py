"""The only door to the outside: every call has a total time limit, a log row and a typed error."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import requests
from django.db import connection
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError
from urllib3.exceptions import NewConnectionError

Response = requests.Response
CONNECT_SECONDS = 5.0
MAX_BYTES = 30_000_000


class OutsideError(Exception):
    """A call did not bring an answer."""


class NotSent(OutsideError):
    """It is certain that nothing reached the other side: no connection was made."""


class NoAnswer(OutsideError):
    """The request may have been carried out, but no complete answer came back."""


class TooLarge(NoAnswer):
    """The answer was larger than what was to be taken in."""


class InsideTransaction(RuntimeError):
    """Our bug: an outside call inside a transaction holds locks and cannot be rolled back over there."""


@dataclass(frozen=True, slots=True)
class Call:
    """One finished call, free of secrets: what `OutsideCall` stores."""

    method: str
    url: str
    status: int | None
    milliseconds: int
    request_sha256: str
    trace_id: str
    error: str


Recorder = Callable[[Call], None]


_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All calls of this block together end within `seconds`: for pages, before which a person waits."""
    before = _until.get()
    until = time.monotonic() + seconds
    mark = _until.set(until if before is None else min(before, until))
    try:
        yield
    finally:
        _until.reset(mark)


@contextmanager
def in_full() -> Iterator[None]:
    """Calls of this block may take their own time even inside `within`: what they use up can be used once only."""
    mark = _until.set(None)
    try:
        yield
    finally:
        _until.reset(mark)


def seconds_left(at_most: float) -> float:
    """How long a call made now may take, given what it may take by itself."""
    until = _until.get()
    return at_most if until is None else max(0.0, min(at_most, until - time.monotonic()))


class Session(requests.Session):
    """A requests session bound to one recorder. No retries, no redirects, no cookies, nothing from the environment."""

    # Class attributes, because Intuit's AuthClient calls out from its own initialiser.
    recorder: Recorder
    deadline_seconds: float = 60.0
    max_bytes: int = MAX_BYTES
    unpacks: bool = True

    @property
    def trust_env(self) -> bool:
        """Never: a proxy variable or a .netrc file would quietly change where a token goes."""
        return False

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        pass

    def get_redirect_target(self, resp: Response) -> None:
        """Never: where an answer points is for the caller to judge, and it may be no address at all."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Response:
        """Send once. Raises NotSent, NoAnswer or InsideTransaction; any status is an answer."""
        if connection.in_atomic_block and not _is_test_wrapper():
            raise InsideTransaction(f"{request.method} {request.url} was called inside a transaction.")
        started, allowed = time.monotonic(), seconds_left(self.deadline_seconds)
        if allowed <= 0:
            raise NotSent("no time left")
        connecting = min(CONNECT_SECONDS, allowed)
        kwargs.update(timeout=(connecting, allowed), stream=True, allow_redirects=False, proxies={})
        status, trace, error = None, "", ""
        try:
            response = super().send(request, **kwargs)
            self.cookies.clear()
            status, trace = response.status_code, _trace_id(response)
            _read_all(response, started + allowed, self)
            return response
        except NoAnswer as exc:
            error = str(exc)
            raise
        except (requests.RequestException, TransportError, OSError) as exc:
            never = isinstance(exc, requests.ConnectTimeout) or _never_connected(exc)
            error = "no connection" if never else _in_words(exc)
            raise (NotSent(error) if never else NoAnswer(error)) from exc
        finally:
            self.recorder(_call(request, status, started, trace, error))


def session(recorder: Recorder, *, deadline_seconds: float) -> Session:
    """A session whose calls must each be finished within `deadline_seconds`."""
    made = Session()
    made.recorder = recorder
    made.deadline_seconds = deadline_seconds
    return made


class _Pinned(HTTPAdapter):
    """Connects to an address that was checked, while name and certificate stay those of the host."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, options = super().build_connection_pool_key_attributes(request, verify, cert)
        named = str(host["host"])
        return host | {"host": self._address}, options | {"server_hostname": named, "assert_hostname": named}


def file_session(recorder: Recorder, address: str, *, deadline_seconds: float, max_bytes: int) -> Session:
    """A session for one file of a host whose address was checked: nothing is unpacked, and only so much is read."""
    made = session(recorder, deadline_seconds=deadline_seconds)
    made.max_bytes, made.unpacks = max_bytes, False
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Pinned(address))
    return made


def _read_all(response: Response, until: float, limits: Session) -> None:
    """Read the body against one deadline, as it comes: a server that drips bytes must not hold a worker for ever."""
    chunks, size = [], 0
    while chunk := response.raw.read1(65_536, decode_content=limits.unpacks):
        chunks.append(chunk)
        size += len(chunk)
        if size > limits.max_bytes:
            response.close()
            raise TooLarge("the answer was too large")
        if time.monotonic() > until:
            response.close()
            raise NoAnswer("no answer in time")
    response.raw.release_conn()
    response._content = b"".join(chunks)
    response._content_consumed = True  # type: ignore[attr-defined]


def _never_connected(error: Exception) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _in_words(error: Exception) -> str:
    """For the timeline, which accountants read."""
    return "no answer in time" if isinstance(error, requests.Timeout | TimeoutError) else "the connection broke"


def _is_test_wrapper() -> bool:
    """Django's TestCase wraps each test in transactions of its own, which are not ours."""
    return all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def _trace_id(response: Response) -> str:
    return (response.headers.get("intuit_tid") or response.headers.get("X-Request-Id") or "")[:200]


def _call(request: requests.PreparedRequest, status: int | None, started: float, trace: str, error: str) -> Call:
    body = request.body or b""
    data = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b""
    return Call(
        method=request.method or "",
        url=(request.url or "").split("?")[0],
        status=status,
        milliseconds=round((time.monotonic() - started) * 1000),
        request_sha256=hashlib.sha256(data).hexdigest() if data else "",
        trace_id=trace,
        error=error,
    )
