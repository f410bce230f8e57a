"""How it works is one press away on every page, and what the questions beside a setting lead to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from companies.models import Company, User

pytestmark = pytest.mark.django_db

HELP = re.compile(r'answers="(help/\w+\.html)"\s+anchor="(\w+)"')
TEMPLATES = Path(settings.BASE_DIR, "templates")


def used() -> list[tuple[str, str]]:
    return [found for file in TEMPLATES.rglob("*.html") for found in HELP.findall(file.read_text())]


def test_the_page_is_linked_in_the_same_place_on_every_page(company: Company, admin: User, as_user: Any) -> None:
    for client, address in (
        (Client(), "/accounts/login/"),
        (Client(), "/how-it-works/"),
        (as_user(admin), "/invoices/"),
        (as_user(admin), "/settings/members/"),
        (as_user(admin), "/nowhere/"),
        (as_user(admin), "/accounts/2fa/"),
    ):
        foot = client.get(address).content.decode().split('class="page-foot"')[1].split("</footer>")[0]
        assert 'href="/how-it-works/"' in foot


def test_every_answer_is_shown_beside_a_setting_and_leads_to_more() -> None:
    page = Client().get("/how-it-works/").content.decode()
    assert {name for name, _ in used()} == {f"help/{file.name}" for file in TEMPLATES.glob("help/*.html")}
    for _, anchor in used():
        assert f'id="{anchor}"' in page
    for anchor in re.findall(r'href="#(\w+)"', page):
        assert f'id="{anchor}"' in page or anchor == "main"
