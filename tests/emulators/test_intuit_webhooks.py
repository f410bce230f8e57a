"""Webhooks of the Intuit emulator: every change, both formats, and the weather they come through."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.emulators.test_intuit_client import NORTHGATE, RIDGELINE, Qbo, bill, emulator, fresh


class Receiver(ThreadingHTTPServer):
    """Takes webhooks and answers with the statuses it was given, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.taken: queue.Queue[tuple[str | None, bytes]] = queue.Queue()
        self.statuses: list[int] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def events(self) -> list[dict[str, Any]]:
        return list(json.loads(self.taken.get(timeout=5)[1]))


class Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.put((self.headers.get("intuit-signature"), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()


@pytest.fixture
def qbo(base: str, receiver: Receiver) -> Iterator[Qbo]:
    made = fresh(base)
    made.control("POST", "webhooks", {"url": receiver.url, "verifier_token": "v-1"})
    yield made
    made.control("DELETE", "webhooks")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def collected(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found += receiver.events()
    return found


def test_destination_and_token_in_both_formats(qbo: Qbo, receiver: Receiver) -> None:
    for style in ("legacy", "cloudevents"):
        qbo.control("POST", "webhooks", {"format": style})
        made = qbo.create_bill()
        signature, body = receiver.taken.get(timeout=5)
        assert base64.b64decode(signature or "") == hmac.new(b"v-1", body, hashlib.sha256).digest()
        sent = json.loads(body)
        if style == "legacy":
            entity = sent["eventNotifications"][0]["dataChangeEvent"]["entities"][0]
            assert (entity["name"], entity["operation"], entity["id"]) == ("Bill", "Create", made["Id"])
        else:
            assert (sent[0]["intuitaccountid"], sent[0]["intuitentityid"]) == (NORTHGATE, made["Id"])
    shown = qbo.control("GET", "webhooks")
    assert (shown["url"], shown["verifier_token"], shown["format"]) == (receiver.url, "v-1", "cloudevents")
    with pytest.raises(AssertionError, match="There is no setting"):
        qbo.control("POST", "webhooks", {"adress": "x"})


def test_every_change_is_told(qbo: Qbo, receiver: Receiver) -> None:
    made = qbo.create_bill()
    paid = qbo.control("POST", f"bills/{NORTHGATE}/{made['Id']}/pay")
    qbo.control("POST", f"payments/{NORTHGATE}/{paid['payment_id']}/void")
    qbo.control("DELETE", f"bills/{NORTHGATE}/{made['Id']}")
    qbo.control("PATCH", f"lists/{NORTHGATE}/vendor/46", {"name": "Renamed"})
    qbo.control("POST", f"lists/{NORTHGATE}/vendor/47/merge", {"into": "46"})
    qbo.switch(realm=NORTHGATE, book_close_date="2026-01-31")
    events = collected(receiver, 9)
    assert {event["intuitaccountid"] for event in events} == {NORTHGATE}
    assert kinds(events) == [
        "qbo.bill.created.v1",
        "qbo.billpayment.created.v1",
        "qbo.bill.updated.v1",
        "qbo.bill.updated.v1",
        "qbo.billpayment.voided.v1",
        "qbo.bill.deleted.v1",
        "qbo.vendor.updated.v1",
        "qbo.vendor.merged.v1",
        "qbo.preferences.updated.v1",
    ]
    assert (events[7]["intuitentityid"], events[7]["data"]) == ("46", {"deletedId": "47"})


def test_a_balance_that_moves_may_go_untold(qbo: Qbo, receiver: Receiver) -> None:
    qbo.switch(webhook_after_payment=False)
    made = qbo.create_bill()
    qbo.control("POST", f"bills/{NORTHGATE}/{made['Id']}/pay")
    qbo.control("DELETE", f"bills/{NORTHGATE}/{made['Id']}")
    assert kinds(collected(receiver, 4)) == [
        "qbo.bill.created.v1",
        "qbo.billpayment.created.v1",
        "qbo.billpayment.deleted.v1",
        "qbo.bill.deleted.v1",
    ]


def test_several_companies_in_one_delivery(qbo: Qbo, receiver: Receiver) -> None:
    qbo.switch(webhook_delay_ms=400, webhook_format="legacy")
    other = Qbo(qbo.base, RIDGELINE)
    qbo.create_bill()
    other.post("bill", bill(VendorRef={"value": "47"}))
    body = json.loads(receiver.taken.get(timeout=5)[1])
    assert [part["realmId"] for part in body["eventNotifications"]] == [NORTHGATE, RIDGELINE]


def test_lost_and_doubled_and_shuffled(qbo: Qbo, receiver: Receiver) -> None:
    qbo.switch(webhook_drop_percent=100)
    qbo.create_bill()
    qbo.switch(webhook_drop_percent=0, webhook_duplicate_percent=100)
    made = qbo.create_bill()
    first, second = receiver.taken.get(timeout=5), receiver.taken.get(timeout=5)
    assert first == second
    assert json.loads(first[1])[0]["intuitentityid"] == made["Id"]
    assert len(qbo.control("GET", "events?kind=webhook.dropped&limit=100000")["events"]) >= 1
    qbo.switch(webhook_duplicate_percent=0, webhook_shuffle=True, webhook_delay_ms=600)
    numbers = [qbo.create_bill()["Id"] for _ in range(12)]
    told = [event["intuitentityid"] for event in collected(receiver, 12)]
    assert sorted(told) == sorted(numbers)
    assert told != numbers


@pytest.mark.parametrize("signing", ["wrong", "missing"])
def test_bad_signatures(qbo: Qbo, receiver: Receiver, signing: str) -> None:
    qbo.switch(webhook_signature=signing)
    qbo.create_bill()
    signature, body = receiver.taken.get(timeout=5)
    right = base64.b64encode(hmac.new(b"v-1", body, hashlib.sha256).digest()).decode()
    assert (signature is None) == (signing == "missing")
    assert signature != right


def _deliveries(qbo: Qbo) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = qbo.control("GET", "webhooks/deliveries?limit=100000")["deliveries"]
    return found


def test_a_failed_delivery_is_repeated_and_holds_the_next(qbo: Qbo, receiver: Receiver) -> None:
    qbo.switch(time_scale=50)
    receiver.statuses = [500, 503]
    before = len(_deliveries(qbo))
    started = time.monotonic()
    first = qbo.create_bill()
    time.sleep(0.1)
    second = qbo.create_bill()
    told = [receiver.events()[0]["intuitentityid"] for _ in range(4)]
    assert told == [first["Id"]] * 3 + [second["Id"]]
    assert time.monotonic() - started > (10 + 20) / 50
    # A delivery is written down after its answer, so the last one may come a moment later.
    while len(_deliveries(qbo)) < before + 4 and time.monotonic() < started + 10:
        time.sleep(0.05)
    sent = _deliveries(qbo)[before:]
    assert [entry["status"] for entry in sent][:3] == [500, 503, 200]


def test_invented_events_and_repeats(qbo: Qbo, receiver: Receiver) -> None:
    event = {"realm": "1", "name": "Vendor", "id": "77", "verb": "created"}
    assert qbo.control("POST", "webhooks/send", {"events": [event], "format": "legacy"})["status"] == 200
    sent = receiver.taken.get(timeout=5)
    assert json.loads(sent[1])["eventNotifications"][0]["realmId"] == "1"
    assert qbo.control("POST", "webhooks/send", {"body": "no json", "signature": "wrong"})["status"] == 200
    assert receiver.taken.get(timeout=5)[1] == b"no json"
    qbo.create_bill()
    first = receiver.events()[0]
    assert qbo.control("POST", "webhooks/resend", {"last": 1})["statuses"] == [200]
    again = receiver.events()[0]
    assert (again["intuitentityid"], again["type"], again["time"]) == (
        first["intuitentityid"],
        first["type"],
        first["time"],
    )
