"""Completeness: does a month tie out between Procore, inBuild and QuickBooks?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from companies import access
from companies.models import Membership
from inbuild import sheets
from procore_sync.models import MonthCheck, ProcoreIntegration

SIDES = (("procore", "Approved in Procore"), ("inbuild", "In inBuild"), ("books", "In QuickBooks"))
COLUMNS = (
    "Project",
    "Invoice",
    "Vendor",
    "Billing date",
    "Currency",
    "Approved in Procore",
    "In inBuild",
    "In QuickBooks",
    "Difference",
)


@require_safe
@access.workers_write
def page(request: access.MemberRequest) -> HttpResponse:
    """The last check of a month; while one runs, how far it is."""
    month = _month(request.GET.get("month", ""), request.membership)
    checks = MonthCheck.objects.filter(company=request.membership.company, month=month).order_by("-id")
    running = checks.filter(done_at=None).first()
    last = checks.exclude(done_at=None).select_related("asked_by").first()
    context: dict[str, Any] = {
        "month": month,
        "running": running,
        "last": last,
        "report": _report(last) if last else None,
        "procore": ProcoreIntegration.active(request.membership.company),
        "can_work": request.membership.can_work,
        "workers_only": access.WORKERS_ONLY,
    }
    is_part = request.headers.get("HX-Target") == "completeness"
    return render(request, f"procore_sync/{'_completeness' if is_part else 'completeness'}.html", context)


@require_POST
@access.workers_write
def check(request: access.MemberRequest) -> HttpResponse:
    """Ask Procore and QuickBooks anew."""
    month = _month(request.POST.get("month", ""), request.membership)
    integration = ProcoreIntegration.active(request.membership.company)
    if integration is None:
        messages.warning(request, "Procore is not connected, so there is nothing to compare.")
    else:
        MonthCheck.ask(integration, month, user=request.user)
    return redirect(f"{reverse('procore:completeness')}?{urlencode({'month': f'{month:%Y-%m}'})}")


@require_safe
@access.workers_write
def download(request: access.MemberRequest) -> HttpResponseBase:
    """Every invoice of the last check of a month, as CSV."""
    month = _month(request.GET.get("month", ""), request.membership)
    checks = MonthCheck.objects.filter(company=request.membership.company, month=month).exclude(done_at=None)
    last = checks.order_by("-id").first()
    if last is None:
        raise Http404
    answer = StreamingHttpResponse(sheets.written(_rows(last)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="inbuild-completeness-{month:%Y-%m}.csv"'
    return answer


def _month(text: str, membership: Membership) -> date:
    """The month asked for; this one, by the company's zone, where nothing sensible was."""
    try:
        year, month = text.split("-")
        return date(int(year), int(month), 1)
    except ValueError:
        return timezone.now().astimezone(ZoneInfo(membership.company.time_zone)).date().replace(day=1)


def _report(check: MonthCheck) -> dict[str, Any]:
    found = check.result or {"projects": [], "problems": []}
    projects = [_project(project) for project in found["projects"]]
    shown = [project for project in projects if project["lines"] or project["problem"]]
    problems = [*found["problems"], *(project["problem"] for project in projects if project["problem"])]
    differences = sum(project["differences"] for project in projects)
    return {
        "projects": shown,
        "problems": found["problems"],
        "differences": differences,
        "ties_out": not differences and not problems,
        "sides": [(label, *_sum(projects, name)) for name, label in SIDES],
        "invoices": sum(len(project["lines"]) for project in projects),
    }


def _project(project: dict[str, Any]) -> dict[str, Any]:
    lines = [
        line | {side: Decimal(line[side]) if line[side] is not None else None for side, _ in SIDES}
        for line in project["lines"]
    ]
    sides = [(label, project[name]["count"], _amounts(project[name]["sums"])) for name, label in SIDES]
    return project | {"lines": lines, "wrong": [line for line in lines if line["words"]], "sides": sides}


def _amounts(sums: list[list[str]]) -> list[tuple[str, Decimal]]:
    return [(currency, Decimal(total)) for currency, total in sums]


def _sum(projects: list[dict[str, Any]], side: str) -> tuple[int, list[tuple[str, Decimal]]]:
    totals: dict[str, Decimal] = {}
    for project in projects:
        for currency, total in _amounts(project[side]["sums"]):
            totals[currency] = totals.get(currency, Decimal(0)) + total
    return sum(project[side]["count"] for project in projects), sorted(totals.items())


def _rows(check: MonthCheck) -> Iterator[tuple[str, ...]]:
    yield COLUMNS
    for project in (check.result or {}).get("projects", ()):
        for line in project["lines"]:
            texts = (project["name"], line["number"], line["vendor"])
            yield (
                *map(sheets.safe, texts),
                line["day"],
                line["currency"],
                *(line[side] or "" for side, _ in SIDES),
                sheets.safe(line["words"]),
            )
