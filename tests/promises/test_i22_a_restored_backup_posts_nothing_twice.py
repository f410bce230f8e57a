"""I22: a database restored from an older backup makes nothing twice, even if Intuit has forgotten every request id."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher import walk
from launcher.browser import Browser
from tests.support.product import Product, running_product
from tests.support.verdict import judge

POSTED, WAITING, AFTER = 6, 6, 10
ALL = POSTED + WAITING + AFTER
PARTS = ("web", "worker0", "beat")


@pytest.mark.system
@pytest.mark.timeout(300)
def test_i22(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Some are posted, some wait, pg_dump; those and more are posted; everything stops; pg_restore; on again.

    Then the same backup once more, without the command: both those that waited in it and those it never heard of are
    made twice. So the first half can fail.
    """
    with running_product(tmp_path, workers=1, env={"SWEEP_PROJECT_SECONDS": "2"}) as product:
        product.intuit.switches(requestid="ignored")
        product.switch_on()
        admin = product.signed_in()
        ids = _approve(product, POSTED)
        _await(product, "synced", POSTED)
        _pause(admin, "on")
        ids += _approve(product, WAITING)
        _await(product, "ready", WAITING)
        backup = product.backup()
        _pause(admin, "off")
        ids += _approve(product, AFTER)
        _await(product, "synced", ALL)
        before = judge(product.procore, product.intuit, ids)
        known = _go_on_from(product, backup, "after_restore")
        restored = judge(product.procore, product.intuit, ids)
        adopted = product.rows(
            "SELECT count(*) FROM companies_auditevent WHERE verb = 'bill.synced' AND sentence LIKE 'Found in%%'"
        )[0][0]
        _go_on_from(product, backup)
        unguarded = judge(product.procore, product.intuit, ids)
    figures(
        f"{restored} · posted before {before.bills} · restored as synced {known['synced']}, as ready {known['ready']}, "
        f"not at all {ALL - sum(known.values())} · adopted {adopted} · without after_restore: {unguarded}"
    )
    assert before.is_right
    assert known == {"synced": POSTED, "ready": WAITING}
    assert restored.is_right
    assert adopted == WAITING + AFTER
    assert len(unguarded.duplicated) == WAITING + AFTER


def _go_on_from(product: Product, backup: Path, *commands: str) -> dict[str, int]:
    """Restore, and wait until every bill is settled again. Returns the bills of the backup by their state."""
    for name in PARTS:
        product.processes[name].kill()
    product.restore(backup)
    product.flush_valkey()
    known = dict(product.rows("SELECT state, count(*) FROM accounting_bill GROUP BY state"))
    for command in commands:
        product.manage(command)
    product.start_web()
    product.start_worker("worker0")
    product.start_beat()
    product.processes["web"].wait_ready(f"{product.addresses.product}/readyz", timeout=60)
    _pause(product.signed_in(), "off")
    _await(product, "synced", ALL)
    return known


def _approve(product: Product, count: int) -> list[Any]:
    ids = [row["id"] for row in product.procore.create_many(count, status="under_review")]
    for procore_id in ids:
        product.procore.approve(procore_id)
    return ids


def _await(product: Product, state: str, count: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    asked = "SELECT count(*) FROM accounting_bill WHERE state = %s"
    while (found := product.rows(asked, state)[0][0]) != count:
        rows = product.rows("SELECT state, problem, count(*) FROM accounting_bill GROUP BY 1, 2")
        assert time.monotonic() < deadline, f"{found} of {count} bills are {state}: {rows}"
        time.sleep(0.3)


def _pause(admin: Browser, pause: str) -> None:
    admin.open(walk.SETTINGS_ACCOUNTING)
    form = admin.form(walk.SETTINGS_ACCOUNTING, "/pause/")
    assert form is not None
    admin.send(form, {"pause": pause})
