"""Bodies of webhook deliveries in the three payload formats.

Procore: identifiers only; integers up to v3.0, text in v4.0 (reference 1.1).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from emulators.shared.switches import Switches

FORMATS = ("v2.0", "v3.0", "v4.0")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_ulid(epoch: float) -> str:
    """26 characters: 48 bits of milliseconds and 80 random bits."""
    number = (int(epoch * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True)
class Happening:
    """Something that changed and may be told to the hooks."""

    resource_name: str
    event_type: str
    resource_id: int
    company_id: int
    project_id: int | None
    user_id: int
    application_id: str | None = None
    related: tuple[tuple[int, str], ...] = ()


def body_of(
    happening: Happening, version: str, *, ulid: str, number: int, at: str, switches: Switches
) -> dict[str, Any]:
    """The JSON object a hook of that format receives."""
    word = happening.event_type
    if switches["event_words"] == "updated":
        word = {"create": "created", "update": "updated", "delete": "deleted"}[word]
    related = [{"id": related_id, "name": name} for related_id, name in happening.related]
    if version == "v4.0":
        return _v4(happening, word, related, ulid, at, switches)
    body: dict[str, Any] = {
        "id": number,
        "ulid": ulid,
        "timestamp": at,
        "metadata": {
            "source_user_id": happening.user_id,
            "source_project_id": happening.project_id,
            "source_operation_id": switches["metadata_operation_id"] or None,
            "source_company_id": happening.company_id,
            "source_application_id": happening.application_id,
        },
        "user_id": happening.user_id,
        "company_id": happening.company_id,
        "project_id": happening.project_id,
        "api_version": version,
        "event_type": word,
        "resource_name": happening.resource_name,
        "resource_id": happening.resource_id,
    }
    if version == "v3.0":
        body["related_resources"] = related
    return body


def _v4(
    happening: Happening, word: str, related: list[dict[str, Any]], ulid: str, at: str, switches: Switches
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": ulid,
        "timestamp": at,
        "reason": word,
        "company_id": str(happening.company_id),
        "project_id": "" if happening.project_id is None else str(happening.project_id),
        "user_id": str(happening.user_id),
        "resource_type": happening.resource_name,
        "resource_id": str(happening.resource_id),
    }
    if switches["v4_states_payload_version"]:
        body["payload_version"] = "v4.0"
    if related and switches["v4_related_resources"]:
        body["data"] = {"related_resources": [{"id": str(r["id"]), "name": r["name"]} for r in related]}
    return body
