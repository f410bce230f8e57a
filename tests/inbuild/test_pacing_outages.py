"""Pacing while workers are killed and Valkey is killed, frozen, emptied or sets its clock back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from inbuild import pacing
from inbuild.pacing import HeaderPacer, PacedWindow, Wait
from launcher.servers import ValkeyServer
from tests.support.paced import HOUR_WINDOW, Service, begin, ended, listening, seconds, tell, worker

pytestmark = pytest.mark.alone


@pytest.fixture
def key() -> str:
    return f"test:{uuid.uuid4().hex}"


@pytest.fixture
def valkey(settings: Any) -> Iterator[ValkeyServer]:
    """A Valkey of the test's own, to be taken away."""
    with ValkeyServer() as server:
        settings.REDIS_URL = server.url
        yield server


@pytest.mark.parametrize(("kind", "places"), [("PacedWindow", 3), ("HeaderPacer", 2)])
def test_the_places_of_a_killed_worker_come_back(settings: Any, key: str, kind: str, places: int) -> None:
    service = Service({1: 1000}, headers=False, latency=20)
    options: dict[str, Any] = {"hold_seconds": 2.0}
    options |= {"in_flight": places} if kind == "PacedWindow" else {"urgent": True}
    pacer: pacing.Pacer = getattr(pacing, kind)(key, **options)
    with listening(service) as url:
        job = {"kind": kind, "key": key, "url": url, "threads": 4, "seconds": 20, "options": options}
        with worker(settings.REDIS_URL, who="killed", **job) as holder:
            begin(holder)
            # Slots are believed in for two seconds, so they must all be taken within that time.
            wait_for(lambda: len(service.arrivals) >= places)
            holder.kill()
        assert seconds(pacer) > 0
        with pytest.raises(Wait), pacer.take():
            pass
        wait_for(lambda: seconds(pacer) == 0, within=3)


def test_what_a_killed_worker_sent_counts_as_used(key: str) -> None:
    pacer = HeaderPacer(key, urgent=True, hold_seconds=0.5)
    tell(pacer, 2)
    pacer._leave("killed", 0)
    time.sleep(0.6)
    assert seconds(pacer) == 0
    assert seconds(pacer, calls=2) > 20


@pytest.mark.parametrize("kind", ["PacedWindow", "HeaderPacer"])
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_without_valkey_each_process_goes_slowly_and_recovers(
    valkey: ValkeyServer, key: str, kind: str, how: str
) -> None:
    service = Service({HOUR_WINDOW: 100_000}, latency=0.05)
    options = {"per_minute": 1200, "per_second": 20} if kind == "PacedWindow" else {"urgent": True}
    with listening(service) as url:
        job = {"kind": kind, "key": key, "url": url, "threads": 4, "seconds": 10.5, "options": options}
        with worker(valkey.url, who="a", **job) as first, worker(valkey.url, who="b", **job) as second:
            begin(first, second)
            time.sleep(2.2)
            (valkey.kill if how == "killed" else valkey.freeze)()
            gone = time.monotonic()
            time.sleep(4)
            back = time.monotonic()
            (valkey.start if how == "killed" else valkey.thaw)()
            ended(first, second)
    assert service.arrived(gone - 1, gone) >= 8
    for who in ("a", "b"):
        slow = service.served(who, since=gone + 0.2, until=back)
        assert 2 <= slow <= 5
    assert service.arrived(back + 3, back + 4) >= 8


@pytest.mark.parametrize("kind", ["PacedWindow", "HeaderPacer"])
def test_an_emptied_valkey_opens_nothing(valkey: ValkeyServer, key: str, kind: str) -> None:
    service = Service({60: 500, 1: 10}, headers=False, latency=0.1)
    if kind == "HeaderPacer":
        service = Service({2: 10}, latency=0.1)
    options = {} if kind == "PacedWindow" else {"urgent": True}
    with listening(service) as url:
        job = {"kind": kind, "key": key, "url": url, "threads": 6, "seconds": 8, "options": options}
        with worker(valkey.url, who="a", **job) as first, worker(valkey.url, who="b", **job) as second:
            begin(first, second)
            for _ in range(2):
                time.sleep(2.3)
                with Redis.from_url(valkey.url) as client:
                    client.flushall()
            ended(first, second)
    assert service.refused() <= (0 if kind == "PacedWindow" else 2)
    assert service.served() >= 20


def test_a_pause_is_kept_though_valkey_forgets_it(valkey: ValkeyServer, key: str) -> None:
    pacer = PacedWindow(key, pause_seconds=5)
    with pacer.take() as answered:
        answered(429, {})
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    assert seconds(pacer) > 4
    valkey.kill()
    assert seconds(pacer) > 4


def test_without_valkey_work_of_several_calls_comes_to_its_end(valkey: ValkeyServer, key: str) -> None:
    valkey.kill()
    pacer, started = HeaderPacer(key, urgent=True), time.monotonic()
    for _ in range(3):
        with pacer.take(patience=1.5):
            pass
    assert 1.9 < time.monotonic() - started < 3


def test_without_valkey_a_used_up_window_is_waited_for(valkey: ValkeyServer, key: str) -> None:
    valkey.kill()
    pacer = HeaderPacer(key, urgent=True)
    tell(pacer, 0, seconds=30)
    assert seconds(pacer) > 28


def test_a_clock_set_back_in_valkey_stops_nobody(key: str, settings: Any) -> None:
    spaced, heard = PacedWindow(key), HeaderPacer(f"{key}h", urgent=True)
    far = time.time() * 1000 + 9e6
    with Redis.from_url(settings.REDIS_URL) as client:
        for pacer in (spaced, heard):
            client.hset(pacer._keys[0], mapping={"pause": far, "due": far, "known": 1, "w9": f"0 {far} 1 1000 1"})
            client.zadd(pacer._keys[1], {f"call {number}": far for number in range(9)})
        assert seconds(spaced) == seconds(heard) == 0
        with spaced.take(), heard.take():
            pass
        assert 0 < client.pttl(spaced._keys[0]) <= 7_200_000
        assert 0 < client.pttl(heard._keys[0]) <= 7_200_000


def wait_for(true: Any, within: float = 10) -> None:
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)
