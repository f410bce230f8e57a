"""Promise tests run the whole product as processes; each prints the figures it saw."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def figures(capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print one line past pytest's capture, so that it stands in CI's log."""

    def show(line: str) -> None:
        with capfd.disabled():
            print(f"\n{request.node.name}: {line}", flush=True)

    return show
