"""I3: an event delivered many times, in any order, by several workers at once, has the effect of once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.product import running_product
from tests.support.verdict import judge, wait_for

APPROVALS = 100


@pytest.mark.system
@pytest.mark.timeout(600)
@pytest.mark.parametrize("disturbed", [False, True], ids=["in peace", "worker killed and Valkey emptied"])
def test_i3(disturbed: bool, tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Two workers, every webhook three times in random order, stale readings mixed in: exactly one bill each."""
    with running_product(tmp_path, workers=2) as product:
        product.switch_on()
        product.procore.switches(duplicate=3, shuffle=True)
        product.procore.fault("stale_read", method="GET", path="/rest/v1.1/requisitions/", probability=0.05)
        ids = [row["id"] for row in product.procore.create_many(APPROVALS, status="under_review")]
        time.sleep(3)  # what is approved within two seconds of its creation cannot be told from it by its time
        for number, procore_id in enumerate(ids):
            product.procore.approve(procore_id)
            if disturbed and number in (APPROVALS // 3, APPROVALS // 2):
                product.processes["worker0"].kill()
                product.flush_valkey()
                product.start_worker("worker0")
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=150)
        deliveries = product.rows("SELECT count(*), sum(times_received) FROM procore_sync_webhookdelivery")[0]
        regressions = product.rows("SELECT count(*) FROM invoices_invoice WHERE source_state <> 'as_imported'")[0][0]
        stale = product.procore.hits().get("stale_read", 0)
    figures(
        f"{verdict} · events {deliveries[0]} delivered {deliveries[1]} times · stale readings {stale} · "
        f"regressions {regressions}"
    )
    assert verdict.is_right
    assert deliveries[1] > deliveries[0] * 2
    assert stale > 0
    assert regressions == 0
