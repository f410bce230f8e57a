"""The 300 demo invoices: five on each commitment, each going on from the one before."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

from emulators.procore.amounts import NOTHING_YET, ZERO, Certificate, Entry, certify, money
from emulators.procore.believable import progress_entry
from emulators.procore.emulation import Emulation
from emulators.procore.records import Invoice

_PER_COMMITMENT = 5
_ZERO, _CREDIT = {5: 4}, {9: 5}
_RELEASES = {13: 5, 27: 5, 41: 5}
# Statuses of the newest invoices, so that a person has something to approve.
_NEWEST = (
    ["under_review"] * 24
    + ["draft"] * 20
    + ["approved"] * 6
    + ["revise_and_resubmit"] * 4
    + ["pending_owner_approval"] * 4
    + ["approved_as_noted"] * 2
)


class InvoiceSeeder:
    """Makes invoices directly as rows: no events, no deliveries."""

    def __init__(self, emulation: Emulation, dice: random.Random) -> None:
        self._emulation = emulation
        self._dice = dice
        self._ids = count(562949953570001)
        self._item_ids = count(562949953580001)
        self._file_ids = count(562949953590001)
        self._history_ids = count(562949953600001)
        self._now = emulation.clock.now()

    def seed_company(self, commitments: Sequence[dict[str, Any]], staff: Sequence[dict[str, Any]]) -> None:
        statuses = list(_NEWEST)
        self._dice.shuffle(statuses)
        for place, commitment in enumerate(commitments):
            self._seed_commitment(place, commitment, staff, statuses[place])

    def seed_drafts(self, commitments: Sequence[dict[str, Any]], staff: Sequence[dict[str, Any]]) -> None:
        """Two drafts on each commitment (the second company)."""
        for commitment in commitments:
            state, previous = NOTHING_YET, None
            for number in (1, 2):
                invoice = self._invoice(commitment, number, number + 3, "draft", staff, -1)
                self._fill(invoice, commitment, state, -1)
                self._emulation.rows.insert_after(invoice, state, previous)
                state, previous = certify(state, invoice.entries), invoice.id

    def _seed_commitment(
        self, place: int, commitment: dict[str, Any], staff: Sequence[dict[str, Any]], newest: str
    ) -> None:
        state, previous = NOTHING_YET, None
        for number in range(1, _PER_COMMITMENT + 1):
            status = "approved_as_noted" if (place + number * 3) % 17 == 0 else "approved"
            if number == _PER_COMMITMENT:
                status = "approved" if place in (13, 9) else newest
            invoice = self._invoice(commitment, number, number, status, staff, place)
            self._fill(invoice, commitment, state, place)
            if (place + number) % 4 == 0:
                self._attach(invoice)
            self._emulation.rows.insert_after(invoice, state, previous)
            self._history(invoice, staff)
            state, previous = certify(state, invoice.entries), invoice.id

    def _invoice(
        self,
        commitment: dict[str, Any],
        number: int,
        month: int,
        status: str,
        staff: Sequence[dict[str, Any]],
        place: int,
    ) -> Invoice:
        period = self._emulation.storage.every("period", project_id=commitment["project_id"])[month + 1]
        end = date.fromisoformat(period["end_date"])
        created = self._moment(end - timedelta(days=self._dice.randint(0, 5)), self._dice.randint(7, 18))
        decided = created + timedelta(days=self._dice.randint(1, 9), minutes=self._dice.randint(0, 400))
        decided = min(decided, self._now - timedelta(hours=1, minutes=self._dice.randint(0, 300)))
        updated = created if status == "draft" else max(decided, created)
        by_vendor = self._dice.random() < 0.6
        vendor_user = self._emulation.storage.every("user", parent_id=commitment["vendor_id"])[0]
        author = vendor_user if by_vendor else self._dice.choice(list(staff))
        prefix = vendor_user["company_name"].split()[0].upper().strip(".,'")[:4]
        return Invoice(
            id=next(self._ids),
            company_id=commitment["company_id"],
            project_id=commitment["project_id"],
            commitment_id=commitment["id"],
            vendor_id=commitment["vendor_id"],
            number=number,
            status=status,
            invoice_number=f"{prefix}-{commitment['id'] % 1000:03d}{number:02d}",
            period_id=period["id"],
            created_at=_wire(created),
            updated_at=_wire(updated),
            origin_id=None,
            created_by=author["id"],
            approved_at=_wire(updated) if status == "approved" else None,
            basis={
                "billing_date": period["end_date"],
                "requisition_start": period["start_date"],
                "requisition_end": period["end_date"],
                "submitted_at": None if status == "draft" else created.date().isoformat(),
                "retainage_percent": commitment["retainage_percent"],
                "final": _RELEASES.get(place) == number,
            },
        )

    def _fill(self, invoice: Invoice, commitment: dict[str, Any], state: Certificate, place: int) -> None:
        lines = [line for line in commitment["lines"] if line["from_number"] <= invoice.number]
        percent = money(commitment["retainage_percent"])
        blank = [Entry(next(self._item_ids), line["id"], percent=percent) for line in lines]
        if _RELEASES.get(place) == invoice.number:
            entries = [entry.releasing(state.line(entry.line_item_id)) for entry in blank]
        elif _ZERO.get(place) == invoice.number or _CREDIT.get(place) == invoice.number:
            entries = [_unchanged(entry, state) for entry in blank]
            if place in _CREDIT:
                entries[0] = self._credited(entries, state)
        else:
            scheduled = {line["id"]: money(line["scheduled_value"]) for line in lines}
            entries = [progress_entry(e, scheduled[e.line_item_id], state, self._dice) for e in blank]
            if sum((e.work for e in entries), ZERO) < 500:
                first = entries[0]
                before = state.line(first.line_item_id)
                entries[0] = first.billing(money(scheduled[first.line_item_id] / 10), before.materials, before)
        invoice.entries = [
            replace(entry, status="approved") if invoice.status == "approved" else entry for entry in entries
        ]

    def _credited(self, entries: list[Entry], state: Certificate) -> Entry:
        """Work billed too high before is taken back, with its retainage."""
        first = entries[0]
        before = state.line(first.line_item_id)
        return first.billing(-money(before.work / 4), before.materials, before)

    def _attach(self, invoice: Invoice) -> None:
        self._emulation.ledger.execute(
            "INSERT INTO attachment (id, invoice_id, filename, content_type, title) VALUES (?, ?, ?, ?, ?)",
            (
                next(self._file_ids),
                invoice.id,
                f"{invoice.invoice_number}.pdf",
                "application/pdf",
                f"Invoice {invoice.invoice_number}",
            ),
        )

    def _history(self, invoice: Invoice, staff: Sequence[dict[str, Any]]) -> None:
        if invoice.status == "draft":
            return
        steps = [("draft", "under_review", invoice.created_by, invoice.created_at)]
        if invoice.status != "under_review":
            approver = staff[invoice.number % len(staff)]["id"]
            steps.append(("under_review", invoice.status, approver, invoice.updated_at))
        for old, new, user_id, at in steps:
            self._emulation.ledger.execute(
                "INSERT INTO history (id, invoice_id, field, old_value, new_value, user_id, at)"
                " VALUES (?, ?, 'status', ?, ?, ?, ?)",
                (next(self._history_ids), invoice.id, old, new, user_id, at),
            )

    def _moment(self, day: date, hour: int) -> datetime:
        minute = self._dice.randint(0, 59)
        return datetime.combine(day, time(hour, minute), tzinfo=self._now.tzinfo)


def _unchanged(entry: Entry, state: Certificate) -> Entry:
    """No work, materials as they were: nothing to pay."""
    return replace(entry, materials=state.line(entry.line_item_id).materials)


def _wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
