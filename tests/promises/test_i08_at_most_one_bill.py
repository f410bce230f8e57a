"""I8: an invoice becomes at most one bill in QuickBooks Online, whatever the answer was, and each guard is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns import guards, quickbooks

BILLS = 50


@pytest.mark.system
@pytest.mark.timeout(600)
def test_i8(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Every fault before, during and after QuickBooks commits, request ids ignored, workers killed at each point."""
    setting = quickbooks.Setting(honoured=False, loaded=True)
    found = quickbooks.run(tmp_path, setting, BILLS, each=1, seed=1, patience=400)
    figures(str(found))
    figures(" ".join(f"{name} {times}" for name, times in sorted(found.hits.items())))
    assert found.verdict.is_right
    assert not found.missed


@pytest.mark.system
@pytest.mark.parametrize("name", sorted(guards.GUARDS))
def test_without_a_guard_the_storm_shows(name: str, tmp_path: Path, figures: Callable[[str], None]) -> None:
    """The same few bills in the same storm, from a copy of the product in which one guard is missing."""
    verdict = guards.run(tmp_path, name)
    figures(f"without {name}: {verdict}")
    assert verdict.duplicated
