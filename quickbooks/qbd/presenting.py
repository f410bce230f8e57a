"""A company file's Web Connector as pages show it: its card, how far its set-up is, its sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Left, Length

from accounting.models import Integration
from companies.models import Company
from inbuild.queue import database_now
from qbd import health
from qbd.models import Connection, Exchange, Session

SESSIONS = 50
EXCHANGES = 20
SHOWN = 4000  # characters of a text; the rest is a download


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the set-up: is it done, and what there is to say."""

    label: str
    word: str
    colour: str
    words: str


def card(integration: Integration) -> dict[str, Any] | None:
    """None for a QuickBooks that has no Web Connector."""
    connection = Connection.objects.filter(integration=integration).select_related("integration").first()
    if connection is None:
        return None
    now = database_now()
    word, colour = _state(connection, health.words(connection, now))
    return {
        "connection": connection,
        "word": word,
        "colour": colour,
        "latest": connection.sessions.order_by("-id").first(),
    }


def _state(connection: Connection, words: str) -> tuple[str, str]:
    if connection.trouble:
        return "Needs action", "bad"
    if words:
        return "Silent", "warn"
    if health.is_waiting_for_first_call(connection):
        return "Not set up yet", "muted"
    return "Working", "ok"


def former_files(company: Company) -> QuerySet[Connection]:
    """Disconnected company files, which can be connected again as they were."""
    rows = Connection.objects.filter(company=company, integration__state=Integration.State.DISCONNECTED)
    return rows.select_related("integration").order_by("integration__account_name", "id")


def progress(connection: Connection) -> dict[str, Any]:
    """How far the set-up on the PC is, for a page that asks again until it is done."""
    integration = connection.integration
    words = health.words(connection, database_now())
    steps = [_called(connection), _file(connection), _lists(connection)]
    is_done = integration.lists_read_at is not None and connection.file_seen_at is not None and not words
    return {
        "connection": connection,
        "integration": integration,
        "steps": steps,
        "trouble": words,
        "is_done": is_done,
        "next": _next(connection, words, is_done=is_done),
    }


def _called(connection: Connection) -> Step:
    if connection.first_contact_at is not None:
        version = f"Version {connection.web_connector}. " if connection.web_connector else ""
        return Step("Web Connector", "Called", "ok", f"{version}The user name and the password are right.")
    return Step("Web Connector", "Waiting", "muted", "It has not called with the right password yet.")


def _file(connection: Connection) -> Step:
    if connection.file_seen_at is not None:
        product = f" in {connection.product}" if connection.product else ""
        return Step("Company file", "Found", "ok", f"{connection.company_name or 'The company'}{product}.")
    if connection.trouble == "other_file":
        name = connection.company_name or connection.company_file or "A company file"
        return Step("Company file", "Another one", "bad", f"{name} is open in {connection.product or 'QuickBooks'}.")
    return Step("Company file", "Waiting", "muted", "QuickBooks shows it in the first session.")


def _lists(connection: Connection) -> Step:
    if connection.integration.lists_read_at is not None:
        return Step("Lists", "Read", "ok", "Vendors, accounts, items, customers and jobs are here.")
    return Step("Lists", "Waiting", "muted", "Vendors, accounts, items, customers and jobs are read after that.")


def _next(connection: Connection, words: str, *, is_done: bool) -> str:
    """What the person does now; empty where the page offers the Setup Wizard instead."""
    if words:
        return ""
    if is_done:
        return "" if not connection.integration.is_configured else "Everything is set up. Bills go to this file."
    if connection.first_contact_at is None:
        return "Follow the steps on the PC with QuickBooks. This page looks for the first call by itself."
    return "The Web Connector has called. Leave it and QuickBooks open until its session is over."


def sessions(connection: Connection, before: str) -> tuple[list[Session], int | None]:
    """A page of sessions, the latest first, and where the next page begins."""
    rows = connection.sessions.order_by("-id")
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: SESSIONS + 1])
    return found[:SESSIONS], found[SESSIONS - 1].pk if len(found) > SESSIONS else None


def took(session: Session) -> timedelta:
    """How long it took, or has been going on so far as its calls show."""
    return (session.ended_at or session.last_call_at) - session.started_at


def exchanges(session: Session, after: str) -> tuple[list[Exchange], int | None]:
    """A page of what was exchanged, in its order, with the beginnings of the texts; and where the next page begins."""
    rows: QuerySet[Any] = session.exchanges.order_by("id").defer("sent", "received")
    rows = rows.annotate(
        sent_start=Left("sent", SHOWN),
        sent_length=Length("sent"),
        received_start=Left("received", SHOWN),
        received_length=Length("received"),
    )
    if after.isdecimal() and len(after) < 19:
        rows = rows.filter(pk__gt=int(after))
    found = list(rows[: EXCHANGES + 1])
    return found[:EXCHANGES], found[EXCHANGES - 1].pk if len(found) > EXCHANGES else None
