"""Who is on the line: the session in whose call this code runs. Only inside one may a write leave for its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounting.models import Integration
from qbd.models import Exchange, Session, Write

_session: ContextVar[Session | None] = ContextVar("qbd_session", default=None)
_outgoing: ContextVar[list[Exchange] | None] = ContextVar("qbd_outgoing", default=None)


@contextmanager
def held(session: Session) -> Iterator[list[Exchange]]:
    """Work in this session's call; what is laid out to be handed over gathers in the list, at most one write."""
    outgoing: list[Exchange] = []
    tokens = _session.set(session), _outgoing.set(outgoing)
    try:
        yield outgoing
    finally:
        _session.reset(tokens[0])
        _outgoing.reset(tokens[1])


def current(integration: Integration) -> Session | None:
    """The session of this company file in whose call we are."""
    session = _session.get()
    return session if session is not None and session.connection.integration_id == integration.pk else None


def is_taken() -> bool:
    """Something is laid out already in this call."""
    return bool(_outgoing.get())


def lay_out(session: Session, write: Write, text: str) -> None:
    """Write down, before it is handed over, that this write leaves now: from here on it may have happened."""
    outgoing = _outgoing.get()
    if outgoing is None or outgoing:
        raise RuntimeError("A message set carries one write, and leaves only in a call of the Web Connector.")
    with transaction.atomic():
        exchange = Exchange.objects.create(company_id=session.company_id, session=session, about="write", sent=text)
        if write.pk is None:
            write.exchange = exchange
            write.save()
        else:
            Write.objects.filter(pk=write.pk).update(
                exchange=exchange, sent_at=Now(), sendings=F("sendings") + 1, answered_at=None
            )
        Session.objects.filter(pk=session.pk).update(writes=F("writes") + 1)
    session.writes += 1
    outgoing.append(exchange)
