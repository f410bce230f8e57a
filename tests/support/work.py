"""Drains due work in this process, with the very functions the workers run."""

from __future__ import annotations

from typing import Any

from accounting.tasks import post_due
from companies.models import Company
from procore_sync.tasks import import_due


def drain(company: Company, turns: int = 20) -> None:
    """Import and post until nothing more happens."""
    for _ in range(turns):
        import_due(company_id=company.pk)
        post_due(company_id=company.pk)


def no_bell(monkeypatch: Any) -> None:
    """Work is drained by hand in these tests; nothing is published."""
    monkeypatch.setattr("inbuild.queue._bell.ring", lambda *_: None)
