"""Invoices as these tests need them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from accounting import posting
from accounting.models import Bill
from accounting.tasks import post_due
from companies.models import Company
from invoices import recording
from invoices.models import Invoice


def approved(company: Company, number: str = "INV-1", *, vendor: str = "Apex Electrical", **more: Any) -> Invoice:
    lines = more.pop("lines", (recording.NewLine("Wiring", Decimal("1000.00"), Decimal(0), "16-100", "Electrical"),))
    gross = sum((line.gross for line in lines), Decimal(0))
    retainage = sum((line.retainage for line in lines), Decimal(0))
    new = recording.NewInvoice(
        vendor_name=vendor,
        vendor_procore_id=more.pop("vendor_procore_id", sum(vendor.encode()) * 1000 + len(vendor)),
        number=number,
        invoice_date=more.pop("invoice_date", date(2026, 11, 1)),
        currency=more.pop("currency", "USD"),
        gross=gross,
        retainage=retainage,
        amount_due=more.pop("amount_due", gross + retainage),
        lines=lines,
        **more,
    )
    return recording.record_from_procore(company, new)


def posted(company: Company, invoice: Invoice) -> Bill:
    posting.release(invoice)
    post(company)
    return Bill.objects.get(invoice=invoice)


def post(company: Company, turns: int = 1) -> None:
    for _ in range(turns):
        post_due(company_id=company.pk)
