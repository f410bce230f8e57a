"""I4: an approved invoice is imported even if no webhook ever arrives. A short round of `./run faults procore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns import procore

APPROVALS = 40


@pytest.mark.system
@pytest.mark.timeout(400)
@pytest.mark.parametrize("weather", procore.WEATHER)
def test_i4(weather: str, tmp_path: Path, figures: Callable[[str], None]) -> None:
    found = procore.run(tmp_path, weather, APPROVALS, seed=4, patience=120)
    figures(str(found))
    assert found.verdict.is_right
    assert found.imported == APPROVALS
    assert (found.heard == 0) == (weather == "every webhook dropped")
