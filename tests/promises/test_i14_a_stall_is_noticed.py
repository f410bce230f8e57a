"""I14: whatever stands still is told of within a minute, and nothing is told of while all goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from launcher import walk
from tests.support.emulated import CLIENT_ID, CLIENT_SECRET, REALM
from tests.support.product import Product, running_product
from tests.support.verdict import judge, wait_for

QUIET = 45.0  # seconds without a fault, longer than anything may be unheard of
AT_MOST = 60.0
# What is looked for by itself in production every quarter of an hour, in seconds.
OFTEN = {"FOLLOW_SECONDS": "10", "SWEEP_PROJECT_SECONDS": "10"}
WORKS = "inBuild's background work stands still."


@pytest.mark.system
@pytest.mark.timeout(600)
def test_i14(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with running_product(tmp_path, workers=2, env=OFTEN) as product:
        product.switch_on()
        _until(product, lambda: _progress(product)["working"])
        alarms = _alarms(product, QUIET)
        found = _of_processes(product) | _of_redis(product) | _of_all_workers(product)
        ids = [row["id"] for row in product.procore.create_many(2, status="under_review")]
        time.sleep(5)  # until the messages about these are through
        found["hook"] = _of_a_hook(product, ids[0])
        found["QuickBooks' token"] = _of_a_token(product, ids[1])
        found["Procore's sign-in"] = _of_a_sign_in(product)
        _give_back(product)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=90)
    told = " · ".join(f"{what} {seconds:.0f} s" for what, seconds in found.items())
    figures(f"noticed: {told} · false alarms in {QUIET:.0f} s {alarms} · {verdict}")
    assert alarms == 0
    assert max(found.values()) < AT_MOST
    assert verdict.is_right


def _of_processes(product: Product) -> dict[str, float]:
    """Beat and one of two workers stop doing anything, without ending."""
    stopped, begun = [product.processes[name] for name in ("beat", "worker1")], time.monotonic()
    for child in stopped:
        child.send(signal.SIGSTOP)
    found = {
        "beat": _until(product, lambda: "beat" in _standing_still(product), begun),
        "a worker": _until(product, lambda: "worker" in _standing_still(product), begun),
    }
    for child in stopped:
        child.send(signal.SIGCONT)
    _until(product, lambda: _progress(product)["working"])
    return found


def _of_redis(product: Product) -> dict[str, float]:
    product.valkey.freeze()
    seconds = _until(product, lambda: "redis" in _standing_still(product))
    product.valkey.thaw()
    _until(product, lambda: _progress(product)["working"])
    return {"Redis": seconds}


def _of_all_workers(product: Product) -> dict[str, float]:
    """Then every page says it to everybody, and says no more once they work again."""
    workers = [child for name, child in product.processes.items() if name.startswith("worker")]
    for child in workers:
        child.send(signal.SIGSTOP)
    viewer = product.signed_in("viewer")
    seconds = _until(product, lambda: WORKS in _page(viewer, "/invoices/"))
    assert "Stands still" in _page(viewer, "/status/")
    for child in workers:
        child.send(signal.SIGCONT)
    _until(product, lambda: WORKS not in _page(viewer, "/invoices/"))
    _until(product, lambda: _progress(product)["working"])
    assert "Goes on" in _page(viewer, "/status/")
    return {"all workers": seconds}


def _of_a_hook(product: Product, procore_id: Any) -> float:
    """The hooks go without a word; an approval shows it, comes all the same, and the hooks are there again."""
    product.rows("UPDATE procore_sync_procoreintegration SET checked_at = now() - interval '2 hours' RETURNING id")
    for hook in product.procore.hooks():
        product.procore.delete(f"hooks/{hook['id']}")
    product.procore.approve(procore_id)
    return _until(product, lambda: _hooked(product))


def _hooked(product: Product) -> bool:
    return any("/hooks/procore/" in hook["destination_url"] for hook in product.procore.hooks())


def _of_a_token(product: Product, procore_id: Any) -> float:
    admin, begun = product.signed_in(), time.monotonic()
    product.intuit.post("revoke", {"realm": REALM})
    product.procore.approve(procore_id)
    return _until(product, lambda: "QuickBooks no longer accepts" in _page(admin, "/notifications/"), begun)


def _of_a_sign_in(product: Product) -> float:
    admin, begun = product.signed_in(), time.monotonic()
    product.procore.patch(f"clients/{CLIENT_ID}", {"secret": "changed"})
    product.procore.post("tokens/revoke", {})
    return _until(product, lambda: "Procore no longer accepts" in _page(admin, "/notifications/"), begun)


def _give_back(product: Product) -> None:
    product.procore.patch(f"clients/{CLIENT_ID}", {"secret": CLIENT_SECRET})
    walk.reconnect_quickbooks(product.signed_in())
    product.rows("UPDATE procore_sync_procoreintegration SET next_at = now() RETURNING id")


def _alarms(product: Product, seconds: float) -> int:
    end, alarms = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        alarms += not _progress(product)["working"]
        time.sleep(1)
    return alarms


def _standing_still(product: Product) -> set[str]:
    return {each["what"] for each in _progress(product).get("standing_still", [])}


def _progress(product: Product) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(f"{product.addresses.product}/progressz", timeout=10).json()
    return answer


def _page(browser: Any, address: str) -> str:
    browser.open(address)
    return str(browser.text)


def _until(product: Product, true: Callable[[], object], since: float | None = None) -> float:
    """Seconds until it is true, from a moment on or from now."""
    begun = time.monotonic() if since is None else since
    while not true():
        assert time.monotonic() < begun + 90, _progress(product)
        time.sleep(0.5)
    return time.monotonic() - begun
