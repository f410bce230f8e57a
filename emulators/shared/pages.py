"""Pages and JSON addresses that every emulator has: /faults, /switches, /_emulator/faults, switches, clock, ready.

    install_shared_pages(app, product="Procore", engine=engine, switches=switches, clock=clock,
                         navigation=[("/", "Invoices"), ("/faults", "Faults"), ...])

Templates of an emulator extend "emulator_base.html" and fill the blocks `title` and `content`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Flask, abort, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.shared.clock import Clock
from emulators.shared.faults import FaultEngine
from emulators.shared.switches import Switches


def install_shared_pages(
    app: Flask,
    *,
    product: str,
    engine: FaultEngine,
    switches: Switches,
    clock: Clock,
    navigation: Sequence[tuple[str, str]],
) -> None:
    """Add the common pages; `product` is the name of what is imitated."""
    pages = Blueprint("shared_pages", __name__, template_folder="templates")
    _add_ready(pages)
    _add_faults(pages, engine)
    _add_switches(pages, switches)
    _add_clock(pages, clock)
    app.register_blueprint(pages)

    @app.context_processor
    def frame() -> dict[str, Any]:
        return {"product": product, "navigation": navigation, "clock": clock}


def _add_ready(pages: Blueprint) -> None:
    @pages.get("/_emulator/ready")
    def ready() -> ResponseReturnValue:
        return jsonify({"ready": True})


def _add_faults(pages: Blueprint, engine: FaultEngine) -> None:
    @pages.get("/_emulator/faults")
    def list_faults() -> ResponseReturnValue:
        return jsonify({"faults": [rule.as_json() for rule in engine.rules()], "known": engine.names})

    @pages.post("/_emulator/faults")
    def add_faults() -> ResponseReturnValue:
        """One rule, or a list of them, or {"faults": [...]}."""
        wanted = request.get_json(force=True)
        rules = wanted if isinstance(wanted, list) else wanted.get("faults", [wanted])
        try:
            added = [engine.add(rule).as_json() for rule in rules]
        except (ValueError, TypeError, AttributeError) as error:
            return jsonify({"error": str(error)}), 400
        return jsonify({"faults": added}), 201

    @pages.delete("/_emulator/faults")
    def remove_faults() -> ResponseReturnValue:
        """All rules, or the one named by ?id=."""
        return jsonify({"removed": engine.remove(request.args.get("id", type=int))})

    @pages.delete("/_emulator/faults/<int:rule_id>")
    def remove_fault(rule_id: int) -> ResponseReturnValue:
        return jsonify({"removed": engine.remove(rule_id)})

    @pages.get("/faults")
    def faults_page() -> ResponseReturnValue:
        return render_template("emulator_faults.html", rules=engine.rules(), names=engine.names, problem="")

    @pages.post("/faults")
    def faults_form() -> ResponseReturnValue:
        form = request.form
        if "remove" in form:
            engine.remove(None if form["remove"] == "all" else int(form["remove"]))
            return redirect("/faults", 303)
        wanted = {
            "match": {"method": form.get("method", ""), "path": form.get("path", "")},
            "fault": form.get("fault", ""),
            "probability": form.get("probability") or 1,
            "seconds": form.get("seconds") or 5,
        }
        if form.get("times"):
            wanted["times"] = form["times"]
        try:
            engine.add(wanted)
        except ValueError as error:
            page = render_template("emulator_faults.html", rules=engine.rules(), names=engine.names, problem=str(error))
            return page, 400
        return redirect("/faults", 303)


def _add_switches(pages: Blueprint, switches: Switches) -> None:
    @pages.get("/_emulator/switches")
    def list_switches() -> ResponseReturnValue:
        return jsonify(switches.values())

    @pages.post("/_emulator/switches")
    def change_switches() -> ResponseReturnValue:
        try:
            return jsonify(switches.change(request.get_json(force=True)))
        except (ValueError, AttributeError) as error:
            return jsonify({"error": str(error)}), 400

    @pages.get("/switches")
    def switches_page() -> ResponseReturnValue:
        return render_template("emulator_switches.html", switches=switches, problem="")

    @pages.post("/switches")
    def switches_form() -> ResponseReturnValue:
        name = request.form.get("name", "")
        if name not in switches.known:
            abort(400)
        try:
            switches.change({name: switches.from_text(name, request.form.get("value", ""))})
        except ValueError as error:
            return render_template("emulator_switches.html", switches=switches, problem=str(error)), 400
        return redirect("/switches", 303)


def _add_clock(pages: Blueprint, clock: Clock) -> None:
    @pages.get("/_emulator/clock")
    def read_clock() -> ResponseReturnValue:
        return jsonify({"now": clock.stamp(), "offset_seconds": clock.offset_seconds})

    @pages.post("/_emulator/clock")
    def move_clock() -> ResponseReturnValue:
        wanted = request.get_json(force=True)
        clock.move(float(wanted["offset_seconds"]))
        return jsonify({"now": clock.stamp(), "offset_seconds": clock.offset_seconds})
