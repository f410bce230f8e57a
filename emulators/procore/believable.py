"""Amounts that look like real progress: for seeding, for bulk creation and for the page that makes an invoice."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from emulators.procore.amounts import NOTHING_YET, ZERO, Certificate, Entry, certify, money
from emulators.procore.records import Invoice


def state_of(chain: Sequence[Invoice]) -> Certificate:
    """Where a commitment stands after its invoices."""
    state = NOTHING_YET
    for invoice in chain:
        state = certify(state, invoice.entries)
    return state


def progress_items(
    commitment: Mapping[str, Any], chain: Sequence[Invoice], dice: random.Random, amount: Decimal | None = None
) -> list[dict[str, Any]]:
    """Work this period on every line (wire names); with `amount` the gross total is exactly that."""
    state = state_of(chain)
    lines = [line for line in commitment["lines"] if money(line["scheduled_value"]) > 0]
    if amount is None:
        work = [_some(money(line["scheduled_value"]) - state.line(line["id"]).completed, dice) for line in lines]
        if sum(work, ZERO) <= 0:
            work[0] = Decimal("100.00")
    else:
        work = _split(amount, [money(line["scheduled_value"]) for line in lines])
    return [
        {"line_item_id": line["id"], "work_completed_this_period": str(value)}
        for line, value in zip(lines, work, strict=True)
    ]


def release_items(commitment: Mapping[str, Any], chain: Sequence[Invoice]) -> list[dict[str, Any]]:
    """No work; everything withheld so far is released (wire names)."""
    state = state_of(chain)
    return [
        {
            "line_item_id": line["id"],
            "work_completed_retainage_released_this_period": str(state.line(line["id"]).work_retainage),
            "materials_stored_retainage_released_this_period": str(state.line(line["id"]).materials_retainage),
        }
        for line in commitment["lines"]
    ]


def progress_entry(entry: Entry, scheduled: Decimal, state: Certificate, dice: random.Random) -> Entry:
    """A seeded line: some work, and now and then stored materials that a later invoice uses up."""
    before = state.line(entry.line_item_id)
    work = _some(scheduled - before.completed, dice)
    materials = ZERO
    if before.materials:
        work = money(work + before.materials)
    elif dice.random() < 0.2:
        materials = _some(scheduled - before.completed - work, dice) / 2
    return entry.billing(work, money(materials), before)


def _some(left: Decimal, dice: random.Random) -> Decimal:
    """A part of what is left; mostly whole dollars."""
    if left <= 0 or dice.random() < 0.15:
        return ZERO
    part = money(left * Decimal(dice.randint(8, 24)) / 100)
    return part if dice.random() < 0.3 or part < 50 else money(part.quantize(Decimal(1)))


def _split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    whole = sum(weights, ZERO)
    parts = [money(amount * weight / whole) for weight in weights]
    parts[0] += amount - sum(parts, ZERO)
    return parts
