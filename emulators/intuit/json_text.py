"""JSON in and out with exact money: numbers with a fraction are Decimal, never float."""

from __future__ import annotations

import json
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")

# The standard encoder knows no Decimal, so one travels as a marked string and loses its quotes afterwards.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARKED = re.compile(r'"\\ue000(-?[0-9.]+)\\ue001"')


def cents(value: Decimal | int | str) -> Decimal:
    """The amount with two decimals, half cents away from zero."""
    return Decimal(value).quantize(CENT, rounding=ROUND_HALF_UP)


def parse(text: str | bytes) -> Any:
    """Read JSON; fractions become Decimal; NaN and Infinity are refused."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def render(value: Any) -> str:
    """Write JSON; a Decimal is a number with at least two decimals."""
    return _MARKED.sub(r"\1", json.dumps(value, default=_mark, separators=(",", ":")))


def _mark(value: object) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no JSON form here")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent > -2:
        value = value.quantize(CENT)
    return f"{_OPEN}{value:f}{_CLOSE}"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
