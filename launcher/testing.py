"""`./run test`: pytest, with a word about Chromium, which the tests marked `browser` need.

Without arguments all tests run in two rounds: most of them on all cores side by side, each worker with servers of its
own; then, one after the other, those that look at the clock.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from launcher.places import ROOT

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """CHROMIUM names one; else the first on the path."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((found for found in map(shutil.which, CHROMIUM) if found), None)


def main(arguments: list[str]) -> NoReturn:
    found = chromium()
    if found is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            sys.exit("Chromium is missing and REQUIRE_BROWSER=1: install it (apt install chromium).")
        print("Chromium was not found: tests in a browser will be skipped (apt install chromium).", flush=True)
    else:
        os.environ["CHROMIUM"] = found
    os.chdir(ROOT)
    runner = _Runner()
    sys.exit(max(runner.run(each) for each in ([arguments] if arguments else _rounds())))


def _rounds() -> list[list[str]]:
    # Workers would disturb each other in a Valkey that somebody gave us.
    workers = 1 if os.environ.get("REDIS_URL") else os.cpu_count() or 1
    return [["-m", "not alone", "-n", str(workers), "--dist", "worksteal"], ["-m", "alone"]]


class _Runner:
    """Runs pytest to its end, also when this process is asked to end; then nothing more is begun."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = False
        signal.signal(signal.SIGTERM, self._end)
        # The terminal sends it to pytest as well.
        signal.signal(signal.SIGINT, self._note)

    def run(self, arguments: Sequence[str]) -> int:
        """Its exit code."""
        if self._ending:
            return 0
        self._process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments])
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
