"""`./run faults WHICH`, judged by the emulators' own ledgers; `./run screens` takes pictures of the pages."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.campaigns import backlog, deploy, desktop, desktop_guards, guards, procore, quickbooks, screens


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run faults", description=__doc__)
    parser.add_argument("which", choices=["procore", "quickbooks", "desktop", "backlog", "deploy", "screens"])
    parser.add_argument(
        "--approvals",
        type=int,
        help="approvals in each run (500 of procore, 400 of quickbooks, 300 of desktop, 2000 of backlog)",
    )
    parser.add_argument("--rounds", type=int, default=20, help="how often deploy restarts every process")
    parser.add_argument("--seed", type=int, default=1, help="the same seed asks for the same faults")
    parser.add_argument(
        "--without",
        choices=sorted((*guards.GUARDS, *desktop_guards.GUARDS)),
        default="",
        help="take this guard of quickbooks or desktop out",
    )
    given = parser.parse_args(arguments)
    known = {"quickbooks": guards.GUARDS, "desktop": desktop_guards.GUARDS}.get(given.which, {})
    if given.without and given.without not in known:
        parser.error(f"{given.which} has no guard called {given.without!r}: {', '.join(sorted(known)) or 'none'}")
    with tempfile.TemporaryDirectory(prefix="inbuild-faults-") as folder:
        if given.which == "screens":
            return 0 if screens.main(folder=Path(folder)) else 1
        if given.which == "procore":
            good = procore.main(approvals=given.approvals or 500, seed=given.seed, folder=Path(folder))
        elif given.which == "backlog":
            good = backlog.main(approvals=given.approvals or 2000, folder=Path(folder))
        elif given.which == "deploy":
            good = deploy.main(rounds=given.rounds, folder=Path(folder))
        elif given.which == "desktop":
            bills = given.approvals or 300
            good = desktop.main(bills=bills, seed=given.seed, folder=Path(folder), without=given.without)
        else:
            bills = given.approvals or 400
            good = quickbooks.main(bills=bills, seed=given.seed, folder=Path(folder), without=given.without)
    print("Nothing lost, doubled or wrong." if good else "SOMETHING WAS LOST, DOUBLED OR WRONG.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
