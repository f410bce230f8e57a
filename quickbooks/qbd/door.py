"""The Web Connector's door: SOAP in, SOAP out. A GET is a page for people, and the check of the certificate."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db import connection as database
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse

from inbuild import queue
from qbd import sessions, soap
from qbd.models import Connection, Session

log = structlog.get_logger("qbd.door")

SERVER_VERSION = "inBuild 1"
OLDEST_CLIENT = (2, 1)


def receive(request: HttpRequest, key: str) -> HttpResponse:
    """One call. Whatever is wrong with it gets a fault that the Web Connector shows, never a page."""
    try:
        return _received(request, key)
    except (DatabaseError, InterfaceError) as error:
        database.close()
        log.error("a call was refused for now", error=type(error).__name__)
        return _fault("inBuild cannot work just now. Nothing is lost; it goes on with the next update.", is_ours=True)


def _received(request: HttpRequest, key: str) -> HttpResponse:
    connection = Connection.objects.select_related("integration", "integration__company").filter(key=key).first()
    if connection is None:
        return HttpResponse("Unknown address.\n", status=404, content_type="text/plain")
    if request.method in ("GET", "HEAD"):
        return _page(connection, wants_wsdl="wsdl" in request.GET)
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > settings.QBD_MAX_BODY:
        return _fault("The answer is larger than inBuild takes.", status=413)
    try:
        call = soap.read(request.read(settings.QBD_MAX_BODY + 1))
    except soap.NotSoap as error:
        return _fault(str(error))
    if call.operation in soap.INTERACTIVE:
        return _fault("inBuild has no interactive mode.")
    with queue.slot(f"qbd:{connection.pk}", 1) as is_free:
        if not is_free:
            return _fault("inBuild is still working on the last call. It goes on with the next update.")
        answer = soap.answer(call.operation, _answer(connection, call))
    return HttpResponse(answer, content_type="text/xml; charset=utf-8")


def _answer(connection: Connection, call: soap.Call) -> str | int | list[str]:
    given = call.values
    if call.operation == "serverVersion":
        return SERVER_VERSION
    if call.operation == "clientVersion":
        return _client_version(connection, given["strVersion"])
    if call.operation == "authenticate":
        return sessions.authenticate(connection, given["strUserName"], given["strPassword"])
    session = sessions.find(connection, given["ticket"])
    if call.operation == "getLastError":
        return sessions.last_error(session)
    if session is None:
        unknown: dict[str, str | int] = {"sendRequestXML": "", "receiveResponseXML": -1, "connectionError": "done"}
        return unknown.get(call.operation, sessions.UNKNOWN)
    return _in_session(session, call)


def _in_session(session: Session, call: soap.Call) -> str | int:
    given = call.values
    if call.operation == "sendRequestXML":
        return sessions.next_request(session, host=given["strHCPResponse"], company_file=given["strCompanyFileName"])
    if call.operation == "receiveResponseXML":
        return sessions.take_answer(
            session, given["response"], hresult=given["hresult"].strip(), message=given["message"]
        )
    if call.operation == "connectionError":
        return sessions.connection_error(session, hresult=given["hresult"].strip(), message=given["message"])
    return sessions.close(session)


def _client_version(connection: Connection, version: str) -> str:
    """An empty text lets it go on."""
    Connection.objects.filter(pk=connection.pk).update(web_connector=version[:40])
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < OLDEST_CLIENT:
        return "E:This Web Connector is too old. Install the current one from Intuit."
    return ""


def address(connection: Connection) -> str:
    return settings.PUBLIC_URL.rstrip("/") + reverse("qbwc", args=[connection.key])


def _page(connection: Connection, *, wants_wsdl: bool) -> HttpResponse:
    if wants_wsdl:
        return HttpResponse(soap.wsdl(address(connection)), content_type="text/xml; charset=utf-8")
    words = (
        "This is inBuild's address for the QuickBooks Web Connector.\n"
        "Open Settings, Accounting Integrations in inBuild to see how the last session went, and for help.\n"
    )
    return HttpResponse(words, content_type="text/plain; charset=utf-8")


def _fault(words: str, *, status: int = 500, is_ours: bool = False) -> HttpResponse:
    log.warning("a call was refused", why=words)
    return HttpResponse(soap.fault(words, is_ours=is_ours), status=status, content_type="text/xml; charset=utf-8")
