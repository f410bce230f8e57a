"""Where somebody is signed in: kept by allauth.usersessions, noted as in use at most every five minutes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

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
    """Those that still are signed in, the last used first; what is over is forgotten."""
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda session: session.last_seen_at, reverse=True)


def end_all(user: User, but: str | None = None) -> int:
    """Sign somebody out everywhere, `but` in one session; how many sessions that were."""
    ended = list(UserSession.objects.filter(user=user).exclude(session_key=but or ""))
    for session in ended:
        session.end()
    return len(ended)


def device(user_agent: str) -> str:
    """Chrome on Windows: as a browser introduces itself, which is for recognising it and proves nothing."""
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, user_agent)), "")
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, user_agent)), "")
    return " on ".join(word for word in (browser, system) if word) or "A device that does not say what it is"
