"""Faults before, while and after the Intuit emulator commits, for every kind of write; judged by its ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.emulators.test_intuit_client import NORTHGATE, Qbo, bill, emulator, error_of, fresh, line
from tests.emulators.test_intuit_reading import upload

Write = Callable[[Qbo], requests.Response]
BEFORE = ["500", "503_html", "429", "429_retry_after", "garbage", "html_200", "fault_200", "401", "drop", "reset"]
AFTER = [
    *("500_after_commit", "503_html_after_commit", "429_after_commit", "garbage_after_commit", "html_200_after_commit"),
    *("fault_200_after_commit", "drop_after_commit", "reset_after_commit", "truncated"),
]
LATE = ["500_late_commit", "503_html_late_commit", "garbage_late_commit", "drop_late_commit", "reset_late_commit"]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def state(qbo: Qbo) -> tuple[Any, ...]:
    """What the books hold that a write of these tests could change."""
    found = qbo.control("GET", f"ledger?realm={NORTHGATE}")
    mine = [entry for entry in found["bills"] if entry["created_by"] == "api"]
    credits = [entry["doc_number"] for entry in found["vendor_credits"] if entry["created_by"] == "api"]
    vendors = [entry["display_name"] for entry in found["vendors"] if entry["created_by"] == "api"]
    bills = [(b["doc_number"], b["total"], b["deleted"], len(b["attachments"]), b["balance"]) for b in mine]
    return bills, credits, vendors


def writes(made: dict[str, Any]) -> dict[str, Write]:
    target = {"Id": made["Id"], "SyncToken": "0"}
    pay = {
        "VendorRef": {"value": "46"},
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": "1"}},
        "TotalAmt": 5,
        "Line": [{"Amount": 5, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Bill"}]}],
    }
    return {
        "create": lambda qbo: qbo.post("bill", bill(DocNumber="NEW"), requestid="k"),
        "update": lambda qbo: qbo.post("bill", bill(**target, DocNumber="OLD", Line=[line(7)]), requestid="k"),
        "delete": lambda qbo: qbo.post("bill", target, operation="delete", requestid="k"),
        "credit": lambda qbo: qbo.post("vendorcredit", bill(DocNumber="VC"), requestid="k"),
        "vendor": lambda qbo: qbo.post("vendor", {"DisplayName": "New One"}, requestid="k"),
        "payment": lambda qbo: qbo.post("billpayment", pay, requestid="k"),
        "upload": lambda qbo: upload(qbo, "a.pdf", b"x", made["Id"], requestid="k"),
    }


KINDS = ["create", "update", "delete", "credit", "vendor", "payment", "upload"]


def tried(qbo: Qbo, write: Write) -> bool:
    """Send it; whether the answer was a good one."""
    try:
        answer = write(qbo)
        return answer.status_code == 200 and "Fault" not in answer.json()
    except (requests.RequestException, ValueError):
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_before_nothing_and_after_everything_is_there(qbo: Qbo, kind: str) -> None:
    for name in (*BEFORE, *AFTER):
        requests.post(f"{qbo.base}/_emulator/reset", json={"seed": "demo"}, timeout=20)
        qbo.tokens = qbo.exchange(qbo.consent()["code"])
        qbo.switch(requestid_on_upload="honoured")
        made = qbo.create_bill(DocNumber="OLD")
        write, before = writes(made)[kind], state(qbo)
        qbo.fault(name, "/v3/company/")
        assert not tried(qbo, write), name
        assert (state(qbo) == before) is (name in BEFORE), name
        done = state(qbo)
        assert tried(qbo, write), f"{name}: the repeat under the same key"
        if name in AFTER:
            assert state(qbo) == done, name
        assert qbo.control("GET", "hits")["hits"] == {name: 1}


@pytest.mark.parametrize("name", LATE)
def test_the_commit_comes_after_the_answer(qbo: Qbo, name: str) -> None:
    qbo.switch(time_scale=100)
    qbo.fault(name, seconds=60)
    assert not tried(qbo, writes({"Id": "1"})["create"])
    assert "NEW" not in qbo.bill_numbers()
    assert qbo.query("SELECT * FROM Bill WHERE DocNumber = 'NEW'") == {}
    deadline = time.monotonic() + 5
    while not qbo.control("GET", "hits")["late_commits"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert qbo.bill_numbers().count("NEW") == 1
    answer = qbo.post("bill", bill(DocNumber="NEW"), requestid="k")
    assert answer.status_code == 200
    assert qbo.bill_numbers().count("NEW") == 1
    assert qbo.control("GET", "hits") == {"hits": {name: 1}, "late_commits": 1}


@pytest.mark.parametrize(("requestid", "bills"), [("honoured", 1), ("ignored", 2)])
def test_a_repeat_sent_before_the_late_commit(qbo: Qbo, requestid: str, bills: int) -> None:
    qbo.switch(requestid=requestid)
    qbo.fault("drop_late_commit", seconds=0.6)
    write = writes({"Id": "1"})["create"]
    assert not tried(qbo, write)
    assert tried(qbo, write)
    time.sleep(0.9)
    assert qbo.bill_numbers().count("NEW") == bills


def test_rules_by_body_and_after_some_good_ones(qbo: Qbo) -> None:
    rule = {"match": {"method": "POST", "path": "/bill", "body": '"DocNumber": ?"B-'}, "fault": "500", "skip": 1}
    qbo.control("POST", "faults", {**rule, "times": 1})
    statuses = [qbo.post("bill", bill(DocNumber=number)).status_code for number in ("A-1", "B-1", "B-2", "B-3")]
    assert statuses == [200, 200, 500, 200]
    shown = qbo.control("GET", "faults")["faults"][0]
    assert (shown["seen"], shown["hits"], shown["remaining"]) == (2, 1, 0)
    answer = requests.post(f"{qbo.base}/_emulator/faults", json={"fault": "500", "match": {"body": "("}}, timeout=5)
    assert answer.status_code == 400


def test_stored_refusals_may_be_replayed(qbo: Qbo) -> None:
    qbo.switch(requestid_replays_failures=True)
    assert error_of(qbo.post("bill", bill(VendorRef={"value": "9999"}), requestid="r"))[1] == "2500"
    assert error_of(qbo.post("bill", bill(), requestid="r"))[1] == "2500"
    assert qbo.post("bill", bill(), requestid="r2").status_code == 200


@pytest.mark.parametrize(("switch", "status"), [("json", 429), ("html", 429)])
def test_throttle_bodies(qbo: Qbo, switch: str, status: int) -> None:
    qbo.switch(throttle_body=switch, retry_after_seconds=60)
    qbo.fault("429")
    answer = qbo.post("bill", bill())
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "60")
    assert answer.text.startswith("<html>") is (switch == "html")
