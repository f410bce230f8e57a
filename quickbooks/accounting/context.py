"""What every page says about the connection to the books: one notice for the company, not one for each bill."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest

from accounting import attention, noticing
from companies.access import membership_of
from companies.noticing import Found


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


def _notices(request: HttpRequest) -> list[Found]:
    membership = membership_of(request) if hasattr(request, "user") and hasattr(request, "session") else None
    if membership is None:
        return []
    return [notice for notice in noticing.connections(membership.company) if notice.is_for(membership)]
