"""Companies, projects, vendors, users and the small catalogues beside them.

Procore: reference 4.1 (me, companies), 8.9 (two vendor directories), oas_supporting.json, oas_vendors.json.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from emulators.procore.access import ApiError, company_parameter, json_body, permitted_projects, project_parameter
from emulators.procore.emulation import Emulation
from emulators.procore.event_bodies import Happening
from emulators.procore.paging import filter_list, filter_range, filter_value, paged, paged_v2

# What the project directory adds to a company vendor id while the switch says that the two differ.
_PROJECT_VENDOR_OFFSET = 7_000_000


def directory_api(emulation: Emulation) -> Blueprint:
    api = Blueprint("directory", __name__)
    _add_people(api, emulation)
    _add_projects(api, emulation)
    _add_vendors(api, emulation)
    _add_catalogues(api, emulation)
    return api


def _add_people(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/rest/v1.0/me")
    def me() -> ResponseReturnValue:
        user = emulation.storage.need("user", g.token["user_id"])
        shown = {key: user[key] for key in ("id", "login", "name")}
        if emulation.switches["me_needs_company_for_name"] and not {"company_id", "project_id"} & set(request.args):
            shown["name"] = None
        return jsonify(shown)

    @api.get("/rest/v1.0/companies")
    def companies() -> ResponseReturnValue:
        known = json.loads(g.client["companies"])
        return paged(emulation, [emulation.storage.need("company", company_id) for company_id in known])


def _add_projects(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/rest/v1.0/projects")
    @api.get("/rest/v1.1/projects")
    def projects() -> ResponseReturnValue:
        """A service account sees its permitted projects only (reference 4.3)."""
        return _projects(emulation, company_parameter(emulation))

    @api.get("/rest/v1.0/companies/<int:company_id>/projects")
    def company_projects(company_id: int) -> ResponseReturnValue:
        return _projects(emulation, company_id)

    @api.get("/rest/v1.0/projects/<int:project_id>")
    def project(project_id: int) -> ResponseReturnValue:
        company_parameter(emulation)
        return jsonify(emulation.storage.need("project", project_parameter(emulation, project_id)))

    @api.get("/rest/v1.0/companies/<int:company_id>/projects/<int:project_id>/currency_configuration")
    def currency(company_id: int, project_id: int) -> ResponseReturnValue:
        project_parameter(emulation, project_id)
        return jsonify(
            {
                "company_id": company_id,
                "project_id": project_id,
                "currency_iso_code": "USD",
                "currency_display": "symbol",
                "company_currency_exchange_rate_override": None,
                "multicurrency_enabled": False,
                "eligible_for_financial_objs_multicurrency": False,
            }
        )


def _add_vendors(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/rest/v1.0/vendors")
    def vendors() -> ResponseReturnValue:
        return paged(emulation, _filtered(emulation.storage.every("vendor", company_id=company_parameter(emulation))))

    @api.get("/rest/v1.0/vendors/<int:vendor_id>")
    def vendor(vendor_id: int) -> ResponseReturnValue:
        return jsonify(_vendor(emulation, vendor_id, company_parameter(emulation)))

    @api.patch("/rest/v1.0/vendors/<int:vendor_id>")
    def change_vendor(vendor_id: int) -> ResponseReturnValue:
        body = json_body()
        company_id = int(body.get("company_id") or g.company_id)
        record = _vendor(emulation, vendor_id, company_id)
        record.update({key: value for key, value in (body.get("vendor") or {}).items() if key in record})
        record["updated_at"] = emulation.clock.stamp()
        with emulation.ledger.writing():
            emulation.storage.put("vendor", record, company_id=company_id)
            emulation.deliveries.announce(
                Happening(
                    "Company Vendors", "update", vendor_id, company_id, None, g.token["user_id"], g.token["client_id"]
                )
            )
        return jsonify(record)

    @api.get("/rest/v1.0/projects/<int:project_id>/vendors")
    @api.get("/rest/v1.1/projects/<int:project_id>/vendors")
    def project_vendors(project_id: int) -> ResponseReturnValue:
        project_parameter(emulation, project_id)
        used = {c["vendor_id"] for c in emulation.storage.every("commitment", project_id=project_id)}
        found = [v for v in emulation.storage.every("vendor", company_id=g.company_id) if v["id"] in used]
        offset = _PROJECT_VENDOR_OFFSET if emulation.switches["project_vendor_ids_differ"] else 0
        return paged(emulation, _filtered([{**v, "id": v["id"] + offset} for v in found]))


def _add_catalogues(api: Blueprint, emulation: Emulation) -> None:
    @api.get("/rest/v1.0/cost_codes")
    def cost_codes() -> ResponseReturnValue:
        found = emulation.storage.every("cost_code", project_id=project_parameter(emulation))
        return paged(emulation, _filtered(found))

    @api.get("/rest/v1.0/projects/<int:project_id>/billing_periods")
    def billing_periods(project_id: int) -> ResponseReturnValue:
        found = emulation.storage.every("period", project_id=project_parameter(emulation, project_id))
        status = filter_value("status")
        return paged(emulation, [p for p in _filtered(found) if status in (None, p["status"])])

    @api.get("/rest/v2.0/companies/<company_id>/projects/<project_id>/wbs/codes")
    def wbs_codes(company_id: str, project_id: str) -> ResponseReturnValue:
        found = emulation.storage.every("cost_code", project_id=project_parameter(emulation, project_id))
        rows = [
            {
                "id": str(code["wbs_code_id"]),
                "code": f"{code['full_code']}.S",
                "description": f"{code['name']}.Subcontract",
                "status": "active",
            }
            for code in found
        ]
        return paged_v2(emulation, rows)

    @api.get("/rest/v1.0/tax_codes")
    def tax_codes() -> ResponseReturnValue:
        company_parameter(emulation)
        return paged(emulation, [], largest=100)


def _projects(emulation: Emulation, company_id: int) -> ResponseReturnValue:
    permitted = permitted_projects(emulation)
    found = [
        p
        for p in emulation.storage.every("project", company_id=company_id)
        if permitted is None or p["id"] in permitted
    ]
    status = request.args.get("filters[by_status]") or emulation.switches["projects_list_default"]
    if status not in ("Active", "Inactive", "All"):
        raise ApiError(400, "filters[by_status] does not have a valid value", field="by_status")
    if status in ("Active", "Inactive"):
        found = [p for p in found if p["active"] == (status == "Active")]
    return paged(emulation, _filtered(found))


def _vendor(emulation: Emulation, vendor_id: int, company_id: int) -> dict[str, Any]:
    found = emulation.storage.get("vendor", vendor_id)
    if found is None or emulation.storage.company_of("vendor", vendor_id) != company_id:
        raise ApiError(404, "Not Found")
    return found


def _filtered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The filters that these lists share: id, name, search, origin_id, created_at, updated_at."""
    ids = filter_list("id")
    if ids is not None:
        rows = [row for row in rows if str(row["id"]) in ids]
    for name in ("name", "search"):
        text = (filter_value(name) or "").casefold()
        if text:
            rows = [row for row in rows if text in row["name"].casefold()]
    origin = filter_value("origin_id")
    if origin is not None:
        rows = [row for row in rows if row.get("origin_id") == origin]
    for name in ("created_at", "updated_at"):
        bounds = filter_range(name)
        if bounds is not None:
            rows = [row for row in rows if bounds[0] <= row[name] <= bounds[1]]
    return rows
