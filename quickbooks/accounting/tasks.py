"""Celery's side of posting: wake up, drain one company's due bills for one turn."""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.db.models.functions import Least, Now

from accounting import attaching, changing, checking, following, posting
from accounting.backends import backend_for
from accounting.bells import ATTACH_DUE, FOLLOW_DUE, POST_DUE
from accounting.models import Bill, BillChange, BillFile, Integration, Moved
from inbuild import queue
from inbuild.faultpoints import faultpoint

PATIENCE = timedelta(seconds=3)
SEATS = 8  # bills of one company on their way at once; what else is limited per company is the pacer's to know

log = structlog.get_logger("accounting.tasks")


@shared_task(name=POST_DUE)
def post_due(*, company_id: int, **_: object) -> None:
    """Post, or look up, the due bills of one company."""
    queue.drain(
        POST_DUE,
        company_id,
        work_one=lambda: _work_one(company_id) or _change_one(company_id),
        anything_due=lambda: _anything_due(company_id) and _may_call(company_id),
        seats=SEATS,
    )


@shared_task(name=FOLLOW_DUE)
def follow_due(*, company_id: int, **_: object) -> None:
    """Look at the books of one company, where it is time to."""
    queue.drain(
        FOLLOW_DUE,
        company_id,
        work_one=lambda: _follow_one(company_id),
        anything_due=lambda: queue.due(Integration, company_id).exists() and _may_call(company_id),
    )


@shared_task(name=ATTACH_DUE)
def attach_due(*, company_id: int, **_: object) -> None:
    """Hang the waiting files of one company on their bills."""
    queue.drain(
        ATTACH_DUE,
        company_id,
        work_one=lambda: _attach_one(company_id),
        anything_due=lambda: queue.due(BillFile, company_id).exists() and _may_call(company_id),
    )


@shared_task(name="accounting.sweep")
def sweep(**_: object) -> None:
    """Ring for every company with due work: what makes a lost message cost only time."""
    queue.ring_for_due(POST_DUE, Bill)
    queue.ring_for_due(POST_DUE, BillChange)
    queue.ring_for_due(FOLLOW_DUE, Integration)
    queue.ring_for_due(ATTACH_DUE, BillFile)


def _anything_due(company_id: int) -> bool:
    return queue.due(Bill, company_id).exists() or queue.due(BillChange, company_id).exists()


def _may_call(company_id: int) -> bool:
    """Is there room for a call soon in what QuickBooks allows? Else beat rings again, and no row is taken in vain."""
    integration = Integration.active(company_id).order_by("id").first()
    return integration is None or backend_for(integration).wait(integration) <= PATIENCE


def _work_one(company_id: int) -> bool:
    if not _may_call(company_id):
        return False
    taken = queue.take_due(Bill, company_id, lease=timedelta(seconds=settings.QBO_LEASE_SECONDS))
    if not taken:
        return False
    bill = taken[0]
    faultpoint("post.after_take")
    try:
        _work(bill)
    except Moved as moved:
        log.info("the bill went on elsewhere", bill=bill.pk, why=str(moved))
    except (OperationalError, InterfaceError):
        raise  # nothing can be written now; the lease runs out and the row is taken again
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a bill was parked", bill=bill.pk, reference=reference)
        posting.park(bill, reference)
    return True


def _change_one(company_id: int) -> bool:
    if not _may_call(company_id):
        return False
    taken = queue.take_due(BillChange, company_id, lease=timedelta(seconds=settings.QBO_LEASE_SECONDS))
    if not taken:
        return False
    change = taken[0]
    try:
        changing.work(change)
    except Moved as moved:
        log.info("the change went on elsewhere", change=change.pk, why=str(moved))
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a change was parked", change=change.pk, reference=reference)
        changing.park(change, reference)
    return True


def _work(bill: Bill) -> None:
    if bill.state == Bill.State.READY:
        posting.post(bill)
    elif bill.state == Bill.State.SENDING:
        posting.doubt(bill)  # its lease ran out: the worker that sent it is gone
    elif bill.state == Bill.State.CHECKING:
        checking.check(bill)
    else:
        bill.wait(until=None, problem=bill.problem, detail=bill.problem_detail)


def _follow_one(company_id: int) -> bool:
    if not _may_call(company_id):
        return False
    # Longer than any one look takes; a look that was cut off is simply done again from the same place.
    taken = queue.take_due(Integration, company_id, lease=timedelta(seconds=settings.FOLLOW_LEASE_SECONDS))
    if not taken:
        return False
    integration = taken[0]
    try:
        following.follow(integration)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("looking at the books was put off", integration=integration.pk)
        queue.mine(integration).update(
            next_at=Now() + queue.backoff(integration.failures + 4),
            lease_until=None,
            failures=Least(F("failures") + 1, 1000),
        )
    return True


def _attach_one(company_id: int) -> bool:
    if not _may_call(company_id):
        return False
    taken = queue.take_due(BillFile, company_id, lease=timedelta(seconds=settings.QBO_LEASE_SECONDS))
    if not taken:
        return False
    file = taken[0]
    faultpoint("attach.after_take")
    try:
        attaching.work(file)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a file was parked", file=file.pk, reference=reference)
        attaching.park(file, reference)
    return True
