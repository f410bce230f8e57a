"""Web pages of direct costs for people: the list, one direct cost, a new one."""

from __future__ import annotations

from decimal import InvalidOperation
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.procore.control_direct_costs import conditions, make_direct_cost, short_direct_costs
from emulators.procore.control_invoices import actor_of
from emulators.procore.direct_cost_rows import KINDS, STATUSES
from emulators.procore.emulation import Emulation
from emulators.procore.invoicing import Refused
from emulators.procore.pages import last_delivery

_PER_PAGE = 50


def direct_cost_pages(emulation: Emulation) -> Blueprint:
    pages = Blueprint("direct_cost_pages", __name__, template_folder="templates")
    _add_list(pages, emulation)
    _add_one(pages, emulation)
    _add_new(pages, emulation)
    return pages


def _add_list(pages: Blueprint, emulation: Emulation) -> None:
    @pages.get("/direct_costs")
    def index() -> ResponseReturnValue:
        wanted = {key: value for key, value in request.args.items() if key != "page"}
        page = max(request.args.get("page", default=1, type=int), 1)
        total = emulation.direct_cost_rows.count(*conditions(wanted))
        rows = short_direct_costs(emulation, wanted, newest_first=True, limit=_PER_PAGE, offset=(page - 1) * _PER_PAGE)
        for row in rows:
            row["delivery"] = last_delivery(emulation, row["id"])
        return render_template(
            "procore_direct_costs.html",
            rows=rows,
            wanted=wanted,
            statuses=STATUSES,
            kinds=KINDS,
            projects={project["id"]: project for project in emulation.storage.every("project")},
            total=total,
            page=page,
            pages=max(1, -(-total // _PER_PAGE)),
            back=request.full_path,
        )

    @pages.get("/<int:project_id>/project/direct_costs")
    def project_link(project_id: int) -> ResponseReturnValue:
        """The address of the tool in Procore (reference 7)."""
        return redirect(f"/direct_costs?project_id={project_id}")


def _add_one(pages: Blueprint, emulation: Emulation) -> None:
    @pages.get("/direct_costs/<int:direct_cost_id>")
    def show(direct_cost_id: int) -> ResponseReturnValue:
        return _page(emulation, direct_cost_id, "")

    @pages.post("/direct_costs/<int:direct_cost_id>/status")
    def status(direct_cost_id: int) -> ResponseReturnValue:
        return _changed(emulation, direct_cost_id, {"status": request.form.get("status", "")})

    @pages.post("/direct_costs/<int:direct_cost_id>/edit")
    def edit(direct_cost_id: int) -> ResponseReturnValue:
        """Header fields if they differ, and the lines whose amount differs."""
        cost = emulation.direct_cost_rows.find(direct_cost_id) or abort(404)
        number = request.form.get("invoice_number", cost.invoice_number)
        wanted: dict[str, Any] = {} if number == cost.invoice_number else {"invoice_number": number}
        typed = [
            (line, request.form.get(f"amount_{line['id']}", line["amount"]).replace(",", "")) for line in cost.lines
        ]
        items = [{"id": line["id"], "amount": text} for line, text in typed if text != line["amount"]]
        return _changed(emulation, direct_cost_id, wanted | ({"line_items": items} if items else {}))

    @pages.post("/direct_costs/<int:direct_cost_id>/delete")
    def delete(direct_cost_id: int) -> ResponseReturnValue:
        cost = emulation.direct_cost_rows.find(direct_cost_id) or abort(404)
        try:
            emulation.direct_costs.delete(direct_cost_id, actor_of(emulation, None, cost.company_id))
        except Refused as error:
            return _page(emulation, direct_cost_id, f"The direct cost {error}."), 422
        return redirect("/direct_costs", 303)


def _add_new(pages: Blueprint, emulation: Emulation) -> None:
    @pages.get("/direct_costs/new")
    def new_form() -> ResponseReturnValue:
        return _new_page(emulation, "")

    @pages.post("/direct_costs/new")
    def new() -> ResponseReturnValue:
        form = request.form
        wanted: dict[str, Any] = {
            "project_id": form.get("project_id", ""),
            "type": form.get("type", "invoice"),
            "status": form.get("status") or "draft",
            "attachment": "attachment" in form,
        }
        for name in ("amount", "invoice_number", "vendor_id"):
            if form.get(name):
                wanted[name] = form[name].replace(",", "") if name == "amount" else form[name]
        try:
            cost = make_direct_cost(emulation, wanted)
        except (Refused, KeyError) as error:
            return _new_page(emulation, str(error)), 422
        except InvalidOperation:
            return _new_page(emulation, "The amount is not a number."), 400
        return redirect(f"/direct_costs/{cost.id}", 303)


def _changed(emulation: Emulation, direct_cost_id: int, wanted: dict[str, Any]) -> ResponseReturnValue:
    cost = emulation.direct_cost_rows.find(direct_cost_id) or abort(404)
    try:
        if wanted:
            emulation.direct_costs.edit(direct_cost_id, wanted, actor_of(emulation, None, cost.company_id))
    except Refused as error:
        return _page(emulation, direct_cost_id, f"{error.field} {error}"), 422
    except InvalidOperation:
        return _page(emulation, direct_cost_id, "An amount is not a number."), 400
    back = request.form.get("back", "")
    inside = back.startswith("/") and not back.startswith("//")
    return redirect(back if inside else f"/direct_costs/{direct_cost_id}", 303)


def _page(emulation: Emulation, direct_cost_id: int, problem: str) -> str:
    cost = emulation.direct_cost_rows.find(direct_cost_id) or abort(404)
    return render_template(
        "procore_direct_cost.html",
        cost=cost,
        record=emulation.direct_cost_records.record(cost),
        statuses=STATUSES,
        deliveries=emulation.ledger.query(
            "SELECT * FROM delivery WHERE resource_id = ? OR body LIKE ? ORDER BY id DESC LIMIT 20",
            (str(direct_cost_id), f"%{direct_cost_id}%"),
        ),
        problem=problem,
    )


def _new_page(emulation: Emulation, problem: str) -> str:
    return render_template(
        "procore_direct_cost_new.html",
        projects=emulation.storage.every("project"),
        vendors=emulation.storage.every("vendor"),
        kinds=KINDS,
        statuses=STATUSES,
        problem=problem,
    )
