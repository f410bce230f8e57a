"""The inbox: PDFs that were dropped and are not entered yet, with what inBuild read in them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounting import intake, presenting
from accounting.models import BookedBill
from companies import access
from companies.templatetags.plain import day, money
from invoices import alike, inbox
from invoices.alike import Key
from invoices.models import InboxFile, Invoice, WrongState, file_name

SHOWN = 100
LABELS = {"vendor_name": "Vendor", "number": "Number", "invoice_date": "Date", "total": "Total"}


@require_http_methods(["GET", "HEAD", "POST"])
@access.workers_write
def page(request: access.MemberRequest) -> HttpResponse:
    """The files that wait; a POST takes new ones in. Ten queries at most, however many there are."""
    if request.method == "POST":
        _take_in(request)
        return redirect("invoices:inbox")
    company = request.membership.company
    rows = InboxFile.open_in(company).select_related("uploaded_by")
    files = list(rows[:SHOWN])
    twins = alike.same_bytes(company, files)
    keys = {file.pk: _key(file) for file in files}
    here = alike.same_number(company, keys.values())
    booked = intake.same_number(company, keys.values())
    context = {
        "rows": [
            {
                "file": file,
                "found": [
                    (label, _words(name, file.found[name])) for name, label in LABELS.items() if name in file.found
                ],
                "colour": {"waiting": "info", "read": "ok"}.get(file.state, "muted"),
                "twin": twins.get(file.pk),
                "similar": similar(here.get(keys[file.pk]), booked.get(keys[file.pk])),
            }
            for file in files
        ],
        "count": rows.count() if len(files) == SHOWN else len(files),
        "is_reading": any(file.state == InboxFile.State.WAITING for file in files),
        "at_once": inbox.AT_ONCE,
        "megabytes": settings.UPLOAD_MAX_BYTES // 1_000_000,
        "can_work": request.membership.can_work,
        "workers_only": access.WORKERS_ONLY,
    }
    return render(request, "invoices/inbox.html", context)


@require_POST
@access.workers_write
def remove(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    file = get_object_or_404(InboxFile, company=request.membership.company, public_id=public_id)
    try:
        inbox.remove(file, user=request.user)
    except WrongState as why:
        messages.warning(request, str(why))
    else:
        messages.success(request, f"Removed {file.name}.")
    return redirect("invoices:inbox")


def similar(invoice: Invoice | None, bill: BookedBill | None) -> list[dict[str, Any]]:
    """What is there already of the same vendor and number: in words, with a link where there is one."""
    found = []
    if invoice is not None:
        words = (
            f"This number is already invoice {invoice.number} of {invoice.vendor.name}, {money(invoice.amount_due)} "
        )
        words += f"{invoice.currency} of {day(invoice.invoice_date)}."
        url = reverse("invoices:detail", kwargs={"public_id": invoice.public_id})
        found.append({"words": words, "url": url, "label": f"Open invoice {invoice.number}", "is_outside": False})
    if bill is not None:
        words = (
            f"QuickBooks already has bill {bill.number} of {bill.vendor_name}, {money(bill.total)} of {day(bill.date)}."
        )
        url = presenting.quickbooks_url(bill)
        found.append({"words": words, "url": url, "label": f"Open bill {bill.number}", "is_outside": True})
    return found


def _take_in(request: access.MemberRequest) -> None:
    """The good ones are kept; each of the others is named with the reason."""
    company, taken = request.membership.company, 0
    uploads = request.FILES.getlist("files")
    for number, upload in enumerate(uploads):
        why = inbox.refusal(upload) or inbox.full(company)
        if number >= inbox.AT_ONCE:
            why = f"At most {inbox.AT_ONCE} files are taken at once. Choose it again."
        if why:
            messages.error(request, f"{file_name(upload.name or 'A file', 'application/pdf')} was not taken. {why}")
        else:
            inbox.receive(company, upload, user=request.user)
            taken += 1
    if taken:
        messages.success(request, f"{taken} file{'s' if taken > 1 else ''} taken in. inBuild reads what it can.")
    elif not uploads:
        messages.error(request, "Choose at least one PDF first.")


def _key(file: InboxFile) -> Key:
    found = file.found
    return alike.key(*(found.get(name, {}).get("value", "") for name in ("vendor_name", "number")))


def _words(name: str, one: dict[str, str]) -> str:
    if name == "total":
        return money(Decimal(one["value"]))
    return day(date.fromisoformat(one["value"])) if name == "invoice_date" else one["value"]
