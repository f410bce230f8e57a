"""Procore's door: check the secret, store the raw bytes, commit, answer 200, ring.

Procore pauses the whole queue of a hook when one delivery fails, and throws it away after twelve hours. So whoever
brings the right secret gets 200 whatever the body is; the only others are 413 for a body no event can have and 503
while the database is down.
"""

from __future__ import annotations

import uuid

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from inbuild.faultpoints import faultpoint
from inbuild.queue import ring
from procore_sync import reading
from procore_sync.bells import IMPORT_DUE
from procore_sync.models import ProcoreIntegration

log = structlog.get_logger("procore_sync.webhooks")

MAX_BODY = 256 * 1024
# One integration row that matches nothing, so that an unknown address costs the same work as a wrong secret.
NOBODY = ProcoreIntegration()


def receive(request: HttpRequest, key: str) -> HttpResponse:
    """Take one delivery."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        integration = _integration(key)
        if not (integration or NOBODY).accepts(_authorization(request)) or integration is None:
            return _answer(401, "wrong or missing Authorization")
        return _store(integration, request)
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        log.error("a delivery was refused for now", error=type(error).__name__)
        response = _answer(503, "try again later")
        response["Retry-After"] = "30"
        return response


def _store(integration: ProcoreIntegration, request: HttpRequest) -> HttpResponse:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _answer(415, "no content encoding is accepted")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY:
        return _answer(413, "too large")
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return _answer(413, "too large")
    faultpoint("webhook.before_insert")
    times = _insert(integration, body)
    faultpoint("webhook.after_commit")
    ring(IMPORT_DUE, integration.company_id)
    return JsonResponse({"stored": True, "times_received": times})


def _insert(integration: ProcoreIntegration, body: bytes) -> int:
    """One statement in autocommit: committed when it returns. A repeated event only counts up."""
    new = "ignored" if not integration.is_active else "new"
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO procore_sync_webhookdelivery
                (company_id, integration_id, event_key, body, outcome, reason, times_received, attempt, failures,
                 next_at, kind, event)
            VALUES (%s, %s, %s, %s, %s, %s, 1, 0, 0, CASE WHEN %s = 'new' THEN clock_timestamp() END, '', '')
            ON CONFLICT (integration_id, event_key)
                DO UPDATE SET times_received = procore_sync_webhookdelivery.times_received + 1
            RETURNING times_received
            """,
            [
                integration.company_id,
                integration.pk,
                reading.event_key(body),
                body,
                new,
                "" if new == "new" else "Procore was disconnected in inBuild when it came.",
                new,
            ],
        )
        return int(cursor.fetchone()[0])


def _integration(key: str) -> ProcoreIntegration | None:
    try:
        return ProcoreIntegration.objects.filter(hook_key=uuid.UUID(key)).first()
    except ValueError:
        return None


def _authorization(request: HttpRequest) -> bytes:
    return str(request.META.get("HTTP_AUTHORIZATION", "")).encode("utf-8", "surrogateescape")[:1000]


def _answer(status: int, words: str) -> HttpResponse:
    return JsonResponse({"error": words}, status=status)
