"""Mappings out as CSV and in again: looked at first, then all or nothing."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting import listing, mapping, mapping_file
from accounting.listing import Tab
from accounting.models import Integration
from accounting.views import choosing
from accounting.views.mapping import tell
from companies import access

SHOWN = 50


@require_safe
@access.workers_write
def download(request: access.MemberRequest) -> HttpResponseBase:
    integration, tab = _tab(request)
    waiting = listing.causes(integration.company_id, listing.tabs(integration))
    rows = listing.everything(integration, tab, waiting)
    answer = StreamingHttpResponse(mapping_file.written(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="inbuild-mapping-{tab.name}.csv"'
    return answer


@require_POST
@access.workers_write
def upload(request: access.MemberRequest) -> HttpResponse:
    """Show what the file would change; nothing is changed yet."""
    integration, tab = _tab(request)
    file = request.FILES.get("file")
    context: dict[str, Any] = {"tab": tab, "shown": SHOWN} | choosing.among(request, integration)
    if file is None:
        return render(
            request, "accounting/mapping_file.html", context | {"refusal": "Choose a file first."}, status=422
        )
    try:
        reading = mapping_file.read(file.read(mapping_file.BYTES + 1), integration, tab)
    except mapping_file.Unreadable as exc:
        return render(request, "accounting/mapping_file.html", context | {"refusal": str(exc)}, status=422)
    context |= {
        "reading": reading,
        "wanted": json.dumps([[change.key, change.entry.pk] for change in reading.changes]),
    }
    return render(request, "accounting/mapping_file.html", context, status=422 if reading.mistakes else 200)


@require_POST
@access.workers_write
def apply(request: access.MemberRequest) -> HttpResponse:
    """Exactly what was shown, in one step: if one of it is no longer there, nothing is done."""
    integration, tab = _tab(request)
    back = f"{reverse('accounting:mapping')}?tab={tab.name}"
    wanted = _wanted(request.POST.get("wanted", ""))
    ours = listing.ours_of(integration, tab, wanted)
    entries = listing.entries(integration, tab.kind).in_bulk()
    if not wanted or len(ours) != len(wanted) or not set(wanted.values()) <= set(entries):
        messages.error(
            request, "The lists changed since the file was read. Nothing was changed. Choose the file again."
        )
        return redirect(back)
    pairs = [(one, entries[wanted[key]]) for key, one in ours.items()]
    tell(request, mapping.choose_all(integration, pairs, user=request.user), len(pairs))
    return redirect(back)


def _wanted(text: str) -> dict[str, int]:
    """Key → entry; empty for anything that is not what `upload` wrote."""
    try:
        found = json.loads(text)
        return {str(key): entry for key, entry in found if isinstance(entry, int)}
    except (ValueError, TypeError):
        return {}


def _tab(request: access.MemberRequest) -> tuple[Integration, Tab]:
    integration = choosing.chosen(request)
    if integration is None:
        raise Http404
    tabs = listing.tabs(integration)
    return integration, next((tab for tab in tabs if tab.name == request.GET.get("tab")), tabs[0])
