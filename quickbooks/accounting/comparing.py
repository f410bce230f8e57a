"""What the books show against what we posted: changed, deleted, copied, paid; and what a person makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounting.backends import Absent, NeedsReconnect, NotSent, backend_for, not_now
from accounting.bells import POST_DUE
from accounting.models import Bill, BillChange, BookedBill, Integration, Moved
from companies import auditing
from companies.models import User
from inbuild.queue import ring

JOB = "follow"
Key = tuple[str, str]
Books = Bill.BooksState
Paid = Bill.Paid


class NotNow(Exception):
    """The text is for the person who asked."""


def compare(integration: Integration, keys: Iterable[Key]) -> None:
    """Set our bills among these, and those whose marker these carry, against the books. In the caller's transaction."""
    wanted = list(keys)
    which = Q(pk__in=[])
    for kind in Bill.Kind.values:
        ids = [key[1] for key in wanted if key[0] == kind]
        which |= Q(kind=kind, external_id__in=ids)
        markers = BookedBill.objects.filter(integration=integration, kind=kind, external_id__in=ids)
        for marker in set(markers.exclude(marker="").values_list("marker", flat=True)):
            head = marker.removeprefix("[inBuild ").rstrip("]")
            which |= Q(kind=kind, uid__range=(head + "0" * 20, head + "f" * 20))
    which |= Q(books_state=Books.COPIED)  # a copy that lost its marker no longer says whose it was
    which |= Q(books_state=Books.CHANGED, books_words__contains=COPY)
    ours = Bill.objects.select_for_update(of=("self",)).filter(
        which, integration=integration, state=Bill.State.SYNCED, external_id__isnull=False
    )
    bills = list(ours.select_related("invoice").order_by("pk"))
    rows = BookedBill.objects.filter(integration=integration, external_id__in=[bill.external_id for bill in bills])
    known = {(row.kind, row.external_id): row for row in rows}
    for bill in bills:
        row = known.get((bill.kind, str(bill.external_id)))
        if row is not None and not _is_older(row, bill):
            _observe(bill, row)


def anew(bill: Bill) -> None:
    """The bill was just updated or linked: what was said of it before counts no more. In the caller's transaction."""
    Bill.objects.filter(pk=bill.pk).update(books_state=Books.AS_POSTED, books_words="")
    if bill.integration:
        compare(bill.integration, [(bill.kind, str(bill.external_id))])


def _is_older(row: BookedBill, bill: Bill) -> bool:
    """Read before we changed the bill ourselves. Intuit: SyncToken, one more with each change."""
    before, now = row.sync_token, bill.sync_token
    return not row.is_deleted and before.isdecimal() and now.isdecimal() and int(before) < int(now)


def _observe(bill: Bill, row: BookedBill) -> None:
    state, words = judge(bill, row)
    changes: dict[str, Any] = {"books_seen_at": Now()}
    if not bill.posted_vendor_id and not row.is_deleted:
        changes["posted_vendor_id"] = row.vendor_id
    if (state, words) != (bill.books_state, bill.books_words):
        changes |= {"books_state": state, "books_words": words}
        said = words if state != Books.AS_POSTED else "In QuickBooks as posted again"
        _tell(bill, "bill.in_books", said, {"books": bill.books_state}, {"books": state})
    paid = _paid(bill, row)
    if paid != {name: getattr(bill, name) for name in paid}:
        if bill.paid_state or paid["paid_state"] != Paid.UNPAID:
            after = {"paid": paid["paid_state"], "balance": str(paid["balance"])}
            _tell(bill, "bill.paid", _paid_words(paid), {"paid": bill.paid_state}, after)
        changes |= paid
    Bill.objects.filter(pk=bill.pk).update(**changes)


def _tell(bill: Bill, verb: str, words: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    auditing.record(bill.company_id, verb, bill, words, job=JOB, before=before, after=after)


# --- as posted? -------------------------------------------------------------------------------------------------------
COPY = "second bill with inBuild's marker"


def judge(bill: Bill, row: BookedBill) -> tuple[str, str]:
    """The state and the sentence; several differences are told together."""
    copies = _copies(bill)
    copied = " ".join(_copy_words(copy) for copy in copies[:3])
    if row.is_deleted:
        gone = f"This bill of {_money(bill.posted_total)} was deleted in QuickBooks."
        return Books.DELETED, f"{gone} {copied}".strip()[:500]
    changed = " ".join(_differences(bill, row))
    if changed:
        return Books.CHANGED, f"{changed} {copied}".strip()[:500]
    return (Books.COPIED, copied[:500]) if copied else (Books.AS_POSTED, "")


def _copies(bill: Bill) -> list[BookedBill]:
    rows = BookedBill.objects.filter(integration=bill.integration, kind=bill.kind, marker=bill.marker, is_deleted=False)
    return list(rows.exclude(external_id=bill.external_id).order_by("pk"))


def _copy_words(copy: BookedBill) -> str:
    number = f"number {copy.number}" if copy.number else "no number"
    day = f"{copy.date:%b %d, %Y}"
    return f"QuickBooks has a {COPY}: {number}, {day}, {_money(copy.total)}. Delete the one that is too many there."


def _differences(bill: Bill, row: BookedBill) -> Iterable[str]:
    now = signed(bill, row.total)
    if bill.posted_total is not None and now != bill.posted_total:
        more = now - bill.posted_total
        way = "more" if more > 0 else "less"
        yield (
            f"The total in QuickBooks is {_money(now)}, which is {_money(abs(more))} {way} than the "
            f"{_money(bill.posted_total)} that was posted."
        )
    if row.number != bill.external_number:
        yield f"The bill number is {row.number or 'empty'} instead of {bill.external_number or 'empty'}."
    if bill.posted_vendor_id and row.vendor_id != bill.posted_vendor_id:
        yield f"The vendor is {row.vendor_name or row.vendor_id} now."
    if not (row.marker == bill.marker or bill.is_unmarked or bill.is_by_hand):
        yield "The memo no longer carries inBuild's marker."


def signed(bill: Bill, amount: Decimal) -> Decimal:
    """In our books a vendor credit is what is owed with a minus; the books write it without."""
    return -amount if bill.kind == Bill.Kind.VENDOR_CREDIT else amount


def _money(amount: Decimal | None) -> str:
    return f"{amount:,.2f}" if amount is not None else "unknown amount"


# --- paid? ------------------------------------------------------------------------------------------------------------
def _paid(bill: Bill, row: BookedBill) -> dict[str, Any]:
    """Unpaid, partly paid or paid by the books' own balance; when and with what by the payments that are on it."""
    if row.is_deleted:
        return {"paid_state": Paid.UNKNOWN, "balance": None, "paid_on": None, "payment_reference": ""}
    touched = Paid.PAID if row.balance == 0 else Paid.PARTLY
    state = Paid.UNPAID if row.balance == row.total else touched
    payments = sorted(row.payments.values(), key=lambda facts: str(facts["date"])) if state != Paid.UNPAID else []
    words = [_payment_words(bill, facts) for facts in payments]
    unexplained = row.total - row.balance - sum(Decimal(facts["amount"]) for facts in payments)
    if state != Paid.UNPAID and unexplained > 0:
        words.append(f"{_money(unexplained)} by other means than a payment")
    return {
        "paid_state": state,
        "balance": signed(bill, row.balance),
        "paid_on": date.fromisoformat(payments[-1]["date"]) if payments else None,
        "payment_reference": "; ".join(dict.fromkeys(words))[:200],
    }


def _payment_words(bill: Bill, facts: dict[str, str]) -> str:
    money, credits = Decimal(facts["money"]), Decimal(facts["credits"])
    if bill.kind == Bill.Kind.VENDOR_CREDIT or not credits:
        return facts["how"]
    if not money:
        return "Vendor credit applied, no money paid"
    return f"{facts['how']}, with a vendor credit of {_money(credits)} applied"


def _paid_words(paid: dict[str, Any]) -> str:
    if paid["paid_state"] == Paid.UNKNOWN:
        return "No payment is known any more"
    if paid["paid_state"] == Paid.UNPAID:
        return f"Unpaid again in QuickBooks: {_money(paid['balance'])} is open"
    on = f" on {paid['paid_on']:%b %d, %Y}" if paid["paid_on"] else ""
    by = f" ({paid['payment_reference']})" if paid["payment_reference"] else ""
    left = f", {_money(paid['balance'])} is open" if paid["paid_state"] == Paid.PARTLY else ""
    return f"{Paid(paid['paid_state']).label} in QuickBooks{on}{by}{left}"


# --- what a person does -----------------------------------------------------------------------------------------------
def accept(bill: Bill, *, user: User) -> None:
    """Take the books' figures as the posted ones. Raises Moved when nothing is different any more."""
    with transaction.atomic():
        fresh = Bill.objects.select_for_update().get(pk=bill.pk)
        row = BookedBill.objects.filter(
            integration=fresh.integration, kind=fresh.kind, external_id=fresh.external_id, is_deleted=False
        ).first()
        if fresh.books_state != Books.CHANGED or row is None:
            raise Moved(f"Bill {bill.pk} is {fresh.books_state}.")
        before = {"total": str(fresh.posted_total), "number": fresh.external_number, "vendor": fresh.posted_vendor_id}
        fresh.posted_total, fresh.external_number = signed(fresh, row.total), row.number
        fresh.posted_vendor_id, fresh.is_unmarked = row.vendor_id, row.marker != fresh.marker
        after = {"total": str(fresh.posted_total), "number": row.number, "vendor": row.vendor_id}
        fresh.books_state, fresh.books_words = judge(fresh, row)
        fresh.save(
            update_fields=[
                "posted_total",
                "external_number",
                "posted_vendor_id",
                "is_unmarked",
                "books_state",
                "books_words",
            ]
        )
        words = "Accepted as it is in QuickBooks"
        auditing.record(fresh.company_id, "bill.accepted", fresh, words, user=user, before=before, after=after)


def send_again(bill: Bill, *, user: User) -> None:
    """A bill deleted in the books is to be made anew. Only after a fresh look showed that nothing of it is there.

    Raises NotNow when the books cannot be asked or have it after all, and Moved when the bill went on meanwhile.
    """
    if bill.state != Bill.State.SYNCED or bill.books_state != Books.DELETED:
        raise Moved(f"Bill {bill.pk} is {bill.state} and {bill.books_state}.")
    if BillChange.is_pending_for(bill):
        raise NotNow("The bill is just being changed in QuickBooks. Wait until that is done.")
    integration = bill.integration
    if integration is None or not integration.can_post:
        raise NotNow("QuickBooks is not connected, or paused. Nothing was changed.")
    backend = backend_for(integration)
    try:
        there = backend.read(bill)
        found = there or (backend.look_up(bill) if bill.payload is not None else Absent())
    except NotSent as exc:
        raise NotNow(not_now(exc)) from exc
    except NeedsReconnect as exc:
        integration.needs_reconnect()
        raise NotNow("QuickBooks no longer accepts inBuild's connection. Reconnect it first.") from exc
    if found is None:
        raise NotNow("QuickBooks cannot be asked just now. Nothing was changed; try again in a minute.")
    if not isinstance(found, Absent) or _copies(bill):
        raise NotNow("QuickBooks has this bill, or one like it, after all. Press Check again.")
    words = "Sync after all: the bill that was deleted in QuickBooks is made anew"
    bill.leave_books(Bill.State.READY, words, user=user, next_at=Now())
    ring(POST_DUE, bill.company_id)
