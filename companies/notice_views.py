"""The notifications of a company, and what each person wants mailed."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from companies import access, mailing, noticing
from companies.models import Digest


@require_safe
@access.member_reads
def notifications(request: access.MemberRequest) -> HttpResponse:
    """What needs somebody now; whoever looks has seen it."""
    noticing.look(request.membership.company_id)
    notices = noticing.shown_to(request.membership)
    return render(request, "companies/notifications.html", {"notices": notices})


@access.member_reads
def settings(request: access.MemberRequest) -> HttpResponse:
    """Each person's own choices, saved at once; the answer shows what is stored."""
    if request.method == "POST":
        _save(request)
        if not request.headers.get("HX-Request"):
            return redirect("notifications:settings")
        return render(request, "companies/_mail_settings.html", _choices(request) | {"just_saved": True})
    stuck = mailing.stuck(request.membership)
    return render(request, "companies/notification_settings.html", _choices(request) | {"stuck": stuck})


def _save(request: access.MemberRequest) -> None:
    """Set, never flipped; a value that is none of ours changes nothing."""
    if (digest := request.POST.get("digest")) in Digest.values:
        mailing.choose_digest(request.membership, Digest(digest))
    if (at_once := request.POST.get("at_once")) in ("on", "off"):
        mailing.choose_at_once(request.membership, at_once == "on")


def _choices(request: access.MemberRequest) -> dict[str, Any]:
    return {
        "digests": [(choice, choice == request.membership.digest) for choice in Digest],
        "at_once": request.membership.gets_mail_at_once,
    }
