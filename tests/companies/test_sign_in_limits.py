"""Guessing passwords is slowed down: real requests to a running server."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from companies.models import Company, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


class Browser:
    def __init__(self, url: str, address: str = "") -> None:
        self.url, self.session = url, requests.Session()
        if address:
            self.session.headers["X-Forwarded-For"] = address

    def sign_in(self, email: str, password: str) -> requests.Response:
        page = self.session.get(f"{self.url}/accounts/login/", timeout=10).text
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        token = found.group(1) if found else ""
        data = {"login": email, "password": password, "csrfmiddlewaretoken": token}
        return self.session.post(f"{self.url}/accounts/login/", data=data, timeout=10, allow_redirects=False)


def test_after_five_wrong_passwords_even_the_right_one_waits(
    company: Company, viewer: User, admin: User, live_server: Any
) -> None:
    browser = Browser(live_server.url)
    for _ in range(5):
        answer = browser.sign_in(viewer.email, "not-the-password")
        assert "The email address or the password is not right." in answer.text
    for password in ("not-the-password", PASSWORD):
        answer = browser.sign_in(viewer.email, password)
        assert answer.status_code == 200
        assert "Too many failed attempts. Wait five minutes, then try again." in answer.text
    assert browser.sign_in(admin.email, PASSWORD).status_code == 302, "somebody else is not kept out"


def test_whoever_tries_many_accounts_from_one_place_waits_and_others_do_not(
    company: Company, viewer: User, live_server: Any, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    guesser = Browser(live_server.url, "198.51.100.4")
    for number in range(10):
        guesser.sign_in(f"guess{number}@northgate.example", "not-the-password")
    assert "Too many failed attempts." in guesser.sign_in(viewer.email, PASSWORD).text
    elsewhere = Browser(live_server.url, "203.0.113.20")
    assert elsewhere.sign_in(viewer.email, PASSWORD).status_code == 302


def test_a_flood_gets_a_page_of_ours(company: Company, live_server: Any, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    browser = Browser(live_server.url, "198.51.100.5")
    answers = [browser.sign_in(f"guess{number}@northgate.example", "x") for number in range(31)]
    last = answers[-1]
    assert last.status_code == 429
    assert "Too many attempts. Wait a minute, then try again." in last.text
    assert "inBuild" in last.text
