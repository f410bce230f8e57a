"""The demo's kept state: one folder for each user, copy of the project and port.

The port belongs to it because it is written into the state: Procore's emulator keeps the address of our webhooks.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from launcher.places import PlaceRefused, demo_folder, make_own_folder


class StateBusy(Exception):
    """Another demo holds this state; the text is one sentence."""


class DemoState:
    def __init__(self, port: int) -> None:
        self.port = port
        self.folder = demo_folder().with_name(f"{demo_folder().name}-{port}")
        self.logs = self.folder / "logs"
        self.media = self.folder / "media"
        self.environment_file = self.folder / "environment.json"
        self._lock: int | None = None

    def open(self, *, reset: bool = False) -> None:
        """Take the state for this process; the lock goes with the process, however it ends."""
        make_own_folder(self.folder)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StateBusy(
                f"A demo is already running on port {self.port}: open http://127.0.0.1:{self.port}, stop it with "
                "Ctrl-C, or start a second one with --port."
            ) from None
        self._lock = descriptor
        if reset:
            self._empty()
        for folder in (self.logs, self.media):
            folder.mkdir(exist_ok=True, mode=0o700)
        for log in self.logs.glob("*.log"):
            log.unlink()

    def _empty(self) -> None:
        for entry in self.folder.iterdir():
            if entry.name == "lock":
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def remember(self, variables: Mapping[str, str]) -> None:
        """For `./run shell`; it holds secrets, so only we may read it."""
        descriptor = os.open(self.environment_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            json.dump(dict(variables), handle)

    def remembered(self) -> dict[str, str]:
        if self.folder.exists():
            make_own_folder(self.folder)
        try:
            found: dict[str, str] = json.loads(self.environment_file.read_text())
        except (OSError, ValueError):
            raise PlaceRefused(f"No demo has run on port {self.port} yet: start one with ./run demo.") from None
        return found

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
