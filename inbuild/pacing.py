"""Rate limits of outside services, shared by all workers through Valkey. Knows limits, not whose they are.

    with pacer.take() as answered:          # raises Wait
        response = session.get(...)
        answered(response.status_code, response.headers)

`wait()` only asks, so that a worker leaves a row alone that it cannot work now. Without Valkey each process goes on by
itself at one call a second and key, until Valkey is back.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

import structlog
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from inbuild import pacing_scripts as scripts

log = structlog.get_logger("inbuild.pacing")

Headers = Mapping[str, str]
Answered = Callable[[int, Headers], None]

PATIENCE_SECONDS = 0.5  # a place that comes free sooner is waited for; giving a row back costs more
ALONE_SECONDS = 1.0
UNTOLD_SECONDS = 5.0  # how long to wait where the service asks for it and does not say how long
LONGEST_SECONDS = 3600.0  # no window is longer; a longer wait is a misread header
THROTTLED = 429
OVERLOADED = 503


class Wait(Exception):
    """The call must not leave now; `wait` says when to ask again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"No call may leave for another {seconds:.1f} s.")
        self.wait = timedelta(seconds=seconds)


class Pacer:
    """One limit, known by its key. Cheap to make, safe in threads: what must last is in Valkey and in `_alone`."""

    _take: ClassVar[str]
    _note: ClassVar[str]

    def __init__(self, key: str, hold_seconds: float) -> None:
        self._keys = [f"pace:{{{key}}}", f"pace:{{{key}}}:flying"]
        self._hold = hold_seconds
        self._alone = _alone.setdefault(key, _Alone())

    @contextmanager
    def take(self, patience: float = PATIENCE_SECONDS) -> Iterator[Answered]:
        """A place for one call; yields the function that hears the answer. Left unheard, the call may have counted.

        Sleeps as long as `patience` if that brings a place, which is right in the middle of work: beginning again would
        spend its first calls twice. Raises Wait.
        """
        token = uuid.uuid4().hex
        open_ends = [token]

        def answered(status: int, headers: Headers) -> None:
            open_ends.clear()
            self._hear(token, status, headers)

        self._leave(token, patience)
        try:
            yield answered
        finally:
            if open_ends:
                self._hear(token, 0, {})

    def wait(self, calls: int = 1) -> timedelta:
        """How long until a piece of work of that many calls may begin. Takes nothing."""
        return timedelta(seconds=self._ask("", calls))

    def _leave(self, token: str, patience: float) -> None:
        until = time.monotonic() + patience
        while (seconds := self._ask(token, 1)) > 0:
            if time.monotonic() + seconds > until:
                raise Wait(seconds)
            time.sleep(seconds)

    def _ask(self, token: str, calls: int) -> float:
        """Seconds to wait; at 0 the place is taken, unless there is no token to take it with."""
        if (quiet := self._alone.quiet()) > 0:
            return quiet
        answer = _valkey().run(self._take, self._keys, [self._milliseconds(self._hold), token, *self._terms(calls)])
        if answer is None:
            return self._alone.ask(take=bool(token))
        seconds, paused = answer[0] / 1000, bool(answer[1])
        if paused:
            self._alone.hush(seconds)
        elif seconds == 0 and token:
            self._alone.left()
        return seconds

    def _hear(self, token: str, status: int, headers: Headers) -> None:
        told = _told(headers)
        pause = min(self._pause(status, headers, told), LONGEST_SECONDS)
        self._alone.hush(pause)
        args = [self._milliseconds(self._hold), token, self._milliseconds(pause), *self._news(told)]
        if _valkey().run(self._note, self._keys, args) is None and told and told.remaining == 0:
            self._alone.hush(told.seconds)

    def _terms(self, calls: int) -> list[Any]:
        raise NotImplementedError

    def _pause(self, status: int, headers: Headers, told: Told | None) -> float:
        raise NotImplementedError

    def _news(self, told: Told | None) -> list[Any]:
        return []

    @staticmethod
    def _milliseconds(seconds: float) -> int:
        return round(seconds * 1000)


class HeaderPacer(Pacer):
    """A limit that the answers tell of: X-Rate-Limit-Limit, -Remaining and -Reset of whichever window is nearer.

    Calls in flight count as used. Who is not urgent leaves a fifth of every limit to those who are. Until an answer
    has told of the present window, two calls may be in flight: enough to ask, too few for a flood of refusals.
    """

    _take = scripts.TAKE_TOLD
    _note = scripts.NOTE_TOLD
    UNKNOWN_IN_FLIGHT = 2

    def __init__(self, key: str, *, urgent: bool, hold_seconds: float = 40.0) -> None:
        super().__init__(key, hold_seconds)
        self._urgent = urgent

    def _terms(self, calls: int) -> list[Any]:
        return [int(self._urgent), calls, self.UNKNOWN_IN_FLIGHT]

    def _pause(self, status: int, headers: Headers, told: Told | None) -> float:
        """The service's own word, else the end of the window that is used up; a little more, not all at one moment."""
        if status not in (THROTTLED, OVERLOADED):
            return 0
        seconds = _retry_after(headers)
        if seconds is None and told and (status == THROTTLED or told.remaining == 0):
            seconds = told.seconds
        if seconds is None:
            seconds = UNTOLD_SECONDS
        return seconds + random.uniform(0.1, 1 + seconds / 10)

    def _news(self, told: Told | None) -> list[Any]:
        if told is None:
            return [0, 0, 0, 0]
        return [told.limit, told.remaining, told.reset, self._milliseconds(told.seconds)]


class PacedWindow(Pacer):
    """A limit that is only documented: calls evenly spaced just below it, few in flight, all quiet after a 429."""

    _take = scripts.TAKE_SPACED
    _note = scripts.NOTE_SPACED
    SHARE = 0.99

    def __init__(
        self,
        key: str,
        *,
        per_second: float = 10,
        per_minute: float = 500,
        in_flight: int = 8,
        pause_seconds: float = 60.0,
        hold_seconds: float = 70.0,
    ) -> None:
        super().__init__(key, hold_seconds)
        self._gap = max(1 / per_second, 60 / per_minute) / self.SHARE
        self._in_flight = in_flight
        self._pause_seconds = pause_seconds

    def _terms(self, calls: int) -> list[Any]:
        return [self._gap * 1000, self._in_flight]

    def _pause(self, status: int, headers: Headers, told: Told | None) -> float:
        return max(self._pause_seconds, _retry_after(headers) or 0) if status == THROTTLED else 0


# --- what an answer tells --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Told:
    """One window as an answer describes it; `reset` by the service's clock, `seconds` until then."""

    limit: int
    remaining: int
    reset: int
    seconds: float


def _told(headers: Headers) -> Told | None:
    limit, remaining, reset = (
        _whole(headers.get(f"X-Rate-Limit-{name}", "")) for name in ("Limit", "Remaining", "Reset")
    )
    if not limit or remaining is None or reset is None:
        return None
    now = _date(headers.get("Date", ""))
    seconds = UNTOLD_SECONDS if now is None else min(max(reset - now, 1.0), LONGEST_SECONDS)
    return Told(limit, remaining, reset, seconds)


def _retry_after(headers: Headers) -> float | None:
    """Seconds, or a time that only the service's own clock can be compared with."""
    said = headers.get("Retry-After", "")
    if (seconds := _whole(said)) is not None:
        return float(seconds)
    until, now = _date(said), _date(headers.get("Date", ""))
    return None if until is None or now is None else max(until - now, 1.0)


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


# --- alone, while Valkey is away -------------------------------------------------------------------------------------
class _Alone:
    """What this process knows of one key by itself: its last call, and until when the service wants quiet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0
        self._quiet_until = 0.0

    def quiet(self) -> float:
        return self._quiet_until - time.monotonic()

    def hush(self, seconds: float) -> None:
        with self._lock:
            self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)

    def left(self) -> None:
        """A call left with Valkey's leave; without it the next one keeps its distance all the same."""
        self._next = time.monotonic() + ALONE_SECONDS

    def ask(self, *, take: bool) -> float:
        with self._lock:
            now = time.monotonic()
            wait = max(self._next, self._quiet_until) - now
            if wait <= 0 and take:
                self._next = now + ALONE_SECONDS
            return max(wait, 0.0)


_alone: dict[str, _Alone] = {}


# --- Valkey ----------------------------------------------------------------------------------------------------------
class _Valkey:
    """Runs scripts, quickly or not at all; after a failure one caller every two seconds looks whether it is back."""

    TIMEOUT = 0.5
    SILENCE = 2.0

    def __init__(self, url: str) -> None:
        quick = {"socket_timeout": self.TIMEOUT, "socket_connect_timeout": self.TIMEOUT}
        client: Redis = Redis.from_url(url, **quick, retry=Retry(NoBackoff(), 0))
        self._scripts = {text: client.register_script(text) for text in scripts.ALL}
        self._lock = threading.Lock()
        self._away = False
        self._silent_until = 0.0

    def run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> list[int] | None:
        """The script's answer, or None while Valkey is away."""
        with self._lock:
            if self._away:
                if time.monotonic() < self._silent_until:
                    return None
                self._silent_until = time.monotonic() + self.SILENCE
        try:
            answer: list[int] = self._scripts[script](keys=keys, args=args)
        except (RedisError, OSError) as error:
            self._lost(error)
            return None
        if self._away:
            self._away = False
            log.info("the workers pace each other again")
        return answer

    def _lost(self, error: Exception) -> None:
        with self._lock:
            self._silent_until = time.monotonic() + self.SILENCE
            first, self._away = not self._away, True
        if first:
            log.warning("each process paces itself, slowly", error=type(error).__name__)


_valkeys: dict[str, _Valkey] = {}


def _valkey() -> _Valkey:
    url = settings.REDIS_URL
    return _valkeys.get(url) or _valkeys.setdefault(url, _Valkey(url))
