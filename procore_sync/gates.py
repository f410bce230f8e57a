"""The ordered questions an invoice must pass to be imported, each with its answer and evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

GRACE = timedelta(minutes=2)
OUR_MARK = "inbuild"


@dataclass(frozen=True, slots=True)
class Period:
    started_at: datetime
    ended_at: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Was mirroring on at this moment? Two minutes' grace, because two clocks are compared."""
        return self.started_at - GRACE <= moment and (self.ended_at is None or moment <= self.ended_at + GRACE)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the gates look at, read under the lock on the ProcoreIntegration row."""

    found: bool
    kind: str
    status: str
    status_words: str
    approved_statuses: frozenset[str]
    created_by_id: int | None
    service_user_id: int | None
    origin_data: str
    approved_at: datetime | None
    approval_is_certain: bool
    periods: Sequence[Period]
    has_active_quickbooks: bool
    zone: ZoneInfo = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Gate:
    """One question and its answer. `final` means waiting will not open it by itself."""

    name: str
    question: str
    is_open: bool
    reason: str
    final: bool = False


def decide(facts: Facts) -> list[Gate]:
    """Every gate in order. The first shut one is why an invoice does not come."""
    return [
        _found(facts),
        _kind(facts),
        _status(facts),
        _created_in_procore(facts),
        _mirroring(facts),
        _quickbooks(facts),
    ]


def first_shut(gates: Sequence[Gate]) -> Gate | None:
    return next((gate for gate in gates if not gate.is_open), None)


def _found(facts: Facts) -> Gate:
    reason = (
        "" if facts.found else "Procore does not show this invoice to inBuild: it was deleted, or access is missing."
    )
    return Gate("found", "Is it in Procore?", facts.found, reason)


def _kind(facts: Facts) -> Gate:
    is_open = facts.kind == "subcontractor_invoice"
    return Gate(
        "kind", "Is it a subcontractor invoice?", is_open, "" if is_open else "Only subcontractor invoices come.", True
    )


def _status(facts: Facts) -> Gate:
    is_open = facts.status in facts.approved_statuses
    reason = (
        "" if is_open else f"It is {facts.status_words or 'without a status'} in Procore and comes once it is approved."
    )
    return Gate("status", "Is it approved?", is_open, reason)


def _created_in_procore(facts: Facts) -> Gate:
    ours = facts.service_user_id is not None and facts.created_by_id == facts.service_user_id
    marked = OUR_MARK in facts.origin_data.lower()
    reason = "It was created by inBuild, so its bill comes from inBuild's own invoice." if ours or marked else ""
    return Gate("created_in_procore", "Was it created in Procore?", not (ours or marked), reason, True)


def _mirroring(facts: Facts) -> Gate:
    question = "Was the switch on when it was approved?"
    # Checked at creation as well: after off nothing new appears, whatever was under way.
    is_on = any(period.ended_at is None for period in facts.periods)
    if facts.approved_at is None:
        return Gate(
            "mirroring", question, False, "Procore does not say when it was approved, so a person must decide.", True
        )
    on_then = any(period.holds(facts.approved_at) for period in facts.periods)
    local = facts.approved_at.astimezone(facts.zone)
    when = f"{local:%b %d, %Y, %H:%M %Z}" + ("" if facts.approval_is_certain else " (as first seen)")
    if not on_then:
        return Gate("mirroring", question, False, f"It was approved on {when}, when the switch was off.", True)
    if not is_on:
        return Gate(
            "mirroring", question, False, f"It was approved on {when}, but the switch was off before it came.", True
        )
    return Gate("mirroring", question, True, "")


def _quickbooks(facts: Facts) -> Gate:
    reason = "" if facts.has_active_quickbooks else "No QuickBooks was connected when it was approved."
    return Gate("quickbooks", "Is QuickBooks connected?", facts.has_active_quickbooks, reason, True)
