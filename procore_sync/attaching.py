"""Brings the files of mirrored invoices along. A file that fails never holds up the invoice or its bill."""

from __future__ import annotations

from django.db.models.functions import Now

from inbuild.queue import ring
from procore_sync.bells import ATTACH_DUE
from procore_sync.models import ProcoreAttachment, ProcoreInvoice
from procore_sync.records import Record


def expect(row: ProcoreInvoice, record: Record) -> None:
    """Note, in the transaction of the import, which files shall come: Procore's print of the invoice, and each file."""
    wanted = [(file.procore_id, file.name or "attachment") for file in record.files]
    if row.kind == ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE:
        wanted.insert(0, (ProcoreAttachment.PRINTED, f"Subcontractor invoice {record.number}.pdf"))
    ProcoreAttachment.objects.bulk_create(
        [
            ProcoreAttachment(
                company_id=row.company_id, procore_invoice=row, procore_id=procore_id, name=name[:255], next_at=Now()
            )
            for procore_id, name in wanted
        ],
        ignore_conflicts=True,
    )
    ring(ATTACH_DUE, row.company_id)
