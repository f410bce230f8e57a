"""The faults 429 and 503 with the headers of Procore's rate limit (reference 5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from emulators.shared.faults import FaultRule


def fault_answers(now: Callable[[], float], retry_after: Callable[[], bool]) -> dict[str, Any]:
    """What the faults 429 and 503 answer: nothing remains until `seconds` from now."""

    def too_many(rule: FaultRule) -> Response:
        seconds = max(1, round(rule.seconds))
        answer = _json(429, "You have surpassed the maximum number of requests")
        answer.headers["X-Rate-Limit-Limit"] = str(rule.extra.get("limit", 3600))
        answer.headers["X-Rate-Limit-Remaining"] = "0"
        answer.headers["X-Rate-Limit-Reset"] = str(int(now()) + seconds)
        if rule.extra.get("retry_after", retry_after()):
            answer.headers["Retry-After"] = str(seconds)
        return answer

    def overloaded(rule: FaultRule) -> Response:
        answer = _json(503, "Service Unavailable")
        if rule.extra.get("retry_after", True):
            answer.headers["Retry-After"] = str(max(1, round(rule.seconds)))
        return answer

    return {"429": too_many, "503": overloaded}


def _json(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message, "errors": message}), status, content_type="application/json")
