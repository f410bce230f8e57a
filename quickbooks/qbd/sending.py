"""Writes: one to a message set, its text and id committed before it leaves, its answer settled when it comes."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import structlog
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounting import changing, posting
from accounting.backends import Done, NotSent, Outcome, Refused, Unknown
from accounting.models import Bill, BillAttempt, BillChange, Integration, Moved
from qbd import document, line, qbxml, reading, statuses, vendors
from qbd.asking import PATIENCE
from qbd.models import Exchange, Session, VendorCreation, Write

log = structlog.get_logger("qbd.sending")

ID_LENGTH = 22  # QuickBooks takes 23 characters
LOCK_TRIES = 5


def message_set_id(body: bytes) -> str:
    """Of the text itself: the same text can never run twice, and no other can use its id."""
    return hashlib.sha256(body).hexdigest()[:ID_LENGTH]


def send(integration: Integration, body: bytes, of: Bill | BillChange | VendorCreation) -> None:
    """Let this leave as the answer to the call we are in; once more under its id where it left before.

    Raises NotSent when no Web Connector is asking, or has been handed something already.
    """
    session = line.current(integration)
    if session is None or line.is_taken():
        raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)
    key = message_set_id(body)
    write = find(integration, body)
    if write is None:
        write = Write(company_id=integration.company_id, integration=integration, message_set_id=key)
        write.text = qbxml.message_set([qbxml.request(body)], new_id=key)
        if isinstance(of, Bill):
            write.bill = of
        elif isinstance(of, BillChange):
            write.change = of
        else:
            write.creation = of
    line.lay_out(session, write, write.text)


def can_send(integration: Integration) -> bool:
    session = line.current(integration)
    return session is not None and not line.is_taken() and not session.is_full


def find(integration: Integration, body: bytes) -> Write | None:
    """The write of these bytes, if they ever left."""
    return Write.objects.filter(integration=integration, message_set_id=message_set_id(body)).first()


def _written(exchange: Exchange) -> QuerySet[Write]:
    """What left with this message set, with what it is about."""
    return exchange.writes.select_related("bill__invoice", "bill__integration", "change__bill", "creation")


def settle(exchange: Exchange, text: str, *, hresult: str, message: str) -> str:
    """What the answer means, written down with it. Returns what must end the session, for people."""
    write = _written(exchange).get()
    outcome = outcome_of(write, text, hresult=hresult, message=message)
    Write.objects.filter(pk=write.pk).update(answered_at=None if isinstance(outcome, Unknown) else Now())
    with suppress(Moved):
        _settle(write, outcome)
    return outcome.words or "QuickBooks did not confirm." if isinstance(outcome, Unknown) else ""


def outcome_of(write: Write, text: str, *, hresult: str = "", message: str = "") -> Outcome | NotSent:
    """The meaning of an answer to a write: done, refused, certainly not done and worth another try, or unknown."""
    if hresult:
        return statuses.of_hresult(hresult, message)
    try:
        answers = qbxml.read(text)
    except qbxml.NotQbxml as error:
        return Unknown(words=str(error))
    try:
        found = statuses.of_answers(answers)
    except NotSent as error:
        return error
    return _done(write, found) if isinstance(found, qbxml.Response) else found


def _done(write: Write, response: qbxml.Response) -> Done | Unknown:
    """What was made or changed. Told once more, QuickBooks may show no more than its id: the bytes say the rest."""
    ret = response.rets[0] if response.rets else None
    kept = reading.recovered(response.recovery)
    if write.creation_id is not None or response.kind == "TxnDel":
        named = (ret.findtext("ListID") or ret.findtext("TxnID")) if ret is not None else None
        external_id = named or (kept.external_id if kept else "")
        return Done(external_id, Decimal("0.00")) if external_id else Unknown(words="QuickBooks named nothing")
    done = reading.done(ret) if ret is not None else None
    if done is None and kept is not None and write.bill is not None:
        sent = document.frozen(write.bill)
        sign = -1 if write.bill.kind == Bill.Kind.VENDOR_CREDIT else 1
        done = Done(kept.external_id, sign * sent.total, sent.number, kept.sync_token, vendor_id=sent.vendor_id)
    return done or Unknown(words="QuickBooks' answer held no bill")


def _settle(write: Write, outcome: Outcome | NotSent) -> None:
    if write.creation is not None:
        vendors.settle(write.creation, outcome)
    elif write.change is not None:
        _settle_change(write.change, outcome)
    elif write.bill is not None:
        _settle_bill(write, write.bill, outcome)


def _settle_bill(write: Write, bill: Bill, outcome: Outcome | NotSent) -> None:
    is_out = bill.state in (Bill.State.SENDING, Bill.State.CHECKING)
    if not is_out or bill.payload is None or message_set_id(bytes(bill.payload)) != write.message_set_id:
        _too_late(bill, outcome)
    elif isinstance(outcome, NotSent):
        _locked(bill, outcome)
    elif isinstance(outcome, Unknown):
        _doubt_bill(bill, outcome.words)
    else:
        posting.settle(bill, outcome)


def _too_late(bill: Bill, outcome: Outcome | NotSent) -> None:
    """The bill went on without this answer: if it says that something was made, people must be able to find it."""
    if isinstance(outcome, Done) and outcome.external_id != bill.external_id:
        log.error("a late answer", bill=bill.pk, external_id=outcome.external_id)
        posting.record_attempt(bill, BillAttempt.Outcome.DONE, "A late answer", outcome.trace_id, outcome.external_id)


def _locked(bill: Bill, refusal: NotSent) -> None:
    """Somebody had it open in QuickBooks, so nothing was made. QuickBooks keeps this answer under its id for ever:
    the next try goes out under another."""
    tries = bill.attempts.filter(outcome=BillAttempt.Outcome.REFUSED, answer__startswith=LOCKED).count() + 1
    if tries >= LOCK_TRIES:
        posting.settle(bill, Refused("in_use_for_long", {"words": statuses.plain(str(refusal))}, words=str(refusal)))
    else:
        wait = timedelta(minutes=min(60, 2**tries))
        posting.refused_for_now(bill, refusal.problem, f"{LOCKED}: {refusal}", wait=wait)


LOCKED = "In use in QuickBooks"


def _doubt_bill(bill: Bill, words: str) -> None:
    """Only the PC can tell, and only when it calls: no worker need look meanwhile."""
    if bill.state == Bill.State.SENDING:
        posting.doubt(bill, words)
    Bill.objects.filter(pk=bill.pk, state=Bill.State.CHECKING).update(
        problem=Bill.WAITS_FOR_PC, next_at=Now() + PATIENCE, lease_until=None
    )


def _settle_change(change: BillChange, outcome: Outcome | NotSent) -> None:
    if change.state not in (BillChange.State.SENDING, BillChange.State.CHECKING):
        return
    if isinstance(outcome, NotSent):
        changing.refused_for_now(change, outcome.problem, wait=timedelta(minutes=5))
    elif isinstance(outcome, Unknown):
        _doubt_change(change, outcome.words)
    else:
        changing.settle(change, outcome)


def _doubt_change(change: BillChange, words: str) -> None:
    if change.state == BillChange.State.SENDING:
        changing.doubt(change, words)
    BillChange.objects.filter(pk=change.pk, state=BillChange.State.CHECKING).update(
        problem=Bill.WAITS_FOR_PC, next_at=Now() + PATIENCE, lease_until=None
    )


def doubt(exchange: Exchange, words: str) -> None:
    """Its answer may never come: whatever it wrote may have happened."""
    for write in _written(exchange).filter(answered_at=None):
        with suppress(Moved):
            _settle(write, Unknown(words=words))


def to_clear(integration: Integration) -> QuerySet[Write]:
    """What QuickBooks need not remember any more: its answer is committed here."""
    return Write.objects.filter(integration=integration, answered_at__isnull=False, is_cleared=False).order_by("id")


def unsettled(integration: Integration) -> QuerySet[Write]:
    """Writes whose answer never came, of what did not get done in another way either."""
    rows = Write.objects.filter(integration=integration, answered_at=None)
    rows = rows.exclude(bill__state=Bill.State.SYNCED).exclude(change__state=BillChange.State.DONE)
    return rows.exclude(creation__state=VendorCreation.State.DONE)


def cleared(writes: QuerySet[Write]) -> None:
    writes.order_by().update(is_cleared=True)


def session_of(write: Write) -> Session:
    return write.exchange.session
