"""The only door to the outside: every call has a total time limit, a log row and a typed error."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from django.db import connection
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


class Session(requests.Session):
    """A requests session bound to one recorder. No retries, no redirects, no cookies, nothing from the environment."""

    # Class attributes, because Intuit's AuthClient calls out from its own initialiser.
    recorder: Recorder
    deadline_seconds: float = 60.0

    @property
    def trust_env(self) -> bool:
        """Never: a proxy variable or a .netrc file would quietly change where a token goes."""
        return False

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        pass

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Response:
        """Send once. Raises NotSent, NoAnswer or InsideTransaction; any status is an answer."""
        if connection.in_atomic_block and not _is_test_wrapper():
            raise InsideTransaction(f"{request.method} {request.url} was called inside a transaction.")
        started = time.monotonic()
        kwargs.update(timeout=(CONNECT_SECONDS, self.deadline_seconds), stream=True, allow_redirects=False, proxies={})
        status, trace, error = None, "", ""
        try:
            response = super().send(request, **kwargs)
            self.cookies.clear()
            status, trace = response.status_code, _trace_id(response)
            _read_all(response, started + self.deadline_seconds)
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


def _read_all(response: Response, until: float) -> None:
    """Read the body against one deadline, as it comes: a server that drips bytes must not hold a worker for ever."""
    chunks, size = [], 0
    while chunk := response.raw.read1(65_536, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES or time.monotonic() > until:
            response.close()
            raise NoAnswer("the answer was too large" if size > MAX_BYTES else "no answer in time")
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
