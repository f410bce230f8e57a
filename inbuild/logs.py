"""Structured logs: one JSON line an event in production, with the request's id and no secrets."""

from __future__ import annotations

import logging
import re
import sys
import time
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

_SECRET = re.compile(r"(?i)authorization|token|secret|password|cookie|refresh|^code$")
# The link of an invitation or a password reset is a secret until it is used.
_SECRET_IN_PATH = re.compile(r"(?:(?<=/reset/key/)|(?<=/invitations/)|(?<=%2Finvitations%2F))[^/\s%?\"']+")
_SECRET_IN_TEXT = re.compile(r"(?i)(bearer|basic)\s+[\w.~+/=-]+|((?:access|refresh)_token|client_secret|code)=[^&\s]+")


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide whatever is named like a secret or looks like a bearer value; line breaks cannot forge a second line."""
    for key, value in event.items():
        if _SECRET.search(key):
            event[key] = "[hidden]"
        elif isinstance(value, str):
            hidden = _SECRET_IN_PATH.sub("[hidden]", _SECRET_IN_TEXT.sub("[hidden]", value))
            event[key] = hidden if key == "exception" else hidden.replace("\r", "\\r").replace("\n", "\\n")
    return event


def configure() -> None:
    """Send structlog and the standard library's loggers through the same redaction to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer = (
        structlog.processors.JSONRenderer() if settings.PRODUCTION else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.LOG_LEVEL)
    # Intuit: both libraries write tokens at DEBUG.
    for name in ("oauthlib", "requests_oauthlib", "intuitlib", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class RequestLog:
    """One line a request with its id, which also stands on audit events and error pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.log = structlog.get_logger("inbuild.request")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=request_id)
        request.META["inbuild.request_id"] = request_id
        started = time.monotonic()
        try:
            response = self.get_response(request)
            milliseconds = round((time.monotonic() - started) * 1000)
            self.log.info(
                "request", method=request.method, path=request.path, status=response.status_code, ms=milliseconds
            )
            response["X-Request-Id"] = request_id
            return response
        finally:
            structlog.contextvars.unbind_contextvars("request_id")
