"""The mail that the demo would have sent: a page only the demo has."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

SHOWN = 50
# What Django's file backend writes after each mail.
BETWEEN = b"-" * 79 + b"\n"


@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """Whoever reaches the demo may read all of it, as they may sign in as anybody."""
    shown = [
        {
            "subject": message["Subject"],
            "to": message["To"],
            "date": message["Date"],
            "text": _text(message),
        }
        for message, _ in zip(_written(), range(SHOWN), strict=False)
    ]
    return render(request, "demo_mail.html", {"mails": shown})


def _written() -> Iterator[EmailMessage]:
    """The newest first. Files of one second have names in any order, and one file may hold several mails."""
    files = Path(settings.EMAIL_FILE_PATH).glob("*.log")
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        for raw in reversed(file.read_bytes().split(BETWEEN)):
            if raw.strip():
                yield email.message_from_bytes(raw, policy=email.policy.default)


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""
