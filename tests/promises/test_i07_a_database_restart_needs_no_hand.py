"""I7: a PostgreSQL restart loses nothing and needs no hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.product import running_product
from tests.support.verdict import judge, wait_for

RESTARTS = 4


@pytest.mark.system
@pytest.mark.timeout(400)
def test_i7(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with running_product(tmp_path, workers=2) as product:
        product.switch_on()
        product.procore.switches(time_scale=20)
        ids = [row["id"] for row in product.procore.create_many(60, status="under_review")]
        for number in range(RESTARTS):
            for procore_id in ids[number * 10 : number * 10 + 10]:
                product.procore.approve(procore_id)
            time.sleep(0.5)
            product.database.stop(mode="immediate")
            product.database.start()
            time.sleep(1)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=150)
        alive = all(child.alive for child in product.processes.values())
    figures(f"{verdict} · restarts {RESTARTS} · manual actions 0")
    assert verdict.is_right
    assert alive
