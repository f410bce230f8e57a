"""Does the background work go on? Beat, the workers and Redis are heard of in PostgreSQL, and missed within a minute.

A process that is alive proves little: what counts is that work which is due finds somebody. So beat writes when it
rings, each worker writes every few seconds, the ring writes when it has arrived, and a turn writes when it gets on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog
from django.apps import apps
from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models import Max, Min, QuerySet
from django.db.models.functions import Now

from inbuild.models import Pulse, Turn
from inbuild.queue import WorkRow, database_now, due

log = structlog.get_logger("inbuild.pulse")

BEAT, RING, WORKER = "beat", "ring", "worker:"
BEATS_EVERY = 10.0  # seconds, of a worker
LATE = timedelta(seconds=40)  # looked at every few seconds, a standstill is known within a minute
GONE = timedelta(minutes=15)  # a worker that was not heard of for so long was taken away
NEVER = datetime.min.replace(tzinfo=UTC)
STOOD_STILL = (
    "inBuild's background work stands still. Nothing is lost: approvals and bills wait, and go on by themselves once "
    "it runs again. Tell whoever runs inBuild for you."
)


@dataclass(frozen=True, slots=True)
class Standstill:
    """Something that should be heard of every few seconds and is not; `since` null: it never was."""

    what: str
    words: str
    since: datetime | None = None


def beat(name: str) -> None:
    """Was heard of now. Raises what the database raises."""
    Pulse.objects.bulk_create(
        [Pulse(name=name, at=Now())], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
    )


def gone(name: str) -> None:
    """Was taken away on purpose: nobody shall miss it."""
    Pulse.objects.filter(name=name).delete()


class Heart:
    """Beats for one process until it is stopped; where the database is away, it beats again once it is back."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=BEATS_EVERY)
        with suppress(Error):
            gone(self.name)

    def _run(self) -> None:
        while True:
            try:
                close_old_connections()
                beat(self.name)
            except Error as error:
                log.warning("the heart could not write", name=self.name, error=type(error).__name__)
            if self._over.wait(BEATS_EVERY):
                connection.close()
                return


def standstills(company_id: int | None = None) -> list[Standstill]:
    """What stands still now, the cause first; of the work only one company's, where one is given."""
    now, heard = database_now(), _heard()
    found = [*_processes(now, heard), *_untaken(now, company_id)]
    if found and not _redis_answers():
        found.insert(0, Standstill("redis", "Redis does not answer: wake-ups do not reach the workers."))
    return found


def stands_still_since() -> datetime | None:
    """For the line on every page: since when nothing was done though it should. One query; null while all goes on."""
    heard = _heard()
    if BEAT not in heard or RING not in heard:
        return None  # never ran here, and who set it up is told by /progressz
    oldest = min(heard[BEAT], _last_done(heard))
    return oldest if oldest < heard["now"] - LATE else None


def _heard() -> dict[str, Any]:
    """Every pulse, with the moment of asking and when a turn last got on, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, at FROM inbuild_pulse UNION ALL SELECT 'now', clock_timestamp() "
            "UNION ALL SELECT 'turn', max(seen_at) FROM inbuild_turn"
        )
        return dict(cursor.fetchall())


def _last_done(heard: dict[str, Any]) -> datetime:
    """A flood may keep beat's ring in the line for long; what is worked meanwhile shows that the line moves."""
    ring: datetime = heard[RING]
    turn: datetime | None = heard["turn"]
    return max(ring, turn) if turn else ring


def _processes(now: datetime, heard: dict[str, Any]) -> Iterator[Standstill]:
    if (at := heard.get(BEAT)) is None or at < now - LATE:
        yield Standstill("beat", "The clock that wakes the workers is silent (beat).", at)
    workers = {name: at for name, at in heard.items() if name.startswith(WORKER)}
    alive = [name for name, at in workers.items() if at >= now - LATE]
    for at in sorted(workers.values()):
        if now - GONE < at < now - LATE or (not alive and at < now - LATE):
            yield Standstill("worker", "One of the workers is not heard of.", at)
    if not workers:
        yield Standstill("worker", "No worker runs.")
    if RING not in heard:
        yield Standstill("ring", "No worker has ever heard that clock.")
    elif (last := _last_done(heard)) < now - LATE:
        yield Standstill("ring", "The workers do not hear that clock.", last)


def _untaken(now: datetime, company_id: int | None) -> Iterator[Standstill]:
    """Work that is due, while no worker comes to that company's work at all: since when the oldest of it waits."""
    seen = dict(Turn.objects.values_list("company_id").annotate(Max("seen_at")).order_by())
    missed = [oldest for whose, oldest in _late(company_id) if (seen.get(whose) or NEVER) < now - LATE]
    if missed:
        yield Standstill("work", "Work is due and nobody comes to it.", min(missed))


def waits_since(company_id: int) -> datetime | None:
    """Since when the oldest of one company's due work waits; null where nothing is late."""
    return min((oldest for _, oldest in _late(company_id)), default=None)


def _late(company_id: int | None = None) -> QuerySet[Any, Any]:
    """Since when each company's oldest work of a kind waits, where that is long. One query for all kinds of work."""
    kinds: list[QuerySet[Any, Any]] = []
    for model in (model for model in apps.get_models() if issubclass(model, WorkRow)):
        rows: QuerySet[Any, Any] = due(model, company_id).filter(next_at__lt=Now() - LATE).order_by()
        kinds.append(rows.values_list("company_id").annotate(Min("next_at")))
    return kinds[0].union(*kinds[1:], all=True)


def _redis_answers() -> bool:
    quick = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(quick.ping())
    except redis.RedisError:
        return False
    finally:
        quick.close()
