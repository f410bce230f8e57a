"""Counts calls per hour and per 10 seconds for each client.

Procore: X-Rate-Limit-Limit, -Remaining and -Reset describe whichever of the two windows is nearer; past either: 429
(reference 5).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from emulators.shared.clock import Clock
from emulators.shared.switches import Switches

_WINDOWS = {"hourly": 3600, "spike": 10}


@dataclass(frozen=True)
class Allowance:
    """What the headers of an answer say."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool
    retry_after: int

    def headers(self) -> dict[str, str]:
        return {
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(self.remaining),
            "X-Rate-Limit-Reset": str(self.reset),
        }


class RateLimits:
    """Fixed windows that begin with full hours and full ten seconds of the emulated clock."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._calls: dict[str, int] = {}
        self._refused: dict[str, int] = {}

    def count(self, client: str, company: str = "") -> Allowance:
        """Count one call and answer what is left; a company may have a limit of its own."""
        now = int(self._clock.epoch())
        own = self._switches["rate_limit_companies"].get(company)
        limits = own or self._switches["rate_limit"]
        if company:
            with self._lock:
                self._calls[company] = self._calls.get(company, 0) + 1
        if company and (own or self._switches["rate_limit_scope"] == "company"):
            client = f"{client} in {company}"
        with self._lock:
            allowances = [self._count(client, name, int(limits[name]), now) for name in _WINDOWS if name in limits]
        if not allowances:
            return Allowance(1_000_000_000, 1_000_000_000, now + 3600, False, 0)
        over = [a for a in allowances if a.exceeded]
        return max(over, key=lambda a: a.retry_after) if over else min(allowances, key=lambda a: a.remaining)

    def refused(self, company: str) -> None:
        """A 429 was given, by the limit or by a fault rule."""
        with self._lock:
            self._refused[company] = self._refused.get(company, 0) + 1

    def report(self) -> dict[str, dict[str, int]]:
        """Calls counted and 429s given, for each company of the header."""
        with self._lock:
            names = sorted({*self._calls, *self._refused})
            return {n: {"calls": self._calls.get(n, 0), "refused": self._refused.get(n, 0)} for n in names}

    def clear(self) -> None:
        with self._lock:
            for counts in (self._counts, self._calls, self._refused):
                counts.clear()

    def _count(self, client: str, name: str, limit: int, now: int) -> Allowance:
        length = _WINDOWS[name]
        window = now // length
        begun, used = self._counts.get((client, name), (window, 0))
        used = used + 1 if begun == window else 1
        self._counts[(client, name)] = (window, used)
        reset = (window + 1) * length
        return Allowance(limit, max(limit - used, 0), reset, used > limit, max(reset - now, 1))
