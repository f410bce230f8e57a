"""Updates and deletes a bill that is in the books, once, because a person asked for it, and only while it may."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounting import comparing, holds
from accounting.backends import Backend, Done, InBooks, NeedsReconnect, NotSent, Outcome, Refused, backend_for
from accounting.bells import POST_DUE
from accounting.holds import Hold
from accounting.models import Bill, BillAttempt, BillChange, Integration, Moved
from accounting.problems import sentence
from companies import auditing
from companies.models import User
from inbuild.queue import backoff, mine, ring

log = structlog.get_logger("accounting.changing")

UPDATE, DELETE = BillChange.Kind.UPDATE, BillChange.Kind.DELETE
State = BillChange.State
SAFETY_NET = timedelta(minutes=5)


class CannotChange(Exception):
    """The books do not allow it, or cannot be asked; the text is a sentence for the page."""


def make_sure(bill: Bill, kind: BillChange.Kind) -> None:
    """Ask the books, before anything is written down, whether the bill may still be changed. Raises CannotChange."""
    integration = bill.integration
    if integration is None or not integration.can_post:
        raise CannotChange("QuickBooks is not connected, or paused, so its bill cannot be changed now.")
    backend = backend_for(integration)
    try:
        there = backend.read(bill)
        hold = _obstacle(kind, bill, there, backend.closed_until(integration))
    except NotSent as exc:
        if exc.problem == Bill.WAITS_FOR_PC:
            return  # asked right before the bytes leave
        raise CannotChange("QuickBooks cannot be asked just now. Nothing was changed; try again in a minute.") from exc
    except NeedsReconnect as exc:
        integration.needs_reconnect()
        raise CannotChange(sentence("reconnect", {})) from exc
    if hold is not None:
        raise CannotChange(sentence(hold.problem, hold.detail))


def update_in_books(bill: Bill, *, user: User) -> BillChange:
    """Let the bill become what its invoice says now. Called in the transaction that took the invoice over.

    Raises CannotChange when such a bill would not be sent, and Moved when there is nothing to change.
    """
    integration = bill.integration
    hold = holds.against_update(bill, integration) if integration else None
    if hold is not None:
        raise CannotChange(sentence(hold.problem, hold.detail))
    return _ask(bill, UPDATE, user)


def delete_from_books(bill: Bill, *, user: User) -> BillChange:
    """Let the bill go from the books; it rests as skipped then. Raises Moved when there is nothing to delete."""
    return _ask(bill, DELETE, user)


def again(bill: Bill, *, user: User) -> None:
    """Another go at a change that was not possible. Raises Moved."""
    with transaction.atomic():
        last = BillChange.latest(bill)
        if last is None or last.state != State.REFUSED:
            raise Moved(f"Bill {bill.pk} has no change to try again.")
        last.move(State.KEPT, "Try again", user=user, problem=last.problem, problem_detail=last.problem_detail)
        _ask(bill, BillChange.Kind(last.kind), user)


def keep(bill: Bill, *, user: User) -> None:
    """A change that was not possible is given up: the bill stays as it is. Raises Moved."""
    last = BillChange.latest(bill)
    if last is None or last.state != State.REFUSED:
        raise Moved(f"Bill {bill.pk} has no change to give up.")
    words = "Kept as it is in QuickBooks"
    last.move(State.KEPT, words, user=user, problem=last.problem, problem_detail=last.problem_detail)


def _ask(bill: Bill, kind: BillChange.Kind, user: User) -> BillChange:
    with transaction.atomic():
        fresh = Bill.objects.select_for_update().get(pk=bill.pk)
        if fresh.state != Bill.State.SYNCED:
            raise Moved(f"Bill {bill.pk} is {fresh.state}.")
        try:
            with transaction.atomic():
                made = BillChange.objects.create(
                    company_id=bill.company_id, bill=fresh, kind=kind, by=user, next_at=Now()
                )
        except IntegrityError as exc:
            raise Moved(f"Bill {bill.pk} is being changed already.") from exc
        words = f"Asked for: {kind.label}"
        before = {"external_id": fresh.external_id, "total": str(fresh.posted_total)}
        auditing.record(bill.company_id, f"bill.{kind}_asked", bill, words, user=user, before=before)
    ring(POST_DUE, bill.company_id)
    return made


def work(change: BillChange) -> None:
    """Take one change as far as it goes now. Raises Moved."""
    if change.state == State.SENDING:
        doubt(change, "the worker stopped")
        return
    integration = change.bill.integration
    if integration is None or not integration.can_post:
        change.wait(Now() + SAFETY_NET, "paused" if integration and integration.paused else "reconnect")
        return
    backend = backend_for(integration)
    # A change that was in doubt before stays so when this sending did not leave: only a look may free it.
    is_doubtful = change.state == State.CHECKING
    try:
        there = backend.read(change.bill)
        if change.state == State.CHECKING:
            _judge(change, backend, there)
        else:
            _begin(change, backend, integration, there)
    except NotSent as exc:
        _not_sent(change, exc.problem, max(exc.wait, backoff(change.failures)), is_doubtful=is_doubtful)
    except NeedsReconnect:
        integration.needs_reconnect()
        _not_sent(change, "reconnect", SAFETY_NET, is_doubtful=is_doubtful)


def _begin(change: BillChange, backend: Backend, integration: Integration, there: InBooks | None) -> None:
    """Nothing has left yet: look once more whether it may, then let the bytes go."""
    bill = change.bill
    hold = _obstacle(change.kind, bill, there, backend.closed_until(integration))
    if hold is None and change.kind == UPDATE:
        refused = backend.prepare(bill)
        if refused is not None:
            settle(change, refused)
            return
        hold = holds.against_update(bill, integration, with_mapping=True)
    if hold is not None:
        _refuse(change, hold.problem, hold.detail)
    elif there is None:
        settle(change, Done(bill.external_id or "", bill.invoice.amount_due * 0), words="It was no longer there")
    else:
        _send(change, backend, there)


def _judge(change: BillChange, backend: Backend, there: InBooks | None) -> None:
    """In doubt: what the books show tells whether the bytes were taken in, still can be, or never will be."""
    if there is None and change.kind == DELETE:
        settle(change, Done(change.bill.external_id or "", change.bill.invoice.amount_due * 0))
    elif there is None:
        _refuse(change, "gone_from_books", {})
    elif change.kind == UPDATE and change.marker in there.note:
        done = Done(
            there.external_id,
            there.total,
            number=there.number,
            sync_token=there.sync_token,
            vendor_id=there.vendor_id,
        )
        settle(change, done)
    elif there.sync_token == change.sync_token:
        words = "Not taken in by QuickBooks; sent again with the same key"
        change.move(State.SENDING, words, **_leaving())
        _send(change, backend, there)
    else:
        # These bytes name a version that is gone, so they cannot be taken in any more.
        _refuse(change, "changed_in_books", {})


def _send(change: BillChange, backend: Backend, there: InBooks) -> None:
    outcome = backend.change(change, there)
    if outcome is not None:
        settle(change, outcome)


def _obstacle(kind: str, bill: Bill, there: InBooks | None, closed_until: date | None) -> Hold | None:
    if bill.is_by_hand:
        return Hold("not_made_here")
    if there is None:
        return Hold("gone_from_books") if kind == UPDATE else None
    if there.balance != there.total:
        return Hold("paid_in_books", {"paid": f"{abs(there.total - there.balance):,.2f}"})
    days = [there.date, holds.posting_date(bill)] if kind == UPDATE else [there.date]
    if closed_until is not None and min(days) <= closed_until:
        return Hold("closed_for_change", {"date": f"{min(days):%b %d, %Y}", "closing": f"{closed_until:%b %d, %Y}"})
    return None


def start(change: BillChange, document: bytes, there: InBooks) -> None:
    """Freeze the bytes and commit, immediately before they leave. Raises Moved when another worker has the change."""
    words = "Update sent to QuickBooks" if change.kind == UPDATE else "Deletion sent to QuickBooks"
    # What certainly did not leave may be built anew, under the same key.
    change.move(State.SENDING, words, payload=document, sync_token=there.sync_token, **_leaving())


def still_mine(change: BillChange) -> None:
    """Right before bytes leave: is this taking still the latest, with time left for the answer? Raises Moved."""
    needed = timedelta(seconds=settings.QBO_TIMEOUT_SECONDS)
    if not mine(change).filter(state=State.SENDING, lease_until__gt=Now() + needed).exists():
        raise Moved(f"Change {change.pk} was taken over before its bytes left.")


def _leaving() -> dict[str, Any]:
    lease = timedelta(seconds=settings.QBO_LEASE_SECONDS)
    return {"started_at": Now(), "lease_until": Now() + lease, "next_at": Now()}


def settle(change: BillChange, outcome: Outcome, *, words: str = "") -> None:
    """Write down how it ended; the attempt, the change and the bill in one transaction."""
    with transaction.atomic():
        if isinstance(outcome, Done):
            _attempt(change, BillAttempt.Outcome.DONE, words, outcome.trace_id)
            _done(change, outcome)
        elif isinstance(outcome, Refused):
            said = outcome.words or sentence(outcome.problem, outcome.detail)
            _attempt(change, BillAttempt.Outcome.REFUSED, said, outcome.trace_id)
            detail = {
                "vendor": change.bill.invoice.vendor.name,
                "number": change.bill.invoice.number,
                "date": f"{holds.posting_date(change.bill):%b %d, %Y}",
                "words": said,
            }
            _refuse(change, outcome.problem, detail | outcome.detail)
        else:
            _attempt(change, BillAttempt.Outcome.UNKNOWN, outcome.words, outcome.trace_id)
            doubt(change, outcome.words)


def _done(change: BillChange, done: Done) -> None:
    bill = Bill.objects.select_for_update().get(pk=change.bill_id)
    if change.kind == DELETE:
        change.move(State.DONE, f"Deleted from QuickBooks: bill {bill.external_number or bill.external_id}")
        bill.leave_books(
            Bill.State.SKIPPED,
            "Skipped, because its bill was deleted from QuickBooks",
            job="change",
            problem="deleted_from_books",
            detail={"number": bill.external_number, "by": str(change.by)},
        )
        return
    change.move(State.DONE, f"Updated in QuickBooks; it totals {done.total:,.2f} there")
    facts = {
        "sync_token": done.sync_token,
        "posted_total": done.total,
        "external_number": done.number,
        "posted_vendor_id": done.vendor_id,
        "is_unmarked": False,
    }
    if Bill.objects.filter(pk=bill.pk, state=Bill.State.SYNCED).update(**facts):
        bill.refresh_from_db()
        comparing.anew(bill)
    if done.total != bill.invoice.amount_due:
        log.error("QuickBooks totals the bill differently", bill=bill.pk, external_id=done.external_id)


def _refuse(change: BillChange, problem: str, detail: dict[str, Any]) -> None:
    change.move(State.REFUSED, sentence(problem, detail), problem=problem, problem_detail=detail)


def doubt(change: BillChange, words: str) -> None:
    """The bytes may have been taken in: no look before Intuit's own time limit, and nothing is sent before a look."""
    quarantine = timedelta(seconds=settings.QBO_QUARANTINE_SECONDS)
    said = f"QuickBooks did not confirm ({words})"
    change.move(State.CHECKING, said, problem="change_in_doubt", next_at=Now() + quarantine)


def _not_sent(change: BillChange, problem: str, wait: timedelta, *, is_doubtful: bool) -> None:
    if change.state == State.SENDING:
        to = State.CHECKING if is_doubtful else State.READY
        change.move(to, sentence(problem, {}), problem=problem, next_at=Now() + wait)
    else:
        change.wait(Now() + wait, problem)


def refused_for_now(change: BillChange, problem: str, *, wait: timedelta) -> None:
    """The books said no, definitely, and may say yes in a while: it is built anew then."""
    change.move(State.READY, sentence(problem, {}), problem=problem, next_at=Now() + wait)


def park(change: BillChange, reference: str) -> None:
    """Our own bug stopped the work: a change that may have left is looked up, any other is refused with the reason."""
    change.refresh_from_db()
    if change.state == State.SENDING:
        doubt(change, f"reference {reference}")
    elif change.state == State.READY:
        _refuse(change, "bug", {"reference": reference})
    else:
        change.wait(Now() + backoff(change.failures), change.problem)


def _attempt(change: BillChange, outcome: str, answer: str, trace_id: str) -> None:
    BillAttempt.objects.create(
        company_id=change.company_id,
        bill=change.bill,
        asked=f"{change.kind} bill",
        request_id=change.request_id,
        outcome=outcome,
        answer=answer[:2000],
        trace_id=trace_id[:200],
        external_id=change.bill.external_id or "",
    )
