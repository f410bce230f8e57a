"""What is handed to the Web Connector next: doubts before writes, what the books show before what they shall get.

It runs the very functions that a worker runs for QuickBooks Online, here in the PC's call, because only now can
anything leave. A row that needs to know more rests until its question was answered, in the same session.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from accounting import changing, checking, following, posting
from accounting.models import Bill, BillChange, Integration, Moved
from inbuild import queue
from inbuild.queue import WorkRow, database_now
from qbd import asking, line, qbxml, sending, vendors
from qbd.models import Connection, Exchange, Question, Session, VendorCreation, Write

SHORTEST = 60.0  # seconds between two calls by Auto-Run, at least: a session that is under way sees what is new
SECONDS = 4.0  # of work in one call; the Web Connector's own patience is not known
CLEARED_AT_END = 100
Row = TypeVar("Row", bound=WorkRow)


def anything_to_do(connection: Connection) -> bool:
    """Is a session worth its while? The first always is."""
    integration = connection.integration
    return (
        not connection.host
        or _is_time_to_follow(integration, settings.FOLLOW_SECONDS)
        or asking.open_count(integration) > 0
        or VendorCreation.objects.filter(integration=integration, state__in=vendors.OPEN).exists()
        or _changes(integration).exists()
        or _bills(integration, DOUBTFUL).exists()
        or _bills(integration, (Bill.State.READY,)).exists()
    )


def next_exchange(session: Session) -> Exchange | None:
    """Work until something is to be handed over; None when nothing is left. One write at most, and alone."""
    integration = session.connection.integration
    until = time.monotonic() + SECONDS
    worked: set[tuple[str, int]] = set()
    with line.held(session) as outgoing:

        def goes_on() -> bool:
            return not outgoing and time.monotonic() < until

        while goes_on() and _work_some(session, integration, worked, goes_on):
            pass
    if outgoing:
        return outgoing[0]
    return _questions(session, integration) or _clear(session, integration)


def left(session: Session) -> int:
    """Roughly how much is still to be handed over in this session; 0 only when nothing is.

    What the PC has just brought of the books is read here: only then it is known whether there is more to ask.
    """
    integration = session.connection.integration
    if not session.has_followed and session.ended_at is None and not asking.open_count(integration):
        with line.held(session):
            _follow(session, integration)
    if open_questions := asking.open_count(integration):
        return open_questions
    if not session.is_full and (bills := _bills(integration, (Bill.State.READY,)).count()):
        return bills  # the rest is little beside them
    waiting = _bills(integration, DOUBTFUL).count()
    if not session.is_full:
        waiting += _changes(integration).count()
        waiting += VendorCreation.objects.filter(integration=integration, state__in=vendors.OPEN).count()
    return waiting or int(_to_clear(session, integration).exists())


DOUBTFUL = (Bill.State.SENDING, Bill.State.CHECKING)


def _work_some(
    session: Session, integration: Integration, worked: set[tuple[str, int]], goes_on: Callable[[], bool]
) -> bool:
    """Take one thing as far as it goes, or ready bills one after the other, as many as can be asked about at once.

    False when the PC must be asked first or nothing is left.
    """
    asked = asking.open_count(integration)
    if asked >= asking.AT_ONCE:
        return False
    if not session.has_followed:
        return _follow(session, integration)
    if _one(_bills(integration, DOUBTFUL), worked, _look, posting.park):
        return True
    if asked and _bills(integration, DOUBTFUL, asked=True).exists():
        return False  # what is in doubt is settled before anything new leaves
    if vendors.work_one(session, integration, worked):
        return True
    if session.is_full:
        return False
    if _one(_changes(integration), worked, changing.work, changing.park):
        return True
    bills = _bills(integration, (Bill.State.READY,))
    done = 0
    while done < asking.AT_ONCE - asked and goes_on() and _one(bills, worked, posting.post, posting.park):
        done += 1
    return done > 0


def _look(bill: Bill) -> None:
    if bill.state == Bill.State.SENDING:
        posting.doubt(bill, "the session was cut off")
    else:
        checking.check(bill)


def _follow(session: Session, integration: Integration) -> bool:
    """Read what is new in the books; done once it went through without another question."""
    if not _is_time_to_follow(integration, min(SHORTEST, settings.FOLLOW_SECONDS)):
        return _has_followed(session)
    rows = Integration.objects.filter(pk=integration.pk).filter(queue.FREE)
    for row in queue.take(rows, lease=timedelta(seconds=settings.FOLLOW_LEASE_SECONDS)):
        # A bug of ours in reading keeps no bill from leaving.
        queue.safely(row, following.follow, _give_back)
    if Question.objects.filter(integration=integration, bill=None, answered_at=None).exists():
        return False
    return _has_followed(session)


def _give_back(integration: Integration, _reference: str) -> None:
    queue.mine(integration).update(lease_until=None, followed_at=Now())


def _has_followed(session: Session) -> bool:
    Session.objects.filter(pk=session.pk).update(has_followed=True)
    session.has_followed = True
    return True


def _is_time_to_follow(integration: Integration, seconds: float) -> bool:
    """Also when somebody pressed *Refresh*, which makes the row due."""
    last = Integration.objects.values_list("followed_until", "next_at", "lists_read_at").get(pk=integration.pk)
    now = database_now()
    if last[0] is None or last[2] is None or (last[1] is not None and last[1] <= now):
        return True
    too_old: bool = last[0] < now - timedelta(seconds=seconds)
    return too_old


def _one(
    rows: QuerySet[Row],
    worked: set[tuple[str, int]],
    work: Callable[[Row], object],
    park: Callable[[Row, str], None],
) -> bool:
    name = rows.model.__name__
    mine = rows.exclude(pk__in=[pk for kind, pk in worked if kind == name])[:1]
    taken = queue.take(mine, lease=timedelta(seconds=settings.QBO_LEASE_SECONDS))
    for row in taken:
        worked.add((name, row.pk))
        queue.safely(row, work, park, (Moved,))
    return bool(taken)


def _bills(integration: Integration, states: tuple[str, ...], *, asked: bool = False) -> QuerySet[Bill]:
    """Those that can go on now; with `asked` those that wait for an answer. What was just answered comes first."""
    about = Question.objects.filter(integration=integration, bill=OuterRef("pk"))
    rows = Bill.objects.filter(integration=integration, state__in=states).filter(queue.FREE)
    rows = rows.annotate(is_asked=Exists(about.filter(answered_at=None)))
    if asked:
        return rows.filter(is_asked=True)
    ready = Q(problem=Bill.WAITS_FOR_PC) | Q(next_at__lte=Now())
    known = Exists(about.filter(answered_at__isnull=False))
    return rows.filter(ready, is_asked=False).annotate(is_known=known).order_by("-is_known", "id")


def _changes(integration: Integration) -> QuerySet[BillChange]:
    about = Question.objects.filter(integration=integration, bill=OuterRef("bill"), answered_at=None)
    rows = BillChange.objects.filter(bill__integration=integration, state__in=BillChange.PENDING).filter(queue.FREE)
    ready = Q(problem=Bill.WAITS_FOR_PC) | Q(next_at__lte=Now())
    return rows.filter(ready).exclude(Exists(about)).order_by("id")


def _questions(session: Session, integration: Integration) -> Exchange | None:
    found = asking.open_questions(integration)
    if not found:
        return None
    text = asking.message_set(found)
    exchange = Exchange.objects.create(company_id=session.company_id, session=session, about="questions", sent=text)
    asking.put(exchange, found)
    return exchange


def _to_clear(session: Session, integration: Integration) -> QuerySet[Write]:
    """What QuickBooks need not remember, because we have committed it; only while nothing at all is in doubt."""
    is_busy = Bill.objects.filter(integration=integration, state__in=DOUBTFUL).exists()
    if is_busy or session.exchanges.filter(about="clear").count() >= CLEARED_AT_END:
        return Write.objects.none()
    return sending.to_clear(integration)


def _clear(session: Session, integration: Integration) -> Exchange | None:
    """All at once, unless there is a write that we may still have to ask about: then one after the other."""
    rows = _to_clear(session, integration)
    write = rows.first()
    if write is None:
        return None
    at_once = not sending.unsettled(integration).exists()
    text = qbxml.message_set([], old_id=qbxml.CLEAR_ALL if at_once else write.message_set_id)
    exchange = Exchange.objects.create(company_id=session.company_id, session=session, about="clear", sent=text)
    sending.cleared(rows if at_once else rows.filter(pk=write.pk))
    return exchange
