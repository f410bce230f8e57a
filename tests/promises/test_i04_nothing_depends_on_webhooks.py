"""I4: an approved invoice is imported even if no webhook ever arrives."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.product import running_product
from tests.support.verdict import judge, wait_for

APPROVALS = 60


@pytest.mark.system
@pytest.mark.timeout(400)
def test_i4(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Every webhook dropped: the sweep brings everything."""
    with running_product(tmp_path, env={"SWEEP_PROJECT_SECONDS": "3"}) as product:
        product.switch_on()
        product.procore.switches(drop=100)
        ids = [row["id"] for row in product.procore.create_many(APPROVALS, status="under_review")]
        started = time.monotonic()
        for procore_id in ids:
            product.procore.approve(procore_id)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=120)
        took = time.monotonic() - started
        heard = product.rows("SELECT count(*) FROM procore_sync_webhookdelivery")[0][0]
    figures(f"{verdict} · webhooks that arrived {heard} · all there after {took:.0f} s with a sweep every 3 s")
    assert verdict.is_right
    assert heard == 0
