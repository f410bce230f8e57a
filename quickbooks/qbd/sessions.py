"""The Web Connector's calls, one function each: who may call, what comes next, what came back.

All state is in rows, so any web worker can serve any call. An answer is only given once its meaning is committed.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from accounting.models import Integration
from inbuild.queue import database_now
from qbd import asking, desk, health, hosts, qbxml, sending
from qbd.models import Connection, Exchange, Session

log = structlog.get_logger("qbd.sessions")

IDLE = timedelta(minutes=30)
EXACT = timedelta(seconds=10)  # when it called last is kept no more exactly than this
KEPT = timedelta(days=30)  # the texts of questions; those of writes stay with their bills
MOST_WRONG = 10
SHUT = timedelta(minutes=10)
UNKNOWN = "This session is over. Press Update Selected to start another."


class Busy(Exception):
    """Another session of this company file has something under way."""


def authenticate(connection: Connection, username: str, password: str) -> list[str]:
    """A ticket and what to do: an empty text for the file that is open, else none, busy or nvu."""
    now = database_now()
    if connection.shut_until is not None and connection.shut_until > now:
        return ["", "nvu"]
    if username.strip() != connection.username or not connection.is_password(password):
        _wrong(connection)
        return ["", "nvu"]
    rows = Connection.objects.filter(pk=connection.pk)
    rows.update(
        wrong_passwords=0,
        shut_until=None,
        last_contact_at=Now(),
        first_contact_at=Coalesce(F("first_contact_at"), Now()),
    )
    health.solved(connection, "wrong_password")
    integration = connection.integration
    if integration.state != Integration.State.CONNECTED or integration.paused:
        return ["", "none"]
    try:
        _end_others(connection)
    except Busy:
        return ["", "busy"]
    if not desk.anything_to_do(connection):
        return ["", "none"]
    ticket = secrets.token_urlsafe(16)
    Session.objects.create(company_id=connection.company_id, connection=connection, ticket_sha256=_sha256(ticket))
    return [ticket, ""]


def _wrong(connection: Connection) -> None:
    rows = Connection.objects.filter(pk=connection.pk)
    rows.update(wrong_passwords=F("wrong_passwords") + 1, last_contact_at=Now())
    rows.filter(wrong_passwords__gte=MOST_WRONG).update(wrong_passwords=0, shut_until=Now() + SHUT)
    health.trouble(connection, "wrong_password")


def _end_others(connection: Connection) -> None:
    """What an earlier session left open is cut off; whatever it had under way is in doubt from here. Raises Busy."""
    for session in Session.objects.filter(connection=connection, ended_at=None):
        out = session.exchanges.filter(answered_at=None, about="write").order_by("-id").first()
        if out is not None and out.sent_at > database_now() - timedelta(seconds=settings.QBD_BUSY_SECONDS):
            raise Busy
        end(session, "The Web Connector began another session before this one was finished.")


def next_request(session: Session, *, host: str, company_file: str) -> str:
    """The next message set; empty when there is nothing to do or nothing may be done, with the words to show."""
    if session.ended_at is not None:
        return ""
    _doubt_unanswered(session)
    if host:
        hosts.take(session, host, company_file)
    if session.is_file_ours is None:
        return _hand_over(session, "file", hosts.question())
    if not session.is_file_ours:
        return ""
    found = desk.next_exchange(session)
    if found is None:
        _say(session, "Nothing to send.")
        return ""
    return found.sent


def _hand_over(session: Session, about: str, text: str) -> str:
    Exchange.objects.create(company_id=session.company_id, session=session, about=about, sent=text)
    return text


def _doubt_unanswered(session: Session) -> None:
    """Asked for the next one without having brought the answer to the last: that answer is lost."""
    for exchange in session.exchanges.filter(answered_at=None, about="write"):
        sending.doubt(exchange, "its answer did not come back")


def take_answer(session: Session, text: str, *, hresult: str, message: str) -> int:
    """How far the session is, in percent: 100 when it is finished; negative when it must end with an error.

    An answer that comes late, for a session that is over, still says what happened. The same one twice is one.
    """
    exchange = session.exchanges.order_by("-id").first()
    if exchange is None:
        _say(session, UNKNOWN)
        return -1
    if exchange.answered_at is not None:
        return _progress(session) if exchange.received == text else -1
    words = _store(session, exchange, text, hresult, message)
    if words:
        _say(session, words)
        return -1
    if session.ended_at is not None:
        return -1
    return _progress(session)


def _store(session: Session, exchange: Exchange, text: str, hresult: str, message: str) -> str:
    """Keep the answer and what it means, in one commit. Returns what went wrong, for people."""
    with transaction.atomic():
        rows = Exchange.objects.filter(pk=exchange.pk, answered_at=None)
        if not rows.update(received=text, hresult=hresult[:40], answered_at=Now()):
            return ""
        if exchange.about == "write":
            return sending.settle(exchange, text, hresult=hresult, message=message)
        if hresult:
            health.failed(session, hresult, message)
            return health.words_of(hresult, message)
        try:
            if exchange.about == "file":
                hosts.take_file(session, text)
                return "" if session.is_file_ours else session.words
            if exchange.about == "questions":
                asking.take_answers(exchange, text)
                session.questions += exchange.questions.count()
                Session.objects.filter(pk=session.pk).update(questions=session.questions)
        except qbxml.NotQbxml as error:
            log.warning("an answer could not be read", exchange=exchange.pk, why=str(error))
            return "inBuild could not read QuickBooks' answer. It asks again next time."
    return ""


def _progress(session: Session) -> int:
    left = desk.left(session)
    if not left:
        return 100
    done = session.writes + session.questions
    return max(1, min(99, 100 * done // (done + left)))


def connection_error(session: Session, *, hresult: str, message: str) -> str:
    """QuickBooks could not be opened: nothing was sent, everything waits."""
    health.failed(session, hresult, message)
    end(session, health.words_of(hresult, message))
    return "done"


def last_error(session: Session | None) -> str:
    return (session.words if session is not None else "") or UNKNOWN


def close(session: Session) -> str:
    """What the Web Connector shows when it is done."""
    if session.ended_at is None:
        words = session.words if session.problem else _summary(session)
        end(session, words)
        if not session.problem:
            Connection.objects.filter(pk=session.connection_id).update(last_success_at=Now())
            health.solved(session.connection)
    return session.words


def _summary(session: Session) -> str:
    session.refresh_from_db()
    if session.writes:
        things = "1 change" if session.writes == 1 else f"{session.writes} changes"
        return f"Done: {things} sent to QuickBooks. inBuild shows how each ended."
    return "Done: nothing to send; inBuild read what is new in QuickBooks."


def end(session: Session, words: str) -> None:
    """The session is over: whatever it had out is in doubt, and its iterators ended with it."""
    with transaction.atomic():
        if not Session.objects.filter(pk=session.pk, ended_at=None).update(ended_at=Now(), words=words[:500]):
            return
        for exchange in session.exchanges.filter(answered_at=None, about="write"):
            sending.doubt(exchange, "the session was cut off")
        asking.give_up_iterators(session.connection.integration)
    session.refresh_from_db()
    asking.forget_old()
    old = Exchange.objects.filter(session__connection=session.connection, sent_at__lt=database_now() - KEPT)
    old.filter(writes=None).delete()


def find(connection: Connection, ticket: str) -> Session | None:
    """The session of a ticket, which has called just now; one that was silent for too long is over."""
    rows = Session.objects.filter(connection=connection, ticket_sha256=_sha256(ticket))
    session = rows.annotate(silent_for=Now() - F("last_call_at")).first()
    if session is None:
        return None
    session.connection = connection
    if session.ended_at is None and session.silent_for > IDLE:
        end(session, "The Web Connector was silent for too long.")
    elif session.silent_for > EXACT:
        Session.objects.filter(pk=session.pk).update(last_call_at=Now())
        Connection.objects.filter(pk=connection.pk).update(last_contact_at=Now())
    return session


def _say(session: Session, words: str) -> None:
    session.words = words[:500]
    Session.objects.filter(pk=session.pk).update(words=session.words)


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
