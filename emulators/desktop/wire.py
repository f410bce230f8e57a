"""SOAP 1.1 as the Web Connector speaks it: a zeep client of the service, the accidents of its calls among them.

zeep makes the envelopes and reads the answers by the WSDL. What the Web Connector, a .NET program, does otherwise than
zeep is in `_Http`, zeep's transport, and in `_Strict`, a plugin: its spelling, no redirects, and what counts as an
answer. The accidents go through them too, so no call is written to a socket past zeep.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import zeep
from lxml import etree
from zeep.exceptions import Error, Fault
from zeep.plugins import Plugin
from zeep.transports import Transport
from zeep.wsdl.bindings.soap import Soap11Binding

INTUIT = "http://developer.intuit.com/"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_INSTANCE = f"{_SCHEMA}-instance"
_AGENT = "Mozilla/4.0 (compatible; MSIE 6.0; MS Web Services Client Protocol 4.0.30319.42000)"
_CLOSED = "The underlying connection was closed: "
Result = str | list[str] | None


class CallFailed(Exception):
    """No good answer came; the text says why, as a .NET client would."""


class Wire:
    """The calls of one session, which reads the WSDL anew: nothing outlives it."""

    def __init__(self, url: str, *, wsdl: str, timeout: float, style: str) -> None:
        """`wsdl` is a file or an address; empty is what the service says of itself."""
        self._url, self._wsdl = url, wsdl or f"{url}{'&' if '?' in url else '?'}wsdl"
        self._http, self._strict = _Http(timeout, style), _Strict()
        self._service: Any = None

    def call(self, operation: str, values: Mapping[str, str], accident: str = "") -> Result:
        """What the operation answered: a text, several texts, or None where there is nothing at all.

        `accident`: "half" cuts the connection before the server has read the call, "answer" loses its answer.
        Raises CallFailed.
        """
        self._http.accident = accident
        try:
            self._service = self._service or self._proxy()
            called = getattr(self._service, operation, None)
            if called is None:
                raise CallFailed(f"The WSDL does not know {operation}.")
            result = called(**values)
        except Fault as fault:
            raise CallFailed(fault.message or "SOAP Fault without a text.") from fault
        except OSError as error:
            # What the library `requests`, on which zeep stands, raises is one too.
            raise CallFailed(f"{_CLOSED}{error or type(error).__name__}.") from error
        except Error as error:
            raise CallFailed(f"{error}.") from error
        if isinstance(result, list):
            return [text or "" for text in result]
        # To zeep an empty text is none; to the Web Connector only what is not there.
        return None if self._strict.is_null else str("" if result is None else result)

    def _proxy(self) -> Any:
        """By the WSDL's SOAP 1.1 port, at the address of the .qwc file whatever the WSDL names."""
        settings = zeep.Settings(forbid_dtd=True, forbid_external=True)
        client = zeep.Client(self._wsdl, transport=self._http, plugins=[self._strict], settings=settings)
        self._http.session.close()
        for name, binding in client.wsdl.bindings.items():
            if isinstance(binding, Soap11Binding):
                return client.create_service(name, self._url)
        raise CallFailed("The WSDL has no SOAP 1.1 port.")


class _Strict(Plugin):
    """Looks at each answer before zeep does: it must be the operation's own, and null is not empty."""

    def __init__(self) -> None:
        self.is_null = False

    def ingress(self, envelope: Any, http_headers: Any, operation: Any) -> tuple[Any, Any]:
        body = envelope.find(f"{{{_SOAP}}}Body")
        if body is None or not len(body):
            raise CallFailed("The answer is no SOAP envelope.")
        answer = body[0]
        if answer.tag not in (f"{{{_SOAP}}}Fault", f"{{{INTUIT}}}{operation.name}Response"):
            raise CallFailed(f"{answer.tag} is not the answer to {operation.name}.")
        result = answer.find(f"{{{INTUIT}}}{operation.name}Result")
        self.is_null = result is None or result.get(f"{{{_INSTANCE}}}nil") in ("true", "1")
        return envelope, http_headers


class _Http(Transport):
    def __init__(self, timeout: float, style: str) -> None:
        super().__init__(cache=None, timeout=timeout, operation_timeout=timeout)
        # No proxy of this machine: the calls stay on it.
        self.session.trust_env = False
        self.session.headers["User-Agent"] = _AGENT
        self.accident = ""
        self._style = style

    def post_xml(self, address: str, envelope: Any, headers: dict[str, str]) -> Any:
        return self.post(address, spelled(envelope, self._style), headers)

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
        sent: Any = _Half(message) if self.accident == "half" else message
        try:
            answer = self.session.post(
                address, data=sent, headers=headers, timeout=self.operation_timeout, allow_redirects=False
            )
        finally:
            # A connection for each call: on one that is kept, small servers answer 40 ms later (Nagle's algorithm).
            self.session.close()
        if self.accident == "answer":
            raise CallFailed(f"{_CLOSED}The connection was closed unexpectedly.")
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if answer.status_code != 200 and (answer.status_code, kind) != (500, "text/xml"):
            raise CallFailed(f"The request failed with HTTP status {answer.status_code}: {answer.reason}.")
        if kind != "text/xml":
            raise CallFailed(f"Client found response content type of '{kind}', but expected 'text/xml'.")
        return answer


class _Half(io.BytesIO):
    """A body whose connection breaks in the middle of it."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._left = len(body) // 2

    def read(self, size: int | None = -1, /) -> bytes:
        if not self._left:
            raise CallFailed(f"{_CLOSED}An unexpected error occurred on a send.")
        part = super().read(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(part)
        return part


def spelled(envelope: Any, style: str) -> bytes:
    """zeep's envelope in the prefixes of the Web Connector. qbd.md 1.1: captures differ in them."""
    prefix, own = {"soap": ("soap", None), "s": ("s", None), "prefixed": ("soapenv", "int")}[style]
    (called,) = envelope.find(f"{{{_SOAP}}}Body")
    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={prefix: _SOAP, "xsi": _INSTANCE, "xsd": _SCHEMA})
    call = etree.SubElement(etree.SubElement(root, f"{{{_SOAP}}}Body"), called.tag, nsmap={own: INTUIT})
    for value in called:
        # Empty values are self-closed.
        etree.SubElement(call, value.tag).text = value.text or None
    made: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def get_status(url: str, timeout: float) -> int:
    """The status of a plain GET, 0 if nobody answers; redirects are not followed."""
    with _Http(timeout, "soap").session as session:
        try:
            return int(session.get(url, timeout=timeout, allow_redirects=False).status_code)
        except OSError:
            return 0
