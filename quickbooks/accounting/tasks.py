"""Celery's side of posting: wake up, drain one company's due bills for one turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Least, Now

from accounting import attaching, bulk, changing, checking, following, posting
from accounting.backends import backend_for
from accounting.bells import ATTACH_DUE, BULK_DUE, FOLLOW_DUE, POST_DUE
from accounting.models import Bill, BillChange, BillFile, BulkItem, Integration, Moved
from inbuild import queue

PATIENCE = timedelta(seconds=3)
SEATS = 8  # bills of one company on their way at once; what else is limited per company is the pacer's to know


@shared_task(name=POST_DUE)
def post_due(*, company_id: int, **_: object) -> None:
    """Post, or look up, the due bills of one company."""
    has_room = _room(company_id)
    queue.drain(
        POST_DUE,
        company_id,
        work_one=lambda: has_room() and (_post_one(company_id) or (has_room() and _change_one(company_id))),
        anything_due=lambda: has_room() and _anything_due(company_id),
        seats=SEATS,
    )


@shared_task(name=FOLLOW_DUE)
def follow_due(*, company_id: int, **_: object) -> None:
    """Look at the books of one company, where it is time to."""
    has_room = _room(company_id)
    queue.drain(
        FOLLOW_DUE,
        company_id,
        work_one=lambda: has_room() and _follow_one(company_id),
        anything_due=lambda: has_room() and queue.due(Integration, company_id).exists(),
    )


@shared_task(name=ATTACH_DUE)
def attach_due(*, company_id: int, **_: object) -> None:
    """Hang the waiting files of one company on their bills."""
    has_room = _room(company_id)
    queue.drain(
        ATTACH_DUE,
        company_id,
        work_one=lambda: has_room() and _attach_one(company_id),
        anything_due=lambda: has_room() and queue.due(BillFile, company_id).exists(),
    )


@shared_task(name=BULK_DUE)
def bulk_due(*, company_id: int, **_: object) -> None:
    """Do with the chosen invoices of one company what somebody asked for, one after the other."""
    queue.drain(
        BULK_DUE,
        company_id,
        work_one=lambda: _bulk_one(company_id),
        anything_due=lambda: queue.due(BulkItem, company_id).exists(),
    )


@shared_task(name="accounting.sweep")
def sweep(**_: object) -> None:
    """Ring for every company with due work: what makes a lost message cost only time."""
    queue.ring_for_due(POST_DUE, Bill)
    queue.ring_for_due(POST_DUE, BillChange)
    queue.ring_for_due(FOLLOW_DUE, Integration)
    queue.ring_for_due(ATTACH_DUE, BillFile)
    queue.ring_for_due(BULK_DUE, BulkItem)


def _anything_due(company_id: int) -> bool:
    return queue.due(Bill, company_id).exists() or queue.due(BillChange, company_id).exists()


def _room(company_id: int) -> Callable[[], bool]:
    """Is there room for a call soon in what QuickBooks allows? Else beat rings again, and no row is taken in vain.

    Whose limits are asked is looked up once for a turn; the limits are asked before every row.
    """
    integration = Integration.active(company_id).order_by("id").first()
    if integration is None:
        return lambda: True
    backend = backend_for(integration)
    return lambda: backend.wait(integration) <= PATIENCE


def _post_one(company_id: int) -> bool:
    return queue.work_one(
        Bill,
        company_id,
        _work,
        posting.park,
        lease=timedelta(seconds=settings.QBO_LEASE_SECONDS),
        elsewhere=(Moved,),
        point="post.after_take",
    )


def _work(bill: Bill) -> None:
    if bill.state == Bill.State.READY:
        posting.post(bill)
    elif bill.state == Bill.State.SENDING:
        posting.doubt(bill)  # its lease ran out: the worker that sent it is gone
    elif bill.state == Bill.State.CHECKING:
        checking.check(bill)
    else:
        bill.wait(until=None, problem=bill.problem, detail=bill.problem_detail)


def _change_one(company_id: int) -> bool:
    lease = timedelta(seconds=settings.QBO_LEASE_SECONDS)
    return queue.work_one(BillChange, company_id, changing.work, changing.park, lease=lease, elsewhere=(Moved,))


def _follow_one(company_id: int) -> bool:
    # Longer than any one look takes; a look that was cut off is simply done again from the same place.
    lease = timedelta(seconds=settings.FOLLOW_LEASE_SECONDS)
    return queue.work_one(Integration, company_id, following.follow, _put_off, lease=lease)


def _put_off(integration: Integration, _reference: str) -> None:
    queue.mine(integration).update(
        next_at=Now() + queue.backoff(integration.failures + 4),
        lease_until=None,
        failures=Least(F("failures") + 1, 1000),
    )


def _bulk_one(company_id: int) -> bool:
    lease = timedelta(seconds=settings.QBO_LEASE_SECONDS)
    return queue.work_one(
        BulkItem, company_id, bulk.work, bulk.park, lease=lease, elsewhere=(Moved,), point="bulk.after_take"
    )


def _attach_one(company_id: int) -> bool:
    lease = timedelta(seconds=settings.QBO_LEASE_SECONDS)
    return queue.work_one(BillFile, company_id, attaching.work, attaching.park, lease=lease, point="attach.after_take")
