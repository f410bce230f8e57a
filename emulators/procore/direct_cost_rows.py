"""Reading and writing the rows of direct costs, with the earlier versions of each record."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from emulators.procore.amounts import ZERO, money
from emulators.procore.storage import Storage

KINDS = ("invoice", "expense", "payroll")
STATUSES = ("draft", "pending", "revise_and_resubmit", "approved")


@dataclass
class DirectCost:
    """One direct cost as the emulator keeps it: `facts` are its other header values, `lines` what was typed."""

    id: int
    company_id: int
    project_id: int
    vendor_id: int | None
    kind: str
    status: str
    invoice_number: str
    created_at: str
    updated_at: str
    origin_id: str | None = None
    deleted_at: str | None = None
    version: int = 1
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def before_tax(self) -> Decimal:
        return sum((money(line["amount"]) for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        """What the lines add up to, tax included."""
        return self.before_tax + sum((money(line["tax"]) for line in self.lines), ZERO)


class DirectCostRows:
    """Keeps direct costs."""

    def __init__(self, storage: Storage) -> None:
        self.ledger = storage.ledger

    def find(self, direct_cost_id: int) -> DirectCost | None:
        row = self.ledger.one("SELECT * FROM direct_cost WHERE id = ? AND deleted_at IS NULL", (direct_cost_id,))
        return None if row is None else _direct_cost(row)

    def chosen(
        self, where: str, parameters: Sequence[Any], *, order: str = "id", limit: int = -1, offset: int = 0
    ) -> list[DirectCost]:
        """`where` and `order` are constants of the caller; every value is a parameter."""
        rows = self.ledger.query(
            f"SELECT * FROM direct_cost WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
            [*parameters, limit, offset],
        )
        return [_direct_cost(row) for row in rows]

    def count(self, where: str, parameters: Sequence[Any]) -> int:
        return int(self.ledger.value(f"SELECT COUNT(*) FROM direct_cost WHERE {where}", parameters))  # noqa: S608

    def insert(self, cost: DirectCost) -> None:
        self.ledger.execute(
            "INSERT INTO direct_cost (id, company_id, project_id, vendor_id, kind, status, invoice_number, created_at,"
            " updated_at, origin_id, facts, lines) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                cost.id,
                cost.company_id,
                cost.project_id,
                cost.vendor_id,
                cost.kind,
                cost.status,
                cost.invoice_number,
                cost.created_at,
                cost.updated_at,
                cost.origin_id,
                json.dumps(cost.facts),
                json.dumps(cost.lines),
            ),
        )

    def save(self, cost: DirectCost) -> None:
        """Store a changed record; the state before stays readable for a replica that lags."""
        self.ledger.execute(
            "INSERT OR REPLACE INTO direct_cost_version (direct_cost_id, version, status, updated_at, invoice_number,"
            " origin_id, vendor_id, facts, lines) SELECT id, version, status, updated_at, invoice_number, origin_id,"
            " vendor_id, facts, lines FROM direct_cost WHERE id = ?",
            (cost.id,),
        )
        self.ledger.execute(
            "UPDATE direct_cost SET vendor_id = ?, status = ?, invoice_number = ?, updated_at = ?, origin_id = ?,"
            " deleted_at = ?, facts = ?, lines = ?, version = version + 1 WHERE id = ?",
            (
                cost.vendor_id,
                cost.status,
                cost.invoice_number,
                cost.updated_at,
                cost.origin_id,
                cost.deleted_at,
                json.dumps(cost.facts),
                json.dumps(cost.lines),
                cost.id,
            ),
        )

    def as_before(self, cost: DirectCost) -> DirectCost:
        """The record as it stood before its last change; unchanged ones are themselves."""
        row = self.ledger.one(
            "SELECT direct_cost.id, company_id, project_id, kind, created_at, NULL AS deleted_at, v.version,"
            " v.vendor_id, v.status, v.invoice_number, v.updated_at, v.origin_id, v.facts, v.lines"
            " FROM direct_cost JOIN direct_cost_version AS v ON v.direct_cost_id = direct_cost.id"
            " WHERE direct_cost.id = ? AND v.version < ? ORDER BY v.version DESC LIMIT 1",
            (cost.id, cost.version),
        )
        return cost if row is None else _direct_cost(row)


def _direct_cost(row: sqlite3.Row) -> DirectCost:
    return DirectCost(
        id=row["id"],
        company_id=row["company_id"],
        project_id=row["project_id"],
        vendor_id=row["vendor_id"],
        kind=row["kind"],
        status=row["status"],
        invoice_number=row["invoice_number"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        origin_id=row["origin_id"],
        deleted_at=row["deleted_at"],
        version=row["version"],
        facts=json.loads(row["facts"]),
        lines=json.loads(row["lines"]),
    )
