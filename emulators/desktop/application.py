"""Puts the parts together: one Flask application over one ledger."""

from __future__ import annotations

import argparse
from pathlib import Path

from flask import Flask

from emulators.desktop.connector import Connector
from emulators.desktop.control import control_routes
from emulators.desktop.cuts import CutPoints
from emulators.desktop.pages import page_routes
from emulators.desktop.pc import Pc
from emulators.desktop.seeding import seed
from emulators.desktop.store import Store
from emulators.shared.ledger import Ledger
from emulators.shared.pages import install_shared_pages

_NAVIGATION = (("/", "The PC"), ("/sessions", "Sessions"), ("/faults", "Cuts"), ("/switches", "Switches"))


def build(ledger: Ledger, options: argparse.Namespace) -> Flask:
    """The whole PC, seeded if the ledger is new."""
    store = Store(ledger)
    pc = Pc(store)
    if not store.files:
        seed(pc, options.seed)
    connector = Connector(pc, CutPoints(ledger))
    app = Flask(__name__, template_folder=str(Path(__file__).with_name("templates")), static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_blueprint(control_routes(connector))
    app.register_blueprint(page_routes(connector))
    install_shared_pages(
        app,
        product="QuickBooks Desktop",
        engine=connector.cuts,
        switches=store.switches,
        clock=store.clock,
        navigation=_NAVIGATION,
    )
    return app
