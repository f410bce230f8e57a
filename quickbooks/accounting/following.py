"""Follow the books: keep what they show of bills, payments and lists, and set our own bills against it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from accounting import attaching, comparing, lists, mapping, preflight
from accounting.backends import Backend, NeedsReconnect, NotSent, backend_for, not_now
from accounting.bells import FOLLOW_DUE
from accounting.books import WINDOW, BillShown, PaymentShown, Reading
from accounting.models import Bill, BookedBill, Integration
from inbuild.queue import backoff, database_now, mine, ring
from invoices.models import number_key

log = structlog.get_logger("accounting.following")

PAUSE = timedelta(seconds=10)  # a burst of changes in the books is read together, not change by change
DAY = timedelta(days=1)
CHUNK = 100
MARKER = re.compile(r"\[inBuild ([0-9a-f]{12})\]")
Key = tuple[str, str]


def soon(integrations: QuerySet[Integration]) -> None:
    """Something changed in these books: look as soon as the last look is a moment old."""
    companies = list(integrations.values_list("company_id", flat=True))
    integrations.update(next_at=Greatest(Now(), F("followed_at") + PAUSE))
    for company_id in companies:
        ring(FOLLOW_DUE, company_id)


def whole_soon(integrations: QuerySet[Integration]) -> None:
    """Somebody wants to know how the books are: read and compare all of them soon, not only once a day."""
    integrations.update(compared_at=None)
    soon(integrations)


def at_next_call(integration: Integration) -> None:
    """Read everything anew in the next session of a company file's Web Connector, the lists and settings too."""
    Integration.objects.filter(pk=integration.pk).update(lists_read_at=None, preflight_at=None)


def follow(integration: Integration) -> None:
    """One look at the books, and the whole comparison once a day. Called with the row leased."""
    if integration.state != Integration.State.CONNECTED:
        _rest(integration, None)
        return
    backend = backend_for(integration)
    try:
        read(integration, backend, whole=_is_a_day_old(integration.compared_at))
        _daily(integration)
    except NotSent as exc:
        if exc.problem == Bill.WAITS_FOR_PC:
            mine(integration).update(lease_until=None, followed_at=Now())  # it goes on when the PC has answered
            return
        wait = max(exc.wait, backoff(integration.failures))
        mine(integration).update(
            next_at=Now() + wait, lease_until=None, failures=Least(F("failures") + 1, 1000), followed_at=Now()
        )
    except NeedsReconnect:
        integration.needs_reconnect()
        _rest(integration, None)
    else:
        _rest(integration, Now() + timedelta(seconds=settings.FOLLOW_SECONDS))


def _rest(integration: Integration, next_at: Any) -> None:
    """Give the row back; a hint that came meanwhile keeps its own, nearer time."""
    rest = {"lease_until": None, "failures": 0, "followed_at": Now()}
    mine(integration).filter(next_at=integration.next_at).update(next_at=next_at)
    mine(integration).update(**rest)


def read(integration: Integration, backend: Backend, *, whole: bool = False) -> None:
    """Everything that changed since the last look; with `whole` all there is, for notices that were lost.

    Raises NotSent and NeedsReconnect.
    """
    reading = backend.follow(integration, whole=whole)
    _complete(integration, backend, reading)
    store(integration, reading)
    attaching.expect_for(integration)


def _daily(integration: Integration) -> None:
    """What no single change tells: settings of the books and whole lists."""
    # Rows of their own: what they read anew must not hide a hint that came to ours meanwhile.
    if _is_a_day_old(integration.lists_read_at):
        lists.refresh(Integration.objects.get(pk=integration.pk))
    if _is_a_day_old(integration.preflight_at):
        preflight.check(Integration.objects.get(pk=integration.pk))


def _is_a_day_old(moment: datetime | None) -> bool:
    return moment is None or moment < database_now() - DAY


def look_at(integration: Integration, backend: Backend, keys: Sequence[Key]) -> None:
    """Read these very bills and compare ours among them. Raises NotSent and NeedsReconnect."""
    for kind in Bill.Kind.values:
        ids = [key[1] for key in keys if key[0] == kind]
        for chunk in (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)):
            reading = Reading(until=database_now())
            _add_bills(integration, backend, reading, kind, chunk)
            _complete(integration, backend, reading)
            store(integration, reading, moves_cursor=False)


def _add_bills(integration: Integration, backend: Backend, reading: Reading, kind: str, ids: list[str]) -> None:
    """What does not come back is not there."""
    found = backend.booked(integration, kind, ids)
    reading.bills += found
    there = {bill.external_id for bill in found}
    reading.gone += [(kind, external_id) for external_id in ids if external_id not in there]


def _complete(integration: Integration, backend: Backend, reading: Reading) -> None:
    """Ask for what the reading names without showing it: payments of our bills, bills of changed payments, and those
    that a whole reading should have shown."""
    known = _known_payments(integration)
    have = {payment.external_id for payment in reading.payments} | known | set(reading.gone_payments)
    ours = _keys_of_ours(integration, [(bill.kind, bill.external_id) for bill in reading.bills])
    named = {one for bill in reading.bills if (bill.kind, bill.external_id) in ours for one in bill.payments} - have
    for chunk in _chunks(sorted(named)):
        reading.payments += backend.payments(integration, chunk)
    shown = {(bill.kind, bill.external_id) for bill in reading.bills} | set(reading.gone)
    rows = BookedBill.objects.filter(integration=integration, is_deleted=False)
    wanted: set[Key] = set()
    changed = [payment.external_id for payment in reading.payments] + reading.gone_payments
    for chunk in _chunks(changed):
        wanted |= set(rows.filter(payments__has_any_keys=chunk).values_list("kind", "external_id"))
    wanted |= _keys_of_ours(
        integration, [(part.kind, part.external_id) for payment in reading.payments for part in payment.applied]
    )
    if reading.is_whole:
        wanted |= _expected(integration)
    for kind in Bill.Kind.values:
        for chunk in _chunks(sorted(key[1] for key in wanted - shown if key[0] == kind)):
            _add_bills(integration, backend, reading, kind, chunk)


def _expected(integration: Integration) -> set[Key]:
    """What a whole reading should show: all we know of its time, and ours that are open or were never seen there."""
    first_day = (database_now() - WINDOW).date()
    known = BookedBill.objects.filter(integration=integration, is_deleted=False, date__gte=first_day)
    unpaid = Bill.objects.filter(integration=integration, state=Bill.State.SYNCED).exclude(paid_state=Bill.Paid.PAID)
    ours = {(kind, str(external_id)) for kind, external_id in unpaid.values_list("kind", "external_id")}
    return ours | set(known.values_list("kind", "external_id"))


def _known_payments(integration: Integration) -> set[str]:
    rows = BookedBill.objects.filter(integration=integration).exclude(payments={})
    return {one for payments in rows.values_list("payments", flat=True) for one in payments}


def _keys_of_ours(integration: Integration, keys: Iterable[Key]) -> set[Key]:
    wanted = set(keys)
    ours = Bill.objects.filter(integration=integration, state=Bill.State.SYNCED)
    rows = ours.filter(external_id__in=[key[1] for key in wanted]).values_list("kind", "external_id")
    return {(kind, str(external_id)) for kind, external_id in rows} & wanted


def _chunks(ids: list[str]) -> Iterable[list[str]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))


def check_again(bill: Bill) -> None:
    """A person asks how the bill is in the books now. Raises NotNow."""
    integration = bill.integration
    if integration is None or integration.state != Integration.State.CONNECTED:
        raise comparing.NotNow("QuickBooks is not connected. Reconnect it first.")
    if bill.state != Bill.State.SYNCED:
        return
    rows = BookedBill.objects.filter(integration=integration, marker=bill.marker, is_deleted=False)
    keys = {(bill.kind, str(bill.external_id)), *rows.values_list("kind", "external_id")}
    try:
        look_at(integration, backend_for(integration), sorted(keys))
    except NotSent as exc:
        raise comparing.NotNow(not_now(exc)) from exc
    except NeedsReconnect as exc:
        integration.needs_reconnect()
        raise comparing.NotNow("QuickBooks no longer accepts inBuild's connection. Reconnect it first.") from exc


# --- what is kept -----------------------------------------------------------------------------------------------------
def store(integration: Integration, reading: Reading, *, moves_cursor: bool = True) -> None:
    """Keep a reading and what it means for our bills, all in one commit with the cursor."""
    with transaction.atomic():
        touched = _store_bills(integration, reading)
        touched |= _store_payments(integration, reading)
        comparing.compare(integration, touched)
        usable = [
            lists.store_some(integration, kind, reading.entries.get(kind, ()), reading.gone_entries.get(kind, ()))
            for kind in {*reading.entries, *reading.gone_entries}
        ]
        if any(usable):
            mapping.free_mended(integration)
        if moves_cursor:
            compared = {"compared_at": Now()} if reading.is_whole else {}
            Integration.objects.filter(pk=integration.pk).update(followed_until=reading.until, **compared)


def _store_bills(integration: Integration, reading: Reading) -> set[Key]:
    """The newest state of each wins, whichever reading came first. Returns what may have changed."""
    shown = {(bill.kind, bill.external_id): bill for bill in sorted(reading.bills, key=_age)}
    known = _rows(integration, [*shown, *reading.gone])
    new, changed = [], []
    for key, bill in shown.items():
        row = known.get(key)
        if row is None:
            row = BookedBill(company_id=integration.company_id, integration=integration, kind=key[0])
            row.external_id = key[1]
            new.append(row)
        elif row.changed_at and bill.changed_at and bill.changed_at < row.changed_at:
            continue
        else:
            changed.append(row)
        _fill(row, bill)
    for key in reading.gone:
        row = known.get(key)
        if row is not None and key not in shown:
            row.is_deleted, row.seen_at = True, timezone.now()
            changed.append(row)
    BookedBill.objects.bulk_create(new, batch_size=500)
    if changed:
        BookedBill.objects.bulk_update(changed, [*FILLED, "is_deleted", "seen_at"], batch_size=500)
    _note_unseen(integration, [key for key in reading.gone if key not in known and key not in shown])
    return {*shown, *reading.gone}


FILLED = (
    "vendor_id",
    "vendor_name",
    "number",
    "number_key",
    "date",
    "total",
    "balance",
    "memo",
    "marker",
    "sync_token",
    "changed_at",
)


def _fill(row: BookedBill, bill: BillShown) -> None:
    marker = MARKER.search(bill.memo)
    row.vendor_id, row.vendor_name = bill.vendor_id, bill.vendor_name[:500]
    row.number, row.number_key = bill.number[:60], number_key(bill.number)[:60]
    row.date, row.total, row.balance = bill.date, bill.total, bill.balance
    row.memo, row.marker = bill.memo[:4000], marker[0] if marker else ""
    row.sync_token, row.changed_at = bill.sync_token, bill.changed_at
    row.is_deleted, row.seen_at = False, timezone.now()


def _note_unseen(integration: Integration, keys: list[Key]) -> None:
    """Ours that were deleted before the books were ever read: kept as what we posted."""
    for bill in _ours(integration, keys).select_related("invoice"):
        total = abs(bill.posted_total or bill.invoice.amount_due)
        BookedBill.objects.create(
            company_id=integration.company_id,
            integration=integration,
            kind=bill.kind,
            external_id=str(bill.external_id),
            vendor_id=bill.posted_vendor_id,
            number=bill.external_number,
            number_key=number_key(bill.external_number)[:60],
            date=bill.invoice.invoice_date,
            total=total,
            balance=total,
            marker=bill.marker,
            is_deleted=True,
        )


def _ours(integration: Integration, keys: Iterable[Key]) -> QuerySet[Bill]:
    which = Q(pk__in=[])
    for kind in Bill.Kind.values:
        which |= Q(kind=kind, external_id__in=[key[1] for key in keys if key[0] == kind])
    return Bill.objects.filter(which, integration=integration, state=Bill.State.SYNCED)


def _rows(integration: Integration, keys: Iterable[Key]) -> dict[Key, BookedBill]:
    which = Q(pk__in=[])
    wanted = list(keys)
    for kind in Bill.Kind.values:
        which |= Q(kind=kind, external_id__in=[key[1] for key in wanted if key[0] == kind])
    rows = BookedBill.objects.select_for_update().filter(which, integration=integration).order_by("pk")
    return {(row.kind, row.external_id): row for row in rows}


def _age(bill: BillShown) -> float:
    return bill.changed_at.timestamp() if bill.changed_at else 0.0


def _store_payments(integration: Integration, reading: Reading) -> set[Key]:
    """A payment that changed is taken off every bill it was on, and put on those it is on now."""
    shown = {payment.external_id: payment for payment in reading.payments}
    stale = list({*shown, *reading.gone_payments})
    rows = {}
    for chunk in _chunks(stale):
        for row in BookedBill.objects.filter(integration=integration, payments__has_any_keys=chunk):
            rows[(row.kind, row.external_id)] = row
    wanted = {(part.kind, part.external_id) for payment in shown.values() for part in payment.applied}
    rows |= {key: row for key, row in _rows(integration, wanted).items() if key not in rows}
    for key, row in rows.items():
        kept = {one: facts for one, facts in row.payments.items() if one not in stale}
        row.payments = kept | {one: _facts(payment, key) for one, payment in shown.items() if _on(payment, key)}
    if rows:
        BookedBill.objects.bulk_update(rows.values(), ["payments"], batch_size=500)
    return set(rows)


def _on(payment: PaymentShown, key: Key) -> bool:
    return any((part.kind, part.external_id) == key for part in payment.applied)


def _facts(payment: PaymentShown, key: Key) -> dict[str, str]:
    amount = sum(part.amount for part in payment.applied if (part.kind, part.external_id) == key)
    credits = sum(part.amount for part in payment.applied if part.kind == Bill.Kind.VENDOR_CREDIT)
    return {
        "date": payment.date.isoformat(),
        "how": payment.how,
        "method": payment.method,
        "number": payment.number,
        "amount": str(amount),
        "money": str(payment.total),
        "credits": str(credits),
    }
