"""Carries out statements of the query language, and change data capture.

Intuit: lists show active entries only unless Active is asked (qbo.md section 5); CDC looks back 30 days and answers at
most 1000 objects (section 2.10).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from emulators.intuit import answers
from emulators.intuit.company import company_info, preferences
from emulators.intuit.presenting import present
from emulators.intuit.query_language import Condition, Statement, parse_statement
from emulators.intuit.shapes import LISTS, SHAPES
from emulators.intuit.store import PACIFIC, Body, Record, Store, pacific

_CDC_DAYS = 30
_NOT_FILTERABLE = {"Line", "PrivateNote", "LinkedTxn", "VendorAddr", "BillAddr", "ShipAddr", "CustomField", "domain"}
_NUMERIC = {"TotalAmt", "Balance", "HomeBalance", "UnitPrice", "CurrentBalance", "Id", "DueDays", "Size", "Level"}
_SPECIAL = {"companyinfo": "CompanyInfo", "preferences": "Preferences"}
_KINDS = {**{kind.lower(): kind for kind in SHAPES}, **_SPECIAL}


def run_query(store: Store, realm: str, text: str, stale_seconds: float = 0) -> Body:
    """The QueryResponse object for one statement."""
    statement = parse_statement(text)
    kind = _KINDS.get(statement.entity.lower())
    if kind is None:
        raise answers.query_unparsable(f"Entity {statement.entity} is not known")
    if kind in _SPECIAL.values():
        special = company_info(store, realm) if kind == "CompanyInfo" else preferences(store, realm)
        return {kind: [special], "startPosition": 1, "maxResults": 1, "totalCount": 1}
    conditions = [_Test(store, kind, condition) for condition in statement.conditions]
    rows = [
        record
        for record in _candidates(store, realm, kind, statement, stale_seconds)
        if all(test.holds(record) for test in conditions)
    ]
    if statement.count_only:
        return {"totalCount": len(rows)}
    _sort(store, kind, statement, rows)
    page = rows[statement.start - 1 : statement.start - 1 + statement.rows]
    if not page:
        return {}
    shown = [_chosen(present(store, record), statement.fields) for record in page]
    return {"startPosition": statement.start, "maxResults": len(page), "totalCount": len(rows), kind: shown}


def changed_since(store: Store, realm: str, entities: str, since_text: str, stale_seconds: float = 0) -> Body:
    """The CDCResponse list: full objects that changed, and markers of deleted ones."""
    if not entities:
        raise answers.missing("entities")
    if not since_text:
        raise answers.missing("changedSince")
    since = _moment(since_text)
    if since is None:
        raise answers.bad_value("changedSince", "a date and time is expected")
    oldest = store.now() - _CDC_DAYS * 86400
    if since < oldest:
        if store.switches.text("cdc_too_old", realm) == "fault":
            raise answers.bad_value("changedSince", f"the look-back is at most {_CDC_DAYS} days")
        since = oldest
    room, found = store.switches.number("cdc_most", realm), []
    for name in entities.split(","):
        kind = _KINDS.get(name.strip().lower())
        if kind is None or kind not in SHAPES:
            raise answers.bad_choice("entities", name.strip())
        changed = [r for r in store.everything(realm, kind, stale_seconds) if int(r.updated) >= int(since)]
        changed = sorted(changed, key=lambda record: record.updated)[:room]
        room -= len(changed)
        found.append(_cdc_part(store, kind, changed))
    return {"CDCResponse": [{"QueryResponse": found}]}


def _cdc_part(store: Store, kind: str, records: list[Record]) -> Body:
    if not records:
        return {}
    shown = [deleted_marker(record) if record.deleted else present(store, record) for record in records]
    return {kind: shown, "startPosition": 1, "maxResults": len(shown), "totalCount": len(shown)}


def deleted_marker(record: Record) -> Body:
    return {
        "Id": record.id,
        "domain": "QBO",
        "status": "Deleted",
        "MetaData": {"LastUpdatedTime": pacific(record.updated)},
    }


def _candidates(store: Store, realm: str, kind: str, statement: Statement, stale_seconds: float) -> Iterator[Record]:
    asks_active = any(condition.path.lower() == "active" for condition in statement.conditions)
    hide = kind in LISTS and not asks_active and store.switches.on("inactive_hidden", realm)
    number = next((c for c in statement.conditions if c.path == "DocNumber" and c.operator == "="), None)
    if number is not None and not stale_seconds:
        records = store.with_number(realm, kind, number.values[0])
    else:
        records = store.everything(realm, kind, stale_seconds)
    for record in records:
        if not record.deleted and not (hide and not record.active):
            yield record


class _Test:
    """One condition, ready to be tried on many records."""

    def __init__(self, store: Store, kind: str, condition: Condition) -> None:
        self._store = store
        self._path = _resolved(kind, condition.path)
        self._operator = condition.operator
        self._fold = not store.switches.on("query_case_sensitive")
        self._wanted = [self._key(value) for value in condition.values]
        self._pieces = [self._text(p) for p in condition.values[0].split("%")] if self._operator == "like" else []

    def holds(self, record: Record) -> bool:
        values = list(_values(record, self._path))
        if self._operator == "like":
            return any(_is_like(self._text(_plain(value)), self._pieces) for value in values)
        return any(self._compare(self._key(_plain(value))) for value in values)

    def _compare(self, value: Any) -> bool:
        if self._operator in ("in", "="):
            return value in self._wanted
        wanted = self._wanted[0]
        if value is None or type(value) is not type(wanted):
            return False
        if self._operator == "<":
            return bool(value < wanted)
        if self._operator == ">":
            return bool(value > wanted)
        return bool(value <= wanted) if self._operator == "<=" else bool(value >= wanted)

    def _text(self, text: str) -> str:
        return text.lower() if self._fold else text

    def _key(self, text: str) -> Any:
        """Numbers compare as numbers, moments as moments, everything else as text."""
        last = self._path[-1]
        if last in _NUMERIC:
            try:
                return Decimal(text)
            except InvalidOperation:
                return None
        if last in ("CreateTime", "LastUpdatedTime"):
            moment = _moment(text)
            return None if moment is None else int(moment)
        return self._text(text)


def _resolved(kind: str, path: str) -> list[str]:
    """The parts of a property path in their true spelling; 4001 if the object has no such filter."""
    parts = path.split(".")
    names = {name.lower(): name for name in (*SHAPES[kind], "Id", "MetaData")}
    first = names.get(parts[0].lower())
    if first is None or first in _NOT_FILTERABLE:
        raise answers.query_invalid(f"Property {path} not found for Entity {kind}")
    if first == "MetaData":
        times = {"createtime": "CreateTime", "lastupdatedtime": "LastUpdatedTime"}
        if len(parts) != 2 or parts[1].lower() not in times:
            raise answers.query_invalid(f"Property {path} not found for Entity {kind}")
        return ["MetaData", times[parts[1].lower()]]
    return [first, *parts[1:]]


def _values(record: Record, path: list[str]) -> Iterator[Any]:
    if path[0] == "Id":
        yield record.id
    elif path[0] == "SyncToken":
        yield str(record.sync)
    elif path[0] == "MetaData":
        yield pacific(record.created if path[1] == "CreateTime" else record.updated)
    else:
        yield from _walk(record.body.get(path[0]), path[1:])


def _walk(value: Any, rest: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from _walk(entry, rest)
    elif rest and isinstance(value, dict):
        # Intuit's own examples write AttachableRef.EntityRef.Type and .value, so capitals do not matter here.
        yield from _walk({key.lower(): entry for key, entry in value.items()}.get(rest[0].lower()), rest[1:])
    elif isinstance(value, dict):
        yield value.get("value")
    elif value is not None:
        yield value


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_like(text: str, pieces: list[str]) -> bool:
    """LIKE with % for any run of characters."""
    if len(pieces) == 1:
        return text == pieces[0]
    if not text.startswith(pieces[0]) or not text.endswith(pieces[-1]):
        return False
    at, end = len(pieces[0]), len(text) - len(pieces[-1])
    for piece in pieces[1:-1]:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end


def _sort(store: Store, kind: str, statement: Statement, rows: list[Record]) -> None:
    for path, descending in reversed(statement.order):
        parts = _resolved(kind, path)
        rows.sort(key=lambda record: _sort_key(record, parts), reverse=descending)
    if not statement.order:
        newest = store.switches.text("query_default_order") == "newest_first"
        rows.sort(key=lambda record: int(record.id), reverse=newest)


def _sort_key(record: Record, path: list[str]) -> tuple[bool, Any]:
    if path[0] == "Id":
        return True, int(record.id)
    if path[0] == "MetaData":
        return True, record.created if path[1] == "CreateTime" else record.updated
    value = next(_values(record, path), None)
    if value is None:
        return False, 0
    return True, Decimal(value) if path[-1] in _NUMERIC else str(value).lower()


def _chosen(shown: Body, fields: tuple[str, ...]) -> Body:
    if not fields:
        return shown
    wanted = {name.split(".")[0].lower() for name in fields}
    return {name: value for name, value in shown.items() if name.lower() in wanted or name in ("domain", "sparse")}


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=PACIFIC)
    return moment.astimezone(UTC).timestamp()
