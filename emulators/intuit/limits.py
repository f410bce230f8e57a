"""Throttles of the accounting API, and how long a call takes.

Intuit: 500 requests a minute per company, 10 a second per company and app; batches 40 a minute per company and app and
120 a minute per company (qbo.md section 3.3); an older text says 10 at the same time, so that is a switch. Monthly
CorePlus quota: section 3.4.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from emulators.intuit.store import Store

_RULES = {
    # name: (calls, seconds, also per app)
    "minute": (500, 60.0, False),
    "second": (10, 1.0, True),
    "batch_app": (40, 60.0, True),
    "batch_realm": (120, 60.0, False),
}


@dataclass
class Traffic:
    """What one company saw since the start or the last reset."""

    admitted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0


class Limiter:
    """Sliding windows in real time; a refused call does not count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str, str], deque[float]] = {}
        self._running: Counter[tuple[str, str]] = Counter()
        self._traffic: dict[str, Traffic] = {}

    @property
    def refused(self) -> int:
        with self._lock:
            return sum(sum(traffic.refused.values()) for traffic in self._traffic.values())

    def traffic(self) -> dict[str, Traffic]:
        with self._lock:
            return dict(self._traffic)

    def admits(self, realm: str, app: str, batch: bool) -> bool:
        now = time.monotonic()
        names = _RULES if batch else ("minute", "second")
        with self._lock:
            windows = []
            for name in names:
                calls, seconds, per_app = _RULES[name]
                window = self._windows.setdefault((name, realm, app if per_app else ""), deque())
                while window and window[0] <= now - seconds:
                    window.popleft()
                if len(window) >= calls:
                    self._of(realm).refused[name] += 1
                    return False
                windows.append(window)
            for window in windows:
                window.append(now)
        return True

    def enters(self, realm: str, app: str, most: int) -> bool:
        """Count a request in; False if `most` others are being worked on (0: no limit)."""
        with self._lock:
            traffic = self._of(realm)
            if most and self._running[realm, app] >= most:
                traffic.refused["in_flight"] += 1
                return False
            self._running[realm, app] += 1
            traffic.admitted += 1
            traffic.in_flight += 1
            traffic.most_in_flight = max(traffic.most_in_flight, traffic.in_flight)
        return True

    def leaves(self, realm: str, app: str) -> None:
        with self._lock:
            self._running[realm, app] = max(self._running[realm, app] - 1, 0)
            self._of(realm).in_flight = max(self._of(realm).in_flight - 1, 0)

    def note_quota(self, realm: str) -> None:
        with self._lock:
            self._of(realm).refused["monthly_quota"] += 1

    def forget(self) -> None:
        """Windows and counters start anew; what is being worked on stays counted."""
        with self._lock:
            self._windows.clear()
            running = {realm: traffic.in_flight for realm, traffic in self._traffic.items() if traffic.in_flight}
            self._traffic = {realm: Traffic(in_flight=number) for realm, number in running.items()}

    def _of(self, realm: str) -> Traffic:
        return self._traffic.setdefault(realm, Traffic())


def wait_for_kind(store: Store, kind: str, realm: str, otherwise: str = "") -> None:
    """Take as long as a call of this kind takes; `otherwise` names the switch that counts if none is given."""
    wanted = dict(part.split("=", 1) for part in store.switches.text("latency_by_kind", realm).split() if "=" in part)
    text = wanted.get(kind) or wanted.get(f"*.{kind.rpartition('.')[2]}") or wanted.get("*") or ""
    if not text:
        milliseconds: float = store.switches.number(otherwise, realm) if otherwise else 0
    else:
        low, _, high = text.partition("-")
        try:
            milliseconds = random.uniform(float(low), float(high or low))
        except ValueError:
            milliseconds = 0
    if milliseconds:
        time.sleep(milliseconds / 1000)
