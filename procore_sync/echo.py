"""Is this invoice of Procore's one that inBuild itself made there? Such a one is never mirrored back."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from procore_sync.models import ProcoreInvoice, SentInvoice
from procore_sync.records import Record

# Longer than a sending can be under way, so that its create event never passes for somebody else's invoice.
IN_FLIGHT = timedelta(minutes=30)
MARK = "inBuild:"


def mark_of(sent: SentInvoice) -> str:
    """What stands in the record's `origin_data`. Procore: free text that people do not see and that locks nothing."""
    return f"{MARK}{sent.mark}"


def find(row: ProcoreInvoice, record: Record) -> SentInvoice | None:
    """The invoice we sent that this one is: by Procore's id, else by our mark, which we wrote before sending."""
    mine = SentInvoice.objects.filter(company_id=row.company_id, integration_id=row.integration_id)
    if row.kind != ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE:
        return None
    known = mine.filter(procore_id=row.procore_id).select_for_update().first()
    if known is not None or not record.origin_data.startswith(MARK):
        return known
    try:
        mark = uuid.UUID(record.origin_data.removeprefix(MARK))
    except ValueError:
        return None
    return mine.filter(mark=mark).select_for_update().first()


def may_be(row: ProcoreInvoice, record: Record) -> bool:
    """Is one of ours with this commitment and number on its way just now, so that this may be it?

    Procore's create event can arrive before our own call has its answer, and it is not documented that every view
    shows `origin_data`.
    """
    if record.origin_data.startswith(MARK):
        return True
    if record.commitment_id is None:
        return False
    under_way = Q(state__in=[SentInvoice.State.SENDING, SentInvoice.State.CHECKING])
    return (
        SentInvoice.objects.filter(under_way, company_id=row.company_id, integration_id=row.integration_id)
        .filter(commitment_id=record.commitment_id, started_at__gt=Now() - IN_FLIGHT)
        .filter(Q(invoice__number=record.number) | Q(payload__requisition__invoice_number=record.number))
        .exists()
    )
