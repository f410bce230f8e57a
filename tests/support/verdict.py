"""Judges a run by the emulators' ledgers alone: nothing lost, nothing twice, nothing wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.desktop import FILE, DesktopEmulator
from tests.support.emulated import REALM, IntuitEmulator, ProcoreEmulator


@dataclass(frozen=True)
class Verdict:
    approved: int
    bills: int
    lost: list[str]
    duplicated: list[str]
    wrong: list[str]

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong) and self.bills == self.approved

    def __str__(self) -> str:
        return (
            f"approved {self.approved} · bills {self.bills} · lost {len(self.lost)} · "
            f"duplicated {len(self.duplicated)} · wrong {len(self.wrong)}"
        )


def judge(procore: ProcoreEmulator, intuit: IntuitEmulator, ids: Iterable[Any], realm: str = REALM) -> Verdict:
    """Compare what Procore says is approved, of either kind, with what QuickBooks says it has."""
    return _compare(procore, ids, intuit.bills(realm))


def judge_desktop(procore: ProcoreEmulator, desktop: DesktopEmulator, ids: Iterable[Any], file: str = FILE) -> Verdict:
    """The same for a company file: every bill in it counts that was not there from the beginning, whoever made it.

    A person may have changed its number since: it counts under the one with which it was made.
    """
    bills = [bill for bill in desktop.bills(file, ours=False) if bill["created_by"] != "seed"]
    made = {
        event["subject"]: event["data"]["body"]
        for event in desktop.get("events", kind="bill.added", limit=1_000_000)["events"]
    }
    numbered = [{**bill, "doc_number": made[f"{file}/{bill['id']}"]["RefNumber"]} for bill in bills]
    return _compare(procore, ids, numbered)


def _compare(procore: ProcoreEmulator, ids: Iterable[Any], bills: Sequence[Mapping[str, Any]]) -> Verdict:
    wanted = set(map(str, ids))
    ledger = procore.get("ledger")
    there = [
        *ledger["invoices"],
        *(row | {"current_payment_due": row["grand_total"]} for row in ledger["direct_costs"]),
    ]
    approved = [row for row in there if str(row["id"]) in wanted and row["status"] == "approved"]
    found = Counter(_key(bill["vendor_name"], bill["doc_number"]) for bill in bills)
    totals = {_key(bill["vendor_name"], bill["doc_number"]): bill for bill in bills}
    lost, wrong = [], []
    for invoice in approved:
        key = _key(invoice["vendor_name"], invoice["invoice_number"])
        if key not in found:
            lost.append(str(invoice["id"]))
        elif not _same(invoice, totals[key]):
            wrong.append(f"{invoice['id']}: {invoice['current_payment_due']} is {totals[key]['total']}")
    twice = [f"{vendor} {number}" for (vendor, number), times in found.items() if times > 1]
    return Verdict(len(approved), len(bills), lost, twice, wrong)


def wait_for(judged: Callable[[], Verdict], *, seconds: float) -> Verdict:
    """Until it is right, then a moment longer, because a second bill may still be under way."""
    deadline = time.monotonic() + seconds
    verdict = judged()
    while not verdict.is_right and time.monotonic() < deadline and not verdict.duplicated:
        time.sleep(0.5)
        verdict = judged()
    time.sleep(1.5)
    return judged()


def _key(vendor: str, number: str) -> tuple[str, str]:
    # Intuit: names of vendors are the same whatever their case.
    return vendor.strip().casefold(), number.strip()


def _same(invoice: Mapping[str, Any], bill: Mapping[str, Any]) -> bool:
    return str(invoice["current_payment_due"]) == str(bill["total"])
