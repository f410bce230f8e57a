"""Control API for what surrounds invoices: projects, vendors, billing periods and what people may see.

Procore: a new project sends a Projects event without a project_id, later changes name it (webhook_payloads.json);
closing a billing period sends nothing, there is no such resource (reference 1.4).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from emulators.procore.control_invoices import actor_of, body_object, silence_of, tell_errors
from emulators.procore.emulation import Emulation
from emulators.procore.event_bodies import Happening
from emulators.procore.seeding import COMPANY, Seeder


def control_world_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("control_world", __name__, url_prefix="/_emulator")
    tell_errors(api)
    _add_projects(api, emulation)
    _add_vendors(api, emulation)
    _add_cost_codes(api, emulation)
    _add_periods(api, emulation)
    _add_payments(api, emulation)

    @api.patch("/users/<int:user_id>")
    def change_user(user_id: int) -> ResponseReturnValue:
        """{"permitted_projects": [ids] or null}: what this person may see with a token of their own."""
        user = emulation.storage.need("user", user_id)
        company_id = emulation.storage.company_of("user", user_id)
        user.update(body_object())
        emulation.storage.put("user", user, company_id=company_id, parent_id=user.get("vendor_id"))
        return jsonify(user)

    return api


def _add_projects(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/projects")
    def make_project() -> ResponseReturnValue:
        """{"company_id", "name", "project_number", "commitments": 2, and any field of a project; emit, quiet}."""
        wanted = body_object()
        emit = silence_of(emulation, wanted).emit
        company_id = int(wanted.pop("company_id", COMPANY))
        seeder = Seeder(emulation, fresh=True)
        with emulation.ledger.writing():
            number = str(wanted.get("project_number") or f"N-{emulation.storage.new_id() % 100_000:05d}")
            name = str(wanted.get("name") or f"Project {number}")
            project = seeder.project(company_id, (name, number, "1 New St", "Tacoma", "WA", "98402"))
            now = emulation.clock.stamp()
            project.update(created_at=now, updated_at=now)
            count = int(wanted.pop("commitments", 2))
            _store_project(emulation, project, wanted)
            found = emulation.storage.every("vendor", company_id=company_id)
            vendors = [{**vendor, "trade": "General works", "division": "01"} for vendor in found]
            made = [seeder.commitment(place, [project], vendors) for place in range(count if vendors else 0)]
            if emit:
                _tell(emulation, "Projects", "create", project["id"], company_id, None)
        return jsonify({**project, "commitment_ids": [commitment["id"] for commitment in made]}), 201

    @api.patch("/projects/<int:project_id>")
    def change_project(project_id: int) -> ResponseReturnValue:
        """Any field of a project, e.g. {"name"}, {"origin_id"}, or {"active": false} to close it; emit, quiet."""
        wanted = body_object()
        silence = silence_of(emulation, wanted)
        project = emulation.storage.need("project", project_id)
        with emulation.ledger.writing():
            if silence.touch:
                project["updated_at"] = emulation.clock.stamp()
            _store_project(emulation, project, wanted)
            if silence.emit:
                named = project_id if emulation.switches["project_update_names_project"] else None
                _tell(emulation, "Projects", "update", project_id, project["company"]["id"], named)
        return jsonify(project)


def _add_payments(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/payments")
    def enter_payment() -> ResponseReturnValue:
        """What a person enters or Procore Pay makes: {"requisition_id", "amount", "date"}, and external_payment_id."""
        wanted = body_object()
        invoice = emulation.rows.find(int(wanted["requisition_id"]))
        if invoice is None:
            return jsonify({"error": "There is no such invoice."}), 404
        commitment = emulation.storage.need("commitment", invoice.commitment_id)
        record = {
            "id": emulation.storage.new_id(),
            "contract_id": commitment["id"],
            "project_id": commitment["project_id"],
            "external_payment_id": None,
            "origin_id": None,
            **wanted,
        }
        with emulation.ledger.writing():
            emulation.storage.put(
                "payment",
                record,
                company_id=commitment["company_id"],
                project_id=record["project_id"],
                parent_id=record["requisition_id"],
            )
        return jsonify(record), 201


def _store_project(emulation: Emulation, project: dict[str, Any], wanted: dict[str, Any]) -> None:
    project.update({key: value for key, value in wanted.items() if key in project and key not in ("id", "company")})
    project["display_name"] = f"{project['project_number']} {project['name']}"
    emulation.storage.put("project", project, company_id=project["company"]["id"], project_id=project["id"])
    emulation.ledger.append("project_changed", project["id"], {"name": project["name"], "active": project["active"]})


def _add_vendors(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/vendors")
    def make_vendor() -> ResponseReturnValue:
        """{"company_id", "name", and any field of a vendor; emit, quiet}."""
        wanted = body_object()
        emit = silence_of(emulation, wanted).emit
        company_id = int(wanted.pop("company_id", COMPANY))
        with emulation.ledger.writing():
            name = str(wanted.get("name") or f"Vendor {emulation.storage.new_id() % 100_000}")
            vendor = Seeder(emulation, fresh=True).vendor(company_id, 0, (name, "General works", "01"))
            for extra in ("division", "trade"):
                del vendor[extra]
            now = emulation.clock.stamp()
            vendor.update(created_at=now, updated_at=now)
            _store_vendor(emulation, vendor, company_id, wanted)
            if emit:
                _tell(emulation, "Company Vendors", "create", vendor["id"], company_id, None)
        return jsonify(vendor), 201

    @api.patch("/vendors/<int:vendor_id>")
    def change_vendor(vendor_id: int) -> ResponseReturnValue:
        """Any field of a vendor, e.g. {"name"}, {"origin_id"} or {"is_active": false}; emit, quiet."""
        wanted = body_object()
        silence = silence_of(emulation, wanted)
        vendor = emulation.storage.need("vendor", vendor_id)
        company_id = int(emulation.storage.company_of("vendor", vendor_id) or COMPANY)
        with emulation.ledger.writing():
            if silence.touch:
                vendor["updated_at"] = emulation.clock.stamp()
            _store_vendor(emulation, vendor, company_id, wanted)
            if silence.emit:
                _tell(emulation, "Company Vendors", "update", vendor_id, company_id, None)
        return jsonify(vendor)


def _store_vendor(emulation: Emulation, vendor: dict[str, Any], company_id: int, wanted: dict[str, Any]) -> None:
    vendor.update({key: value for key, value in wanted.items() if key in vendor and key != "id"})
    emulation.storage.put("vendor", vendor, company_id=company_id)
    emulation.ledger.append("vendor_changed", vendor["id"], {"name": vendor["name"]})


def _add_cost_codes(api: Blueprint, emulation: Emulation) -> None:
    @api.patch("/projects/<int:project_id>/cost_codes/<int:code_id>")
    def change_cost_code(project_id: int, code_id: int) -> ResponseReturnValue:
        """{"origin_id"}: what an ERP connector writes, in its example `<of the job>|<of the code>`; sends nothing."""
        wanted = body_object()
        project = emulation.storage.need("project", project_id)
        code = next(
            code for code in emulation.storage.every("cost_code", project_id=project_id) if code["id"] == code_id
        )
        code.update({key: value for key, value in wanted.items() if key in ("origin_id", "origin_data")})
        code["updated_at"] = emulation.clock.stamp()
        emulation.storage.put("cost_code", code, company_id=project["company"]["id"], project_id=project_id)
        return jsonify(code)


def _add_periods(api: Blueprint, emulation: Emulation) -> None:
    @api.post("/periods")
    def make_period() -> ResponseReturnValue:
        """{"project_id", "start_date", "end_date", "due_date", "status": "open"}."""
        wanted = body_object()
        project = emulation.storage.need("project", wanted["project_id"])
        now = emulation.clock.stamp()
        known = emulation.storage.every("period", project_id=project["id"])
        period = {
            "id": emulation.storage.new_id(),
            "project_id": project["id"],
            "start_date": wanted["start_date"],
            "end_date": wanted["end_date"],
            "due_date": wanted.get("due_date", wanted["end_date"]),
            "status": wanted.get("status", "open"),
            "position": len(known) + 1,
            "created_at": now,
            "updated_at": now,
        }
        emulation.storage.put("period", period, company_id=project["company"]["id"], project_id=project["id"])
        return jsonify(period), 201

    @api.patch("/periods/<int:period_id>")
    def change_period(period_id: int) -> ResponseReturnValue:
        """{"status": "closed"}, or other dates."""
        wanted = body_object()
        if wanted.get("status") not in (None, "open", "closed"):
            raise ValueError("status must be open or closed")
        period = emulation.storage.need("period", period_id)
        period.update(
            {key: value for key, value in wanted.items() if key in period and key not in ("id", "project_id")}
        )
        period["updated_at"] = emulation.clock.stamp()
        company_id = emulation.storage.company_of("period", period_id)
        emulation.storage.put("period", period, company_id=company_id, project_id=period["project_id"])
        emulation.ledger.append("period_changed", period_id, {"status": period["status"]})
        return jsonify(period)


def _tell(
    emulation: Emulation, name: str, event_type: str, resource_id: int, company_id: int, project_id: int | None
) -> None:
    user_id = actor_of(emulation, None, company_id).user_id
    emulation.deliveries.announce(Happening(name, event_type, resource_id, company_id, project_id, user_id))
