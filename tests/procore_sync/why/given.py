"""Invoices in every state, and the words of the answer."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from accounting.models import Bill, Integration
from procore_sync.models import ProcoreIntegration, ProcoreInvoice
from tests.support import work
from tests.support.emulated import ProcoreEmulator


def words(page: str) -> str:
    part = page.split('id="answer"', 1)[-1].split("<footer", 1)[0].split(">", 1)[-1]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", part))).replace(" .", ".")


def link(record: Mapping[str, Any], procore: ProcoreEmulator) -> str:
    return (
        f"{procore.url}/{record['project_id']}/project/commitments/work_order_contracts/"
        f"{record['commitment_id']}/requisitions/{record['id']}"
    )


def made(procore: ProcoreEmulator, status: str = "under_review", **facts: Any) -> Mapping[str, Any]:
    record = procore.create(status="under_review" if status == "approved" else status, **facts)
    if status == "approved":
        procore.approve(record["id"])
    return next(each for each in procore.invoices() if each["id"] == record["id"])


def heard_of(integration: ProcoreIntegration, record: Mapping[str, Any]) -> ProcoreInvoice:
    row = ProcoreInvoice.hint(
        integration, kind="subcontractor_invoice", procore_id=int(record["id"]), project_id=int(record["project_id"])
    )
    work.drain(integration.company)
    row.refresh_from_db()
    return row


def posted(integration: ProcoreIntegration, procore: ProcoreEmulator) -> tuple[Mapping[str, Any], ProcoreInvoice, Bill]:
    record = made(procore, "approved")
    row = heard_of(integration, record)
    bill = Bill.objects.get(invoice=row.invoice)
    assert bill.state == "synced"
    return record, row, bill


def unsent(integration: ProcoreIntegration, procore: ProcoreEmulator) -> tuple[Mapping[str, Any], Bill]:
    """Imported while QuickBooks was paused."""
    Integration.objects.update(paused=True)
    record = made(procore, "approved")
    row = heard_of(integration, record)
    Integration.objects.update(paused=False)
    return record, Bill.objects.get(invoice=row.invoice)
