"""python -m emulators.intuit --port N --ledger PATH: the Intuit emulator as its own process."""

from __future__ import annotations

import argparse

from emulators.intuit.application import build
from emulators.intuit.seeding import SEEDS
from emulators.intuit.store import SCHEMA
from emulators.shared.ledger import Ledger
from emulators.shared.serving import parse_options, serve


def _own_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--redirect-uri", action="append", default=[], help="a registered redirect URI; none given: any is accepted"
    )
    parser.add_argument("--companies", type=int, default=0, help="how many companies; used only if the ledger is new")
    parser.add_argument("--limits", choices=["documented", "off"], default="", help="throttles; kept in the ledger")


def main() -> None:
    options = parse_options("intuit", seeds=SEEDS, add_more=_own_options)
    ledger = Ledger(options.ledger, SCHEMA)
    serve(build(ledger, options), options.host, options.port, on_end=ledger.close)


if __name__ == "__main__":
    main()
