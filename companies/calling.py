"""The calls to Procore and Intuit as admins may see them: when, what, how it ended; never what was in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from companies.models import OutsideCall

ADMINS_ONLY = "Only company admins can see the calls to Procore and QuickBooks."
PAGE = 50
# No name and no id of theirs is longer; what is, may be a key that lets somebody in.
LONGEST_PART = 40
PROVIDERS = {"procore": "Procore", "intuit": "QuickBooks Online"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One call. `trace_id` is what the other side's support asks for (Intuit: intuit_tid)."""

    at: datetime
    provider: str
    subject: str
    method: str
    host: str
    path: str
    status: str
    colour: str
    milliseconds: int
    trace_id: str


@dataclass(frozen=True, slots=True)
class Page:
    calls: list[Shown]
    next_cursor: str


def page(company_id: int, subjects: Sequence[str], *, before: str) -> Page:
    """The latest calls for these, newest first. A cursor that cannot be read shows the first page."""
    rows = OutsideCall.objects.filter(company_id=company_id, subject__in=subjects)
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.order_by("-pk")[: PAGE + 1])
    more = len(found) > PAGE
    return Page([_shown(call) for call in found[:PAGE]], str(found[PAGE - 1].pk) if more else "")


def _shown(call: OutsideCall) -> Shown:
    address = urlsplit(call.url)
    word, colour = _outcome(call)
    return Shown(
        at=call.at,
        provider=PROVIDERS.get(call.provider, call.provider),
        subject=call.subject.partition(":")[0].replace("_", " "),
        method=call.method,
        host=address.hostname or "",
        path="/".join(part if len(part) <= LONGEST_PART else f"{part[:6]}…" for part in address.path.split("/")),
        status=word,
        colour=colour,
        milliseconds=call.milliseconds,
        trace_id=call.trace_id,
    )


def _outcome(call: OutsideCall) -> tuple[str, str]:
    """One word and a colour. Intuit answers 200 with a fault in it at times; the timeline says what that was."""
    if call.status is None or call.error:
        return call.error or "no answer", "bad"
    try:
        words = f"{call.status} {HTTPStatus(call.status).phrase}"
    except ValueError:
        words = str(call.status)
    return words, "ok" if call.status < 400 else "warn" if call.status in (401, 404, 429) else "bad"
