"""I5: a crash at any point loses nothing, and makes nothing twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.product import Product, running_product
from tests.support.verdict import judge, wait_for

APPROVALS = 120
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


@pytest.mark.system
@pytest.mark.timeout(600)
def test_i5(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Workers kill themselves at every named point, are killed from outside, and Valkey is emptied meanwhile."""
    log = tmp_path / "faultpoints"
    env = {"FAULTPOINTS": ",".join(f"{name}=kill:0.02" for name in POINTS), "FAULTPOINT_LOG": str(log)}
    with running_product(tmp_path, workers=0) as product:
        product.switch_on()
        for name in ("worker0", "worker1"):
            product.start_worker(name, env=env)
        ids = [row["id"] for row in product.procore.create_many(APPROVALS, status="under_review")]
        for procore_id in ids:
            product.procore.approve(procore_id)
        outside = _disturb(product, env, log)
        for name in ("worker0", "worker1"):
            product.processes[name].kill()
            product.start_worker(name)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=150)
    hits = Counter(log.read_text().split())
    figures(
        f"{verdict} · kills at fault points {sum(hits.values())} {dict(sorted(hits.items()))} · from outside {outside}"
    )
    assert verdict.is_right
    assert set(hits) == set(POINTS), f"never hit: {set(POINTS) - set(hits)}"


def _disturb(product: Product, env: dict[str, str], log: Path) -> int:
    """Restart workers as they die, kill some, empty Valkey; until every point was hit, three minutes at most."""
    chance, outside, until = random.Random(5), 0, time.monotonic() + 180
    while time.monotonic() < until:
        time.sleep(0.5)
        for name in ("worker0", "worker1"):
            if not product.processes[name].alive:
                product.start_worker(name, env=env)
            elif chance.random() < 0.04:
                product.processes[name].kill()
                outside += 1
        if chance.random() < 0.2:
            product.flush_valkey()
        missing = set(POINTS) - set(log.read_text().split() if log.exists() else [])
        if not missing:
            break
        left = product.rows("SELECT count(*) FROM accounting_bill WHERE state IN ('ready', 'sending', 'checking')")[0][
            0
        ]
        if left < 5:
            for row in product.procore.create_many(20, status="under_review"):
                product.procore.approve(row["id"])
    return outside
