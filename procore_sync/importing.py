"""One invoice of Procore's: fetch what is true now, remember it, decide, and record it with its bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least, Now

from accounting import posting
from accounting.models import Integration
from companies import auditing
from inbuild.faultpoints import faultpoint
from inbuild.queue import backoff, database_now, mine, ring
from invoices import recording
from invoices.models import Invoice
from procore_sync import attaching, echo, following, gates, mirroring
from procore_sync.bells import IMPORT_DUE
from procore_sync.client import ProcoreError, SignInRefused, Unavailable
from procore_sync.fetching import Fetched, fetch
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, SentInvoice
from procore_sync.reading import Unreadable
from procore_sync.records import Record

STALE_READS = 5
BEHIND = timedelta(seconds=2)
BEHIND_READS = 3
WHILE_SENDING = timedelta(seconds=5)
LOOK_FOR_OURS = timedelta(seconds=10)


class Taken(Exception):
    """Another worker has this row by now; our result is dropped."""


def look_again(invoice: Invoice) -> None:
    """A person wants to know whether the original in Procore was mended meanwhile: the same hint as a delivery."""
    row = following.original_of(invoice)
    if row is not None:
        ask_again(row)


def ask_again(row: ProcoreInvoice) -> None:
    """Make one invoice of Procore's due now."""
    ProcoreInvoice.hint(row.integration, kind=row.kind, procore_id=row.procore_id, project_id=row.project_id)
    ring(IMPORT_DUE, row.company_id)


def work(row: ProcoreInvoice) -> None:
    """Bring one invoice up to date with Procore. Raises Taken."""
    try:
        fetched = fetch(row)
    except Unavailable as exc:
        _wait(row, exc.wait if exc.is_pacing else max(exc.wait, backoff(row.failures)), str(exc))
        return
    except SignInRefused as exc:
        row.integration.needs_reconnect(str(exc))
        _wait(row, timedelta(minutes=15), str(exc))
        return
    except ProcoreError as exc:
        _wait(row, timedelta(minutes=15), str(exc))
        return
    except Unreadable as exc:
        _set_aside(row, f"Procore's record could not be read: {exc} Nothing was imported.")
        return
    faultpoint("import.after_fetch")
    decide(row, fetched)
    faultpoint("import.after_commit")


def decide(row: ProcoreInvoice, fetched: Fetched) -> None:
    """Remember, ask the gates, and import if all are open: one transaction under the lock on the integration."""
    with transaction.atomic(durable=True):
        # Imports share the lock, the switch takes it alone: nothing is created after off has been shown.
        integration = _locked(row.integration_id)
        fresh = ProcoreInvoice.objects.select_for_update().get(pk=row.pk)
        if fresh.attempt != row.attempt:
            raise Taken
        if _is_older_than_known(fresh, fetched):
            _look_again_soon(fresh)
            return
        fresh.remember(**observed(fresh, integration, fetched))
        next_look = _act(fresh, integration, fetched)
        faultpoint("import.before_commit")
        if fresh.wanted != row.wanted:
            _finish(fresh, next_at=Now(), priority=fresh.priority)
        elif _is_behind_the_event(fresh, fetched):
            _look_again_soon(fresh)
        else:
            _finish(fresh, next_at=Now() + next_look if next_look else None)


def _act(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> timedelta | None:
    """Import, or follow what was imported or sent; says when to look again by itself, if at all."""
    sent = echo.find(row, fetched.record)
    following.recognize(row, integration, fetched)
    if row.invoice is not None:
        return None if following.follow(row, row.invoice, integration, fetched) else WHILE_SENDING
    shut = _import_if_open(row, integration, fetched, sent)
    if sent is not None:
        return None if following.follow_sent(row, sent, integration, fetched) else WHILE_SENDING
    if shut is not None and shut.name == "created_in_procore" and not shut.final:
        return LOOK_FOR_OURS
    return None


def _finish(row: ProcoreInvoice, *, next_at: Any, priority: int = ProcoreInvoice.Priority.LATER) -> None:
    mine(row).update(lease_until=None, failures=0, stale_looks=0, next_at=next_at, priority=priority)


def _look_again_soon(row: ProcoreInvoice) -> None:
    """Procore showed something too old; outages are counted apart, so they never use up this patience."""
    mine(row).update(
        lease_until=None, failures=0, stale_looks=F("stale_looks") + 1, next_at=Now() + backoff(row.stale_looks)
    )


def _is_behind_the_event(row: ProcoreInvoice, fetched: Fetched) -> bool:
    """Procore told of a change later than the one it shows, or shows nothing: look a few times more.

    Not for ever, because it is not documented that every event moves `updated_at`.
    """
    if row.stale_looks >= BEHIND_READS:
        return False
    if fetched.record is None:
        return True
    seen, told = fetched.record.updated_at, row.told_at
    return seen is not None and told is not None and seen < told - BEHIND


def _is_older_than_known(row: ProcoreInvoice, fetched: Fetched) -> bool:
    """A reading from before the last one, as a cache may give it: ask again, but not for ever."""
    seen = fetched.record.updated_at if fetched.record else None
    known = row.source_updated_at
    return seen is not None and known is not None and seen < known and row.stale_looks < STALE_READS


def _locked(integration_id: int) -> ProcoreIntegration:
    """`FOR SHARE`, which Django cannot say."""
    found = ProcoreIntegration.objects.raw(
        "SELECT * FROM procore_sync_procoreintegration WHERE id = %s FOR SHARE", [integration_id]
    )
    return found[0]


def observed(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> dict[str, Any]:
    """What a reading makes known of an invoice; writes nothing."""
    now, record = database_now(), fetched.record
    if record is None:
        return {"status": ""}
    facts: dict[str, Any] = header_facts(record) | {
        "source_updated_at": record.updated_at,
        "snapshot": _snapshot(fetched),
    }
    if record.is_approved:
        facts |= _approval_facts(row, integration, fetched, now)
    else:
        facts |= unapproved_facts(now)
    return facts


def header_facts(record: Record) -> dict[str, Any]:
    """What lists show of an invoice that is not imported."""
    return {
        "status": record.status[:40],
        "number": record.number,
        "vendor_name": record.vendor_name,
        "billing_date": record.billing_date,
        "amount_due": record.amount_due,
        "currency": record.currency,
        "created_in_procore_at": record.created_at,
    }


def unapproved_facts(now: datetime) -> dict[str, Any]:
    return {
        "seen_unapproved_at": now,
        "first_seen_approved_at": None,
        "approved_at": None,
        "approved_by": "",
        "approval_source": "",
    }


def _approval_facts(
    row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched, now: datetime
) -> dict[str, Any]:
    """The history's word; else the moment it was first seen approved, where one period holds all of the time in which
    it must have been approved: since it was last seen unapproved, or since it was created."""
    first_seen = row.first_seen_approved_at or now
    facts: dict[str, Any] = {"first_seen_approved_at": first_seen, "approved_at": None, "approved_by": ""}
    if fetched.approval is not None:
        source = ProcoreInvoice.ApprovalSource.HISTORY
        facts |= {"approved_at": fetched.approval.at, "approved_by": fetched.approval.by[:200]}
        return facts | {"approval_source": source}
    for since, source in (
        (row.seen_unapproved_at, ProcoreInvoice.ApprovalSource.FIRST_SEEN),
        (_created(fetched), ProcoreInvoice.ApprovalSource.CREATED),
    ):
        if since and any(period.holds(since) and period.holds(first_seen) for period in mirroring.periods(integration)):
            return facts | {"approved_at": first_seen, "approval_source": source}
    return facts | {"approval_source": ""}


def _created(fetched: Fetched) -> datetime | None:
    """Since when it can have been approved. From a history that contradicts itself nothing is concluded."""
    return None if fetched.is_odd or fetched.record is None else fetched.record.created_at


def facts_for_gates(
    row: ProcoreInvoice,
    integration: ProcoreIntegration,
    record: Record | None,
    sent: SentInvoice | None,
    periods: Sequence[gates.Period] | None = None,
) -> gates.Facts:
    """Everything the gates look at; also what the page *Why isn't it in QuickBooks?* asks them with."""
    return gates.Facts(
        found=record is not None,
        kind=row.kind,
        cost_type=record.cost_type if record else "",
        status=row.status,
        status_words=row.status_words,
        approved_statuses=following.approved_statuses(integration),
        created_by_id=(record.created_by_id if record else None) or row.creator_told,
        service_user_id=integration.service_user_id,
        is_sent_by_us=sent is not None or (record is not None and echo.is_marked(record)),
        may_be_ours=record is not None and sent is None and echo.may_be(row, record),
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        approval_source=row.approval_source,
        latest_change_at=row.source_updated_at,
        periods=mirroring.periods(integration) if periods is None else periods,
        has_active_quickbooks=Integration.active(row.company_id).exists(),
        chosen_by=str(row.backfill.by) if row.backfill else "",
        dismissed=row.dismissed,
        zone=ZoneInfo(row.company.time_zone),
    )


def _import_if_open(
    row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched, sent: SentInvoice | None
) -> gates.Gate | None:
    """Import when every gate is open; returns the first shut one."""
    answers = gates.decide(facts_for_gates(row, integration, fetched.record, sent))
    row.remember(evidence=[asdict(gate) for gate in answers])
    shut = gates.first_shut(answers)
    if shut is not None or fetched.record is None:
        not_imported(row, shut)
        return shut
    invoice = recording.record_from_procore(
        row.company, following.new_invoice(row, integration, fetched), evidence=[gate.evidence for gate in answers]
    )
    posting.release(invoice)
    row.remember(
        invoice=invoice,
        decision=ProcoreInvoice.Decision.IMPORTED,
        gate="",
        reason="",
        fingerprint=fetched.fingerprint,
        imported=row.snapshot,
        imported_at=invoice.created_at,
    )
    attaching.expect(row, fetched.record)
    return None


def not_imported(row: ProcoreInvoice, shut: gates.Gate | None) -> None:
    """Write down why an invoice does not come; said once, not at every look."""
    decision = ProcoreInvoice.Decision.SKIPPED if shut and shut.final else ProcoreInvoice.Decision.WAITING
    gate, reason = (shut.name, shut.reason) if shut else ("found", "")
    if (row.decision, row.gate, row.reason) == (decision, gate, reason[:500]):
        return
    before = {"decision": row.decision, "gate": row.gate}
    row.remember(decision=decision, gate=gate, reason=reason[:500])
    auditing.record(
        row.company_id,
        f"procore_invoice.{decision}",
        row,
        reason or "Not imported",
        job="import",
        before=before,
        after={"decision": str(decision), "gate": gate},
    )


def _wait(row: ProcoreInvoice, wait: timedelta, reason: str) -> None:
    changes: dict[str, Any] = {"next_at": Now() + wait, "lease_until": None, "failures": Least(F("failures") + 1, 1000)}
    if row.invoice_id is None and reason != row.reason:
        changes |= {"reason": reason[:500], "gate": "found"}
    mine(row).update(**changes)


def _set_aside(row: ProcoreInvoice, reason: str) -> None:
    """Asking again would bring the same; the next event about it asks again anyway."""
    with transaction.atomic(durable=True):
        fresh = ProcoreInvoice.objects.select_for_update().get(pk=row.pk)
        if fresh.attempt != row.attempt:
            raise Taken
        if fresh.invoice_id is None:
            fresh.remember(decision=ProcoreInvoice.Decision.SKIPPED, gate="found", reason=reason[:500])
            auditing.record(row.company_id, "procore_invoice.skipped", fresh, reason, job="import")
        done = fresh.wanted == row.wanted
        mine(fresh).update(lease_until=None, next_at=None if done else Now())


def _snapshot(fetched: Fetched) -> dict[str, Any]:
    """What pages show side by side. Links to files are left out: they are signed anew at every reading."""
    if fetched.record is None:
        return {}
    facts = asdict(fetched.record) | {"files": [file.name for file in fetched.record.files]}
    found: dict[str, Any] = _plain(facts)
    return found | {
        "lines": [_plain(asdict(line)) for line in fetched.lines],
        "mismatch": fetched.mismatch,
        "last_change": _plain(asdict(fetched.last_change)) if fetched.last_change else None,
        "fingerprint": fetched.fingerprint,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return str(value) if isinstance(value, Decimal | date | datetime) else value
