"""Is the process alive, and can it do its work?"""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inbuild import pulse


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL answers; Redis is not asked, because without it work waits and nothing is lost."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"ready": False, "database": "does not answer"}, status=503)
    return JsonResponse({"ready": True})


@require_safe
@never_cache
def progressz(request: HttpRequest) -> JsonResponse:
    """200 while background work goes on, else 503 with what stands still and since when. Names no company, no host."""
    try:
        found = pulse.standstills()
    except DatabaseError:
        return JsonResponse({"working": False, "database": "does not answer"}, status=503)
    told = [{"what": each.what, "since": each.since} for each in found]
    return JsonResponse({"working": not found, "standing_still": told}, status=503 if found else 200)


def standstill(request: HttpRequest) -> dict[str, Any]:
    """`stands_still_since`, asked for only by the pages that show it."""
    return {"stands_still_since": pulse.stands_still_since, "stood_still_words": pulse.STOOD_STILL}
