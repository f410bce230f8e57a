"""One deed on many invoices of the list: asked about first, then done by a worker, with its progress on a page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Max, QuerySet
from django.http import FileResponse, Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounting import bulk, exporting, filtering
from accounting.filtering import COUNT_CAP, Filter
from accounting.models import BulkRun
from companies import access
from companies.models import Company
from invoices.models import Invoice

MOST_ROWS = 200  # on one page of the list stand fifty
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TOO_MANY_FOR_EXCEL = (
    f"An Excel file takes at most {exporting.EXCEL_ROWS:,} invoices. Narrow the filters, or take the CSV, which takes "
    "any number."
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stood under the button: ticked rows, or all that match up to the newest there was."""

    wanted: Filter
    rows: QuerySet[Invoice]
    ids: tuple[str, ...]
    is_all: bool


def _chosen(company: Company, given: QueryDict) -> Chosen:
    """Only what is the company's own; ids that are none are left out."""
    wanted = filtering.read(company, QueryDict(given.get("filter", "")[:2000]))
    is_all = given.get("all") == "1"
    if is_all:
        rows = filtering.matching(company, wanted)
        newest = given.get("newest", "")
        if newest.isascii() and newest.isdecimal() and len(newest) < 19:
            rows = rows.filter(pk__lte=int(newest))  # none that came since the page was shown
        return Chosen(wanted, rows, (), is_all)
    ids = tuple(str(found) for row in given.getlist("row")[:MOST_ROWS] if (found := _uuid(row)) is not None)
    return Chosen(wanted, Invoice.objects.filter(company=company, public_id__in=ids), ids, is_all)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@require_POST
@access.workers_write
def ask(request: access.MemberRequest) -> HttpResponse:
    """What would be done, with how many, and with which not and why. Changes nothing."""
    company = request.membership.company
    deed = _deed(request.POST)
    chosen = _chosen(company, request.POST)
    is_too_many = not filtering.is_few(chosen.rows)
    answer = bulk.Answer(COUNT_CAP + 1, ()) if is_too_many else bulk.ask(chosen.rows, deed)
    back = f"{reverse('invoices:list')}?{chosen.wanted.query}"
    if not answer.chosen:
        messages.warning(request, "Choose at least one invoice first.")
        return redirect(back)
    context = {
        "deed": deed,
        "words": bulk.WORDS[deed],
        "answer": answer,
        "is_too_many": is_too_many,
        "most": COUNT_CAP,
        "token": uuid.uuid4(),
        "filter": chosen.wanted.query,
        "ids": chosen.ids,
        "is_all": chosen.is_all,
        "newest": chosen.rows.order_by().aggregate(newest=Max("pk"))["newest"],
        "back": back,
    }
    return render(request, "invoices/bulk_ask.html", context)


@require_POST
@access.workers_write
def begin(request: access.MemberRequest) -> HttpResponse:
    """Done, once for each page it was asked on: a second press leads to the run of the first."""
    company = request.membership.company
    deed, token = _deed(request.POST), _uuid(request.POST.get("token", ""))
    if token is None:
        raise Http404
    chosen = _chosen(company, request.POST)
    try:
        run = bulk.begin(company, chosen.rows, deed, token=token, query=chosen.wanted.query, user=request.user)
    except ValueError:
        messages.warning(request, f"Choose between one and {COUNT_CAP:,} invoices.")
        return redirect(f"{reverse('invoices:list')}?{chosen.wanted.query}")
    return redirect("bulk:run", public_id=run.public_id)


@require_safe
@access.workers_write
def run(request: access.MemberRequest, public_id: uuid.UUID) -> HttpResponse:
    """How far it is; the page asks again by itself until it is over."""
    rows = BulkRun.objects.select_related("by")
    found = get_object_or_404(rows, company=request.membership.company, public_id=public_id)
    told = bulk.progress(found)
    context: dict[str, Any] = {
        "run": found,
        "words": bulk.WORDS[BulkRun.Deed(found.deed)],
        "progress": told,
        "ended": told.done + told.refused_count,
        "back": f"{reverse('invoices:list')}?{found.filter}",
    }
    is_part = request.headers.get("HX-Target") == "bulk-run"
    return render(request, f"invoices/{'_bulk_run' if is_part else 'bulk_run'}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.member_reads
def export(request: access.MemberRequest, kind: str) -> HttpResponseBase:
    """GET: exactly what the address says. POST: the ticked ones, or where none is ticked what the list shows."""
    company = request.membership.company
    given: Any = request.GET
    chosen = None
    wanted = filtering.read(company, given)
    if request.method == "POST":
        picked = _chosen(company, request.POST)
        wanted, chosen = picked.wanted, picked.rows if picked.ids else None
    if wanted.unreadable:
        for words in wanted.unreadable:
            messages.error(request, words)
        return redirect("invoices:list")
    if kind == "csv":
        lines = exporting.as_csv(exporting.rows(company, wanted, chosen))
        return _named(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), "csv")
    every = filtering.matching(company, wanted) if chosen is None else chosen
    if every.order_by()[: exporting.EXCEL_ROWS + 1].count() > exporting.EXCEL_ROWS:
        messages.error(request, TOO_MANY_FOR_EXCEL)
        return redirect(f"{reverse('invoices:list')}?{wanted.query}")
    file = exporting.as_excel(exporting.rows(company, wanted, chosen))
    return _named(FileResponse(file, content_type=EXCEL), "xlsx")


def _named(response: HttpResponseBase, ending: str) -> HttpResponseBase:
    response["Content-Disposition"] = f'attachment; filename="invoices-{timezone.now():%Y-%m-%d}.{ending}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _deed(given: QueryDict) -> BulkRun.Deed:
    try:
        return BulkRun.Deed(given.get("deed", ""))
    except ValueError as exc:
        raise Http404 from exc
