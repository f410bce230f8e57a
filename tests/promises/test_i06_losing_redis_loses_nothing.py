"""I6: losing Redis or all its content loses nothing, and never slows the webhook's answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
import requests
from celery import Celery

from launcher.processes import Child
from tests.support.product import Product, running_product
from tests.support.verdict import judge, wait_for


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(400)
def test_i6(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with running_product(tmp_path) as product:
        product.switch_on()
        ids = [row["id"] for row in product.procore.create_many(60, status="under_review")]
        for number, procore_id in enumerate(ids):
            product.procore.approve(procore_id)
            if number % 5 == 0:
                product.flush_valkey()
        product.valkey.freeze()
        frozen = _slowest(product, "frozen")
        product.valkey.thaw()
        product.valkey.kill()
        gone = _slowest(product, "gone")
        late = [row["id"] for row in product.procore.create_many(20, status="under_review")]
        for procore_id in late:
            product.procore.approve(procore_id)
        time.sleep(2)
        product.valkey.start()
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids + late), seconds=120)
    figures(f"{verdict} · slowest webhook answer with Valkey frozen {frozen * 1000:.0f} ms, gone {gone * 1000:.0f} ms")
    assert verdict.is_right
    assert max(frozen, gone) < 1.5


def _slowest(product: Product, label: str) -> float:
    url, secret = product.hook()
    times = []
    for number in range(30):
        body = json.dumps(
            {"id": f"{label}-{number}", "resource_type": "X", "reason": "y", "resource_id": 1, "company_id": 1}
        )
        started = time.monotonic()
        assert requests.post(url, data=body, headers={"Authorization": secret}, timeout=10).status_code == 200
        times.append(time.monotonic() - started)
    return max(times)


@pytest.mark.system
@pytest.mark.timeout(300)
def test_i6_workers_live_through_it(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Redis goes ten times while messages lie inside a worker that have not begun; the same process works on."""
    inside = []
    with running_product(tmp_path, beat=False, connected=False) as product:
        worker = product.processes["worker0"]
        for _ in range(10):
            with psycopg.connect(product.database.url) as holding:
                holding.execute("LOCK TABLE procore_sync_procoreintegration IN ACCESS EXCLUSIVE MODE")
                inside.append(_fill_the_worker(product))
                product.valkey.kill()
                time.sleep(0.3)
            product.valkey.start()
            _ring_once_and_wait(product, worker)
            assert worker.alive
    figures(
        f"Redis gone {len(inside)} times · messages inside the worker {min(inside)} to {max(inside)} · workers ended 0"
    )


def _fill_the_worker(product: Product) -> int:
    """Messages that it has taken and not begun, because all its threads wait for the database."""
    _ring(product, 24)
    with redis.Redis.from_url(product.valkey.url) as client:
        _until(lambda: client.hlen("unacked") >= 4)
        return int(client.hlen("unacked"))


def _ring(product: Product, times: int) -> None:
    with Celery(broker=product.valkey.url) as bell:
        for _ in range(times):
            bell.send_task("procore_sync.sweep", ignore_result=True)


def _ring_once_and_wait(product: Product, worker: Child) -> None:
    def done() -> int:
        return product.log("worker0").count("succeeded")

    before = done()
    _ring(product, 1)
    _until(lambda: done() > before or not worker.alive)


def _until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
