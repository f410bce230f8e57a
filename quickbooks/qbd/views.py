"""Settings → Accounting Integrations → a company file of QuickBooks Desktop: set-up on the PC, and its session log."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting.models import Integration
from companies import access
from inbuild.fields import seal, unseal
from qbd import connecting, presenting, qwc
from qbd.models import Connection, Exchange, Session

SESSION_KEY = "web_connector_password"
LABEL = "web-connector-password"


@require_POST
@access.admin_writes
def add(request: access.MemberRequest) -> HttpResponse:
    try:
        connection, password = connecting.add(
            request.membership.company, request.POST.get("name", "").replace("\0", ""), user=request.user
        )
    except connecting.CannotConnect as exc:
        messages.error(request, str(exc))
        return redirect("accounting:integrations")
    _keep_for_once(request, connection, password)
    return redirect("qbd:set_up", pk=connection.integration_id)


@require_safe
@access.admin_writes
def set_up(request: access.MemberRequest, pk: int) -> HttpResponse:
    """What to do on the PC, and how far it is. The password is on it only the first time after it was made."""
    connection = _mine(request, pk)
    context = presenting.progress(connection) | {
        "password": _once(request, connection),
        "file_name": qwc.file_name(connection.integration.account_name),
    }
    return render(request, "qbd/set_up.html", context)


@require_safe
@access.admin_writes
def progress(request: access.MemberRequest, pk: int) -> HttpResponse:
    """The live part of the page alone; it stops asking by itself once everything was read."""
    return render(request, "qbd/_progress.html", presenting.progress(_mine(request, pk)))


@require_safe
@access.admin_writes
def qwc_file(request: access.MemberRequest, pk: int) -> HttpResponse:
    """For the Web Connector: the same file, however often it is loaded down."""
    connection = _mine(request, pk)
    _admins_only(request)
    try:
        made = connecting.file_for_pc(connection)
    except ValueError as exc:
        messages.error(request, f"The file cannot be made: {exc}")
        return redirect("qbd:set_up", pk=pk)
    answer = HttpResponse(made, content_type=qwc.CONTENT_TYPE)
    answer["Content-Disposition"] = f'attachment; filename="{qwc.file_name(connection.integration.account_name)}"'
    return answer


@require_POST
@access.admin_writes
def new_password(request: access.MemberRequest, pk: int) -> HttpResponse:
    connection = _mine(request, pk)
    _keep_for_once(request, connection, connecting.new_password(connection, user=request.user))
    return redirect("qbd:set_up", pk=pk)


@require_POST
@access.admin_writes
def disconnect(request: access.MemberRequest, pk: int) -> HttpResponse:
    connection = _mine(request, pk)
    connecting.disconnect(connection, user=request.user)
    words = f"{connection.integration.account_name} is disconnected. Bills wait; mappings are kept."
    messages.success(request, words)
    return redirect("accounting:integrations")


@require_POST
@access.admin_writes
def reconnect(request: access.MemberRequest, pk: int) -> HttpResponse:
    connection = _mine(request, pk)
    try:
        connecting.reconnect(connection, user=request.user)
    except connecting.CannotConnect as exc:
        messages.error(request, str(exc))
        return redirect("accounting:integrations")
    words = f"{connection.integration.account_name} is connected again. It goes on when its Web Connector calls next."
    messages.success(request, words)
    return redirect(f"{reverse('accounting:integrations')}?{urlencode({'file': pk})}")


@require_safe
@access.admin_writes
def session_log(request: access.MemberRequest, pk: int) -> HttpResponse:
    connection = _mine(request, pk)
    before = request.GET.get("before", "")
    rows, next_before = presenting.sessions(connection, before)
    context: dict[str, Any] = {
        "connection": connection,
        "integration": connection.integration,
        "rows": [{"session": row, "took": presenting.took(row)} for row in rows],
        "next_before": next_before,
        "is_first_page": not before,
    }
    return render(request, "qbd/sessions.html", context)


@require_safe
@access.admin_writes
def one_session(request: access.MemberRequest, pk: int) -> HttpResponse:
    """With everything that was exchanged; it is the books' own data, so only admins see it."""
    rows = Session.objects.select_related("connection__integration")
    session = get_object_or_404(rows, company=request.membership.company, pk=pk)
    _admins_only(request)
    after = request.GET.get("after", "")
    found, next_after = presenting.exchanges(session, after)
    context: dict[str, Any] = {
        "session": session,
        "integration": session.connection.integration,
        "took": presenting.took(session),
        "exchanges": found,
        "shown": presenting.SHOWN,
        "next_after": next_after,
        "is_first_page": not after,
    }
    return render(request, "qbd/session.html", context)


@require_safe
@access.admin_writes
def exchange_text(request: access.MemberRequest, pk: int, side: str) -> HttpResponse:
    """One whole text as a file."""
    exchange = get_object_or_404(Exchange, company=request.membership.company, pk=pk)
    _admins_only(request)
    text = exchange.sent if side == "sent" else exchange.received
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="exchange-{exchange.pk}-{side}.txt"'
    return answer


def _keep_for_once(request: access.MemberRequest, connection: Connection, password: str) -> None:
    request.session[SESSION_KEY] = [connection.pk, seal(password, LABEL)]


def _once(request: access.MemberRequest, connection: Connection) -> str:
    """The password that was just made; whoever looks a second time does not find it."""
    if request.method != "GET" or request.session.get(SESSION_KEY, [None])[0] != connection.pk:
        return ""
    return unseal(request.session.pop(SESSION_KEY)[1], LABEL)


def _admins_only(request: access.MemberRequest) -> None:
    if not request.membership.is_admin:
        raise PermissionDenied(access.ADMINS_ONLY)


def _mine(request: access.MemberRequest, pk: int) -> Connection:
    """By the integration's id, connected or not."""
    rows = Connection.objects.select_related("integration__company").filter(integration__kind=Integration.Kind.QBD)
    return get_object_or_404(rows, company=request.membership.company, integration_id=pk)
