"""The Web Connector of the PC against a small server: the order of its calls, and what every answer makes it do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.desktop import FILE, WSDL, DesktopEmulator
from tests.support.qbxml import bill_add, message_set, request, responses, statuses
from tests.support.soap_server import FILE_ID, OWNER, PASSWORD, SoapServer, soap_server

HOST = message_set(request("HostQuery"))
START = ["serverVersion", "clientVersion", "authenticate"]
ROUND = ["sendRequestXML", "receiveResponseXML"]


@pytest.fixture
def server() -> Iterator[SoapServer]:
    with soap_server() as running:
        yield running


@pytest.fixture
def app(desktop: DesktopEmulator, server: SoapServer) -> str:
    return str(desktop.add_application(server.qwc(), PASSWORD)["name"])


def test_a_session_from_the_first_call_to_the_last(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    server.queue = [message_set(bill_add()), HOST]
    report = desktop.update(app)
    assert server.operations == report["operations"] == [*START, *ROUND, *ROUND, "closeConnection"]
    assert (report["outcome"], report["status"], report["message_sets"]) == ("done", "Good bye", 2)
    assert statuses(server.responses[0]["response"]) == [(0, "Info")]
    assert [bill["doc_number"] for bill in desktop.bills()] == ["INV-1"]


def test_first_contact_is_told_once_and_names_the_file(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    server.queue = [HOST, HOST]
    desktop.update(app)
    first, second = (call.values for call in server.calls if call.operation == "sendRequestXML")
    host, company, preferences = responses(first["strHCPResponse"])
    assert host.findtext(".//SupportedQBXMLVersion") == "1.0"
    assert company.findtext(".//DataExtRet/OwnerID") == OWNER
    assert company.findtext(".//DataExtRet/DataExtValue") == FILE_ID
    assert preferences.findtext(".//IsUsingClassTracking") == "true"
    assert second["strHCPResponse"] == ""
    assert first["strCompanyFileName"].endswith("Northgate Builders.qbw")
    assert (first["qbXMLCountry"], first["qbXMLMajorVers"], first["qbXMLMinorVers"]) == ("US", "16", "0")


@pytest.mark.parametrize("style", ["soap", "s", "prefixed"])
def test_envelopes_in_every_spelling(desktop: DesktopEmulator, server: SoapServer, app: str, style: str) -> None:
    desktop.switches(soap_style=style)
    server.queue = [HOST]
    assert desktop.update(app)["outcome"] == "done"
    raw = {call.operation: call.raw for call in server.calls}
    assert {"soap": "<soap:Body><authenticate xmlns", "s": "<s:Body>", "prefixed": "<int:authenticate xmlns:int"}[
        style
    ] in raw["authenticate"]
    # Empty values are self-closed.
    assert ("<int:hresult/>" if style == "prefixed" else "<hresult/>") in raw["receiveResponseXML"]
    assert server.calls[2].soap_action == '"http://developer.intuit.com/authenticate"'
    assert server.calls[2].values["strPassword"] == PASSWORD


@pytest.mark.parametrize(
    ("verdict", "outcome", "closes"),
    [("none", "none", True), ("NONE", "none", True), ("nvu", "nvu", True), ("busy", "busy", False)],
)
def test_no_work(
    desktop: DesktopEmulator, server: SoapServer, app: str, verdict: str, outcome: str, closes: bool
) -> None:
    server.instead["authenticate"] = [["t", verdict]]
    report = desktop.update(app)
    assert report["outcome"] == outcome
    assert server.operations == START + (["closeConnection"] if closes else [])


def test_a_wrong_password_and_none_at_all(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    server.queue = [HOST]
    desktop.type_password(app, "wrong")
    report = desktop.update(app)
    assert (report["outcome"], report["codes"]) == ("nvu", ["QBWC1040"])
    desktop.type_password(app, "")
    assert desktop.update(app)["codes"] == ["QBWC1030"]
    # What was typed stands in no log.
    desktop.type_password(app, PASSWORD)
    report = desktop.update(app)
    assert PASSWORD not in str(desktop.session(report["id"])["calls"])
    assert PASSWORD not in str(desktop.get("applications"))


def test_postponing_counts_only_with_auto_run(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    server.queue, server.verdict = [HOST], ["", "60", "300"]
    assert desktop.update(app)["outcome"] == "done"
    server.queue = [HOST]
    desktop.auto_run(app, 3600)
    assert desktop.update(app)["outcome"] == "postponed"
    assert desktop.get("applications")["applications"][0]["least_seconds"] == 300


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        ("W:old", "done", None),
        ("O:2.1", "done", None),
        ("E:too old", "stopped", None),
        ("nonsense", "stopped", "QBWC1046"),
    ],
)
def test_client_version(
    desktop: DesktopEmulator, server: SoapServer, app: str, answer: str, outcome: str, code: str | None
) -> None:
    server.queue = [HOST]
    server.instead["clientVersion"] = [answer]
    report = desktop.update(app)
    assert (report["outcome"], report["codes"]) == (outcome, [code] if code else [])


def test_a_negative_percentage_asks_for_the_error(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    server.queue = [HOST, HOST]
    server.instead["receiveResponseXML"] = ["-101"]
    server.instead["closeConnection"] = [""]
    report = desktop.update(app)
    assert server.operations == [*START, *ROUND, "getLastError", "closeConnection"]
    assert (report["outcome"], report["status"]) == ("error", "Nothing to send.")


def test_nothing_to_send_and_noop(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    desktop.switches(noop_seconds=0.01)
    server.queue = [HOST]
    server.instead["sendRequestXML"] = ["", ""]
    server.instead["getLastError"] = ["NoOp"]
    report = desktop.update(app)
    expected = ["sendRequestXML", "getLastError", "sendRequestXML", "getLastError", "closeConnection"]
    assert server.operations == START + expected
    assert (report["outcome"], report["status"]) == ("nothing", "Good bye")


def test_noop_instead_of_a_request_breaks_the_session(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    server.queue = [HOST]
    for answer in ("NoOp", None):
        server.instead["sendRequestXML"] = [answer]
        report = desktop.update(app)
        assert (report["outcome"], report["codes"]) == ("failed", ["QBWC1041"])


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("clientVersion", "QBWC1036"),
        ("authenticate", "QBWC1012"),
        ("sendRequestXML", "QBWC1041"),
        ("receiveResponseXML", "QBWC1042"),
        ("closeConnection", "QBWC1044"),
    ],
)
def test_a_fault_ends_the_session_with_the_code_of_the_operation(
    desktop: DesktopEmulator, server: SoapServer, app: str, operation: str, code: str
) -> None:
    server.queue = [HOST]
    server.instead[operation] = [ValueError("it fell over")]
    report = desktop.update(app)
    assert report["codes"] == [code]
    assert report["operations"][-1] == operation
    assert f"{code}: {operation} failed. it fell over" in desktop.log()


GOOD = b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>%s</s:Body></s:Envelope>"
OTHER = GOOD % b"<clientVersionResponse xmlns='http://developer.intuit.com/'/>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, "text/html", b"<h1>Server Error</h1>"), "HTTP status 500"),
        ((503, "text/plain", b"later"), "HTTP status 503"),
        ((302, "text/xml", GOOD % b""), "HTTP status 302"),
        ((200, "text/html", b"<html><body>Sign in</body></html>"), "content type of 'text/html'"),
        ((200, "text/xml", b"<soap:Envelope"), "invalid XML"),
        ((200, "text/xml", b"\xff\x00\xfe"), "invalid XML"),
        ((200, "text/xml", b"<html/>"), "no SOAP envelope"),
        ((200, "text/xml", GOOD % b""), "no SOAP envelope"),
        ((200, "text/xml", OTHER), "is not the answer"),
        ((500, "text/xml", OTHER), "is not the answer"),
        (None, "timed out"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "code"),
    [("authenticate", "QBWC1012"), ("sendRequestXML", "QBWC1041"), ("receiveResponseXML", "QBWC1042")],
)
def test_what_is_no_answer_ends_the_session_too(
    desktop: DesktopEmulator, server: SoapServer, app: str, operation: str, code: str, answer: Any, words: str
) -> None:
    desktop.switches(http_timeout_seconds=0.5)
    server.queue, server.raw = [HOST], {operation: answer}
    report = desktop.update(app)
    assert (report["outcome"], report["codes"]) == ("failed", [code])
    assert words in report["status"]
    # It is not called again, and nothing after it is.
    assert server.operations[-1] == operation
    assert server.operations.count(operation) == 1
    server.raw = {}
    assert desktop.update(app)["outcome"] in ("done", "none")


@pytest.mark.parametrize(("operation", "code"), [("getLastError", "QBWC1043"), ("connectionError", "QBWC1045")])
def test_no_answer_to_the_operations_of_trouble(
    desktop: DesktopEmulator, server: SoapServer, app: str, operation: str, code: str
) -> None:
    server.queue, server.raw = [HOST], {operation: (502, "text/html", b"Bad Gateway")}
    server.instead["sendRequestXML"] = [""]
    desktop.pc(modal=operation == "connectionError")
    report = desktop.update(app)
    assert (report["outcome"], report["codes"][-1], report["operations"][-1]) == ("failed", code, operation)


def test_nobody_is_there(desktop: DesktopEmulator) -> None:
    with soap_server() as gone:
        app = str(desktop.add_application(gone.qwc(), PASSWORD)["name"])
    for wsdl in (str(WSDL), "") if WSDL.is_file() else ("",):
        desktop.switches(wsdl=wsdl)
        report = desktop.update(app)
        assert (report["outcome"], report["codes"]) == ("failed", ["no_serverVersion", "QBWC1036"])


def test_it_calls_by_the_wsdl_of_the_service_and_reads_it_anew(
    desktop: DesktopEmulator, server: SoapServer, app: str
) -> None:
    desktop.switches(wsdl="")
    for _ in range(2):
        server.gets.clear()
        server.queue = [HOST]
        report = desktop.update(app)
        assert (report["outcome"], server.gets) == ("done", ["/soap?wsdl"])
    # It goes to the address of the .qwc file, whatever the WSDL names.
    assert report["operations"] == [*START, *ROUND, "closeConnection"]
    server.get_status["/soap?wsdl"] = 404
    assert desktop.update(app)["codes"] == ["no_serverVersion", "QBWC1036"]


def test_it_calls_every_operation_by_intuits_own_wsdl(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    if not WSDL.is_file():
        pytest.skip(f"Intuit's WSDL is not at {WSDL}")
    server.gets.clear()
    server.queue = [HOST, HOST]
    server.instead["receiveResponseXML"] = ["-1"]
    assert desktop.update(app)["outcome"] == "error"
    desktop.pc(modal=True)
    desktop.update(app)
    assert server.gets == []
    assert set(server.operations) == {*START, *ROUND, "getLastError", "closeConnection", "connectionError"}


def test_what_the_wsdl_does_not_know_cannot_be_called(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    desktop.switches(wsdl="")
    server.lacks = "getLastError"
    server.queue = [HOST]
    server.instead["sendRequestXML"] = [""]
    report = desktop.update(app)
    assert (report["codes"], server.operations) == (["QBWC1043"], [*START, "sendRequestXML"])
    assert "does not know getLastError" in report["status"]


def test_server_version_is_optional(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    server.queue = [HOST]
    server.instead["serverVersion"] = [ValueError("Unknown operation")]
    assert desktop.update(app)["outcome"] == "done"


@pytest.mark.parametrize(
    ("state", "hresult"),
    [
        ({"running": False}, "0x80040416"),
        ({"modal": True}, "0x80040414"),
        ({"denied": True}, "0x80040420"),
        ({"hresult": "0x80040408"}, "0x80040408"),
    ],
)
def test_quickbooks_cannot_be_opened(
    desktop: DesktopEmulator, server: SoapServer, app: str, state: dict[str, Any], hresult: str
) -> None:
    server.queue = [HOST]
    desktop.pc(**state)
    report = desktop.update(app)
    assert server.operations == [*START, "connectionError"]
    told = server.calls[-1].values
    assert (told["hresult"], bool(told["message"]), report["outcome"]) == (hresult, True, "no_quickbooks")


def test_the_server_may_name_the_file(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    path = desktop.file(FILE)["path"]
    server.queue, server.verdict = [HOST], [path]
    # Another file is open, and a program cannot change that.
    desktop.pc(open_file="ridgeline")
    assert desktop.update(app)["codes"] == ["0x8004040A"]
    # QuickBooks is closed: it starts with that file.
    desktop.pc(running=False)
    report = desktop.update(app)
    assert (report["outcome"], report["file"]) == ("done", FILE)
    # No name at first, one after the connection error.
    server.queue, server.verdict = [HOST], [""]
    server.instead["connectionError"] = [path]
    assert desktop.update(app)["outcome"] == "done"


def test_auto_run_calls_by_itself(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    before = len(desktop.sessions())
    desktop.auto_run(app, 0.1)
    deadline = time.monotonic() + 10
    while len(desktop.sessions()) < before + 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    desktop.auto_run(app, 0)
    assert len(desktop.sessions()) >= before + 3
