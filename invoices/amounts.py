"""The sums of an invoice, to the cent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two amounts that should be equal: what is stated, and what the parts add up to."""

    what: str
    stated: Decimal
    added_up: Decimal

    @property
    def sentence(self) -> str:
        difference = self.stated - self.added_up
        return (
            f"{self.what}: {self.stated:,.2f} is stated, {self.added_up:,.2f} adds up (difference {difference:,.2f})."
        )


def first_mismatch(
    *, gross: Decimal, retainage: Decimal, amount_due: Decimal, lines: Iterable[tuple[Decimal, Decimal]]
) -> Mismatch | None:
    """The first identity that does not hold, or None. Lines are (gross, retainage); no tolerance."""
    pairs = list(lines)
    checks = (
        Mismatch("Gross", gross, sum((line[0] for line in pairs), Decimal(0))),
        Mismatch("Retainage", retainage, sum((line[1] for line in pairs), Decimal(0))),
        Mismatch("Amount due", amount_due, gross + retainage),
    )
    return next((check for check in checks if check.stated != check.added_up), None)
