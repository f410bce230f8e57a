"""Somebody who asks, and nobody but the test rings."""

from __future__ import annotations

from typing import Any

import pytest

from accounting.models import Integration
from companies.models import User
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration
from tests.procore_sync.why.given import words
from tests.support import work


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


@pytest.fixture
def ask(as_user: Any, admin: User) -> Any:
    """Asks as the admin, or as somebody else; gives the words of the answer's part of the page."""

    def asked(text: str = "", *, user: User | None = None, status: int = 200, **given: Any) -> str:
        answer = as_user(user or admin).get("/procore/why/", ({"q": text} if text else {}) | given)
        assert answer.status_code == status, answer.content.decode()
        return words(answer.content.decode())

    return asked
