"""A WSDL of the eight operations for the small SOAP server: written here, so that it leans on nobody else's."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

INTUIT = "http://developer.intuit.com/"
_TICKET = "ticket:string"
_OPERATIONS = {
    "serverVersion": ("", "string"),
    "clientVersion": ("strVersion:string", "string"),
    "authenticate": ("strUserName:string strPassword:string", "ArrayOfString"),
    "sendRequestXML": (
        f"{_TICKET} strHCPResponse:string strCompanyFileName:string qbXMLCountry:string "
        "qbXMLMajorVers:int qbXMLMinorVers:int",
        "string",
    ),
    "receiveResponseXML": (f"{_TICKET} response:string hresult:string message:string", "int"),
    "connectionError": (f"{_TICKET} hresult:string message:string", "string"),
    "getLastError": (_TICKET, "string"),
    "closeConnection": (_TICKET, "string"),
}


def wsdl(address: str, *, without: str = "") -> bytes:
    """With all of them, or without one."""
    schema, messages, offered, bound = [], [], [], []
    for name, (takes, gives) in _OPERATIONS.items():
        if name == without:
            continue
        parts = "".join(_part(*part.split(":")) for part in takes.split())
        schema += [_element(name, parts), _element(f"{name}Response", _part(f"{name}Result", gives))]
        for side, element in (("In", name), ("Out", f"{name}Response")):
            messages.append(f'<message name="{name}{side}"><part name="p" element="i:{element}"/></message>')
        offered.append(
            f'<operation name="{name}"><input message="i:{name}In"/><output message="i:{name}Out"/></operation>'
        )
        body = '<s:body use="literal"/>'
        bound.append(
            f'<operation name="{name}"><s:operation soapAction="{INTUIT}{name}"/>'
            f"<input>{body}</input><output>{body}</output></operation>"
        )
    texts = '<x:sequence><x:element name="string" type="x:string" minOccurs="0" maxOccurs="unbounded" nillable="true"/>'
    return f"""<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:i="{INTUIT}" targetNamespace="{INTUIT}">
<types><x:schema targetNamespace="{INTUIT}" elementFormDefault="qualified">{"".join(schema)}
<x:complexType name="ArrayOfString">{texts}</x:sequence></x:complexType></x:schema></types>
{"".join(messages)}<portType name="Port">{"".join(offered)}</portType>
<binding name="Soap" type="i:Port"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>{"".join(bound)}</binding>
<service name="Small"><port name="Soap" binding="i:Soap"><s:address location={quoteattr(address)}/></port></service>
</definitions>""".encode()


def _element(name: str, parts: str) -> str:
    inside = f"<x:sequence>{parts}</x:sequence>"
    return f'<x:element name="{name}"><x:complexType>{inside}</x:complexType></x:element>'


def _part(name: str, kind: str) -> str:
    prefix, least = ("i" if kind == "ArrayOfString" else "x"), (1 if kind == "int" else 0)
    return f'<x:element name="{name}" type="{prefix}:{kind}" minOccurs="{least}"/>'
