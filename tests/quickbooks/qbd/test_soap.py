"""A SOAP client that knows nothing of us calls every operation, by Intuit's WSDL and by ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
import zeep
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from zeep.exceptions import Fault

from qbd import qbxml, soap
from tests.quickbooks.qbd.given import REFERENCE, with_examples

OFFICIAL = REFERENCE / "wsdl" / "TroubleshootWebServiceFS.8op.wsdl"
EXAMPLES = REFERENCE / "examples" / "soap"
TICKET = "{7fe1d3dc-cd44-4d65-9f2f-3d85a077f170}"
CLIENT: Any = zeep.Client  # it has no types
ANSWERS: dict[str, Any] = {
    "serverVersion": "inBuild 1.0",
    "clientVersion": "",
    "authenticate": [TICKET, ""],
    "connectionError": "done",
    "sendRequestXML": '<?xml version="1.0" encoding="utf-8"?>\n<QBXML>San Jos&#233; &amp; "€"</QBXML>',
    "receiveResponseXML": -101,
    "getLastError": "Another company file is open.",
    "closeConnection": "3 bills sent",
}
ASKED: dict[str, dict[str, Any]] = {
    "serverVersion": {},
    "clientVersion": {"strVersion": "34.0.10018.122"},
    "authenticate": {"strUserName": "inbuild-7c2f", "strPassword": "p<&>\"'é€"},
    "connectionError": {"ticket": TICKET, "hresult": "0x80040408", "message": "Could not start QuickBooks."},
    "sendRequestXML": {
        "ticket": TICKET,
        "strHCPResponse": '<?xml version="1.0" ?>\n<QBXML><A b="1">&amp;</A></QBXML>',
        "strCompanyFileName": "C:\\Files\\Demo & Söhne.qbw",
        "qbXMLCountry": "US",
        "qbXMLMajorVers": 16,
        "qbXMLMinorVers": 0,
    },
    "receiveResponseXML": {"ticket": TICKET, "response": "<QBXML/>", "hresult": "", "message": ""},
    "getLastError": {"ticket": TICKET},
    "closeConnection": {"ticket": TICKET},
}


class Service:
    """Answers on a real socket with nothing but soap.py."""

    def __init__(self) -> None:
        self.calls: list[soap.Call] = []
        self.server = make_server("127.0.0.1", 0, self._serve, handler_class=Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def _serve(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            start("200 OK", [("Content-Type", "text/xml")])
            return [soap.wsdl(self.url)]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        try:
            call = soap.read(body)
        except soap.NotSoap as exc:
            start("500 Internal Server Error", [("Content-Type", "text/xml; charset=utf-8")])
            return [soap.fault(str(exc))]
        self.calls.append(call)
        start("200 OK", [("Content-Type", "text/xml; charset=utf-8")])
        return [soap.answer(call.operation, ANSWERS[call.operation])]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def _client(service: Service, which: str) -> Any:
    if which == "ours":
        return CLIENT(f"{service.url}?wsdl").service
    if not OFFICIAL.is_file():
        pytest.skip(f"Intuit's WSDL is not at {OFFICIAL}")
    client = CLIENT(str(OFFICIAL), port_name="TroubleshootWebServiceFSSoap")
    [binding] = [name for name in client.wsdl.bindings if name.endswith("FSSoap")]
    return client.create_service(binding, service.url)


@pytest.mark.parametrize("operation", list(soap.OPERATIONS))
@pytest.mark.parametrize("which", ["ours", "official"])
def test_every_operation_is_called(service: Service, which: str, operation: str) -> None:
    answer = getattr(_client(service, which), operation)(**ASKED[operation])
    wanted = ANSWERS[operation]
    if isinstance(wanted, list):
        # An empty entry is there, and empty; zeep reads an empty text as none.
        assert [one or "" for one in answer] == wanted
    else:
        assert (answer or "") == wanted
    [call] = service.calls
    assert (call.operation, call.values) == (operation, {name: str(given) for name, given in ASKED[operation].items()})


@pytest.mark.parametrize("which", ["ours", "official"])
def test_what_is_left_out_or_null_is_empty(service: Service, which: str) -> None:
    client = _client(service, which)
    client.receiveResponseXML(ticket=TICKET, response=None)
    client.authenticate()
    assert service.calls[0].values == {"ticket": TICKET, "response": "", "hresult": "", "message": ""}
    assert service.calls[1].values == {"strUserName": "", "strPassword": ""}


def test_an_unreadable_call_is_answered_by_a_fault(service: Service) -> None:
    answer = requests.post(service.url, data=called("getInteractiveURL", "<wcTicket>1</wcTicket>"), timeout=5)
    assert answer.status_code == 500
    fault = etree.fromstring(answer.content).find(f".//{{{soap.ENVELOPE}}}Fault")
    assert [(part.tag, part.text) for part in fault] == [
        ("faultcode", "soap:Client"),
        ("faultstring", "inBuild has no interactive mode."),
    ]


def test_zeep_reads_our_fault(service: Service) -> None:
    client = CLIENT(f"{service.url}?wsdl")
    message = client.create_message(client.service, "getLastError", ticket="t")
    message.find(f".//{{{soap.INTUIT}}}getLastError").tag = f"{{{soap.INTUIT}}}getFirstError"
    answer = requests.post(service.url, data=etree.tostring(message), timeout=5)
    with pytest.raises(Fault, match="does not know the operation getFirstError"):
        client.service._binding.process_reply(client, client.service._binding.get("getLastError"), answer)


# --- the WSDL ---------------------------------------------------------------------------------------------------------
XS = "{http://www.w3.org/2001/XMLSchema}"


def declared(wsdl: bytes) -> dict[str, list[tuple[str, str, str]]]:
    """Every element of the schema: its parts in their order, with type and whether they must be there."""
    found = {}
    for element in etree.fromstring(wsdl).findall(f".//{XS}schema/{XS}element"):
        parts = element.findall(f"{XS}complexType/{XS}sequence/{XS}element")
        found[element.get("name")] = [
            (part.get("name"), part.get("type").partition(":")[2], part.get("minOccurs")) for part in parts
        ]
    return found


@with_examples
def test_our_wsdl_declares_what_intuits_does() -> None:
    ours, official = declared(soap.wsdl("https://app.example/qbwc/1/")), declared(OFFICIAL.read_bytes())
    assert len(official) == 16
    assert ours == official


def test_our_wsdl_names_the_address() -> None:
    address = 'https://app.example/qbwc/1/?a=1&b="2"'
    found = etree.fromstring(soap.wsdl(address)).find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert found.get("location") == address
    actions = [
        one.get("soapAction")
        for one in etree.fromstring(soap.wsdl(address)).iter("{http://schemas.xmlsoap.org/wsdl/soap/}operation")
    ]
    assert actions == [f"http://developer.intuit.com/{name}" for name in soap.OPERATIONS]


# --- reading ----------------------------------------------------------------------------------------------------------
def called(operation: str, inner: str = "", *, namespace: str = soap.INTUIT, prefix: str = "soap") -> bytes:
    return (
        f'<{prefix}:Envelope xmlns:{prefix}="{soap.ENVELOPE}"><{prefix}:Header/><{prefix}:Body>'
        f'<{operation} xmlns="{namespace}">{inner}</{operation}></{prefix}:Body></{prefix}:Envelope>'
    ).encode()


@with_examples
def test_the_captured_calls_are_read() -> None:
    read = {path.name: soap.read(path.read_bytes()) for path in sorted(EXAMPLES.glob("*.request*.xml"))}
    assert {call.operation for call in read.values()} == set(soap.OPERATIONS)
    first = read["04_sendRequestXML.request_first.xml"].values
    assert first["strHCPResponse"].startswith('<?xml version="1.0" ?>\n<QBXML>')
    assert (first["qbXMLMajorVers"], first["qbXMLCountry"]) == ("16", "US")
    assert read["04_sendRequestXML.request_subsequent.xml"].values["strHCPResponse"] == ""
    assert read["05_receiveResponseXML.request_hresult.xml"].values["hresult"] == "0x80040400"


@pytest.mark.parametrize("prefix", ["soap", "s", "SOAP-ENV", "soapenv"])
def test_prefixes_do_not_matter(prefix: str) -> None:
    assert soap.read(called("getLastError", "<ticket>t</ticket>", prefix=prefix)).values == {"ticket": "t"}
    qualified = (
        f'<{prefix}:Envelope xmlns:{prefix}="{soap.ENVELOPE}" xmlns:q="{soap.INTUIT}"><{prefix}:Body>'
        f"<q:getLastError><q:ticket>t<!-- a comment --></q:ticket></q:getLastError></{prefix}:Body></{prefix}:Envelope>"
    )
    assert soap.read(qualified.encode()).values == {"ticket": "t"}
    assert soap.read(f"<?xml version='1.0' encoding='utf-8'?>\n{qualified}".encode()).values == {"ticket": "t"}


def test_server_version_may_have_a_parameter() -> None:
    assert soap.read(called("serverVersion", "<strVersion>2.3</strVersion>")) == soap.read(called("serverVersion"))


VERSIONS = "<qbXMLMajorVers>16</qbXMLMajorVers><qbXMLMinorVers>0</qbXMLMinorVers>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not well-formed"),
        (b"hello", "not well-formed"),
        (b"<a/>", "not a SOAP 1.1 envelope"),
        (called("getLastError").replace(b"xmlsoap.org/soap", b"w3.org/2003/05/soap"), "not a SOAP 1.1 envelope"),
        (called("getLastError").replace(b"Body", b"Bodies"), "exactly one call"),
        (called("getLastError").replace(b"</soap:Body>", b"<x/></soap:Body>"), "exactly one call"),
        (called("getLastError", namespace="http://elsewhere.example/"), "not in the namespace"),
        (called("deleteEverything"), "does not know the operation deleteEverything"),
        (called("interactiveDone"), "no interactive mode"),
        (called("getLastError", "<ticked>t</ticked>"), "does not know the parameter ticked"),
        (called("getLastError", "<ticket>t</ticket><ticket>u</ticket>"), "the parameter ticket twice"),
        (called("getLastError", "<ticket><b>t</b></ticket>"), "elements in its parameter ticket"),
        (called("getLastError", '<ticket xmlns="http://other.example/">t</ticket>'), "another namespace"),
        (called("sendRequestXML", "<ticket>t</ticket>"), "lacks the parameter qbXMLMajorVers"),
        (
            called("sendRequestXML", VERSIONS.replace("16", "sixteen")),
            "qbXMLMajorVers of sendRequestXML is not a whole",
        ),
        (called("sendRequestXML", VERSIONS.replace(">0<", "><")), "qbXMLMinorVers of sendRequestXML is not a whole"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + called("getLastError", "<ticket>&b;</ticket>"), "document type"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">' + called("getLastError"), "document type"),
        (called("getLastError", "<ticket>&unknown;</ticket>"), "not well-formed"),
        (b"<?php evil ?>" + called("getLastError"), "processing instructions"),
        (called("getLastError", "<ticket>a<?b c?></ticket>"), "processing instructions"),
        (called("getLastError") + b"<?after it?>", "processing instructions"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(body: bytes, words: str) -> None:
    with pytest.raises(soap.NotSoap, match=words) as told:
        soap.read(body)
    assert str(told.value).endswith(".")


def test_a_document_type_is_refused_in_any_encoding() -> None:
    text = '<!DOCTYPE a [<!ENTITY b "c">]>' + called("getLastError", "<ticket>&b;</ticket>").decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(soap.NotSoap):
            soap.read(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding))


def test_a_bomb_of_entities_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qbd.soap.etree.fromstring", lambda *_: pytest.fail("It was parsed."))
    layers = "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 10}">' for at in range(1, 10))
    with pytest.raises(soap.NotSoap, match="document type"):
        soap.read(f'<!DOCTYPE a [<!ENTITY a0 "x">{layers}]>'.encode() + called("getLastError"))


def test_a_body_over_the_limit_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    body = called("getLastError", f"<ticket>{'t' * 1000}</ticket>")
    assert soap.read(body, limit=len(body)).operation == "getLastError"
    monkeypatch.setattr("qbd.soap.etree.fromstring", lambda *_: pytest.fail("It was parsed."))
    with pytest.raises(soap.NotSoap, match="larger than"):
        soap.read(body, limit=len(body) - 1)


def test_an_answer_of_ten_megabytes_is_read() -> None:
    text = "<VendorRet>&amp;</VendorRet>\n" * (9_900_000 // 29)
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = called("receiveResponseXML", f"<response>{escaped}</response>")
    assert len(body) < soap.LIMIT
    assert soap.read(body).values["response"] == text


@given(body=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: called("getLastError", text)))
def test_no_bytes_at_all_break_the_reading(body: bytes) -> None:
    try:
        soap.read(body)
    except soap.NotSoap as exc:
        assert str(exc)  # noqa: PT017 - either it is read or it is said why not


# --- answering --------------------------------------------------------------------------------------------------------
@given(text=st.text(max_size=300))
def test_an_answer_is_escaped_once_and_always_well_formed(text: str) -> None:
    found = etree.fromstring(soap.answer("getLastError", text)).findtext(f".//{{{soap.INTUIT}}}getLastErrorResult")
    assert found == qbxml.FORBIDDEN.sub("", text)
    told = etree.fromstring(soap.fault(text)).findtext(".//faultstring")
    assert told == qbxml.FORBIDDEN.sub("", text)


@with_examples
def test_answers_are_valid_by_intuits_schema() -> None:
    types = etree.tostring(etree.fromstring(OFFICIAL.read_bytes()).find(f".//{XS}schema"))
    schema = etree.XMLSchema(etree.fromstring(types))
    for operation, value in ANSWERS.items():
        body = etree.fromstring(soap.answer(operation, value)).find(f"{{{soap.ENVELOPE}}}Body")
        schema.assertValid(body[0])
    four = etree.fromstring(soap.answer("authenticate", [TICKET, "none", "60", "300"]))
    schema.assertValid(four.find(f"{{{soap.ENVELOPE}}}Body")[0])


def test_an_empty_second_entry_is_an_element() -> None:
    found = etree.fromstring(soap.answer("authenticate", ["", ""]))
    [result] = found.iter(f"{{{soap.INTUIT}}}authenticateResult")
    assert [(one.tag, one.text or "", dict(one.attrib)) for one in result] == [(f"{{{soap.INTUIT}}}string", "", {})] * 2


@pytest.mark.parametrize(
    ("operation", "value"),
    [
        ("authenticate", "ticket"),
        ("authenticate", ["ticket"]),
        ("authenticate", ["1", "2", "3", "4", "5"]),
        ("receiveResponseXML", "100"),
        ("receiveResponseXML", True),
        ("sendRequestXML", 0),
        ("closeConnection", ["a", "b"]),
    ],
)
def test_an_answer_of_another_type_is_our_mistake(operation: str, value: Any) -> None:
    with pytest.raises(ValueError):
        soap.answer(operation, value)


def test_a_fault_says_whose_mistake_it_is() -> None:
    assert b"<faultcode>soap:Server</faultcode>" in soap.fault("Something failed.", is_ours=True)
    assert b"<faultcode>soap:Client</faultcode>" in soap.fault("What?")
