"""A service with rate limits on a socket, and a worker process that calls it as fast as its pacer lets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from inbuild import pacing
from inbuild.pacing import HeaderPacer, Wait

HOUR = 3600.0
HOUR_WINDOW = 3600
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Arrival:
    at: float
    who: str
    status: int


@dataclass
class Service:
    """Counts every call as it arrives. `limits`: seconds of a window → calls in it.

    With headers the windows are fixed and told as Procore tells them; without, they slide and are only documented.
    """

    limits: Mapping[int, int]
    headers: bool = True
    latency: float = 0.05
    skew: float = 0.0
    date: bool = True
    refuse_once: Mapping[str, str] | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    most_in_flight: int = 0
    _in_flight: int = 0
    _counts: dict[tuple[int, int], int] = field(default_factory=dict)
    _slides: dict[int, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, who: str) -> tuple[int, dict[str, str]]:
        with self._lock:
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            status, headers = self._fixed() if self.headers else self._sliding()
            if self.refuse_once is not None:
                status, headers, self.refuse_once = 429, dict(self.refuse_once), None
            if self.date:
                headers["Date"] = formatdate(time.time() + self.skew, usegmt=True)
            self.arrivals.append(Arrival(time.monotonic(), who, status))
            return status, headers

    def leave(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def _fixed(self) -> tuple[int, dict[str, str]]:
        now = time.time() + self.skew
        told = []
        for seconds, calls in self.limits.items():
            window = int(now // seconds)
            used = self._counts[(seconds, window)] = self._counts.get((seconds, window), 0) + 1
            told.append((calls - used, calls, (window + 1) * seconds))
        left, calls, reset = min(told)
        headers = {
            "X-Rate-Limit-Limit": str(calls),
            "X-Rate-Limit-Remaining": str(max(left, 0)),
            "X-Rate-Limit-Reset": str(reset),
        }
        return (429 if left < 0 else 200), headers

    def _sliding(self) -> tuple[int, dict[str, str]]:
        now = time.monotonic()
        slides = [(self._slides.setdefault(seconds, deque()), seconds, calls) for seconds, calls in self.limits.items()]
        for slide, seconds, _ in slides:
            while slide and slide[0] <= now - seconds:
                slide.popleft()
        if any(len(slide) >= calls for slide, _, calls in slides):
            return 429, {}
        for slide, _, _ in slides:
            slide.append(now)
        return 200, {}

    def refused(self) -> int:
        return sum(arrival.status == 429 for arrival in list(self.arrivals))

    def served(self, who: str = "", *, since: float = 0.0, until: float = float("inf")) -> int:
        return sum(
            arrival.status == 200 and arrival.who.startswith(who) and since <= arrival.at < until
            for arrival in list(self.arrivals)
        )

    def arrived(self, since: float, until: float) -> int:
        return sum(since <= arrival.at < until for arrival in list(self.arrivals))


@contextmanager
def listening(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, headers = service.enter(self.headers.get("X-Who", ""))
            if status == 200:
                time.sleep(service.latency)
            service.leave()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def worker(redis_url: str, **job: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that calls with `threads` threads; ready when it says so, told to begin by `begin`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.paced", json.dumps(job)],
        cwd=ROOT,
        env=os.environ | {"REDIS_URL": redis_url, "DJANGO_SETTINGS_MODULE": "inbuild.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def begin(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def ended(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.wait(timeout=120)
        assert process.returncode == 0


def call(session: requests.Session, pacer: pacing.Pacer, url: str, who: str) -> None:
    """One paced call. Raises Wait."""
    with pacer.take() as answered:
        response = session.get(url, headers={"X-Who": who}, timeout=30)
        answered(response.status_code, response.headers)


def keep_calling(pacer: pacing.Pacer, url: str, who: str, until: float) -> None:
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < until:
            try:
                call(session, pacer, url, who)
            except Wait as refused:
                time.sleep(max(min(refused.wait.total_seconds(), until - time.monotonic()), 0))


def another_process(key: str) -> None:
    """What this process knows by itself is gone, as in a process that just began."""
    pacing._alone.pop(key, None)


def tell(pacer: HeaderPacer, remaining: int, *, limit: int = 100, seconds: int = 30, status: int = 200) -> None:
    """One call, and an answer with these headers, by a clock that is an hour ahead."""
    with pacer.take() as answered:
        answered(status, told(remaining, limit=limit, seconds=seconds))


def told(remaining: int, *, limit: int = 100, seconds: int = 30, ahead: float = HOUR) -> dict[str, str]:
    now = int(time.time() + ahead)
    return {
        "X-Rate-Limit-Limit": str(limit),
        "X-Rate-Limit-Remaining": str(remaining),
        "X-Rate-Limit-Reset": str(now + seconds),
        "Date": formatdate(now, usegmt=True),
    }


def seconds(pacer: pacing.Pacer, calls: int = 1) -> float:
    return pacer.wait(calls).total_seconds()


def main(job: Mapping[str, Any]) -> None:
    def work() -> None:
        # A pacer for each thread, as each worker makes its own client.
        pacer = getattr(pacing, job["kind"])(job["key"], **job.get("options", {}))
        keep_calling(pacer, job["url"], job["who"], time.monotonic() + job["seconds"])

    threads = [threading.Thread(target=work) for _ in range(job["threads"])]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
