"""The switch of payments saves at once, is written down, and is for company admins."""

from __future__ import annotations

from typing import Any

import pytest

from companies.models import AuditEvent, Company, User
from procore_sync.models import ProcoreIntegration
from tests.procore_sync.payments.given import LABEL, SETTING

pytestmark = pytest.mark.django_db


# --- the switch ------------------------------------------------------------------------------------------------------
@pytest.fixture
def integration(company: Company) -> ProcoreIntegration:
    return ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=77,
        client_id="x",
        client_secret="y",
        state="connected",
    )


def test_the_switch_is_off_saves_at_once_and_is_written_down(
    integration: ProcoreIntegration, admin: User, as_user: Any
) -> None:
    client = as_user(admin)
    assert LABEL in client.get("/settings/procore/").content.decode()
    for wanted, stored in (("on", True), ("on", True), ("off", False)):
        answer = client.post(SETTING, {"payments": wanted}, headers={"HX-Request": "true"}).content.decode()
        integration.refresh_from_db()
        assert integration.writes_payments == stored
        assert f'aria-checked="{str(stored).lower()}"' in answer
        assert "Saved." in answer
    assert client.post(SETTING, {"payments": "on"}).status_code == 302  # without JavaScript
    verbs = AuditEvent.objects.filter(verb__startswith="payments.").order_by("id").values_list("verb", "user")
    assert list(verbs) == [("payments.on", admin.pk), ("payments.off", admin.pk), ("payments.on", admin.pk)]


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_only_admins_turn_it_on(
    role: str, integration: ProcoreIntegration, request: pytest.FixtureRequest, as_user: Any
) -> None:
    client = as_user(request.getfixturevalue(role))
    assert client.post(SETTING, {"payments": "on"}).status_code == 403
    integration.refresh_from_db()
    assert not integration.writes_payments
    shown = client.get("/settings/procore/").content.decode()
    assert "disabled" in shown.split('id="payments-switch"')[1].split(">")[0]
