"""What every page needs to know: the company, the role, the other companies one may switch to."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from companies import noticing
from companies.access import membership_of, memberships_of


def company(request: HttpRequest) -> dict[str, Any]:
    if not hasattr(request, "user") or not hasattr(request, "session"):
        return {}
    membership = membership_of(request)
    if membership is None:
        return {}
    return {
        "membership": membership,
        "company": membership.company,
        "memberships": memberships_of(request),
        # Asked for only by the pages that have a bell.
        "news": lambda: noticing.news_for(membership),
    }
