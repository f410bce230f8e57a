"""What differs between an invoice as it was taken over and as Procore shows it now. Pure: no database, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

Value = Decimal | date | str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing an accountant compares; `now` None where Procore shows nothing any more."""

    name: str
    before: Value
    now: Value

    @property
    def is_changed(self) -> bool:
        return self.before != self.now


@dataclass(frozen=True, slots=True)
class Line:
    description: str
    cost_code: str
    gross: Decimal
    retainage: Decimal


@dataclass(frozen=True, slots=True)
class LinePair:
    """A line that is not as it was: changed, removed (`now` None) or added (`before` None)."""

    before: Line | None
    now: Line | None

    @property
    def word(self) -> str:
        return "Added" if self.before is None else "Removed" if self.now is None else "Changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """`dollars` is what Procore says now less what was taken over; `lines` None where Procore does not show them."""

    facts: tuple[Fact, ...]
    lines: tuple[LinePair, ...] | None
    dollars: Decimal


def between(imported: Mapping[str, Any], now: Mapping[str, Any], *, is_there: bool = True) -> Difference:
    """Both as `ProcoreInvoice` keeps them. Lines are only read, and so only compared, while it is approved."""
    old, new = _lines(imported), _lines(now) if is_there else []
    has_lines = is_there and bool(new)
    due = _amount(imported, "amount_due")
    facts = [
        Fact("Number", _text(imported, "number"), _text(now, "number") if is_there else None),
        Fact("Vendor", _text(imported, "vendor_name"), _text(now, "vendor_name") if is_there else None),
        Fact("Invoice date", _date(imported), _date(now) if is_there else None),
        Fact("Commitment", _text(imported, "commitment"), _text(now, "commitment") if is_there else None),
        Fact("Amount due", due, _amount(now, "amount_due") if is_there else None),
    ]
    if has_lines or not is_there:
        facts.insert(4, Fact("Retainage", _sum(old), _sum(new) if is_there else None))
    facts = [fact for fact in facts if fact.name != "Commitment" or (is_there and fact.is_changed)]
    left = _amount(now, "amount_due") if is_there else Decimal(0)
    return Difference(tuple(facts), _pairs(old, new) if has_lines else None, left - due)


def _pairs(old: Sequence[Line], new: Sequence[Line]) -> tuple[LinePair, ...]:
    """Lines have no ids of their own that last, so the most alike are taken for the same: all of it, then cost code and
    words, then one of the two."""
    before, now = list(old), list(new)
    pairs: list[tuple[int, LinePair]] = []
    for alike in (
        lambda line: (line.cost_code, line.description, line.gross, line.retainage),
        lambda line: (line.cost_code, line.description),
        lambda line: line.cost_code or None,
        lambda line: line.description or None,
    ):
        for line in list(before):
            key = alike(line)
            same = next((each for each in now if key is not None and alike(each) == key), None)
            if same is not None:
                before.remove(line)
                now.remove(same)
                if same != line:
                    pairs.append((list(old).index(line), LinePair(line, same)))
    pairs += [(list(old).index(line), LinePair(line, None)) for line in before]
    pairs += [(len(old) + list(new).index(line), LinePair(None, line)) for line in now]
    return tuple(pair for _, pair in sorted(pairs, key=lambda placed: placed[0]))


def _lines(snapshot: Mapping[str, Any]) -> list[Line]:
    return [
        Line(
            _text(row, "description"),
            " ".join(part for part in (_text(row, "cost_code"), _text(row, "cost_code_name")) if part),
            _amount(row, "gross"),
            _amount(row, "retainage"),
        )
        for row in snapshot.get("lines") or []
    ]


def _sum(lines: Sequence[Line]) -> Decimal:
    return sum((line.retainage for line in lines), Decimal(0))


def _amount(row: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0)).quantize(Decimal("0.01"))


def _text(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name) or "")


def _date(row: Mapping[str, Any]) -> date | None:
    value = _text(row, "billing_date")
    return date.fromisoformat(value[:10]) if value else None
