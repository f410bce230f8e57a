"""Activity: who did what, by filters, on the page and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounting import activity
from accounting.activity import Filter, Thing
from companies import access, auditing
from companies.models import AuditEvent, Company
from inbuild import sheets
from procore_sync import presenting as procore


@require_safe
@access.member_reads
def page(request: access.MemberRequest) -> HttpResponse:
    company = request.membership.company
    wanted = activity.read(request.GET)
    found = activity.page(_events(company, wanted), after=request.GET.get("after", "")[:80])
    things = _things(company, found.events)
    context: dict[str, Any] = {
        "rows": [
            {
                "event": event,
                "who": auditing.who(event),
                "kind": activity.kind_of(event),
                "thing": things.get((event.object_type, event.object_id)),
            }
            for event in found.events
        ],
        "wanted": wanted,
        "people": activity.people(company),
        "kinds": [(name, label) for name, (label, _) in activity.KINDS.items()],
        "is_first_page": not request.GET.get("after"),
        "next_cursor": found.next_cursor,
    }
    template = (
        "accounting/_activity_rows.html" if request.headers.get("HX-Target") == "events" else "accounting/activity.html"
    )
    return render(request, template, context)


@require_safe
@access.member_reads
def download(request: access.MemberRequest) -> HttpResponseBase:
    """Exactly what the filter lets through, however much that is."""
    company = request.membership.company
    answer = StreamingHttpResponse(
        sheets.written(_lines(company, activity.read(request.GET))), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = 'attachment; filename="inbuild-activity.csv"'
    return answer


def _lines(company: Company, wanted: Filter) -> Iterator[tuple[str, ...]]:
    yield activity.HEAD
    zone = ZoneInfo(company.time_zone)
    for events in activity.batches(_events(company, wanted)):
        things = _things(company, events)
        for event in events:
            yield activity.cells(event, things.get((event.object_type, event.object_id)), zone)


def _events(company: Company, wanted: Filter) -> QuerySet[AuditEvent]:
    numbered = {"procoreinvoice": procore.numbered(company, wanted.number)} if wanted.number else {}
    return activity.matching(company, wanted, numbered)


def _things(company: Company, events: list[AuditEvent]) -> dict[tuple[str, str], Thing]:
    """Those in inBuild, and those that stayed in Procore, which the page Why tells about."""
    ids = [int(event.object_id) for event in events if event.object_type == "procoreinvoice"]
    left_out = {("procoreinvoice", str(pk)): Thing(*told) for pk, told in procore.originals(company, ids).items()}
    return activity.things(company, events) | left_out
