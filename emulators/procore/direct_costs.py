"""What people and programs do with direct costs: create, edit, change the status, edit lines, delete, attach.

Procore: a change of lines tells of the line only, the parent stands in related_resources; a record with an origin_id
is locked (reference 3). Every action is one transaction with its webhook events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from emulators.procore.amounts import CENT, ZERO, money
from emulators.procore.direct_cost_rows import KINDS, STATUSES, DirectCost, DirectCostRows
from emulators.procore.event_bodies import Happening
from emulators.procore.invoicing import Actor, Refused
from emulators.procore.storage import Storage
from emulators.shared.clock import Clock
from emulators.shared.switches import Switches

_FACTS = (
    "description",
    "direct_cost_date",
    "received_date",
    "payment_date",
    "terms",
    "employee_id",
    "origin_data",
    "currency",
    "currency_exchange_rate",
    "mismatch",
)
_LINE_WORDS = ("description", "quantity", "unit_cost", "uom", "tax_code_id", "origin_id", "origin_data")


class DirectCosts:
    """All changes of direct costs go through here."""

    def __init__(
        self,
        storage: Storage,
        rows: DirectCostRows,
        switches: Switches,
        clock: Clock,
        announce: Callable[[Happening], None],
    ) -> None:
        self.storage = storage
        self.ledger = storage.ledger
        self.rows = rows
        self.switches = switches
        self.clock = clock
        self._announce = announce

    def need(self, direct_cost_id: int) -> DirectCost:
        cost = self.rows.find(direct_cost_id)
        if cost is None:
            raise KeyError(f"there is no direct cost {direct_cost_id}")
        return cost

    def create(self, project_id: int, wanted: Mapping[str, Any], actor: Actor, *, emit: bool = True) -> DirectCost:
        with self.ledger.writing():
            kind = wanted.get("direct_cost_type")
            extra = self.switches["direct_cost_subcontractor_type"] and kind == "subcontractor_invoice"
            if kind not in KINDS and not extra:
                raise Refused("is not included in the list", "direct_cost_type")
            now = self.clock.stamp()
            company_id = self.storage.company_of("project", project_id)
            cost = DirectCost(
                id=self.storage.new_id(),
                company_id=int(company_id or 0),
                project_id=project_id,
                vendor_id=None,
                kind=str(kind),
                status="draft",
                invoice_number="",
                created_at=now,
                updated_at=now,
            )
            if kind == "invoice":
                for name in ("invoice_number", "vendor_id"):
                    if wanted.get(name) in (None, ""):
                        raise Refused("can't be blank", name)
            self._take(cost, wanted)
            self._take_lines(cost, wanted.get("line_items") or [])
            self.rows.insert(cost)
            self.ledger.append("direct_cost_created", cost.id, {**_told(cost), "by": actor.user_id})
            if emit:
                self._tell(cost, "create", actor)
                if self.switches["direct_cost_create_emits_lines"]:
                    self._tell_lines(cost, [(line["id"], "create") for line in cost.lines], actor)
            return cost

    def edit(
        self,
        direct_cost_id: int,
        wanted: Mapping[str, Any],
        actor: Actor,
        *,
        emit: bool = True,
        touch: bool = True,
    ) -> DirectCost:
        """Header fields and status tell of the direct cost, `line_items` of each line that changed."""
        with self.ledger.writing():
            cost = self.need(direct_cost_id)
            if cost.origin_id and set(wanted) - {"origin_id", "origin_data"}:
                raise Refused("is not editable because it is synced with ERP")
            header = bool(set(wanted) - {"line_items"})
            before = cost.status
            self._take(cost, wanted)
            changed = self._take_lines(cost, wanted.get("line_items") or [])
            if touch and (header or self.switches["direct_cost_line_edit_touches_updated_at"]):
                cost.updated_at = self.clock.stamp()
            self.rows.save(cost)
            kind = "direct_cost_approved" if before != cost.status == "approved" else "direct_cost_edited"
            self.ledger.append(kind, cost.id, {**_told(cost), "by": actor.user_id})
            if emit:
                if header or self.switches["direct_cost_line_edit_emits_parent"]:
                    self._tell(cost, "update", actor)
                self._tell_lines(cost, changed, actor)
            return cost

    def delete(self, direct_cost_id: int, actor: Actor, *, emit: bool = True) -> None:
        with self.ledger.writing():
            cost = self.need(direct_cost_id)
            if cost.origin_id:
                raise Refused("is not editable because it is synced with ERP")
            cost.deleted_at = self.clock.stamp()
            self.rows.save(cost)
            self.ledger.append("direct_cost_deleted", cost.id, {**_told(cost), "by": actor.user_id})
            if emit:
                self._tell(cost, "delete", actor)

    def touched_by_attachment(self, direct_cost_id: int, actor: Actor, *, emit: bool = True) -> None:
        """The same open questions as with invoices (reference 8, 24)."""
        with self.ledger.writing():
            cost = self.need(direct_cost_id)
            if self.switches["attachment_touches_updated_at"]:
                cost.updated_at = self.clock.stamp()
            self.rows.save(cost)
            if emit and self.switches["attachment_emits_event"]:
                self._tell(cost, "update", actor)

    def _take(self, cost: DirectCost, wanted: Mapping[str, Any]) -> None:
        for name in _FACTS:
            if name in wanted:
                cost.facts[name] = wanted[name]
        if wanted.get("status") is not None:
            if wanted["status"] not in STATUSES:
                raise Refused("is not included in the list", "status")
            cost.facts["approved_at"] = self.clock.stamp() if wanted["status"] == "approved" else None
            cost.status = str(wanted["status"])
        if "invoice_number" in wanted:
            cost.invoice_number = str(wanted["invoice_number"] or "")
        if "vendor_id" in wanted:
            cost.vendor_id = self._vendor_id(cost.company_id, wanted["vendor_id"])
        if "origin_id" in wanted:
            cost.origin_id = self._free_origin_id(cost, wanted["origin_id"])

    def _take_lines(self, cost: DirectCost, items: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
        """Lines with a known id change, `_remove` takes them away, the others are new; answers what happened."""
        changed = []
        for item in items:
            line = next((x for x in cost.lines if str(x["id"]) == str(item.get("id"))), None)
            if line is None and item.get("id") is not None:
                raise Refused(f"id {item['id']} does not belong to this direct cost", "line_items")
            if line is not None and item.get("_remove"):
                cost.lines.remove(line)
                changed.append((int(line["id"]), "delete"))
                continue
            if line is None:
                line = self._blank_line(cost)
                cost.lines.append(line)
                changed.append((int(line["id"]), "create"))
            else:
                changed.append((int(line["id"]), "update"))
            self._fill_line(cost, line, item)
        return changed

    def _blank_line(self, cost: DirectCost) -> dict[str, Any]:
        now = self.clock.stamp()
        return {
            "id": self.storage.new_id(),
            "amount": "0.00",
            "tax": "0.00",
            "cost_code_id": None,
            "extended_type": "manual",
            "line_item_type": "other",
            "created_at": now,
            "updated_at": now,
            **dict.fromkeys(_LINE_WORDS),
            "description": "",
            "uom": "",
        }

    def _fill_line(self, cost: DirectCost, line: dict[str, Any], item: Mapping[str, Any]) -> None:
        line.update({name: item[name] for name in _LINE_WORDS if name in item})
        line["updated_at"] = self.clock.stamp()
        if "tax" in item:
            line["tax"] = str(money(item["tax"]))
        for name in ("wbs_code_id", "cost_code_id"):
            if item.get(name) is not None:
                line["cost_code_id"] = self._cost_code_id(cost.project_id, name, item[name])
        amount = item.get("manual_amount", item.get("amount"))
        if amount is not None:
            line.update(amount=str(money(amount)), extended_type="manual")
        elif "unit_cost" in item or "quantity" in item:
            quantity, cost_of_one = Decimal(str(line["quantity"] or 0)), Decimal(str(line["unit_cost"] or 0))
            total = (quantity * cost_of_one).quantize(CENT, ROUND_HALF_UP)
            line.update(amount=str(total), extended_type="calculated")

    def _cost_code_id(self, project_id: int, name: str, value: object) -> int:
        key = "wbs_code_id" if name == "wbs_code_id" else "id"
        for code in self.storage.every("cost_code", project_id=project_id):
            if str(code[key]) == str(value):
                return int(code["id"])
        raise Refused("is not a code of this project", name)

    def _vendor_id(self, company_id: int, value: object) -> int | None:
        if value in (None, ""):
            return None
        if self.storage.company_of("vendor", str(value)) != company_id:
            raise Refused("does not exist", "vendor_id")
        return int(str(value))

    def _free_origin_id(self, cost: DirectCost, origin_id: object) -> str | None:
        if origin_id in (None, ""):
            return None
        taken = self.ledger.value(
            "SELECT id FROM direct_cost WHERE company_id = ? AND origin_id = ? AND deleted_at IS NULL AND id != ?",
            (cost.company_id, str(origin_id), cost.id),
        )
        if taken is not None:
            raise Refused("has already been taken", "origin_id")
        return str(origin_id)

    def _tell(self, cost: DirectCost, event_type: str, actor: Actor) -> None:
        self._announce(_happening("Direct Costs", event_type, cost.id, cost, actor))

    def _tell_lines(self, cost: DirectCost, changed: Sequence[tuple[int, str]], actor: Actor) -> None:
        for line_id, event_type in changed:
            self._announce(_happening("Direct Cost Line Items", event_type, line_id, cost, actor))


def split(amount: Decimal, parts: int) -> list[Decimal]:
    """An amount in whole cents as that many amounts that add up to it."""
    each = (amount / parts).quantize(CENT, ROUND_HALF_UP)
    return [amount - each * (parts - 1), *[each] * (parts - 1)] if parts > 1 else [amount + ZERO]


def _happening(name: str, event_type: str, resource_id: int, cost: DirectCost, actor: Actor) -> Happening:
    return Happening(
        resource_name=name,
        event_type=event_type,
        resource_id=resource_id,
        company_id=cost.company_id,
        project_id=cost.project_id,
        user_id=actor.user_id,
        application_id=actor.application_id,
        related=((cost.id, "Direct Costs"),) if resource_id != cost.id else (),
    )


def _told(cost: DirectCost) -> dict[str, Any]:
    return {
        "project_id": cost.project_id,
        "invoice_number": cost.invoice_number,
        "type": cost.kind,
        "status": cost.status,
        "total": str(cost.total),
    }
