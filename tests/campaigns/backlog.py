"""A backlog that takes one company long at Procore's limit, while another company's approvals go on coming."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher import walk
from launcher.walk import NORTHGATE, RIDGELINE
from tests.support.emulated import OTHER_REALM
from tests.support.product import Product, running_product
from tests.support.verdict import Verdict, judge

PER_TEN_SECONDS = 60
LONGEST = 20.0
AT_ONCE = 200
ROUND = 8


@dataclass
class Backlog:
    """What was seen of it, all of it in the emulators' ledgers."""

    verdict: Verdict
    seconds: float
    calls: int
    refused: int
    waits: list[float] = field(default_factory=list)
    in_the_way: int = 0

    def __str__(self) -> str:
        return (
            f"backlog: {self.verdict} · calls {self.calls} · 429s {self.refused} · {self.seconds:.0f} s · while at "
            f"least {self.in_the_way} still waited, the other company's {len(self.waits)} took "
            f"{statistics.median(self.waits):.1f} s, at most {max(self.waits):.1f} s"
        )

    @property
    def is_right(self) -> bool:
        return self.verdict.is_right and self.refused <= 2 and self.in_the_way > 0 and max(self.waits) < LONGEST


def run(folder: Path, approvals: int, *, patience: float, sweep_seconds: int = 900) -> Backlog:
    """A whole product with two companies: approve at once in one, then one by one in the other until that is done."""
    with running_product(folder, workers=2, env={"SWEEP_PROJECT_SECONDS": str(sweep_seconds)}) as product:
        switch_both_on(product)
        product.procore.switches(
            rate_limit_scope="company",
            rate_limit_companies={NORTHGATE.procore_company_id: {"hourly": 1_000_000, "spike": PER_TEN_SECONDS}},
        )
        product.procore.delete("rate_limits")
        ids: list[int] = []
        while len(ids) < approvals:
            some = product.procore.create_many(min(AT_ONCE, approvals - len(ids)), status="under_review")
            ids += [int(row["id"]) for row in some]
        for procore_id in ids:
            product.procore.approve(procore_id)
        return _watched(product, ids, patience)


def _watched(product: Product, ids: list[int], patience: float) -> Backlog:
    started, waits, in_the_way = time.monotonic(), list[float](), 0
    verdict = judge(product.procore, product.intuit, ids)
    while not verdict.is_right and time.monotonic() < started + patience:
        if not waits or len(verdict.lost) > ROUND:
            some = [wait_of_one(product) for _ in range(ROUND)]
            verdict = judge(product.procore, product.intuit, ids)
            if verdict.lost:
                waits, in_the_way = waits + some, len(verdict.lost)
        else:
            time.sleep(1)
            verdict = judge(product.procore, product.intuit, ids)
    counted = product.procore.get("rate_limits")["companies"][NORTHGATE.procore_company_id]
    seconds = time.monotonic() - started
    return Backlog(verdict, seconds, counted["calls"], counted["refused"], waits, in_the_way)


def switch_both_on(product: Product) -> None:
    """Both companies connected and mirroring, and the compare that switching on asks for done: it is not measured."""
    other_admin = product.sign_ins["outsider"]
    walk.connect_everything(product.addresses, other_admin, RIDGELINE)
    product.switch_on()
    walk.switch_on(walk.signed_in(product.addresses, other_admin))
    until = time.monotonic() + 90
    open_work = (
        "SELECT (SELECT count(*) FROM procore_sync_procoreproject WHERE compared_at IS NULL AND is_open) "
        "+ (SELECT count(*) FROM procore_sync_procoreinvoice WHERE next_at < now())"
    )
    while product.rows(open_work)[0][0] and time.monotonic() < until:
        time.sleep(0.5)


def wait_of_one(product: Product) -> float:
    """How long an approval in the other company takes to become a bill in its books; 60 s is for ever."""
    record: Any = product.procore.create(status="under_review", company_id=int(RIDGELINE.procore_company_id))
    before = len(product.intuit.bills(OTHER_REALM))
    product.procore.approve(record["id"])
    started = time.monotonic()
    while len(product.intuit.bills(OTHER_REALM)) == before and time.monotonic() < started + 60:
        time.sleep(0.1)
    return time.monotonic() - started


def main(*, approvals: int, folder: Path) -> bool:
    """One line; True when nothing was lost, doubled or wrong, no limit broken, and nobody else waited."""
    found = run(folder, approvals, patience=60 + approvals * 1.5)
    print(found, flush=True)
    return found.is_right
