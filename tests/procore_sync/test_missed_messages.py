"""A change that no message told of comes all the same, and makes inBuild look whether the hook is still there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounting.models import Integration
from companies.models import User
from procore_sync import mirroring, sweeping
from procore_sync.models import ProcoreIntegration, ProcoreProject
from procore_sync.tasks import sweep_due
from tests.support import work
from tests.support.emulated import ProcoreEmulator

pytestmark = pytest.mark.django_db
HOURS = timedelta(hours=2)


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)
    monkeypatch.setattr(sweeping, "A_MESSAGE_TAKES", timedelta(seconds=-5))


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


def swept(integration: ProcoreIntegration, **facts: object) -> bool:
    """Sweep all projects, looked at two hours ago; is the connection looked at because of it?"""
    ProcoreIntegration.objects.update(checked_at=Now() - HOURS, next_at=Now() + HOURS)
    ProcoreProject.objects.update(**{"hook_id": "7", "checked_at": Now() - HOURS, "next_at": Now(), **facts})
    sweep_due(company_id=integration.company_id)
    return ProcoreIntegration.objects.filter(next_at__lte=Now()).exists()


def test_nothing_changed(procore: ProcoreEmulator, switched_on: ProcoreIntegration) -> None:
    assert not swept(switched_on, checked_at=Now() + HOURS)


def test_a_change_nobody_told_of(procore: ProcoreEmulator, switched_on: ProcoreIntegration) -> None:
    procore.approve(procore.create(status="under_review")["id"])
    assert swept(switched_on, last_delivery_at=Now() - HOURS)


def test_a_change_that_was_told_of(procore: ProcoreEmulator, switched_on: ProcoreIntegration) -> None:
    procore.approve(procore.create(status="under_review")["id"])
    assert not swept(switched_on, last_delivery_at=Now() + HOURS)


def test_at_most_one_look_an_hour(procore: ProcoreEmulator, switched_on: ProcoreIntegration) -> None:
    procore.approve(procore.create(status="under_review")["id"])
    assert swept(switched_on, last_delivery_at=Now() - HOURS)
    ProcoreIntegration.objects.update(checked_at=Now(), next_at=Now() + HOURS)
    ProcoreProject.objects.update(next_at=Now())
    sweep_due(company_id=switched_on.company_id)
    assert not ProcoreIntegration.objects.filter(next_at__lte=Now()).exists()
