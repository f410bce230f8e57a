"""The Connection card: what it shows of a test under way, of troubles, and of a company with many projects."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from companies.models import Company, User
from procore_sync.models import ProcoreIntegration, ProcoreProject

pytestmark = pytest.mark.django_db

PAGE, PROGRESS = "/settings/procore/", "/settings/procore/check/progress/"


@pytest.fixture
def integration(company: Company) -> ProcoreIntegration:
    return ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=77,
        procore_company_name="Northgate Builders",
        own_user_name="inBuild Service Account",
        client_id="x",
        client_secret="y",
        state="connected",
        checked_at=timezone.now(),
    )


def shown(client: Any, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def project(integration: ProcoreIntegration, number: int, **facts: Any) -> ProcoreProject:
    return ProcoreProject.objects.create(
        company=integration.company,
        integration=integration,
        procore_id=number,
        name=f"Project {number}",
        number=f"P-{number:03d}",
        **{"hook_id": "9", **facts},
    )


def test_a_test_goes_on_in_the_background_and_the_page_asks_how_far_it_is(
    integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    assert client.post("/settings/procore/check/").status_code == 302
    page = shown(client)
    assert "inBuild is testing the connection" in page
    assert f'hx-get="{PROGRESS}"' in page
    assert "Show how far it is" in page  # for a browser without JavaScript
    begun = timezone.now()
    project(integration, 1, checked_at=begun)
    project(integration, 2)
    ProcoreIntegration.objects.update(
        check_started_at=begun, steps=[{"name": "sign_in", "state": "ok", "words": "Procore accepts the sign-in."}]
    )
    part = client.get(PROGRESS)
    assert "HX-Retarget" not in part
    assert "1 of 2 projects are done" in part.content.decode()
    assert "Procore accepts the sign-in." in part.content.decode()
    ProcoreIntegration.objects.update(next_at=None, check_started_at=None)
    over = client.get(PROGRESS)
    assert (over["HX-Retarget"], over["HX-Reswap"]) == ("#connection", "outerHTML")
    assert "hx-get" not in over.content.decode()
    assert "<html" not in over.content.decode()


def test_the_card_says_as_whom_and_where(integration: ProcoreIntegration, admin: User, as_user: Any) -> None:
    page = shown(as_user(admin))
    for words in ("Northgate Builders", "Production", "Service account", "inBuild Service Account", "Last tested"):
        assert words in page
    for button in ("Test connection", "Rotate webhook secret", "Disconnect", "Enter the credentials again"):
        assert button in page


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_see_the_buttons_greyed_out(
    role: str, integration: ProcoreIntegration, as_user: Any, request: pytest.FixtureRequest
) -> None:
    client = as_user(request.getfixturevalue(role))
    page = shown(client)
    for button in ("Test connection", "Rotate webhook secret", "Disconnect"):
        assert re.search(rf"disabled\s+aria-describedby=\"connection-why\">{button}", page)
    for address in ("check/", "secret/", "user/", "disconnect/"):
        assert client.post(f"{PAGE}{address}", {"procore_company_id": "1"}).status_code == 403


def test_two_hundred_projects_problems_first_the_rest_folded(
    integration: ProcoreIntegration, admin: User, as_user: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(1, 201):
        project(integration, number)
    project(integration, 900, hook_problem="Procore does not let inBuild keep a webhook here.")
    project(integration, 901, problem="Procore does not let inBuild read invoices here.", direct_costs_problem="Off.")
    project(integration, 950, is_open=False, problem="Old.", hook_problem="Old.")
    client = as_user(admin)
    with django_assert_max_num_queries(25):
        page = shown(client)
    first = page.index("P-001")
    assert page.index("P-900") < first
    assert page.index("P-901") < first
    assert "182 more projects without a problem" in page
    assert page.index("P-019") > page.index("182 more projects")
    assert "1 closed project<" in page
    assert "Old." not in page
    assert page.count("Failed") == 1
    assert "Not permitted" in page


def test_a_rotation_under_way_and_its_last_day_are_shown(
    integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    project(integration, 1, hook_secret_sha256="old")
    ProcoreIntegration.objects.update(hook_secret_sha256="new", previous_hook_secret_sha256="old")
    assert "1 webhook still" in shown(as_user(admin))
    ProcoreIntegration.objects.update(previous_hook_secret_until=timezone.now())
    assert "The old one is accepted until" in shown(as_user(admin))


@pytest.mark.parametrize(
    ("grant", "words"), [("user", "Connect with your Procore user again"), ("service_account", "credentials again")]
)
def test_an_ended_sign_in_says_what_to_do(
    grant: str, words: str, integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    ProcoreIntegration.objects.update(grant=grant, state="needs_reconnect")
    assert words in shown(as_user(admin))
