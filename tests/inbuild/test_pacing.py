"""Limits shared by all workers: real Valkey, real processes, and a service that counts what it had to refuse."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from inbuild import pacing
from inbuild.pacing import HeaderPacer, PacedWindow, Wait
from launcher.servers import ValkeyServer
from tests.support import paced
from tests.support.emulated import CLIENT_ID, CLIENT_SECRET, COMPANY_ID, ProcoreEmulator
from tests.support.emulator_process import running_emulator
from tests.support.paced import Service, begin, call, ended, listening, worker

HOUR = 3600.0
HOUR_WINDOW = 3600


@pytest.fixture
def key() -> str:
    return f"test:{uuid.uuid4().hex}"


@pytest.fixture
def valkey(settings: Any) -> Iterator[ValkeyServer]:
    """A Valkey of the test's own, to be taken away."""
    with ValkeyServer() as server:
        settings.REDIS_URL = server.url
        yield server


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def another_process(key: str) -> None:
    """What this process knows by itself is gone, as in a process that just began."""
    pacing._alone.pop(key, None)


def tell(pacer: HeaderPacer, remaining: int, *, limit: int = 100, seconds: int = 30, status: int = 200) -> None:
    """One call, and an answer with these headers, by a clock that is an hour ahead."""
    with pacer.take() as answered:
        answered(status, told(remaining, limit=limit, seconds=seconds))


def told(remaining: int, *, limit: int = 100, seconds: int = 30, ahead: float = HOUR) -> dict[str, str]:
    now = int(time.time() + ahead)
    return {
        "X-Rate-Limit-Limit": str(limit),
        "X-Rate-Limit-Remaining": str(remaining),
        "X-Rate-Limit-Reset": str(now + seconds),
        "Date": formatdate(now, usegmt=True),
    }


def seconds(pacer: pacing.Pacer, calls: int = 1) -> float:
    return pacer.wait(calls).total_seconds()


# --- Procore: what the answers tell ----------------------------------------------------------------------------------
def test_two_processes_share_what_the_answers_tell(settings: Any, key: str) -> None:
    service = Service({HOUR_WINDOW: 10_000, 3: 12}, latency=0.15)
    with listening(service) as url:
        job = {"kind": "HeaderPacer", "key": key, "url": url, "threads": 8, "seconds": 9, "options": {"urgent": True}}
        with (
            worker(settings.REDIS_URL, who="a", **job) as first,
            worker(settings.REDIS_URL, who="b", **job) as second,
        ):
            begin(first, second)
            ended(first, second)
    assert service.refused() == 0
    assert service.served() >= 3 * 12 * 0.9
    assert min(service.served("a"), service.served("b")) > 0


def test_calls_in_flight_count_as_used(key: str) -> None:
    pacer = HeaderPacer(key, urgent=True)
    tell(pacer, 3)
    with pacer.take(), pacer.take(), pacer.take():
        assert seconds(pacer) > 0
        with pytest.raises(Wait), pacer.take():
            pass
    assert seconds(pacer) > 20  # none of the three was answered, so they count


def test_before_anything_is_known_two_calls_may_be_in_flight(key: str) -> None:
    pacer = HeaderPacer(key, urgent=True)
    with pacer.take(), pacer.take():
        with pytest.raises(Wait) as refused, pacer.take():
            pass
        assert refused.value.wait < timedelta(seconds=1)
    tell(pacer, 50)
    with pacer.take(), pacer.take(), pacer.take():
        assert seconds(pacer) == 0


def test_after_a_window_has_ended_the_next_answer_is_awaited(key: str) -> None:
    pacer = HeaderPacer(key, urgent=True)
    tell(pacer, 0, seconds=1)
    assert 0.8 < seconds(pacer) <= 1
    time.sleep(1.05)
    with pacer.take(), pacer.take():
        assert seconds(pacer) > 0


def test_who_is_not_urgent_leaves_a_reserve(key: str) -> None:
    urgent, patient = HeaderPacer(key, urgent=True), HeaderPacer(key, urgent=False)
    tell(urgent, 21)
    tell(patient, 20)
    assert seconds(urgent) == 0
    assert seconds(patient) > 20
    assert seconds(urgent, calls=20) == 0
    assert seconds(urgent, calls=21) > 20


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_the_smallest_limits_let_everybody_through(key: str, limit: int) -> None:
    patient = HeaderPacer(key, urgent=False)
    tell(patient, limit, limit=limit)
    assert seconds(patient, calls=3) == 0


def test_an_urgent_call_finds_a_place_where_a_backfill_runs(settings: Any, key: str, session: requests.Session) -> None:
    service = Service({4: 10})
    with listening(service) as url:
        job = {"kind": "HeaderPacer", "key": key, "url": url, "threads": 4, "seconds": 9, "options": {"urgent": False}}
        with worker(settings.REDIS_URL, who="backfill", **job) as backfill:
            begin(backfill)
            pacer = HeaderPacer(key, urgent=True)
            window = time.time() // 4
            for _ in range(2):
                window += 1
                time.sleep(window * 4 + 2.5 - time.time())  # all of the window that a backfill may use is used
                started = time.monotonic()
                assert seconds(HeaderPacer(key, urgent=False)) > 0.3
                call(session, pacer, url, "urgent")
                call(session, pacer, url, "urgent")
                assert time.monotonic() - started < 0.6
            ended(backfill)
    assert service.refused() == 0
    assert service.served("urgent") == 4
    assert service.served("backfill") >= 16


def test_a_hidden_window_keeps_its_reserve(key: str) -> None:
    """Answers tell of the nearer window only; calls are counted in the other one all the same."""
    urgent, patient = HeaderPacer(key, urgent=True), HeaderPacer(key, urgent=False)
    tell(urgent, 22, limit=100, seconds=60)
    for remaining in (9, 8, 7):
        tell(urgent, remaining, limit=10, seconds=20)
    assert seconds(patient) > 40
    assert seconds(urgent) == 0


def test_answers_that_overtake_each_other_do_not_give_calls_back(key: str) -> None:
    pacer = HeaderPacer(key, urgent=True)
    now, later = told(1, seconds=30), told(1, seconds=90)
    with pacer.take() as answered:
        answered(200, later)
    with pacer.take() as answered:
        answered(200, later | {"X-Rate-Limit-Remaining": "7"})
    assert seconds(pacer, calls=2) > 80
    tell_late = now | {"X-Rate-Limit-Remaining": "90"}
    with pacer.take() as answered:
        answered(200, tell_late)
    assert seconds(pacer, calls=2) > 80


# --- Procore: asked to be quiet --------------------------------------------------------------------------------------
def test_one_refusal_stops_all_workers(settings: Any, key: str) -> None:
    service = Service({HOUR_WINDOW: 10_000}, latency=0.1)
    with listening(service) as url:
        job = {"kind": "HeaderPacer", "key": key, "url": url, "threads": 4, "seconds": 8, "options": {"urgent": True}}
        with (
            worker(settings.REDIS_URL, who="a", **job) as first,
            worker(settings.REDIS_URL, who="b", **job) as second,
        ):
            begin(first, second)
            time.sleep(1.5)
            service.refuse_once = {"Retry-After": "3"}
            ended(first, second)
    [refused] = [arrival.at for arrival in service.arrivals if arrival.status == 429]
    assert service.arrived(refused - 1, refused) > 10
    assert service.arrived(refused + 0.15, refused + 3) == 0
    for who in ("a", "b"):
        assert service.served(who, since=refused + 3) > 3


@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [
        (429, {"Retry-After": "7"}, 7, 9),
        (503, {"Retry-After": "7"}, 7, 9),
        (429, told(0, seconds=40) | {"Retry-After": "7"}, 7, 9),
        (429, {"Retry-After": formatdate(5000, usegmt=True), "Date": formatdate(4980, usegmt=True)}, 20, 24),
        (429, {"Retry-After": formatdate(time.time() + 900, usegmt=True)}, 5, 7),
        (429, told(0, seconds=40), 40, 46),
        (429, told(3, seconds=40), 40, 46),
        (503, told(3, seconds=2000), 5, 7),
        (503, told(0, seconds=40), 40, 46),
        (429, {}, 5, 7),
        (429, {"Retry-After": "soon", "X-Rate-Limit-Limit": "many", "Date": "today"}, 5, 7),
        (429, {"Retry-After": "99999999"}, HOUR, HOUR),
        (429, told(0, seconds=-500), 1, 3),
        (500, {"Retry-After": "7"}, 0, 0),
        (200, told(0, seconds=40), 40, 40),
        (200, {k: v for k, v in told(0, seconds=40).items() if k != "Date"}, 5, 5),
        (200, told(0, seconds=40, ahead=-HOUR), 40, 40),
    ],
)
def test_how_long_an_answer_asks_to_wait(
    key: str, status: int, headers: dict[str, str], least: float, most: float
) -> None:
    pacer = HeaderPacer(key, urgent=True)
    with pacer.take() as answered:
        answered(status, headers)
    for _ in range(2):
        assert least - 0.1 <= seconds(pacer) <= most
        another_process(key)
        pacer = HeaderPacer(key, urgent=True)


def test_a_clock_that_is_an_hour_off_changes_nothing(key: str, session: requests.Session) -> None:
    for skew in (-HOUR, HOUR):
        service = Service({2: 6}, skew=skew, latency=0.02)
        pacer = HeaderPacer(f"{key}{skew}", urgent=True)
        with listening(service) as url:
            until = time.monotonic() + 5
            threads = [
                threading.Thread(target=paced.keep_calling, args=(pacer, url, "a", until), daemon=True)
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert service.refused() == 0
        assert service.served() >= 9


def test_procores_emulator_refuses_nothing(key: str, tmp_path: Path, session: requests.Session) -> None:
    with running_emulator("procore", tmp_path / "ledger.sqlite", "--seed", "demo") as url:
        emulator = ProcoreEmulator(url)
        body = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        token = session.post(f"{url}/oauth/token", json=body, timeout=10).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Procore-Company-Id": str(COMPANY_ID)}
        emulator.switches(rate_limit={"hourly": 600, "spike": 8})
        statuses: list[int] = []

        def work() -> None:
            until, pacer = time.monotonic() + 12, HeaderPacer(key, urgent=True)
            while time.monotonic() < until:
                try:
                    with pacer.take() as answered:
                        response = requests.get(f"{url}/rest/v1.0/me", headers=headers, timeout=10)
                        answered(response.status_code, response.headers)
                        statuses.append(response.status_code)
                except Wait as refused:
                    time.sleep(min(refused.wait.total_seconds(), max(until - time.monotonic(), 0)))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
    assert len(statuses) >= 12


# --- QuickBooks: evenly spaced ---------------------------------------------------------------------------------------
def test_two_workers_of_eight_threads_use_the_limit_and_are_never_refused(settings: Any, key: str) -> None:
    service = Service({60: 500, 1: 10}, headers=False, latency=0.4)
    with listening(service) as url:
        job = {"kind": "PacedWindow", "key": key, "url": url, "threads": 8, "seconds": 11}
        with (
            worker(settings.REDIS_URL, who="a", **job) as first,
            worker(settings.REDIS_URL, who="b", **job) as second,
        ):
            begin(first, second)
            ended(first, second)
    begun = service.arrivals[0].at + 1  # nothing was remembered, so the second call came a second later
    rate = service.served(since=begun, until=begun + 9.7) * 60 / 9.7
    assert service.refused() == 0
    assert 0.95 * 500 <= rate <= 500
    assert service.most_in_flight <= 8
    assert min(service.served("a"), service.served("b")) > 10


def test_when_quickbooks_is_slow_eight_are_in_flight(settings: Any, key: str) -> None:
    service = Service({60: 500, 1: 10}, headers=False, latency=1.5)
    with listening(service) as url:
        job = {"kind": "PacedWindow", "key": key, "url": url, "threads": 8, "seconds": 5}
        with (
            worker(settings.REDIS_URL, who="a", **job) as first,
            worker(settings.REDIS_URL, who="b", **job) as second,
        ):
            begin(first, second)
            ended(first, second)
    assert service.most_in_flight == 8


def test_a_refusal_pauses_both_workers(settings: Any, key: str) -> None:
    service = Service({60: 500}, headers=False, latency=0.1)
    with listening(service) as url:
        options = {"pause_seconds": 3}
        job = {"kind": "PacedWindow", "key": key, "url": url, "threads": 4, "seconds": 8, "options": options}
        with (
            worker(settings.REDIS_URL, who="a", **job) as first,
            worker(settings.REDIS_URL, who="b", **job) as second,
        ):
            begin(first, second)
            time.sleep(2.5)
            service.refuse_once = {}
            ended(first, second)
    [refused] = [arrival.at for arrival in service.arrivals if arrival.status == 429]
    assert service.arrived(refused - 1, refused) >= 6
    assert service.arrived(refused + 0.05, refused + 3) == 0
    for who in ("a", "b"):
        assert service.served(who, since=refused + 3) > 3


def test_the_pause_after_a_refusal_is_a_minute(key: str) -> None:
    pacer = PacedWindow(key)
    with pacer.take() as answered:
        answered(429, {})
    another_process(key)
    assert 59 < seconds(PacedWindow(key)) <= 60


def test_where_nothing_is_remembered_the_second_call_comes_a_second_later(key: str) -> None:
    pacer = PacedWindow(key)
    for least, most in ((0.9, 1), (0.06, 0.13), (0.06, 0.13)):
        with pacer.take(patience=2):
            assert least < seconds(pacer) <= most


def test_asking_takes_nothing(key: str) -> None:
    for pacer in (PacedWindow(key), HeaderPacer(f"{key}h", urgent=True)):
        assert [seconds(pacer) for _ in range(20)] == [0] * 20


# --- workers and Valkey that go away ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "places"), [("PacedWindow", 3), ("HeaderPacer", 2)])
def test_the_places_of_a_killed_worker_come_back(
    settings: Any, key: str, kind: str, places: int, session: requests.Session
) -> None:
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


def test_in_the_middle_of_work_a_short_window_is_waited_for(key: str) -> None:
    pacer = HeaderPacer(key, urgent=True)
    tell(pacer, 0, seconds=2)
    with pytest.raises(Wait), pacer.take():
        pass
    with pacer.take(patience=3) as answered:
        answered(200, told(0, seconds=600))
    started = time.monotonic()
    with pytest.raises(Wait), pacer.take(patience=3):
        pass
    assert time.monotonic() - started < 0.5  # what patience cannot outlast is not waited for at all


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
