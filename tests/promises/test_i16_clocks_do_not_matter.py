"""I16: clocks do not matter. Workers whose clock is an hour or a day off, to either side, lose and double nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.product import running_product
from tests.support.verdict import judge, wait_for

LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
)
LIBRARY = next((path for path in LIBRARIES if Path(path).exists()), "")
MISSING = "libfaketime is missing here (apt install faketime)"
# libfaketime moves the moment at which a sleep by the steady clock shall end, and the kernel refuses what comes of it
# (EINVAL, at each of these clocks). A span of time is left alone.
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"
CLOCKS = ("+1h", "-1h", "+1d", "-1d")
PER_CLOCK = 15


@pytest.mark.system
@pytest.mark.alone
@pytest.mark.timeout(500)
def test_i16(tmp_path: Path, figures: Callable[[str], None]) -> None:
    if not LIBRARY:
        if os.environ.get("REQUIRE_FAKETIME") == "1":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    ids = []
    (tmp_path / "sleep").mkdir()
    (tmp_path / "sleep" / "sitecustomize.py").write_text(SLEEP)
    with running_product(tmp_path, workers=0, env={"SWEEP_PROJECT_SECONDS": "10"}) as product:
        product.switch_on()
        for clock in CLOCKS:
            wrong = {"LD_PRELOAD": LIBRARY, "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            wrong["PYTHONPATH"] = str(tmp_path / "sleep")
            product.start_worker("wrong", env=wrong)
            product.start_worker("right")
            records = product.procore.create_many(PER_CLOCK, status="under_review")
            for record in records:
                ids.append(record["id"])
                product.procore.approve(record["id"])
            # Doubts and pauses are what a wrong clock would end too early or never.
            product.intuit.fault("500_after_commit", method="POST", path="/bill\\?", times=1)
            product.intuit.fault("429", method="POST", path="/bill\\?", times=1)
            time.sleep(4)
            product.processes["wrong"].kill()
            product.processes["right"].kill()
        product.start_worker("right")
        verdict = wait_for(lambda: judge(product.procore, product.intuit, ids), seconds=200)
        refreshes = product.rows(
            "SELECT count(*) FROM companies_outsidecall WHERE url LIKE '%%/oauth/token' AND provider = 'procore'"
        )[0][0]
    figures(f"{verdict} · clocks {', '.join(CLOCKS)} · sign-ins at Procore {refreshes}")
    assert verdict.is_right
    assert refreshes <= 4, "a wrong clock must not make tokens old"
