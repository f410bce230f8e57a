"""Login, headers, permissions, rate limits: what a caller must send and what Procore answers otherwise."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.emulators.test_procore_world import (
    COMPANY,
    CREDENTIALS,
    OTHER_COMPANY,
    OTHER_CREDENTIALS,
    Procore,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
)
from tests.support.emulator_process import running_emulator

TOKEN = "/oauth/token"
BACK = "https://product.example/callback"


def code_from(procore: Procore) -> str:  # noqa: F811
    wanted = {"response_type": "code", "client_id": CREDENTIALS["client_id"], "redirect_uri": BACK, "state": "s1"}
    page = requests.get(f"{procore.url}/oauth/authorize", params=wanted, timeout=10)
    assert page.status_code == 200
    assert "Allow" in page.text
    people = procore.control("GET", "/objects/user")
    person = next(p for p in people if p["kind"] == "staff")
    form = {**wanted, "decision": "allow", "user_id": person["id"]}
    answer = requests.post(f"{procore.url}/oauth/authorize", data=form, allow_redirects=False, timeout=10)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["state"] == ["s1"]
    return query["code"][0]


def test_client_credentials_as_json_form_and_basic(procore: Procore) -> None:  # noqa: F811
    body = {"grant_type": "client_credentials", **CREDENTIALS}
    basic = (CREDENTIALS["client_id"], CREDENTIALS["client_secret"])
    for answer in (
        requests.post(procore.url + TOKEN, json=body, timeout=10),
        requests.post(procore.url + TOKEN, data=body, timeout=10),
        requests.post(procore.url + TOKEN, data={"grant_type": "client_credentials"}, auth=basic, timeout=10),
    ):
        assert answer.status_code == 200
        token = answer.json()
        assert token["expires_in"] == 5400
        assert token["token_type"] == "bearer"
        assert "refresh_token" not in token
    info = requests.get(
        f"{procore.url}/oauth/token/info", headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=10
    ).json()
    assert info["resource_owner_id"] == 562949953500001
    assert info["application"]["uid"] == CREDENTIALS["client_id"]


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "nothing"}, 400, "invalid_grant"),
    ],
)
def test_refused_tokens(procore: Procore, change: dict[str, str], status: int, error: str) -> None:  # noqa: F811
    body = {"grant_type": "client_credentials", **CREDENTIALS, **change}
    answer = requests.post(procore.url + TOKEN, json=body, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_code_and_a_refresh_token_are_good_once(procore: Procore) -> None:  # noqa: F811
    body = {"grant_type": "authorization_code", "code": code_from(procore), "redirect_uri": BACK, **CREDENTIALS}
    token = requests.post(procore.url + TOKEN, json=body, timeout=10).json()
    assert requests.post(procore.url + TOKEN, json=body, timeout=10).json()["error"] == "invalid_grant"
    again = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"], **CREDENTIALS}
    renewed = requests.post(procore.url + TOKEN, json=again, timeout=10).json()
    assert renewed["refresh_token"] != token["refresh_token"]
    assert requests.post(procore.url + TOKEN, json=again, timeout=10).status_code == 400
    headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    me = requests.get(f"{procore.url}/rest/v1.0/me", headers=headers, timeout=10)
    assert me.status_code == 200
    assert "@" in me.json()["login"]


def test_denied_consent_comes_back_as_an_error(procore: Procore) -> None:  # noqa: F811
    form = {"response_type": "code", "client_id": CREDENTIALS["client_id"], "redirect_uri": BACK, "decision": "deny"}
    answer = requests.post(f"{procore.url}/oauth/authorize", data=form, allow_redirects=False, timeout=10)
    assert "error=access_denied" in answer.headers["Location"]


def test_a_revoked_or_expired_token_is_refused(procore: Procore) -> None:  # noqa: F811
    caller = Procore(procore.url)
    token = str(caller.session.headers["Authorization"]).removeprefix("Bearer ")
    assert caller.call("GET", "/rest/v1.0/me").status_code == 200
    body = {"token": token, **CREDENTIALS}
    assert requests.post(f"{procore.url}/oauth/revoke", json=body, timeout=10).status_code == 200
    refused = caller.call("GET", "/rest/v1.0/me")
    assert refused.status_code == 401
    assert set(refused.json()) >= {"code", "message", "error"}
    assert (
        requests.post(f"{procore.url}/oauth/revoke", json={"token": "x", **CREDENTIALS}, timeout=10).status_code == 200
    )
    procore.control("POST", "/switches", {"token_seconds": 60})
    short = Procore(procore.url)
    procore.control("POST", "/clock", {"offset_seconds": 61})
    assert short.call("GET", "/rest/v1.0/me").status_code == 401
    procore.control("POST", "/clock", {"offset_seconds": 0})
    procore.control("POST", "/switches", {"token_seconds": 5400})


def test_the_company_header_is_needed_and_does_not_replace_parameters(procore: Procore) -> None:  # noqa: F811
    for path in ("/rest/v1.0/me", "/rest/v1.0/companies", f"/rest/v1.0/projects?company_id={COMPANY}"):
        answer = procore.call("GET", path, headers={"Procore-Company-Id": None})
        assert answer.status_code == 400
        assert "Procore-Company-Id" in answer.text
    assert procore.call("GET", "/rest/v1.0/projects").status_code == 400
    assert procore.call("GET", "/rest/v1.1/requisitions").status_code == 400
    assert procore.call("GET", "/rest/v1.0/me", headers={"Authorization": ""}).status_code == 401
    assert [c["id"] for c in procore.get("/rest/v1.0/companies")] == [COMPANY]


def test_companies_do_not_see_each_other(procore: Procore) -> None:  # noqa: F811
    other = Procore(procore.url, OTHER_CREDENTIALS, OTHER_COMPANY)
    theirs = other.get("/rest/v1.0/projects", company_id=OTHER_COMPANY)
    ours = procore.get("/rest/v1.0/projects", company_id=COMPANY)
    assert not {p["id"] for p in theirs} & {p["id"] for p in ours}
    stranger = procore.call("GET", "/rest/v1.0/me", headers={"Procore-Company-Id": str(OTHER_COMPANY)})
    assert stranger.status_code == 403
    assert "not connected" in stranger.text
    assert procore.call("GET", f"/rest/v1.1/requisitions?project_id={theirs[0]['id']}").status_code == 404
    invoice = next(i for i in procore.control("GET", "/invoices") if i["company_id"] == OTHER_COMPANY)
    wrong = f"/rest/v1.1/requisitions/{invoice['id']}?project_id={ours[0]['id']}"
    assert procore.call("GET", wrong).status_code == 404


def test_a_project_that_is_not_permitted_answers_403_and_the_token_stays_good(procore: Procore) -> None:  # noqa: F811
    first, second = procore.get("/rest/v1.0/projects", company_id=COMPANY)[:2]
    client = f"/clients/{CREDENTIALS['client_id']}"
    procore.control("PATCH", client, {"permitted_projects": [first["id"]]})
    try:
        assert [p["id"] for p in procore.get("/rest/v1.0/projects", company_id=COMPANY)] == [first["id"]]
        assert procore.call("GET", f"/rest/v1.1/requisitions?project_id={second['id']}").status_code == 403
        assert procore.call("GET", f"/rest/v1.1/requisitions?project_id={first['id']}").status_code == 200
    finally:
        procore.control("PATCH", client, {"permitted_projects": None})
    assert procore.call("GET", f"/rest/v1.1/requisitions?project_id={second['id']}").status_code == 200


def test_the_documented_rate_limit_answers_429_with_retry_after(tmp_path: Path) -> None:
    with running_emulator("procore", tmp_path / "limits.sqlite", "--seed", "empty") as url:
        caller = Procore(url)
        caller.control("POST", "/switches", {"rate_limit": {"hourly": 3600, "spike": 5}})
        answers = [caller.call("GET", "/rest/v1.0/me") for _ in range(12)]
        statuses = [a.status_code for a in answers]
        assert statuses[0] == 200
        assert 429 in statuses
        refused = next(a for a in answers if a.status_code == 429)
        assert 1 <= int(refused.headers["Retry-After"]) <= 10
        assert refused.headers["X-Rate-Limit-Remaining"] == "0"
        assert answers[0].headers["X-Rate-Limit-Limit"] == "5"
        assert int(answers[0].headers["X-Rate-Limit-Reset"]) > 1_700_000_000
        caller.control("POST", "/switches", {"rate_limit": {"hourly": 3600, "spike": 100}})
        caller.control("POST", "/clock", {"offset_seconds": 20})
        assert caller.call("GET", "/rest/v1.0/me").headers["X-Rate-Limit-Limit"] == "100"


def renewed(procore: Procore, refresh: str) -> requests.Response:  # noqa: F811
    body = {"grant_type": "refresh_token", "refresh_token": refresh, **CREDENTIALS}
    return requests.post(procore.url + TOKEN, json=body, timeout=10)


def signed_in(procore: Procore) -> dict[str, str]:  # noqa: F811
    body = {"grant_type": "authorization_code", "code": code_from(procore), "redirect_uri": BACK, **CREDENTIALS}
    token: dict[str, str] = requests.post(procore.url + TOKEN, json=body, timeout=10).json()
    return token


def status_with(procore: Procore, access: str, path: str = "/rest/v1.0/me") -> int:  # noqa: F811
    headers = {"Authorization": f"Bearer {access}", "Procore-Company-Id": str(COMPANY)}
    return requests.get(procore.url + path, headers=headers, timeout=10).status_code


@pytest.mark.parametrize("revokes", [False, True])
def test_a_refresh_token_used_twice_is_counted_and_may_end_the_whole_login(
    procore: Procore,  # noqa: F811
    revokes: bool,
) -> None:
    procore.control("POST", "/switches", {"refresh_reuse_revokes": revokes})
    token = signed_in(procore)
    second = renewed(procore, token["refresh_token"]).json()
    third = renewed(procore, second["refresh_token"]).json()
    again = renewed(procore, token["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert status_with(procore, third["access_token"]) == (401 if revokes else 200)
    assert renewed(procore, third["refresh_token"]).status_code == (400 if revokes else 200)
    counts = procore.control("GET", "/oauth")
    assert (counts["refreshes"], counts["reuses"], counts["authorization_code"]) == (2 if revokes else 3, 1, 1)
    assert counts["clients"][CREDENTIALS["client_id"]]["reuses"] == 1
    assert counts["refused"] == (1 if revokes else 0)


def test_refreshing_may_leave_the_old_access_token_alone(procore: Procore) -> None:  # noqa: F811
    token = signed_in(procore)
    procore.control("POST", "/switches", {"refresh_ends_old_access": False})
    second = renewed(procore, token["refresh_token"]).json()
    assert status_with(procore, token["access_token"]) == 200
    procore.control("POST", "/switches", {"refresh_ends_old_access": True})
    assert renewed(procore, second["refresh_token"]).status_code == 200
    assert status_with(procore, second["access_token"]) == 401


def test_a_lost_answer_costs_the_refresh_token(procore: Procore) -> None:  # noqa: F811
    token = signed_in(procore)
    rule = {"match": {"method": "POST", "path": "^/oauth/token"}, "fault": "drop_after_commit", "times": 1}
    procore.control("POST", "/faults", rule)
    with pytest.raises(requests.ConnectionError):
        renewed(procore, token["refresh_token"])
    assert renewed(procore, token["refresh_token"]).json()["error"] == "invalid_grant"
    assert procore.control("GET", "/oauth")["reuses"] == 1


def test_withdrawn_permission_ends_both_tokens(procore: Procore) -> None:  # noqa: F811
    token = signed_in(procore)
    assert procore.control("POST", "/tokens/revoke", {"client_id": CREDENTIALS["client_id"]})["revoked"] >= 1
    assert status_with(procore, token["access_token"]) == 401
    assert renewed(procore, token["refresh_token"]).status_code == 400
    counts = procore.control("GET", "/oauth")
    assert (counts["reuses"], counts["refused"]) == (0, 1)


def test_a_person_sees_their_own_projects_and_writes_under_their_own_name(procore: Procore) -> None:  # noqa: F811
    token = signed_in(procore)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    me = requests.get(f"{procore.url}/rest/v1.0/me", headers=headers, timeout=10).json()
    first, second = procore.get("/rest/v1.0/projects", company_id=COMPANY)[:2]
    procore.control("PATCH", f"/clients/{CREDENTIALS['client_id']}", {"permitted_projects": [second["id"]]})
    path = f"/rest/v1.1/requisitions?project_id={first['id']}"
    assert procore.call("GET", path).status_code == 403
    assert status_with(procore, token["access_token"], path) == 200
    procore.control("PATCH", f"/users/{me['id']}", {"permitted_projects": [second["id"]]})
    assert status_with(procore, token["access_token"], path) == 403
    asked = requests.get(f"{procore.url}/rest/v1.0/me?company_id={COMPANY}", headers=headers, timeout=10).json()
    assert me["name"] is None
    assert asked["name"]
    procore.control("POST", "/switches", {"me_needs_company_for_name": False})
    bare = requests.get(f"{procore.url}/rest/v1.0/me", headers=headers, timeout=10).json()
    assert bare == asked
