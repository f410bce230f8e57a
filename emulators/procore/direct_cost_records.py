"""How a direct cost looks on the wire: a row of the list, the record itself, and its lines in three forms.

Procore: `vendor` is text in the list and an object in the record, the exchange rate is text (reference 3,
oas_direct_costs.json); there is no author and no change history.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from emulators.procore.amounts import money
from emulators.procore.direct_cost_rows import DirectCost
from emulators.procore.storage import Storage
from emulators.shared.switches import Switches

_DATES = ("direct_cost_date", "received_date", "payment_date")
_TYPES = {
    "commitment": (562949953590901, "C", "Commitment"),
    "materials": (562949953590902, "M", "Materials"),
    "other": (562949953590903, "O", "Other"),
}


class DirectCostRecords:
    """Builds the wire forms from what is stored."""

    def __init__(self, storage: Storage, switches: Switches, public_url: str) -> None:
        self._storage = storage
        self._switches = switches
        self._public_url = public_url

    def row(self, cost: DirectCost) -> dict[str, Any]:
        """As in the list."""
        vendor = self._vendor(cost)
        return {
            "id": cost.id,
            "amount": self._amount(cost),
            "created_at": cost.created_at,
            "deleted_at": cost.deleted_at,
            "description": cost.facts.get("description", ""),
            "direct_cost_type": cost.kind,
            **{name: cost.facts.get(name) for name in _DATES},
            "grand_total": self.grand_total(cost),
            "invoice_number": cost.invoice_number,
            "origin_data": cost.facts.get("origin_data"),
            "origin_id": cost.origin_id,
            "status": cost.status,
            "terms": cost.facts.get("terms", ""),
            "updated_at": cost.updated_at,
            "vendor": "" if vendor is None else vendor["name"],
            "vendor_id": cost.vendor_id,
            "vendor_name": "" if vendor is None else vendor["name"],
            "currency_configuration": _currency(cost.facts),
            "employee": self._employee(cost),
        }

    def record(self, cost: DirectCost) -> dict[str, Any]:
        """As in the show answer, with its lines."""
        record = self.row(cost)
        del record["amount"]
        vendor = self._vendor(cost)
        attachments = self.attachments(cost.id)
        record.update(
            vendor=None if vendor is None else {"id": vendor["id"], "name": vendor["name"]},
            attachments=attachments,
            attachments_count=len(attachments),
            company=self._named("company", cost.company_id),
            project=self._named("project", cost.project_id),
            line_items_count=len(cost.lines),
            line_items=[
                {**self._line(cost, place), "company": self._named("company", cost.company_id), "ref": None}
                for place in range(len(cost.lines))
            ],
        )
        return record

    def listed_lines(self, cost: DirectCost) -> list[dict[str, Any]]:
        """As in the list of all lines of a project: each names its holder, which a line event of v2.0 does not."""
        project = self._named("project", cost.project_id)
        # The words of holder_type are in no document.
        holder = {"id": cost.id, "holder_type": "DirectCost"}
        return [{**self._line(cost, place), "holder": holder, "project": project} for place in range(len(cost.lines))]

    def attachments(self, holder_id: int) -> list[dict[str, Any]]:
        rows = self._storage.ledger.query("SELECT * FROM attachment WHERE invoice_id = ? ORDER BY id", (holder_id,))
        return [
            {
                "id": row["id"],
                "url": f"{self._public_url}/rest/v1.0/prostore_files/{row['id']}/{quote(row['filename'])}",
                "filename": row["filename"],
            }
            for row in rows
        ]

    def grand_total(self, cost: DirectCost) -> str:
        """What the lines add up to, unless somebody ordered a difference."""
        ordered = money(cost.facts.get("mismatch")) + money(self._switches["direct_cost_mismatch"])
        return self._text(cost.total + ordered)

    def _amount(self, cost: DirectCost) -> str:
        if self._switches["direct_cost_amount_before_tax"]:
            return self._text(cost.before_tax)
        return self.grand_total(cost)

    def _line(self, cost: DirectCost, place: int) -> dict[str, Any]:
        line = cost.lines[place]
        code = self._storage.get("cost_code", line["cost_code_id"])
        type_id, letter, name = _TYPES[line["line_item_type"]]
        return {
            "id": line["id"],
            "amount": self._text(money(line["amount"])),
            "cost_code": None
            if code is None
            else {
                "id": code["id"],
                "full_code": code["full_code"],
                "name": code["name"],
                "origin_id": code["origin_id"],
            },
            "created_at": line["created_at"],
            "currency_configuration": _currency(cost.facts),
            "description": line["description"],
            "extended_type": line["extended_type"],
            "extended_amount": self._text(money(line["amount"])),
            "line_item_type": {
                "id": type_id,
                "name": name,
                "code": letter,
                "base_type": line["line_item_type"],
                "origin_data": None,
                "origin_id": None,
            },
            "origin_data": line["origin_data"],
            "origin_id": line["origin_id"],
            "position": place + 1,
            "quantity": line["quantity"],
            "tax_code_id": line["tax_code_id"],
            "total_amount": self._text(money(line["amount"]) + money(line["tax"])),
            "unit_cost": line["unit_cost"],
            "uom": line["uom"],
            "updated_at": line["updated_at"],
            "wbs_code": None
            if code is None
            else {
                "id": code["wbs_code_id"],
                "flat_code": f"{code['full_code']}.{letter}",
                "description": f"{code['name']}.{name}",
            },
        }

    def _vendor(self, cost: DirectCost) -> dict[str, Any] | None:
        return None if cost.vendor_id is None else self._storage.get("vendor", cost.vendor_id)

    def _employee(self, cost: DirectCost) -> dict[str, Any] | None:
        person = self._storage.get("user", cost.facts.get("employee_id"))
        return None if person is None else {"id": person["id"], "name": person["name"]}

    def _named(self, kind: str, document_id: int) -> dict[str, Any]:
        found = self._storage.need(kind, document_id)
        return {"id": found["id"], "name": found["name"]}

    def _text(self, amount: Decimal) -> str:
        """A pipeline saw 11275.5 and 11400.0 where the schema promises nothing about decimals."""
        if not self._switches["direct_cost_short_numbers"]:
            return str(amount)
        text = str(amount)
        return text[:-1] if text.endswith("0") else text


def _currency(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "currency_iso_code": facts.get("currency", "USD"),
        "currency_exchange_rate": str(facts.get("currency_exchange_rate", "1.0")),
        "base_currency_iso_code": "USD",
    }
