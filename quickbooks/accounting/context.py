"""What every page says about the connection to the books: one notice for the company, not one for each bill."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest

from accounting import attention, noticing
from accounting.models import Integration
from companies.access import membership_of
from companies.noticing import Found
from inbuild.written import Written


def connection(request: HttpRequest) -> dict[str, Any]:
    """`connection_notices` and `attention_count`, asked for only by the pages that show them."""
    return {
        "connection_notices": lambda: _notices(request),
        "attention_count": cache(lambda: _count(request)),
    }


def _count(request: HttpRequest) -> int:
    """How many invoices need a person; asked once for a page, however often it says it."""
    membership = membership_of(request) if hasattr(request, "user") and hasattr(request, "session") else None
    return attention.count(membership.company_id) if membership else 0


def connected_books(request: HttpRequest) -> list[Integration]:
    """The company's active integrations, read once for a page; none for a stranger."""
    if not hasattr(request, "_connected_books"):
        membership = membership_of(request) if hasattr(request, "user") and hasattr(request, "session") else None
        rows = _ACTIVE(membership.company_id) if membership else []
        request._connected_books = rows  # type: ignore[attr-defined]
    return request._connected_books  # type: ignore[attr-defined,no-any-return]


_ACTIVE = Written(lambda company_id: Integration.active(company_id).order_by("id"), int)


def _notices(request: HttpRequest) -> list[Found]:
    membership = membership_of(request) if hasattr(request, "user") and hasattr(request, "session") else None
    if membership is None:
        return []
    found = noticing.of_connections(connected_books(request), membership.company)
    return [notice for notice in found if notice.is_for(membership)]
