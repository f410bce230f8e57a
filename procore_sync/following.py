"""What becomes of an imported invoice whose original in Procore is edited, un-approved, approved again or deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from accounting import posting
from companies import auditing
from companies.models import User
from invoices import recording
from invoices.models import Invoice
from procore_sync.fetching import Fetched
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from procore_sync.records import Line, Record


class NothingToKeep(Exception):
    """The invoice is as it was imported, so there is nothing to decide."""


def follow(row: ProcoreInvoice, integration: ProcoreIntegration, fetched: Fetched) -> bool:
    """Take a change over while nothing was sent, else only say so; a posted bill is never touched.

    False when its bill is under way just now, so that it is not known yet which of the two it will be.
    """
    invoice = row.invoice
    if invoice is None:
        return True
    now = _source_state(row, fetched)
    refreshed = False
    if now == Invoice.SourceState.CHANGED and fetched.record is not None and posting.can_still_change(invoice):
        recording.refresh_from_procore(invoice, new_invoice(row, integration, fetched))
        row.remember(fingerprint=fetched.fingerprint, imported=row.snapshot)
        now, refreshed = Invoice.SourceState.AS_IMPORTED, True
    if invoice.observe_source(now):
        sentence = "As imported again" if now == Invoice.SourceState.AS_IMPORTED else Invoice.SourceState(now).label
        company = row.company_id
        auditing.record(company, "invoice.source_changed", invoice, sentence, job="import", after={"source_state": now})
        refreshed = True
    if refreshed:
        posting.source_changed(invoice)
    return now != Invoice.SourceState.CHANGED or posting.is_in_books(invoice)


def keep_as_is(invoice: Invoice, *, user: User) -> None:
    """A person decides that the bill stays as it is although the original differs; a further change asks again.

    Raises NothingToKeep.
    """
    with transaction.atomic():
        row = ProcoreInvoice.objects.select_for_update().filter(company_id=invoice.company_id, invoice=invoice).first()
        fresh = Invoice.objects.select_for_update().get(pk=invoice.pk)
        if row is None or fresh.source_state not in DIFFERENT or not posting.is_in_books(fresh):
            raise NothingToKeep
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


DIFFERENT = (Invoice.SourceState.CHANGED, Invoice.SourceState.NO_LONGER_APPROVED, Invoice.SourceState.DELETED)


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
            recording.NewLine(line.description, line.gross, line.retainage, line.cost_code, line.cost_code_name)
            for line in lines
        ),
        procore_environment=integration.environment,
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
