"""A possible duplicate: the two side by side, and what a person may decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounting import comparing, linking, presenting, unlinking
from accounting.backends import InBooks, NeedsReconnect, NotSent, not_now
from accounting.models import Bill, BookedBill, Integration, Moved
from companies import access
from invoices import recording
from invoices.models import Invoice

GONE_ON = "Nothing to do: the bill has gone on since this page was shown."


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two as the page shows it."""

    title: str
    number: str
    vendor: str
    date: date
    total: Decimal
    memo: str
    url: str = ""
    is_outside: bool = False
    external_id: str = ""
    status: dict[str, str] | None = None


@require_safe
@access.workers_write
def compare(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    return _page(request, _bill(request, public_id))


@require_POST
@access.workers_write
def link(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """This very bill of the books is the invoice's."""
    bill = _bill(request, public_id)
    external_id = request.POST.get("external_id", "")[:60]
    return _decide(request, bill, lambda: linking.link(bill, external_id, user=request.user))


@require_POST
@access.workers_write
def mark(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """The bill is in the books under the number that was typed."""
    bill = _bill(request, public_id)
    number = request.POST.get("number", "")[:60]
    return _decide(request, bill, lambda: linking.mark(bill, number, user=request.user), number=number)


@require_POST
@access.workers_write
def unlink(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    bill = _bill(request, public_id)
    try:
        unlinking.unlink(bill, user=request.user)
    except unlinking.CannotUnlink as exc:
        messages.error(request, str(exc))
    except Moved:
        messages.warning(request, GONE_ON)
    else:
        messages.success(request, "Unlinked. The bill stays in QuickBooks as it is.")
    return redirect("invoices:detail", public_id=public_id)


def _decide(
    request: access.MemberRequest, bill: Bill, deed: Callable[[], list[InBooks] | None], number: str = ""
) -> HttpResponse:
    """Do it and go back to the invoice; what does not work is said on this page."""
    refusal, found = "", []
    try:
        found = deed() or []
    except linking.CannotLink as exc:
        refusal = str(exc)
    except NotSent as exc:
        refusal = not_now(exc)
    except NeedsReconnect:
        for integration in Integration.active(bill.company_id):
            integration.needs_reconnect()
        refusal = "QuickBooks no longer accepts inBuild's connection. Ask a company admin to reconnect it."
    except Moved:
        messages.warning(request, GONE_ON)
        return redirect("invoices:detail", public_id=bill.invoice.public_id)
    if not refusal and not found:
        messages.success(request, f"Linked to bill {bill.external_number or bill.external_id} in QuickBooks.")
        return redirect("invoices:detail", public_id=bill.invoice.public_id)
    if found:
        refusal = f"QuickBooks has bill {number}, but not just one of this vendor. Compare, then link the right one."
    return _page(request, bill, refusal=refusal, found=found, number=number, status=422)


def _page(
    request: access.MemberRequest,
    bill: Bill,
    *,
    refusal: str = "",
    found: Iterable[InBooks] = (),
    number: str = "",
    status: int = 200,
) -> HttpResponse:
    invoice = bill.invoice
    ours = side_of(bill, number=invoice.number, date=invoice.invoice_date)
    others = [_found(one) for one in found] or _others(bill)
    context: dict[str, Any] = presenting.bill_card(bill, request.membership) | {
        "ours": ours,
        "others": [(other, _differences(ours, other)) for other in others],
        "can_link": linking.can_link(bill),
        "refusal": refusal,
        "number": number or invoice.number,
        "workers_only": access.WORKERS_ONLY,
    }
    return render(request, "accounting/duplicate.html", context, status=status)


def _others(bill: Bill) -> list[Side]:
    """The bill of the books first: it is the one that may be linked."""
    booked = linking.known_in_books(bill)
    sides = [side_in_books(bill, booked)] if booked else []
    twins = recording.duplicates_of(bill.invoice).select_related("vendor", "bill")[:5]
    return sides + [_twin(twin) for twin in twins]


def side_of(bill: Bill, *, number: str, date: date) -> Side:
    """The invoice, with the number and date that are to be compared."""
    invoice = bill.invoice
    return Side("This invoice", number, invoice.vendor.name, date, invoice.amount_due, _memo(bill))


def side_in_books(bill: Bill, booked: BookedBill) -> Side:
    there = Bill(company_id=bill.company_id, external_id=booked.external_id, integration=booked.integration)
    return Side(
        title="Bill in QuickBooks",
        number=booked.number,
        vendor=booked.vendor_name,
        date=booked.date,
        total=comparing.signed(bill, booked.total),
        memo=booked.memo,
        url=presenting.quickbooks_url(there),
        is_outside=True,
        external_id=booked.external_id,
    )


def _found(found: InBooks) -> Side:
    return Side(
        title="Bill in QuickBooks",
        number=found.number,
        vendor=found.vendor_name,
        date=found.date,
        total=found.total,
        memo=found.note,
        is_outside=True,
        external_id=found.external_id,
    )


def _twin(twin: Invoice) -> Side:
    return Side(
        title=f"Other invoice in inBuild, from {twin.get_source_display()}",
        number=twin.number,
        vendor=twin.vendor.name,
        date=twin.invoice_date,
        total=twin.amount_due,
        memo=twin.memo,
        url=reverse("invoices:detail", kwargs={"public_id": twin.public_id}),
        status=presenting.status(twin),
    )


def _memo(bill: Bill) -> str:
    invoice = bill.invoice
    parts = (invoice.project, invoice.commitment, invoice.memo)
    return " · ".join(str(part) for part in parts if part)


def _differences(ours: Side, other: Side) -> frozenset[str]:
    return frozenset(
        name for name in ("number", "vendor", "date", "total") if getattr(ours, name) != getattr(other, name)
    )


def _bill(request: access.MemberRequest, public_id: UUID) -> Bill:
    bills = Bill.objects.select_related("invoice__vendor", "invoice__project", "integration", "company")
    return get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
