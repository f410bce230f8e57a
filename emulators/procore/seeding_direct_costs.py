"""The demo direct costs: every type in every status, and some more invoices that wait for approval.

Its own dice and ids, so that the invoices of the demo stay what they were.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count, product
from typing import Any

from emulators.procore.direct_cost_rows import KINDS, STATUSES, DirectCost
from emulators.procore.direct_costs import split
from emulators.procore.emulation import Emulation

_MORE = (("invoice", "pending"),) * 6 + (("invoice", "approved"),) * 3 + (("invoice", "draft"),) * 3
_WORK = ("Equipment rental", "Dumpster haul", "Site fencing", "Fuel", "Small tools", "Temporary power", "Testing lab")
_WIRE = "%Y-%m-%dT%H:%M:%SZ"


class DirectCostSeeder:
    """Makes direct costs directly as rows: no events, no deliveries."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._dice = random.Random(20240602)
        self._ids = count(562949953604001)
        self._line_ids = count(562949953605001)
        self._file_ids = count(562949953606001)
        self._now = emulation.clock.now()

    def seed_company(
        self, projects: Sequence[dict[str, Any]], vendors: Sequence[dict[str, Any]], staff: Sequence[dict[str, Any]]
    ) -> None:
        for place, (kind, status) in enumerate([*product(KINDS, STATUSES), *_MORE]):
            project = projects[place % len(projects)]
            cost = self._direct_cost(project, kind, status)
            if kind == "payroll":
                cost.facts["employee_id"] = self._dice.choice(list(staff))["id"]
            else:
                cost.vendor_id = self._dice.choice(list(vendors))["id"]
            self._emulation.direct_cost_rows.insert(cost)
            if kind == "invoice" and place % 2 == 0:
                self._attach(cost)

    def seed_drafts(self, projects: Sequence[dict[str, Any]], vendors: Sequence[dict[str, Any]]) -> None:
        for project in projects:
            cost = self._direct_cost(project, "invoice", "draft")
            cost.vendor_id = self._dice.choice(list(vendors))["id"]
            self._emulation.direct_cost_rows.insert(cost)

    def _direct_cost(self, project: dict[str, Any], kind: str, status: str) -> DirectCost:
        begun = self._now - timedelta(days=self._dice.randint(3, 50), minutes=self._dice.randint(0, 600))
        created = begun.strftime(_WIRE)
        decided = begun if status == "draft" else begun + timedelta(days=2, minutes=self._dice.randint(0, 500))
        direct_cost_id = next(self._ids)
        return DirectCost(
            id=direct_cost_id,
            company_id=project["company"]["id"],
            project_id=project["id"],
            vendor_id=None,
            kind=kind,
            status=status,
            invoice_number=f"DC-{direct_cost_id % 1000:04d}" if kind == "invoice" else "",
            created_at=created,
            updated_at=decided.strftime(_WIRE),
            facts={
                "description": self._dice.choice(_WORK) if kind != "payroll" else "Field labor",
                "direct_cost_date": created[:10],
                "received_date": created[:10] if kind == "invoice" else None,
                "payment_date": None,
                "terms": "Net 30" if kind == "invoice" else "",
                "approved_at": decided.strftime(_WIRE) if status == "approved" else None,
            },
            lines=self._lines(project["id"], kind, created),
        )

    def _lines(self, project_id: int, kind: str, created: str) -> list[dict[str, Any]]:
        codes = self._emulation.storage.every("cost_code", project_id=project_id)
        total = Decimal(self._dice.randint(12_000, 900_000)) / 100
        return [
            {
                "id": next(self._line_ids),
                "amount": str(part),
                "tax": "0.00",
                "cost_code_id": self._dice.choice(codes)["id"],
                "extended_type": "manual",
                "line_item_type": "other" if kind == "payroll" else "materials",
                "created_at": created,
                "updated_at": created,
                "description": self._dice.choice(_WORK) if kind != "payroll" else "Hours",
                "quantity": None,
                "unit_cost": None,
                "uom": "",
                "tax_code_id": None,
                "origin_id": None,
                "origin_data": None,
            }
            for part in split(total, self._dice.randint(1, 3))
        ]

    def _attach(self, cost: DirectCost) -> None:
        self._emulation.ledger.execute(
            "INSERT INTO attachment (id, invoice_id, filename, content_type, title) VALUES (?, ?, ?, ?, ?)",
            (
                next(self._file_ids),
                cost.id,
                f"{cost.invoice_number}.pdf",
                "application/pdf",
                f"Direct cost {cost.invoice_number}",
            ),
        )
