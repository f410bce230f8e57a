"""The Web Connector's SOAP 1.1, both ways: a call read from bytes, an answer or a fault as bytes, and the WSDL.

Document/literal in Intuit's namespace. No state, no Django: bytes in, bytes out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from qbd.qbxml import FORBIDDEN

INTUIT = "http://developer.intuit.com/"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
LIMIT = 20_000_000  # bytes of one call; libxml2 takes at most 10 MB of text in it, and escaping makes text longer

# What an operation takes, in the WSDL's order, and what it gives.
TEXT, NUMBER, TEXTS = "string", "int", "ArrayOfString"
OPERATIONS: Mapping[str, tuple[tuple[tuple[str, str], ...], str]] = {
    "serverVersion": ((), TEXT),
    "clientVersion": ((("strVersion", TEXT),), TEXT),
    "authenticate": ((("strUserName", TEXT), ("strPassword", TEXT)), TEXTS),
    "connectionError": ((("ticket", TEXT), ("hresult", TEXT), ("message", TEXT)), TEXT),
    "sendRequestXML": (
        (
            ("ticket", TEXT),
            ("strHCPResponse", TEXT),
            ("strCompanyFileName", TEXT),
            ("qbXMLCountry", TEXT),
            ("qbXMLMajorVers", NUMBER),
            ("qbXMLMinorVers", NUMBER),
        ),
        TEXT,
    ),
    "receiveResponseXML": ((("ticket", TEXT), ("response", TEXT), ("hresult", TEXT), ("message", TEXT)), NUMBER),
    "getLastError": ((("ticket", TEXT),), TEXT),
    "closeConnection": ((("ticket", TEXT),), TEXT),
}
INTERACTIVE = frozenset({"getInteractiveURL", "interactiveRejected", "interactiveDone"})
# Some hand-made WSDLs give this one a parameter.
TOLERATED = {"serverVersion": frozenset({"strVersion"})}


class NotSoap(Exception):
    """Not a call that can be answered; the text is a sentence for the fault."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Every parameter of the operation is there; one that was left out or null is an empty text."""

    operation: str
    values: dict[str, str]


def read(body: bytes, *, limit: int = LIMIT) -> Call:
    """Read a call by the namespace and local name of what is in the body, never by prefix. Raises NotSoap."""
    found = _called(_parsed(body, limit))
    name = etree.QName(found)
    if name.namespace != INTUIT:
        raise NotSoap(f"The call {name.localname} is not in the namespace {INTUIT}.")
    if name.localname in INTERACTIVE:
        raise NotSoap("inBuild has no interactive mode.")
    if name.localname not in OPERATIONS:
        raise NotSoap(f"inBuild does not know the operation {name.localname}.")
    return Call(name.localname, _values(name.localname, found))


def _parsed(body: bytes, limit: int) -> Any:
    if len(body) > limit:
        raise NotSoap(f"The call is larger than {limit:,} bytes.")
    # Seen before parsing as well, so that no declaration is ever worked on.
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise NotSoap("The call must not declare a document type or entities.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise NotSoap(f"The call is not well-formed XML: {exc}.") from exc
    if root.getroottree().docinfo.doctype or next(root.iter(etree.Entity), None) is not None:
        raise NotSoap("The call must not declare a document type or entities.")
    around = (*root.itersiblings(preceding=True), *root.itersiblings(), *root.iter())
    if any(node.tag is etree.ProcessingInstruction for node in around):
        raise NotSoap("The call must not hold processing instructions.")
    return root


def _called(root: Any) -> Any:
    """The one element in the body of the envelope."""
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        raise NotSoap("The call is not a SOAP 1.1 envelope.")
    bodies = root.findall(f"{{{ENVELOPE}}}Body")
    calls = [child for child in bodies[0] if isinstance(child.tag, str)] if len(bodies) == 1 else []
    if len(calls) != 1:
        raise NotSoap("The envelope does not hold exactly one call.")
    return calls[0]


def _values(operation: str, found: Any) -> dict[str, str]:
    given: dict[str, str] = {}
    for child in (child for child in found if isinstance(child.tag, str)):
        name = etree.QName(child)
        if name.namespace not in (INTUIT, None):
            raise NotSoap(f"{operation} has a parameter {name.localname} of another namespace.")
        if name.localname in given:
            raise NotSoap(f"{operation} has the parameter {name.localname} twice.")
        if any(isinstance(inner.tag, str) for inner in child):
            raise NotSoap(f"{operation} has elements in its parameter {name.localname}, which must be text.")
        # Without what stands in comments.
        given[name.localname] = "".join(child.xpath("text()"))
    takes = dict(OPERATIONS[operation][0])
    unknown = sorted(set(given) - set(takes) - TOLERATED.get(operation, frozenset()))
    if unknown:
        raise NotSoap(f"{operation} does not know the parameter {', '.join(unknown)}.")
    values = {name: given.get(name, "") for name in takes}
    for name, kind in takes.items():
        if kind == NUMBER:
            values[name] = _number(operation, name, given)
    return values


def _number(operation: str, name: str, given: dict[str, str]) -> str:
    if name not in given:
        raise NotSoap(f"{operation} lacks the parameter {name}.")
    text = given[name].strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise NotSoap(f"The parameter {name} of {operation} is not a whole number.")
    return str(int(text))


def answer(operation: str, value: str | int | list[str]) -> bytes:
    """The answer to a call. Raises ValueError for a value that the operation does not give."""
    gives = OPERATIONS[operation][1]
    envelope, body = _envelope()
    result = _child(_child(body, f"{operation}Response"), f"{operation}Result")
    if gives == TEXTS and isinstance(value, list) and 2 <= len(value) <= 4:
        for text in value:
            # An empty one stands there as an empty element: the Web Connector counts them.
            _child(result, "string").text = _fit(text)
    elif gives == NUMBER and isinstance(value, int) and not isinstance(value, bool):
        result.text = str(value)
    elif gives == TEXT and isinstance(value, str):
        result.text = _fit(value)
    else:
        raise ValueError(f"{operation} gives {gives}, not {type(value).__name__}.")
    return _bytes(envelope)


def fault(words: str, *, is_ours: bool = False) -> bytes:
    """A SOAP 1.1 fault, to be sent with HTTP 500. `is_ours` says that the caller did nothing wrong."""
    envelope, body = _envelope()
    found = etree.SubElement(body, f"{{{ENVELOPE}}}Fault")
    etree.SubElement(found, "faultcode").text = "soap:Server" if is_ours else "soap:Client"
    etree.SubElement(found, "faultstring").text = _fit(words)
    return _bytes(envelope)


def _envelope() -> tuple[Any, Any]:
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
    return envelope, etree.SubElement(envelope, f"{{{ENVELOPE}}}Body")


def _child(parent: Any, name: str) -> Any:
    return etree.SubElement(parent, f"{{{INTUIT}}}{name}", nsmap={None: INTUIT})


def _fit(text: str) -> str:
    """What XML forbids cannot travel, whatever it is."""
    return FORBIDDEN.sub("", text)


def _bytes(root: Any) -> bytes:
    made: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


# --- the WSDL ---------------------------------------------------------------------------------------------------------
WSDL, SCHEMA, BINDING = (
    "http://schemas.xmlsoap.org/wsdl/",
    "http://www.w3.org/2001/XMLSchema",
    "http://schemas.xmlsoap.org/wsdl/soap/",
)
SERVICE = "inBuildWebConnector"


def wsdl(address: str) -> bytes:
    """What this service offers, made from the same table that calls are read by."""
    names = {"wsdl": WSDL, "xs": SCHEMA, "soap": BINDING, "intuit": INTUIT}
    root = etree.Element(f"{{{WSDL}}}definitions", name=SERVICE, targetNamespace=INTUIT, nsmap=names)
    _types(root)
    for operation in OPERATIONS:
        for side, element in (("Call", operation), ("Answer", f"{operation}Response")):
            message = _sub(root, WSDL, "message", name=f"{operation}{side}")
            _sub(message, WSDL, "part", name="parameters", element=f"intuit:{element}")
    port = _sub(root, WSDL, "portType", name=f"{SERVICE}Port")
    for operation in OPERATIONS:
        offered = _sub(port, WSDL, "operation", name=operation)
        _sub(offered, WSDL, "input", message=f"intuit:{operation}Call")
        _sub(offered, WSDL, "output", message=f"intuit:{operation}Answer")
    binding = _sub(root, WSDL, "binding", name=f"{SERVICE}Soap", type=f"intuit:{SERVICE}Port")
    _sub(binding, BINDING, "binding", transport="http://schemas.xmlsoap.org/soap/http")
    for operation in OPERATIONS:
        bound = _sub(binding, WSDL, "operation", name=operation)
        _sub(bound, BINDING, "operation", soapAction=f"{INTUIT}{operation}", style="document")
        for side in ("input", "output"):
            _sub(_sub(bound, WSDL, side), BINDING, "body", use="literal")
    service = _sub(root, WSDL, "service", name=SERVICE)
    place = _sub(service, WSDL, "port", name=f"{SERVICE}Soap", binding=f"intuit:{SERVICE}Soap")
    _sub(place, BINDING, "address", location=address)
    return _bytes(root)


def _types(root: Any) -> None:
    schema = _sub(_sub(root, WSDL, "types"), SCHEMA, "schema", elementFormDefault="qualified", targetNamespace=INTUIT)
    for operation, (takes, gives) in OPERATIONS.items():
        _declared(schema, operation, takes)
        _declared(schema, f"{operation}Response", ((f"{operation}Result", gives),))
    texts = _sub(_sub(schema, SCHEMA, "complexType", name=TEXTS), SCHEMA, "sequence")
    _sub(
        texts, SCHEMA, "element", name="string", type="xs:string", minOccurs="0", maxOccurs="unbounded", nillable="true"
    )


def _declared(schema: Any, name: str, parts: tuple[tuple[str, str], ...]) -> None:
    kind = _sub(_sub(schema, SCHEMA, "element", name=name), SCHEMA, "complexType")
    sequence = _sub(kind, SCHEMA, "sequence")
    for part, of in parts:
        prefix = "intuit" if of == TEXTS else "xs"
        least = "1" if of == NUMBER else "0"
        _sub(sequence, SCHEMA, "element", name=part, type=f"{prefix}:{of}", minOccurs=least, maxOccurs="1")


def _sub(parent: Any, namespace: str, kind: str, /, **attributes: str) -> Any:
    return etree.SubElement(parent, f"{{{namespace}}}{kind}", attributes)
