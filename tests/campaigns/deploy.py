"""Another version of the product takes over, and is taken back, process by process while everything is in use."""

from __future__ import annotations

import itertools
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from launcher.browser import Browser, WalkFailed
from launcher.places import ROOT, free_port
from tests.support.balancer import Balancer, balanced
from tests.support.product import Product, running_product
from tests.support.verdict import Verdict, judge, wait_for

WEBS = ("web", "web1")
OTHERS = ("worker0", "worker1", "beat")
# Longer than a worker needs for what it has begun.
GRACE = 60.0
# So that a slow machine is done with them soon after the last version has come.
APPROVALS = 40
PAGES = ("/invoices/", "/attention/", "/settings/procore/", "/activity/", "/notifications/")


@dataclass
class Deploys:
    """What was seen of it: bills in the emulators' ledgers, answers as callers got them."""

    verdict: Verdict
    rounds: int
    versions: int
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return sum(many for answer, many in self.answers.items() if answer not in ("200", "503"))

    def __str__(self) -> str:
        told = ", ".join(f"{many} x {answer}" for answer, many in sorted(self.answers.items()))
        return (
            f"deploys: {self.verdict} · rounds {self.rounds} between {self.versions} versions · requests failed "
            f"{self.failed} of {self.answers.total()} ({told})"
        )

    @property
    def is_right(self) -> bool:
        return self.verdict.is_right and self.failed == 0 and self.answers["200"] > 0


def main(*, rounds: int, folder: Path) -> bool:
    found = run(folder, rounds)
    print(found)
    return found.is_right


def run(folder: Path, rounds: int) -> Deploys:
    """Begin with the version before the latest change of tables; the second round takes the new one back again."""
    old, port = before_the_last_migration(folder / "old"), free_port()
    with (
        running_product(folder, workers=2, source=old or ROOT, web_port=port, connected=False) as product,
        balanced(product.addresses.ports["inBuild"], [port]) as balancer,
    ):
        product.connect()
        product.switch_on()
        second = free_port()
        product.start_web("web1", port=second)
        _wait(second)
        balancer.enter(second)
        ports = {"web": port, "web1": second}
        with _in_use(product) as use:
            product.source = ROOT
            product.manage("migrate", "--no-input", "--verbosity", "0")
            for number in range(rounds):
                use.allowed += APPROVALS
                product.source = old if old and number == 1 else ROOT
                _restart(product, balancer, ports)
            _wait_for_more(use)
        verdict = wait_for(lambda: judge(product.procore, product.intuit, use.ids), seconds=200)
        return Deploys(verdict, rounds, 2 if old else 1, use.answers)


def before_the_last_migration(folder: Path) -> Path | None:
    """The latest version with fewer migrations, all of them as they are now; null where git knows none."""
    now = _migrations("HEAD")
    versions = _git("rev-list", "--first-parent", "HEAD").split()
    before = next((each for each in versions if _migrations(each).items() < now.items()), None)
    if before is None:
        return None
    folder.mkdir()
    packed = subprocess.run(["git", "archive", before], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder


def _migrations(version: str) -> dict[str, str]:
    """What each migration's file is, by its path."""
    rows = (row.split(maxsplit=3) for row in _git("ls-tree", "-r", version).splitlines())
    return {path: blob for _, _, blob, path in rows if re.search(r"/migrations/\d", path)}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _restart(product: Product, balancer: Balancer, ports: dict[str, int]) -> None:
    """One after the other, each taken out first, each given time to finish what it has begun."""
    for name in WEBS:
        balancer.leave(ports[name])
        time.sleep(0.5)
        _stop(product, name)
        product.start_web(name, port=ports[name])
        _wait(ports[name])
        balancer.enter(ports[name])
    for name in OTHERS:
        _stop(product, name)
        product.start_beat() if name == "beat" else product.start_worker(name)


def _stop(product: Product, name: str) -> None:
    child = product.processes[name]
    child.grace = GRACE
    child.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


class _Use:
    """Approvals and people, until it is over."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.over = threading.Event()
        self.ids: list[int] = []
        self.allowed = APPROVALS
        self.answers: Counter[str] = Counter()

    def approve(self) -> None:
        """Some while each version runs, so many that work is always under way."""
        while not self.over.wait(0.4):
            if len(self.ids) >= self.allowed:
                continue
            [record] = self.product.procore.create_many(1, status="under_review")
            self.product.procore.approve(record["id"])
            self.ids.append(int(record["id"]))

    def look(self) -> None:
        person = self.product.signed_in("accountant")
        for address in itertools.cycle(PAGES):
            if self.over.wait(0.1):
                return
            self.answers[_answer(person, address)] += 1


def _answer(person: Browser, address: str) -> str:
    try:
        person.open(address)
    except WalkFailed as failed:
        return str(failed).rpartition(" answered ")[2][:3] or "failed"
    except requests.RequestException as failed:
        return type(failed).__name__
    return "200"


@contextmanager
def _in_use(product: Product) -> Iterator[_Use]:
    use = _Use(product)
    threads = [threading.Thread(target=each, daemon=True) for each in (use.approve, use.look)]
    for thread in threads:
        thread.start()
    try:
        yield use
    finally:
        use.over.set()
        for thread in threads:
            thread.join(30)


def _wait_for_more(use: _Use) -> None:
    """Some approvals that the last version alone has seen."""
    use.allowed = enough = len(use.ids) + 5
    deadline = time.monotonic() + 30
    while len(use.ids) < enough and time.monotonic() < deadline:
        time.sleep(0.2)
