"""A company with something that needs somebody."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from accounting import posting
from accounting.models import Bill, Integration
from companies.models import Company
from invoices import recording


def books(company: Company) -> Integration:
    return Integration.objects.create(
        company=company, kind="qbo", external_id=f"{company.pk}77", account_name="The books", state="connected"
    )


def bill(company: Company, number: str, **stopped: Any) -> Bill:
    """Of an approved invoice; stopped for a reason, unless said otherwise."""
    line = recording.NewLine("Steel", Decimal("1000.00"), Decimal(0), "05-100")
    new = recording.NewInvoice(
        vendor_name="Delta Steel",
        number=number,
        invoice_date=date(2026, 11, 1),
        currency="USD",
        gross=Decimal("1000.00"),
        retainage=Decimal(0),
        amount_due=Decimal("1000.00"),
        lines=(line,),
    )
    made = posting.release(recording.record_from_procore(company, new))
    fields = {"state": "failed", "problem": "user_not_allowed", "next_at": None} | stopped
    Bill.objects.filter(pk=made.pk).update(**fields)
    made.refresh_from_db()
    return made
