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

from inbuild.pacing import HeaderPacer, PacedWindow, Wait
from tests.support import paced
from tests.support.emulated import CLIENT_ID, CLIENT_SECRET, COMPANY_ID, ProcoreEmulator
from tests.support.emulator_process import running_emulator
from tests.support.paced import (
    HOUR,
    HOUR_WINDOW,
    Service,
    another_process,
    begin,
    call,
    ended,
    listening,
    seconds,
    tell,
    told,
    worker,
)

pytestmark = pytest.mark.alone


@pytest.fixture
def key() -> str:
    return f"test:{uuid.uuid4().hex}"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


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
    assert 0.95 * 500 <= rate <= 500 + 60 / 9.7  # one call may lie on the edge of what is counted
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
