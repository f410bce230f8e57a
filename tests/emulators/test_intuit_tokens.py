"""Refresh tokens of the Intuit emulator: counters, grace, hard expiry, lost answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulators.test_intuit_client import APP, NORTHGATE, RIDGELINE, Qbo, emulator, fresh

TOKEN_PATH = "/oauth2/v1/tokens/bearer"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def counted(qbo: Qbo, realm: str = NORTHGATE) -> dict[str, Any]:
    return dict(qbo.control("GET", "oauth")["realms"][realm])


def test_refreshes_and_refusals_are_counted(qbo: Qbo) -> None:
    old = qbo.tokens["refresh_token"]
    new = qbo.refresh(old).json()["refresh_token"]
    assert qbo.refresh(old).status_code == 400
    assert qbo.refresh("nonsense").status_code == 400
    assert qbo.refresh(new).status_code == 200
    found = counted(qbo)
    assert (found["connections"], found["refreshes"], found["rotations"]) == (1, 2, 2)
    assert (found["invalid_grant"], found["reasons"], found["reused"]) == (1, {"reused": 1}, 1)
    assert counted(qbo, RIDGELINE)["refreshes"] == 0
    assert qbo.control("GET", "oauth")["unknown_token"] == 1


def test_forty_refreshes_at_once_have_one_winner(qbo: Qbo) -> None:
    statuses: list[int] = []

    def send() -> None:
        form = {"grant_type": "refresh_token", "refresh_token": qbo.tokens["refresh_token"]}
        statuses.append(requests.post(qbo.base + TOKEN_PATH, data=form, auth=APP, timeout=10).status_code)

    threads = [threading.Thread(target=send) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 39
    assert (counted(qbo)["refreshes"], counted(qbo)["reused"]) == (1, 39)


def test_grace_of_the_previous_token(qbo: Qbo) -> None:
    qbo.switch(realm=NORTHGATE, old_refresh_token="valid_24h", old_refresh_token_seconds=60)
    old = qbo.tokens["refresh_token"]
    assert [qbo.refresh(old).status_code for _ in range(2)] == [200, 200]
    assert counted(qbo)["reused"] == 1
    qbo.control("POST", "clock", {"offset_seconds": 61})
    assert qbo.refresh(old).status_code == 400


def test_reuse_may_end_the_whole_connection(qbo: Qbo) -> None:
    qbo.switch(old_refresh_token="refused_and_ends_all")
    old = qbo.tokens["refresh_token"]
    new = qbo.refresh(old).json()
    assert qbo.refresh(old).status_code == 400
    assert qbo.refresh(new["refresh_token"]).status_code == 400
    assert qbo.get("preferences").status_code == 401
    assert counted(qbo)["revocations"] == 1


def test_hard_expiry(qbo: Qbo) -> None:
    qbo.switch(realm=NORTHGATE, refresh_hard_seconds=31 * 86400)
    header = {"x-include-refresh-token-hard-expires-in": "true"}
    form = {"grant_type": "refresh_token", "refresh_token": qbo.tokens["refresh_token"]}
    tokens = qbo.token_call(header, **form).json()
    assert 31 * 86400 - 60 < tokens["x_refresh_token_hard_expires_in"] <= 31 * 86400
    qbo.control("POST", "clock", {"offset_seconds": 32 * 86400})
    assert qbo.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert counted(qbo)["reasons"] == {"hard_expired": 1}


def test_forced_refusal_of_one_company(qbo: Qbo) -> None:
    other = Qbo(qbo.base, RIDGELINE)
    qbo.switch(realm=NORTHGATE, refresh_tokens="refused")
    assert qbo.refresh(qbo.tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert other.refresh(other.tokens["refresh_token"]).status_code == 200
    qbo.switch(realm=NORTHGATE, refresh_tokens="work")
    assert qbo.refresh(qbo.tokens["refresh_token"]).status_code == 200


def test_tokens_that_end_now(qbo: Qbo) -> None:
    assert qbo.control("POST", "expire", {"realm": NORTHGATE})["tokens_ended"] == 1
    assert qbo.get("preferences").status_code == 401
    qbo.tokens |= qbo.refresh(qbo.tokens["refresh_token"]).json()
    assert qbo.get("preferences").status_code == 200
    qbo.control("POST", "expire", {"realm": NORTHGATE, "which": "refresh"})
    assert qbo.refresh(qbo.tokens["refresh_token"]).status_code == 400
    assert counted(qbo)["reasons"] == {"expired": 1}


@pytest.mark.parametrize("name", ["500_after_commit", "503_html_after_commit", "drop_after_commit", "truncated"])
def test_a_lost_answer_has_rotated_the_token(qbo: Qbo, name: str) -> None:
    old = qbo.tokens["refresh_token"]
    qbo.fault(name, TOKEN_PATH)
    try:
        assert qbo.refresh(old).status_code >= 500
    except requests.RequestException:
        assert name in ("drop_after_commit", "truncated")
    assert counted(qbo)["refreshes"] == 1
    assert qbo.refresh(old).json()["error"] == "invalid_grant"
    qbo.control("POST", "clock", {"offset_seconds": 0})


@pytest.mark.parametrize(("name", "status"), [("500", 500), ("503_html", 503), ("garbage", 200), ("429", 429)])
def test_an_answer_before_anything_happened(qbo: Qbo, name: str, status: int) -> None:
    qbo.fault(name, TOKEN_PATH)
    old = qbo.tokens["refresh_token"]
    assert qbo.refresh(old).status_code == status
    assert counted(qbo)["refreshes"] == 0
    assert qbo.refresh(old).status_code == 200
