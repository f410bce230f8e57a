"""Procore's webhook deliveries, and the small parts that all of Procore's JSON is made of. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_ID = 2**63 - 1
ORIGIN_ID = 60
# Procore's webhook names, in lower case. "Draw requests" are what its API calls requisitions.
SUBCONTRACTOR_INVOICES = "draw requests"
DIRECT_COSTS = "direct costs"
DIRECT_COST_LINES = "direct cost line items"
PROJECTS = "projects"
# Newer resources of Procore's speak in the past tense. Procore: streaming resources.
REASONS = {"created": "create", "updated": "update", "deleted": "delete"}


class Unreadable(Exception):
    """What came is not what Procore documents. The text says what is wrong, without quoting the content."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a delivery tells us, in any of the three formats."""

    key: str
    resource: str
    reason: str
    procore_id: int
    company_id: int
    project_id: int | None
    at: datetime | None
    user_id: int | None = None
    parent_id: int | None = None


def event(body: bytes) -> Event:
    """Read a delivery. Raises Unreadable. Procore: payload formats v2.0, v3.0 and v4.0."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("It is not JSON.") from None
    if not isinstance(data, dict):
        raise Unreadable("It is not a JSON object.")
    resource = data.get("resource_name") or data.get("resource_type")
    reason = data.get("event_type") or data.get("reason")
    if not isinstance(resource, str) or not isinstance(reason, str):
        raise Unreadable("It names no resource and reason.")
    said = _clean(reason).lower()[:30]
    return Event(
        key=event_key(body),
        resource=_clean(resource)[:60],
        reason=REASONS.get(said, said),
        procore_id=an_id(data.get("resource_id"), "resource_id"),
        company_id=an_id(data.get("company_id"), "company_id"),
        project_id=an_id(data["project_id"], "project_id") if data.get("project_id") not in (None, "") else None,
        at=a_moment(data.get("timestamp")),
        user_id=_user(data),
        parent_id=_parent(data),
    )


def _user(data: Mapping[str, Any]) -> int | None:
    """Who made the change: in the metadata of v2.0 and v3.0, else beside it. Only a hint, so never unreadable."""
    metadata = data.get("metadata")
    named = metadata.get("source_user_id") if isinstance(metadata, dict) else None
    try:
        return optional_id(named or data.get("user_id"), "user_id")
    except Unreadable:
        return None


def _parent(data: Mapping[str, Any]) -> int | None:
    """The direct cost that a line belongs to: v3.0 names it beside the event, v4.0 in its data, v2.0 not at all."""
    inner = data.get("data")
    related = data.get("related_resources") or (inner.get("related_resources") if isinstance(inner, dict) else None)
    for row in related if isinstance(related, list) else []:
        if isinstance(row, dict) and text(row.get("name")).lower() == DIRECT_COSTS:
            try:
                return optional_id(row.get("id"), "related id")
            except Unreadable:
                return None
    return None


def event_key(body: bytes) -> str:
    """What makes two deliveries the same event: Procore's ulid, else its id, else the bytes themselves."""
    try:
        data = json.loads(body)
        found = data.get("ulid") or data.get("id") if isinstance(data, dict) else None
    except (ValueError, RecursionError):
        found = None
    if (
        isinstance(found, str | int)
        and not isinstance(found, bool)
        and re.fullmatch(r"[\w-]{1,64}", str(found), re.ASCII)
    ):
        return f"id:{found}"
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def money(value: Any, name: str) -> Decimal:
    """An exact amount from a string or a JSON number. Raises Unreadable for more than cents can hold."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unreadable(f"{name} is not an amount.")
    try:
        amount = Decimal(str(value).strip().replace(",", ""))
        exact = amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        raise Unreadable(f"{name} is not an amount.") from None
    if exact != amount or abs(exact) >= Decimal(10) ** 12:
        raise Unreadable(f"{name} is not an amount in whole cents.")
    return exact


def text(value: Any) -> str:
    """A string without stray spaces and without what PostgreSQL cannot store."""
    if value is None or isinstance(value, dict | list):
        return ""
    return _clean(str(value))


def origin_id(value: Any) -> str:
    """The id under which another system knows a record; what is too long for one is none.

    Procore: its connector to QuickBooks Desktop keeps the ListID there, of a cost code behind that of the project:
    `job|code`. What stands there for QuickBooks Online is not documented, so it is only ever suggested.
    """
    found = text(value).rpartition("|")[2].strip()
    return found if len(found) <= ORIGIN_ID else ""


def status_key(value: Any) -> str:
    return re.sub(r"[^a-z]+", "_", text(value).lower()).strip("_")


def an_id(value: Any, name: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d{1,19}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_ID:
        raise Unreadable(f"{name} is not an id.")
    return value


def optional_id(value: Any, name: str) -> int | None:
    return None if value in (None, "") else an_id(value, name)


def a_date(value: Any, name: str) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Unreadable(f"{name} is not a date.") from None


def a_moment(value: Any) -> datetime | None:
    """Procore: times are UTC."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _clean(value: str) -> str:
    return value.encode("utf-8", "ignore").decode().replace("\x00", "").strip()
