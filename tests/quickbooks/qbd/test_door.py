"""The Web Connector's door on the net: every operation by Intuit's own WSDL, and a fault for what is junk."""

from __future__ import annotations

import random
from typing import Any

import pytest
import requests
import zeep
from lxml import etree

from companies.models import Company, User
from qbd import connecting, door
from qbd.models import Connection, Session
from tests.quickbooks.qbd.given import REFERENCE, with_examples

pytestmark = pytest.mark.django_db(transaction=True)

OFFICIAL = REFERENCE / "wsdl" / "TroubleshootWebServiceFS.8op.wsdl"
CLIENT: Any = zeep.Client  # it has no types
TICKETED: dict[str, dict[str, Any]] = {
    "sendRequestXML": {
        "strHCPResponse": "",
        "strCompanyFileName": "",
        "qbXMLCountry": "US",
        "qbXMLMajorVers": 13,
        "qbXMLMinorVers": 0,
    },
    "receiveResponseXML": {"response": "", "hresult": "", "message": ""},
    "connectionError": {"hresult": "0x80040408", "message": "Could not start QuickBooks."},
    "getLastError": {},
    "closeConnection": {},
}


@pytest.fixture
def address(transactional_db: None, live_server: Any, settings: Any, company: Company, admin: User) -> str:
    settings.PUBLIC_URL = live_server.url
    connection, _ = connecting.add(company, "Northgate Builders", user=admin)
    return door.address(connection)


def proxy(address: str, which: str) -> Any:
    if which == "ours":
        return CLIENT(f"{address}?wsdl").service
    client = CLIENT(str(OFFICIAL))
    binding = next(str(name) for name in client.wsdl.bindings if str(name).endswith("Soap"))
    return client.create_service(binding, address)


@pytest.mark.parametrize("which", ["ours", pytest.param("official", marks=with_examples)])
def test_zeep_walks_through_every_operation(which: str, address: str, admin: User, company: Company) -> None:
    connection = Connection.objects.select_related("integration").get()
    password = connecting.new_password(connection, user=admin)
    service = proxy(address, which)
    assert "inBuild" in service.serverVersion()
    assert not service.clientVersion(strVersion="34.0.10001.130")
    assert str(service.clientVersion(strVersion="1.5.0.1")).startswith("E:")
    assert [one or "" for one in service.authenticate(connection.username, "wrong")] == ["", "nvu"]
    ticket, verdict = service.authenticate(connection.username, password)
    assert not verdict
    asked = service.sendRequestXML(ticket=ticket, **TICKETED["sendRequestXML"])
    assert "CompanyQueryRq" in asked  # which file is it?
    assert service.receiveResponseXML(ticket=ticket, response="<junk", hresult="", message="") == -1
    assert "could not read" in service.getLastError(ticket=ticket)
    assert service.closeConnection(ticket=ticket)
    again, _ = service.authenticate(connection.username, password)
    assert service.connectionError(ticket=again, hresult="0x80040408", message="no") == "done"
    assert Session.objects.filter(ended_at=None).count() == 0


def test_a_ticket_nobody_gave_gets_nothing(address: str) -> None:
    service = proxy(address, "ours")
    for operation, more in TICKETED.items():
        answer = getattr(service, operation)(ticket="made up", **more)
        assert answer in (None, "", -1, "done", "This session is over. Press Update Selected to start another.")
    assert Session.objects.count() == 0


def test_people_and_the_certificate_check_get_a_page(address: str) -> None:
    for method in ("GET", "HEAD"):
        answer = requests.request(method, address, timeout=5, allow_redirects=False)
        assert answer.status_code == 200
    assert requests.put(address, timeout=5).status_code == 405
    assert requests.post(address.rstrip("/") + "x/", data=b"<a/>", timeout=5).status_code == 404


JUNK = [
    b"",
    b"not xml",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>',
    b'{"operation": "authenticate"}',
    b"\xff\xfe\x00\x00",
    b"<a>" * 5000,
]


def test_junk_gets_a_fault_and_never_a_page(address: str) -> None:
    chance = random.Random(7)
    for body in [*JUNK, *(chance.randbytes(chance.randrange(1, 400)) for _ in range(40))]:
        answer = requests.post(address, data=body, headers={"Content-Type": "text/xml"}, timeout=5)
        assert answer.status_code == 500
        assert etree.fromstring(answer.content).findtext(".//faultstring")


def test_a_body_beyond_the_limit_is_not_read(address: str, settings: Any) -> None:
    settings.QBD_MAX_BODY = 1000
    assert requests.post(address, data=b"<a>" + b" " * 2000 + b"</a>", timeout=5).status_code == 413


def test_an_answer_larger_than_django_takes_by_default_is_read(address: str) -> None:
    given = {"ticket": "made up", "hresult": "", "message": "", "response": "<x>" + "a" * 6_000_000 + "</x>"}
    assert proxy(address, "ours").receiveResponseXML(**given) == -1
