"""I13: the switch takes effect at once and breaks nothing in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher import walk
from launcher.browser import Browser
from tests.support.product import Product, running_product
from tests.support.verdict import judge

APPROVALS, FLIPS = 120, 24


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(400)
def test_i13(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """Flipped while approvals stream in: nothing is created after *off* was shown, and what was created is posted."""
    with running_product(tmp_path, workers=2) as product:
        admin = product.signed_in()
        ids = [row["id"] for row in product.procore.create_many(APPROVALS, status="under_review")]
        stream = threading.Thread(target=_approve_all, args=(product, ids))
        stream.start()
        created_while_off = 0
        for _ in range(FLIPS):
            walk.switch_on(admin)
            time.sleep(0.25)
            _switch_off(admin)
            shown = _invoices(product)
            time.sleep(0.25)
            created_while_off += _invoices(product) - shown
        stream.join()
        imported = product.rows(
            "SELECT procore_id FROM procore_sync_procoreinvoice WHERE decision = 'imported'",
        )
        _settled(product)
        verdict = judge(product.procore, product.intuit, [row[0] for row in imported])
    figures(
        f"flips {2 * FLIPS} · created while off {created_while_off} · "
        f"imported {len(imported)} of {len(ids)} · {verdict}"
    )
    assert created_while_off == 0
    assert len(imported) > 0
    assert verdict.is_right


def _approve_all(product: Product, ids: list[Any]) -> None:
    for procore_id in ids:
        product.procore.approve(procore_id)
        time.sleep(0.05)


def _switch_off(admin: Browser) -> None:
    admin.open(walk.SETTINGS_PROCORE)
    form = admin.form(f"{walk.SETTINGS_PROCORE}switch/")
    assert form is not None
    admin.send(form, {"switch": "off"})


def _invoices(product: Product) -> int:
    return int(product.rows("SELECT count(*) FROM invoices_invoice")[0][0])


def _settled(product: Product, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    open_bills = "SELECT count(*) FROM accounting_bill WHERE state IN ('ready', 'sending', 'checking')"
    while product.rows(open_bills)[0][0] and time.monotonic() < until:
        time.sleep(0.3)
