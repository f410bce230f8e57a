"""I2: an authenticated delivery never gets a 4xx or 5xx because of its content."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.procore_sync.test_webhooks import CORPUS
from tests.support.product import running_product

RANDOM_BODIES = 200


@pytest.mark.system
def test_i2(tmp_path: Path, figures: Callable[[str], None]) -> None:
    chance = random.Random(2)
    bodies = [*CORPUS.values(), *(_spoilt(chance) for _ in range(RANDOM_BODIES))]
    with running_product(tmp_path) as product:
        url, secret = product.hook()
        before = product.rows("SELECT count(*) FROM procore_sync_webhookdelivery")[0][0]
        session = requests.Session()
        statuses = [
            session.post(url, data=body, headers={"Authorization": secret}, timeout=10).status_code for body in bodies
        ]
        rows = product.rows("SELECT count(*), sum(times_received) FROM procore_sync_webhookdelivery")[0]
    figures(
        f"bodies {len(bodies)} · not 200: {sum(status != 200 for status in statuses)} · received {rows[1] - before}"
    )
    assert set(statuses) == {200}
    assert rows[1] - before == len(bodies)


def _spoilt(chance: random.Random) -> bytes:
    """A corpus body with random bytes changed, added or cut out."""
    body = bytearray(chance.choice([value for value in CORPUS.values() if 10 < len(value) < 5000]))
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(body))
        body[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(5))
    return bytes(body)
