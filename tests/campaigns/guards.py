"""Each guard against a second bill, and the storm that shows what happens where it is missing."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.places import ROOT
from tests.support.product import Product, running_product
from tests.support.verdict import Verdict, judge

BILLS = 4
CREATING = "/bill\\?"


@dataclass(frozen=True)
class Guard:
    """`held` is the line of the product that guards, `gone` what stands there without it."""

    file: str
    held: str
    gone: str
    fault: str = ""
    seconds: float = 1.5
    honoured: bool = False
    kill_at: str = ""
    sleep_at: str = ""


_NO_BILL = (
    "        except (KeyError, TypeError):\n"
    '            return Unknown(words="QuickBooks\' answer held no bill")\n'
    '        faultpoint("post.after_send")\n'
)

GUARDS: Mapping[str, Guard] = {
    "look-up": Guard(
        file="quickbooks/accounting/checking.py",
        held="found = backend_for(integration).look_up(bill)",
        gone="found = Absent()",
        fault="drop_after_commit",
    ),
    "doubt": Guard(
        file="quickbooks/qbo/backend.py",
        held="            return Unknown(words=str(exc))\n" + _NO_BILL,
        gone='            raise NotSent("cannot_reach", timedelta(seconds=1), str(exc)) from exc\n' + _NO_BILL,
        fault="reset_after_commit",
    ),
    "quarantine": Guard(
        file="quickbooks/accounting/posting.py",
        held="quarantine = timedelta(seconds=settings.QBO_QUARANTINE_SECONDS)\n    bill.move(",
        gone="quarantine = timedelta(0)\n    bill.move(",
        fault="drop_late_commit",
        seconds=2.5,
    ),
    "same key": Guard(
        file="quickbooks/qbo/backend.py",
        held="payload, key, integration = bytes(bill.payload), bill.request_id, ",
        gone='payload, key, integration = bytes(bill.payload), __import__("uuid").uuid4().hex, ',
        fault="drop_late_commit",
        seconds=5,
        honoured=True,
    ),
    "doubt after a crash": Guard(
        file="quickbooks/accounting/tasks.py",
        held="posting.doubt(bill)  # its lease ran out: the worker that sent it is gone",
        gone="posting.deliver(bill, bill.integration)",
        kill_at="post.after_send",
    ),
    "fence": Guard(
        file="quickbooks/qbo/backend.py",
        held="            posting.still_mine(bill)\n",
        gone="",
        sleep_at="post.after_start",
    ),
}


class GuardMoved(Exception):
    """The guard's line is not in the product as it is written here."""


def run(folder: Path, name: str | None, storm: Guard | None = None) -> Verdict:
    """A few bills in the storm of the guard: with it (`name` None) or without it, from a copy of the product."""
    guard = storm or GUARDS[name or ""]
    source = copy_without(folder / "source", guard) if name else ROOT
    env = {"QBO_TIMEOUT_SECONDS": "1", "QBO_QUARANTINE_SECONDS": "3", "QBO_LEASE_SECONDS": "4"}
    with running_product(folder, workers=0, env=env, source=source) as product:
        product.switch_on()
        product.intuit.switches(requestid="honoured" if guard.honoured else "ignored")
        if guard.fault:
            product.intuit.fault(guard.fault, method="POST", path=CREATING, times=BILLS, seconds=guard.seconds)
        kill, sleep = f"{guard.kill_at}=kill:1", f"{guard.sleep_at}=sleep:2"
        plan = {"FAULTPOINTS": kill if guard.kill_at else sleep} if guard.kill_at or guard.sleep_at else {}
        product.start_worker("worker0", env=plan)
        ids = [row["id"] for row in product.procore.create_many(BILLS, status="under_review")]
        for procore_id in ids:
            product.procore.approve(procore_id)
        if guard.kill_at:
            _until_dead(product)
            product.start_worker("worker0")
        if guard.sleep_at:
            _outlast_a_frozen_worker(product)
        return _settled(product, ids)


def copy_without(source: Path, guard: Guard) -> Path:
    """The product as committed and changed here, with the guard taken out."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    place = source / guard.file
    text = place.read_text()
    if text.count(guard.held) != 1:
        raise GuardMoved(f"{guard.file} holds {text.count(guard.held)} times: {guard.held}")
    place.write_text(text.replace(guard.held, guard.gone))
    return source


def _until_dead(product: Product, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while product.processes["worker0"].alive and time.monotonic() < deadline:
        time.sleep(0.1)
    product.processes["worker0"].kill()


def _outlast_a_frozen_worker(product: Product, seconds: float = 40) -> None:
    """Stopped right before its bytes leave, until another worker has made every bill; then it goes on."""
    deadline = time.monotonic() + seconds
    worker = product.processes["worker0"]
    while not _count(product, "state = 'sending'") and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.send(signal.SIGSTOP)
    product.start_worker("worker1")
    while _count(product, "state = 'synced'") < BILLS and time.monotonic() < deadline:
        time.sleep(0.2)
    worker.send(signal.SIGCONT)


def _count(product: Product, which: str) -> int:
    return int(product.rows(f"SELECT count(*) FROM accounting_bill WHERE {which}")[0][0])  # noqa: S608 - our constants


def _settled(product: Product, ids: list[int], seconds: float = 60) -> Verdict:
    """Until nothing is under way any more, and longer than the slowest late commit."""
    deadline = time.monotonic() + seconds
    time.sleep(2)
    while time.monotonic() < deadline:
        if _count(product, "true") >= BILLS and not _count(product, "state IN ('ready', 'sending', 'checking')"):
            break
        if (verdict := judge(product.procore, product.intuit, ids)).duplicated:
            return verdict
        time.sleep(0.3)
    time.sleep(5)
    return judge(product.procore, product.intuit, ids)
