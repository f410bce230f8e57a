"""Command line and HTTP server of an emulator process.

    options = parse_options("procore", seeds=("demo", "empty"))
    serve(app, options.host, options.port, on_end=ledger.close)

The server is werkzeug's threaded one with two changes: connections are kept alive (HTTP/1.1), and the body of a
request is always read whole, so that an answer given early never spoils the next request on the same connection.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_LARGEST_BODY = 64 * 1024 * 1024


def parse_options(
    name: str,
    *,
    seeds: Sequence[str] = ("demo", "empty"),
    add_more: Callable[[argparse.ArgumentParser], None] | None = None,
    arguments: Sequence[str] | None = None,
) -> argparse.Namespace:
    """Options common to the emulators: host, port, ledger (Path), seed, public_url."""
    parser = argparse.ArgumentParser(prog=f"python -m emulators.{name}")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ledger", type=Path, required=True, help="SQLite file that keeps everything")
    parser.add_argument("--seed", choices=list(seeds), default=seeds[0], help="used only if the ledger is new")
    parser.add_argument("--public-url", default="", help="address to put into links, if not the one listened on")
    if add_more is not None:
        add_more(parser)
    options = parser.parse_args(arguments)
    if not options.public_url:
        options.public_url = f"http://{options.host}:{options.port}"
    options.public_url = options.public_url.rstrip("/")
    return options


class KeepAliveHandler(WSGIRequestHandler):
    """Runs the application for each request of a connection, and leaves the connection open if it may."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def make_environ(self) -> WSGIEnvironment:
        environ = super().make_environ()
        environ["emulators.handler"] = self
        environ["wsgi.input"] = io.BytesIO(self._whole_body(environ))
        environ["wsgi.input_terminated"] = True
        return environ

    def _whole_body(self, environ: WSGIEnvironment) -> bytes:
        if environ.get("wsgi.input_terminated"):
            return bytes(environ["wsgi.input"].read())
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length > _LARGEST_BODY:
            self.close_connection = True
            return b""
        return self.rfile.read(length) if length > 0 else b""

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        self.environ = self.make_environ()
        try:
            self._answer(self.server.app)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            self.close_connection = True
            logging.getLogger("emulators").exception("A request ended with an unexpected error.")

    def _answer(self, app: WSGIApplication) -> None:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., object]:
            started[:] = [status, headers]
            return self.wfile.write

        chunks = app(self.environ, start_response)
        try:
            sent_head, chunked = False, False
            for data in chunks:
                if not sent_head:
                    chunked, sent_head = self._send_head(started[0], started[1]), True
                if data and self.command != "HEAD":
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
            if not sent_head:
                chunked = self._send_head(started[0], started[1])
            if chunked and self.command != "HEAD":
                self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _send_head(self, status: str, headers: list[tuple[str, str]]) -> bool:
        """Send status line and headers; True if the body must be sent in chunks."""
        code = int(status.split(None, 1)[0])
        self.send_response(code, status.partition(" ")[2])
        names = set()
        for key, value in headers:
            self.send_header(key, value)
            names.add(key.lower())
        chunked = "content-length" not in names and code not in (204, 304) and code >= 200
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close" if self.close_connection else "keep-alive")
        self.end_headers()
        return chunked

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: requests are in the ledger, and the terminal stays readable."""


class EmulatorServer(ThreadedWSGIServer):
    """The threaded server with a queue long enough for hundreds of clients that connect at once."""

    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def serve(app: WSGIApplication, host: str, port: int, *, on_end: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or SIGINT, then run `on_end` and end the process at once."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = EmulatorServer(host, port, app, handler=KeepAliveHandler)

    def end(signal_number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        server.serve_forever(poll_interval=0.1)
    except SystemExit:
        pass
    finally:
        server.server_close()
        on_end()
        # Threads that sleep in a fault or wait for a slow receiver must not hold the process.
        os._exit(0)
