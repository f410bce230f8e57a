"""Settings → Approvals: up to which amount each role may approve an invoice made in inBuild."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render

from companies import access
from companies.models import Role
from invoices import approving
from invoices.forms import LimitForm


@access.admin_writes
def page(request: access.MemberRequest) -> HttpResponse:
    """Each choice is saved at once; the answer shows what is stored."""
    if request.method != "POST":
        return render(request, "invoices/approvals.html", _shown(request))
    form = LimitForm(request.POST)
    is_saved = _save(request, form)
    context = _shown(request) | {"just_saved": is_saved, "form": form}
    if request.headers.get("HX-Request"):
        return render(request, "invoices/_approval_limits.html", context, status=200 if is_saved else 422)
    return redirect("approvals") if is_saved else render(request, "invoices/approvals.html", context, status=422)


def _save(request: access.MemberRequest, form: LimitForm) -> bool:
    """Set, never flipped. An amount is only asked for where there shall be one."""
    company, limits = request.membership.company, {"any": None, "none": Decimal(0)}
    kind = request.POST.get("limit", "")
    if kind in limits:
        approving.set_limit(company, Role.ACCOUNTANT, limits[kind], user=request.user)
        return True
    if kind == "upto" and form.is_valid():
        approving.set_limit(company, Role.ACCOUNTANT, form.cleaned_data["amount"], user=request.user)
        return True
    return False


def _shown(request: access.MemberRequest) -> dict[str, Any]:
    of_roles = approving.of_roles(request.membership.company)
    accountant = next(each for each in of_roles if each.role == Role.ACCOUNTANT)
    has_amount = not (accountant.is_any or accountant.is_none)
    return {
        "of_roles": of_roles,
        "accountant": accountant,
        "form": LimitForm(initial={"amount": accountant.limit if has_amount else None}),
        "can_change": request.membership.is_admin,
    }
