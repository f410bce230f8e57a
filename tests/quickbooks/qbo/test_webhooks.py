"""Intuit's door, through a real server: only the right signature is let in, and then whatever the body is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from accounting.models import Bill, Integration
from accounting.tasks import follow_due
from companies.models import Company, User
from qbo import webhooks
from tests.quickbooks.qbo.test_backend import approved, posted
from tests.support import connected, work
from tests.support.emulated import OTHER_REALM, REALM, IntuitEmulator

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "demo-verifier-token"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def resting(company: Company) -> Integration:
    """Connected books that nobody is to look at for an hour."""
    return Integration.objects.create(company=company, kind="qbo", external_id=REALM, state="connected")


@pytest.fixture
def door(live_server: Any) -> Any:
    def post(body: bytes, signature: str | None = None, **headers: str) -> requests.Response:
        given = signed(body) if signature is None else signature
        return requests.post(
            f"{live_server.url}/hooks/intuit/", data=body, headers={"intuit-signature": given, **headers}, timeout=10
        )

    return post


def signed(body: bytes, token: str = TOKEN) -> str:
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()


def cloud(*realms: Any) -> bytes:
    return json.dumps(
        [{"specversion": "1.0", "type": "qbo.bill.updated.v1", "intuitaccountid": r} for r in realms]
    ).encode()


def legacy(*realms: str, entities: int = 1) -> bytes:
    one = {"name": "Bill", "id": "1", "operation": "Update", "lastUpdated": "2026-11-25T00:00:00Z"}
    parts = [{"realmId": realm, "dataChangeEvent": {"entities": [one] * entities}} for realm in realms]
    return json.dumps({"eventNotifications": parts}).encode()


def is_hinted() -> bool:
    return Integration.objects.get(external_id=REALM).next_at is not None


WRONG = [
    "",
    "short",
    "not base64 !!",
    "Zm9v",
    signed(b"another body"),
    signed(cloud(REALM), "another token"),
    "\u00e9" * 20,
    "x" * 8000,
    signed(cloud(REALM)).lower(),
    signed(cloud(REALM))[:-1],
]


@pytest.mark.parametrize("signature", WRONG)
def test_a_wrong_signature_changes_nothing(signature: str, door: Any, resting: Integration) -> None:
    given = signature.encode("utf-8") if not signature.isascii() else signature
    assert door(cloud(REALM), given).status_code == 401
    assert not is_hinted()


def test_without_a_token_nobody_is_believed(door: Any, resting: Integration, settings: Any) -> None:
    settings.QBO_WEBHOOK_VERIFIER_TOKEN = ""
    assert door(cloud(REALM), signed(cloud(REALM), "")).status_code == 401
    assert door(cloud(REALM)).status_code == 401
    assert not is_hinted()


GOOD = [
    cloud(REALM),
    legacy(REALM),
    legacy(REALM, entities=1000),
    cloud("1", OTHER_REALM, REALM),
    cloud(*[REALM] * 1000),
]


@pytest.mark.parametrize("body", GOOD, ids=range(len(GOOD)))
def test_both_formats_ask_for_a_look_within_three_seconds(body: bytes, door: Any, resting: Integration) -> None:
    started = time.monotonic()
    assert door(body).status_code == 200
    assert time.monotonic() - started < 3
    assert is_hinted()


ODD = [
    b"",
    b"{",
    b"null",
    b"1e400",
    b"NaN",
    b'"text"',
    b"[[[[]]]]",
    b"[" * 100_000,
    b"9" * 5000,
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf[]",
    "[]".encode("utf-16"),
    b'{"eventNotifications": {"realmId": "1"}}',
    b'{"eventNotifications": [null, 1, {"realmId": ["x"]}]}',
    b'[{"intuitaccountid": "\\u0000"}, {"intuitaccountid": "\\ud800"}, {"intuitaccountid": {}}]',
    cloud("1"),
    cloud("9" * 500, -1, 1.5, None, True),
    cloud("\u0663\u0664"),
    legacy("1", "2", "3"),
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_whatever_is_signed_is_taken(body: bytes, door: Any, resting: Integration) -> None:
    assert door(body).status_code == 200
    assert not is_hinted()


def test_other_methods_and_giants_are_refused(door: Any, live_server: Any, resting: Integration) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD"):
        assert requests.request(method, f"{live_server.url}/hooks/intuit/", timeout=10).status_code == 405
    assert door(b"x" * (webhooks.MAX_BODY + 1)).status_code == 413


def test_books_that_are_not_connected_are_left_alone(door: Any, resting: Integration) -> None:
    for state in ("disconnected", "needs_reconnect"):
        Integration.objects.update(state=state)
        assert door(cloud(REALM)).status_code == 200
        assert not is_hinted()


def test_a_burst_asks_for_one_look(door: Any, resting: Integration) -> None:
    Integration.objects.update(followed_at=timezone.now())
    for _ in range(5):
        assert door(cloud(REALM)).status_code == 200
    assert Integration.objects.get().next_at > timezone.now() + timedelta(seconds=5)  # type: ignore[operator]


@pytest.mark.parametrize("style", ["cloudevents", "legacy"])
def test_what_the_emulator_sends_makes_the_payment_visible(
    style: str, live_server: Any, intuit: IntuitEmulator, company: Company, admin: User
) -> None:
    connected.quickbooks(intuit, company, admin)
    bill = posted(company, approved(company))
    follow_due(company_id=company.pk)
    Integration.objects.update(followed_at=timezone.now() - timedelta(hours=1))
    intuit.webhooks(f"{live_server.url}/hooks/intuit/", format=style)
    intuit.pay(bill.external_id)
    until = time.monotonic() + 15
    while Bill.objects.get().paid_state != "paid" and time.monotonic() < until:
        follow_due(company_id=company.pk)
        time.sleep(0.1)
    assert Bill.objects.get().paid_state == "paid"
    intuit.delete("webhooks")
