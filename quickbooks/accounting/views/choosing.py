"""Which of several company files the pages show; each page says which, and what is posted names it."""

from __future__ import annotations

from typing import Any

from django.http import Http404

from accounting.models import Integration
from companies import access

SESSION_KEY = "company_file"


def chosen(request: access.MemberRequest) -> Integration | None:
    """The active QuickBooks that `?file=` names, else the one looked at before, else the first; None without any.

    Looking at one that was disconnected shows another; posting to it is a 404, and so is a foreign one always.
    """
    active = _active(request)
    wanted = request.GET.get("file")
    found = next((one for one in active if str(one.pk) == wanted), None)
    if wanted is not None and found is None:
        _own_or_404(request, wanted)
    if found is not None:
        remember(request, found)
        return found
    kept = request.session.get(SESSION_KEY)
    return next((one for one in active if one.pk == kept), next(iter(active), None))


def remember(request: access.MemberRequest, integration: Integration) -> None:
    if request.session.get(SESSION_KEY) != integration.pk:
        request.session[SESSION_KEY] = integration.pk


def among(request: access.MemberRequest, integration: Integration) -> dict[str, Any]:
    """For the switcher: the company's files, where there is more than one, and how an address names this one."""
    active = _active(request)
    if len(active) < 2:
        return {"company_files": [], "file_query": ""}
    return {"company_files": active, "file_query": f"file={integration.pk}"}


def _active(request: access.MemberRequest) -> list[Integration]:
    rows = Integration.active(request.membership.company).select_related("company", "connected_by")
    return list(rows.order_by("id"))


def _own_or_404(request: access.MemberRequest, wanted: str) -> None:
    is_own = wanted.isdecimal() and len(wanted) < 19
    is_own = is_own and Integration.objects.filter(company=request.membership.company, pk=int(wanted)).exists()
    if not is_own or request.method not in ("GET", "HEAD"):
        raise Http404
