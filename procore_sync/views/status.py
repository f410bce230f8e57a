"""The status page: does the background work go on, and when was each side last heard of?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounting.models import Integration
from companies import access
from companies.models import Company
from inbuild import pulse
from procore_sync.models import ProcoreIntegration
from qbd.models import Connection


@dataclass(frozen=True, slots=True)
class Heard:
    """One side, and when it was last heard of; `at` null: not yet."""

    what: str
    words: str
    at: datetime | None


@require_safe
@access.member_reads
def page(request: access.MemberRequest) -> HttpResponse:
    company = request.membership.company
    context = {
        "standstills": pulse.standstills(company.pk),
        "waits_since": pulse.waits_since(company.pk),
        "heard": [*_of_procore(company), *_of_books(company)],
    }
    return render(request, "status.html", context)


def _of_procore(company: Company) -> Iterator[Heard]:
    integration = ProcoreIntegration.active(company)
    if integration is None:
        return
    swept = integration.projects.filter(is_open=True).aggregate(at=Max("swept_at"))["at"]
    told = "Procore's last message about a change, from any project."
    yield Heard("Message from Procore", told, integration.last_delivery_at)
    yield Heard("Look for changes in Procore", "inBuild looks by itself too, in case a message is lost.", swept)
    yield Heard(
        "Look at the connection", integration.check_result or "Sign-in, projects, hooks.", integration.checked_at
    )


def _of_books(company: Company) -> Iterator[Heard]:
    for integration in Integration.active(company).order_by("id"):
        name = integration.account_name or integration.get_kind_display()
        yield Heard(f"Bill sent to {name}", integration.get_state_display(), integration.last_sync_at)
    for connection in Connection.objects.filter(integration__in=Integration.active(company)).order_by("pk"):
        yield Heard("Call of the Web Connector", "From the PC with QuickBooks Desktop.", connection.last_contact_at)
