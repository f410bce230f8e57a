"""I19: another version takes over under load, is taken back and takes over again: nothing lost, nobody refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns import deploy

ROUNDS = 3  # `./run faults deploy` does twenty


@pytest.mark.system
@pytest.mark.timeout(800)
def test_i19(tmp_path: Path, figures: Callable[[str], None]) -> None:
    found = deploy.run(tmp_path, ROUNDS)
    figures(str(found))
    assert found.is_right, found
