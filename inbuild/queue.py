"""Work rows in PostgreSQL: due, taken for a while, finished only by whoever still holds them; and the doorbell.

Losing every Celery message costs delay, never work; getting one a hundred times finds the rows leased.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Any, Self, TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from kombu import Connection

from inbuild.faultpoints import faultpoint
from inbuild.models import Turn
from inbuild.written import Written

log = structlog.get_logger("inbuild.queue")

TURN_ROWS = 25
TURN_SECONDS = 20.0


class WorkRow(models.Model):
    """A row that may have work due.

    `next_at` null: nothing to do. `lease_until` in the future: somebody is at it. `attempt` rises with every taking and
    is the fence: a result is written only `WHERE attempt = mine`.
    """

    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Fruitless tries in a row; they space the next.")
    next_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @classmethod
    def workable(cls) -> models.QuerySet[Self]:
        """Those that a worker may take when they are due."""
        return cls._default_manager.all()

    @classmethod
    def at_hand(cls) -> models.QuerySet[Any]:
        """How a worker reads a row that it has taken: with what the work needs, in one go."""
        return cls._default_manager.all()


FREE = Q(lease_until=None) | Q(lease_until__lt=Now())
Row = TypeVar("Row", bound=WorkRow)


def due(model: type[Row], company_id: int | None = None) -> models.QuerySet[Row]:
    """Rows whose time has come by the database's clock and that nobody holds."""
    rows = model.workable().filter(next_at__lte=Now()).filter(FREE)
    return rows if company_id is None else rows.filter(company_id=company_id)


def take_due(
    model: type[Row], company_id: int, *, lease: timedelta, limit: int = 1, first_by: tuple[str, ...] = ()
) -> list[Row]:
    """Lease up to `limit` due rows of one company, skipping what another worker is taking now.

    Oldest first, after the columns of `first_by`. They are read once they are leased: what hangs on them may have been
    changed by whoever held them a moment ago.
    """
    with transaction.atomic(durable=True):
        ids = _due_ids(model, limit, first_by)(company_id)
        _lease(model, ids, lease)
    return _at_hand(model, ids)


def take(rows: models.QuerySet[Row], *, lease: timedelta) -> list[Row]:
    """Lease these, in their order, skipping what another worker is taking now."""
    with transaction.atomic(durable=True):
        ids = list(_to_lease(rows))
        _lease(rows.model, ids, lease)
    return _at_hand(rows.model, ids)


@cache
def _due_ids(model: type[WorkRow], limit: int, first_by: tuple[str, ...]) -> Written[int]:
    return Written(
        lambda company_id: _to_lease(due(model, company_id).order_by(*first_by, "next_at", "id")[:limit]), int
    )


def _to_lease(rows: models.QuerySet[Any]) -> models.QuerySet[Any, int]:
    return rows.select_for_update(skip_locked=True, of=("self",)).values_list("id", flat=True)


def _lease(model: type[Row], ids: list[int], lease: timedelta) -> None:
    if ids:
        model._default_manager.filter(id__in=ids).update(attempt=F("attempt") + 1, lease_until=Now() + lease)


def _at_hand(model: type[Row], ids: list[int]) -> list[Row]:
    if len(ids) == 1:
        return _one_at_hand(model)(*ids)
    taken = model.at_hand().in_bulk(ids) if ids else {}
    return [taken[pk] for pk in ids]


@cache
def _one_at_hand(model: type[WorkRow]) -> Written[Any]:
    return Written(lambda pk: model.at_hand().filter(pk=pk), int)


def mine(row: Row) -> models.QuerySet[Row]:
    """The row, if this taking of it is still the latest one."""
    return type(row)._default_manager.filter(id=row.pk, attempt=row.attempt)


def backoff(failures: int) -> timedelta:
    """2 s doubled with every fruitless try, at most 15 minutes."""
    return timedelta(seconds=min(900, 2 * 2 ** min(failures, 10)))


@contextmanager
def turn(task: str, company_id: int, seats: int = 1) -> Iterator[Callable[[], None] | None]:
    """The few workers whose turn it is get a function that renews the lease, the others get None."""
    holder = uuid.uuid4()
    names = [task, *(f"{task}/{seat}" for seat in range(1, seats))]
    seat = _free_seat(names, company_id, holder)
    if seat is None and Turn.objects.filter(task__in=names, company_id=company_id).count() < len(names):
        Turn.objects.bulk_create([Turn(task=name, company_id=company_id) for name in names], ignore_conflicts=True)
        seat = _free_seat(names, company_id, holder)

    mine = Turn.objects.filter(pk__in=[seat] if seat else [], holder=holder)
    renewed = time.monotonic()

    def renew() -> None:
        nonlocal renewed
        if time.monotonic() > renewed + settings.TURN_LEASE_SECONDS / 10:
            mine.update(lease_until=Now() + _turn_lease(), seen_at=Now())
            renewed = time.monotonic()

    try:
        yield renew if seat else None
    finally:
        if seat:
            mine.update(holder=None, lease_until=None)


def _free_seat(names: list[str], company_id: int, holder: uuid.UUID) -> int | None:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    with transaction.atomic(durable=True):
        rows = Turn.objects.filter(free, task__in=names, company_id=company_id).order_by("task")
        seat = rows.select_for_update(skip_locked=True).first()
        if seat is None:
            return None
        Turn.objects.filter(pk=seat.pk).update(holder=holder, lease_until=Now() + _turn_lease(), seen_at=Now())
    return seat.pk


def _turn_lease() -> timedelta:
    return timedelta(seconds=settings.TURN_LEASE_SECONDS)


@contextmanager
def slot(task: str, at_once: int) -> Iterator[bool]:
    """One of the few places for a kind of work that may hang, in all workers together; False when all are taken.

    A lock of the database session: it goes with a worker that dies.
    """
    taken = next((number for number in range(at_once) if _lock("pg_try_advisory_lock", task, number)), None)
    try:
        yield taken is not None
    finally:
        if taken is not None:
            _lock("pg_advisory_unlock", task, taken)


def _lock(function: str, task: str, number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtext(%s), %s)", [task, number])  # noqa: S608 - one of the two above
        return bool(cursor.fetchone()[0])


def drain(
    task: str, company_id: int, work_one: Callable[[], bool], anything_due: Callable[[], bool], seats: int = 1
) -> int:
    """Work one company's due rows for one turn: 25 rows or 20 seconds; then ring again if more is due.

    `work_one` takes and finishes one row and says whether there was one. Returns how many were worked. With several
    `seats` a worker that finds more than it can do at once calls another, until all seats are taken.
    """
    done, until = 0, time.monotonic() + TURN_SECONDS
    with turn(task, company_id, seats) as renew:
        if renew is None:
            return 0
        while done < TURN_ROWS and time.monotonic() < until and work_one():
            done += 1
            renew()
            if done == 1 and seats > 1 and anything_due():
                ring(task, company_id)
    if anything_due():
        ring(task, company_id)
    return done


def work_one(
    model: type[Row],
    company_id: int,
    work: Callable[[Row], object],
    park: Callable[[Row, str], None],
    *,
    lease: timedelta,
    elsewhere: tuple[type[Exception], ...] = (),
    point: str = "",
    first_by: tuple[str, ...] = (),
) -> bool:
    """Take one due row of a company and work it, as `safely` does; False where none is due."""
    taken = take_due(model, company_id, lease=lease, first_by=first_by)
    for row in taken:
        if point:
            faultpoint(point)
        safely(row, work, park, elsewhere)
    return bool(taken)


def safely(
    row: Row,
    work: Callable[[Row], object],
    park: Callable[[Row, str], None],
    elsewhere: tuple[type[Exception], ...] = (),
) -> None:
    """Work a taken row. `elsewhere` is raised where it went on in other hands, which is fine.

    Where the database cannot be written to, nothing is: the lease runs out and the row is taken again. Anything else is
    a bug of ours: `park` writes that down on the row, with the reference under which the log has it.
    """
    try:
        work(row)
    except elsewhere as why:
        log.info("the row went on elsewhere", row=type(row).__name__, id=row.pk, why=str(why))
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a row was parked", row=type(row).__name__, id=row.pk, reference=reference)
        park(row, reference)


class _Bell:
    """Publishes wake-ups, one at a time; after a failure one caller every two seconds looks whether Redis is back.

    So that Redis never slows a request, and beat's sweep reaches the workers a moment after it has come back. While a
    wake-up waits to be heard, the same one is not published again: a company's flood of work is one message in the line
    of all companies.
    """

    SILENCE = 2.0
    TIMEOUT = 0.3
    UNHEARD = 2.0  # a wake-up that was lost hinders the next for so long; a longer line holds one for each such time

    def __init__(self) -> None:
        self._silent_until = 0.0
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def ring(self, task: str, company_id: int) -> None:
        self._do(self._publish, task, company_id)

    def heard(self, task: str, company_id: int) -> None:
        self._do(self._take_down, task, company_id)

    def _do(self, act: Callable[[str, int], None], task: str, company_id: int) -> None:
        if time.monotonic() < self._silent_until or not self._lock.acquire(timeout=self.TIMEOUT):
            return
        try:
            if time.monotonic() >= self._silent_until:
                act(task, company_id)
        except Exception as error:  # whatever Redis does, the row is committed and the sweep will find it
            self._silent_until = time.monotonic() + self.SILENCE
            self._forget()
            log.warning("the doorbell is silent", task=task, error=type(error).__name__)
        finally:
            self._lock.release()

    def _publish(self, task: str, company_id: int) -> None:
        from inbuild.celery import app

        mark = self._mark(task, company_id)
        if self._redis().set(mark, 1, nx=True, px=int(self.UNHEARD * 1000)):
            producer = self._connected().Producer()
            app.send_task(task, kwargs={"company_id": company_id}, producer=producer, retry=False)

    def _take_down(self, task: str, company_id: int) -> None:
        self._redis().delete(self._mark(task, company_id))

    def _mark(self, task: str, company_id: int) -> str:
        return f"rung:{task}:{company_id}"

    def _redis(self) -> Any:
        channel: Any = self._connected().default_channel
        return channel.client

    def _connected(self) -> Connection:
        if self._connection is None:
            quick = {"socket_timeout": self.TIMEOUT, "socket_connect_timeout": self.TIMEOUT, "max_retries": 0}
            self._connection = Connection(settings.REDIS_URL, transport_options=quick)
        return self._connection

    def _forget(self) -> None:
        """Begin anew with the next one, whatever state a broken connection is in."""
        broken, self._connection = self._connection, None
        if broken is not None:
            with suppress(Exception):
                broken.release()


_bell = _Bell()


def ring(task: str, company_id: int) -> None:
    """Wake a worker by the task's name once the running transaction has committed. Never raises, never waits long."""
    transaction.on_commit(lambda: _bell.ring(task, company_id), robust=True)


def heard(task: str, company_id: int) -> None:
    """A worker begins with what a wake-up called it for: the next one counts again. Never raises, never waits long."""
    _bell.heard(task, company_id)


def ring_for_due(task: str, model: type[WorkRow]) -> int:
    """Ring for every company with due rows: what beat's sweeps do."""
    rows: models.QuerySet[Any] = due(model)
    companies = list(rows.values_list("company_id", flat=True).distinct())
    for company_id in companies:
        ring(task, company_id)
    return len(companies)


def database_now() -> Any:
    """The database's clock: the only one that leases and due times are compared with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
