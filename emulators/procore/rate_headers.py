"""Puts the rate limit headers on every answer, also on those that a fault rule gave, and counts the 429s.

Procore: every answer carries X-Rate-Limit-Limit, -Remaining and -Reset (reference 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from emulators.procore.emulation import Emulation
from emulators.procore.oauth import valid_token

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class RateHeaders:
    """The outermost layer of the application."""

    def __init__(self, app: WSGIApplication, emulation: Emulation) -> None:
        self._app = app
        self._emulation = emulation

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith("/rest/"):
            return self._app(environ, start_response)
        company = str(environ.get("HTTP_PROCORE_COMPANY_ID", "")).strip()

        def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            if not any(name.lower() == "x-rate-limit-limit" for name, _ in headers):
                allowance = self._emulation.rates.count(self._caller(environ), company)
                headers = [*headers, *allowance.headers().items()]
            if status.startswith("429"):
                self._emulation.rates.refused(company)
            return start_response(status, headers, exc_info)

        return self._app(environ, started)

    def _caller(self, environ: WSGIEnvironment) -> str:
        token = valid_token(self._emulation, environ.get("HTTP_AUTHORIZATION", ""))
        return str(environ.get("REMOTE_ADDR", "")) if token is None else str(token["client_id"])
