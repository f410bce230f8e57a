"""Approvals in Procore under bad weather: webhooks dropped, repeated, or late and out of order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.product import Product, running_product
from tests.support.verdict import Verdict, judge, wait_for

WEATHER: Mapping[str, Mapping[str, Any]] = {
    "every webhook dropped": {"drop": 100},
    "30 % of the webhooks twice": {"duplicate_percent": 30},
    "30 % of the webhooks late and out of order": {"shuffle_percent": 30},
}
# One in five is a direct cost, as companies have both.
DIRECT_COSTS = 5


@dataclass(frozen=True)
class Run:
    weather: str
    verdict: Verdict
    imported: int
    heard: int
    seconds: float

    def __str__(self) -> str:
        seen = self.verdict
        return (
            f"{self.weather}: approved {seen.approved} · imported {self.imported} · posted {seen.bills} · "
            f"lost {len(seen.lost)} · duplicated {len(seen.duplicated)} · wrong {len(seen.wrong)} · "
            f"webhooks that arrived {self.heard} · {self.seconds:.0f} s"
        )


def run(folder: Path, weather: str, approvals: int, *, seed: int, patience: float) -> Run:
    """A whole product of its own: approve, wait until nothing is missing, and judge by the emulators' ledgers."""
    with running_product(folder, workers=2, env={"SWEEP_PROJECT_SECONDS": "5"}) as product:
        product.switch_on()
        product.procore.switches(**WEATHER[weather], weather_seed=seed)
        started = time.monotonic()
        ids = approve(product, approvals, seed=seed)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=patience)
        seconds = time.monotonic() - started
        heard = product.rows("SELECT coalesce(sum(times_received), 0) FROM procore_sync_webhookdelivery")[0][0]
        imported = product.rows(
            "SELECT count(*) FROM procore_sync_procoreinvoice WHERE decision = 'imported' AND procore_id = ANY(%s)", ids
        )[0][0]
    return Run(weather, verdict, int(imported), int(heard), seconds)


def approve(product: Product, approvals: int, *, seed: int) -> list[int]:
    """Invoices and direct costs under review, each approved in its turn, in an order that the seed decides."""
    costs = approvals // DIRECT_COSTS
    invoices = product.procore.create_many(approvals - costs, status="under_review")
    direct = product.procore.create_many_direct_costs(costs, type="invoice", status="pending") if costs else []
    steps: list[tuple[Callable[[int], None], int]] = [(product.procore.approve, int(row["id"])) for row in invoices]
    steps += [(product.procore.approve_direct_cost, int(row["id"])) for row in direct]
    random.Random(seed).shuffle(steps)
    for step, procore_id in steps:
        step(procore_id)
    return [procore_id for _, procore_id in steps]


def main(*, approvals: int, seed: int, folder: Path) -> bool:
    """All three kinds of weather, one line each; True when nothing was lost, doubled or wrong."""
    good = True
    for number, weather in enumerate(WEATHER):
        place = folder / str(number)
        place.mkdir()
        found = run(place, weather, approvals, seed=seed, patience=600)
        print(found, flush=True)
        good = good and found.verdict.is_right and found.imported == found.verdict.approved
    return good
