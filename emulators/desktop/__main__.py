"""python -m emulators.desktop --port N --ledger PATH: a PC with QuickBooks Desktop and the Web Connector."""

from __future__ import annotations

from emulators.desktop.application import build
from emulators.desktop.seeding import SEEDS
from emulators.desktop.store import SCHEMA
from emulators.shared.ledger import Ledger
from emulators.shared.serving import parse_options, serve


def main() -> None:
    options = parse_options("desktop", seeds=SEEDS)
    ledger = Ledger(options.ledger, SCHEMA)
    serve(build(ledger, options), options.host, options.port, on_end=ledger.close)


if __name__ == "__main__":
    main()
