"""Connecting QuickBooks Online: the OAuth answer is believed only if it is ours, once, and proves its company."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounting.models import Integration
from companies.models import Company, Membership, User
from qbo import connecting, gateway, tokens
from qbo.models import OAuthState, Token
from tests.support import connected
from tests.support.emulated import OTHER_REALM, REALM, IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent_off(intuit: IntuitEmulator, company: Company, admin: User) -> dict[str, str]:
    """What Intuit sends back with the browser after the admin pressed Connect."""
    return connected.consent(connecting.begin(company, admin, "session"))


def test_connected_through_the_pages(intuit: IntuitEmulator, company: Company, admin: User, as_user: Any) -> None:
    client = as_user(admin)
    asked = client.post("/settings/accounting/qbo/connect/")
    assert asked.status_code == 302
    back = connected.consent(asked["Location"])
    answer = client.get("/settings/accounting/qbo/callback/", back, follow=True)
    assert answer.status_code == 200
    shown = answer.content.decode()
    assert "Northgate Builders, Inc." in shown
    assert "Setup Required" in shown
    assert back["code"] not in answer.request["QUERY_STRING"]
    # Used once more, the same answer is worth nothing.
    again = client.get("/settings/accounting/qbo/callback/", back, follow=True)
    assert "no longer valid" in again.content.decode()
    assert Token.objects.get().generation == 1


@pytest.mark.parametrize(
    "change", [{"state": ""}, {"state": "forged"}, {"session": "another browser"}, {"user": "another person"}]
)
def test_an_answer_that_is_not_ours_changes_nothing(
    change: dict[str, str], sent_off: dict[str, str], accountant: User, admin: User
) -> None:
    user = accountant if "user" in change else admin
    with pytest.raises(connecting.CannotConnect, match="no longer valid"):
        connecting.accept_state(change.get("state", sent_off["state"]), user, change.get("session", "session"))
    assert not Integration.objects.exists()


def test_an_answer_after_ten_minutes_is_too_late(sent_off: dict[str, str], admin: User) -> None:
    OAuthState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(connecting.CannotConnect):
        connecting.accept_state(sent_off["state"], admin, "session")


def test_who_is_no_admin_any_more_cannot_finish(sent_off: dict[str, str], admin: User) -> None:
    Membership.objects.filter(user=admin).update(role="accountant")
    with pytest.raises(connecting.CannotConnect, match="no longer an admin"):
        connecting.accept_state(sent_off["state"], admin, "session")


def test_cancelling_says_so(intuit: IntuitEmulator, company: Company, admin: User, as_user: Any) -> None:
    client = as_user(admin)
    back = connected.consent(client.post("/settings/accounting/qbo/connect/")["Location"], decision="cancel")
    answer = client.get("/settings/accounting/qbo/callback/", back, follow=True)
    assert "You cancelled. Nothing was changed." in answer.content.decode()
    assert not Integration.objects.exists()


@pytest.mark.parametrize("realm", [OTHER_REALM, "1", "../..", "", "9" * 200])
def test_a_realm_that_the_token_is_not_for_is_refused(
    realm: str, sent_off: dict[str, str], company: Company, admin: User
) -> None:
    with pytest.raises(connecting.CannotConnect):
        connecting.finish(company, admin, code=sent_off["code"], realm=realm)
    assert not Integration.objects.exists()


@pytest.mark.parametrize("code", ["", "forged", "x" * 2000])
def test_a_code_that_is_not_intuits_is_refused(
    code: str, sent_off: dict[str, str], company: Company, admin: User
) -> None:
    with pytest.raises(connecting.CannotConnect):
        connecting.finish(company, admin, code=code, realm=REALM)
    assert not Token.objects.exists()


@pytest.mark.parametrize("fault", ["500", "drop", "garbage", "html_200", "truncated"])
def test_intuit_in_trouble_leaves_everything_as_it_was(
    fault: str, intuit: IntuitEmulator, sent_off: dict[str, str], company: Company, admin: User
) -> None:
    intuit.fault(fault, path="/oauth2/v1/tokens/bearer", times=1)
    with pytest.raises(connecting.CannotConnect, match="Nothing was changed"):
        connecting.finish(company, admin, code=sent_off["code"], realm=REALM)
    assert not Integration.objects.exists()


def test_books_of_another_company_are_refused_and_stay_with_it(
    quickbooks: Integration, intuit: IntuitEmulator, other_company: Company, outsider: User
) -> None:
    back = connected.consent(connecting.begin(other_company, outsider, "s"))
    with pytest.raises(connecting.CannotConnect, match="already connected to another company"):
        connecting.finish(other_company, outsider, code=back["code"], realm=back["realmId"])
    assert Integration.objects.get().company_id == quickbooks.company_id
    assert not Token.objects.filter(company=other_company).exists()


def test_a_second_quickbooks_must_wait_for_the_first_to_go(
    quickbooks: Integration, intuit: IntuitEmulator, company: Company, admin: User
) -> None:
    back = connected.consent(connecting.begin(company, admin, "s"), OTHER_REALM)
    with pytest.raises(connecting.CannotConnect, match="Disconnect"):
        connecting.finish(company, admin, code=back["code"], realm=back["realmId"])


def test_disconnecting_gives_the_connection_back_and_reconnecting_keeps_the_row(
    quickbooks: Integration, intuit: IntuitEmulator, company: Company, admin: User
) -> None:
    expense = quickbooks.expense_account
    connecting.disconnect(quickbooks, admin)
    assert not Token.objects.exists()
    assert not next(row for row in intuit.get("realms")["realms"] if row["realm"] == REALM)["connected"]
    again = connected.quickbooks(intuit, company, admin)
    assert (again.pk, again.expense_account) == (quickbooks.pk, expense)


def test_an_expired_token_is_renewed_and_the_new_pair_kept_before_it_is_used(
    quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    Token.objects.update(access_expires_at=timezone.now())
    before = Token.objects.get()
    fresh = tokens.access_token(quickbooks)
    after = Token.objects.get()
    assert (after.access_token, after.generation) == (fresh, before.generation + 1)
    assert after.previous_refresh_token == before.refresh_token != after.refresh_token


def test_a_lost_answer_is_mended_with_the_token_before(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    """Intuit rotated, we kept the old pair as the newest: the one before is tried once."""
    good = Token.objects.get()
    Token.objects.filter(pk=good.pk).update(access_expires_at=timezone.now())
    good.refresh_from_db()
    good.previous_refresh_token, good.refresh_token = good.refresh_token, "lost-in-transit"
    good.save()
    assert tokens.access_token(quickbooks)


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_refresh_once(quickbooks: Integration, intuit: IntuitEmulator) -> None:
    Token.objects.update(access_expires_at=timezone.now())
    got: list[str] = []

    def work() -> None:
        try:
            got.append(tokens.access_token(Integration.objects.get()))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(got)) == 1
    assert Token.objects.get().generation == 2


def test_a_connection_made_meanwhile_is_not_overwritten_by_an_older_refresh(
    quickbooks: Integration, intuit: IntuitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    Token.objects.update(access_expires_at=timezone.now())
    newer = gateway.TokenPair("newer-access", "newer-refresh", 3600, None)

    def slow(*_: Any) -> gateway.TokenPair:
        tokens.store(quickbooks, newer)
        raise gateway.GrantRefused

    monkeypatch.setattr("qbo.gateway.refresh", slow)
    assert tokens.access_token(quickbooks) == "newer-access"
    assert Token.objects.get().refresh_token == "newer-refresh"
