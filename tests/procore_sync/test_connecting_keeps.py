"""The daily look at a connection: what is missing comes back, what is new is followed, no failure stops the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounting.models import Integration
from companies.models import Company, User
from inbuild import queue
from invoices.models import Project
from procore_sync import connecting, keeping, mirroring
from procore_sync.client import Procore, Unavailable
from procore_sync.importing import Taken
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject, WebhookDelivery
from procore_sync.tasks import check_due, import_due, sweep_due
from tests.support import connected, emulated, work
from tests.support.emulated import ProcoreEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def integration(procore_integration: ProcoreIntegration) -> ProcoreIntegration:
    """Connected, compared once, and nothing due."""
    ProcoreProject.objects.update(compared_at=timezone.now(), next_at=timezone.now() + timedelta(hours=1))
    ProcoreProject.objects.update(compare_due_at=timezone.now() + timedelta(hours=8))
    return procore_integration


def look_again(integration: ProcoreIntegration) -> None:
    integration.check_soon()
    work.check(integration)


def hooks(procore: ProcoreEmulator) -> list[Any]:
    return [{**hook, "updated_at": "", "created_at": ""} for hook in procore.get("hooks")]


def asked_to_compare() -> set[int]:
    now = timezone.now()
    rows = ProcoreProject.objects.filter(compare_due_at__lte=now, next_at__lte=now)
    return set(rows.values_list("procore_id", flat=True))


def waits(pk: int) -> bool:
    return ProcoreInvoice.objects.filter(pk=pk, next_at__gt=timezone.now()).exists()


def words(integration: ProcoreIntegration, name: str) -> str:
    return str(next(step["words"] for step in integration.steps if step["name"] == name))


def state(integration: ProcoreIntegration, name: str) -> str:
    return str(next(step["state"] for step in integration.steps if step["name"] == name))


def test_looking_again_changes_nothing_and_the_next_look_is_a_day_later(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    before = procore.get("hooks")
    look_again(integration)
    assert procore.get("hooks") == before
    assert asked_to_compare() == set()
    assert integration.next_at is not None
    assert timedelta(hours=23) < integration.next_at - timezone.now() < timedelta(hours=25)
    assert (integration.check_started_at, integration.lease_until) == (None, None)


def test_a_deleted_hook_a_disabled_one_a_missing_trigger_and_a_second_hook_are_mended(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    before = hooks(procore)
    deleted, disabled, lacking, doubled, moved = [hook for hook in before if hook["project_id"] is not None][:5]
    company_hook = next(hook for hook in before if hook["project_id"] is None)
    procore.delete(f"hooks/{deleted['id']}")
    procore.patch(f"hooks/{disabled['id']}", {"status": "disabled"})
    procore.delete(f"hooks/{lacking['id']}/triggers/{lacking['triggers'][0]['id']}")
    procore.patch(f"hooks/{company_hook['id']}", {"status": "disabled"})
    key = str(integration.hook_key)
    procore.patch(f"hooks/{moved['id']}", {"destination_url": f"https://old.example/hooks/procore/{key}/"})
    project = ProcoreProject.objects.get(procore_id=doubled["project_id"])
    second = Procore(integration).create_hook(
        project.procore_id,
        {"payload_version": "v4.0", "namespace": "inbuild", "destination_url": doubled["destination_url"]},
    )
    look_again(integration)
    after = {hook["project_id"]: hook for hook in hooks(procore)}
    assert len(after) == len(hooks(procore)) == 7
    assert second["id"] not in {str(hook["id"]) for hook in after.values()}
    assert {hook["status"] for hook in after.values()} == {"active"}
    assert {hook["authorization"] for hook in after.values()} == {before[0]["authorization"]}
    assert {hook["destination_url"] for hook in after.values()} == {doubled["destination_url"]}
    assert all(len(hook["triggers"]) == (9 if of_project else 2) for of_project, hook in after.items())
    # What these could not tell is found by comparing.
    assert asked_to_compare() == {hook["project_id"] for hook in (deleted, disabled, lacking)}
    assert integration.check_result == ""


def test_a_header_changed_by_somebody_in_procore_is_given_again(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    hook = next(hook for hook in procore.get("hooks") if hook["project_id"])
    body = {"destination_headers": {"Authorization": "Bearer theirs"}}
    Procore(integration).update_hook(hook["project_id"], str(hook["id"]), body)
    look_again(integration)
    assert {each["authorization"] for each in procore.get("hooks")} == {hook["authorization"]}


def test_a_new_project_is_followed_and_compared_at_once_when_procore_tells_of_it(
    integration: ProcoreIntegration, procore: ProcoreEmulator, company: Company
) -> None:
    made = procore.post("projects", {"name": "Ferry Terminal", "project_number": "9001"})
    body = procore.get("deliveries")[-1]["body"]
    WebhookDelivery.objects.create(
        company=company, integration=integration, event_key="x", body=body.encode(), next_at=timezone.now()
    )
    import_due(company_id=company.pk)
    integration.refresh_from_db()
    assert integration.is_being_checked
    work.check(integration)
    project = ProcoreProject.objects.get(procore_id=made["id"])
    assert project.hook_id
    assert asked_to_compare() == {made["id"]}
    assert "7 projects are permitted" in words(integration, "projects")


def test_a_closed_project_is_let_go_and_an_opened_one_taken_up_again(
    integration: ProcoreIntegration, procore: ProcoreEmulator, company: Company
) -> None:
    project = ProcoreProject.objects.order_by("pk")[0]
    procore.patch(f"projects/{project.procore_id}", {"active": False})
    ProcoreProject.objects.filter(pk=project.pk).update(hook_problem="Something.", problem="Something.")
    look_again(integration)
    project.refresh_from_db()
    assert (project.is_open, project.problem, project.hook_problem, project.next_at) == (False, "", "", None)
    assert integration.check_result == ""
    # Even when something makes it due, it is not swept.
    ProcoreProject.objects.filter(pk=project.pk).update(next_at=timezone.now())
    calls = len(procore.get("events", kind="api_call"))
    sweep_due(company_id=company.pk)
    project.refresh_from_db()
    assert project.next_at is None
    assert len(procore.get("events", kind="api_call")) == calls
    procore.patch(f"projects/{project.procore_id}", {"active": True})
    look_again(integration)
    project.refresh_from_db()
    assert project.is_open
    assert asked_to_compare() == {project.procore_id}


def test_a_project_that_is_not_permitted_is_named_and_the_token_is_kept(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    token = ProcoreIntegration.objects.get().access_token
    [shut, *others] = ProcoreProject.objects.order_by("pk")
    permitted = [project.procore_id for project in others]
    procore.patch(f"clients/{emulated.CLIENT_ID}", {"permitted_projects": permitted})
    look_again(integration)
    shut.refresh_from_db()
    assert shut.is_open
    assert str(shut) in shut.problem
    assert "permitted projects" in shut.problem
    assert f"No longer permitted: {shut}" in words(integration, "projects")
    assert (state(integration, "projects"), state(integration, "reading")) == ("warn", "bad")
    assert str(shut) in integration.check_result
    assert not ProcoreProject.objects.exclude(pk=shut.pk).exclude(problem="").exists()
    assert integration.state == "connected"
    assert ProcoreIntegration.objects.get().access_token == token
    procore.patch(f"clients/{emulated.CLIENT_ID}", {"permitted_projects": None})
    look_again(integration)
    shut.refresh_from_db()
    assert (shut.problem, integration.check_result) == ("", "")


def test_a_refusal_of_the_whole_company_is_named_and_nothing_is_thrown_away(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    procore.patch(f"clients/{emulated.CLIENT_ID}", {"companies": [emulated.OTHER_COMPANY_ID]})
    look_again(integration)
    assert integration.state == "connected"
    assert "App Management" in integration.check_result
    assert integration.access_token
    procore.patch(f"clients/{emulated.CLIENT_ID}", {"companies": [emulated.COMPANY_ID]})
    look_again(integration)
    assert integration.check_result == ""


def test_a_withdrawn_sign_in_asks_for_credentials_and_works_again_when_given_back(
    integration: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    project = integration.projects.earliest("pk").procore_id
    procore.switches(not_connected_status=401)
    procore.patch(f"clients/{emulated.CLIENT_ID}", {"companies": []})
    look_again(integration)
    assert integration.state == "needs_reconnect"
    kind = ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE
    row = ProcoreInvoice.hint(integration, kind=kind, procore_id=1, project_id=project)
    import_due(company_id=integration.company_id)
    assert waits(row.pk)
    procore.patch(f"clients/{emulated.CLIENT_ID}", {"companies": [emulated.COMPANY_ID]})
    look_again(integration)
    assert (integration.state, integration.check_result) == ("connected", "")
    # What could not be read meanwhile does not wait for its time to be over.
    assert not waits(row.pk)
    ProcoreInvoice.objects.update(failures=1, next_at=timezone.now() + timedelta(minutes=15))
    connected.procore(integration.company, admin)
    assert not waits(row.pk)


def test_without_the_webhooks_permission_reading_goes_on_and_the_page_says_what_to_give(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    procore.switches(webhooks_api_permitted=False)
    look_again(integration)
    assert (state(integration, "hooks"), state(integration, "reading")) == ("bad", "ok")
    for project in ProcoreProject.objects.all():
        assert "Webhooks API: Standard" in project.hook_problem
        assert project.problem == ""
    assert "Webhooks API: Standard" in integration.company_hook_problem


@pytest.mark.parametrize("missing", ["Draw Requests", "Direct Costs"])
def test_a_missing_webhook_resource_is_a_readable_warning_and_the_rest_goes_on(
    missing: str, procore: ProcoreEmulator, company: Company, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Procore.webhook_resources

    def without(self: Procore, project_id: int | None, version: str) -> list[Any]:
        return [row for row in listed(self, project_id, version) if row["name"] != missing]

    monkeypatch.setattr(Procore, "webhook_resources", without)
    integration = connected.procore(company, admin)
    assert state(integration, "resources") == "warn"
    assert f"has no {missing}" in words(integration, "resources")
    assert (state(integration, "hooks"), state(integration, "reading")) == ("ok", "ok")
    for hook in procore.get("hooks"):
        assert len(hook["triggers"]) == (6 if hook["project_id"] else 2)


def test_names_are_spelled_as_procore_spells_them(procore: ProcoreEmulator, company: Company, admin: User) -> None:
    procore.switches(draw_requests_name="draw requests")
    connected.procore(company, admin)
    hook = next(hook for hook in procore.get("hooks") if hook["project_id"])
    assert "draw requests" in {trigger["resource_name"] for trigger in hook["triggers"]}


def test_a_project_that_fails_does_not_stop_the_others(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    first, *others = ProcoreProject.objects.order_by("pk")
    for hook in procore.get("hooks"):
        procore.delete(f"hooks/{hook['id']}")
    procore.fault("500", path=f"/projects/{first.procore_id}/webhooks")
    look_again(integration)
    first.refresh_from_db()
    assert first.hook_problem
    assert len([hook for hook in procore.get("hooks") if hook["project_id"]]) == len(others)
    assert state(integration, "hooks") == "bad"
    assert str(first) in words(integration, "hooks")
    # Asked again soon, not only tomorrow.
    assert integration.next_at is not None
    assert integration.next_at - timezone.now() < timedelta(hours=1)


def test_a_procore_that_is_down_is_asked_again_soon_and_the_page_says_so(
    integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    procore.fault("500", path="/rest/")
    look_again(integration)
    assert "tries again" in integration.check_result
    assert integration.state == "connected"
    assert integration.next_at is not None
    assert integration.next_at - timezone.now() < timedelta(minutes=20)
    procore.delete("faults")
    look_again(integration)
    assert integration.check_result == ""


@pytest.mark.parametrize("compared", ["before", "after"])
def test_what_procore_gave_up_delivering_is_found_by_comparing(
    compared: str, integration: ProcoreIntegration, procore: ProcoreEmulator
) -> None:
    procore.switches(webhooks_stopped=True)
    record = procore.create(status="under_review")
    hook = next(hook for hook in procore.get("hooks") if str(hook["project_id"]) == str(record["project_id"]))
    assert procore.post(f"hooks/{hook['id']}/discard")["discarded"]
    hours = timedelta(hours=-2 if compared == "before" else 2)
    ProcoreProject.objects.update(compared_at=timezone.now() + hours)
    look_again(integration)
    assert asked_to_compare() == ({int(record["project_id"])} if compared == "before" else set())


def test_a_look_takes_stretches_and_goes_on_where_it_was(
    integration: ProcoreIntegration, procore: ProcoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "STRETCH_SECONDS", 0.0)
    calls = len(procore.get("events", kind="api_call", limit=100000))
    look_again(integration)
    assert integration.check_result == ""
    lists = [
        event
        for event in procore.get("events", kind="api_call", limit=100000)[calls:]
        if event["data"]["path"].startswith("/rest/v1.0/projects?")
    ]
    assert len(lists) == 1


def test_what_is_asked_for_while_a_look_is_under_way_is_done_after_it(
    integration: ProcoreIntegration, procore: ProcoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, rounds = keeping._finish, []

    def asked_meanwhile(row: ProcoreIntegration) -> None:
        rounds.append(row.attempt)
        if len(rounds) == 1:
            ProcoreIntegration.objects.get().check_soon()
        finish(row)

    monkeypatch.setattr(keeping, "_finish", asked_meanwhile)
    look_again(integration)
    assert len(rounds) == 2


def test_a_slow_down_keeps_the_place_and_is_no_failure(
    integration: ProcoreIntegration, monkeypatch: pytest.MonkeyPatch, company: Company
) -> None:
    tried = Procore.try_reading_invoices
    last = ProcoreProject.objects.order_by("-pk")[0]
    busy = [True]

    def slow(self: Procore, project_id: int) -> None:
        if busy and project_id == last.procore_id:
            raise Unavailable("later", timedelta(minutes=3), is_pacing=True)
        tried(self, project_id)

    monkeypatch.setattr(Procore, "try_reading_invoices", slow)
    integration.check_soon()
    check_due(company_id=company.pk)
    integration.refresh_from_db()
    assert integration.check_started_at is not None
    assert integration.lease_until is not None
    assert integration.lease_until - timezone.now() > timedelta(minutes=2)
    assert integration.failures == 0
    busy.clear()
    ProcoreIntegration.objects.update(lease_until=None)
    work.check(integration)
    assert integration.check_result == ""


def test_a_look_that_was_overtaken_by_a_new_connection_writes_nothing_more(
    integration: ProcoreIntegration, company: Company, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Procore.try_reading_invoices

    def meanwhile(self: Procore, project_id: int) -> None:
        monkeypatch.setattr(Procore, "try_reading_invoices", tried)
        given = connecting.Credentials("custom", emulated.COMPANY_ID, emulated.CLIENT_ID, emulated.CLIENT_SECRET)
        connecting.connect(company, given, user=admin)

    monkeypatch.setattr(Procore, "try_reading_invoices", meanwhile)
    integration.check_soon()
    ProcoreIntegration.objects.filter(pk=integration.pk).update(lease_until=None)
    [taken] = queue.take_due(ProcoreIntegration, company.pk, lease=timedelta(minutes=2))
    with pytest.raises(Taken):
        keeping.check(taken)
    integration.refresh_from_db()
    assert (integration.steps, integration.check_started_at) == ([], None)
    assert integration.is_being_checked


def test_a_crash_inside_a_look_is_on_screen_and_tried_again(
    integration: ProcoreIntegration, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(keeping, "check", broken)
    integration.check_soon()
    check_due(company_id=company.pk)
    integration.refresh_from_db()
    assert "Reference" in integration.check_result
    assert integration.next_at is not None


def test_sweeps_go_on_while_hooks_are_missing(
    integration: ProcoreIntegration, quickbooks: Integration, procore: ProcoreEmulator, admin: User, company: Company
) -> None:
    procore.switches(webhooks_api_permitted=False)
    mirroring.set_to(integration, True, user=admin)
    look_again(integration)
    sweep_due(company_id=company.pk)
    project = ProcoreProject.objects.order_by("pk")[0]
    assert project.swept_at is not None
    # A good sweep does not hide that the hook is missing.
    assert project.hook_problem


def test_an_invoice_made_here_can_name_a_project_before_any_was_imported(
    integration: ProcoreIntegration, procore: ProcoreEmulator, accountant: User, as_user: Any
) -> None:
    made = procore.create_project(company_id=integration.procore_company_id, name="Quarry Road Depot")
    look_again(integration)
    names = set(Project.objects.filter(company=integration.company).values_list("procore_id", "name"))
    assert names == set(ProcoreProject.objects.values_list("procore_id", "name"))
    assert made["id"] in {procore_id for procore_id, _ in names}
    assert "Quarry Road Depot" in as_user(accountant).get("/invoices/new/").content.decode()
