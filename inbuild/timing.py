"""What a page cost the server, told in its own answer: only where SERVER_TIMING is set, never by default.

Browsers show it in their tools; `./run screens` and the journeys read it, so that the figures come from the process
that did the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse


class ServerTiming:
    """The outermost middleware where it is on, so that sessions, sign-in and templates are counted in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        queries = 0

        def count(execute: Callable[..., Any], *asked: Any) -> Any:
            nonlocal queries
            queries += 1
            return execute(*asked)

        started, worked = time.perf_counter(), time.thread_time()
        with connection.execute_wrapper(count):
            response = self.get_response(request)
        took, cpu = (
            1000 * (now - then) for now, then in ((time.perf_counter(), started), (time.thread_time(), worked))
        )
        page = request.resolver_match.view_name if request.resolver_match else ""
        response["Server-Timing"] = f'page;desc="{page}", db;desc="{queries}", app;dur={took:.1f}, cpu;dur={cpu:.1f}'
        return response
