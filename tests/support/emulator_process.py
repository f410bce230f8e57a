"""Starts one emulator as its own process on a free port."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.places import ROOT, free_port


@contextmanager
def running_emulator(name: str, ledger: Path, *options: str) -> Iterator[str]:
    """Yield the base URL of `emulators.<name>` (procore or intuit), ready to answer; end it afterwards."""
    port = free_port()
    command = [sys.executable, "-m", f"emulators.{name}", "--port", str(port), "--ledger", str(ledger), *options]
    process = subprocess.Popen(command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The emulator ended with code {process.returncode} before it was ready.")
        try:
            with urllib.request.urlopen(f"{url}/_emulator/ready", timeout=2):  # noqa: S310 - loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"The emulator at {url} was not ready within 30 s.")
