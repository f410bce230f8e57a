"""What Procore may say instead of giving what was asked for, each as a sentence for the person who must act."""

from __future__ import annotations

import json
from datetime import timedelta

from inbuild import http


class ProcoreError(Exception):
    """Procore did not give what was asked for. The text is a sentence for the person who must act."""


class NotFound(ProcoreError):
    """It does not exist, or our service account may not see it: Procore answers both with 404."""


class Forbidden(ProcoreError):
    """Permission is missing; the token is fine and must not be thrown away. Procore: troubleshooting."""


class Refused(ProcoreError):
    """Procore refused the request itself (400, 409, 422)."""


class SignInRefused(ProcoreError):
    """The credentials are wrong, the sign-in was withdrawn, or the app is not installed in this company."""


class Unclear(ProcoreError):
    """Something was sent to be made, and no usable answer came: it may be there or not, and only a look can tell."""


class Unavailable(ProcoreError):
    """No usable answer now; `wait` says when to ask again."""

    def __init__(self, words: str, wait: timedelta = timedelta(seconds=15), *, is_pacing: bool = False) -> None:
        super().__init__(words)
        self.wait = wait
        self.is_pacing = is_pacing


def raise_for(response: http.Response) -> None:
    """Raise one of the errors above unless the answer is a success."""
    status = response.status_code
    if status < 300:
        return
    said = words(response)
    if status == 401:
        raise SignInRefused("Procore does not accept inBuild's sign-in for this company any more.")
    if status == 403:
        raise Forbidden(
            "Procore does not let inBuild read this. Add the project to the app's permitted projects in Procore, then "
            f"check again.{said}"
        )
    if status == 404:
        raise NotFound("Procore does not show this record to inBuild.")
    if status in (429, 503):
        raise Unavailable("Procore asked inBuild to slow down. It goes on by itself.", _pause(response))
    if status in (400, 409, 422):
        raise Refused(f"Procore refused the request.{said}")
    raise Unavailable(f"Procore answered with an error ({status}). inBuild tries again by itself.")


def _pause(response: http.Response) -> timedelta:
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=min(3600, int(after)) if after.isdecimal() else 10)


def words(response: http.Response) -> str:
    """Procore's own words: its errors have several shapes. Procore: error reference."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return ""
    found = (body.get("message") or body.get("errors") or body.get("error")) if isinstance(body, dict) else None
    if isinstance(found, dict):
        found = found.get("message") or "; ".join(f"{key}: {value}" for key, value in found.items())
    return f" Procore says: {str(found)[:200]}" if found else ""
