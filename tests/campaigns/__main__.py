"""`./run faults procore`, judged by the emulators' own ledgers; `./run screens` takes pictures of the pages."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.campaigns import procore, screens


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run faults", description=__doc__)
    parser.add_argument("which", choices=["procore", "screens"])
    parser.add_argument("--approvals", type=int, default=500, help="approvals in each run")
    parser.add_argument("--seed", type=int, default=1, help="the same seed asks for the same faults")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="inbuild-faults-") as folder:
        if given.which == "screens":
            return 0 if screens.main(folder=Path(folder)) else 1
        good = procore.main(approvals=given.approvals, seed=given.seed, folder=Path(folder))
    print("Nothing lost, doubled or wrong." if good else "SOMETHING WAS LOST, DOUBLED OR WRONG.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
