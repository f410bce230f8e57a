"""Decides which events are dropped, doubled or late, so that the same seed gives the same weather.

Each kind of decision has its own count: the n-th event since the seed was set (or since a reset) always falls the
same way, whatever the other switches say.
"""

from __future__ import annotations

import random
import threading

from emulators.shared.switches import Switches


class Weather:
    """Dice per kind of decision, thrown with the switch weather_seed."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._lock = threading.Lock()
        self._thrown: dict[str, int] = {}
        switches.watchers.append(self._changed)

    def strikes(self, kind: str, percent: float) -> bool:
        """Whether this event falls into the given share of all events."""
        return self.throw(kind) * 100 < percent

    def throw(self, kind: str) -> float:
        with self._lock:
            number = self._thrown[kind] = self._thrown.get(kind, 0) + 1
        return random.Random(f"{self._switches['weather_seed']}/{kind}/{number}").random()

    def begin_again(self) -> None:
        with self._lock:
            self._thrown.clear()

    def _changed(self, names: set[str]) -> None:
        if "weather_seed" in names:
            self.begin_again()
