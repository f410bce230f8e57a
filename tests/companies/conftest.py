"""Nobody in these tests has tried a password before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _begin_anew() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()
