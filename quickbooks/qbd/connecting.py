"""Connecting a QuickBooks Desktop company file: its file for the Web Connector, its password, its end."""

from __future__ import annotations

import secrets
import uuid

from django.db import transaction

from accounting import configuring, waking
from accounting.models import Integration
from companies import auditing
from companies.models import Company, User
from qbd import door, qwc
from qbd.models import Connection


class CannotConnect(Exception):
    """The text is for the admin who is connecting."""


def add(company: Company, name: str, *, user: User) -> tuple[Connection, str]:
    """A company file by the name people call it, and the password, which is shown once. Raises CannotConnect.

    It takes bills from the moment its Web Connector calls.
    """
    name = " ".join(name.split())[:100]
    if not name:
        raise CannotConnect("Give the company file a name, so that you can tell it from others.")
    others = Integration.active(company).filter(kind=Integration.Kind.QBD)
    if others.filter(account_name__iexact=name).exists():
        raise CannotConnect(f"There is a company file called {name} already.")
    file_id = f"{{{uuid.uuid4()}}}".upper()
    try:
        with transaction.atomic():
            integration = configuring.connect(
                company, kind=Integration.Kind.QBD, external_id=file_id, account_name=name, user=user
            )
            connection = Connection(company=company, integration=integration, key=secrets.token_urlsafe(24))
            connection.username = f"inbuild-{integration.pk}"
            password = connection.set_password()
            connection.save()
    except configuring.AlreadyConnected as exc:
        raise CannotConnect(str(exc)) from exc
    waking.wake(company.pk, "not_connected", "reconnect", "paused")
    return connection, password


def file_for_pc(connection: Connection) -> bytes:
    """The .qwc file; it never holds the password. The support page is the door itself: it answers everybody.

    Raises ValueError where inBuild has an address that the Web Connector cannot call.
    """
    address = door.address(connection)
    return qwc.qwc(
        name=connection.integration.account_name,
        address=address,
        support=address,
        user_name=connection.username,
        file_id=uuid.UUID(connection.file_id),
        minutes=connection.interval_minutes,
    )


def new_password(connection: Connection, *, user: User) -> str:
    """It is shown once; the Web Connector is let in only with this one from now on."""
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        password = row.set_password()
        row.save(update_fields=["password_sha256", "password_set_at", "wrong_passwords", "shut_until"])
        words = f"Made a new Web Connector password for {row.integration.account_name}"
        auditing.record(row.company_id, "integration.password", row.integration, words, user=user)
    return password


def disconnect(connection: Connection, *, user: User) -> None:
    """Bills wait; mappings, history and the file's identity stay for a reconnection."""
    configuring.disconnect(connection.integration, user=user)


def reconnect(connection: Connection, *, user: User) -> None:
    """The same file with the same identity: the Web Connector on the PC needs nothing new. Raises CannotConnect."""
    integration = connection.integration
    try:
        configuring.connect(
            integration.company,
            kind=Integration.Kind.QBD,
            external_id=integration.external_id,
            account_name=integration.account_name,
            user=user,
        )
    except configuring.AlreadyConnected as exc:
        raise CannotConnect(str(exc)) from exc
    waking.wake(integration.company_id, "not_connected", "reconnect", "paused")
