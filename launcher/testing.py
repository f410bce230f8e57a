"""`./run test`: pytest, with a word about Chromium, which the tests marked `browser` need."""

from __future__ import annotations

import os
import shutil
import sys
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
    command = [sys.executable, "-m", "pytest", *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - pytest gets the terminal and the signals itself
