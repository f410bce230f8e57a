"""I1: every delivery answered 2xx is committed in PostgreSQL before the answer."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.support.product import Product, running_product

SENDERS, ROUNDS, LEAST = 16, 4, 200
FAULTPOINTS = {"webhook.before_insert", "webhook.after_commit"}


@pytest.mark.system
@pytest.mark.alone
def test_i1(tmp_path: Path, figures: Callable[[str], None]) -> None:
    env = {"FAULTPOINTS": ",".join(f"{point}=kill:0.004" for point in sorted(FAULTPOINTS))}
    points = tmp_path / "faultpoints"
    with running_product(tmp_path, workers=0, beat=False) as product:
        url, secret = product.hook()
        product.processes["web"].kill()
        web_env = env | {"FAULTPOINT_LOG": str(points)}
        product.start_web(env=web_env)
        stop = threading.Event()
        acknowledged: set[str] = set()
        answers: list[tuple[int, float]] = []
        lock = threading.Lock()

        def send(sender: int) -> None:
            number = 0
            session = requests.Session()
            while not stop.is_set():
                number += 1
                key = f"s{sender}n{number}"
                body = json.dumps(
                    {"id": key, "resource_type": "Submittals", "reason": "update", "resource_id": 1, "company_id": 1}
                )
                started = time.monotonic()
                try:
                    status = session.post(url, data=body, headers={"Authorization": secret}, timeout=10).status_code
                except requests.RequestException:
                    time.sleep(0.05)
                    continue
                with lock:
                    answers.append((status, time.monotonic() - started))
                    if status == 200:
                        acknowledged.add(key)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
        for thread in threads:
            thread.start()
        crashes = _crash(product, web_env, is_enough=lambda: len(acknowledged) > LEAST and _hit(points) == FAULTPOINTS)
        stop.set()
        for thread in threads:
            thread.join()
        stored = {
            key.removeprefix("id:") for (key,) in product.rows("SELECT event_key FROM procore_sync_webhookdelivery")
        }
    missing = acknowledged - stored
    times = sorted(seconds for status, seconds in answers if status == 200)
    p99 = times[int(len(times) * 0.99)]
    hit = _hit(points)
    figures(
        f"acknowledged {len(acknowledged)} · missing {len(missing)} · p99 {p99 * 1000:.0f} ms · "
        f"web kills and PostgreSQL crashes {crashes} · fault points hit {sorted(hit)}"
    )
    assert len(acknowledged) > LEAST
    assert not missing
    assert {status for status, _ in answers} <= {200, 503}
    assert hit == FAULTPOINTS


def _hit(points: Path) -> set[str]:
    return set(points.read_text().split()) if points.exists() else set()


def _crash(product: Product, web_env: dict[str, str], *, is_enough: Callable[[], bool]) -> int:
    """Each round: PostgreSQL stopped at once, and the web server killed (it also kills itself at its fault points).

    Goes on, for a minute and a half at most, until it is enough: a slow machine sends less.
    """
    crashes = 0
    started = time.monotonic()
    for number in itertools.count():
        if number >= ROUNDS * 4 and (is_enough() or time.monotonic() > started + 90):
            break
        time.sleep(0.7)
        if not product.processes["web"].alive:
            product.start_web(env=web_env)
            crashes += 1
        elif number % 4 == 1:
            product.database.stop(mode="immediate")
            product.database.start()
            crashes += 1
        elif number % 4 == 3:
            product.processes["web"].kill()
            product.start_web(env=web_env)
            crashes += 1
    time.sleep(1)
    return crashes
