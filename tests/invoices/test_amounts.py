"""The sums of an invoice hold to the cent or are named."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from invoices.amounts import first_mismatch

CENTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(CENTS, CENTS), min_size=1, max_size=20))
def test_what_adds_up_has_no_mismatch(lines: list[tuple[Decimal, Decimal]]) -> None:
    gross = sum((line[0] for line in lines), Decimal(0))
    retainage = sum((line[1] for line in lines), Decimal(0))
    assert first_mismatch(gross=gross, retainage=retainage, amount_due=gross + retainage, lines=lines) is None


@given(st.lists(st.tuples(CENTS, CENTS), min_size=1, max_size=5), st.sampled_from(["gross", "retainage", "amount_due"]))
def test_one_cent_off_is_named_with_both_numbers(lines: list[tuple[Decimal, Decimal]], wrong: str) -> None:
    gross = sum((line[0] for line in lines), Decimal(0))
    retainage = sum((line[1] for line in lines), Decimal(0))
    amounts = {"gross": gross, "retainage": retainage, "amount_due": gross + retainage}
    amounts[wrong] += Decimal("0.01")
    found = first_mismatch(**amounts, lines=lines)
    assert found is not None
    assert f"{found.stated:,.2f}" in found.sentence
    assert f"{found.added_up:,.2f}" in found.sentence
