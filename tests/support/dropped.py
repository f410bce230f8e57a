"""Files in the inbox and invoices on their way to approval, so that their pages show all they can."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.files.base import ContentFile

from companies.models import Membership, Role
from invoices import approving, inbox, recording
from invoices.models import InboxFile, Invoice
from tests.support import pdfs

VENDOR = "Anchor Waterproofing"


def filled() -> str:
    """Their public ids by name, as JSON. The accountants' limit is lower than what waits."""
    member = Membership.objects.filter(role=Role.ACCOUNTANT).select_related("company", "user").order_by("id")[0]
    company, user = member.company, member.user
    waiting, rejected = (
        recording.record_upload(
            company,
            recording.NewInvoice(
                vendor_name=VENDOR,
                number=number,
                invoice_date=date(2026, 11, 3),
                currency="USD",
                gross=Decimal(900),
                retainage=Decimal(0),
                amount_due=Decimal(900),
                lines=(recording.NewLine("Membrane", Decimal(900)),),
            ),
            project=None,
            pdf=ContentFile(pdfs.pdf([VENDOR]), f"{number}.pdf"),
            user=user,
        )
        for number in ("AW-1", "AW-2")
    )
    rejected.reject("The freight is missing.", by=user)
    approving.set_limit(company, Role.ACCOUNTANT, Decimal(100), user=user)
    twice = pdfs.pdf([VENDOR, "Invoice No.: AW-1", "Invoice Date: 11/03/2026", "Total: $900.00"])
    read, _, scan = (
        inbox.receive(company, ContentFile(content, name), user=user)
        for name, content in (("aw-1.pdf", twice), ("aw-1-again.pdf", twice), ("scan-0001.pdf", pdfs.scan()))
    )
    named: dict[str, Any] = {"waiting": waiting, "rejected": rejected, "read": read, "scan": scan}
    return json.dumps({name: str(each.public_id) for name, each in named.items()})


def emptied() -> None:
    """For the journeys that come after."""
    InboxFile.objects.filter(state__in=InboxFile.OPEN).update(state="removed", next_at=None)
    for member in Membership.objects.filter(role=Role.ADMIN).select_related("company", "user"):
        approving.set_limit(member.company, Role.ACCOUNTANT, None, user=member.user)
    Invoice.objects.filter(number__in=("AW-1", "AW-2")).update(state="cancelled")
