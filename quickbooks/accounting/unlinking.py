"""A bill is no longer followed and stays in the books as it is; and how its invoice is taken up again, never twice.

A bill that somebody linked by hand goes back to the decision it came from: inBuild made nothing. One that inBuild made
is in the books and carries our marker, so its invoice rests as skipped, and nothing is sent for it before a fresh look:
what is still there, by its id or by our marker, is followed again.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounting import attaching, comparing
from accounting.backends import Absent, Done, InBooks, NeedsReconnect, NotSent, Refused, backend_for, not_now
from accounting.bells import POST_DUE
from accounting.models import Bill, BillChange, BillFile, BookedBill, Integration, Moved
from accounting.problems import sentence
from companies.models import User
from inbuild.queue import ring

OWN = "unlinked_own"


class CannotUnlink(Exception):
    """The text is for the person."""


def can_unlink(bill: Bill) -> bool:
    """What was found after a restore has no bytes of ours by which it could be looked for again."""
    return bill.state == Bill.State.SYNCED and (bill.is_by_hand or bill.payload is not None)


def unlink(bill: Bill, *, user: User) -> None:
    """The bill in the books stays as it is and is no longer this invoice's. Raises CannotUnlink and Moved."""
    if not can_unlink(bill):
        raise CannotUnlink("Only a bill that is in QuickBooks and was sent or linked from here can be unlinked.")
    if BillChange.is_pending_for(bill):
        raise CannotUnlink("The bill is just being changed in QuickBooks. Wait until that is done.")
    to, problem = (Bill.State.ON_HOLD, "unlinked") if bill.is_by_hand else (Bill.State.SKIPPED, OWN)
    detail = {
        "number": bill.external_number or bill.external_id,
        "external_id": bill.external_id,
        "files": list(bill.files.values_list("attachment_id", flat=True)),
    }
    bill.leave_books(to, sentence(problem, detail), user=user, problem=problem, detail=detail)


def take_up(bill: Bill, *, user: User) -> InBooks | Done | None:
    """A person wants the invoice in the books after all: what is there is followed again, else it is sent anew.

    Returns what was found. Raises CannotUnlink when the books cannot be asked or have something that only looks like
    it, and Moved when the bill went on meanwhile.
    """
    if bill.state != Bill.State.SKIPPED or bill.problem != OWN:
        raise Moved(f"Bill {bill.pk} is {bill.state}.")
    integration = bill.integration
    if integration is None or not integration.can_post:
        raise CannotUnlink("QuickBooks is not connected, or paused. Nothing was changed.")
    try:
        found = _look(bill, integration)
    except NotSent as exc:
        raise CannotUnlink(not_now(exc)) from exc
    except NeedsReconnect as exc:
        integration.needs_reconnect()
        raise CannotUnlink("QuickBooks no longer accepts inBuild's connection. Reconnect it first.") from exc
    if found is not None:
        _follow(bill, found, user)
        return found
    bill.move(Bill.State.READY, "Sync after all: its earlier bill is no longer there", user=user, next_at=Now())
    ring(POST_DUE, bill.company_id)
    return None


def _look(bill: Bill, integration: Integration) -> InBooks | Done | None:
    """By the id it had, by our marker as the books last showed it, then by number and vendor as sent."""
    backend = backend_for(integration)
    marked = BookedBill.objects.filter(integration=integration, kind=bill.kind, marker=bill.marker, is_deleted=False)
    ids = [str(bill.problem_detail["external_id"]), *marked.order_by("pk").values_list("external_id", flat=True)]
    for external_id in dict.fromkeys(ids):
        if there := backend.find(integration, bill, external_id=external_id):
            return there[0]
    found = backend.look_up(bill)
    if found is None:
        raise NotSent("cannot_reach", attaching.SAFETY_NET)
    if isinstance(found, Refused):
        raise CannotUnlink(f"{sentence(found.problem, found.detail)} Nothing was sent: delete it there, or leave this.")
    return None if isinstance(found, Absent) else found


def _follow(bill: Bill, found: InBooks | Done, user: User) -> None:
    number = found.number or found.external_id
    had = bill.problem_detail.get("files", [])
    try:
        with transaction.atomic():
            bill.move(
                Bill.State.SYNCED,
                f"Bill {number} is still in QuickBooks and is followed again; nothing was sent",
                user=user,
                external_id=found.external_id,
                external_number=found.number,
                sync_token=found.sync_token,
                posted_total=found.total,
                posted_vendor_id=found.vendor_id,
                synced_at=Now(),
            )
            attaching.expect(bill)
            # Those hang there already: a second taking looks before it uploads.
            BillFile.objects.filter(bill=bill, attachment__in=had).update(attempt=1)
            comparing.anew(bill)
    except IntegrityError as exc:
        raise CannotUnlink(f"Bill {number} in QuickBooks belongs to another invoice by now.") from exc
