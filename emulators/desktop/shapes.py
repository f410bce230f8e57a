"""What a request may hold and in which order: the small language of the order tables, and the check against them.

QuickBooks gives no position and no reason for a message set it cannot parse; `Denied.detail` does, for the person who
reads the emulator's log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import Element

from emulators.desktop.refusals import Refused, bad_amount, not_parsed

Values = dict[str, Any]
_ID = 36
_AMOUNT = re.compile(r"[+-]?\d{1,13}(\.\d{2})?")
# qbd.md 2.2: an offset or none, but no Z and no parts of a second.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d)?")
_PLAIN = {
    "price": re.compile(r"[+-]?\d{1,10}(\.\d{1,5})?"),
    "quantity": re.compile(r"[+-]?\d{1,10}(\.\d{1,5})?"),
    "number": re.compile(r"[+-]?\d+(\.\d+)?"),
    "whole": re.compile(r"[+-]?\d+"),
    "guid": re.compile(r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}|0"),
}


@dataclass(frozen=True)
class Part:
    """One element: what kind of value, how long, how often."""

    name: str
    kind: str = "text"
    limit: int = 0
    least: int = 0
    most: int = 1
    choices: tuple[str, ...] = ()
    parts: Shape = ()

    def needed(self) -> Part:
        return replace(self, least=1)

    def many(self, most: int = 0) -> Part:
        """Any number of times, or at most so often."""
        return replace(self, most=most)


@dataclass(frozen=True)
class Either:
    """One of several sequences."""

    shapes: tuple[Shape, ...] = field(default=())


Shape = tuple["Part | Either", ...]


def text(name: str, limit: int) -> Part:
    return Part(name, "text", limit)


def of(kind: str, *names: str) -> tuple[Part, ...]:
    """Several elements of one kind: amount, date, datetime, flag, guid, id, number, price, quantity, whole."""
    return tuple(Part(name, kind, _ID if kind == "id" else 0) for name in names)


def choice(name: str, *choices: str) -> Part:
    return Part(name, "choice", choices=choices)


def group(name: str, *parts: Part | Either) -> Part:
    return Part(name, "group", parts=parts)


def reference(name: str, limit: int = 209) -> Part:
    """By ListID or FullName."""
    return group(name, *of("id", "ListID"), text("FullName", limit))


def either(*shapes: Sequence[Part | Either]) -> Either:
    return Either(tuple(tuple(shape) for shape in shapes))


@dataclass(frozen=True)
class Strictness:
    """How the doubtful matters are decided; see the switches of the same names."""

    whole_amounts: bool = False
    too_long: str = "hresult"


class Check:
    """Reads one request. A wrong structure raises Denied at once; the first wrong value is kept in `problem`."""

    def __init__(self, strictness: Strictness) -> None:
        self._strictness = strictness
        self.problem: Refused | None = None

    def read(self, shape: Shape, element: Element) -> Values:
        if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
            raise not_parsed(f"{element.tag} holds text between its elements")
        children = list(element)
        values: Values = {}
        position = self._sequence(shape, children, 0, values, element.tag)
        if position < len(children):
            raise not_parsed(f"{children[position].tag} is unknown in {element.tag}, or stands in the wrong place")
        return values

    def _sequence(self, shape: Shape, children: list[Element], position: int, values: Values, owner: str) -> int:
        for part in shape:
            if isinstance(part, Either):
                position = self._either(part, children, position, values, owner)
            else:
                position = self._part(part, children, position, values, owner)
        return position

    def _either(self, part: Either, children: list[Element], position: int, values: Values, owner: str) -> int:
        if position >= len(children):
            return position
        for shape in part.shapes:
            if children[position].tag in _names(shape):
                return self._sequence(shape, children, position, values, owner)
        return position

    def _part(self, part: Part, children: list[Element], position: int, values: Values, owner: str) -> int:
        found: list[Any] = []
        while position < len(children) and children[position].tag == part.name:
            if part.most and len(found) == part.most:
                raise not_parsed(f"{part.name} stands too often in {owner}")
            found.append(self._value(part, children[position]))
            position += 1
        if len(found) < part.least:
            raise not_parsed(f"{part.name} is missing in {owner}, or something stands before its place")
        if found:
            values[part.name] = found[0] if part.most == 1 else found
        return position

    def _value(self, part: Part, element: Element) -> Any:
        if element.attrib and part.kind != "group":
            raise not_parsed(f"{part.name} has attributes")
        if part.kind == "group":
            return self.read(part.parts, element)
        if len(element):
            raise not_parsed(f"{part.name} holds elements")
        value = element.text or ""
        if part.limit and len(value) > part.limit:
            self._too_long(part, value)
        _CHECKS.get(part.kind, _plain)(self, part, value)
        return value

    def _too_long(self, part: Part, value: str) -> None:
        if self._strictness.too_long == "hresult":
            raise not_parsed(f"{part.name} has {len(value)} characters, at most {part.limit} are allowed")
        self.keep(Refused(3070, f'The string "{value[:50]}" in the field "{part.name}" is too long.'))

    def keep(self, problem: Refused) -> None:
        self.problem = self.problem or problem

    def amount(self, part: Part, value: str) -> None:
        found = _AMOUNT.fullmatch(value)
        if found is None or (found.group(1) is None and not self._strictness.whole_amounts):
            self.keep(bad_amount(part.name, value))


def _names(shape: Shape) -> set[str]:
    found: set[str] = set()
    for part in shape:
        if isinstance(part, Either):
            found |= {name for inner in part.shapes for name in _names(inner)}
        else:
            found.add(part.name)
    return found


def _plain(check: Check, part: Part, value: str) -> None:
    pattern = _PLAIN.get(part.kind)
    if pattern is not None and not pattern.fullmatch(value):
        raise not_parsed(f"{part.name}: {value!r} is no {part.kind}")


def _flag(check: Check, part: Part, value: str) -> None:
    if value not in ("true", "false", "1", "0"):
        check.keep(Refused(3010, f'There was an error when converting the boolean value "{value}" in "{part.name}".'))


def _choice(check: Check, part: Part, value: str) -> None:
    if value not in part.choices:
        check.keep(Refused(3110, f'The value "{value}" in the field "{part.name}" is not one of its values.'))


def _date(check: Check, part: Part, value: str) -> None:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise ValueError
        date.fromisoformat(value)
    except ValueError:
        check.keep(Refused(3020, f'There was an error when converting the date value "{value}" in "{part.name}".'))


def _datetime(check: Check, part: Part, value: str) -> None:
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError
        datetime.fromisoformat(value)
    except ValueError:
        check.keep(Refused(3020, f'There was an error when converting the date value "{value}" in "{part.name}".'))


_CHECKS: dict[str, Callable[[Check, Part, str], None]] = {
    "amount": Check.amount,
    "flag": _flag,
    "choice": _choice,
    "date": _date,
    "datetime": _datetime,
}
