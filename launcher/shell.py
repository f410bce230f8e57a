"""`./run shell`: Django's shell with the environment of the running demo."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from launcher.environment import for_process
from launcher.places import ROOT, PlaceRefused
from launcher.state import DemoState


def main(arguments: list[str]) -> NoReturn:
    parser = argparse.ArgumentParser(prog="./run shell", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="the demo's port")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="another manage.py command instead of shell")
    options = parser.parse_args(arguments)
    try:
        variables = DemoState(options.port).remembered()
    except PlaceRefused as problem:
        sys.exit(str(problem))
    environment = for_process(variables) | {name: os.environ[name] for name in ("TERM",) if name in os.environ}
    command = [sys.executable, str(ROOT / "manage.py"), *(options.command or ["shell"])]
    os.execve(command[0], command, environment)  # noqa: S606 - the person's own terminal goes on in it
