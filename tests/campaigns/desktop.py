"""Bills into QuickBooks Desktop over SOAP, its sessions cut at every point, the web process killed in between."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from launcher.processes import ProcessFailed
from tests.campaigns import desktop_guards
from tests.support.product import Product, running_product
from tests.support.verdict import Verdict, judge_desktop

ADDING = "BillAdd"
# QuickBooks never sees the bill, or sees it and inBuild is not told.
BEFORE = ("request_lost", "dies_before_quickbooks", "hresult_before")
AFTER = (
    *("dies_after_saving", "record_lost", "reference_changed", "record_and_reference_lost", "restored_unseen"),
    *("hresult_after", "response_cut", "answer_lost", "delivered_twice", "delivered_late", "record_not_stored"),
)
# deleted_unseen, deleted_after and restored_after are people who delete: tests/quickbooks/qbd/test_cuts.py.
CUTS = (*BEFORE, *AFTER, "slow", "closes_unsaid")
EVERY_SECONDS = 0.3
WEB_LIVES_SECONDS = 15.0
WEB_DEATHS = 5  # a start takes long on a busy machine, and meanwhile nothing is cut
LAST_SECONDS = 3.0
_OPEN = "SELECT count(*) FROM accounting_bill WHERE state IN ('ready', 'sending', 'checking')"


@dataclass
class Run:
    verdict: Verdict
    hits: Mapping[str, int]
    sessions: int
    webs_killed: int
    seconds: float
    stopped: Sequence[tuple[Any, ...]] = field(default=())

    @property
    def missed(self) -> list[str]:
        return [name for name in CUTS if not self.hits.get(name)]

    @property
    def is_right(self) -> bool:
        return self.verdict.is_right and not self.missed

    def __str__(self) -> str:
        seen = self.verdict
        return (
            f"QuickBooks Desktop: cuts {sum(self.hits.get(name, 0) for name in CUTS)} · sessions {self.sessions} · "
            f"web killed {self.webs_killed} · approved {seen.approved} · bills {seen.bills} · lost {len(seen.lost)} · "
            f"duplicated {len(seen.duplicated)} · wrong {len(seen.wrong)} · {self.seconds:.0f} s"
            + "".join(f"\n    {what}" for what in (*seen.lost[:5], *seen.duplicated[:5], *seen.wrong[:5]))
            + "".join(f"\n    bill {state}, {problem}: {times}" for state, problem, times in self.stopped)
        )


def run(folder: Path, bills: int, *, each: int, chance: float, seed: int, patience: float) -> Run:
    """A whole product of its own with a PC that calls all the time; every cut strikes `each` times."""
    with running_product(folder, workers=1, desktop=True) as product:
        product.switch_on()
        app = product.desktop.get("applications")["applications"][0]["name"]
        product.desktop.activate_all("Vendor")  # a bill of an inactive one waits for a person
        before = len(product.desktop.sessions())
        product.desktop.auto_run(app, EVERY_SECONDS)
        started = time.monotonic()
        for name in random.Random(seed).sample(CUTS, len(CUTS)):
            at_end = name == "closes_unsaid"  # met once a session, the others at every bill
            body, probability = ("", 1) if at_end else (ADDING, chance)
            product.desktop.cut(name, body=body, times=each, probability=probability, seconds=1)
        ids: list[Any] = []
        with _dying_web(product) as deaths:
            deadline = time.monotonic() + patience
            ids += _approve(product, bills)
            while time.monotonic() < deadline:
                seen = judge_desktop(product.procore, product.desktop, ids)
                if seen.duplicated or seen.wrong:
                    break
                if seen.is_right and not _count(product, _OPEN):
                    missed = _missed(product)
                    if not missed and deaths:
                        break
                    # All is well, and something did not strike yet: a few more.
                    ids += _approve(product, 5)
                time.sleep(0.5)
            seconds = time.monotonic() - started
            time.sleep(LAST_SECONDS)
        verdict = judge_desktop(product.procore, product.desktop, ids)
        sessions = len(product.desktop.sessions()) - before
        hits = dict(product.desktop.struck())
        stopped = product.rows(
            "SELECT state, problem, count(*) FROM accounting_bill WHERE state <> 'synced' GROUP BY state, problem"
        )
    return Run(verdict, hits, sessions, len(deaths), seconds, stopped)


def _approve(product: Product, count: int) -> list[Any]:
    ids = [row["id"] for row in product.procore.create_many(count, status="under_review")]
    for procore_id in ids:
        product.procore.approve(procore_id)
    return ids


@contextmanager
def _dying_web(product: Product) -> Iterator[list[float]]:
    """The web process dies by SIGKILL a few times, whatever call it is answering, and is started again."""
    over = Event()
    deaths: list[float] = []

    def watch() -> None:
        while len(deaths) < WEB_DEATHS and not over.wait(WEB_LIVES_SECONDS):
            product.processes["web"].kill()
            deaths.append(time.monotonic())
            product.start_web()
            with suppress(ProcessFailed):
                product.processes["web"].wait_ready(f"{product.addresses.product}/readyz", timeout=60)
        over.wait()  # a process ends with the thread that started it

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield deaths
    finally:
        over.set()
        watcher.join()


def _missed(product: Product) -> list[str]:
    hits = product.desktop.struck()
    return [name for name in CUTS if not hits.get(name)]


def _count(product: Product, sql: str) -> int:
    return int(product.rows(sql)[0][0])


def main(*, bills: int, seed: int, folder: Path, without: str = "") -> bool:
    """One run with the hits of every cut; or one guard taken out, which must show."""
    if without:
        verdict = desktop_guards.run(folder, without)
        print(f"without {without}: {verdict}", flush=True)
        return verdict.is_right
    found = run(folder, bills, each=3, chance=0.1, seed=seed, patience=1500)
    print(found, flush=True)
    for name in CUTS:
        print(f"    {found.hits.get(name, 0):4d}  {name}", flush=True)
    return found.is_right
