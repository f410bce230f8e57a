"""The demo world: a general contractor with projects, vendors, commitments and 300 invoices whose sums are right.

Seeded random numbers: the same amounts and ids every time; only the months move with the day of seeding.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from emulators.procore import seed_names
from emulators.procore.emulation import Emulation
from emulators.procore.seeding_direct_costs import DirectCostSeeder
from emulators.procore.seeding_invoices import InvoiceSeeder

COMPANY = 562949953421312
SECOND_COMPANY = 562949953421399
SERVICE_USER = 562949953500001
SECOND_SERVICE_USER = 562949953500002


def seed(emulation: Emulation, name: str) -> None:
    """Fill an empty ledger: demo, or only companies, credentials and users.

    The second time on the same day it is copied from the first, which is many times quicker.
    """
    with emulation.ledger.writing():
        same_day = f"{name} {emulation.clock.now().date()}"
        if emulation.storage.keeps(same_day):
            emulation.storage.bring_back(same_day)
        else:
            Seeder(emulation).run(full=name == "demo")
            emulation.storage.keep(same_day)
        emulation.ledger.append("seeded", name)


class Seeder:
    """Makes whole objects as rows; `fresh` ones get new ids instead of the demo's."""

    def __init__(self, emulation: Emulation, *, fresh: bool = False) -> None:
        self.emulation = emulation
        self.storage = emulation.storage
        self.dice = random.Random(20240601)
        self.ids: dict[str, Iterator[int]] = {
            "user": count(562949953500011),
            "vendor_user": count(562949953501001),
            "project": count(562949953510001),
            "vendor": count(562949953520001),
            "cost_code": count(562949953530001),
            "period": count(562949953540001),
            "commitment": count(562949953550001),
            "line": count(562949953560001),
        }
        if fresh:
            self.ids = {name: iter(self.storage.new_id, None) for name in self.ids}
        self.today = emulation.clock.now().date()

    def run(self, *, full: bool) -> None:
        self._company(COMPANY, "Northgate Builders", "demo-procore-client", "demo-procore-secret", SERVICE_USER)
        self._company(
            SECOND_COMPANY,
            "Ridgeline Contractors",
            "demo-procore-client-2",
            "demo-procore-secret-2",
            SECOND_SERVICE_USER,
        )
        staff = self._staff(COMPANY, "Northgate Builders", seed_names.STAFF)
        second_staff = self._staff(SECOND_COMPANY, "Ridgeline Contractors", seed_names.SECOND_STAFF)
        if not full:
            return
        invoices = InvoiceSeeder(self.emulation, self.dice)
        projects = self._projects(COMPANY, seed_names.PROJECTS)
        vendors = self._vendors(COMPANY, seed_names.VENDORS)
        commitments = [self.commitment(place, projects, vendors) for place in range(60)]
        invoices.seed_company(commitments, staff)
        direct_costs = DirectCostSeeder(self.emulation)
        direct_costs.seed_company(projects, vendors, staff)
        second_projects = self._projects(SECOND_COMPANY, seed_names.SECOND_PROJECTS)
        second_vendors = self._vendors(SECOND_COMPANY, seed_names.SECOND_VENDORS)
        second = [self.commitment(place, second_projects, second_vendors) for place in range(4)]
        invoices.seed_drafts(second, second_staff)
        direct_costs.seed_drafts(second_projects, second_vendors)

    def _company(self, company_id: int, name: str, client: str, secret: str, user_id: int) -> None:
        self.storage.put(
            "company",
            {"id": company_id, "name": name, "is_active": True, "logo_url": None, "my_company": True},
            company_id=company_id,
        )
        user = {
            "id": user_id,
            "name": "inBuild Service Account",
            "login": f"service-account-{user_id}@procore-emulator.example",
            "company_name": name,
            "kind": "service",
        }
        self.storage.put("user", user, company_id=company_id)
        self.storage.add_client(client, secret, user_id, [company_id])

    def _staff(self, company_id: int, company: str, people: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        return [
            self.storage.put(
                "user",
                {
                    "id": next(self.ids["user"]),
                    "name": name,
                    "login": login,
                    "company_name": company,
                    "kind": "staff",
                },
                company_id=company_id,
            )
            for name, login in people
        ]

    def _projects(self, company_id: int, rows: Sequence[tuple[str, ...]]) -> list[dict[str, Any]]:
        return [self.project(company_id, row) for row in rows]

    def project(self, company_id: int, row: tuple[str, ...]) -> dict[str, Any]:
        name, number, address, city, state, zip_code = row
        project_id = next(self.ids["project"])
        begun = _stamp(_first_of_month(self.today, -9), 14)
        record = {
            "id": project_id,
            "name": name,
            "display_name": f"{number} {name}",
            "project_number": number,
            "address": address,
            "city": city,
            "state_code": state,
            "country_code": "US",
            "zip": zip_code,
            "time_zone": "US/Pacific",
            "active": True,
            "is_demo": False,
            "stage": "Course of Construction",
            "origin_id": None,
            "origin_data": None,
            "created_at": begun,
            "updated_at": begun,
            "company": {"id": company_id, "name": self.storage.need("company", company_id)["name"]},
        }
        self.storage.put("project", record, company_id=company_id, project_id=project_id)
        self._periods(company_id, project_id)
        for code, title in seed_names.DIVISIONS.items():
            code_id = next(self.ids["cost_code"])
            entry = {
                "id": code_id,
                "name": title,
                "code": "000",
                "full_code": f"{code}-000",
                "origin_id": None,
                "origin_data": None,
                "standard_cost_code_id": code_id + 500_000,
                "wbs_code_id": code_id + 5_000,
                "division": code,
                "created_at": begun,
                "updated_at": begun,
                "deleted_at": None,
            }
            self.storage.put("cost_code", entry, company_id=company_id, project_id=project_id)
        return record

    def _periods(self, company_id: int, project_id: int) -> None:
        """Eight months up to the present one; the last two are open."""
        for position, back in enumerate(range(-7, 1), 1):
            start = _first_of_month(self.today, back)
            end = _first_of_month(self.today, back + 1) - timedelta(days=1)
            record = {
                "id": next(self.ids["period"]),
                "project_id": project_id,
                "start_date": start.isoformat(),
                "end_date": end.isoformat(),
                "due_date": (end + timedelta(days=15)).isoformat(),
                "status": "open" if back >= -1 else "closed",
                "position": position,
                "created_at": _stamp(start, 8),
                "updated_at": _stamp(start, 8),
            }
            self.storage.put("period", record, company_id=company_id, project_id=project_id)

    def _vendors(self, company_id: int, rows: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
        return [self.vendor(company_id, place, row) for place, row in enumerate(rows)]

    def vendor(self, company_id: int, place: int, row: tuple[str, str, str]) -> dict[str, Any]:
        name, trade, division = row
        begun = _stamp(_first_of_month(self.today, -9), 15)
        slug = "".join(c for c in name.lower() if c.isascii() and c.isalnum())[:18]
        vendor_id = next(self.ids["vendor"])
        record = {
            "id": vendor_id,
            "name": name,
            "abbreviated_name": name.split()[0],
            "company": name,
            "address": f"{100 + place * 37} Industrial Way",
            "city": "Seattle",
            "state_code": "WA",
            "zip": f"981{place % 90 + 10}",
            "country_code": "US",
            "business_phone": f"206-555-01{place % 90 + 10}",
            "email_address": f"billing@{slug}.example",
            "is_active": True,
            "license_number": "",
            "labor_union": "",
            "notes": "",
            "origin_id": None,
            "origin_data": None,
            "origin_code": None,
            "synced_to_erp": False,
            "trade_name": name,
            "legal_name": name,
            "website": "",
            "created_at": begun,
            "updated_at": begun,
        }
        self.storage.put("vendor", record, company_id=company_id)
        contacts, surnames = seed_names.CONTACTS, seed_names.SURNAMES
        user = {
            "id": next(self.ids["vendor_user"]),
            "name": f"{contacts[place % len(contacts)]} {surnames[place % len(surnames)]}",
            "login": f"office@{slug}.example",
            "company_name": name,
            "kind": "vendor",
            "vendor_id": vendor_id,
        }
        self.storage.put("user", user, company_id=company_id, parent_id=vendor_id)
        return {**record, "division": division, "trade": trade}

    def commitment(self, place: int, projects: list[dict[str, Any]], vendors: list[dict[str, Any]]) -> dict[str, Any]:
        project, vendor = projects[place % len(projects)], vendors[(place * 7 + place // 40) % len(vendors)]
        company_id = self.storage.company_of("project", project["id"])
        order = place % 10 == 9 or "supply" in vendor["trade"].lower()
        number = f"{'PO' if order else 'SC'}-{project['project_number']}-{place // len(projects) + 1:03d}"
        signed = _first_of_month(self.today, -8) + timedelta(days=place % 20)
        record = {
            "id": next(self.ids["commitment"]),
            "company_id": company_id,
            "project_id": project["id"],
            "vendor_id": vendor["id"],
            "type": "PurchaseOrderContract" if order else "WorkOrderContract",
            "number": number,
            "title": vendor["trade"],
            "description": f"{vendor['trade']} for {project['name']}",
            "status": "Approved",
            "accounting_method": "amount",
            "executed": True,
            "private": False,
            "retainage_percent": "5.00" if place % 4 == 3 else "10.00",
            "payment_terms": "Net 30" if order else None,
            "contract_date": signed.isoformat(),
            "origin_id": None,
            "origin_data": None,
            "requisitions_are_enabled": True,
            "created_at": _stamp(signed, 16),
            "updated_at": _stamp(signed, 16),
            "deleted_at": None,
            "lines": self._lines(project["id"], vendor, place),
        }
        return self.storage.put("commitment", record, company_id=company_id, project_id=project["id"])

    def _lines(self, project_id: int, vendor: dict[str, Any], place: int) -> list[dict[str, Any]]:
        codes = self.storage.every("cost_code", project_id=project_id)
        main = next(code for code in codes if code["division"] == vendor["division"])
        first = codes[0]
        lines = []
        for work in self.dice.sample(seed_names.WORK, self.dice.randint(3, 6)):
            code = first if work.startswith("Mobilization") else main
            value = Decimal(self.dice.randint(60, 2400)) * 100
            if self.dice.random() < 0.2:
                value += Decimal(self.dice.randint(1, 99)) / 100
            lines.append(self._line("contract_item", code, work, value, 1))
        if place % 3 == 1:
            title = self.dice.choice(seed_names.CHANGES)
            value = Decimal(self.dice.randint(15, 300)) * 100
            lines.append(self._line("change_order_item", main, f"CO-001 {title}", value, 3))
        return lines

    def _line(self, kind: str, code: dict[str, Any], work: str, value: Decimal, from_number: int) -> dict[str, Any]:
        line_id = next(self.ids["line"])
        return {
            "id": line_id,
            "kind": kind,
            "cost_code_id": code["id"],
            "description": work,
            "scheduled_value": f"{value:.2f}",
            "from_number": from_number,
            "change_order_id": line_id + 4_000 if kind == "change_order_item" else None,
            "wbs_code": {
                "id": code["wbs_code_id"],
                "flat_code": f"{code['full_code']}.S",
                "description": f"{code['name']}.Subcontract",
                "segment_items": [
                    {
                        "id": code["id"],
                        "code": code["full_code"],
                        "name": code["name"],
                        "path_ids": [code["id"]],
                        "path_codes": [f"{code['full_code']} - {code['name']}"],
                        "segment_type": "cost_code",
                        "segment_id": 562949953500900,
                    }
                ],
            },
        }


def _first_of_month(today: date, months: int) -> date:
    place = today.year * 12 + today.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def _stamp(day: date, hour: int) -> str:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
