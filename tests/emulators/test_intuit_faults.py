"""Repeats, limits and faults of the Intuit emulator."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulators.test_intuit_client import NORTHGATE, Qbo, bill, emulator, error_of, fresh


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def test_a_repeated_requestid_gets_the_stored_answer(qbo: Qbo) -> None:
    first = qbo.post("bill", bill(DocNumber="R-1"), requestid="one")
    qbo.control("POST", f"bills/{NORTHGATE}/{first.json()['Bill']['Id']}/pay", {})
    second = qbo.post("bill", bill(DocNumber="R-1"), requestid="one")
    assert second.text == first.text
    assert qbo.bill_numbers().count("R-1") == 1
    assert [e for e in qbo.control("GET", "ledger")["bills"] if e["doc_number"] == "R-1"][0]["request_id"] == "one"
    made = first.json()["Bill"]
    target = {"Id": made["Id"], "SyncToken": "1"}
    assert qbo.control("DELETE", f"bills/{NORTHGATE}/{made['Id']}")["deleted"] is True
    assert error_of(qbo.post("bill", target, operation="delete", requestid="two"))[1] == "610"
    assert qbo.post("bill", bill(), requestid="x" * 50).status_code == 200
    assert error_of(qbo.post("bill", bill(), requestid="x" * 51))[1] == "2050"


def test_requestid_ignored(qbo: Qbo) -> None:
    qbo.switch(requestid="ignored")
    for _ in range(2):
        qbo.post("bill", bill(DocNumber="R-2"), requestid="one")
    assert qbo.bill_numbers().count("R-2") == 2


def test_requestid_is_per_company_and_may_have_a_lifetime(qbo: Qbo) -> None:
    other = Qbo(qbo.base, "9130350000000002")
    body = bill(DocNumber="R-3", VendorRef={"value": "47"})
    qbo.post("bill", body, requestid="same")
    other.post("bill", body, requestid="same")
    assert other.bill_numbers().count("R-3") == 1
    qbo.switch(requestid_lifetime_seconds=60)
    qbo.control("POST", "clock", {"offset_seconds": 61})
    qbo.post("bill", body, requestid="same")
    assert qbo.bill_numbers().count("R-3") == 2


def test_failures_are_replayed_only_if_asked(qbo: Qbo) -> None:
    for replays in (False, True):
        qbo.switch(requestid_replays_failures=replays, book_close_date="2026-12-31")
        key = f"failed-{replays}"
        assert error_of(qbo.post("bill", bill(), requestid=key))[1] == "6210"
        qbo.switch(book_close_date="")
        assert qbo.post("bill", bill(), requestid=key).status_code == (400 if replays else 200)


def test_a_changed_body_under_the_same_requestid(qbo: Qbo) -> None:
    first = qbo.post("bill", bill(DocNumber="R-4"), requestid="k")
    assert qbo.post("bill", bill(DocNumber="R-5"), requestid="k").text == first.text
    qbo.switch(requestid_changed_body="fault_600")
    assert error_of(qbo.post("bill", bill(DocNumber="R-5"), requestid="k"))[1] == "600"


def test_the_same_requestid_at_the_same_moment(qbo: Qbo) -> None:
    texts: list[str] = []

    def send() -> None:
        headers = {"Authorization": f"Bearer {qbo.tokens['access_token']}"}
        url = f"{qbo.base}/v3/company/{NORTHGATE}/bill?requestid=race"
        texts.append(requests.post(url, json=bill(DocNumber="RACE"), headers=headers, timeout=10).text)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(texts)) == 1
    assert qbo.bill_numbers().count("RACE") == 1


def test_ten_a_second(qbo: Qbo) -> None:
    qbo.switch(limits="documented", retry_after_seconds=0)
    refused: list[Any] = []
    for _ in range(20):  # until the machine was quick enough to ask fourteen times within a second
        answers = [qbo.get("preferences") for _ in range(14)]
        refused = [answer for answer in answers if answer.status_code == 429]
        if refused:
            break
    assert refused
    error = refused[0].json()["Fault"]["Error"][0]
    assert (error["code"], refused[0].json()["Fault"]["type"]) == ("3001", "SERVICE")
    assert error["Message"] == "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    assert "Retry-After" not in refused[0].headers
    time.sleep(1.05)
    assert qbo.get("preferences").status_code == 200
    assert qbo.control("GET", "calls")["throttled"] >= len(refused)


def test_forty_batches_a_minute(qbo: Qbo) -> None:
    body = {"BatchItemRequest": [{"bId": "1", "Query": "SELECT COUNT(*) FROM Bill"}]}
    qbo.switch(limits="documented")
    statuses = []
    for _ in range(5):
        statuses += [qbo.post("batch", body).status_code for _ in range(9)]
        time.sleep(0.95)
    assert statuses.count(429) >= 5


def test_monthly_quota(qbo: Qbo) -> None:
    used = sum(1 for _ in range(3) if qbo.get("preferences").status_code == 200)
    assert used == 3
    qbo.control("POST", "clock", {"offset_seconds": 0})
    qbo.switch(coreplus_monthly_quota=2)
    assert [qbo.get("preferences").status_code for _ in range(3)] == [200, 200, 429]
    assert qbo.post("bill", bill()).status_code == 200  # writes are not metered


BEFORE = [
    ("500", 500, "10000"),
    ("401", 401, "3200"),
    ("401_always", 401, "3200"),
    ("403", 403, "3100"),
    ("429", 429, "3001"),
    ("429_retry_after", 429, "3001"),
    ("fault_200", 200, "6000"),
]


@pytest.mark.parametrize(("name", "status", "code"), BEFORE)
def test_faults_before_the_handler_change_nothing(qbo: Qbo, name: str, status: int, code: str) -> None:
    qbo.fault(name, seconds=7)
    answer = qbo.post("bill", bill(DocNumber="F-1"))
    assert answer.status_code == status
    body: dict[str, Any] = answer.json()
    error = (body.get("Fault") or {"Error": body.get("fault", {}).get("error", [])})["Error"][0]
    assert error["code"] == code
    assert answer.headers.get("Retry-After") == ("7" if name == "429_retry_after" else None)
    assert answer.headers["intuit_tid"]
    assert "F-1" not in qbo.bill_numbers()
    assert qbo.post("bill", bill(DocNumber="F-1")).status_code == 200


def test_answers_that_are_not_json(qbo: Qbo) -> None:
    for name, status in (("garbage", 200), ("503_html", 503), ("garbage_after_commit", 200)):
        qbo.fault(name)
        answer = qbo.post("bill", bill(DocNumber=name))
        assert answer.status_code == status
        with pytest.raises(ValueError):
            answer.json()
    assert [name for name in qbo.bill_numbers() if not name.isdigit()] == ["garbage_after_commit"]
    qbo.fault("redirect")
    assert qbo.call("POST", "bill", json=bill(), allow_redirects=False).status_code == 302


def test_500_after_commit(qbo: Qbo) -> None:
    qbo.fault("500_after_commit")
    answer = qbo.post("bill", bill(DocNumber="AFTER"), requestid="after")
    assert (answer.status_code, qbo.bill_numbers().count("AFTER")) == (500, 1)
    assert qbo.post("bill", bill(DocNumber="AFTER"), requestid="after").status_code == 200
    assert qbo.bill_numbers().count("AFTER") == 1


@pytest.mark.parametrize(
    ("name", "committed"),
    [("drop", 0), ("drop_after_commit", 1), ("truncated", 1), ("hang", 0), ("hang_after_commit", 1)],
)
def test_lost_answers(qbo: Qbo, name: str, committed: int) -> None:
    qbo.fault(name, seconds=1)
    with pytest.raises(requests.RequestException):
        answer = qbo.call("POST", "bill", json=bill(DocNumber="LOST"), timeout=0.4)
        answer.json()
    assert qbo.bill_numbers().count("LOST") == committed


def test_late_commit(qbo: Qbo) -> None:
    qbo.fault("late_commit", seconds=0.8)
    with pytest.raises(requests.ReadTimeout):
        qbo.call("POST", "bill", json=bill(DocNumber="LATE"), params={"requestid": "late"}, timeout=0.3)
    assert qbo.query("SELECT * FROM Bill WHERE DocNumber = 'LATE'") == {}
    time.sleep(0.8)
    assert qbo.query("SELECT * FROM Bill WHERE DocNumber = 'LATE'")["totalCount"] == 1
    assert qbo.post("bill", bill(DocNumber="LATE"), requestid="late").status_code == 200
    assert qbo.bill_numbers().count("LATE") == 1


def test_slow_drip_and_latency(qbo: Qbo) -> None:
    qbo.fault("slow_drip", seconds=0.4)
    started = time.monotonic()
    assert qbo.post("bill", bill()).json()["Bill"]
    assert time.monotonic() - started >= 0.35
    qbo.switch(latency_ms=200)
    started = time.monotonic()
    qbo.post("bill", bill())
    assert time.monotonic() - started >= 0.2
    started = time.monotonic()
    qbo.get("preferences")
    assert time.monotonic() - started < 0.15


def test_stale_reads(qbo: Qbo) -> None:
    old = qbo.query("SELECT * FROM Bill WHERE Balance > '0' MAXRESULTS 1")["Bill"][0]
    qbo.control("POST", f"bills/{NORTHGATE}/{old['Id']}/pay", {})
    qbo.create_bill(DocNumber="STALE")
    for path in ("/query", "/bill/"):
        qbo.fault("stale_read", path, "GET", seconds=30)
    assert qbo.query("SELECT * FROM Bill WHERE DocNumber = 'STALE'") == {}
    assert qbo.get(f"bill/{old['Id']}").json()["Bill"]["Balance"] == old["Balance"]
    assert qbo.query("SELECT * FROM Bill WHERE DocNumber = 'STALE'")["totalCount"] == 1


def test_probability_and_counters(qbo: Qbo) -> None:
    qbo.control("DELETE", "faults")
    body = {"match": {"method": "GET", "path": "/preferences"}, "fault": "500", "probability": 0.5, "times": None}
    qbo.control("POST", "faults", body)
    failures = sum(1 for _ in range(40) if qbo.get("preferences").status_code == 500)
    assert 5 < failures < 35
    rule = qbo.control("GET", "faults")["faults"][0]
    assert (rule["seen"], rule["hits"]) == (40, failures)
    assert qbo.control("DELETE", "faults")["removed"] == 1
