"""Old and new side by side: which facts and lines differ, and by how many dollars."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from procore_sync import differences


def line(description: str, cost_code: str, gross: str, retainage: str = "0.00") -> dict[str, str]:
    return {"description": description, "cost_code": cost_code, "gross": gross, "retainage": retainage}


def snapshot(*lines: dict[str, str], **facts: Any) -> dict[str, Any]:
    due = sum((Decimal(each["gross"]) + Decimal(each["retainage"]) for each in lines), Decimal(0))
    base = {"number": "7", "vendor_name": "Delta", "billing_date": "2026-11-01", "amount_due": str(due)}
    return base | {"lines": list(lines)} | facts


STEEL, PAINT = line("Steel", "05-100", "100.00", "-10.00"), line("Paint", "09-900", "50.00")


@pytest.mark.parametrize(
    ("now", "words", "dollars"),
    [
        (snapshot(STEEL, PAINT), [], "0.00"),
        (snapshot(PAINT, STEEL), [], "0.00"),
        (snapshot(line("Steel", "05-100", "120.00", "-12.00"), PAINT), ["Changed"], "18.00"),
        (snapshot(STEEL), ["Removed"], "-50.00"),
        (snapshot(STEEL, PAINT, line("Glass", "08-800", "1.01")), ["Added"], "1.01"),
        (snapshot(STEEL, line("Paint", "09-910", "50.00")), ["Changed"], "0.00"),
        (snapshot(STEEL, line("Colour", "09-900", "50.00")), ["Changed"], "0.00"),
        (snapshot(line("Glass", "08-800", "1.00")), ["Removed", "Removed", "Added"], "-139.00"),
    ],
)
def test_lines_are_compared_with_the_most_alike(now: dict[str, Any], words: list[str], dollars: str) -> None:
    found = differences.between(snapshot(STEEL, PAINT), now)
    assert [pair.word for pair in found.lines or ()] == words
    assert found.dollars == Decimal(dollars)


def test_two_lines_that_read_the_same_are_two() -> None:
    twin = line("Steel", "05-100", "100.00")
    found = differences.between(snapshot(twin, twin), snapshot(twin, line("Steel", "05-100", "90.00")))
    [pair] = found.lines or ()
    assert pair.before is not None
    assert pair.now is not None
    assert (pair.before.gross, pair.now.gross, found.dollars) == (Decimal(100), Decimal(90), Decimal(-10))


def test_facts_stand_side_by_side_and_say_which_differ() -> None:
    now = snapshot(STEEL, number="8", vendor_name="Omega", billing_date="2026-12-01")
    found = {fact.name: fact for fact in differences.between(snapshot(STEEL), now).facts}
    assert {name for name, fact in found.items() if fact.is_changed} == {"Number", "Vendor", "Invoice date"}
    assert found["Retainage"].before == Decimal("-10.00")


def test_of_a_deleted_one_nothing_is_left() -> None:
    found = differences.between(snapshot(STEEL), snapshot(STEEL), is_there=False)
    assert found.dollars == Decimal("-90.00")
    assert all(fact.now is None for fact in found.facts)


def test_without_lines_they_are_not_called_removed() -> None:
    found = differences.between(snapshot(STEEL), snapshot(amount_due="90.00"))
    assert found.lines is None
    assert found.dollars == 0
    assert "Retainage" not in {fact.name for fact in found.facts}
