"""Throttles of the accounting API.

Intuit: 500 requests a minute per company, 10 a second per company and app; batches 40 a minute per company and app and
120 a minute per company (qbo.md section 3.3). Monthly CorePlus quota: section 3.4.
"""

from __future__ import annotations

import threading
import time
from collections import deque

_RULES = {
    # name: (calls, seconds, also per app)
    "minute": (500, 60.0, False),
    "second": (10, 1.0, True),
    "batch_app": (40, 60.0, True),
    "batch_realm": (120, 60.0, False),
}


class Limiter:
    """Sliding windows in real time; a refused call does not count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str, str], deque[float]] = {}
        self.refused = 0

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
                    self.refused += 1
                    return False
                windows.append(window)
            for window in windows:
                window.append(now)
        return True

    def forget(self) -> None:
        with self._lock:
            self._windows.clear()
            self.refused = 0
