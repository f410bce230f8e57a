"""Bills into QuickBooks Online under every fault of its emulator, with workers killed at each named point."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from launcher import walk
from launcher.browser import WalkFailed
from tests.campaigns import guards
from tests.support.product import Product, running_product
from tests.support.verdict import Verdict, judge

CREATING = "/bill\\?"
BEFORE = (
    *("500", "503_html", "429", "429_retry_after", "401", "403", "404", "garbage", "html_200", "fault_200"),
    *("redirect", "gzip_bomb", "drop", "reset", "hang", "slow"),
)
AFTER = (
    *("500_after_commit", "503_html_after_commit", "429_after_commit", "garbage_after_commit"),
    *("html_200_after_commit", "fault_200_after_commit", "drop_after_commit", "reset_after_commit"),
    *("hang_after_commit", "slow_after_commit", "truncated", "slow_drip", "wrong_type"),
)
DURING = (
    *("500_late_commit", "503_html_late_commit", "429_late_commit", "garbage_late_commit"),
    *("html_200_late_commit", "fault_200_late_commit", "drop_late_commit", "reset_late_commit", "late_commit"),
)
# 401_always and invalid_grant end the connection itself, and stale_read spoils reading: not what a sending meets.
FAULTS = (*BEFORE, *AFTER, *DURING)
POINTS = ("post.after_take", "post.after_start", "post.after_send", "post.before_settle", "post.after_settle")
# Longer than the client waits, much shorter than it keeps away from a bill in doubt, as Intuit's own limit is.
LATE_SECONDS = 1.5
TIMES = {
    "QBO_TIMEOUT_SECONDS": "1",
    "QBO_PAUSE_SECONDS": "2",
    "QBO_QUARANTINE_SECONDS": "5",
    "QBO_LEASE_SECONDS": "6",
    "TURN_LEASE_SECONDS": "2",
}
CHANCE = 0.1
WORKERS = ("worker0", "worker1")


@dataclass(frozen=True)
class Setting:
    """One round: does QuickBooks honour request ids, and do bills come all at once or one by one?"""

    honoured: bool = True
    loaded: bool = True

    def __str__(self) -> str:
        ids = "honoured" if self.honoured else "ignored"
        return f"request ids {ids}, {'loaded' if self.loaded else 'idle'}"


SETTINGS = tuple(Setting(honoured, loaded) for honoured in (True, False) for loaded in (True, False))


@dataclass
class Run:
    setting: str
    verdict: Verdict
    hits: Mapping[str, int]
    seconds: float
    pressed: int = 0
    wanted: Sequence[str] = field(default=())

    @property
    def missed(self) -> list[str]:
        return [name for name in self.wanted if not self.hits.get(name)]

    @property
    def is_right(self) -> bool:
        return self.verdict.is_right and not self.missed

    def __str__(self) -> str:
        faults = sum(times for name, times in self.hits.items() if name not in POINTS)
        kills = sum(self.hits.get(name, 0) for name in POINTS)
        seen = self.verdict
        return (
            f"{self.setting}: faults {faults} · workers killed {kills} · approved {seen.approved} · "
            f"bills {seen.bills} · lost {len(seen.lost)} · duplicated {len(seen.duplicated)} · "
            f"wrong {len(seen.wrong)} · buttons pressed {self.pressed} · {self.seconds:.0f} s"
            + "".join(f"\n    {what}" for what in (*seen.lost[:5], *seen.duplicated[:5], *seen.wrong[:5]))
        )


def run(
    folder: Path, setting: Setting, bills: int, *, each: int, faults: Sequence[str] = FAULTS, seed: int, patience: float
) -> Run:
    """A whole product of its own; every fault strikes `each` times, and workers die until every point was met."""
    started = time.monotonic()
    points = folder / "faultpoints"
    points.touch()
    with running_product(folder, workers=0, env=TIMES) as product:
        product.switch_on()
        product.intuit.switches(requestid="honoured" if setting.honoured else "ignored")
        for name in random.Random(seed).sample(list(faults), len(faults)):
            product.intuit.fault(name, method="POST", path=CREATING, times=each, seconds=LATE_SECONDS, probability=0.25)
        with _dying_workers(product, points, each):
            ids = _approve(product, bills, loaded=setting.loaded)
            pressed = 0
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                pressed += _reconnect(product) + _try_again(product)
                seen = judge(product.procore, product.intuit, ids)
                if seen.duplicated or seen.wrong:
                    break
                if seen.is_right:
                    if not _missed(product, points, faults):
                        break
                    # All is well, and something did not strike yet: a few more.
                    ids += _approve(product, 5, loaded=True)
                time.sleep(1)
        time.sleep(LATE_SECONDS + 1)
        verdict = judge(product.procore, product.intuit, ids)
        hits = _hits(product, points)
    wanted = (*faults, *POINTS)
    return Run(str(setting), verdict, hits, time.monotonic() - started, pressed, wanted)


def _approve(product: Product, count: int, *, loaded: bool) -> list[Any]:
    ids = [row["id"] for row in product.procore.create_many(count, status="under_review")]
    for procore_id in ids:
        product.procore.approve(procore_id)
        if not loaded:
            time.sleep(0.3)
    return ids


@contextmanager
def _dying_workers(product: Product, points: Path, each: int) -> Iterator[None]:
    """Two workers that die by SIGKILL at the named points, `each` times at each; they are started again at once."""
    over = Event()

    def start(name: str) -> None:
        met = Counter(points.read_text().split())
        plan = ",".join(f"{point}=kill:{CHANCE}" for point in POINTS if met[point] < each)
        product.start_worker(name, env={"FAULTPOINTS": plan, "FAULTPOINT_LOG": str(points)})

    def watch() -> None:
        while not over.wait(0.3):
            for name in WORKERS:
                if not product.processes[name].alive:
                    start(name)

    for name in WORKERS:
        start(name)
    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _hits(product: Product, points: Path) -> dict[str, int]:
    return dict(product.intuit.struck()) | dict(Counter(points.read_text().split()))


def _missed(product: Product, points: Path, faults: Sequence[str]) -> list[str]:
    hits = _hits(product, points)
    return [name for name in (*faults, *POINTS) if not hits.get(name)]


def _reconnect(product: Product) -> int:
    """What an admin does when the banner says that QuickBooks no longer accepts the connection."""
    if not product.rows("SELECT 1 FROM accounting_integration WHERE state = 'needs_reconnect'"):
        return 0
    walk.reconnect_quickbooks(product.signed_in())
    return 1


def _try_again(product: Product) -> int:
    """What an accountant does with a bill that QuickBooks refused: press its one button."""
    failed = product.rows(
        "SELECT i.public_id FROM accounting_bill b JOIN invoices_invoice i ON i.id = b.invoice_id "
        "WHERE b.state = 'failed' OR (b.state = 'on_hold' AND b.problem = 'refused')"
    )
    if not failed:
        return 0
    person = product.signed_in("accountant")
    pressed = 0
    for (public_id,) in failed:
        person.open(f"/invoices/{public_id}/")
        form = person.form(f"/settings/accounting/bills/{public_id}/", "/retry/")
        if form is None:
            raise WalkFailed(f"A failed bill has no Try again:\n{person.text}")
        person.send(form, {})
        pressed += 1
    return pressed


def main(*, bills: int, seed: int, folder: Path, without: str = "") -> bool:
    """Every setting, with the hits of every fault and point; or one guard taken out, which must show."""
    if without:
        return _without(without, folder)
    good = True
    for number, setting in enumerate(SETTINGS):
        place = folder / str(number)
        place.mkdir()
        found = run(place, setting, bills, each=3, seed=seed, patience=900)
        print(found, flush=True)
        for name in found.wanted:
            print(f"    {found.hits.get(name, 0):4d}  {name}", flush=True)
        good = good and found.is_right
    return good


def _without(name: str, folder: Path) -> bool:
    """True when everything stayed right although the guard was gone, so that the guard is not proven."""
    verdict = guards.run(folder, name)
    print(f"without {name}: {verdict}", flush=True)
    return verdict.is_right
