"""Work rows: taken once, finished only by whoever still holds them; and a doorbell that never makes anybody wait."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import F
from django.db.models.functions import Now
from redis import Redis

from accounting.models import Bill
from companies.models import Company
from inbuild import queue
from inbuild.models import Turn
from launcher.servers import ValkeyServer
from tests.quickbooks.qbo.test_backend import approved

LEASE = timedelta(seconds=60)


def bills(company: Company, count: int) -> None:
    for number in range(count):
        Bill.objects.create(company=company, invoice=approved(company, f"Q-{number}"), next_at=Now())


@pytest.mark.django_db(transaction=True)
def test_many_workers_take_each_row_once(company: Company) -> None:
    bills(company, 40)
    taken: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        try:
            while rows := queue.take_due(Bill, company.pk, lease=LEASE, limit=3):
                with lock:
                    taken.extend(row.pk for row in rows)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


@pytest.mark.django_db
def test_a_lease_that_ran_out_is_taken_again_and_fences_the_first_taker(company: Company) -> None:
    bills(company, 1)
    [first] = queue.take_due(Bill, company.pk, lease=LEASE)
    assert queue.take_due(Bill, company.pk, lease=LEASE) == []
    Bill.objects.update(lease_until=Now() - timedelta(seconds=1))
    [second] = queue.take_due(Bill, company.pk, lease=LEASE)
    assert queue.mine(first).update(failures=9) == 0
    assert queue.mine(second).update(failures=0) == 1


@pytest.mark.django_db
def test_what_is_not_due_is_left_alone(company: Company, other_company: Company) -> None:
    bills(company, 2)
    assert queue.take_due(Bill, other_company.pk, lease=LEASE) == []
    Bill.objects.update(next_at=Now() + timedelta(minutes=1))
    assert queue.take_due(Bill, company.pk, lease=LEASE) == []
    Bill.objects.update(next_at=None)
    assert queue.take_due(Bill, company.pk, lease=LEASE) == []


class Gone(Exception):
    """The row went on in other hands."""


def worked(company: Company, raised: Exception | None) -> list[str]:
    """One row is worked and ends so; returns the references it was parked under."""
    parked: list[str] = []

    def work(_bill: Bill) -> None:
        if raised is not None:
            raise raised

    def park(_bill: Bill, reference: str) -> None:
        parked.append(reference)

    assert queue.work_one(Bill, company.pk, work, park, lease=LEASE, elsewhere=(Gone,))
    return parked


@pytest.mark.django_db
def test_a_bug_parks_its_row_under_a_reference_and_nothing_else_does(company: Company) -> None:
    bills(company, 3)
    assert worked(company, None) == []
    assert worked(company, Gone("taken over")) == []
    [reference] = worked(company, ValueError("a bug"))
    assert len(reference) == 12
    assert not queue.work_one(Bill, company.pk, lambda _: None, lambda *_: None, lease=LEASE)


@pytest.mark.django_db
def test_where_nothing_can_be_written_the_row_stays_leased_until_its_time(company: Company) -> None:
    bills(company, 1)
    with pytest.raises(OperationalError):
        worked(company, OperationalError("the database is gone"))
    assert queue.take_due(Bill, company.pk, lease=LEASE) == []
    Bill.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert len(queue.take_due(Bill, company.pk, lease=LEASE)) == 1


@pytest.mark.django_db
def test_a_turn_of_several_seats_has_room_for_so_many(company: Company) -> None:
    with queue.turn("t", company.pk, seats=2) as first, queue.turn("t", company.pk, seats=2) as second:
        assert first is not None
        assert second is not None
        with queue.turn("t", company.pk, seats=2) as third:
            assert third is None
    with queue.turn("t", company.pk, seats=2) as again:
        assert again is not None


@pytest.mark.django_db
def test_one_turn_at_a_time_and_a_turn_ends(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(queue, "ring", lambda task, company_id: rung.append(task))
    with queue.turn("t", 1) as renew:
        assert renew is not None
        with queue.turn("t", 1) as other:
            assert other is None
        with queue.turn("t", 2) as elsewhere:
            assert elsewhere is not None
    left = [100]

    def work_one() -> bool:
        left[0] -= 1
        return left[0] >= 0

    done = queue.drain("t", 1, work_one, anything_due=lambda: left[0] > 0)
    assert (done, rung) == (queue.TURN_ROWS, ["t"])


@pytest.mark.django_db
def test_a_crashed_turn_is_free_again_after_its_lease(company: Company) -> None:
    with queue.turn("t", 1):
        Turn.objects.update(holder=None, lease_until=Now() - timedelta(seconds=1))
        with queue.turn("t", 1) as renew:
            assert renew is not None


def test_without_redis_the_bell_is_silent_and_quick(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    bell = queue._Bell()
    monkeypatch.setattr("inbuild.queue.settings.REDIS_URL", "redis://127.0.0.1:9/0")
    started = time.monotonic()
    for _ in range(100):
        bell.ring("accounting.post_due", 1)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_the_bell_rings_again_a_moment_after_redis_is_back(settings: Any, how: str) -> None:
    with ValkeyServer() as valkey:
        settings.REDIS_URL = valkey.url
        bell = queue._Bell()
        _ring_from_many_threads(bell)
        assert _rung(valkey)
        (valkey.kill if how == "killed" else valkey.freeze)()
        assert _ring_from_many_threads(bell) < 2
        (valkey.start if how == "killed" else valkey.thaw)()
        with Redis.from_url(valkey.url) as client:
            client.flushall()
        until = time.monotonic() + 4
        while not _rung(valkey) and time.monotonic() < until:
            bell.ring("accounting.post_due", 1)
            time.sleep(0.05)
        assert _rung(valkey)


def test_a_flood_of_work_is_one_message_until_a_worker_begins(settings: Any) -> None:
    with ValkeyServer() as valkey:
        settings.REDIS_URL = valkey.url
        web, worker = queue._Bell(), queue._Bell()
        _ring_from_many_threads(web)
        assert _rung(valkey) == 1
        web.ring("accounting.post_due", 2)
        web.ring("procore_sync.import_due", 1)
        assert _rung(valkey) == 3
        worker.heard("accounting.post_due", 1)
        web.ring("accounting.post_due", 1)
        worker.ring("accounting.post_due", 1)
        assert _rung(valkey) == 4


def test_a_message_that_was_lost_hinders_the_next_for_a_moment_only(settings: Any) -> None:
    with ValkeyServer() as valkey:
        settings.REDIS_URL = valkey.url
        bell = queue._Bell()
        bell.ring("accounting.post_due", 1)
        with Redis.from_url(valkey.url) as client:
            client.delete("celery")
        until = time.monotonic() + queue._Bell.UNHEARD + 1
        while not _rung(valkey) and time.monotonic() < until:
            bell.ring("accounting.post_due", 1)
            time.sleep(0.05)
        assert _rung(valkey) == 1


def _ring_from_many_threads(bell: queue._Bell) -> float:
    """Seconds that the slowest of 400 took."""

    def ring(_: int) -> float:
        started = time.monotonic()
        bell.ring("accounting.post_due", 1)
        return time.monotonic() - started

    with ThreadPoolExecutor(8) as threads:
        return max(threads.map(ring, range(400)))


def _rung(valkey: ValkeyServer) -> int:
    with Redis.from_url(valkey.url) as client:
        return int(client.llen("celery"))


def test_backoff_grows_to_a_quarter_of_an_hour() -> None:
    waits = [queue.backoff(failures).total_seconds() for failures in range(12)]
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == 900
    assert queue.backoff(10**6).total_seconds() == 900


@pytest.mark.django_db
def test_the_fence_rises_with_every_taking(company: Company) -> None:
    bills(company, 1)
    for expected in (1, 2, 3):
        [row] = queue.take_due(Bill, company.pk, lease=LEASE)
        assert row.attempt == expected
        Bill.objects.update(lease_until=None, failures=F("failures"))
