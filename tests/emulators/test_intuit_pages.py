"""Web pages and control interface of the Intuit emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.emulators.test_intuit_client import NORTHGATE, Qbo, bill, emulator, fresh, line


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "Northgate Builders, Inc."),
        (f"/company/{NORTHGATE}/vendors", "Keystone Electric Co."),
        (f"/company/{NORTHGATE}/bills", "30 bills"),
        (f"/company/{NORTHGATE}/accounts", "Retention Payable"),
        ("/faults", "Faults"),
        ("/switches", "requestid_replays_failures"),
    ],
)
def test_pages_say_what_they_are(qbo: Qbo, path: str, text: str) -> None:
    page = requests.get(qbo.base + path, timeout=5)
    assert page.status_code == 200
    assert text in page.text
    assert "This is an emulator" in page.text


def test_switches_name_their_section(qbo: Qbo) -> None:
    assert "qbo.md 3.1 [U]" in requests.get(f"{qbo.base}/switches", timeout=5).text


def test_deep_link_shows_the_bill_line_by_line(qbo: Qbo) -> None:
    made = qbo.create_bill(
        DocNumber="P-1", PrivateNote="<b>memo</b>", Line=[line(1234.5, Description="Footings"), line(-34.5)]
    )
    page = requests.get(f"{qbo.base}/app/bill?txnId={made['Id']}", timeout=5)
    assert page.url == f"{qbo.base}/company/{NORTHGATE}/bills/{made['Id']}"
    for text in (
        "Footings",
        "1,234.50",
        "-34.50",
        "1,200.00",
        "&lt;b&gt;memo&lt;/b&gt;",
        "Norton Lumber",
        "bill.created",
    ):
        assert text in page.text
    named = f"{qbo.base}/app/bill?txnId={made['Id']}&deeplinkcompanyid={NORTHGATE}"
    assert requests.get(named, timeout=5).status_code == 200
    assert requests.get(f"{qbo.base}/app/bill?txnId=99999", timeout=5).status_code == 404
    found = requests.get(f"{qbo.base}/company/{NORTHGATE}/bills?search=P-1", timeout=5)
    assert "1 bill, newest first" in found.text


def test_buttons(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="P-2")
    url = f"{qbo.base}/company/{NORTHGATE}/bills/{made['Id']}"
    for action, balance in (("pay_half", 100.0), ("pay_full", 0)):
        requests.post(url, data={"action": action}, timeout=5)
        assert qbo.get(f"bill/{made['Id']}").json()["Bill"]["Balance"] == balance
    copied = requests.post(url, data={"action": "copy"}, timeout=5).url.rpartition("/")[2]
    edit = {
        "action": "edit",
        "doc_number": "P-3",
        "total": "321.09",
        "txn_date": "2026-04-01",
        "due_date": "2026-05-01",
    }
    requests.post(f"{qbo.base}/company/{NORTHGATE}/bills/{copied}", data=edit, timeout=5)
    shown = qbo.get(f"bill/{copied}").json()["Bill"]
    assert (shown["DocNumber"], shown["TotalAmt"], shown["SyncToken"]) == ("P-3", 321.09, "1")
    edit["total"] = "abc"
    assert "not an amount" in requests.post(f"{qbo.base}/company/{NORTHGATE}/bills/{copied}", data=edit, timeout=5).text
    requests.post(url, data={"action": "delete"}, timeout=5)
    assert qbo.get(f"bill/{made['Id']}").status_code == 400


def test_control_interface_behind_the_products_back(qbo: Qbo) -> None:
    start = qbo.control("GET", "events?limit=100000")["events"][-1]["id"]
    typed = qbo.control(
        "POST",
        "bills",
        {
            "realm": NORTHGATE,
            "vendor_id": "47",
            "doc_number": "HAND",
            "lines": [{"amount": "10.00", "account_id": "81"}],
        },
    )
    assert (typed["total"], typed["vendor_name"], typed["request_id"]) == (
        "10.00",
        "Atlas Concrete Contractors, Inc.",
        "",
    )
    changed = qbo.control("PATCH", f"bills/{NORTHGATE}/{typed['id']}", {"total": "12.34", "private_note": "x"})
    assert (changed["total"], changed["sync_token"]) == ("12.34", "1")
    paid = qbo.control("POST", f"bills/{NORTHGATE}/{typed['id']}/pay", {"amount": "2.34"})
    assert paid["balance"] == "10.00"
    assert qbo.control("DELETE", f"bills/{NORTHGATE}/{typed['id']}")["deleted"] is True
    events = qbo.control("GET", f"events?after={start}&subject={NORTHGATE}/Bill/{typed['id']}")["events"]
    kinds = ["bill.created", "bill.updated", "bill.updated", "bill.updated", "bill.deleted"]  # paid, given back
    assert [event["kind"] for event in events] == kinds
    assert events[0]["data"]["by"] == "bookkeeper"
    assert requests.post(f"{qbo.base}/_emulator/bills", json={"realm": NORTHGATE}, timeout=5).status_code == 400
    assert requests.delete(f"{qbo.base}/_emulator/bills/{NORTHGATE}/9", timeout=5).status_code == 404


def test_ledger_and_calls(qbo: Qbo) -> None:
    start = qbo.control("GET", "calls")["last"]
    qbo.post("bill", bill(DocNumber="L-1"), requestid="key-1")
    qbo.post("bill", bill(Foo=1))
    entry = [b for b in qbo.control("GET", f"ledger?realm={NORTHGATE}")["bills"] if b["doc_number"] == "L-1"][0]
    assert (entry["total"], entry["balance"], entry["deleted"], entry["request_id"]) == (
        "200.00",
        "200.00",
        False,
        "key-1",
    )
    assert entry["lines"][0]["account_name"] == "Job Costs - Subcontractors"
    counts = {
        (call["method"], call["template"], call["status"]): call["count"]
        for call in qbo.control("GET", f"calls?after={start}")["calls"]
    }
    assert counts == {("POST", "/v3/company/{realm}/bill", 200): 1, ("POST", "/v3/company/{realm}/bill", 400): 1}
    listed = qbo.control("GET", f"calls/list?after={start}")["calls"]
    assert [call["request_id"] for call in listed] == ["key-1", ""]


def test_switches_refuse_nonsense(qbo: Qbo) -> None:
    for wanted in (
        {"realm": NORTHGATE, "time_scale": 2},
        {"nothing": 1},
        {"requestid": "perhaps"},
        {"latency_ms": "slow"},
        {"multicurrency": "yes"},
    ):
        assert requests.post(f"{qbo.base}/_emulator/switches", json=wanted, timeout=5).status_code == 400
    qbo.switch(realm=NORTHGATE, requestid="ignored")
    assert qbo.control("GET", f"switches/{NORTHGATE}")["requestid"] == "ignored"
    assert qbo.control("GET", "switches")["requestid"] == "honoured"
