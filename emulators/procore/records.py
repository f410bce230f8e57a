"""How a subcontractor invoice looks on the wire: header, items and detail rows.

Procore: fields of a requisition (reference 2.2 to 2.5); numbers are text with decimals, dates have no zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulators.procore.amounts import (
    ZERO,
    Certificate,
    Entry,
    amounts_of_line,
    detail_of_line,
    money,
    percent_of,
    summarize,
)

STATUSES = ("draft", "under_review", "revise_and_resubmit", "approved", "approved_as_noted", "pending_owner_approval")


@dataclass
class Invoice:
    """One invoice as the emulator keeps it; `basis` holds what was typed, the wire form is computed from it."""

    id: int
    company_id: int
    project_id: int
    commitment_id: int
    vendor_id: int | None
    number: int
    status: str
    invoice_number: str
    period_id: int | None
    created_at: str
    updated_at: str
    origin_id: str | None
    created_by: int | None
    approved_at: str | None
    basis: dict[str, Any]
    verbatim: bool = False
    version: int = 1
    entries: list[Entry] = field(default_factory=list)

    def line(self, line_item_id: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.line_item_id == line_item_id), None)


@dataclass(frozen=True)
class Surroundings:
    """The objects around an invoice that its record quotes."""

    company: Mapping[str, Any]
    project: Mapping[str, Any]
    vendor: Mapping[str, Any]
    commitment: Mapping[str, Any]
    author: Mapping[str, Any]
    attachments: Sequence[Mapping[str, Any]]
    previous_id: int | None
    net_of_release: bool
    tax_on_top: bool


def header_of(invoice: Invoice, before: Certificate, around: Surroundings) -> dict[str, Any]:
    """Everything but the items."""
    summary = _summary(invoice, before, around)
    commitment, basis = around.commitment, invoice.basis
    claimed = sum((_gross(entry, before) for entry in invoice.entries), ZERO)
    complete = percent_of(money(summary["total_completed_and_stored_to_date"]), money(summary["contract_sum_to_date"]))
    editable = invoice.status in ("draft", "revise_and_resubmit")
    return {
        "id": invoice.id,
        "previous_requisition_id": around.previous_id,
        "project_id": invoice.project_id,
        "billing_date": basis.get("billing_date"),
        "created_at": invoice.created_at,
        "updated_at": invoice.updated_at,
        "commitment_id": invoice.commitment_id,
        "commitment_type": commitment["type"],
        "contract_name": f"{commitment['number']} - {commitment['title']}",
        "deletable": editable and not invoice.origin_id,
        "final": bool(basis.get("final", False)),
        "vendor_name": around.vendor["name"],
        "vendor_id": invoice.vendor_id,
        "invoice_number": invoice.invoice_number,
        "invoice_type": "progress",
        "origin_data": basis.get("origin_data"),
        "origin_id": invoice.origin_id,
        "payment_date": basis.get("payment_date"),
        "percent_complete": f"{complete}%",
        "period_id": invoice.period_id,
        "requisition_start": basis.get("requisition_start"),
        "requisition_end": basis.get("requisition_end"),
        "status": invoice.status,
        "erp_status": "synced" if invoice.origin_id else basis.get("erp_status"),
        "number": invoice.number,
        "submitted_at": basis.get("submitted_at"),
        "total_claimed_amount": str(claimed),
        "electronic_signature_id": None,
        "move_materials_to_previous_work_completed": False,
        "comment": basis.get("comment", ""),
        "summary_text": _summary_text(invoice, around),
        "summary": {**summary, **basis.get("override_summary", {})},
        "created_by": {key: around.author[key] for key in ("id", "name", "login", "company_name")},
        "custom_fields": basis.get("custom_fields", {}),
        "currency_configuration": _currency(basis),
        "attachments": [dict(attachment) for attachment in around.attachments],
        "item_packages": _packages(commitment),
    }


def items_of(invoice: Invoice, before: Certificate, around: Surroundings) -> list[dict[str, Any]]:
    """The G703 lines."""
    lines = {line["id"]: line for line in around.commitment["lines"]}
    overrides = invoice.basis.get("override_items", {})
    items = []
    for position, entry in enumerate(invoice.entries, 1):
        line = lines[entry.line_item_id]
        standing = before.line(entry.line_item_id)
        item = {
            "id": entry.item_id,
            "item_type": line["kind"],
            "accounting_method": "amount",
            "cost_code_id": line["cost_code_id"],
            "currency_configuration": _currency(invoice.basis),
            "line_item_id": entry.line_item_id,
            "description_of_work": line["description"],
            "wbs_code": line["wbs_code"],
            **amounts_of_line(entry, standing, money(line["scheduled_value"]), net_of_release=around.net_of_release),
            "comment": entry.comment,
            "status": entry.status,
            "position": position,
            "line_number": str(position),
            "previous_progress_id": None,
            "ssr_manual_override": False,
            "subcontractor_claimed_amount": str(_gross(entry, before)),
            "taxes": [],
            "uom": "",
        }
        item.update(overrides.get(str(entry.item_id), {}))
        items.append(item)
    return items


def detail_of(
    invoice: Invoice, items: Sequence[Mapping[str, Any]], before: Certificate, around: Surroundings
) -> list[dict[str, Any]]:
    """The rows of the detail answer: the same lines with the retainage history."""
    rows = []
    for entry, item in zip(invoice.entries, items, strict=True):
        row = {key: item[key] for key in _DETAIL_KEYS}
        row.update(
            detail_of_line(
                entry,
                before.line(entry.line_item_id),
                money(item["scheduled_value"]),
                net_of_release=around.net_of_release,
            )
        )
        row["item_number"] = item["position"]
        rows.append(row)
    return rows


_DETAIL_KEYS = (
    "id",
    "item_type",
    "cost_code_id",
    "description_of_work",
    "scheduled_value",
    "materials_presently_stored",
    "total_completed_and_stored_to_date",
    "total_completed_and_stored_to_date_percent",
    "work_completed_from_previous_application",
    "work_completed_this_period",
    "work_completed_retainage_from_previous_application",
    "work_completed_retainage_released_this_period",
    "work_completed_retainage_retained_this_period",
    "work_completed_retainage_percent_this_period",
    "materials_stored_retainage_released_this_period",
    "materials_stored_retainage_percent_this_period",
    "materials_moved",
    "materials_retainage_retained_moved",
)


def _summary(invoice: Invoice, before: Certificate, around: Surroundings) -> dict[str, str]:
    lines = {line["id"]: line for line in around.commitment["lines"]}
    scheduled = [
        (lines[e.line_item_id]["kind"], money(lines[e.line_item_id]["scheduled_value"])) for e in invoice.entries
    ]
    block = summarize(
        before,
        invoice.entries,
        original=sum((value for kind, value in scheduled if kind == "contract_item"), ZERO),
        changes=[value for kind, value in scheduled if kind != "contract_item"],
        percent=money(invoice.basis.get("retainage_percent", around.commitment["retainage_percent"])),
        tax=money(invoice.basis.get("tax", 0)),
        tax_on_top=around.tax_on_top,
    )
    start, end = invoice.basis.get("requisition_start") or "", invoice.basis.get("requisition_end") or ""
    block["formatted_period"] = f"{_american(start)} - {_american(end)}"
    return block


def _american(day: str) -> str:
    """Procore: formatted_period is display text in the date format of the company."""
    return f"{day[5:7]}/{day[8:10]}/{day[2:4]}" if len(day) == 10 else ""


def _gross(entry: Entry, before: Certificate) -> Any:
    standing = before.line(entry.line_item_id)
    return standing.after(entry).completed - standing.completed


def _summary_text(invoice: Invoice, around: Surroundings) -> dict[str, str]:
    vendor, project, commitment = around.vendor, around.project, around.commitment
    return {
        "project_name": project["name"],
        "project_number": project["project_number"],
        "to_general_contractor": around.company["name"],
        "requisition_period_start": invoice.basis.get("requisition_start") or "",
        "requisition_period_end": invoice.basis.get("requisition_end") or "",
        "subcontractor_name": vendor["name"],
        "subcontractor_street": vendor.get("address", ""),
        "subcontractor_city": vendor.get("city", ""),
        "subcontractor_state_code": vendor.get("state_code", ""),
        "subcontractor_zip": vendor.get("zip", ""),
        "subcontractor_country_code": vendor.get("country_code", ""),
        "application_number": str(invoice.number),
        "contract_for": commitment["title"],
        "contract_date": commitment["contract_date"],
    }


def _packages(commitment: Mapping[str, Any]) -> list[dict[str, Any]]:
    packages: list[dict[str, Any]] = [
        {
            "id": commitment["id"],
            "contract_id": commitment["id"],
            "change_order_id": None,
            "number": commitment["number"],
            "title": commitment["title"],
            "status": commitment["status"].lower(),
            "position": 1,
        }
    ]
    for line in commitment["lines"]:
        if line["kind"] != "contract_item":
            packages.append(
                {
                    "id": line["change_order_id"],
                    "contract_id": None,
                    "change_order_id": line["change_order_id"],
                    "number": f"{len(packages):03d}",
                    "title": line["description"],
                    "status": "approved",
                    "position": len(packages) + 1,
                }
            )
    return packages


def _currency(basis: Mapping[str, Any]) -> dict[str, Any]:
    code = basis.get("currency", "USD")
    return {
        "currency_iso_code": code,
        "currency_exchange_rate": basis.get("currency_exchange_rate", 1.0),
        "base_currency_iso_code": "USD",
    }
