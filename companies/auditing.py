"""Writes down who did what, and which calls left the house."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import models

from companies.models import AuditEvent, Company, OutsideCall, User
from inbuild import http
from inbuild.written import Written


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline: when, what, who, and the id a support person asks for.

    `details` are folded away; what is `minor` is left out in print.
    """

    at: datetime
    words: str
    who: str
    reference: str = ""
    colour: str = "muted"
    details: tuple[str, ...] = ()
    is_comment: bool = False
    is_minor: bool = False


def record(
    company: Company | int,
    verb: str,
    about: models.Model,
    sentence: str,
    *,
    user: User | None = None,
    job: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add one AuditEvent in the running transaction, so that it stands or falls with the change it tells of."""
    AuditEvent.objects.create(
        company_id=company if isinstance(company, int) else company.pk,
        user=user,
        job=job if user is None else "",
        verb=verb,
        object_type=about._meta.model_name or "",
        object_id=str(about.pk),
        sentence=sentence[:500],
        before=before or {},
        after=after or {},
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )


def record_each(
    verb: str,
    abouts: Iterable[models.Model],
    sentence: str,
    *,
    user: User | None = None,
    job: str = "",
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    """The same event of many objects, as one insert."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    AuditEvent.objects.bulk_create(
        (
            AuditEvent(
                company_id=about.company_id,  # type: ignore[attr-defined]
                user=user,
                job=job if user is None else "",
                verb=verb,
                object_type=about._meta.model_name or "",
                object_id=str(about.pk),
                sentence=sentence[:500],
                before=before,
                after=after,
                request_id=request_id,
            )
            for about in abouts
        ),
        batch_size=1000,
    )


def history(about: models.Model) -> models.QuerySet[AuditEvent]:
    """All events of one object, oldest first."""
    return _about(*_named(about))


def happenings(about: models.Model) -> list[Happening]:
    """The events of one object as lines of a timeline."""
    return [happening(event) for event in _ABOUT(*_named(about))]


def _named(about: models.Model) -> tuple[int, str, str]:
    return about.company_id, str(about._meta.model_name), str(about.pk)  # type: ignore[attr-defined]


def _about(company_id: int, object_type: str, object_id: str) -> models.QuerySet[AuditEvent]:
    events = AuditEvent.objects.filter(company_id=company_id, object_type=object_type, object_id=object_id)
    return events.select_related("user").order_by("id")


_ABOUT = Written(_about, int, str, str)


COMMENT = "invoice.commented"


def happening(event: AuditEvent) -> Happening:
    """A comment in full, and beside what was imported what the gates answered."""
    is_comment = event.verb == COMMENT
    words = str(event.after.get("text") or event.sentence) if is_comment else event.sentence
    told = event.after.get("evidence")
    details = tuple(str(one) for one in told) if isinstance(told, list) else ()
    return Happening(event.at, words, who(event), details=details, is_comment=is_comment)


# What inBuild was doing when it, and no person, changed something.
JOBS = {
    "import": "importing from Procore",
    "files": "copying files from Procore",
    "payments": "telling Procore of payments",
    "post": "sending to QuickBooks",
    "change": "changing a bill in QuickBooks",
    "follow": "reading QuickBooks",
    "attach": "attaching files in QuickBooks",
    "preflight": "reading QuickBooks' settings",
    "desktop": "QuickBooks Desktop",
    "mapping": "after a mapping",
    "settings": "after a setting",
    "restore": "after a restore",
    "check": "checking",
}


def who(event: AuditEvent) -> str:
    """The person, or what inBuild was doing."""
    return event.actor if event.user_id else f"inBuild, {JOBS.get(event.job, event.job)}"


def call_recorder(company_id: int, provider: str, subject: str = "") -> http.Recorder:
    """What `inbuild.http` is given to write an OutsideCall row for each call."""

    def write(call: http.Call) -> None:
        OutsideCall.objects.create(
            company_id=company_id,
            provider=provider,
            subject=subject,
            method=call.method[:10],
            url=call.url[:500],
            status=call.status,
            milliseconds=call.milliseconds,
            request_sha256=call.request_sha256,
            trace_id=call.trace_id,
            error=call.error[:200],
        )

    return write
