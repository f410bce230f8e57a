"""A bill's way into QuickBooks: released, checked, frozen, sent, settled."""

from __future__ import annotations

import hashlib
import uuid
from datetime import date, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounting import attaching, holds, mapping, restoring
from accounting.backends import Done, NeedsReconnect, NotSent, Outcome, Refused, backend_for
from accounting.bells import POST_DUE
from accounting.mapping import Resolved
from accounting.models import Bill, BillAttempt, Integration, Moved, ProjectBooks
from accounting.problems import sentence
from companies import auditing
from companies.models import User
from inbuild.faultpoints import faultpoint
from inbuild.queue import backoff, database_now, mine, ring
from invoices.models import Invoice

log = structlog.get_logger("accounting.posting")

JOB = "post"
SAFETY_NET = timedelta(minutes=5)
# Stopped for a person while nobody knows whether our bill is in the books: only a look may lead on.
IN_DOUBT = frozenset({"in_quickbooks_already", "unlinked_own"})
NUMBER_LENGTH = 21  # Intuit: Bill.DocNumber, at most 21 characters.


def release(invoice: Invoice, *, user: User | None = None) -> Bill:
    """Open the bill of an approved invoice: the one door to QuickBooks, for imported and uploaded invoices alike.

    Called in the transaction that approves or imports the invoice. Raises ValueError for an invoice that is not
    approved and IntegrityError when the invoice has a bill already.
    """
    if invoice.state != Invoice.State.APPROVED:
        raise ValueError(f"Invoice {invoice.pk} is {invoice.state}, not approved.")
    bill = Bill.objects.create(company_id=invoice.company_id, invoice=invoice, next_at=Now())
    auditing.record(
        invoice.company_id,
        "bill.ready",
        bill,
        "Released to QuickBooks",
        user=user,
        job=JOB,
        after={"state": bill.state},
    )
    ring(POST_DUE, invoice.company_id)
    return bill


def post(bill: Bill) -> None:
    """Take one ready bill as far as it goes now."""
    integration = _route(bill)
    if integration is None or not _prepared(bill, integration):
        return
    if restoring.settled(bill, integration, number=bill_number(bill.invoice.number, integration.bill_number_length)):
        return
    found = fitting(bill, integration)
    if found is not None:
        deliver(bill, integration, found)


def _prepared(bill: Bill, integration: Integration) -> bool:
    """Ask the books for what only they can tell; nothing of the bill has left, so whatever fails leaves it unsent."""
    try:
        refused = backend_for(integration).prepare(bill)
    except NotSent as exc:
        bill.wait(until=Now() + max(exc.wait, backoff(bill.failures)), problem=exc.problem)
        return False
    except NeedsReconnect:
        integration.needs_reconnect()
        bill.wait(until=Now() + SAFETY_NET, problem="reconnect")
        return False
    if refused is not None:
        settle(bill, refused)
        return False
    return True


def _route(bill: Bill) -> Integration | None:
    """The integration that takes bills now; else the bill waits with the reason on it."""
    active = Integration.ready_for(bill.company_id)
    integration = ProjectBooks.of(bill.invoice, active) if len(active) > 1 else next(iter(active), None)
    if integration is None:
        problem = "which_file" if active else "not_connected"
    elif integration.state == Integration.State.NEEDS_RECONNECT:
        problem = "reconnect"
    elif integration.paused:
        problem = "paused"
    elif integration.confirm_switch:
        problem = "other_books"
    else:
        if bill.integration_id != integration.pk:
            mine(bill).update(integration=integration)
        bill.integration = integration
        return integration
    detail = {"account": str(integration or ""), "project": str(bill.invoice.project or "")}
    bill.wait(until=Now() + SAFETY_NET, problem=problem, detail=detail)
    return None


def fitting(bill: Bill, integration: Integration) -> Resolved | None:
    """What the bill names in the books; if anything speaks against sending it, it is put on hold or back to mapping."""
    hold = holds.find(bill, integration)
    if not isinstance(hold, holds.Hold):
        return hold
    to = Bill.State.NEEDS_MAPPING if hold.is_mapping else Bill.State.ON_HOLD
    words = sentence(hold.problem, hold.detail)
    with transaction.atomic():
        if hold.is_mapping:
            # Somebody may have chosen it since we looked, and would never come by this bill again.
            mapping.hold_still(integration)
            integration.refresh_from_db()
            again = holds.find(bill, integration)
            if not isinstance(again, holds.Hold) or again.missing != hold.missing:
                bill.wait(until=Now())
                return None
        bill.move(to, words, job=JOB, problem=hold.problem, detail=hold.detail)
        mapping.note_missing(bill, hold.missing)
    return None


def deliver(bill: Bill, integration: Integration, found: Resolved | None = None) -> None:
    """Hand a ready bill with what it names, or a frozen one once more, to its QuickBooks; write down how that ended."""
    # A bill that was in doubt before stays so when this sending did not leave: only a look may free it.
    back_to = Bill.State.CHECKING if bill.state == Bill.State.SENDING else Bill.State.READY
    try:
        outcome = backend_for(integration).deliver(bill, found)
    except NotSent as exc:
        if exc.problem != Bill.WAITS_FOR_PC:
            record_attempt(bill, BillAttempt.Outcome.NOT_SENT, str(exc))
        _not_sent(bill, back_to, exc.problem, exc.wait)
    except NeedsReconnect:
        integration.needs_reconnect()
        _not_sent(bill, back_to, "reconnect", SAFETY_NET)
    else:
        if outcome is not None:
            faultpoint("post.before_settle")
            _settle_or_note(bill, outcome)
            faultpoint("post.after_settle")


def _settle_or_note(bill: Bill, outcome: Outcome) -> None:
    """An answer that comes after the bill was taken over still says what is in the books: keep it for people."""
    try:
        settle(bill, outcome)
    except Moved:
        if isinstance(outcome, Done):
            log.error("a late answer", bill=bill.pk, external_id=outcome.external_id)
            record_attempt(bill, BillAttempt.Outcome.DONE, "A late answer", outcome.trace_id, outcome.external_id)
        raise


def _not_sent(bill: Bill, back_to: Bill.State, problem: str, wait: timedelta) -> None:
    if bill.state == Bill.State.SENDING:
        bill.move(back_to, sentence(problem, {}), job=JOB, problem=problem, next_at=Now() + wait)
    else:
        bill.wait(until=Now() + wait, problem=problem)


def start(bill: Bill, document: bytes) -> None:
    """Freeze the bytes with their request id and commit, immediately before they leave.

    A ready bill is one of which no bytes can have been taken in over there (never sent, certainly not sent, or
    refused), so other bytes than last time may go, under a new key. Raises Moved when another worker has the bill.
    """
    digest = hashlib.sha256(document).hexdigest()
    # Intuit may answer a repeated key with its stored refusal: what was refused goes out under a new one.
    same = bill.payload is not None and bill.payload_sha256 == digest and not _key_is_spent(bill)
    generation = bill.generation if same else bill.generation + 1
    bill.move(
        Bill.State.SENDING,
        "Sent to QuickBooks",
        job=JOB,
        generation=generation,
        request_id=request_id(bill, generation),
        payload=document,
        payload_sha256=digest,
        started_at=Now(),
        lease_until=Now() + timedelta(seconds=settings.QBO_LEASE_SECONDS),
        next_at=Now(),
    )
    faultpoint("post.after_start")


def _key_is_spent(bill: Bill) -> bool:
    """Refused under this key, or made under it and deleted since: Intuit would repeat its stored answer."""
    last = bill.attempts.order_by("-id").first()
    return last is not None and last.outcome in (BillAttempt.Outcome.REFUSED, BillAttempt.Outcome.DONE)


def still_mine(bill: Bill) -> None:
    """Right before bytes leave: is this taking still the latest, with time left for the answer? Raises Moved."""
    needed = timedelta(seconds=settings.QBO_TIMEOUT_SECONDS)
    if not mine(bill).filter(state=Bill.State.SENDING, lease_until__gt=Now() + needed).exists():
        raise Moved(f"Bill {bill.pk} was taken over before its bytes left.")


def start_again(bill: Bill) -> None:
    """A look showed the bill is absent: let the very same bytes leave once more under the same key."""
    bill.move(
        Bill.State.SENDING,
        "Not found in QuickBooks; sent again with the same key",
        job="check",
        started_at=Now(),
        lease_until=Now() + timedelta(seconds=settings.QBO_LEASE_SECONDS),
        next_at=Now(),
    )
    faultpoint("post.after_start")


def request_id(bill: Bill, generation: int) -> str:
    """Intuit: requestid, at most 50 characters, one per intended effect."""
    return uuid.uuid5(bill.uid, f"bill:create:{generation}").hex


def settle(bill: Bill, outcome: Outcome) -> None:
    """Write down how a delivery or a look ended; the attempt and the new state in one transaction."""
    with transaction.atomic():
        if isinstance(outcome, Done):
            record_attempt(bill, BillAttempt.Outcome.DONE, "", outcome.trace_id, outcome.external_id)
            _settle_done(bill, outcome)
        elif isinstance(outcome, Refused):
            words = outcome.words or sentence(outcome.problem, outcome.detail)
            record_attempt(bill, BillAttempt.Outcome.REFUSED, words, outcome.trace_id)
            _settle_refused(bill, outcome)
        else:
            record_attempt(bill, BillAttempt.Outcome.UNKNOWN, outcome.words, outcome.trace_id)
            doubt(bill, outcome.words, outcome.if_absent)


def _settle_done(bill: Bill, done: Done) -> None:
    bill.move(
        Bill.State.SYNCED,
        f"In QuickBooks as bill {done.number or done.external_id}",
        job=JOB,
        external_id=done.external_id,
        external_number=done.number,
        sync_token=done.sync_token,
        posted_total=done.total,
        posted_vendor_id=done.vendor_id,
        synced_at=Now(),
    )
    attaching.expect(bill)
    # Shown to people, for whom a second is as good: the workers of a company do not queue for this row.
    stale = Q(last_sync_at=None) | Q(last_sync_at__lt=Now() - timedelta(seconds=1))
    Integration.objects.filter(stale, bills=bill).update(last_sync_at=Now())
    if done.total != bill.invoice.amount_due:
        log.error("QuickBooks totals the bill differently", bill=bill.pk, external_id=done.external_id)


def _settle_refused(bill: Bill, refused: Refused) -> None:
    detail = {
        "vendor": bill.invoice.vendor.name,
        "number": bill.invoice.number,
        "date": f"{holds.posting_date(bill):%b %d, %Y}",
        "words": refused.words,
    } | refused.detail
    words = sentence(refused.problem, detail)
    if bill.state == Bill.State.CHECKING:
        bill.move(Bill.State.ON_HOLD, words, job="check", problem=refused.problem, detail=detail)
    else:
        bill.move(Bill.State.FAILED, words, job=JOB, problem=refused.problem, detail=detail)
    if refused.problem == "subscription" and bill.integration is not None:
        # One sentence and one failed bill, not one for each that waits.
        bill.integration.pause("Paused, because the QuickBooks subscription is not active", job=JOB)


def doubt(bill: Bill, words: str = "", if_absent: Refused | None = None) -> None:
    """The bytes may have been taken in: nothing is sent before a look, and no look before Intuit's own time limit.

    `if_absent` is what a look that finds nothing makes true.
    """
    if bill.state == Bill.State.CHECKING:
        bill.wait(until=Now() + backoff(bill.failures), problem="no_answer", detail=bill.problem_detail)
        return
    quarantine = timedelta(seconds=settings.QBO_QUARANTINE_SECONDS)
    bill.move(
        Bill.State.CHECKING,
        f"QuickBooks did not confirm ({words or 'the worker stopped'})",
        job=JOB,
        problem="no_answer",
        detail={"if_absent": if_absent.problem, "words": if_absent.words} | if_absent.detail if if_absent else {},
        next_at=Now() + quarantine,
    )


def refused_for_now(bill: Bill, problem: str, words: str, *, wait: timedelta) -> None:
    """The books said no, definitely, and may say yes in a while: it goes again, under another key."""
    with transaction.atomic():
        record_attempt(bill, BillAttempt.Outcome.REFUSED, words)
        bill.move(Bill.State.READY, words, job=JOB, problem=problem, next_at=Now() + wait)


def park(bill: Bill, reference: str) -> None:
    """Our own bug stopped the work: say so on the bill, and never pretend to know whether a sent one arrived."""
    bill.refresh_from_db()
    if bill.state == Bill.State.SENDING:
        doubt(bill, f"reference {reference}")
    elif bill.state == Bill.State.READY:
        detail = {"reference": reference}
        bill.move(Bill.State.FAILED, sentence("bug", detail), job=JOB, problem="bug", detail=detail)
    else:
        bill.wait(until=Now() + backoff(bill.failures), problem=bill.problem, detail=bill.problem_detail)


def retry(bill: Bill, *, user: User, sync_anyway: bool = False) -> None:
    """A person asks for another go: of a stopped bill from the start, of one in doubt only for an earlier look.

    Raises Moved when the bill went on meanwhile, which makes a double click harmless.
    """
    if bill.state in (Bill.State.READY, Bill.State.CHECKING):
        _look_now(bill)
    elif bill.problem == "unlinked_own":
        raise Moved(f"Bill {bill.pk} is taken up again by `unlinking` alone.")
    elif bill.state in (Bill.State.ON_HOLD, Bill.State.SKIPPED) and bill.problem in IN_DOUBT:
        bill.move(Bill.State.CHECKING, "Check again", user=user, problem="no_answer", next_at=Now())
    elif bill.state in (Bill.State.NEEDS_MAPPING, Bill.State.ON_HOLD, Bill.State.FAILED, Bill.State.SKIPPED):
        again = "Released" if bill.problem == Bill.HELD else "Try again"
        words = "Sync anyway: not a duplicate" if sync_anyway else again
        allowed = bill.allow_duplicate or sync_anyway
        bill.move(Bill.State.READY, words, user=user, next_at=Now(), allow_duplicate=allowed)
    else:
        raise Moved(f"Bill {bill.pk} is {bill.state}.")
    ring(POST_DUE, bill.company_id)


def _look_now(bill: Bill) -> None:
    """Never before the quarantine is over: a look too early would miss a bill QuickBooks is still writing."""
    quarantine = timedelta(seconds=settings.QBO_QUARANTINE_SECONDS)
    rows = Bill.objects.filter(pk=bill.pk, state=bill.state, lease_until=None)
    if bill.state == Bill.State.CHECKING:
        rows = rows.filter(started_at__lte=Now() - quarantine)
    rows.update(next_at=Now())


def can_still_change(invoice: Invoice) -> bool:
    """No bytes of the invoice's bill can be in the books or on their way, and no worker is building them now.

    Called in the transaction that changes the invoice: the bill's row is locked until it ends.
    """
    bill = Bill.objects.select_for_update().filter(invoice=invoice).first()
    if bill is None:
        return True
    unsent = (Bill.State.READY, Bill.State.NEEDS_MAPPING, Bill.State.ON_HOLD, Bill.State.FAILED, Bill.State.SKIPPED)
    if bill.state not in unsent or bill.problem in IN_DOUBT:
        return False
    return not (bill.lease_until and bill.lease_until > database_now())


def is_in_books(invoice: Invoice) -> bool:
    return Bill.objects.filter(invoice=invoice, state=Bill.State.SYNCED).exists()


def source_changed(invoice: Invoice) -> None:
    """The original in Procore changed: a stopped bill is checked anew; a skipped or sent one is never touched."""
    bill = Bill.objects.filter(invoice=invoice).first()
    stopped = (Bill.State.ON_HOLD, Bill.State.FAILED, Bill.State.NEEDS_MAPPING)
    if bill and bill.state in stopped and bill.problem not in IN_DOUBT and bill.problem != Bill.HELD:
        bill.move(Bill.State.READY, "Checked anew, because the invoice changed in Procore", job="import", next_at=Now())
        ring(POST_DUE, bill.company_id)


def choose(bill: Bill, *, user: User, kind: str | None = None, posting_date: date | None = None) -> None:
    """A person decides how a held bill is to be made: as a vendor credit or bill, or on another day.

    Raises Moved when the bill went on meanwhile, or may be in the books already.
    """
    if bill.state not in (Bill.State.ON_HOLD, Bill.State.FAILED) or bill.problem in IN_DOUBT:
        raise Moved(f"Bill {bill.pk} is {bill.state}.")
    changes: dict[str, Any] = {}
    words = []
    if kind is not None:
        changes["kind"] = kind
        words.append(f"To be made as a {Bill.Kind(kind).label.lower()}")
    if posting_date is not None:
        changes["posting_date"] = posting_date
        words.append(f"To be posted on {posting_date:%b %d, %Y}")
    bill.move(Bill.State.READY, "; ".join(words), user=user, next_at=Now(), **changes)
    ring(POST_DUE, bill.company_id)


def first_open_day(bill: Bill) -> date | None:
    """The day after the books' closing date; None where nothing is closed."""
    integration = bill.integration
    return integration.closing_date + timedelta(days=1) if integration and integration.closing_date else None


def bill_number(number: str, length: int = NUMBER_LENGTH) -> str:
    """The invoice's number within the books' `length` characters: the head, then a short hash of the whole.

    Deterministic, so that a look-up asks for what was sent; the full number stands in the memo.
    """
    if len(number) <= length:
        return number
    return f"{number[: length - 7].rstrip()}-{hashlib.sha256(number.encode()).hexdigest()[:6]}"


def record_attempt(bill: Bill, outcome: str, answer: str, trace_id: str = "", external_id: str = "") -> None:
    BillAttempt.objects.create(
        company_id=bill.company_id,
        bill=bill,
        asked="look up" if bill.state == Bill.State.CHECKING else "create bill",
        request_id=bill.request_id or "",
        outcome=outcome,
        answer=answer[:2000],
        trace_id=trace_id[:200],
        external_id=external_id,
    )
