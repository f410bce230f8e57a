"""I12: we stay inside a provider's limits, and one company cannot starve another; Procore's limits and QuickBooks'."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher import walk
from launcher.walk import NORTHGATE, RIDGELINE
from tests.support.emulated import OTHER_REALM, REALM
from tests.support.product import Product, running_product
from tests.support.verdict import judge, wait_for

BACKLOG = 200
OTHERS = 8
PER_TEN_SECONDS = 60


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(500)
def test_i12_procore(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """A backlog that takes one company minutes at Procore's limit; another company's approvals come in seconds."""
    with running_product(tmp_path, workers=2, env={"SWEEP_PROJECT_SECONDS": "10"}) as product:
        other_admin = product.sign_ins["outsider"]
        walk.connect_everything(product.addresses, other_admin, RIDGELINE)
        product.switch_on()
        walk.switch_on(walk.signed_in(product.addresses, other_admin))
        _settle(product)
        product.procore.switches(
            rate_limit_scope="company",
            rate_limit_companies={NORTHGATE.procore_company_id: {"hourly": 1_000_000, "spike": PER_TEN_SECONDS}},
        )
        product.procore.delete("rate_limits")
        backlog = [row["id"] for row in product.procore.create_many(BACKLOG, status="under_review")]
        for procore_id in backlog:
            product.procore.approve(procore_id)
        waits = [_wait_of_one(product) for _ in range(OTHERS)]
        behind = judge(product.procore, product.intuit, backlog)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, backlog), seconds=240)
        counted = product.procore.get("rate_limits")["companies"][NORTHGATE.procore_company_id]
    figures(
        f"backlog: {verdict} · calls {counted['calls']} · 429s {counted['refused']} · while {len(behind.lost)} still "
        f"waited, the other company's {OTHERS} took {statistics.median(waits):.1f} s, at most {max(waits):.1f} s"
    )
    assert verdict.is_right
    assert counted["refused"] <= 2
    assert behind.lost, "the backlog was gone too soon to prove anything"
    assert max(waits) < 20


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(500)
def test_i12_quickbooks(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """A backlog of bills in one company, at the limits Intuit documents and with 400 ms a bill; another's come soon."""
    with running_product(tmp_path, workers=2) as product:
        other_admin = product.sign_ins["outsider"]
        walk.connect_everything(product.addresses, other_admin, RIDGELINE)
        product.switch_on()
        walk.switch_on(walk.signed_in(product.addresses, other_admin))
        _settle(product)
        product.intuit.switches(limits="documented", latency_by_kind="bill.create=400")
        backlog = [row["id"] for row in product.procore.create_many(BACKLOG, status="under_review")]
        for procore_id in backlog:
            product.procore.approve(procore_id)
        waits = [_wait_of_one(product) for _ in range(OTHERS)]
        behind = judge(product.procore, product.intuit, backlog)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, backlog), seconds=240)
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
    assert max(waits) < 20


def _wait_of_one(product: Product) -> float:
    """How long an approval in the other company takes to become a bill in the other company's books."""
    record: Any = product.procore.create(status="under_review", company_id=int(RIDGELINE.procore_company_id))
    before = len(product.intuit.bills(OTHER_REALM))
    product.procore.approve(record["id"])
    started = time.monotonic()
    while len(product.intuit.bills(OTHER_REALM)) == before and time.monotonic() < started + 60:
        time.sleep(0.1)
    return time.monotonic() - started


def _settle(product: Product) -> None:
    """Until the compare that switching on asks for is done: it is not what is measured."""
    until = time.monotonic() + 90
    open_work = (
        "SELECT (SELECT count(*) FROM procore_sync_procoreproject WHERE compared_at IS NULL AND is_open) "
        "+ (SELECT count(*) FROM procore_sync_procoreinvoice WHERE next_at < now())"
    )
    while product.rows(open_work)[0][0] and time.monotonic() < until:
        time.sleep(0.5)
