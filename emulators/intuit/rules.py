"""Checks of one request body against its shape: names, kinds, lengths, required values, references.

Intuit: the codes and texts are those of the "Error codes" page (qbo.md section 4).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from emulators.intuit import answers
from emulators.intuit.answers import QboFault
from emulators.intuit.json_text import CENT, cents
from emulators.intuit.shapes import REFERENCE_FAMILIES, SHAPES, TRANSACTIONS, Field, Shape
from emulators.intuit.store import Body, Origin, Store

_MOST_DIGITS = 15  # Intuit: amounts are "15 digits in 10.5 format".
US_TAX_CODES = ("TAX", "NON")
CURRENCIES = {"USD": "United States Dollar", "CAD": "Canadian Dollar", "EUR": "Euro", "MXN": "Mexican Peso"}


class Check:
    """One pass over one body; collects every error, because a fault may carry several."""

    def __init__(self, store: Store, realm: str, kind: str) -> None:
        self._store = store
        self._switches = store.switches
        self._realm = realm
        self._kind = kind
        self._faults: list[QboFault] = []
        self._references: list[tuple[str, Body]] = []

    def body(self, sent: Any, partial: bool = False) -> Body:
        """The writable part of the body in its stored form; computed fields are dropped, references named."""
        if not isinstance(sent, dict):
            raise answers.unreadable_body("the body is not an object")
        kept = self._object(SHAPES[self._kind], sent, partial)
        self._raise()
        for family, reference in self._references:
            self._resolve(family, reference)
        self._raise()
        return kept

    def _raise(self) -> None:
        if self._faults:
            errors = [error for fault in self._faults for error in fault.errors]
            raise QboFault(errors, self._faults[0].kind, self._faults[0].status)

    def _object(self, shape: Shape, sent: Body, partial: bool = False) -> Body:
        kept: Body = {}
        for name, value in sent.items():
            field = shape.get(name)
            if field is None:
                self._faults.append(answers.unknown_property(name))
            elif value is not None:
                try:
                    clean = self._value(name, field, value)
                except QboFault as fault:
                    self._faults.append(fault)
                    continue
                if clean is not None:
                    kept[name] = clean
        if not partial:
            self._faults += [
                answers.missing(name)
                for name, field in shape.items()
                if field.required and sent.get(name) in (None, "", [], {}) and not self._refused(name)
            ]
        return kept

    def _refused(self, name: str) -> bool:
        return any(error.element == name for fault in self._faults for error in fault.errors)

    def _value(self, name: str, field: Field, value: Any) -> Any:
        if field.kind in ("computed", "opaque"):
            return None if field.kind == "computed" else value
        if field.kind == "desktop":
            if self._switches.text("desktop_fields", self._realm) == "2010":
                raise answers.unknown_property(name)
            return None
        if field.kind == "ref":
            return self._reference(name, field, value)
        if field.kind == "object":
            if not isinstance(value, dict):
                raise answers.bad_value(name, "an object is expected")
            return self._object(field.shape, value) or None
        if field.kind == "list":
            return self._list(name, field, value)
        return self._scalar(name, field, value)

    def _list(self, name: str, field: Field, value: Any) -> Any:
        if isinstance(value, dict):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise answers.bad_value(name, "a list of objects is expected")
        return [self._object(field.shape, entry) for entry in value]

    def _scalar(self, name: str, field: Field, value: Any) -> Any:
        if isinstance(value, dict | list):
            raise answers.bad_value(name, "a single value is expected")
        if field.kind in ("money", "number", "whole", "date") and value == "":
            if self._switches.text("empty_date_or_number", self._realm) == "null":
                return None
            raise answers.bad_value(name, "the value is empty")
        if field.kind == "text":
            return self._text(name, field, value)
        if field.kind == "flag":
            return self._flag(name, value)
        if field.kind == "date":
            return self._date(name, value)
        if field.kind == "choice":
            if value == "":
                return None
            if value not in field.choices:
                raise answers.bad_choice(name, value)
            return value
        return self._number(name, field.kind, value)

    def _text(self, name: str, field: Field, value: Any) -> str | None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise answers.unsupported_operation(f"{name} is not valid Unicode.")
        if len(text) > field.limit:
            if name == "DocNumber" and self._switches.text("docnumber_too_long", self._realm) == "6000":
                raise answers.business_rule("You cannot enter more than 21 characters in the doc_num field")
            raise answers.too_long(name, field.limit)
        return text or None

    @staticmethod
    def _flag(name: str, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise answers.bad_value(name, "true or false is expected")

    @staticmethod
    def _date(name: str, value: Any) -> str:
        try:
            return date.fromisoformat(str(value)[:10]).isoformat()
        except ValueError:
            raise answers.bad_value(name, "a date as YYYY-MM-DD is expected") from None

    def _number(self, name: str, kind: str, value: Any) -> Any:
        if isinstance(value, bool):
            raise answers.bad_number(name)
        if isinstance(value, str) and self._switches.text("amount_as_string", self._realm) == "refuse":
            raise answers.bad_number(name)
        try:
            number = Decimal(value)
        except (InvalidOperation, ValueError, TypeError):
            raise answers.bad_number(name) from None
        if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
            raise answers.bad_number(name)
        if kind == "whole":
            if number != int(number):
                raise answers.bad_number(name)
            return int(number)
        if kind == "money":
            return self._money(name, number)
        return int(number) if isinstance(value, int) else number

    def _money(self, name: str, number: Decimal) -> Decimal:
        exact = number == number.quantize(CENT)
        mode = self._switches.text("amount_decimals", self._realm)
        if not exact and mode == "refuse":
            raise answers.bad_number(name)
        return number if not exact and mode == "keep" else cents(number)

    def _reference(self, name: str, field: Field, value: Any) -> Body | None:
        if not isinstance(value, dict):
            raise answers.bad_value(name, "a reference is an object with a value")
        for key in value:
            if key not in ("value", "name", "type"):
                raise answers.unknown_property(key)
        identifier = value.get("value")
        if identifier in (None, ""):
            if field.required:
                raise answers.missing(f"{name}.value")
            return None
        if isinstance(identifier, dict | list | bool | Decimal):
            raise answers.bad_value(name, "the value of a reference is a string")
        reference: Body = {"value": str(identifier)}
        for key in ("name", "type"):
            if value.get(key) and not field.family:
                reference[key] = str(value[key])
        if field.family:
            self._references.append((field.family, reference))
        return reference

    def _resolve(self, family: str, reference: Body) -> None:
        identifier = reference["value"]
        unknown = answers.bad_reference(REFERENCE_FAMILIES[family], identifier)
        if family == "TaxCode":
            if identifier not in US_TAX_CODES:
                self._faults.append(unknown)
            return
        if family == "Currency":
            if identifier not in CURRENCIES:
                self._faults.append(unknown)
            else:
                reference["name"] = CURRENCIES[identifier]
            return
        record = self._store.find(self._realm, family, identifier)
        if record is None or record.deleted:
            self._faults.append(unknown)
        elif not record.active and self._kind in (*TRANSACTIONS, "Item") and self._minds_inactive():
            code = self._switches.text("inactive_reference", self._realm)
            self._faults.append(answers.inactive_reference() if code == "610" else unknown)
        elif family != "Term":
            reference["name"] = full_name(record.body)

    def _minds_inactive(self) -> bool:
        return self._switches.text("inactive_reference", self._realm) != "accept"


def full_name(body: Body) -> str:
    """The name a reference shows: with the parents in front, as QuickBooks lists it."""
    return str(body.get("FullyQualifiedName") or body.get("DisplayName") or body.get("Name") or "")


def check_open_period(store: Store, realm: str, origin: Origin, *dates: str) -> None:
    """6210: neither the old nor the new date may lie in the closed part; a person in QuickBooks may say yes to it."""
    closed_until = store.switches.text("book_close_date", realm)
    if origin.by == "app" and closed_until and any(day and day <= closed_until for day in dates):
        raise answers.period_closed()


def check_sync_token(sent: Body, current: int) -> None:
    """Intuit: an update or delete carries the SyncToken that was read last; another one is stale (5010)."""
    token = sent.get("SyncToken")
    if token in (None, ""):
        raise answers.missing("SyncToken")
    if str(token) != str(current):
        raise answers.stale()
