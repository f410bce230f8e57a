"""OAuth of the Intuit emulator: discovery, consent, tokens, rotation, revocation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.emulators.test_intuit_client import APP, NORTHGATE, REDIRECT, RIDGELINE, SCOPE, Qbo, emulator, fresh


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator("--redirect-uri", REDIRECT, "--limits", "off") as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


@pytest.mark.parametrize("ending", ["", "/"])
def test_discovery_points_here(base: str, ending: str) -> None:
    found = requests.get(f"{base}/.well-known/openid_configuration{ending}", timeout=5).json()
    assert found["authorization_endpoint"] == f"{base}/connect/oauth2"
    assert found["token_endpoint"] == f"{base}/oauth2/v1/tokens/bearer"
    assert found["revocation_endpoint"] == f"{base}/v2/oauth2/tokens/revoke"
    assert found["issuer"] == f"{base}/op/v1"
    assert {"userinfo_endpoint", "jwks_uri"} <= set(found)


def test_consent_echoes_state_and_names_the_realm(qbo: Qbo) -> None:
    answer = qbo.consent(state="a b&c=d")
    assert answer["state"] == "a b&c=d"
    assert answer["realmId"] == NORTHGATE
    assert len(answer["code"]) <= 512
    denied = qbo.consent(decision="cancel")
    assert denied == {"error": "access_denied", "state": "state-1"}


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "other"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"response_type": "token"},
        {"scope": "everything"},
        {"state": ""},
    ],
)
def test_a_bad_request_never_reaches_the_redirect_uri(base: str, change: dict[str, str]) -> None:
    asked = {"client_id": APP[0], "redirect_uri": REDIRECT, "response_type": "code", "scope": SCOPE, "state": "s"}
    asked |= change
    assert requests.get(f"{base}/connect/oauth2", params=asked, timeout=5).status_code == 400
    form = {**asked, "realm": NORTHGATE, "decision": "connect"}
    answer = requests.post(f"{base}/connect/oauth2", data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 400


def test_tokens_have_the_documented_fields(qbo: Qbo) -> None:
    assert qbo.tokens["token_type"] == "bearer"
    assert qbo.tokens["expires_in"] == 3600
    assert qbo.tokens["x_refresh_token_expires_in"] == 8640000
    assert "x_refresh_token_hard_expires_in" not in qbo.tokens
    asked = qbo.token_call(
        {"x-include-refresh-token-hard-expires-in": "true"},
        grant_type="refresh_token",
        refresh_token=qbo.tokens["refresh_token"],
    ).json()
    assert 157_670_000 < asked["x_refresh_token_hard_expires_in"] <= 157_680_000


def test_a_code_works_once_and_only_with_its_redirect_uri(qbo: Qbo) -> None:
    code = qbo.consent()["code"]
    wrong = qbo.token_call(grant_type="authorization_code", code=code, redirect_uri="https://else.example")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    qbo.exchange(code)
    again = qbo.token_call(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_wrong_app_credentials_and_grant_types(qbo: Qbo) -> None:
    url = f"{qbo.base}/oauth2/v1/tokens/bearer"
    form = {"grant_type": "refresh_token", "refresh_token": qbo.tokens["refresh_token"]}
    answer = requests.post(url, data=form, auth=("demo-qbo-client", "wrong"), timeout=5)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert qbo.token_call(grant_type="password").json()["error"] == "unsupported_grant_type"
    assert qbo.token_call().json()["error"] == "invalid_request"
    in_form = {**form, "client_id": APP[0], "client_secret": APP[1]}
    assert requests.post(url, data=in_form, timeout=5).status_code == 200


def test_refresh_tokens_rotate_and_the_old_one_is_refused(qbo: Qbo) -> None:
    old = qbo.tokens["refresh_token"]
    new = qbo.refresh(old).json()
    assert new["refresh_token"] != old
    refused = qbo.refresh(old)
    assert refused.status_code == 400
    assert refused.json() == {
        "error": "invalid_grant",
        "error_description": "Incorrect or invalid refresh token",
    }
    assert qbo.get("preferences").status_code == 200  # the access token outlives the refresh
    assert qbo.refresh(new["refresh_token"]).status_code == 200


def test_the_old_refresh_token_may_stay_valid_for_a_day(qbo: Qbo) -> None:
    qbo.switch(old_refresh_token="valid_24h")
    old = qbo.tokens["refresh_token"]
    assert qbo.refresh(old).status_code == 200
    assert qbo.refresh(old).status_code == 200
    qbo.control("POST", "clock", {"offset_seconds": 86500})
    assert qbo.refresh(old).json()["error"] == "invalid_grant"


def test_rotation_only_every_24_hours(qbo: Qbo) -> None:
    qbo.switch(refresh_rotation="every_24h")
    old = qbo.tokens["refresh_token"]
    assert qbo.refresh(old).json()["refresh_token"] == old
    qbo.control("POST", "clock", {"offset_seconds": 86500})
    assert qbo.refresh(old).json()["refresh_token"] != old


def test_lifetimes(qbo: Qbo) -> None:
    qbo.control("POST", "clock", {"offset_seconds": 3601})
    answer = qbo.get("preferences")
    assert answer.status_code == 401
    error = answer.json()["fault"]["error"][0]
    assert (error["code"], error["detail"]) == ("3200", "Token expired")
    assert error["message"] == "message=AuthenticationFailed; errorCode=003200; statusCode=401"
    tokens = qbo.refresh(qbo.tokens["refresh_token"]).json()
    qbo.control("POST", "clock", {"offset_seconds": 3601 + 101 * 86400})
    assert qbo.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_short_access_tokens(qbo: Qbo) -> None:
    qbo.switch(access_token_seconds=5)
    fresh_tokens = qbo.refresh(qbo.tokens["refresh_token"]).json()
    assert fresh_tokens["expires_in"] == 5


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_either_token_revokes_the_connection(qbo: Qbo, which: str) -> None:
    other = Qbo(qbo.base, RIDGELINE)
    url = f"{qbo.base}/v2/oauth2/tokens/revoke"
    assert requests.post(url, json={"token": qbo.tokens[which]}, timeout=5).status_code == 401
    answer = requests.post(url, json={"token": qbo.tokens[which]}, auth=APP, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {"statuscode": "200"})
    assert qbo.get("preferences").status_code == 401
    assert qbo.refresh(qbo.tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert other.get("preferences").status_code == 200
    assert requests.post(url, json={"token": "unknown"}, auth=APP, timeout=5).status_code == 400


def test_an_admin_disconnects_in_quickbooks(qbo: Qbo) -> None:
    assert qbo.control("POST", "revoke", {"realm": NORTHGATE})["tokens_ended"] >= 2
    assert qbo.get("preferences").status_code == 401
    assert qbo.refresh(qbo.tokens["refresh_token"]).json()["error"] == "invalid_grant"
    kinds = [event["kind"] for event in qbo.control("GET", "events?kind=oauth.revoked")["events"]]
    assert kinds


def test_no_token_and_wrong_scope(qbo: Qbo) -> None:
    bare = requests.get(f"{qbo.base}/v3/company/{NORTHGATE}/preferences", timeout=5)
    assert bare.status_code == 401
    assert bare.json()["fault"]["type"] == "AUTHENTICATION"
    named_only = Qbo(qbo.base, scope="openid profile email")
    assert named_only.get("preferences").status_code == 403


def test_user_info_needs_openid(qbo: Qbo) -> None:
    url = f"{qbo.base}/v1/openid_connect/userinfo"
    headers = {"Authorization": f"Bearer {qbo.tokens['access_token']}"}
    assert requests.get(url, headers=headers, timeout=5).status_code == 401
    known = Qbo(qbo.base, scope=f"{SCOPE} openid email")
    headers = {"Authorization": f"Bearer {known.tokens['access_token']}"}
    assert requests.get(url, headers=headers, timeout=5).json()["email"] == "books@northgate.example"
    assert known.tokens["id_token"].count(".") == 2
    assert requests.get(f"{qbo.base}/op/v1/jwks", timeout=5).json()["keys"][0]["kty"] == "RSA"


def test_invalid_grant_and_server_errors_on_the_token_endpoint(qbo: Qbo) -> None:
    qbo.fault("invalid_grant", "/oauth2/v1/tokens/bearer")
    qbo.fault("500", "/oauth2/v1/tokens/bearer")
    refused = qbo.refresh(qbo.tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert qbo.refresh(qbo.tokens["refresh_token"]).status_code == 500
    assert qbo.refresh(qbo.tokens["refresh_token"]).status_code == 200
