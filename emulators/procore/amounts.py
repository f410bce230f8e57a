"""Arithmetic of an application for payment: G703 lines and the G702 summary, so that the sums always agree.

Procore: the identities of a requisition summary (reference 2.4), the fields of a line (2.5) and what is payable (2.6).
Withheld and released retainage are both positive numbers; the sign is in the name of the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def money(value: object) -> Decimal:
    """A value from the wire (text or number) as an amount in cents."""
    return Decimal(str(value if value not in (None, "") else 0)).quantize(CENT, ROUND_HALF_UP)


def share(amount: Decimal, percent: Decimal) -> Decimal:
    return (amount * percent / 100).quantize(CENT, ROUND_HALF_UP)


def percent_of(part: Decimal, whole: Decimal) -> Decimal:
    return (part * 100 / whole).quantize(CENT, ROUND_HALF_UP) if whole else ZERO


@dataclass(frozen=True)
class Entry:
    """What somebody typed for one line of one invoice; everything else on the line follows from it."""

    item_id: int
    line_item_id: int
    work: Decimal = ZERO
    materials: Decimal = ZERO
    work_retained: Decimal = ZERO
    work_released: Decimal = ZERO
    materials_retained: Decimal = ZERO
    materials_released: Decimal = ZERO
    percent: Decimal = Decimal("10.00")
    status: str = "no_action"
    comment: str = ""

    def as_json(self) -> dict[str, Any]:
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        amounts = ("work", "materials", "work_retained", "work_released", "materials_retained", "materials_released")
        read: dict[str, Any] = dict(data)
        read.update({name: money(data[name]) for name in (*amounts, "percent") if name in data})
        return cls(**read)

    def scaled(self, factor: Decimal) -> Entry:
        """The same line with all amounts multiplied."""
        return replace(
            self,
            work=money(self.work * factor),
            materials=money(self.materials * factor),
            work_retained=money(self.work_retained * factor),
            work_released=money(self.work_released * factor),
            materials_retained=money(self.materials_retained * factor),
            materials_released=money(self.materials_released * factor),
        )

    def billing(self, work: Decimal, materials: Decimal, before: Standing, percent: Decimal | None = None) -> Entry:
        """New work and stored materials; retainage is withheld from both at the percentage."""
        rate = self.percent if percent is None else percent
        return replace(
            self,
            work=work,
            materials=materials,
            percent=rate,
            work_retained=share(work, rate),
            materials_retained=share(materials, rate) - before.materials_retainage,
            materials_released=ZERO,
        )

    def releasing(self, before: Standing) -> Entry:
        """No new work; everything withheld so far is released."""
        return replace(
            self,
            work=ZERO,
            materials=before.materials,
            work_retained=ZERO,
            work_released=before.work_retainage,
            materials_retained=ZERO,
            materials_released=before.materials_retainage,
        )


@dataclass(frozen=True)
class Standing:
    """Where a line stands after an invoice; the next invoice of the commitment starts from it."""

    work: Decimal = ZERO
    materials: Decimal = ZERO
    work_retainage: Decimal = ZERO
    materials_retainage: Decimal = ZERO

    @property
    def completed(self) -> Decimal:
        return self.work + self.materials

    @property
    def retainage(self) -> Decimal:
        return self.work_retainage + self.materials_retainage

    def after(self, entry: Entry) -> Standing:
        return Standing(
            work=self.work + entry.work,
            materials=entry.materials,
            work_retainage=self.work_retainage + entry.work_retained - entry.work_released,
            materials_retainage=self.materials_retainage + entry.materials_retained - entry.materials_released,
        )


@dataclass(frozen=True)
class Certificate:
    """The state of a commitment after some invoice: every line, and the amount earned less retainage."""

    lines: Mapping[int, Standing]
    earned_less_retainage: Decimal = ZERO

    def line(self, line_item_id: int) -> Standing:
        return self.lines.get(line_item_id, Standing())


NOTHING_YET = Certificate({})


def certify(before: Certificate, entries: Iterable[Entry]) -> Certificate:
    """The state of the commitment after an invoice with these entries."""
    lines = dict(before.lines)
    for entry in entries:
        lines[entry.line_item_id] = before.line(entry.line_item_id).after(entry)
    completed = sum((line.completed for line in lines.values()), ZERO)
    retainage = sum((line.retainage for line in lines.values()), ZERO)
    return Certificate(lines, completed - retainage)


def amounts_of_line(entry: Entry, before: Standing, scheduled: Decimal, *, net_of_release: bool) -> dict[str, str]:
    """The amount fields of one item (reference 2.5)."""
    now = before.after(entry)
    # Whether "currently retained" already excludes this period's release is not documented (reference 2.6).
    materials_retainage = now.materials_retainage + (ZERO if net_of_release else entry.materials_released)
    return {
        "net_amount": str(now.completed - before.completed - now.retainage + before.retainage),
        "gross_amount": str(now.completed - before.completed),
        "scheduled_value": str(scheduled),
        "work_completed_from_previous_application": str(before.work),
        "work_completed_this_period": str(entry.work),
        "materials_presently_stored": str(entry.materials),
        "materials_presently_stored_from_previous_progress": str(before.materials),
        "materials_moved": str(ZERO),
        "materials_retainage_retained_moved": str(ZERO),
        "total_completed_and_stored_to_date": str(now.completed),
        "total_completed_and_stored_to_date_percent": str(percent_of(now.completed, scheduled)),
        "total_completed_and_stored_to_date_from_previous": str(before.completed),
        "work_completed_retainage_from_previous_application": str(before.work_retainage),
        "work_completed_retainage_retained_this_period": str(entry.work_retained),
        "work_completed_retainage_percent_this_period": str(entry.percent),
        "work_completed_retainage_released_this_period": str(entry.work_released),
        "materials_stored_retainage_currently_retained": str(materials_retainage),
        "materials_stored_retainage_percent_this_period": str(entry.percent),
        "materials_stored_retainage_new_materials": str(max(entry.materials - before.materials, ZERO)),
        "materials_stored_retainage_released_this_period": str(entry.materials_released),
    }


def detail_of_line(entry: Entry, before: Standing, scheduled: Decimal, *, net_of_release: bool) -> dict[str, str]:
    """The amounts that only the detail rows carry (reference 2.5, second part)."""
    now = before.after(entry)
    materials_retainage = now.materials_retainage + (ZERO if net_of_release else entry.materials_released)
    return {
        "balance_to_finish": str(scheduled - now.completed),
        "work_completed_retainage_currently_retained": str(now.work_retainage),
        "materials_stored_retainage_currently_retained": str(materials_retainage),
        "materials_stored_retainage_from_previous_application": str(before.materials_retainage),
        "materials_stored_retainage_retained_this_period": str(entry.materials_retained),
        "total_retainage_currently_retained": str(now.retainage),
        "total_retainage_from_previous_application": str(before.retainage),
    }


def summarize(
    before: Certificate,
    entries: Sequence[Entry],
    *,
    original: Decimal,
    changes: Sequence[Decimal],
    percent: Decimal,
    tax: Decimal,
    tax_on_top: bool,
) -> dict[str, str]:
    """The G702 block: the six identities of reference 2.4 hold by construction."""
    after = certify(before, entries)
    lines = after.lines.values()
    completed = sum((line.completed for line in lines), ZERO)
    work_retainage = sum((line.work_retainage for line in lines), ZERO)
    materials_retainage = sum((line.materials_retainage for line in lines), ZERO)
    earned = after.earned_less_retainage
    contract = original + sum(changes, ZERO)
    due = earned - before.earned_less_retainage + (tax if tax_on_top else ZERO)
    stored = sum((entry.materials for entry in entries), ZERO)
    new_stored = sum((max(e.materials - before.line(e.line_item_id).materials, ZERO) for e in entries), ZERO)
    positive = sum((amount for amount in changes if amount > 0), ZERO)
    negative = sum((amount for amount in changes if amount < 0), ZERO)
    return {
        "original_contract_sum": str(original),
        "net_change_by_change_orders": str(contract - original),
        "contract_sum_to_date": str(contract),
        "total_completed_and_stored_to_date": str(completed),
        "completed_work_retainage_percent": str(percent),
        "completed_work_retainage_amount": str(work_retainage),
        "stored_materials_retainage_percent": str(percent),
        "stored_materials_retainage_amount": str(materials_retainage),
        "total_retainage": str(work_retainage + materials_retainage),
        "total_earned_less_retainage": str(earned),
        "less_previous_certificates_for_payment": str(before.earned_less_retainage),
        "current_payment_due": str(due),
        "balance_to_finish_including_retainage": str(contract - earned),
        "tax_applicable_to_this_payment": str(tax),
        "positive_change_order_item_total": str(positive),
        "negative_change_order_item_total": str(negative),
        "new_materials": str(new_stored),
        "stored_materials": str(stored),
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value
