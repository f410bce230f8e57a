"""Rotating the webhook secret: Procore goes on delivering, and no delivery is turned away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from companies.models import AuditEvent, Company, User
from procore_sync import hooks
from procore_sync.models import ProcoreIntegration, ProcoreProject, WebhookDelivery
from procore_sync.tasks import check_due
from tests.support import connected, work
from tests.support.emulated import ProcoreEmulator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def integration(
    live_server: Any, settings: Any, procore: ProcoreEmulator, company: Company, admin: User
) -> ProcoreIntegration:
    """Connected, with our door open on a socket."""
    settings.PUBLIC_URL = live_server.url
    return connected.procore(company, admin)


@contextmanager
def streaming(procore: ProcoreEmulator) -> Iterator[list[int]]:
    """Invoices are made in Procore all the time, in every project."""
    made: list[int] = []
    over = threading.Event()

    def make() -> None:
        while not over.is_set():
            made.append(int(procore.create(status="under_review")["id"]))

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()


def answers(procore: ProcoreEmulator) -> list[Any]:
    return [
        attempt["response_status"]
        for delivery in procore.get("deliveries")
        for attempt in delivery["delivery_attempts"]
    ]


def secrets_in_use(procore: ProcoreEmulator) -> set[str]:
    return {hook["authorization"] for hook in procore.get("hooks")}


def test_deliveries_stream_in_during_a_rotation_that_crashes_half_way_and_none_is_refused(
    integration: ProcoreIntegration, procore: ProcoreEmulator, company: Company, admin: User
) -> None:
    [old] = secrets_in_use(procore)
    with streaming(procore) as made:
        hooks.rotate(integration, user=admin)
        procore.create(status="under_review")
        assert secrets_in_use(procore) == {old}
        # It breaks down when the company's hook and those of two projects have the new secret.
        later = "|".join(str(project.procore_id) for project in ProcoreProject.objects.order_by("pk")[2:])
        rule = procore.fault("500", method="PATCH", path=f"/projects/({later})/webhooks/hooks/")
        check_due(company_id=company.pk)
        procore.delete(f"faults/{rule}")
        assert len(secrets_in_use(procore)) == 2
        halfway = ProcoreIntegration.objects.get()
        assert halfway.previous_hook_secret_sha256
        assert halfway.previous_hook_secret_until is None
        # The next look finishes it.
        halfway.check_soon()
        work.check(halfway)
    assert procore.post("quiet")["quiet"]
    [new] = secrets_in_use(procore)
    assert new != old
    assert len(made) > 5
    assert set(answers(procore)) == {200}
    assert WebhookDelivery.objects.count() == len(procore.get("deliveries"))
    after = ProcoreIntegration.objects.get()
    assert after.previous_hook_secret_until is not None
    assert timedelta(hours=23) < after.previous_hook_secret_until - timezone.now() < timedelta(hours=25)
    assert AuditEvent.objects.filter(verb="procore.secret_rotated", user=admin).count() == 1


def test_the_old_secret_is_refused_and_forgotten_after_its_last_day(
    integration: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    [old] = secrets_in_use(procore)
    hooks.rotate(integration, user=admin)
    work.check(integration)
    integration.refresh_from_db()
    assert integration.accepts(old.encode())
    ProcoreIntegration.objects.update(previous_hook_secret_until=timezone.now() - timedelta(seconds=1))
    integration.refresh_from_db()
    assert not integration.accepts(old.encode())
    integration.check_soon()
    work.check(integration)
    assert (integration.previous_hook_secret_sha256, integration.previous_hook_secret_until) == ("", None)
    hooks.rotate(integration, user=admin)


def test_a_hook_that_cannot_be_reached_keeps_the_old_secret_good_and_a_third_one_away(
    integration: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    [old] = secrets_in_use(procore)
    project = ProcoreProject.objects.order_by("pk")[0]
    procore.fault("403", path=f"project_id={project.procore_id}")
    hooks.rotate(integration, user=admin)
    work.check(integration)
    integration.refresh_from_db()
    assert integration.previous_hook_secret_until is None
    assert integration.accepts(old.encode())
    with pytest.raises(hooks.CannotRotate, match=str(project)):
        hooks.rotate(integration, user=admin)


def test_the_hook_of_a_closed_project_is_given_the_secret_too(
    integration: ProcoreIntegration, procore: ProcoreEmulator, admin: User
) -> None:
    project = ProcoreProject.objects.order_by("pk")[0]
    procore.patch(f"projects/{project.procore_id}", {"active": False})
    hooks.rotate(integration, user=admin)
    work.check(integration)
    project.refresh_from_db()
    assert not project.is_open
    assert len(secrets_in_use(procore)) == 1
    assert ProcoreIntegration.objects.get().previous_hook_secret_until is not None


def test_only_the_button_of_an_admin_rotates(
    integration: ProcoreIntegration, admin: User, accountant: User, as_user: Any
) -> None:
    before = ProcoreIntegration.objects.get().hook_secret
    assert as_user(accountant).post("/settings/procore/secret/").status_code == 403
    assert ProcoreIntegration.objects.get().hook_secret == before
    client = as_user(admin)
    answer = client.post("/settings/procore/secret/", follow=True)
    assert "No message from Procore is lost meanwhile" in answer.content.decode()
    assert ProcoreIntegration.objects.get().hook_secret != before
    assert "still under way" in client.post("/settings/procore/secret/", follow=True).content.decode()
