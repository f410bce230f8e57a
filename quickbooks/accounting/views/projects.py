"""Settings → Accounting Integrations → Projects and company files: which file takes a project's bills."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounting import routing
from accounting.models import Integration
from accounting.views.integrations import going_on
from companies import access
from invoices.models import Project


@require_http_methods(["GET", "HEAD", "POST"])
@access.admin_writes
def projects(request: access.MemberRequest) -> HttpResponse:
    company = request.membership.company
    files = list(Integration.active(company).order_by("account_name", "id"))
    if request.method == "POST":
        if request.POST.get("do") == "rest":
            _choose_for_the_rest(request, files)
        else:
            _choose(request, files)
        kept = {name: request.GET[name] for name in ("q", "after") if request.GET.get(name)}
        return redirect(f"{reverse('accounting:projects')}{'?' if kept else ''}{urlencode(kept)}")
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    after = request.GET.get("after", "")
    rows, next_after = routing.page(company, text=text, after=after)
    context: dict[str, Any] = {
        "company_files": files,
        "rows": rows,
        "text": text,
        "undecided": routing.undecided(company),
        "query": urlencode({"q": text, "after": after}),
        "first_query": urlencode({"q": text}),
        "next_query": urlencode({"q": text, "after": next_after}) if next_after else "",
        "is_first_page": not after,
    }
    return render(request, "accounting/projects.html", context)


def _choose(request: access.MemberRequest, files: list[Integration]) -> None:
    """Every row whose list says another file than the page showed. All of them are one's own, or none is done."""
    wanted = {
        name.removeprefix("file-"): _file(files, str(value))
        for name, value in request.POST.items()
        if name.startswith("file-") and value and value != request.POST.get(f"was-{name.removeprefix('file-')}", "")
    }
    if not all(pk.isdecimal() and len(pk) < 19 for pk in wanted):
        raise Http404
    own = Project.objects.filter(company=request.membership.company).in_bulk([int(pk) for pk in wanted])
    if len(own) != len(wanted):
        raise Http404
    freed = sum(routing.choose(own[int(pk)], file, user=request.user) for pk, file in wanted.items())
    if not wanted:
        messages.warning(request, "Nothing was changed.")
        return
    messages.success(request, f"Saved for {_projects(len(wanted))}.{going_on(freed)}")


def _choose_for_the_rest(request: access.MemberRequest, files: list[Integration]) -> None:
    if not request.POST.get("to"):
        messages.warning(request, "Choose a company file first.")
        return
    file = _file(files, request.POST["to"])
    count, freed = routing.choose_for_the_rest(request.membership.company, file, user=request.user)
    messages.success(request, f"Bills of {_projects(count)} go to {file.account_name}.{going_on(freed)}")


def _file(files: list[Integration], pk: str) -> Integration:
    found = next((file for file in files if str(file.pk) == pk), None)
    if found is None:
        raise Http404
    return found


def _projects(count: int) -> str:
    return f"{count:,} project{'s' if count != 1 else ''}"
