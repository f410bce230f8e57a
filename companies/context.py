"""What every page needs to know: the company, the role, the other companies one may switch to."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from companies import noticing
from companies.access import membership_of
from companies.models import Membership


def company(request: HttpRequest) -> dict[str, Any]:
    if not hasattr(request, "user") or not hasattr(request, "session"):
        return {}
    membership = membership_of(request)
    if membership is None:
        return {}
    memberships = Membership.objects.filter(user_id=membership.user_id).select_related("company")
    return {
        "membership": membership,
        "company": membership.company,
        "memberships": memberships.order_by("company__name"),
        # Asked for only by the pages that have a bell.
        "news": lambda: noticing.news_for(membership),
    }
