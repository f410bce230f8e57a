"""Why isn't it in QuickBooks? One question, every gate, and the one thing to do."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from companies import access
from inbuild import http
from invoices.models import Invoice
from procore_sync import asking, finding, links
from procore_sync.finding import Found
from procore_sync.models import ProcoreIntegration, ProcoreInvoice

QUESTIONS_A_MINUTE = 30
MINUTE = 60.0
ASKED = "asked"
SEARCH_SECONDS = 5.0
PATIENCE_SECONDS = 9.0
TOO_MANY = (
    f"That were {QUESTIONS_A_MINUTE} questions within a minute. Each one asks Procore and QuickBooks, so please wait a "
    "minute before the next."
)


@require_safe
@access.workers_write
def why(request: access.MemberRequest) -> HttpResponse:
    """The search box, and the answer where something was asked."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[: links.LONGEST]
    asked = bool(text) or any(name in request.GET for name in ("invoice", "id"))
    context: dict[str, Any] = {
        "text": text,
        "can_work": request.membership.can_work,
        "not_workers": access.WORKERS_ONLY,
    }
    is_part = request.headers.get("HX-Target") == "answer"
    template = "procore_sync/_why_result.html" if is_part else "procore_sync/why.html"
    if asked and not _may_ask(request):
        # htmx shows no answer of 429.
        return render(request, template, context | {"refused": TOO_MANY}, status=200 if is_part else 429)
    if asked:
        with http.within(PATIENCE_SECONDS):
            found = _found(request, text)
            context["found"] = found
            if found.subject is not None:
                context["answer"] = asking.explain(found.subject, request.membership)
    return render(request, template, context)


@require_POST
@access.workers_write
def compare(request: access.MemberRequest) -> HttpResponse:
    """Look through all of Procore for what inBuild has not heard of."""
    integration = ProcoreIntegration.active(request.membership.company)
    if integration is None:
        raise Http404
    integration.compare_soon()
    messages.success(request, "inBuild compares all projects with Procore now. Ask again in a few minutes.")
    text = request.POST.get("q", "")[: links.LONGEST]
    return redirect(reverse("procore:why") + ("?" + urlencode({"q": text}) if text else ""))


def _found(request: access.MemberRequest, text: str) -> Found:
    company = request.membership.company
    if "invoice" in request.GET:
        rows = Invoice.objects.select_related("company", "vendor", "project", "bill__integration")
        invoice = get_object_or_404(rows, company=company, public_id=_uuid(request.GET["invoice"]))
        return Found(subject=finding.subject_of_invoice(invoice))
    if "id" in request.GET:
        kind = request.GET.get("kind", "")
        if kind not in ProcoreInvoice.Kind.values:
            raise Http404
        project_id, procore_id = _id(request, "project"), _id(request, "id")
        subject = finding.subject_of(company, kind=kind, project_id=project_id, procore_id=procore_id)
        return Found(subject=subject, told=[] if subject else ["No Procore is connected to your company."])
    with http.within(SEARCH_SECONDS):
        return finding.find(company, text)


def _uuid(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise Http404 from None


def _id(request: HttpRequest, name: str) -> int:
    value = request.GET.get(name, "")
    if not (value.isascii() and value.isdecimal() and 0 < len(value) <= 18):
        raise Http404
    return int(value)


def _may_ask(request: access.MemberRequest) -> bool:
    """Questions cost calls outside. Counted where the person is signed in, so that it needs nothing else to be up."""
    now = time.time()
    recent = [at for at in request.session.get(ASKED, []) if now - at < MINUTE]
    if len(recent) >= QUESTIONS_A_MINUTE:
        return False
    request.session[ASKED] = [*recent, now]
    return True
