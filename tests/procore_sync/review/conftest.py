"""The switch, turned on, and nobody but the test rings."""

from __future__ import annotations

import pytest

from accounting.models import Integration
from companies.models import User
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration
from tests.support import work


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration
