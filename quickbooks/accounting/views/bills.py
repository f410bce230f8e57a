"""What a person may do with one bill, and its card for polling."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounting import attaching, changing, comparing, following, posting, resyncing, setting_aside, unlinking
from accounting.models import Bill, BillFile, Moved
from accounting.presenting import bill_card
from accounting.views.duplicate import side_in_books, side_of
from companies import access
from procore_sync.importing import look_again


@require_POST
@access.workers_write
def act(request: access.MemberRequest, public_id: UUID, action: str) -> HttpResponse:
    """One deed on one bill. A second click finds the bill gone on and says so."""
    bills = Bill.objects.select_related("invoice__vendor", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    refusal = ""
    try:
        if action == "skip":
            setting_aside.skip(bill, user=request.user)
        elif action == "hold":
            setting_aside.hold(bill, user=request.user)
        elif action in ("as_credit", "as_bill"):
            kind = Bill.Kind.VENDOR_CREDIT if action == "as_credit" else Bill.Kind.BILL
            posting.choose(bill, user=request.user, kind=kind)
        elif action == "post_on_open_day":
            posting.choose(bill, user=request.user, posting_date=posting.first_open_day(bill))
        elif action == "take_up":
            unlinking.take_up(bill, user=request.user)
        else:
            look_again(bill.invoice)
            posting.retry(bill, user=request.user, sync_anyway=action == "sync_anyway")
    except Moved:
        refusal = "Nothing to do: the bill has gone on since this page was shown."
    except unlinking.CannotUnlink as exc:
        refusal = str(exc)
    if request.headers.get("HX-Request"):
        bill.refresh_from_db()
        return render(request, "accounting/_bill.html", bill_card(bill, request.membership) | {"refusal": refusal})
    if refusal:
        messages.warning(request, refusal)
    return redirect("invoices:detail", public_id=public_id)


@require_POST
@access.workers_write
def change(request: access.MemberRequest, public_id: UUID, action: str) -> HttpResponse:
    """A change of a posted bill was not possible: try it again, or leave the bill as it is."""
    bills = Bill.objects.select_related("invoice__vendor", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    try:
        (changing.again if action == "again" else changing.keep)(bill, user=request.user)
    except Moved:
        messages.warning(request, "Nothing to do: the bill has gone on since this page was shown.")
    return redirect("invoices:detail", public_id=public_id)


@require_safe
@access.workers_write
def bill_status(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """The bill's card alone, for polling; it stops asking by itself when the bill is at rest."""
    bills = Bill.objects.select_related("invoice__vendor", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    return render(request, "accounting/_bill.html", bill_card(bill, request.membership))


IN_BOOKS = {
    "check": "QuickBooks was asked again.",
    "accept": "Accepted as it is in QuickBooks.",
    "sync": "",
    "resync": "",
    "update": "The bill is being updated in QuickBooks.",
}


@require_POST
@access.workers_write
def in_books(request: access.MemberRequest, public_id: UUID, deed: str) -> HttpResponse:
    """One deed on a bill that is, or was, in the books."""
    bills = Bill.objects.select_related("invoice__vendor", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    if deed not in IN_BOOKS:
        raise Http404
    try:
        if deed == "check":
            following.check_again(bill)
        elif deed == "resync":
            return _resync(request, bill)
        elif deed == "update":
            resyncing.update(bill, user=request.user)
        elif deed == "accept":
            comparing.accept(bill, user=request.user)
        else:
            comparing.send_again(bill, user=request.user)
    except Moved:
        messages.warning(request, "Nothing to do: the bill has gone on since this page was shown.")
    except (comparing.NotNow, changing.CannotChange) as exc:
        messages.error(request, str(exc))
    else:
        if IN_BOOKS[deed]:
            messages.success(request, IN_BOOKS[deed])
    return redirect("invoices:detail", public_id=public_id)


def _resync(request: access.MemberRequest, bill: Bill) -> HttpResponse:
    """Ask the books, then say that the bill is as it should be, or show what differs. Raises NotNow."""
    following.check_again(bill)
    bill.refresh_from_db()
    public_id = bill.invoice.public_id
    found = resyncing.compare(bill)
    if found is not None and (found.differences or bill.books_state == Bill.BooksState.CHANGED):
        return redirect("accounting:resync", public_id=public_id)
    if found is not None and bill.books_state == Bill.BooksState.AS_POSTED:
        at = found.there.seen_at.astimezone(ZoneInfo(bill.company.time_zone))
        asked = f"{at:%b} {at.day}, {at.year}, {at.hour % 12 or 12}:{at:%M %p %Z}"
        messages.success(request, f"QuickBooks has this bill as inBuild would send it. Asked {asked}.")
    return redirect("invoices:detail", public_id=public_id)


@require_safe
@access.workers_write
def resync(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """The bill as inBuild would send it beside the bill as QuickBooks last showed it."""
    bills = Bill.objects.select_related("invoice__vendor", "invoice__project", "integration", "company")
    bill = get_object_or_404(bills, company=request.membership.company, invoice__public_id=public_id)
    found = resyncing.compare(bill)
    if found is None:
        return redirect("invoices:detail", public_id=public_id)
    context = bill_card(bill, request.membership) | {
        "ours": side_of(bill, number=found.number, date=found.date),
        "other": side_in_books(bill, found.there),
        "differences": found.differences,
        "seen_at": found.there.seen_at,
        "why_not": resyncing.against_update(bill),
        "workers_only": access.WORKERS_ONLY,
    }
    return render(request, "accounting/resync.html", context)


@require_POST
@access.workers_write
def retry_file(request: access.MemberRequest, pk: int) -> HttpResponse:
    files = BillFile.objects.select_related("bill__invoice", "attachment")
    file = get_object_or_404(files, company=request.membership.company, pk=pk)
    if not attaching.retry(file, user=request.user):
        messages.warning(request, "Nothing to do: the file has gone on since this page was shown.")
    return redirect("invoices:detail", public_id=file.bill.invoice.public_id)
