"""Connecting with a Procore user: the answer is believed only if it is ours, once; each refresh token is used once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from companies.models import Company, Membership, User
from procore_sync import connecting, tokens
from procore_sync.client import Procore, SignInRefused, Unavailable
from procore_sync.models import OAuthState, ProcoreIntegration
from tests.support import connected, emulated, work
from tests.support.emulated import ProcoreEmulator

pytestmark = pytest.mark.django_db

CALLBACK = "/settings/procore/callback/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def begun(procore: ProcoreEmulator, company: Company, admin: User) -> dict[str, str]:
    """What Procore sends back with the browser after the admin pressed the button and Allow."""
    url = connecting.begin(company, emulated.COMPANY_ID, user=admin, session_key="session")
    return connected.procore_consent(url, connected.procore_person(procore))


@pytest.fixture
def by_user(procore: ProcoreEmulator, company: Company, admin: User) -> ProcoreIntegration:
    return connected.procore_as_user(procore, company, admin)


def test_connected_through_the_pages(procore: ProcoreEmulator, admin: User, as_user: Any) -> None:
    client = as_user(admin)
    assert "Connect with your Procore user" in client.get("/settings/procore/").content.decode()
    asked = client.post("/settings/procore/user/", {"procore_company_id": str(emulated.COMPANY_ID)})
    assert asked.status_code == 302
    back = connected.procore_consent(asked["Location"], connected.procore_person(procore))
    answer = client.get(CALLBACK, back, follow=True)
    assert "Connected to Northgate Builders." in answer.content.decode()
    assert "code=" not in answer.request["QUERY_STRING"]
    integration = ProcoreIntegration.objects.get()
    work.check(integration)
    assert (integration.grant, integration.check_result) == ("user", "")
    assert integration.own_user_name
    assert integration.own_user_id == connected.procore_person(procore)
    assert integration.service_user_id is None  # a person's own invoices are not ours
    # Used once more, the same answer is worth nothing.
    again = client.get(CALLBACK, back, follow=True)
    assert "no longer valid" in again.content.decode()
    integration.refresh_from_db()
    assert integration.state == "connected"


def test_the_button_shows_only_where_our_app_is_registered(admin: User, as_user: Any, settings: Any) -> None:
    settings.PROCORE_CLIENT_SECRET = ""
    client = as_user(admin)
    assert "Connect with your Procore user" not in client.get("/settings/procore/").content.decode()
    assert client.post("/settings/procore/user/", {"procore_company_id": "5"}).status_code == 404


def test_the_browser_may_be_sent_on_to_procore(procore: ProcoreEmulator, admin: User, as_user: Any) -> None:
    policy = as_user(admin).get("/settings/procore/")["Content-Security-Policy"]
    from inbuild import settings as as_started

    [form_action] = [part for part in policy.split(";") if "form-action" in part]
    assert as_started.PROCORE_ENVIRONMENTS["custom"]["login"] in form_action


@pytest.mark.parametrize(
    "change", [{"state": ""}, {"state": "forged"}, {"session": "another browser"}, {"user": "another person"}]
)
def test_an_answer_that_is_not_ours_changes_nothing(
    change: dict[str, str], begun: dict[str, str], accountant: User, admin: User
) -> None:
    user = accountant if "user" in change else admin
    with pytest.raises(connecting.CannotConnect, match="no longer valid"):
        connecting.accept_state(
            change.get("state", begun["state"]), user=user, session_key=change.get("session", "session")
        )
    assert not ProcoreIntegration.objects.exists()


def test_an_answer_after_ten_minutes_is_too_late(begun: dict[str, str], admin: User) -> None:
    OAuthState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(connecting.CannotConnect, match="no longer valid"):
        connecting.accept_state(begun["state"], user=admin, session_key="session")


def test_the_same_state_twice_is_refused(begun: dict[str, str], admin: User) -> None:
    connecting.accept_state(begun["state"], user=admin, session_key="session")
    with pytest.raises(connecting.CannotConnect, match="no longer valid"):
        connecting.accept_state(begun["state"], user=admin, session_key="session")


def test_the_state_of_quickbooks_is_not_one_of_procores(
    procore: ProcoreEmulator, company: Company, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    answer = client.get(CALLBACK, {"state": "a-state-of-quickbooks", "code": "x"}, follow=True)
    assert "no longer valid" in answer.content.decode()


def test_who_is_no_admin_any_more_cannot_finish(begun: dict[str, str], admin: User) -> None:
    Membership.objects.filter(user=admin).update(role="accountant")
    with pytest.raises(connecting.CannotConnect, match="no longer an admin"):
        connecting.accept_state(begun["state"], user=admin, session_key="session")


def test_who_signed_out_meanwhile_starts_again(begun: dict[str, str], client: Any) -> None:
    answer = client.get(CALLBACK, begun)
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]
    assert not ProcoreIntegration.objects.exists()


def test_cancelling_says_so(procore: ProcoreEmulator, admin: User, as_user: Any) -> None:
    client = as_user(admin)
    url = client.post("/settings/procore/user/", {"procore_company_id": str(emulated.COMPANY_ID)})["Location"]
    back = connected.procore_consent(url, connected.procore_person(procore), decision="deny")
    assert "You cancelled. Nothing was changed." in client.get(CALLBACK, back, follow=True).content.decode()
    assert not ProcoreIntegration.objects.exists()


@pytest.mark.parametrize("code", ["", "forged", "x" * 2000])
def test_a_code_that_is_not_procores_is_refused(code: str, begun: dict[str, str], admin: User) -> None:
    row = connecting.accept_state(begun["state"], user=admin, session_key="session")
    with pytest.raises(connecting.CannotConnect, match="no longer valid"):
        connecting.finish(row, user=admin, code=code)
    assert not ProcoreIntegration.objects.exists()


@pytest.mark.parametrize("fault", ["500", "drop", "garbage", "html_200", "truncated"])
def test_a_login_service_in_trouble_leaves_everything_as_it_was(
    fault: str, procore: ProcoreEmulator, begun: dict[str, str], admin: User
) -> None:
    row = connecting.accept_state(begun["state"], user=admin, session_key="session")
    procore.fault(fault, path="^/oauth/token", times=1)
    with pytest.raises(connecting.CannotConnect, match="Nothing was changed"):
        connecting.finish(row, user=admin, code=begun["code"])
    assert not ProcoreIntegration.objects.exists()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": "a", "expires_in": 5400},
        {"access_token": "a", "expires_in": -1, "refresh_token": "r"},
        {"access_token": "a", "expires_in": True, "refresh_token": "r"},
        {"access_token": "", "expires_in": 5400, "refresh_token": "r"},
        {"access_token": ["a"], "expires_in": 5400, "refresh_token": "r"},
    ],
)
def test_an_answer_without_a_usable_pair_is_no_sign_in(answer: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        tokens._pair(answer, renewable=True)


def test_a_person_who_does_not_see_the_company_is_refused_and_the_sign_in_given_back(
    procore: ProcoreEmulator, company: Company, admin: User
) -> None:
    url = connecting.begin(company, emulated.OTHER_COMPANY_ID, user=admin, session_key="session")
    back = connected.procore_consent(url, connected.procore_person(procore))
    row = connecting.accept_state(back["state"], user=admin, session_key="session")
    with pytest.raises(connecting.CannotConnect, match="This Procore user cannot see"):
        connecting.finish(row, user=admin, code=back["code"])
    assert not ProcoreIntegration.objects.exists()
    assert procore.get("oauth")["revoked"] == 1


def test_a_company_connected_elsewhere_is_refused_and_the_sign_in_given_back(
    procore_integration: ProcoreIntegration, procore: ProcoreEmulator, other_company: Company, outsider: User
) -> None:
    with pytest.raises(connecting.CannotConnect, match="already connected to another company"):
        connected.procore_as_user(procore, other_company, outsider)
    assert procore.get("oauth")["revoked"] == 1


# --- refreshing ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_eight_workers_refresh_forty_times_and_use_no_token_twice(
    by_user: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    rounds, workers = 40, 8
    together = threading.Barrier(workers)
    failures: list[BaseException] = []
    used = ProcoreIntegration.objects.get().access_token
    latest = [used] * workers

    def work_on(number: int) -> None:
        try:
            for _ in range(rounds):
                together.wait(60)
                integration = ProcoreIntegration.objects.get()
                latest[number] = tokens.after_refusal(integration, latest[number])
                together.wait(60)
                assert len(set(latest)) == 1
        except BaseException as exc:
            failures.append(exc)
            together.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=work_on, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    counts = procore.get("oauth")
    assert (counts["refreshes"], counts["reuses"], counts["refused"]) == (rounds, 0, 0)
    integration = ProcoreIntegration.objects.get()
    assert integration.state == "connected"
    assert Procore(integration).me()["id"] == integration.own_user_id


def test_an_expired_token_is_renewed_and_the_new_pair_kept(
    by_user: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    ProcoreIntegration.objects.update(access_expires_at=timezone.now())
    before = ProcoreIntegration.objects.get()
    fresh = tokens.access_token(by_user)
    after = ProcoreIntegration.objects.get()
    assert (after.access_token, after.token_generation) == (fresh, before.token_generation + 1)
    assert after.refresh_token != before.refresh_token
    assert after.refreshing_until is None


def test_a_lost_answer_ends_in_one_sentence_and_not_in_a_loop(
    by_user: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    ProcoreIntegration.objects.update(access_expires_at=timezone.now())
    procore.fault("drop_after_commit", path="^/oauth/token", times=1)
    with pytest.raises(Unavailable):
        tokens.access_token(by_user)
    for _ in range(5):
        with pytest.raises(SignInRefused, match="Connect again with your Procore user"):
            tokens.access_token(by_user)
    row = ProcoreIntegration.objects.get()
    assert (row.state, row.check_result) == ("needs_reconnect", tokens.SIGN_IN_AGAIN)
    assert procore.get("oauth")["reuses"] == 1  # asked once more, then never again


def test_a_worker_that_died_while_renewing_does_not_hold_the_sign_in_for_ever(by_user: ProcoreIntegration) -> None:
    past = timezone.now() - timedelta(seconds=1)
    ProcoreIntegration.objects.update(access_expires_at=past, refreshing_until=past)
    assert tokens.access_token(by_user)


def test_a_refusal_to_connect_keeps_the_refresh_token_for_later(
    by_user: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    ProcoreIntegration.objects.update(access_expires_at=timezone.now())
    procore.fault("500", path="^/oauth/token", times=1)
    with pytest.raises(Unavailable):
        tokens.access_token(by_user)
    assert tokens.access_token(by_user)
    assert procore.get("oauth")["reuses"] == 0


def test_a_wrong_secret_of_our_own_app_does_not_throw_the_sign_in_away(
    by_user: ProcoreIntegration, settings: Any
) -> None:
    ProcoreIntegration.objects.update(access_expires_at=timezone.now())
    settings.PROCORE_CLIENT_SECRET = "mistyped"
    with pytest.raises(Unavailable, match="PROCORE_CLIENT_ID"):
        tokens.access_token(by_user)
    settings.PROCORE_CLIENT_SECRET = emulated.CLIENT_SECRET
    assert tokens.access_token(by_user)


def test_permission_withdrawn_at_procore_asks_for_a_new_sign_in_and_the_check_says_so(
    by_user: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    procore.post("tokens/revoke", {"client_id": emulated.CLIENT_ID})
    by_user.check_soon()
    work.check(by_user)
    assert by_user.state == "needs_reconnect"
    assert by_user.check_result == tokens.SIGN_IN_AGAIN
    assert [step["state"] for step in by_user.steps] == ["bad"]


def test_a_connection_made_meanwhile_is_not_overwritten_by_an_older_refresh(
    by_user: ProcoreIntegration, procore: ProcoreEmulator, company: Company, admin: User, monkeypatch: Any
) -> None:
    stale = ProcoreIntegration.objects.get()
    connected.procore_as_user(procore, company, admin)
    newer = ProcoreIntegration.objects.get()
    assert tokens._renewed(stale) == newer.access_token
    assert tokens._declined(stale, "invalid_grant") == newer.access_token
    assert ProcoreIntegration.objects.get().refresh_token == newer.refresh_token


def test_disconnecting_revokes_the_persons_sign_in(
    by_user: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    refresh = by_user.refresh_token
    connecting.disconnect(by_user, user=admin)
    work.check(by_user)
    assert by_user.refresh_token == ""
    assert procore.get("hooks") == []
    ProcoreIntegration.objects.update(refresh_token=refresh)
    with pytest.raises(SignInRefused):
        tokens._renew(ProcoreIntegration.objects.get())
