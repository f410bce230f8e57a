"""The ordered questions an invoice must pass to be imported, each with its answer and evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from companies.templatetags.plain import clock_words
from procore_sync.records import DIRECT_COST, SUBCONTRACTOR_INVOICE

GRACE = timedelta(minutes=2)

# Shut ones among these are for a person to decide: listed under Review, and what was approved while the switch was on
# is chosen there already.
REVIEWABLE = ("mirroring", "switch", "quickbooks")
PRESELECTED = ("switch", "quickbooks")


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
    cost_type: str
    status: str
    status_words: str
    approved_statuses: frozenset[str]
    created_by_id: int | None
    service_user_id: int | None
    is_sent_by_us: bool
    may_be_ours: bool
    approved_at: datetime | None
    approved_by: str
    approval_source: str
    latest_change_at: datetime | None
    periods: Sequence[Period]
    has_active_quickbooks: bool
    chosen_by: str = ""
    dismissed: bool = False
    zone: ZoneInfo = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Gate:
    """One question and its answer. `final` means waiting will not open it by itself."""

    name: str
    question: str
    is_open: bool
    reason: str = ""
    evidence: str = ""
    final: bool = False


def decide(facts: Facts) -> list[Gate]:
    """Every gate in order. The first shut one is why an invoice does not come."""
    return [
        _found(facts),
        _kind(facts),
        _status(facts),
        _created_in_procore(facts),
        _mirroring(facts),
        _switch(facts),
        _quickbooks(facts),
    ]


def first_shut(gates: Sequence[Gate]) -> Gate | None:
    return next((gate for gate in gates if not gate.is_open), None)


def _found(facts: Facts) -> Gate:
    question = "Is it in Procore?"
    if facts.found:
        return Gate("found", question, True, evidence="Procore shows it to inBuild.")
    reason = "Procore does not show this invoice to inBuild: it was deleted, or access is missing."
    return Gate("found", question, False, reason)


def _kind(facts: Facts) -> Gate:
    question = "Is it a subcontractor invoice, or a direct cost of type invoice?"
    if facts.kind == SUBCONTRACTOR_INVOICE:
        return Gate("kind", question, True, evidence="It is a subcontractor invoice.")
    if facts.kind == DIRECT_COST and facts.cost_type == "invoice":
        return Gate("kind", question, True, evidence="It is a direct cost of type invoice.")
    reason = f"It is a direct cost of type {facts.cost_type or 'unknown'}; only those of type invoice become bills."
    return Gate("kind", question, False, reason, final=True)


def _status(facts: Facts) -> Gate:
    question = "Is it approved?"
    if facts.status in facts.approved_statuses:
        return Gate("status", question, True, evidence=f"Its status is {facts.status_words}.")
    if facts.status == "approved_as_noted":
        reason = "It is Approved as Noted, and your company takes only Approved."
    else:
        reason = f"It is {facts.status_words or 'without a status'} in Procore and comes once it is approved."
    return Gate("status", question, False, reason)


def _created_in_procore(facts: Facts) -> Gate:
    question = "Was it created in Procore?"
    by_our_user = facts.service_user_id is not None and facts.created_by_id == facts.service_user_id
    if facts.is_sent_by_us or by_our_user:
        reason = "It was created by inBuild, so its bill comes from inBuild's own invoice."
        return Gate("created_in_procore", question, False, reason, final=True)
    if facts.may_be_ours:
        reason = "inBuild is just sending an invoice of this number to Procore, so it looks again in a moment."
        return Gate("created_in_procore", question, False, reason)
    who = f"Procore user {facts.created_by_id} created it" if facts.created_by_id else "Procore names no creator"
    return Gate("created_in_procore", question, True, evidence=f"{who}, and inBuild never sent it.")


def _mirroring(facts: Facts) -> Gate:
    question = "Was the switch on when it was approved?"
    if facts.chosen_by:
        return Gate("mirroring", question, True, evidence=f"{facts.chosen_by} chose it under Review.")
    if facts.dismissed:
        return Gate("mirroring", question, False, "A person dismissed it under Review.", final=True)
    if facts.approved_at is None and _only_changed_before(facts):
        reason = (
            f"It was approved before the switch was turned on: its last change in Procore was on "
            f"{_when(facts, facts.latest_change_at)}."
        )
        return Gate("mirroring", question, False, reason, final=True)
    if facts.approved_at is None:
        reason = "Procore does not say when it was approved, so a person must decide."
        return Gate("mirroring", question, False, reason, final=True)
    when = _when(facts, facts.approved_at) + ("" if facts.approval_source == "history" else " (as first seen)")
    if not any(period.holds(facts.approved_at) for period in facts.periods):
        reason = f"It was approved on {when}, when the switch was off."
        return Gate("mirroring", question, False, reason, final=True)
    by = f" by {facts.approved_by}" if facts.approved_by else ""
    return Gate("mirroring", question, True, evidence=f"It was approved on {when}{by}, while the switch was on.")


def _switch(facts: Facts) -> Gate:
    """Checked at creation as well: after off nothing new appears, whatever was under way."""
    question = "Is the switch on?"
    if facts.chosen_by:
        return Gate("switch", question, True, evidence=f"{facts.chosen_by} chose it under Review.")
    now = next((period for period in facts.periods if period.ended_at is None), None)
    if now is not None:
        return Gate("switch", question, True, evidence=f"It is on since {_when(facts, now.started_at)}.")
    when = f"It was approved on {_when(facts, facts.approved_at)}, but the" if facts.approved_at else "The"
    return Gate("switch", question, False, f"{when} switch was off before it came.", final=True)


def _quickbooks(facts: Facts) -> Gate:
    question = "Is QuickBooks connected?"
    if facts.has_active_quickbooks:
        return Gate("quickbooks", question, True, evidence="QuickBooks is connected.")
    return Gate("quickbooks", question, False, "No QuickBooks was connected when it was approved.", final=True)


def _only_changed_before(facts: Facts) -> bool:
    """Approving changes the record, so what did not change since the switch went on was approved before."""
    latest = facts.latest_change_at
    return latest is not None and all(latest < period.started_at - GRACE for period in facts.periods)


def _when(facts: Facts, moment: datetime | None) -> str:
    return clock_words(moment, facts.zone) if moment else ""
