"""What becomes of an invoice when the one in Procore is approved, edited, un-approved, approved again or deleted.

Imported ones and those inBuild sent there are followed alike, from the moment they are approved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from accounting import changing, posting
from accounting.models import Bill, BillChange
from companies import auditing
from companies.models import User
from inbuild.queue import database_now
from inbuild.written import Written
from invoices import recording
from invoices.models import Invoice
from procore_sync import attaching, records
from procore_sync.fetching import Fetched, fetch
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject, SentInvoice
from procore_sync.records import Line, Record


class NothingToDecide(Exception):
    """The invoice is as it was taken over, was decided about already, or differs in another way than was shown."""


def approved_statuses(integration: ProcoreIntegration) -> frozenset[str]:
    """What counts as approved in this company."""
    return records.APPROVED if integration.approved_as_noted_counts else records.APPROVED - {"approved_as_noted"}


def original_of(invoice: Invoice) -> ProcoreInvoice | None:
    """What we know of the invoice in Procore: the one it was imported from, or the one that was made of it there."""
    if invoice.from_procore:
        return next(iter(_IMPORTED_AS(invoice.company_id, invoice.pk)), None)
    sent = SentInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice).first()
    if sent is None or sent.procore_id is None:
        return None
    kind = ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE
    rows = ProcoreInvoice.objects.filter(company_id=invoice.company_id, integration_id=sent.integration_id)
    return rows.filter(kind=kind, procore_id=sent.procore_id).first()


_IMPORTED_AS = Written(
    lambda company_id, invoice_id: ProcoreInvoice.objects.filter(company_id=company_id, invoice_id=invoice_id).order_by(
        "pk"
    )[:1],
    int,
    int,
)


def follow_sent(row: ProcoreInvoice, sent: SentInvoice, integration: ProcoreIntegration, fetched: Fetched) -> bool:
    """One of ours in Procore: its approval there releases inBuild's own invoice, once. Whether mirroring is on does
    not matter. False when its bill is under way just now, so that a change can only be judged later.
    """
    record = fetched.record
    invoice = Invoice.objects.select_for_update().get(pk=sent.invoice_id)
    approved = record is not None and record.status in approved_statuses(integration)
    waits = invoice.state == Invoice.State.SUBMITTED
    if sent.procore_id not in (None, row.procore_id) and not (approved and waits):
        return True  # Made twice against all care: the one that is approved first is the one.
    if record is None:
        if waits:
            sent.gone()
    else:
        sent.found(procore_id=row.procore_id, status=record.status)
        recording.note_original(invoice, commitment=record.commitment, source_url=source_url(integration, record))
    if record is not None and approved and not row.fingerprint:
        _take_as_approved(row, invoice, fetched, record)
    if approved and waits:
        invoice.approve_in_procore(at=row.approved_at or database_now(), by=row.approved_by or "Procore")
        sentence = f"Approved in Procore{f' by {row.approved_by}' if row.approved_by else ''}"
        auditing.record(row.company_id, "invoice.approved", invoice, sentence, job="import")
        posting.release(invoice)
    elif invoice.state == Invoice.State.APPROVED and row.fingerprint:
        return follow(row, invoice, integration, fetched)
    return True


def _take_as_approved(row: ProcoreInvoice, invoice: Invoice, fetched: Fetched, record: Record) -> None:
    """What was approved there is from now on what a change is compared with; another amount than ours holds the bill.

    inBuild's own amounts stay as they are: its invoice is what the vendor sent.
    """
    theirs, ours = (record.amount_due, record.currency), (invoice.amount_due, invoice.currency)
    sentence = ""
    if theirs != ours:
        sentence = (
            f"Procore approved {record.amount_due:,.2f} {record.currency}, the invoice in inBuild says "
            f"{invoice.amount_due:,.2f} {invoice.currency}."
        )
    recording.note_mismatch(invoice, sentence)
    row.remember(fingerprint=fetched.fingerprint, imported=row.snapshot)


def follow(row: ProcoreInvoice, invoice: Invoice, integration: ProcoreIntegration, fetched: Fetched) -> bool:
    """Take a change over while nothing was sent, else only say so; a posted bill is never touched.

    False when its bill is under way just now, so that it is not known yet which of the two it will be.
    """
    now = _source_state(row, fetched)
    refreshed = False
    if fetched.record is not None and invoice.from_procore:
        attaching.expect(row, fetched.record)
    if now == Invoice.SourceState.CHANGED and fetched.record is not None and posting.can_still_change(invoice):
        if invoice.from_procore:
            recording.refresh_from_procore(invoice, new_invoice(row, integration, fetched))
            row.remember(fingerprint=fetched.fingerprint, imported=row.snapshot)
            attaching.print_again(row)
        else:
            _take_as_approved(row, invoice, fetched, fetched.record)
        now, refreshed = Invoice.SourceState.AS_IMPORTED, True
    if invoice.observe_source(now):
        sentence = "As imported again" if now == Invoice.SourceState.AS_IMPORTED else Invoice.SourceState(now).label
        company = row.company_id
        auditing.record(company, "invoice.source_changed", invoice, sentence, job="import", after={"source_state": now})
        refreshed = True
    if refreshed:
        posting.source_changed(invoice)
    return now != Invoice.SourceState.CHANGED or posting.is_in_books(invoice)


def recognize(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> None:
    """Link a row to the invoice that already mirrors its original, should the record of the import have been lost.

    What was taken over at that time is lost with it, so the invoice itself tells whether the original changed since.
    """
    if row.invoice_id is None:
        known = recording.mirror_of(
            row.company, environment=integration.environment, kind=row.kind, procore_id=row.procore_id
        )
        if known is None:
            return
        row.remember(invoice=known, decision=ProcoreInvoice.Decision.IMPORTED, gate="", reason="")
        auditing.record(
            row.company_id, "procore_invoice.recognized", known, "Linked to its original in Procore again", job="import"
        )
    record, invoice = fetched.record, row.invoice
    if row.fingerprint or invoice is None or record is None or not record.is_approved:
        return
    if recording.is_same(invoice, new_invoice(row, integration, fetched)):
        row.remember(fingerprint=fetched.fingerprint, imported=row.snapshot)


def keep_as_is(invoice: Invoice, *, user: User, seen: str | None = None) -> None:
    """A person decides that the bill stays as it is although the original differs; a further change asks again.

    `seen` says which difference the person was looking at (`shown_difference`). Raises NothingToDecide.
    """
    with transaction.atomic():
        row, fresh, _ = _decided_about(invoice, DIFFERENT, seen)
        before = fresh.get_source_state_display()
        row.remember(kept_fingerprint=_of_difference(fresh.source_state, _stored_fingerprint(row)))
        fresh.observe_source(Invoice.SourceState.KEPT)
        auditing.record(
            fresh.company_id,
            "invoice.kept",
            fresh,
            f"Kept as it is in QuickBooks: {before}",
            user=user,
            before={"source_state": before},
            after={"source_state": Invoice.SourceState.KEPT.value},
        )


def update_in_books(invoice: Invoice, *, user: User, seen: str | None = None) -> None:
    """Take the change over and let the bill follow it, as far as QuickBooks allows a change now.

    Raises NothingToDecide, changing.CannotChange, ProcoreError and Unreadable; nothing has changed then.
    """
    row, fresh, bill = _decided_about(invoice, (Invoice.SourceState.CHANGED,), seen)
    if not fresh.from_procore:
        raise NothingToDecide  # what the vendor sent to inBuild is what its bill says
    changing.make_sure(bill, changing.UPDATE)
    fetched = fetch(row)
    with transaction.atomic():
        row, fresh, bill = _decided_about(invoice, (Invoice.SourceState.CHANGED,), seen)
        if fetched.fingerprint != _stored_fingerprint(row):
            raise NothingToDecide
        sentence = "Taken over from Procore to update the bill"
        recording.refresh_from_procore(fresh, new_invoice(row, row.integration, fetched), user=user, sentence=sentence)
        row.remember(fingerprint=fetched.fingerprint, imported=row.snapshot)
        fresh.observe_source(Invoice.SourceState.AS_IMPORTED)
        attaching.print_again(row)
        bill.invoice = fresh
        changing.update_in_books(bill, user=user)


def delete_from_books(invoice: Invoice, *, user: User, seen: str | None = None) -> None:
    """Let the bill of an invoice that is not approved any more, or gone, be deleted. Raises as `update_in_books`."""
    gone = (Invoice.SourceState.NO_LONGER_APPROVED, Invoice.SourceState.DELETED)
    _, _, bill = _decided_about(invoice, gone, seen)
    changing.make_sure(bill, changing.DELETE)
    with transaction.atomic():
        _, _, bill = _decided_about(invoice, gone, seen)
        changing.delete_from_books(bill, user=user)


def _decided_about(invoice: Invoice, states: Sequence[str], seen: str | None) -> tuple[ProcoreInvoice, Invoice, Bill]:
    """The rows of a decision, locked where it is made in a transaction. Raises NothingToDecide."""
    with transaction.atomic():
        known = original_of(invoice)
        rows = ProcoreInvoice.objects.select_related("integration").select_for_update(of=("self",))
        row = rows.get(pk=known.pk) if known else None
        fresh = Invoice.objects.select_for_update(of=("self",)).select_related("company", "vendor").get(pk=invoice.pk)
        bill = Bill.objects.select_related("integration").filter(invoice=fresh, state=Bill.State.SYNCED).first()
        if row is None or bill is None or fresh.source_state not in states or BillChange.is_pending_for(bill):
            raise NothingToDecide
        if seen is not None and seen != shown_difference(fresh, row):
            raise NothingToDecide
        return row, fresh, bill


DIFFERENT = (Invoice.SourceState.CHANGED, Invoice.SourceState.NO_LONGER_APPROVED, Invoice.SourceState.DELETED)


def shown_difference(invoice: Invoice, row: ProcoreInvoice) -> str:
    """Stands for the difference as it is now: what a page shows, and what a press on it is about."""
    return _of_difference(invoice.source_state, _stored_fingerprint(row))


def _source_state(row: ProcoreInvoice, fetched: Fetched) -> Invoice.SourceState:
    if fetched.record is None:
        now = Invoice.SourceState.DELETED
    elif not fetched.record.is_approved:
        now = Invoice.SourceState.NO_LONGER_APPROVED
    elif fetched.fingerprint != row.fingerprint:
        now = Invoice.SourceState.CHANGED
    else:
        return Invoice.SourceState.AS_IMPORTED
    kept = row.kept_fingerprint == _of_difference(now, fetched.fingerprint if fetched.record else "")
    return Invoice.SourceState.KEPT if kept else now


def _of_difference(source_state: str, fingerprint: str) -> str:
    """Without lines an un-approved one's fingerprint means nothing: that it is un-approved is the whole difference."""
    told = fingerprint if source_state == Invoice.SourceState.CHANGED else ""
    return hashlib.sha256(f"{source_state}:{told}".encode()).hexdigest()


def _stored_fingerprint(row: ProcoreInvoice) -> str:
    return str(row.snapshot.get("fingerprint", ""))


def new_invoice(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> recording.NewInvoice:
    """What is recorded of an original. Raises ValueError where Procore shows none."""
    record, lines = fetched.record, fetched.lines
    if record is None:
        raise ValueError(f"Procore shows no invoice {row.procore_id}.")
    project = ProcoreProject.objects.filter(integration=integration, procore_id=row.project_id).first()
    return recording.NewInvoice(
        vendor_name=record.vendor_name,
        vendor_procore_id=record.vendor_id,
        number=record.number,
        invoice_date=record.billing_date,
        currency=record.currency,
        gross=_sum(lines, "gross"),
        retainage=_sum(lines, "retainage"),
        amount_due=record.amount_due,
        mismatch=fetched.mismatch,
        lines=tuple(
            recording.NewLine(
                line.description,
                line.gross,
                line.retainage,
                line.cost_code,
                line.cost_code_name,
                line.cost_type,
                line.cost_code_origin_id,
            )
            for line in lines
        ),
        procore_environment=integration.environment,
        procore_kind=row.kind,
        procore_id=row.procore_id,
        project_procore_id=row.project_id,
        project_name=project.name if project else f"Procore project {row.project_id}",
        project_number=project.number if project else "",
        commitment=record.commitment,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        source_url=source_url(integration, record),
    )


def source_url(integration: ProcoreIntegration, record: Record) -> str:
    """The invoice's page in Procore. Procore: side panel view keys, commitments.requisitions.detail."""
    ui = settings.PROCORE_ENVIRONMENTS[integration.environment]["ui"]
    if record.kind == ProcoreInvoice.Kind.DIRECT_COST:
        return f"{ui}/{record.project_id}/project/direct_costs"
    if record.commitment_id is None:
        return ""
    purchase_order = record.commitment_type == "PurchaseOrderContract"
    tool = "purchase_order_contracts" if purchase_order else "work_order_contracts"
    return (
        f"{ui}/{record.project_id}/project/commitments/{tool}/{record.commitment_id}/requisitions/{record.procore_id}"
    )


def _sum(lines: Sequence[Line], name: str) -> Decimal:
    return sum((getattr(line, name) for line in lines), Decimal(0))
