"""Intuit's door: check the signature, note which books changed, answer 200, ring.

Intuit gives three seconds and holds later events back behind a failed one. An event carries ids only, so nothing of it
is kept: it says that now is a good moment to look. Who brings the right signature gets 200 whatever the body is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from accounting import following
from accounting.models import Integration

log = structlog.get_logger("qbo.webhooks")

MAX_BODY = 4 * 1024 * 1024
MAX_REALMS = 1000
PATIENCE = "2000"  # milliseconds in the database, of the three seconds Intuit waits


def receive(request: HttpRequest) -> HttpResponse:
    """Take one notification."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY:
        return _answer(413, "too large")
    body = request.read(MAX_BODY + 1)
    if not _is_signed(body, str(request.META.get("HTTP_INTUIT_SIGNATURE", ""))):
        return _answer(401, "wrong or missing intuit-signature")
    if len(body) > MAX_BODY:
        return _answer(413, "too large")
    try:
        _note(realms(body))
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        log.error("a notification was refused for now", error=type(error).__name__)
        response = _answer(503, "try again later")
        response["Retry-After"] = "30"
        return response
    return JsonResponse({"noted": True})


def realms(body: bytes) -> set[str]:
    """The companies a notification names, in either format; none for a body that is no notification."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    named: set[str] = set()
    for realm in _named(found):
        if isinstance(realm, str) and realm.isascii() and realm.isdecimal() and len(realm) <= 60:
            named.add(realm)
        if len(named) >= MAX_REALMS:
            break
    return named


def _named(found: Any) -> Iterator[Any]:
    """CloudEvents: a list, each with `intuitaccountid`. The older form: `eventNotifications`, each with `realmId`."""
    events = found if isinstance(found, list) else [found]
    for event in events:
        if isinstance(event, dict):
            yield event.get("intuitaccountid")
            older = event.get("eventNotifications")
            yield from (
                (part.get("realmId") for part in older or () if isinstance(part, dict))
                if isinstance(older, list)
                else ()
            )


def _is_signed(body: bytes, given: str) -> bool:
    token = settings.QBO_WEBHOOK_VERIFIER_TOKEN
    if not token:
        return False
    right = base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest())
    return hmac.compare_digest(right, given.encode("utf-8", "surrogateescape"))


def _note(named: set[str]) -> None:
    """Only companies that are connected here act on it; the others are nobody's business."""
    if not named:
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE}; SET LOCAL lock_timeout = {PATIENCE}")
        following.soon(
            Integration.objects.filter(
                kind=Integration.Kind.QBO, state=Integration.State.CONNECTED, external_id__in=named
            )
        )


def _answer(status: int, words: str) -> HttpResponse:
    return JsonResponse({"error": words}, status=status)
