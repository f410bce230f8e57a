"""Is the Web Connector alive: what keeps it from working, how long it has been silent, and the sentence for people."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounting.models import Integration
from companies import auditing
from qbd import statuses
from qbd.models import Connection, Session

SILENT = timedelta(hours=24)

TROUBLES = {
    "wrong_password": "The Web Connector on the PC has the wrong password. Make a new one here and type it in there.",
    "other_file": "QuickBooks on the PC has another company file open ({words}). Open the file of this connection.",
    "books": "{words}",
}


def words(connection: Connection, now: datetime) -> str:
    """What an admin must know and do; empty while all is well."""
    if connection.trouble:
        return TROUBLES[connection.trouble].format(words=connection.trouble_words)
    silent_for = silence(connection, now)
    if silent_for is not None:
        hours = int(silent_for.total_seconds() // 3600)
        return f"The PC has not called for {hours} hours. Is it on, and is the Web Connector open with Auto-Run ticked?"
    return ""


def silence(connection: Connection, now: datetime) -> timedelta | None:
    """For how long it has been silent, where that is longer than it should be."""
    if connection.last_contact_at is None:
        return None
    silent_for = now - connection.last_contact_at
    return silent_for if silent_for >= SILENT else None


def next_expected(connection: Connection) -> datetime | None:
    """When it should call next, if Auto-Run is ticked."""
    return connection.expected_at


def trouble(connection: Connection, code: str, words: str = "") -> None:
    """Something keeps it from working. Written down once, not at each call."""
    rows = Connection.objects.filter(pk=connection.pk)
    if rows.exclude(trouble=code, trouble_words=words[:500]).update(trouble=code, trouble_words=words[:500]):
        said = TROUBLES[code].format(words=words)
        auditing.record(connection.company_id, "integration.trouble", connection.integration, said, job="desktop")


def solved(connection: Connection, code: str = "") -> None:
    """It works again: all of it, or one trouble."""
    rows = Connection.objects.filter(pk=connection.pk)
    (rows.filter(trouble=code) if code else rows).update(trouble="", trouble_words="")


def failed(session: Session, hresult: str, message: str) -> None:
    """QuickBooks could not be opened, or did not take the whole message set."""
    Session.objects.filter(pk=session.pk).update(problem="books")
    session.problem = "books"
    trouble(session.connection, "books", words_of(hresult, message))


def words_of(hresult: str, message: str) -> str:
    return statuses.advice(hresult, message).sentence


def other_file(session: Session) -> None:
    """Nothing is written into books that are not this connection's."""
    connection: Connection = session.connection
    name = connection.company_file or "its name is not known"
    said = TROUBLES["other_file"].format(words=name)
    Session.objects.filter(pk=session.pk).update(problem="other_file", words=said[:500])
    session.problem, session.words = "other_file", said[:500]
    trouble(connection, "other_file", name)


def is_waiting_for_first_call(connection: Connection) -> bool:
    """Nobody has called with the right password, or our stamp was not found in the file yet."""
    return connection.file_seen_at is None


def connections(integrations: list[Integration]) -> dict[int, Connection]:
    """By the integration's id."""
    rows = Connection.objects.filter(integration__in=integrations).select_related("integration")
    return {row.integration_id: row for row in rows}
