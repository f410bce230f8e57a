"""Limits, latency and counters of the Intuit emulator, with several companies at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.emulators.test_intuit_client import APP, NORTHGATE, REDIRECT, RIDGELINE, Qbo, bill, emulator, error_of


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator("--seed", "many", "--limits", "off") as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    requests.post(f"{base}/_emulator/reset", json={"seed": "many"}, timeout=30)
    return Qbo(base)


def connected(base: str, realm: str) -> Qbo:
    return Qbo(base, realm)


def at_once(jobs: list[Callable[[], object]]) -> float:
    """Run everything in threads; answer how long it took."""
    started = time.monotonic()
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - started


def realms_of(qbo: Qbo) -> list[str]:
    return [entry["realm"] for entry in qbo.control("GET", "realms")["realms"]]


def test_six_companies_each_with_its_own_books(qbo: Qbo) -> None:
    realms = realms_of(qbo)
    assert len(realms) == 6
    page = requests.get(
        f"{qbo.base}/connect/oauth2",
        params={"client_id": APP[0], "redirect_uri": REDIRECT, "scope": "openid", "state": "s"},
        timeout=5,
    )
    assert all(realm in page.text for realm in realms)
    for realm in realms:
        own = connected(qbo.base, realm)
        made = own.post("bill", bill(DocNumber=f"N-{realm[-1]}", VendorRef={"value": "47"}), requestid="same-key")
        assert made.status_code == 200, made.text
    for realm in realms:
        numbers = [b["doc_number"] for b in qbo.control("GET", f"ledger?realm={realm}")["bills"]]
        assert [number for number in numbers if number.startswith("N-")] == [f"N-{realm[-1]}"]


def test_more_companies_on_demand(qbo: Qbo) -> None:
    made = qbo.control("POST", "realms", {"name": "Tiny Builders"})
    own = connected(qbo.base, made["realm"])
    assert own.get(f"companyinfo/{made['realm']}").json()["CompanyInfo"]["CompanyName"] == "Tiny Builders"
    assert own.create_bill()["TotalAmt"] == 200.0
    tokens = qbo.control("POST", "connect", {"realm": made["realm"]})
    own.tokens = tokens
    assert own.get("preferences").status_code == 200
    assert len(requests.post(f"{qbo.base}/_emulator/reset", json={"companies": 9}, timeout=30).json()["realms"]) == 9


def test_latency_per_kind_blocks_nobody_else(qbo: Qbo) -> None:
    qbo.switch(latency_by_kind="bill.create=500 *.query=200-250 upload=5")
    others = [connected(qbo.base, realm) for realm in realms_of(qbo)[:5]]
    body = bill(VendorRef={"value": "47"})
    assert 0.5 <= at_once([lambda own=own: own.post("bill", body) for own in others]) < 1.5  # type: ignore[misc]
    started = time.monotonic()
    qbo.query("SELECT COUNT(*) FROM Bill")
    assert 0.2 <= time.monotonic() - started < 0.5
    started = time.monotonic()
    assert qbo.post("vendor", {"DisplayName": "Quick"}).status_code == 200
    assert time.monotonic() - started < 0.2
    qbo.switch(realm=NORTHGATE, latency_by_kind="*=0")
    started = time.monotonic()
    qbo.create_bill()
    assert time.monotonic() - started < 0.3


def test_at_most_so_many_at_the_same_time(qbo: Qbo) -> None:
    qbo.switch(limits="documented", max_in_flight=4, latency_by_kind="bill.create=600")
    statuses: list[int] = []

    def send() -> None:
        own = requests.post(
            f"{qbo.base}/v3/company/{NORTHGATE}/bill",
            json=bill(),
            headers={"Authorization": f"Bearer {qbo.tokens['access_token']}"},
            timeout=10,
        )
        statuses.append(own.status_code)

    at_once([send] * 9)
    assert sorted(statuses) == [200] * 4 + [429] * 5
    traffic = qbo.control("GET", "calls")["realms"][NORTHGATE]
    assert traffic["refused_by"] == {"in_flight": 5}
    assert (traffic["most_in_flight"], traffic["in_flight"]) == (4, 0)
    time.sleep(1.05)
    qbo.switch(max_in_flight=0)
    statuses.clear()
    at_once([send] * 9)
    assert statuses == [200] * 9


def test_counters_per_company_and_kind(qbo: Qbo) -> None:
    start = qbo.control("GET", "calls")["last"]
    other = connected(qbo.base, RIDGELINE)
    made = qbo.create_bill()
    qbo.post("bill", bill(Id=made["Id"], SyncToken="0"))
    qbo.post("bill", {"Id": made["Id"], "SyncToken": "1"}, operation="delete")
    qbo.query("SELECT * FROM Vendor")
    qbo.get("cdc", entities="Bill", changedSince=made["MetaData"]["CreateTime"])
    other.get("preferences")
    counted = qbo.control("GET", f"calls?after={start}")["realms"]
    assert counted[NORTHGATE]["kinds"] == {
        "bill.create": 1,
        "bill.delete": 1,
        "bill.update": 1,
        "cdc": 1,
        "vendor.query": 1,
    }
    assert counted[RIDGELINE]["kinds"] == {"preferences.read": 1}
    assert counted[NORTHGATE]["throttled"] == 0


def test_429s_are_counted_per_company(qbo: Qbo) -> None:
    qbo.switch(limits="documented")
    other = connected(qbo.base, RIDGELINE)
    start = qbo.control("GET", "calls")["last"]
    refused = [qbo.get("preferences").status_code for _ in range(16)].count(429)
    assert other.get("preferences").status_code == 200
    counted = qbo.control("GET", f"calls?after={start}")["realms"]
    assert refused > 0
    assert counted[NORTHGATE]["throttled"] == counted[NORTHGATE]["refused_by"]["second"] == refused
    assert counted[RIDGELINE]["throttled"] == 0


def test_cdc_has_a_most(qbo: Qbo) -> None:
    first = qbo.create_bill(DocNumber="1")
    for number in range(4):
        qbo.create_bill(DocNumber=str(number))
    qbo.switch(cdc_most=3)
    since = first["MetaData"]["CreateTime"]
    parts = qbo.get("cdc", entities="Bill,Vendor", changedSince=since).json()["CDCResponse"][0]["QueryResponse"]
    assert len(parts[0]["Bill"]) == 3
    assert error_of(qbo.get("cdc", entities="Nothing", changedSince=since))[1] == "2170"
