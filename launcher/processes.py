"""Child processes that never outlive us: started in their own group, ended in reverse order, watched meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from launcher import child
from launcher.places import ROOT


class ProcessFailed(Exception):
    """A child ended or never became ready; the text names it and carries the end of its log."""


class Child:
    """One child process. It can be started again after it ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = env
        self.cwd = cwd
        self.user = user
        self.stop_signal = stop_signal
        self.death_signal = death_signal
        self.grace = grace
        self._process: subprocess.Popen[bytes] | None = None
        self._group_ended = True

    def start(self) -> None:
        if self.alive:
            raise ProcessFailed(f"{self.name} is running already.")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                child.wrapped(self.command, self.death_signal, self.user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
                process_group=0,
            )
        self._group_ended = False

    @property
    def alive(self) -> bool:
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        self._end_group()
        return False

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ProcessFailed(f"{self.name} was never started.")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def wait_ready(self, ready: str | Callable[[], bool], timeout: float = 30) -> None:
        """Wait until the address answers (any status below 500) or the function says yes."""
        check: Callable[[], bool] = partial(answers, ready) if isinstance(ready, str) else ready
        deadline = time.monotonic() + timeout
        pause = 0.01
        while True:
            if not self.alive:
                raise ProcessFailed(f"{self.name} ended with code {self.returncode}.\n{self.log_tail()}")
            if check():
                return
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready within {timeout:.0f} s.\n{self.log_tail()}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def terminate(self, number: signal.Signals | None = None) -> None:
        """Ask it to stop, wait for the grace time, then end it and everything it started."""
        if self.alive:
            self.send(number or self.stop_signal)
            # A frozen process would never see the request.
            self.send(signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._wait(self.grace)
        self.kill()

    def kill(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._wait(None)
        self._end_group()

    def _wait(self, timeout: float | None) -> None:
        if self._process is not None:
            self._process.wait(timeout)

    def _end_group(self) -> None:
        # Once, right after the leader ended: later its number could belong to somebody else.
        if self._process is not None and not self._group_ended:
            self._group_ended = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def log_tail(self, lines: int = 20) -> str:
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


class Supervisor:
    """Several children: started one by one, ended together, the last one first."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def start(self, new: Child) -> Child:
        self.children.append(new)
        new.start()
        return new

    def check(self) -> None:
        """Raise when one has died: a half-working product is worse than a stopped one."""
        for each in self.children:
            if not each.alive:
                raise ProcessFailed(f"{each.name} ended with code {each.returncode}.\n{each.log_tail()}")

    def stop(self) -> None:
        """One by one, the last first: what finishes its work still finds those it needs."""
        while self.children:
            self.children.pop().terminate()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own loopback address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (urllib.error.URLError, OSError):
        return False
