"""I10: wherever a session of the Web Connector breaks, an invoice is in the company file once; each guard is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns import desktop, desktop_guards

BILLS = 25
# The others take as long and are shown by `./run faults desktop --without`.
SHOWN_HERE = ("look before resending", "question before the first add")


@pytest.mark.system
@pytest.mark.timeout(600)
def test_i10(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Sessions cut at every point before, while and after QuickBooks saves; the web process killed in between."""
    found = desktop.run(tmp_path, BILLS, each=1, chance=0.3, seed=1, patience=400)
    figures(str(found))
    figures(" ".join(f"{name} {times}" for name, times in sorted(found.hits.items())))
    assert found.verdict.is_right
    assert not found.missed
    assert found.webs_killed


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SHOWN_HERE)
def test_without_a_guard_it_shows(name: str, tmp_path: Path, figures: Callable[[str], None]) -> None:
    """A few bills whose sessions are cut where the guard is needed, from a copy of the product that lacks it."""
    verdict = desktop_guards.run(tmp_path, name)
    figures(f"without {name}: {verdict}")
    assert verdict.duplicated
