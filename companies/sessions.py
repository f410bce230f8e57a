"""Where somebody is signed in: kept by allauth.usersessions, noted as in use at most every five minutes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from companies.models import User

SEEN = "seen"
EVERY_SECONDS = 300
_BROWSERS = (
    (r"Edg(?:e|A|iOS)?/", "Edge"),
    (r"OPR/", "Opera"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/", "Chrome"),
    (r"Safari/", "Safari"),
)
_SYSTEMS = (
    (r"iPhone", "iPhone"),
    (r"iPad", "iPad"),
    (r"Android", "Android"),
    (r"Windows", "Windows"),
    (r"Macintosh|Mac OS X", "Mac"),
    (r"CrOS", "ChromeOS"),
    (r"Linux", "Linux"),
)


class LastSeen:
    """Notes that a session is in use, and from where. Two writes every five minutes, none in between."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seen = request.session.get(SEEN)
        if seen is not None and time.time() - seen > EVERY_SECONDS and request.user.is_authenticated:
            request.session[SEEN] = int(time.time())
            UserSession.objects.filter(session_key=request.session.session_key).update(
                last_seen_at=Now(), ip=get_adapter(request).get_client_ip(request)
            )
        return self.get_response(request)


def begin(request: HttpRequest) -> None:
    """From now on it is noted when this session is in use."""
    request.session[SEEN] = int(time.time())


def of(user: User) -> list[UserSession]:
    """Those that still are signed in, the last used first; what is over is forgotten.

    As allauth's `purge_and_list`, which asks the database about each session by itself.
    """
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at"))
    kept = Session.objects.filter(session_key__in=[row.session_key for row in rows], expire_date__gt=Now())
    hashes = {each.session_key: each.get_decoded().get(HASH_SESSION_KEY, "") for each in kept}
    # A changed password changes the hash, which signs out whoever still has the old one.
    valid = user.get_session_auth_hash()
    live = [row for row in rows if constant_time_compare(hashes.get(row.session_key, ""), valid)]
    if over := {row.pk for row in rows} - {row.pk for row in live}:
        UserSession.objects.filter(pk__in=over).delete()
    return live


def end_all(user: User, but: str | None = None) -> int:
    """Sign somebody out everywhere, `but` in one session; how many sessions that were."""
    ended = list(UserSession.objects.filter(user=user).exclude(session_key=but or ""))
    for session in ended:
        session.end()
    return len(ended)


def forget_ended() -> None:
    """Rows of sessions that ran out, which neither Django nor allauth deletes by itself."""
    Session.objects.filter(expire_date__lt=Now()).delete()
    kept = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(kept)).delete()


def device(user_agent: str) -> str:
    """Chrome on Windows: as a browser introduces itself, which is for recognising it and proves nothing."""
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, user_agent)), "")
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, user_agent)), "")
    return " on ".join(word for word in (browser, system) if word) or "A device that does not say what it is"
