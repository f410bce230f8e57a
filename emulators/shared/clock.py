"""The emulated time of day: the real clock plus an offset that a test may move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from emulators.shared.ledger import Ledger


class Clock:
    """Time as the emulated service sees it; the offset survives a restart."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._offset = float(ledger.setting("clock_offset_seconds", 0))

    @property
    def offset_seconds(self) -> float:
        return self._offset

    def move(self, offset_seconds: float) -> None:
        """Set the offset (not add to it); 0 returns to the real time."""
        self._offset = float(offset_seconds)
        self._ledger.set_setting("clock_offset_seconds", self._offset)
        self._ledger.append("clock_moved", data={"offset_seconds": self._offset})

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._offset)

    def epoch(self) -> float:
        return self.now().timestamp()

    def stamp(self) -> str:
        """UTC, whole seconds: 2026-01-31T09:00:00Z."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def fine_stamp(self) -> str:
        """UTC with microseconds: 2026-01-31T09:00:00.123456Z."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def today(self) -> str:
        return self.now().date().isoformat()
