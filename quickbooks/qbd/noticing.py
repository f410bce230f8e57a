"""What needs somebody at the PC: a company file's Web Connector that is silent, refused or at the wrong file."""

from __future__ import annotations

from django.urls import reverse

from accounting.models import Integration
from companies.models import Company
from companies.noticing import Found
from inbuild.queue import database_now
from qbd import health
from qbd.models import Connection


def found(company: Company) -> list[Found]:
    active = Connection.objects.filter(company=company).exclude(integration__state=Integration.State.DISCONNECTED)
    rows = list(active.select_related("integration").order_by("id"))
    if not rows:
        return []
    now = database_now()
    return [_found(row, words, is_one_of_several=len(rows) > 1) for row in rows if (words := health.words(row, now))]


def key(integration_id: int) -> str:
    return f"desktop:{integration_id}"


def _found(connection: Connection, words: str, *, is_one_of_several: bool) -> Found:
    name = f"{connection.integration.account_name}: " if is_one_of_several else ""
    return Found(
        key(connection.integration_id),
        f"{name}{words}",
        "See the Web Connector",
        f"{reverse('accounting:integrations')}?file={connection.integration_id}#web-connector",
        "bad" if connection.trouble else "warn",
        is_lost_connection=True,
    )
