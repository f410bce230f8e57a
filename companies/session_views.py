"""Where I am signed in: my own sessions, each of which I may end."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from companies import access, auditing, sessions


@require_safe
@login_required
def my_sessions(request: HttpRequest) -> HttpResponse:
    own = request.session.session_key
    shown = [
        {
            "session": session,
            "device": sessions.device(session.user_agent),
            "is_this_one": session.session_key == own,
        }
        for session in sessions.of(request.user)  # type: ignore[arg-type]
    ]
    return render(request, "companies/sessions.html", {"sessions": shown})


@require_POST
@login_required
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    session = get_object_or_404(UserSession, user=request.user, pk=pk)
    if session.session_key == request.session.session_key:
        messages.error(request, "You are using this one now. Sign out to end it.")
        return redirect("members:sessions")
    device = sessions.device(session.user_agent)
    with transaction.atomic():
        session.end()
        _record(request, f"Signed themselves out on {device}.")
    messages.success(request, f"Signed out on {device}.")
    return redirect("members:sessions")


@require_POST
@login_required
def end_others(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        ended = sessions.end_all(request.user, but=request.session.session_key)  # type: ignore[arg-type]
        if ended:
            _record(request, "Signed themselves out everywhere else.")
    messages.success(request, "You are signed out everywhere else.")
    return redirect("members:sessions")


def _record(request: HttpRequest, sentence: str) -> None:
    """In the company they work in; who has none leaves no trace in any."""
    if (membership := access.membership_of(request)) is not None:
        auditing.record(membership.company_id, "sessions.ended", membership, sentence, user=membership.user)
