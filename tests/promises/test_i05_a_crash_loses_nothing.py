"""I5: a crash at any point loses nothing, and makes nothing twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Product, running_product
from tests.support.verdict import judge, wait_for

PER_POINT = 8
POINTS = (
    "import.after_take",
    "import.after_fetch",
    "import.before_commit",
    "import.after_commit",
    "post.after_take",
    "post.after_start",
    "post.after_send",
    "post.before_settle",
    "post.after_settle",
)


# Shorter still than in the other tests, because here every kill waits for a lease to run out.
LEASES = {
    "TURN_LEASE_SECONDS": "2",
    "IMPORT_LEASE_SECONDS": "2",
    "QBO_TIMEOUT_SECONDS": "1",
    "QBO_QUARANTINE_SECONDS": "1.5",
    "QBO_LEASE_SECONDS": "2.5",
}


@pytest.mark.system
@pytest.mark.timeout(600)
def test_i5(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Both workers die by SIGKILL at each named point in turn, and Valkey is emptied; then all must be right."""
    log = tmp_path / "faultpoints"
    log.touch()
    ids: list[Any] = []
    with running_product(tmp_path, workers=0, env=LEASES) as product:
        product.switch_on()
        for point in POINTS:
            for name in ("worker0", "worker1"):
                product.start_worker(name, env={"FAULTPOINTS": f"{point}=kill:1", "FAULTPOINT_LOG": str(log)})
            for record in product.procore.create_many(PER_POINT, status="under_review"):
                ids.append(record["id"])
                product.procore.approve(record["id"])
            _until_both_are_dead(product)
            product.flush_valkey()
        for name in ("worker0", "worker1"):
            product.start_worker(name)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=120)
    hits = Counter(log.read_text().split())
    figures(f"{verdict} · kills {sum(hits.values())} {dict(sorted(hits.items()))}")
    assert verdict.is_right
    assert set(hits) == set(POINTS), f"never hit: {set(POINTS) - set(hits)}"


def _until_both_are_dead(product: Product) -> None:
    deadline = time.monotonic() + 40
    while any(product.processes[name].alive for name in ("worker0", "worker1")) and time.monotonic() < deadline:
        time.sleep(0.1)
    for name in ("worker0", "worker1"):
        product.processes[name].kill()
