"""Files never delay an invoice or its bill: fifty that hang, and invoices go on as if there were none."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.product import running_product
from tests.support.verdict import judge, wait_for

HANGING, FILES_EACH, LATER = 5, 10, 20


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(400)
def test_fifty_files_that_hang(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """One worker with eight threads; every file's storage keeps silent for a minute."""
    with running_product(tmp_path) as product:
        product.switch_on()
        product.procore.fault("hang", path="prostore_files|_storage", seconds=70)
        ids = [row["id"] for row in product.procore.create_many(HANGING, status="under_review")]
        for procore_id in ids:
            for number in range(FILES_EACH):
                product.procore.post(f"invoices/{procore_id}/attachments", {"filename": f"{number}.pdf", "emit": False})
            product.procore.approve(procore_id)
        first = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=60)
        time.sleep(8)  # long enough for every free thread to take up a file, if they might
        more = [row["id"] for row in product.procore.create_many(LATER, status="under_review")]
        started = time.monotonic()
        for procore_id in more:
            product.procore.approve(procore_id)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids + more), seconds=60)
        took = time.monotonic() - started
        waiting = product.rows("SELECT count(*) FROM procore_sync_procoreattachment WHERE state = 'waiting'")[0][0]
        at_work = product.rows(
            "SELECT count(*) FROM procore_sync_procoreattachment WHERE lease_until > clock_timestamp()"
        )[0][0]
    figures(f"{verdict} · {LATER} more within {took:.0f} s · files waiting {waiting}, at work {at_work}")
    assert first.is_right
    assert verdict.is_right
    assert waiting >= HANGING * FILES_EACH
    assert 1 <= at_work <= 2
