"""A person sets a bill aside: it is skipped for good, or held until somebody releases it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.db import transaction

from accounting.models import Bill, Moved
from accounting.posting import IN_DOUBT
from companies.models import User
from inbuild.queue import database_now


def can_skip(bill: Bill) -> bool:
    """A bill that is in the books only rests as skipped once it was deleted there."""
    return bill.state != Bill.State.SYNCED and Bill.State.SKIPPED in Bill.MOVES[bill.state]


def skip(bill: Bill, *, user: User) -> None:
    """This invoice shall not go to QuickBooks. Raises Moved for one that is being sent, is in doubt or is there."""
    if not can_skip(bill):
        raise Moved(f"Bill {bill.pk} is {bill.state}.")
    # A doubt stays on the bill: taken up again, it must be looked for before anything is sent.
    doubtful = bill.problem in IN_DOUBT
    bill.move(
        Bill.State.SKIPPED,
        "Skipped: not to be sent to QuickBooks",
        user=user,
        problem=bill.problem if doubtful else "",
        detail=bill.problem_detail if doubtful else {},
    )


def can_hold(bill: Bill) -> bool:
    """What rests or waits and would go on by itself or at one press; not what may be in the books already."""
    return (
        bill.state in (Bill.State.READY, Bill.State.NEEDS_MAPPING, Bill.State.FAILED) and bill.problem not in IN_DOUBT
    )


def hold(bill: Bill, *, user: User) -> None:
    """Nothing of this invoice shall go to QuickBooks for now; `retry` releases it. Raises Moved as `skip` does."""
    if not can_hold(bill):
        raise Moved(f"Bill {bill.pk} is {bill.state}.")
    with transaction.atomic():
        zone = ZoneInfo(bill.company.time_zone)
        today = database_now().astimezone(zone)
        detail = {"by": str(user), "date": f"{today:%b %d, %Y}"}
        words = f"Put on hold by {user}"
        bill.move(Bill.State.ON_HOLD, words, user=user, problem=Bill.HELD, detail=detail)
        bill.missing.all().delete()  # looked for anew once it is released
