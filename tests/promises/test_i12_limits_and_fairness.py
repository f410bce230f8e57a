"""I12: we stay inside a provider's limits, and one company cannot starve another; Procore's limits and QuickBooks'."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns import backlog
from tests.support.emulated import REALM
from tests.support.product import running_product
from tests.support.verdict import judge, wait_for

BACKLOG = 120
OTHERS = 8


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(500)
def test_i12_procore(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """A backlog that takes one company minutes at Procore's limit; another company's approvals come in seconds."""
    found = backlog.run(tmp_path, BACKLOG, patience=300, sweep_seconds=10)
    figures(str(found))
    assert found.verdict.is_right
    assert found.refused <= 2
    assert found.in_the_way, "the backlog was gone too soon to prove anything"
    assert max(found.waits) < backlog.LONGEST


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(500)
def test_i12_quickbooks(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """A backlog of bills in one company, at the limits Intuit documents and with 400 ms a bill; another's come soon."""
    with running_product(tmp_path, workers=2) as product:
        backlog.switch_both_on(product)
        product.intuit.switches(limits="documented", latency_by_kind="bill.create=400")
        ids = [row["id"] for row in product.procore.create_many(BACKLOG, status="under_review")]
        for procore_id in ids:
            product.procore.approve(procore_id)
        waits = [backlog.wait_of_one(product) for _ in range(OTHERS)]
        behind = judge(product.procore, product.intuit, ids)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=240)
        traffic = product.intuit.traffic()[REALM]
    figures(
        f"backlog: {verdict} · calls {traffic['calls']} · 429s {traffic['throttled']} · in flight at most "
        f"{traffic['most_in_flight']} · while {len(behind.lost)} still waited, the other company's {OTHERS} took "
        f"{statistics.median(waits):.1f} s, at most {max(waits):.1f} s"
    )
    assert verdict.is_right
    assert traffic["throttled"] == 0
    assert 2 <= traffic["most_in_flight"] <= 8
    assert behind.lost, "the backlog was gone too soon to prove anything"
    assert max(waits) < backlog.LONGEST
