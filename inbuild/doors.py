"""The outermost middleware: sends calls from outside programs straight to their view.

Webhooks and the Web Connector have no session, no form token and no person behind them; what a browser page needs
would only cost time and could answer them with a redirect or a login page.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

DOORS = ("/hooks/", "/qbwc/")


class Doors:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(DOORS):
            return self.get_response(request)
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return HttpResponse("Unknown address.\n", status=404, content_type="text/plain")
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return response
