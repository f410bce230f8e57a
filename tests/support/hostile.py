"""A file server that means no good: answers each path with whatever a test told it to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Act = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class HostileServer:
    url: str
    answers: dict[str, Act]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def serves(self, act: Act) -> str:
        """The address at which this happens."""
        path = f"/{len(self.answers)}"
        self.answers[path] = act
        return self.url + path


def body(content: bytes, status: int = 200, length: int | None = None, **headers: str) -> Act:
    """An answer with a body; `length` where the header lies."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return act


def redirect(location: str) -> Act:
    return body(b"", 302, Location=location)


def silence(seconds: float) -> Act:
    return lambda _handler: time.sleep(seconds)


@contextmanager
def hostile_server() -> Iterator[HostileServer]:
    found: dict[str, Act] = {}
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization", "")))
            found[self.path](self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield HostileServer(f"http://127.0.0.1:{server.server_port}", found, asked)
    finally:
        server.shutdown()
        server.server_close()
