"""Bills that wait go on, because what they waited for was mended."""

from __future__ import annotations

from contextlib import suppress

from django.db.models import F
from django.db.models.functions import Now

from accounting.bells import POST_DUE
from accounting.models import Bill, Moved
from inbuild.queue import ring


def wake(company_id: int, *problems: str) -> int:
    """Something was mended: bills stopped or waiting for these reasons go on. Returns how many."""
    moved = 0
    stopped = Bill.objects.filter(company_id=company_id, state=Bill.State.NEEDS_MAPPING, problem__in=problems)
    for bill in stopped.order_by("id"):
        with suppress(Moved):  # somebody pressed Try again at this very moment
            bill.move(Bill.State.READY, "The missing setting was chosen", job="settings", next_at=Now())
            moved += 1
    waiting = Bill.objects.filter(company_id=company_id, state=Bill.State.READY, problem__in=problems, lease_until=None)
    # In the order they came, and before whatever was released since.
    moved += waiting.update(next_at=F("created_at"), problem="", problem_detail={})
    # One in doubt stays so; it may be looked for again.
    in_doubt = Bill.objects.filter(company_id=company_id, state=Bill.State.CHECKING, problem__in=problems)
    in_doubt.filter(lease_until=None).update(next_at=Now(), problem="no_answer")
    ring(POST_DUE, company_id)
    return moved


def wake_all_unmapped(company_id: int) -> int:
    """A setting changed what bills need: each that waits for a mapping is looked at anew. Returns how many."""
    moved = 0
    for bill in Bill.objects.filter(company_id=company_id, state=Bill.State.NEEDS_MAPPING).order_by("id"):
        with suppress(Moved):
            bill.move(Bill.State.READY, "Looked at anew with the changed settings", job="settings", next_at=Now())
            moved += 1
    ring(POST_DUE, company_id)
    return moved
