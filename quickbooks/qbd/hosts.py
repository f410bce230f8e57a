"""What QuickBooks says of itself when it opens: program, company, preferences, and whether it is the right file."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Coalesce, Now

from accounting.backends import Books
from qbd import health, qbxml, queries, qwc, reading
from qbd.models import Connection, Session


def take(session: Session, text: str, company_file: str) -> None:
    """The first call of a session brings it: keep it, and look for our stamp in the file."""
    try:
        answers = qbxml.read(text)
    except qbxml.NotQbxml:
        return
    program = reading.program(answers)
    Connection.objects.filter(pk=session.connection_id).update(
        host=text,
        product=f"{program.name} {program.release}".strip()[:120] if program else "",
        company_name=reading.company_name(answers)[:255],
        company_file=company_file[:500],
    )
    session.connection.refresh_from_db()
    _judge(session, reading.stamp(answers, qwc.OWNER_ID))


def question() -> str:
    """Asked where the opening words did not show the stamp."""
    return qbxml.message_set([queries.company(qwc.OWNER_ID)])


def take_file(session: Session, text: str) -> None:
    """Raises qbxml.NotQbxml. Without a stamp of ours it is another file, or a restored older one: nothing is done."""
    found = reading.stamp(qbxml.read(text), qwc.OWNER_ID)
    _judge(session, found or "none")


def _judge(session: Session, found: str) -> None:
    if not found:
        return
    is_ours = found.strip("{}").casefold() == session.connection.file_id.strip("{}").casefold()
    Session.objects.filter(pk=session.pk).update(is_file_ours=is_ours)
    session.is_file_ours = is_ours
    if is_ours:
        Connection.objects.filter(pk=session.connection_id).update(file_seen_at=Coalesce(F("file_seen_at"), Now()))
        health.solved(session.connection)
    else:
        health.other_file(session)


def books(connection: Connection) -> Books | None:
    """The company and its preferences, as the last session showed them."""
    return reading.books(qbxml.read(connection.host)) if connection.host else None
