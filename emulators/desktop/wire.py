"""SOAP 1.1 as the Web Connector speaks it: envelopes in several spellings, and the HTTP call with its accidents."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.sax.saxutils import escape

INTUIT = "http://developer.intuit.com/"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_MOST_BYTES = 64 * 1024 * 1024
Result = str | list[str] | None


class CallFailed(Exception):
    """No good answer came; the text says why, as a .NET client would."""


def envelope(operation: str, values: Mapping[str, str], style: str) -> bytes:
    """The body of a call. qbd.md 1.1: captures differ in their prefixes, and empty values are self-closed."""
    prefix = {"soap": "soap", "s": "s", "prefixed": "soapenv"}[style]
    own = "int:" if style == "prefixed" else ""
    parts = [
        f"<{own}{name}>{escape(value)}</{own}{name}>" if value else f"<{own}{name} />" for name, value in values.items()
    ]
    declared = f' xmlns:int="{INTUIT}"' if own else f' xmlns="{INTUIT}"'
    instance = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    call = (
        f"<{own}{operation}{declared}>{''.join(parts)}</{own}{operation}>"
        if parts
        else f"<{own}{operation}{declared} />"
    )
    head = f'<?xml version="1.0" encoding="utf-8"?><{prefix}:Envelope xmlns:{prefix}="{_SOAP}"{instance}>'
    return f"{head}<{prefix}:Body>{call}</{prefix}:Body></{prefix}:Envelope>".encode()


def post(url: str, operation: str, body: bytes, timeout: float, accident: str = "") -> bytes:
    """One call. `accident`: "half" cuts the connection before the server has read it, "answer" loses the answer."""
    place = urlsplit(url)
    connection = _connection(url, timeout)
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{INTUIT}{operation}"',
        "User-Agent": "Mozilla/4.0 (compatible; MSIE 6.0; MS Web Services Client Protocol 4.0.30319.42000)",
        "Content-Length": str(len(body)),
    }
    try:
        connection.putrequest("POST", f"{place.path or '/'}{'?' + place.query if place.query else ''}")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body[: len(body) // 2] if accident == "half" else body)
        if accident == "half":
            raise CallFailed("The underlying connection was closed: An unexpected error occurred on a send.")
        answer = connection.getresponse()
        content = answer.read(_MOST_BYTES)
        if accident == "answer":
            raise CallFailed("The underlying connection was closed: The connection was closed unexpectedly.")
        return _checked(answer, content)
    except (OSError, http.client.HTTPException) as error:
        raise CallFailed(f"The underlying connection was closed: {error or type(error).__name__}.") from error
    finally:
        connection.close()


def get_status(url: str, timeout: float) -> int:
    """The status of a plain GET, 0 if nobody answers; redirects are not followed."""
    place = urlsplit(url)
    connection = _connection(url, timeout)
    try:
        connection.request("GET", f"{place.path or '/'}{'?' + place.query if place.query else ''}")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def result_of(content: bytes, operation: str) -> Result:
    """What the operation answered: a text, several texts, or None where there is nothing at all."""
    try:
        root = fromstring(content)  # noqa: S314 - the answer of the product under test
    except ParseError as error:
        raise CallFailed(f"Response is not well-formed XML: {error}.") from error
    body = root.find(f"{{{_SOAP}}}Body")
    if body is None or not len(body):
        raise CallFailed("The answer is no SOAP envelope.")
    answer = body[0]
    if answer.tag == f"{{{_SOAP}}}Fault":
        raise CallFailed(answer.findtext("faultstring") or "SOAP Fault without a text.")
    if answer.tag != f"{{{INTUIT}}}{operation}Response":
        raise CallFailed(f"{answer.tag} is not the answer to {operation}.")
    result = answer.find(f"{{{INTUIT}}}{operation}Result")
    if result is None or result.get(_NIL) in ("true", "1"):
        return None
    return _texts(result) if len(result) else result.text or ""


def _texts(result: Element) -> list[str]:
    if any(child.tag != f"{{{INTUIT}}}string" for child in result):
        raise CallFailed("The array holds something else than strings of Intuit's namespace.")
    return [child.text or "" for child in result]


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    return kind(place.hostname or "", place.port, timeout=timeout)


def _checked(answer: http.client.HTTPResponse, content: bytes) -> bytes:
    kind = answer.headers.get_content_type()
    if answer.status == 500 and kind == "text/xml":
        return content
    if answer.status != 200:
        raise CallFailed(f"The request failed with HTTP status {answer.status}: {answer.reason}.")
    if kind != "text/xml":
        raise CallFailed(f"Client found response content type of '{kind}', but expected 'text/xml'.")
    return content
