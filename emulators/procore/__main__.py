"""Run the emulator: python -m emulators.procore --port N --ledger PATH.sqlite"""

from __future__ import annotations

import argparse

from emulators.procore.app import create_app
from emulators.shared.serving import parse_options, serve


def _add_more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate-limit", choices=["documented", "off"], default="documented", help="3600/h and 100/10 s, or none"
    )


def main() -> None:
    options = parse_options("procore", add_more=_add_more)
    app, emulation = create_app(
        options.ledger, options.public_url, seed_name=options.seed, rate_limit=options.rate_limit
    )
    serve(app, options.host, options.port, on_end=emulation.ledger.close)


if __name__ == "__main__":
    main()
