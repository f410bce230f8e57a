"""`./run faults WHICH`: the long fault runs, each starting a whole product of its own."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from launcher.places import ROOT


def main(arguments: list[str]) -> NoReturn:
    os.chdir(ROOT)
    command = [sys.executable, "-m", "tests.campaigns", *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - the run gets the terminal and the signals itself
