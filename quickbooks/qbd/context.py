"""What every page says while a company file's Web Connector needs somebody."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounting.models import Integration
from companies.access import membership_of
from inbuild.queue import database_now
from qbd import health
from qbd.models import Connection


def web_connector(request: HttpRequest) -> dict[str, Any]:
    """`web_connector_notices`, asked for only by the pages that show them."""
    return {"web_connector_notices": lambda: _notices(request)}


def _notices(request: HttpRequest) -> list[dict[str, str]]:
    membership = membership_of(request) if hasattr(request, "user") and hasattr(request, "session") else None
    if membership is None:
        return []
    active = Integration.active(membership.company)
    rows = list(Connection.objects.filter(integration__in=active).select_related("integration").order_by("id"))
    if not rows:
        return []
    now = database_now()
    # The page that follows the set-up says it itself, and anew every few seconds.
    match = request.resolver_match
    told = match.kwargs.get("pk") if match is not None and match.view_name == "qbd:set_up" else None
    found = [
        _notice(row, health.words(row, now), is_one_of_several=len(rows) > 1)
        for row in rows
        if row.integration_id != told
    ]
    return [notice for notice in found if notice["words"]]


def _notice(connection: Connection, words: str, *, is_one_of_several: bool) -> dict[str, str]:
    name = f"{connection.integration.account_name}: " if is_one_of_several else ""
    return {
        "colour": "bad" if connection.trouble else "warn",
        "words": f"{name}{words}" if words else "",
        "label": "See the Web Connector",
        "url": f"{reverse('accounting:integrations')}?file={connection.integration_id}#web-connector",
    }
