"""What every page says while a company file's Web Connector needs somebody."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounting.context import connected_books
from accounting.models import Integration
from companies.access import membership_of
from companies.noticing import Found
from qbd import noticing


def web_connector(request: HttpRequest) -> dict[str, Any]:
    """`web_connector_notices`, asked for only by the pages that show them."""
    return {"web_connector_notices": lambda: _notices(request)}


def _notices(request: HttpRequest) -> list[Found]:
    membership = membership_of(request) if hasattr(request, "user") and hasattr(request, "session") else None
    # Most companies have no PC to ask for.
    if membership is None or not any(books.kind == Integration.Kind.QBD for books in connected_books(request)):
        return []
    # The page that follows the set-up says it itself, and anew every few seconds.
    match = request.resolver_match
    told = match.kwargs.get("pk") if match is not None and match.view_name == "qbd:set_up" else None
    told_key = noticing.key(told) if told is not None else ""
    return [notice for notice in noticing.found(membership.company) if notice.key != told_key]
