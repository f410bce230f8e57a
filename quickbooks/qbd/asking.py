"""Questions to a company file: answered from what its PC has brought, else laid out for it to be asked.

Who asks runs again once the answer is there, and finds it. Asking changes nothing in the books, so it may be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now

from accounting.backends import WAITS_FOR_PC, NotSent
from accounting.models import Bill, Integration
from inbuild.queue import database_now
from qbd import line, qbxml, queries, statuses
from qbd.models import Exchange, Question, Write
from qbd.qbxml import Element

FRESH = timedelta(hours=1)  # so that whoever asked finds the answer when they look again
PATIENCE = timedelta(hours=1)
AT_ONCE = 25  # questions in one message set
TOLD = statuses.DONE | statuses.NOT_FOUND


@dataclass(frozen=True, slots=True)
class Answer:
    """What the books said to one question; `rets` are the objects, of all pages."""

    code: int
    message: str
    rets: list[Element]


def ask(
    integration: Integration, request: Element, *, bill: Bill | None = None, since: datetime | None = None
) -> Answer:
    """The answer, if the PC brought it lately and, where asked for, after `since`. Raises NotSent while it has not."""
    [answer] = ask_all(integration, [request], bill=bill, since=since)
    return answer


def ask_all(
    integration: Integration, requests: Sequence[Element], *, bill: Bill | None = None, since: datetime | None = None
) -> list[Answer]:
    """Several questions at once; raises NotSent while any of the answers is missing, or was an error."""
    texts = [qbxml.payload(request).decode("ascii") for request in requests]
    answers = [_joined(found) for found in _pages(integration, texts, bill, since)]
    failed = next((answer for answer in answers if answer.code not in TOLD), None)
    if failed is not None:
        # An error says nothing of what is there: never taken for an empty list, and asked anew in another session.
        raise NotSent(WAITS_FOR_PC, PATIENCE, f"{failed.message} ({failed.code})")
    return answers


def recorded(integration: Integration, write: Write, *, bill: Bill) -> str:
    """What QuickBooks recorded under a write's id, as it answered. Raises NotSent while the PC has not brought it."""
    [pages] = _pages(integration, [f"{RECORD}{write.message_set_id}"], bill, write.sent_at)
    text: str = pages[0]["text"]
    return text


RECORD = "record:"  # begins the request of a question that is not qbXML: what is kept under this message set id?


def _pages(
    integration: Integration, texts: Sequence[str], bill: Bill | None, since: datetime | None
) -> list[list[dict[str, Any]]]:
    keys = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    usable_from = _usable_from(integration, since)
    known = {row.key: row for row in Question.objects.filter(integration=integration, key__in=keys)}
    stale = [row for row in known.values() if row.answered_at is not None and row.answered_at <= usable_from]
    new = {key: text for key, text in keys.items() if key not in known}
    _lay_out(integration, new, stale, bill)
    if new or stale or any(row.answered_at is None for row in known.values()):
        raise NotSent(WAITS_FOR_PC, PATIENCE)
    return [list(known[key].pages) for key in keys]


def _usable_from(integration: Integration, since: datetime | None) -> datetime:
    """In a session what that session brought, elsewhere what was brought a moment ago."""
    session = line.current(integration)
    oldest: datetime = session.started_at if session is not None else database_now() - FRESH
    return max(oldest, since) if since is not None else oldest


def _lay_out(integration: Integration, new: dict[str, str], stale: Sequence[Question], bill: Bill | None) -> None:
    """Ask these, or ask them anew; somebody else may have laid the same out at this moment."""
    company_id = integration.company_id
    Question.objects.bulk_create(
        [
            Question(company_id=company_id, integration=integration, key=key, request=text, bill=bill)
            for key, text in new.items()
        ],
        ignore_conflicts=True,
    )
    for row in stale:
        Question.objects.filter(pk=row.pk, answered_at=row.answered_at).update(
            answered_at=None, asked_at=Now(), pages=[], iterator_id="", exchange=None, bill=bill
        )


def _joined(pages: list[dict[str, Any]]) -> Answer:
    """Of all pages; an error on one of them is an error of the whole."""
    rets = [qbxml.request(text.encode("ascii")) for page in pages for text in page["rets"]]
    worst = next((page for page in pages if page["code"] not in TOLD), pages[0])
    return Answer(worst["code"], worst["message"], rets)


# --- the door's side --------------------------------------------------------------------------------------------------
def open_count(integration: Integration) -> int:
    return Question.objects.filter(integration=integration, answered_at=None).count()


def open_questions(integration: Integration) -> list[Question]:
    """What can be asked in the next message set: one look at a record, or several questions."""
    rows = Question.objects.filter(integration=integration, answered_at=None).order_by("id")
    found = list(rows[:AT_ONCE])
    record = next((row for row in found if row.request.startswith(RECORD)), None)
    return [record] if record else found


def message_set(questions: Sequence[Question]) -> str:
    """The text that asks them; one that was not answered in full goes on where it was."""
    first = questions[0]
    if first.request.startswith(RECORD):
        key = first.request.removeprefix(RECORD)
        return qbxml.message_set([], new_id=key, old_id=key)
    requests = []
    for row in questions:
        request = qbxml.request(row.request.encode("ascii"))
        if row.iterator_id:
            request = queries.next_page(request, row.iterator_id)
        request.set("requestID", str(row.pk))
        requests.append(request)
    return qbxml.message_set(requests, on_error="continueOnError")


def put(exchange: Exchange, questions: Sequence[Question]) -> None:
    """These questions leave with this message set."""
    Question.objects.filter(pk__in=[row.pk for row in questions]).update(exchange=exchange)


def take_answers(exchange: Exchange, text: str) -> None:
    """Keep what came for the questions of this message set. One that went unanswered stays open.

    Raises qbxml.NotQbxml.
    """
    answers = qbxml.read(text)
    rows: dict[str, Question] = {str(row.pk): row for row in exchange.questions.filter(answered_at=None)}
    record = next((row for row in rows.values() if row.request.startswith(RECORD)), None)
    if record is not None:
        _keep(record, {"text": text}, iterator_id="", is_last=True)
        return
    for response in answers.responses:
        row = rows.get(response.request_id)
        if row is not None:
            rets = [qbxml.payload(ret).decode("ascii") for ret in response.rets]
            page = {"code": response.code, "message": response.message, "rets": rets}
            _keep(row, page, iterator_id=response.iterator_id, is_last=not response.remaining)


def give_up_iterators(integration: Integration) -> None:
    """An iterator ends with its session: what it was in the midst of is asked anew."""
    rows = Question.objects.filter(integration=integration, answered_at=None).exclude(iterator_id="")
    rows.update(iterator_id="", pages=[])


def forget_old() -> None:
    """Answers are of no use after a while."""
    Question.objects.filter(answered_at__lt=database_now() - Question.LIFETIME).delete()


def _keep(row: Question, page: dict[str, Any], *, iterator_id: str, is_last: bool) -> None:
    fields = {"pages": [*row.pages, page], "iterator_id": "" if is_last else iterator_id}
    if is_last:
        Question.objects.filter(pk=row.pk).update(answered_at=Now(), **fields)
    else:
        Question.objects.filter(pk=row.pk).update(**fields)
