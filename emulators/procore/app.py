"""The Flask application of the Procore emulator."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from emulators.procore.access import install_access
from emulators.procore.attachments import attachment_pages
from emulators.procore.commitments_api import commitments_api
from emulators.procore.control import control_api
from emulators.procore.control_attachments import control_attachments_api
from emulators.procore.control_clients import control_clients_api
from emulators.procore.control_direct_costs import control_direct_costs_api
from emulators.procore.control_hooks import control_hooks_api
from emulators.procore.control_invoices import control_invoices_api
from emulators.procore.control_world import control_world_api
from emulators.procore.direct_cost_pages import direct_cost_pages
from emulators.procore.direct_costs_api import direct_costs_api
from emulators.procore.directory_api import directory_api
from emulators.procore.emulation import Emulation, build
from emulators.procore.moving_rows import RowMoves
from emulators.procore.oauth import login_pages
from emulators.procore.pages import invoice_pages
from emulators.procore.rate_headers import RateHeaders
from emulators.procore.requisition_writes import requisition_writing
from emulators.procore.requisitions import requisition_reading
from emulators.procore.seeding import seed
from emulators.procore.webhook_pages import webhook_pages
from emulators.procore.webhooks_api import webhooks_v2
from emulators.procore.webhooks_v1_api import webhooks_v1
from emulators.shared.pages import install_shared_pages

NAVIGATION = (
    ("/", "Invoices"),
    ("/new", "New invoice"),
    ("/direct_costs", "Direct costs"),
    ("/webhooks", "Webhooks"),
    ("/faults", "Faults"),
    ("/switches", "Switches"),
)


def create_app(
    ledger: Path, public_url: str, *, seed_name: str = "demo", rate_limit: str = "documented"
) -> tuple[Flask, Emulation]:
    """The application and its parts; a new ledger is seeded, an old one goes on where it stopped."""
    emulation = build(ledger, public_url, rate_limit=rate_limit)
    if emulation.storage.empty:
        seed(emulation, seed_name)
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    install_access(app, emulation)
    moves = RowMoves(emulation)
    for blueprint in (
        login_pages(emulation),
        directory_api(emulation),
        commitments_api(emulation),
        requisition_reading(emulation, moves),
        requisition_writing(emulation),
        direct_costs_api(emulation, moves),
        webhooks_v2(emulation),
        webhooks_v1(emulation),
        attachment_pages(emulation),
        control_api(emulation),
        control_attachments_api(emulation),
        control_clients_api(emulation),
        control_hooks_api(emulation),
        control_world_api(emulation),
        control_invoices_api(emulation),
        control_direct_costs_api(emulation),
        invoice_pages(emulation),
        direct_cost_pages(emulation),
        webhook_pages(emulation),
    ):
        app.register_blueprint(blueprint)
    install_shared_pages(
        app,
        product="Procore",
        engine=emulation.engine,
        switches=emulation.switches,
        clock=emulation.clock,
        navigation=NAVIGATION,
    )
    _add_errors(app)
    emulation.engine.install(app)
    app.wsgi_app = RateHeaders(app.wsgi_app, emulation)  # type: ignore[method-assign]
    emulation.deliveries.resume()
    return app, emulation


def _add_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def plain(error: HTTPException) -> ResponseReturnValue:
        if request.path.startswith(("/rest/", "/oauth/", "/_emulator/")):
            return jsonify({"errors": error.name, "message": error.description}), error.code or 500
        return render_template("procore_message.html", heading=error.name, message=error.description), error.code or 500
