"""One invoice of Procore's: fetch what is true now, remember it, decide, and record it with its bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
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
from procore_sync import gates, mirroring, reading
from procore_sync.client import NotFound, Procore, ProcoreError, SignInRefused, Unavailable
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject, WebhookDelivery
from procore_sync.reading import Approval, Line, SubcontractorInvoice, Unreadable

IMPORT_DUE = "procore_sync.import_due"
STALE_READS = 5
BEHIND = timedelta(seconds=2)
BEHIND_READS = 3
WHILE_SENDING = timedelta(seconds=5)
RESOURCES = {reading.SUBCONTRACTOR_INVOICES: ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What Procore shows now; `invoice` None when it shows nothing."""

    invoice: SubcontractorInvoice | None
    lines: tuple[Line, ...] = ()
    approval: Approval | None = None


class Taken(Exception):
    """Another worker has this row by now; our result is dropped."""


def absorb(delivery: WebhookDelivery) -> None:
    """Turn one delivery into a hint on its invoice. What it says is not believed, only that something happened."""
    outcome, reason, seen = _understood(delivery)
    with transaction.atomic(durable=True):
        facts: dict[str, Any] = {"outcome": outcome, "reason": reason, "next_at": None, "lease_until": None}
        if seen is not None:
            facts |= {
                "kind": seen.resource,
                "procore_id": seen.procore_id,
                "project_id": seen.project_id,
                "event": seen.reason,
            }
        if not mine(delivery).update(**facts):
            raise Taken
        integration = delivery.integration
        ProcoreIntegration.objects.filter(pk=integration.pk).update(last_delivery_at=delivery.received_at)
        if outcome == WebhookDelivery.Outcome.DONE and seen is not None and seen.project_id is not None:
            ProcoreInvoice.hint(
                integration,
                kind=RESOURCES[seen.resource.lower()],
                procore_id=seen.procore_id,
                project_id=seen.project_id,
                told_at=seen.at,
            )


def _understood(delivery: WebhookDelivery) -> tuple[str, str, reading.Event | None]:
    try:
        seen = reading.event(bytes(delivery.body))
    except Unreadable as exc:
        return (
            WebhookDelivery.Outcome.DEAD,
            f"A message from Procore could not be read. {exc} Nothing was changed.",
            None,
        )
    if seen.company_id != delivery.integration.procore_company_id:
        return WebhookDelivery.Outcome.IGNORED, "It is about another company of Procore's.", seen
    if seen.resource.lower() not in RESOURCES:
        return WebhookDelivery.Outcome.IGNORED, f"inBuild does not follow {seen.resource}.", seen
    if seen.project_id is None:
        return WebhookDelivery.Outcome.DEAD, "A message from Procore named no project. Nothing was changed.", seen
    return WebhookDelivery.Outcome.DONE, "", seen


def look_again(invoice: Invoice) -> None:
    """A person wants to know whether the original in Procore was mended meanwhile: the same hint as a delivery."""
    row = ProcoreInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice).first()
    if row is not None:
        ask_again(row)


def ask_again(row: ProcoreInvoice) -> None:
    """Make one invoice of Procore's due now."""
    ProcoreInvoice.hint(row.integration, kind=row.kind, procore_id=row.procore_id, project_id=row.project_id)
    ring(IMPORT_DUE, row.company_id)


def work(row: ProcoreInvoice) -> None:
    """Bring one invoice up to date with Procore. Raises Taken."""
    try:
        fetched = _fetch(row)
    except Unavailable as exc:
        _wait(row, max(exc.wait, backoff(row.failures)), str(exc))
        return
    except SignInRefused as exc:
        _needs_reconnect(row.integration, str(exc))
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


def _fetch(row: ProcoreInvoice) -> Fetched:
    procore = Procore(row.integration, f"procore_invoice:{row.pk}")
    try:
        data = procore.subcontractor_invoice(row.project_id, row.procore_id)
        invoice = reading.subcontractor_invoice(data)
        if (invoice.procore_id, invoice.project_id) != (row.procore_id, row.project_id):
            raise Unreadable("It is not the invoice that was asked for.")
        if not invoice.is_approved:
            return Fetched(invoice)
    except NotFound:
        return Fetched(None)
    try:
        detail = procore.subcontractor_invoice_lines(row.project_id, row.procore_id)
        history = procore.change_history(row.project_id, row.procore_id)
    except NotFound as exc:
        # The invoice itself is there, so this is a missing permission or a moment's confusion, not a deletion.
        raise Unavailable("Procore shows the invoice but not its lines or history. inBuild tries again.") from exc
    return Fetched(invoice, reading.lines(detail, data.get("items")), reading.approval(history))


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
        _observe(fresh, fetched)
        settled = True
        if fresh.invoice_id is None:
            _import_if_open(fresh, integration, fetched)
        else:
            settled = _follow(fresh, integration, fetched)
        faultpoint("import.before_commit")
        if fresh.wanted != row.wanted:
            _finish(fresh, next_at=Now())
        elif _is_behind_the_event(fresh, fetched):
            _look_again_soon(fresh)
        elif not settled:
            _finish(fresh, next_at=Now() + WHILE_SENDING)
        else:
            _finish(fresh, next_at=None)


def _finish(row: ProcoreInvoice, *, next_at: Any) -> None:
    mine(row).update(lease_until=None, failures=0, stale_looks=0, next_at=next_at)


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
    if fetched.invoice is None:
        return True
    seen, told = fetched.invoice.updated_at, row.told_at
    return seen is not None and told is not None and seen < told - BEHIND


def _is_older_than_known(row: ProcoreInvoice, fetched: Fetched) -> bool:
    """A reading from before the last one, as a cache may give it: ask again, but not for ever."""
    seen = fetched.invoice.updated_at if fetched.invoice else None
    known = row.source_updated_at
    return seen is not None and known is not None and seen < known and row.stale_looks < STALE_READS


def _locked(integration_id: int) -> ProcoreIntegration:
    """`FOR SHARE`, which Django cannot say."""
    found = ProcoreIntegration.objects.raw(
        "SELECT * FROM procore_sync_procoreintegration WHERE id = %s FOR SHARE", [integration_id]
    )
    return found[0]


def _observe(row: ProcoreInvoice, fetched: Fetched) -> None:
    now = database_now()
    invoice = fetched.invoice
    if invoice is None:
        row.remember(status="")
        return
    facts: dict[str, Any] = {
        "status": invoice.status[:40],
        "source_updated_at": invoice.updated_at,
        "snapshot": _json(asdict(invoice)) | {"lines": [_json(asdict(line)) for line in fetched.lines]},
    }
    if invoice.is_approved:
        facts |= _approval_facts(row, fetched.approval, now)
    else:
        facts |= {"seen_unapproved_at": now, "first_seen_approved_at": None, "approved_at": None, "approved_by": ""}
    row.remember(**facts)


def _approval_facts(row: ProcoreInvoice, approval: Approval | None, now: datetime) -> dict[str, Any]:
    """The history's word; else the moment it was first seen approved, if it had been seen unapproved before."""
    first_seen = row.first_seen_approved_at or now
    if approval is not None:
        return {"first_seen_approved_at": first_seen, "approved_at": approval.at, "approved_by": approval.by[:200]}
    return {"first_seen_approved_at": first_seen, "approved_at": first_seen if row.seen_unapproved_at else None}


def facts_for_gates(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> gates.Facts:
    invoice = fetched.invoice
    return gates.Facts(
        found=invoice is not None,
        kind=row.kind,
        status=row.status,
        status_words=row.status_words,
        approved_statuses=reading.APPROVED,
        created_by_id=invoice.created_by_id if invoice else None,
        service_user_id=integration.service_user_id,
        origin_data=invoice.origin_data if invoice else "",
        approved_at=row.approved_at,
        approval_is_certain=fetched.approval is not None,
        periods=mirroring.periods(integration),
        has_active_quickbooks=Integration.active(row.company_id).exists(),
        zone=ZoneInfo(row.company.time_zone),
    )


def _import_if_open(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> None:
    shut = gates.first_shut(gates.decide(facts_for_gates(row, integration, fetched)))
    if shut is not None or fetched.invoice is None:
        _not_imported(row, shut)
        return
    invoice = recording.record_from_procore(row.company, _new_invoice(row, integration, fetched.invoice, fetched.lines))
    posting.release(invoice)
    row.remember(
        invoice=invoice,
        decision=ProcoreInvoice.Decision.IMPORTED,
        gate="",
        reason="",
        fingerprint=reading.fingerprint(fetched.invoice, fetched.lines),
    )


def _not_imported(row: ProcoreInvoice, shut: gates.Gate | None) -> None:
    decision = ProcoreInvoice.Decision.SKIPPED if shut and shut.final else ProcoreInvoice.Decision.WAITING
    gate, reason = (shut.name, shut.reason) if shut else ("found", "")
    if (row.decision, row.gate, row.reason) == (decision, gate, reason):
        return
    before = {"decision": row.decision, "gate": row.gate}
    row.remember(decision=decision, gate=gate, reason=reason)
    auditing.record(
        row.company_id,
        f"procore_invoice.{decision}",
        row,
        reason or "Not imported",
        job="import",
        before=before,
        after={"decision": str(decision), "gate": gate},
    )


def _follow(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> bool:
    """An imported invoice changed in Procore: take the change over while nothing was sent, else only say so.

    False when its bill is under way just now, so that it is not known yet which of the two it will be.
    """
    invoice = row.invoice
    if invoice is None:
        return True
    now = _source_state(row, fetched)
    refreshed = False
    if now == Invoice.SourceState.CHANGED and fetched.invoice is not None and posting.can_still_change(invoice):
        recording.refresh_from_procore(invoice, _new_invoice(row, integration, fetched.invoice, fetched.lines))
        row.remember(fingerprint=reading.fingerprint(fetched.invoice, fetched.lines))
        now, refreshed = Invoice.SourceState.AS_IMPORTED, True
    if invoice.observe_source(now):
        sentence = "As imported again" if now == Invoice.SourceState.AS_IMPORTED else Invoice.SourceState(now).label
        company = row.company_id
        auditing.record(company, "invoice.source_changed", invoice, sentence, job="import", after={"source_state": now})
        refreshed = True
    if refreshed:
        posting.source_changed(invoice)
    return now != Invoice.SourceState.CHANGED or posting.is_in_books(invoice)


def _source_state(row: ProcoreInvoice, fetched: Fetched) -> Invoice.SourceState:
    if fetched.invoice is None:
        return Invoice.SourceState.DELETED
    if not fetched.invoice.is_approved:
        return Invoice.SourceState.NO_LONGER_APPROVED
    if reading.fingerprint(fetched.invoice, fetched.lines) != row.fingerprint:
        return Invoice.SourceState.CHANGED
    return Invoice.SourceState.AS_IMPORTED


def _new_invoice(
    row: ProcoreInvoice, integration: ProcoreIntegration, seen: SubcontractorInvoice, lines: Sequence[Line]
) -> recording.NewInvoice:
    project = ProcoreProject.objects.filter(integration=integration, procore_id=row.project_id).first()
    retainage = sum((line.retainage for line in lines), Decimal(0))
    return recording.NewInvoice(
        vendor_name=seen.vendor_name,
        vendor_procore_id=seen.vendor_id,
        number=seen.number,
        invoice_date=seen.billing_date,
        currency=seen.currency,
        gross=sum((line.gross for line in lines), Decimal(0)),
        retainage=retainage,
        amount_due=seen.current_payment_due,
        lines=tuple(
            recording.NewLine(line.description, line.gross, line.retainage, line.cost_code, line.cost_code_name)
            for line in lines
        ),
        project_procore_id=row.project_id,
        project_name=project.name if project else f"Procore project {row.project_id}",
        project_number=project.number if project else "",
        commitment=seen.commitment,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        source_url=source_url(integration, seen),
    )


def source_url(integration: ProcoreIntegration, seen: SubcontractorInvoice) -> str:
    """The invoice's page in Procore. Procore: side panel view keys, commitments.requisitions.detail."""
    if seen.commitment_id is None:
        return ""
    purchase_order = seen.commitment_type == "PurchaseOrderContract"
    tool = "purchase_order_contracts" if purchase_order else "work_order_contracts"
    ui = settings.PROCORE_ENVIRONMENTS[integration.environment]["ui"]
    return f"{ui}/{seen.project_id}/project/commitments/{tool}/{seen.commitment_id}/requisitions/{seen.procore_id}"


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


def _needs_reconnect(integration: ProcoreIntegration, words: str) -> None:
    with transaction.atomic():
        rows = ProcoreIntegration.objects.filter(pk=integration.pk, state=ProcoreIntegration.State.CONNECTED)
        if rows.update(state=ProcoreIntegration.State.NEEDS_RECONNECT, check_result=words[:500]):
            auditing.record(integration.company_id, "procore.needs_reconnect", integration, words, job="import")


def _json(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | None) else str(value) for name, value in facts.items()}
