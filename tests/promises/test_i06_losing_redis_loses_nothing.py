"""I6: losing Redis or all its content loses nothing, and never slows the webhook's answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

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
