"""A small SOAP server that plays the other end of the Web Connector: hands message sets out, keeps what comes back.

It shares nothing with the product, so the tests of the PC stand on their own feet.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape

from tests.support.soap_wsdl import INTUIT, wsdl

OWNER = "{3C2A7C6E-3B0B-4B8E-9A53-2C3A1D0E7F10}"
FILE_ID = "{A1E5D4B2-77C1-4E2F-8F0B-5B9C6D7E8F90}"
PASSWORD = "typed & right"
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{}</soap:Body></soap:Envelope>'
)


@dataclass
class Call:
    operation: str
    values: dict[str, str]
    soap_action: str
    raw: str


@dataclass
class SoapServer:
    """What it will answer, and what it was asked. `queue` holds the message sets that wait to be handed out.

    A function in the queue makes its message set of the last response.
    """

    url: str
    queue: list[str | Callable[[str], str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    responses: list[dict[str, str]] = field(default_factory=list)
    # operation -> answers to give instead, in order: a text, a list, None (nil), or an exception's text for a Fault.
    instead: dict[str, list[Any]] = field(default_factory=dict)
    get_status: dict[str, int] = field(default_factory=dict)
    verdict: list[str] = field(default_factory=lambda: [""])
    # (status, Content-Type, content) instead of any envelope, by operation; None lets the caller wait.
    raw: dict[str, tuple[int, str, bytes] | None] = field(default_factory=dict)
    # An operation that its WSDL does not know.
    lacks: str = ""
    gets: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    # With this, a message set leaves the queue only when its answer has arrived, as a careful server does it.
    careful: bool = False

    def qwc(self, **changes: str) -> str:
        """A .qwc file for this server; an empty value leaves the element out."""
        values = {
            "AppName": "inBuild - test",
            "AppID": "",
            "AppURL": f"{self.url}/soap",
            "AppDescription": "Sends bills",
            "AppSupport": f"{self.url}/support",
            "UserName": "inbuild",
            "OwnerID": OWNER,
            "FileID": FILE_ID,
            "QBType": "QBFS",
            "IsReadOnly": "false",
        } | changes
        inner = "".join(
            f"<{name}>{escape(value)}</{name}>" for name, value in values.items() if value or name == "AppID"
        )
        schedule = "<Scheduler><RunEveryNMinutes>10</RunEveryNMinutes></Scheduler>"
        return f'<?xml version="1.0"?><QBWCXML>{inner}{schedule}</QBWCXML>'

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    def answer(self, call: Call) -> Any:
        """The result of an operation."""
        self.calls.append(call)
        waiting = self.instead.get(call.operation)
        if waiting:
            return waiting.pop(0)
        return getattr(self, f"_{call.operation}")(call.values)

    def _serverVersion(self, values: dict[str, str]) -> str:
        return "1.0"

    def _clientVersion(self, values: dict[str, str]) -> str:
        return ""

    def _authenticate(self, values: dict[str, str]) -> list[str]:
        if values["strPassword"] != PASSWORD:
            return ["", "nvu"]
        return [str(uuid.uuid4()), *(self.verdict if self.queue else ["none"])]

    def _sendRequestXML(self, values: dict[str, str]) -> str:
        if not self.queue:
            return ""
        made = self.queue[0] if self.careful else self.queue.pop(0)
        return made if isinstance(made, str) else made(self.responses[-1]["response"])

    def _receiveResponseXML(self, values: dict[str, str]) -> str:
        self.responses.append(values)
        if self.careful and self.queue:
            self.queue.pop(0)
        return "50" if self.queue else "100"

    def _connectionError(self, values: dict[str, str]) -> str:
        return "done"

    def _getLastError(self, values: dict[str, str]) -> str:
        return "Nothing to send."

    def _closeConnection(self, values: dict[str, str]) -> str:
        return "Good bye"


class _Listener(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that cut the connection is what some tests are about."""


@contextmanager
def soap_server() -> Iterator[SoapServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.gets.append(self.path)
            if self.path.endswith("?wsdl"):
                content = wsdl(f"{server.url}/elsewhere", without=server.lacks)
                self._send(server.get_status.get(self.path, 200), "text/xml", content)
                return
            self._send(server.get_status.get(self.path, 200), "text/plain", b"here")

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            raw = self.rfile.read(length)
            if len(raw) < length:
                self.close_connection = True
                return
            body = fromstring(raw)[0]  # noqa: S314 - from the emulator
            operation = body[0].tag.removeprefix(f"{{{INTUIT}}}")
            values = {child.tag.removeprefix(f"{{{INTUIT}}}"): child.text or "" for child in body[0]}
            call = Call(operation, values, self.headers.get("SOAPAction", ""), raw.decode())
            if operation in server.raw:
                self._send_raw(call, server.raw[operation])
                return
            result = server.answer(call)
            if isinstance(result, Exception):
                fault = (
                    f"<soap:Fault><faultcode>soap:Server</faultcode><faultstring>{result}</faultstring></soap:Fault>"
                )
                self._send(500, "text/xml", _ENVELOPE.format(fault).encode())
                return
            inner = _result(operation, result)
            answer = f'<{operation}Response xmlns="{INTUIT}">{inner}</{operation}Response>'
            self._send(200, "text/xml; charset=utf-8", _ENVELOPE.format(answer).encode())

        def _send_raw(self, call: Call, answer: tuple[int, str, bytes] | None) -> None:
            server.calls.append(call)
            if answer is None:
                server.is_over.wait(30)
                self.close_connection = True
            else:
                self._send(*answer)

        def _send(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    listener = _Listener(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server = SoapServer(f"http://localhost:{listener.server_port}")
    threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.is_over.set()
        listener.shutdown()
        listener.server_close()


def _result(operation: str, result: Any) -> str:
    if result is None:
        return f'<{operation}Result xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" />'
    if isinstance(result, list):
        inner = "".join(f"<string>{escape(text)}</string>" if text else "<string />" for text in result)
    else:
        inner = escape(str(result))
    return f"<{operation}Result>{inner}</{operation}Result>"
