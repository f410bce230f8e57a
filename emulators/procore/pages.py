"""Web pages for people: the list of invoices, one invoice, a new invoice.

Procore: the classic route of an invoice and the newer route of a commitment are reference 7.
"""

from __future__ import annotations

import json
from decimal import InvalidOperation
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from emulators.procore.commitments_api import KINDS
from emulators.procore.control_invoices import actor_of, make_invoice
from emulators.procore.emulation import Emulation
from emulators.procore.invoice_lists import count_rows, short_rows
from emulators.procore.invoicing import Refused
from emulators.procore.records import STATUSES
from emulators.procore.requisitions import history_rows
from emulators.procore.seeding import COMPANY

_PER_PAGE = 50
_WORDS = "work_order_contracts,purchase_order_contracts"
_SUMMARY = (
    ("Original contract sum", "original_contract_sum"),
    ("Net change by change orders", "net_change_by_change_orders"),
    ("Contract sum to date", "contract_sum_to_date"),
    ("Total completed and stored to date", "total_completed_and_stored_to_date"),
    ("Total retainage", "total_retainage"),
    ("Total earned less retainage", "total_earned_less_retainage"),
    ("Less previous certificates for payment", "less_previous_certificates_for_payment"),
    ("Current payment due", "current_payment_due"),
    ("Balance to finish, including retainage", "balance_to_finish_including_retainage"),
)


def invoice_pages(emulation: Emulation) -> Blueprint:
    pages = Blueprint("invoices", __name__, template_folder="templates")
    _add_list(pages, emulation)
    _add_one(pages, emulation)
    _add_edit(pages, emulation)
    _add_new(pages, emulation)
    _add_links(pages, emulation)
    return pages


def _add_list(pages: Blueprint, emulation: Emulation) -> None:
    @pages.get("/")
    def index() -> ResponseReturnValue:
        wanted = {key: value for key, value in request.args.items() if key != "page"}
        page = max(request.args.get("page", default=1, type=int), 1)
        total = count_rows(emulation, wanted)
        rows = short_rows(emulation, wanted, newest_first=True, limit=_PER_PAGE, offset=(page - 1) * _PER_PAGE)
        for row in rows:
            row["delivery"] = last_delivery(emulation, row["id"])
        projects = {project["id"]: project for project in emulation.storage.every("project")}
        return render_template(
            "procore_invoices.html",
            rows=rows,
            wanted=wanted,
            statuses=STATUSES,
            projects=projects,
            companies=emulation.storage.every("company"),
            total=total,
            page=page,
            pages=max(1, -(-total // _PER_PAGE)),
            back=request.full_path,
        )


def _add_one(pages: Blueprint, emulation: Emulation) -> None:
    @pages.get("/invoices/<int:invoice_id>")
    def show(invoice_id: int) -> ResponseReturnValue:
        return invoice_page(emulation, invoice_id)

    @pages.post("/invoices/<int:invoice_id>/status")
    def status(invoice_id: int) -> ResponseReturnValue:
        invoice = emulation.rows.find(invoice_id) or abort(404)
        try:
            emulation.invoicing.set_status(
                invoice_id, request.form.get("status", ""), actor_of(emulation, None, invoice.company_id)
            )
        except Refused as error:
            return invoice_page(emulation, invoice_id, problem=f"{error.field} {error}"), 422
        return redirect(_back(invoice_id), 303)

    @pages.post("/invoices/status")
    def many() -> ResponseReturnValue:
        """Approve everything that is ticked (the bulk action)."""
        ids = [int(text) for text in request.form.getlist("id")]
        emulation.invoicing.set_status_of_many(ids, request.form.get("status", ""), actor_of(emulation, None, None))
        return redirect(_back(None), 303)

    @pages.post("/invoices/<int:invoice_id>/delete")
    def delete(invoice_id: int) -> ResponseReturnValue:
        invoice = emulation.rows.find(invoice_id) or abort(404)
        try:
            emulation.invoicing.delete(invoice_id, actor_of(emulation, None, invoice.company_id))
        except Refused as error:
            return invoice_page(emulation, invoice_id, problem=f"The invoice {error}"), 422
        target = _back(None)
        return redirect(target if str(invoice_id) not in target else "/", 303)


def _add_edit(pages: Blueprint, emulation: Emulation) -> None:
    @pages.get("/invoices/<int:invoice_id>/edit")
    def edit_form(invoice_id: int) -> ResponseReturnValue:
        return _edit_page(emulation, invoice_id, "")

    @pages.post("/invoices/<int:invoice_id>/edit")
    def edit(invoice_id: int) -> ResponseReturnValue:
        invoice = emulation.rows.find(invoice_id) or abort(404)
        form = request.form
        wanted: dict[str, Any] = {
            "invoice_number": form.get("invoice_number"),
            "billing_date": form.get("billing_date"),
        }
        wanted["items"] = [
            {
                "id": entry.item_id,
                "work_completed_this_period": form.get(f"work_{entry.item_id}", str(entry.work)).replace(",", ""),
                "materials_presently_stored": form.get(f"stored_{entry.item_id}", str(entry.materials)).replace(
                    ",", ""
                ),
                "work_completed_retainage_percent_this_period": form.get(
                    f"percent_{entry.item_id}", str(entry.percent)
                ),
            }
            for entry in invoice.entries
        ]
        try:
            emulation.invoicing.edit(invoice_id, wanted, actor_of(emulation, None, invoice.company_id))
        except Refused as error:
            return _edit_page(emulation, invoice_id, f"The invoice {error}"), 422
        except InvalidOperation:
            return _edit_page(emulation, invoice_id, "An amount is not a number."), 400
        return redirect(f"/invoices/{invoice_id}", 303)


def _add_new(pages: Blueprint, emulation: Emulation) -> None:
    @pages.get("/new")
    def new_form() -> ResponseReturnValue:
        return _new_page(emulation, "")

    @pages.post("/new")
    def new() -> ResponseReturnValue:
        form = request.form
        wanted: dict[str, Any] = {
            "commitment_id": form.get("commitment_id", ""),
            "status": form.get("status") or "draft",
            "attachment": "attachment" in form,
        }
        for name in ("amount", "invoice_number", "retainage_percent"):
            if form.get(name):
                wanted[name] = form[name].replace(",", "") if name != "invoice_number" else form[name]
        wanted["release_retainage"] = "release_retainage" in form
        try:
            invoice = make_invoice(emulation, wanted)
        except (Refused, KeyError) as error:
            return _new_page(emulation, str(error)), 422
        except InvalidOperation:
            return _new_page(emulation, "The amount is not a number."), 400
        return redirect(f"/invoices/{invoice.id}", 303)


def _add_links(pages: Blueprint, emulation: Emulation) -> None:
    classic = f"/<int:project_id>/project/commitments/<any({_WORDS}):word>/<int:commitment_id>"
    newer = f"/<int:project_id>/project/contracts/commitments/<any({_WORDS}):word>/<int:commitment_id>"
    host = "/webclients/host/companies/<int:company_id>/projects/<int:project_id>/tools"

    @pages.get(f"{classic}/requisitions/<int:invoice_id>")
    @pages.get(f"{newer}/requisitions/<int:invoice_id>")
    def classic_link(project_id: int, word: str, commitment_id: int, invoice_id: int) -> ResponseReturnValue:
        invoice = emulation.rows.find(invoice_id)
        if invoice is None or (invoice.project_id, invoice.commitment_id) != (project_id, commitment_id):
            abort(404)
        commitment = emulation.storage.get("commitment", commitment_id)
        if commitment is not None and commitment["type"] != KINDS[word]:
            abort(404)
        if emulation.switches["deep_link_redirects"]:
            return redirect(f"/invoices/{invoice_id}")
        return invoice_page(emulation, invoice_id)

    @pages.get(f"{host}/contracts/commitments/<any({_WORDS}):word>/<int:commitment_id>/invoices")
    def commitment_link(company_id: int, project_id: int, word: str, commitment_id: int) -> ResponseReturnValue:
        return redirect(f"/?commitment_id={commitment_id}")

    @pages.get(f"{host}/invoicing/subcontractor")
    def project_link(company_id: int, project_id: int) -> ResponseReturnValue:
        return redirect(f"/?project_id={project_id}")


def invoice_page(emulation: Emulation, invoice_id: int, *, problem: str = "") -> str:
    """One invoice with its summary, lines, history and deliveries."""
    row = emulation.ledger.one("SELECT * FROM invoice WHERE id = ? AND deleted = 0", (invoice_id,))
    if row is None:
        abort(404)
    header = json.loads(row["header"])
    project = emulation.storage.get("project", row["project_id"]) or {"name": row["project_id"]}
    return render_template(
        "procore_invoice.html",
        invoice=header,
        row=row,
        items=json.loads(row["items"]) or [],
        summary=[(text, (header.get("summary") or header.get("g702") or {}).get(key, "")) for text, key in _SUMMARY],
        project=project,
        history=history_rows(emulation, invoice_id),
        statuses=STATUSES,
        deliveries=emulation.ledger.query(
            "SELECT * FROM delivery WHERE resource_id = ? ORDER BY id DESC LIMIT 20", (str(invoice_id),)
        ),
        problem=problem,
    )


def last_delivery(emulation: Emulation, invoice_id: int) -> dict[str, Any] | None:
    row = emulation.ledger.one(
        "SELECT * FROM delivery WHERE resource_id = ? ORDER BY id DESC LIMIT 1", (str(invoice_id),)
    )
    return None if row is None else dict(row)


def _edit_page(emulation: Emulation, invoice_id: int, problem: str) -> str:
    invoice = emulation.rows.find(invoice_id)
    if invoice is None or invoice.verbatim:
        abort(404)
    commitment = emulation.storage.need("commitment", invoice.commitment_id)
    lines = {line["id"]: line for line in commitment["lines"]}
    return render_template("procore_edit.html", invoice=invoice, lines=lines, problem=problem)


def _new_page(emulation: Emulation, problem: str) -> str:
    projects = {project["id"]: project for project in emulation.storage.every("project")}
    vendors = {vendor["id"]: vendor for vendor in emulation.storage.every("vendor")}
    found = emulation.storage.every("commitment", company_id=COMPANY)
    found += [c for c in emulation.storage.every("commitment") if c["company_id"] != COMPANY]
    return render_template(
        "procore_new.html", commitments=found, projects=projects, vendors=vendors, statuses=STATUSES, problem=problem
    )


def _back(invoice_id: int | None) -> str:
    """Where the form came from, within this site."""
    target = request.form.get("back", "")
    if target.startswith("/") and not target.startswith("//"):
        return target
    return "/" if invoice_id is None else f"/invoices/{invoice_id}"
