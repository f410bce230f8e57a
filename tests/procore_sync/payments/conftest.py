"""A posted invoice whose payments are told, and nobody but the test rings."""

from __future__ import annotations

import pytest

from accounting.models import Integration
from companies.models import User
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration
from tests.procore_sync.payments.given import Paid
from tests.procore_sync.test_following import posted
from tests.support import work
from tests.support.emulated import IntuitEmulator, ProcoreEmulator


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def paid(
    procore_integration: ProcoreIntegration,
    quickbooks: Integration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    admin: User,
) -> Paid:
    mirroring.set_to(procore_integration, True, user=admin)
    record, invoice = posted(procore_integration, procore)
    given = Paid(procore, intuit, procore_integration, record, invoice)
    given.look()
    return given


@pytest.fixture
def on(paid: Paid, admin: User) -> Paid:
    paid.wants(True, admin)
    return paid
