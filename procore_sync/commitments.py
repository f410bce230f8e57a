"""The commitments of Procore that an invoice may be billed on, and the record to be made there of it.

Procore's create call takes lines (`requisition.items`: `line_item_id`, `item_type` and amounts of this period; v1.1
`POST /requisitions` in its OpenAPI file), so each of our lines goes onto the commitment's line with its cost code or
its description. What fits no line is left out, and people enter it in Procore; the amounts are compared when the
invoice is approved there. Commitments billed by unit take quantities, which inBuild does not know: no lines for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from invoices.models import Invoice, InvoiceLine
from procore_sync import reading
from procore_sync.client import Forbidden, NotFound, Procore, ProcoreError
from procore_sync.reading import Unreadable

TOOLS = {"work_order_contracts": "Subcontract", "purchase_order_contracts": "Purchase order"}


class NoPeriod(ProcoreError):
    """The project has no open billing period, without which Procore takes no invoice."""


@dataclass(frozen=True, slots=True)
class Commitment:
    procore_id: int
    tool: str
    number: str
    title: str
    vendor_id: int | None
    vendor_name: str

    def __str__(self) -> str:
        name = " · ".join(part for part in (self.number, self.title) if part) or str(self.procore_id)
        return f"{name} ({TOOLS[self.tool]})"

    def is_with(self, invoice: Invoice) -> bool:
        """Is it a commitment with the invoice's vendor?"""
        vendor = invoice.vendor
        if vendor.procore_id is not None and vendor.procore_id == self.vendor_id:
            return True
        return self.vendor_name.casefold() == vendor.name.strip().casefold()


def choices(procore: Procore, project_id: int, invoice: Invoice) -> list[Commitment]:
    """The approved commitments of a project, those of the invoice's vendor first. Raises ProcoreError.

    A project may have one of the two tools switched off; only if neither can be read is that an error.
    """
    found: list[Commitment] = []
    refusals: list[ProcoreError] = []
    for tool in TOOLS:
        try:
            rows = procore.approved_commitments(project_id, tool)
        except (NotFound, Forbidden) as exc:
            refusals.append(exc)
            continue
        found += [one for row in rows if (one := _commitment(tool, row)) is not None]
    if len(refusals) == len(TOOLS):
        raise refusals[0]
    return sorted(found, key=lambda one: (not one.is_with(invoice), one.vendor_name.casefold(), one.number))


def _commitment(tool: str, row: Mapping[str, Any]) -> Commitment | None:
    """None for one that is not approved, should the filter not have been heeded, or that has no id."""
    vendor = row.get("vendor") if isinstance(row.get("vendor"), dict) else {}
    vendor = vendor or {}
    if reading.status_key(row.get("status")) != "approved":
        return None
    try:
        return Commitment(
            procore_id=reading.an_id(row.get("id"), "id"),
            tool=tool,
            number=reading.text(row.get("number")),
            title=reading.text(row.get("title")),
            vendor_id=reading.optional_id(vendor.get("id"), "vendor"),
            # Procore: a commitment's vendor has `company`, no `name`.
            vendor_name=reading.text(vendor.get("company")) or reading.text(vendor.get("name")),
        )
    except Unreadable:
        return None


def record(procore: Procore, project_id: int, commitment: Commitment, invoice: Invoice, mark: str) -> dict[str, Any]:
    """The body of Procore's create call for an invoice on a commitment. Raises ProcoreError."""
    period = _period(procore.open_billing_periods(project_id), invoice.invoice_date)
    contract = procore.commitment(project_id, commitment.tool, commitment.procore_id)
    wanted: dict[str, Any] = {
        "invoice_number": invoice.number,
        "billing_date": invoice.invoice_date.isoformat(),
        "period_id": period["id"],
        "status": "under_review",
        "origin_data": mark,
    }
    for name, theirs in (("requisition_start", "start_date"), ("requisition_end", "end_date")):
        if period.get(theirs):
            wanted[name] = str(period[theirs])
    if items := _items(list(invoice.lines.select_related("cost_code").order_by("position")), contract):
        wanted["items"] = items
    return {"project_id": project_id, "commitment_id": commitment.procore_id, "requisition": wanted}


def unplaced(payload: Mapping[str, Any], invoice: Invoice) -> Decimal:
    """How much of the invoice's gross amount found no line of the commitment."""
    placed = (Decimal(item["work_completed_this_period"]) for item in payload["requisition"].get("items", []))
    rest: Decimal = invoice.gross - sum(placed, Decimal(0))
    return rest


def _period(periods: Sequence[Mapping[str, Any]], day: date) -> Mapping[str, Any]:
    """The open billing period the invoice's date falls into, else the latest. Procore: an open one is needed."""
    found = [row for row in periods if isinstance(row.get("id"), int) and row.get("status", "open") == "open"]
    if not found:
        raise NoPeriod("Procore has no open billing period in this project. Open one there, then try again.")
    found.sort(key=lambda row: str(row.get("end_date")))
    holding = [row for row in found if str(row.get("start_date")) <= day.isoformat() <= str(row.get("end_date"))]
    return (holding or found)[-1]


def _items(lines: Sequence[InvoiceLine], contract: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = contract.get("line_items")
    if contract.get("accounting_method") == "unit" or not isinstance(rows, list):
        return []
    theirs = [row for row in rows if isinstance(row, dict) and row.get("id")]
    gross: dict[Any, Decimal] = {}
    retainage: dict[Any, Decimal] = {}
    for line in lines:
        row = _line_of(theirs, line)
        if row is not None:
            gross[row["id"]] = gross.get(row["id"], Decimal(0)) + line.gross
            retainage[row["id"]] = retainage.get(row["id"], Decimal(0)) + line.retainage
    return [_item(line_id, gross[line_id], retainage[line_id]) for line_id in gross]


def _item(line_id: Any, gross: Decimal, retainage: Decimal) -> dict[str, Any]:
    """Both kinds of retainage are positive in Procore; which one it is stands in the field's name."""
    return {
        "line_item_id": line_id,
        "item_type": "contract_item",
        "work_completed_this_period": str(gross),
        "work_completed_retainage_retained_this_period": str(max(-retainage, Decimal("0.00"))),
        "work_completed_retainage_released_this_period": str(max(retainage, Decimal("0.00"))),
    }


def _line_of(theirs: Sequence[Mapping[str, Any]], line: InvoiceLine) -> Mapping[str, Any] | None:
    """The one line of the commitment that has this line's cost code, its description, or of several the one with both;
    None unless it is clear."""
    code, description = _key(line.cost_code.code) if line.cost_code else "", _key(line.description)
    same_code = [row for row in theirs if code and code in _codes(row)]
    same_words = [row for row in theirs if description and description == _key(row.get("description"))]
    both = [row for row in same_code if row in same_words]
    return next((found[0] for found in (both, same_code, same_words) if len(found) == 1), None)


def _codes(row: Mapping[str, Any]) -> set[str]:
    wbs, code = row.get("wbs_code"), row.get("cost_code")
    found = {_key(wbs.get("flat_code"))} if isinstance(wbs, dict) else set()
    if isinstance(code, dict):
        found |= {_key(code.get("full_code")), _key(code.get("code"))}
    return found


def _key(value: Any) -> str:
    return " ".join(reading.text(value).casefold().split())
