"""Pages and filters of lists.

Procore: v1 lists take page and per_page and answer the headers Link, Total and Per-Page; v2 lists have a data
envelope, 10 rows by default and 100 at most; date filters are ranges with three dots (reference 2.1, 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from emulators.procore.access import ApiError
from emulators.procore.emulation import Emulation


def whole_number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    try:
        value = int(text) if text else default
    except ValueError:
        raise ApiError(400, f"{name} is invalid", field=name) from None
    return max(value, 1)


def page_bounds(default: int, largest: int) -> tuple[int, int]:
    """Page number and page length of this request."""
    return whole_number("page", 1), min(whole_number("per_page", default), largest)


def with_page_headers(emulation: Emulation, answer: Response, total: int, page: int, per_page: int) -> Response:
    answer.headers["Total"] = str(total)
    answer.headers["Per-Page"] = str(per_page)
    last = max(1, -(-total // per_page))
    links = []
    if page > 1:
        links += [("first", 1), ("prev", page - 1)]
    if page < last:
        links += [("next", page + 1), ("last", last)]
    if links:
        answer.headers["Link"] = ", ".join(
            f'<{_address(emulation, number, per_page)}>; rel="{name}"' for name, number in links
        )
    return answer


def paged(emulation: Emulation, rows: Sequence[Any], *, default: int = 100, largest: int | None = None) -> Response:
    """One page of a list that is already in memory."""
    page, per_page = page_bounds(default, largest or int(emulation.switches["largest_page"]))
    start = (page - 1) * per_page
    return with_page_headers(emulation, jsonify(list(rows[start : start + per_page])), len(rows), page, per_page)


def paged_v2(emulation: Emulation, rows: Sequence[Any]) -> Response:
    page, per_page = page_bounds(10, 100)
    start = (page - 1) * per_page
    answer = jsonify({"data": list(rows[start : start + per_page])})
    return with_page_headers(emulation, answer, len(rows), page, per_page)


def filter_value(name: str) -> str | None:
    return request.args.get(f"filters[{name}]")


def filter_list(name: str) -> list[str] | None:
    """filters[x][]=1&filters[x][]=2, filters[x]=1,2 or filters[x]=[1,2]."""
    values = request.args.getlist(f"filters[{name}][]") or request.args.getlist(f"filters[{name}]")
    if not values:
        return None
    return [part.strip() for value in values for part in value.strip("[]").split(",") if part.strip()]


def filter_range(name: str) -> tuple[str, str] | None:
    """Both ends of a date range, in UTC and whole seconds."""
    text = filter_value(name)
    if text is None:
        return None
    start, dots, end = text.strip('"').partition("...")
    if not dots or not start or not end:
        raise ApiError(400, f"filters[{name}] is invalid: expected start...end", field=name)
    try:
        return _moment(start, last=False), _moment(end, last=True)
    except ValueError:
        raise ApiError(400, f"filters[{name}] is invalid: not ISO 8601", field=name) from None


def _moment(text: str, *, last: bool) -> str:
    moment = datetime.fromisoformat(text.strip().strip('"').replace(" ", "+"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if len(text.strip()) == 10 and last:
        moment += timedelta(days=1, seconds=-1)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _address(emulation: Emulation, page: int, per_page: int) -> str:
    query = [(key, value) for key, value in request.args.items(multi=True) if key not in ("page", "per_page")]
    return f"{emulation.public_url}{request.path}?{urlencode([*query, ('page', page), ('per_page', per_page)])}"
