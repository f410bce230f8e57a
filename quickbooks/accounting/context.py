"""What every page says about the connection to the books: one notice for the company, not one for each bill."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounting import attention
from accounting.models import Integration
from companies.access import membership_of

AHEAD = timedelta(days=30)


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


def _notices(request: HttpRequest) -> list[dict[str, str]]:
    membership = membership_of(request) if hasattr(request, "user") and hasattr(request, "session") else None
    if membership is None:
        return []
    found = [
        _notice(row, is_admin=membership.is_admin) for row in Integration.active(membership.company).order_by("id")
    ]
    return [notice for notice in found if notice]


def _notice(integration: Integration, *, is_admin: bool) -> dict[str, str]:
    name, url = integration.get_kind_display(), reverse("accounting:integrations")
    if integration.state == Integration.State.NEEDS_RECONNECT:
        words = "QuickBooks no longer accepts inBuild's connection. Bills wait until a company admin reconnects it."
        return {"colour": "bad", "words": words, "label": "Reconnect QuickBooks", "url": url}
    if integration.confirm_switch:
        words = f"Bills wait for an admin to confirm that they shall go to {integration.account_name}."
        return {"colour": "warn", "words": words, "label": "Open settings", "url": url}
    if is_admin and integration.ends_at and integration.ends_at < timezone.now() + AHEAD:
        day = integration.ends_at.astimezone(ZoneInfo(integration.company.time_zone))
        words = f"The connection to {name} ends on {day:%b} {day.day}, {day.year}. Reconnect before then."
        return {"colour": "warn", "words": words, "label": "Reconnect", "url": url}
    return {}
