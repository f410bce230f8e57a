"""Connecting Procore by service account: what is proved before anything is kept, and what disconnecting gives back."""

from __future__ import annotations

from typing import Any

import pytest

from companies.models import AuditEvent, Company, User
from procore_sync import connecting, mirroring
from procore_sync.models import ProcoreIntegration
from procore_sync.tasks import check_due
from tests.support import connected, emulated, work
from tests.support.emulated import ProcoreEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def given(**changes: Any) -> connecting.Credentials:
    facts: dict[str, Any] = {
        "environment": "custom",
        "procore_company_id": emulated.COMPANY_ID,
        "client_id": emulated.CLIENT_ID,
        "client_secret": emulated.CLIENT_SECRET,
    }
    return connecting.Credentials(**facts | changes)


def states(integration: ProcoreIntegration) -> dict[str, str]:
    return {step["name"]: step["state"] for step in integration.steps}


def test_every_step_ends_well_and_each_project_and_the_company_has_its_hook(
    procore_integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    assert states(procore_integration) == dict.fromkeys(
        ("sign_in", "company", "projects", "resources", "hooks", "reading"), "ok"
    )
    assert procore_integration.check_result == ""
    assert procore_integration.own_user_name == "inBuild Service Account"
    assert procore_integration.service_user_id == procore_integration.own_user_id
    hooks = procore.get("hooks")
    assert len(hooks) == 7
    assert {hook["namespace"] for hook in hooks} == {"inbuild"}
    assert {hook["payload_version"] for hook in hooks} == {"v4.0"}
    for hook in hooks:
        names = {trigger["resource_name"] for trigger in hook["triggers"]}
        expected = {"Draw Requests", "Direct Costs", "Direct Cost Line Items"} if hook["project_id"] else {"Projects"}
        assert names == expected
        assert len(hook["triggers"]) == (9 if hook["project_id"] else 2)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("company_id", [emulated.OTHER_COMPANY_ID, 1])
def test_credentials_of_another_company_and_a_wrong_id_are_refused_in_words(
    company_id: int, status: int, procore: ProcoreEmulator, company: Company, admin: User
) -> None:
    procore.switches(not_connected_status=status)
    with pytest.raises(connecting.CannotConnect, match=f"company {company_id}. Check the company ID"):
        connecting.connect(company, given(procore_company_id=company_id), user=admin)
    assert not ProcoreIntegration.objects.exists()


def test_a_wrong_secret_is_refused_and_nothing_is_kept(procore: ProcoreEmulator, company: Company, admin: User) -> None:
    with pytest.raises(connecting.CannotConnect, match="does not accept this client id and secret"):
        connecting.connect(company, given(client_secret="wrong"), user=admin)
    assert not ProcoreIntegration.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("fault", ["500", "drop", "garbage", "html_200"])
def test_procore_in_trouble_leaves_everything_as_it_was(
    fault: str, procore: ProcoreEmulator, company: Company, admin: User
) -> None:
    procore.fault(fault, path="^/oauth/token", times=1)
    with pytest.raises(connecting.CannotConnect, match="inBuild tries again|error"):
        connecting.connect(company, given(), user=admin)
    assert not ProcoreIntegration.objects.exists()


def test_spaces_around_what_was_pasted_do_not_count(procore: ProcoreEmulator, admin: User, as_user: Any) -> None:
    fields = {
        "environment": "custom",
        "procore_company_id": f" {emulated.COMPANY_ID} ",
        "client_id": f"  {emulated.CLIENT_ID}\t",
        "client_secret": f" {emulated.CLIENT_SECRET}\n",
    }
    assert as_user(admin).post("/settings/procore/connect/", fields).status_code == 302
    assert ProcoreIntegration.objects.get().client_secret == emulated.CLIENT_SECRET


def test_another_company_of_ours_cannot_connect_the_same_procore_company(
    procore_integration: ProcoreIntegration, other_company: Company, outsider: User
) -> None:
    with pytest.raises(connecting.CannotConnect, match="already connected to another company"):
        connecting.connect(other_company, given(), user=outsider)
    assert not ProcoreIntegration.objects.filter(company=other_company).exists()


def test_a_second_procore_company_must_wait_for_the_first_to_go(
    procore_integration: ProcoreIntegration, company: Company, admin: User
) -> None:
    other = given(
        procore_company_id=emulated.OTHER_COMPANY_ID,
        client_id=emulated.OTHER_CLIENT_ID,
        client_secret=emulated.OTHER_CLIENT_SECRET,
    )
    with pytest.raises(connecting.CannotConnect, match="Disconnect Procore: Northgate Builders first"):
        connecting.connect(company, other, user=admin)


def test_disconnecting_removes_our_hooks_gives_the_sign_in_back_and_forgets_it(
    procore_integration: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    of_project = next(hook for hook in procore.get("hooks") if hook["project_id"])
    foreign = of_project | {"destination_url": "https://elsewhere.example/hook"}
    procore.patch(f"hooks/{foreign['id']}", {"destination_url": foreign["destination_url"]})
    key = procore_integration.hook_key
    connecting.disconnect(procore_integration, user=admin)
    work.check(procore_integration)
    assert [hook["destination_url"] for hook in procore.get("hooks")] == [foreign["destination_url"]]
    assert procore.get("oauth")["revoked"] == 1
    assert procore_integration.state == "disconnected"
    assert (procore_integration.access_token, procore_integration.client_secret) == ("", "")
    assert procore_integration.next_at is None
    again = connected.procore(procore_integration.company, admin)
    assert (again.pk, again.hook_key, again.check_result) == (procore_integration.pk, key, "")


def test_disconnecting_does_not_wait_for_a_procore_that_is_out_of_reach(
    procore_integration: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    procore.fault("500", path="/webhooks/")
    procore.fault("500", path="^/oauth/revoke")
    connecting.disconnect(procore_integration, user=admin)
    tries = 0
    while ProcoreIntegration.objects.filter(next_at__isnull=False).exists():
        ProcoreIntegration.objects.update(next_at="2026-01-01T00:00:00Z")
        check_due(company_id=procore_integration.company_id)
        tries += 1
        assert tries < 20
    procore_integration.refresh_from_db()
    assert procore_integration.client_secret == ""
    assert not mirroring.is_on(procore_integration)
