"""One invoice of Procore's, of either kind, as our own record. Pure: no database, no network."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from procore_sync import identities
from procore_sync.reading import Unreadable, a_date, a_moment, an_id, money, optional_id, origin_id, status_key, text

SUBCONTRACTOR_INVOICE, DIRECT_COST = "subcontractor_invoice", "direct_cost"
APPROVED = frozenset({"approved", "approved_as_noted"})
DETAIL_ITEM, CONTRACT_ITEM = "contract_detail_item", "contract_item"


@dataclass(frozen=True, slots=True)
class Line:
    """Amounts of this period; `retainage` is negative when held back, positive when released."""

    description: str
    cost_code: str
    cost_code_name: str
    gross: Decimal
    retainage: Decimal
    cost_type: str = ""
    cost_code_origin_id: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment. `url` needs our token while it points at Procore. Procore: secure file access."""

    procore_id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Record:
    """An invoice as Procore shows it now, without its lines."""

    kind: str
    procore_id: int
    project_id: int
    status: str
    number: str
    vendor_id: int | None
    vendor_name: str
    billing_date: date
    currency: str
    amount_due: Decimal
    created_at: datetime | None
    updated_at: datetime | None
    cost_type: str = "invoice"
    commitment_id: int | None = None
    commitment_type: str = ""
    commitment: str = ""
    created_by_id: int | None = None
    origin_id: str = ""
    origin_data: str = ""
    is_paid: bool = False
    files: tuple[File, ...] = ()

    @property
    def is_approved(self) -> bool:
        return self.status in APPROVED


@dataclass(frozen=True, slots=True)
class Approval:
    """When and by whom it was last approved, or changed, as the change history says."""

    at: datetime
    by: str


def subcontractor_invoice(data: Mapping[str, Any]) -> Record:
    """Read a requisition (v1.1, extended view). Raises Unreadable; unknown keys are fine."""
    summary = data.get("summary")
    if not isinstance(summary, dict):
        raise Unreadable("The invoice has no summary.")
    paid = data.get("payment_summary")
    created_by = data.get("created_by") if isinstance(data.get("created_by"), dict) else {}
    return Record(
        kind=SUBCONTRACTOR_INVOICE,
        procore_id=an_id(data.get("id"), "id"),
        project_id=an_id(data.get("project_id"), "project_id"),
        status=status_key(data.get("status")),
        number=_number(text(data.get("invoice_number")) or text(data.get("number"))),
        vendor_id=optional_id(data.get("vendor_id"), "vendor_id"),
        vendor_name=_vendor(data.get("vendor_name")),
        billing_date=a_date(data.get("billing_date") or data.get("requisition_end"), "billing_date"),
        currency=_currency(data.get("currency_configuration")),
        amount_due=money(summary.get("current_payment_due"), "current_payment_due"),
        created_at=a_moment(data.get("created_at")),
        updated_at=a_moment(data.get("updated_at")),
        commitment_id=optional_id(data.get("commitment_id"), "commitment_id"),
        commitment_type=text(data.get("commitment_type")),
        commitment=text(data.get("contract_name")),
        created_by_id=optional_id(created_by.get("id") if created_by else None, "created_by"),
        origin_id=text(data.get("origin_id")),
        origin_data=text(data.get("origin_data")),
        is_paid=isinstance(paid, dict) and paid.get("invoice_paid_in_full") is True,
        files=_files(data.get("attachments")),
    )


def direct_cost(data: Mapping[str, Any], project_id: int) -> Record:
    """Read a direct cost (v1.1): `vendor` is a string in the list and an object in the show. Raises Unreadable.

    The grand total is what is owed; the lines must come to it. Procore names no creator of a direct cost.
    """
    vendor = data.get("vendor")
    shown = vendor if isinstance(vendor, dict) else {}
    name = text(shown.get("name")) or text(data.get("vendor_name")) or text(vendor)
    kind = status_key(data.get("direct_cost_type"))
    number = text(data.get("invoice_number"))
    return Record(
        kind=DIRECT_COST,
        procore_id=an_id(data.get("id"), "id"),
        project_id=project_id,
        status=status_key(data.get("status")),
        # Only an invoice must have a number; the others are never imported.
        number=_number(number) if kind == "invoice" else number[:120],
        vendor_id=optional_id(shown.get("id") or data.get("vendor_id"), "vendor_id"),
        vendor_name=_vendor(name) if kind == "invoice" else name,
        billing_date=a_date(
            data.get("direct_cost_date") or data.get("received_date") or data.get("created_at"), "direct_cost_date"
        ),
        currency=_currency(data.get("currency_configuration")),
        amount_due=money(_first(data, "grand_total", "amount"), "grand_total"),
        created_at=a_moment(data.get("created_at")),
        updated_at=a_moment(data.get("updated_at")),
        cost_type=kind,
        commitment=text(data.get("description")),
        origin_id=text(data.get("origin_id")),
        origin_data=text(data.get("origin_data")),
        is_paid=bool(text(data.get("payment_date"))),
        files=_files(data.get("attachments")),
    )


def subcontractor_invoice_lines(detail: Sequence[Mapping[str, Any]], items: Any) -> tuple[tuple[Line, ...], list[Any]]:
    """G703 lines of this period, and each one's amounts for the identities. Raises Unreadable.

    Gross is to-date minus previous. Retainage is the change of what is retained, which also covers stored materials.
    The cost code's text stands only in the invoice's own items, so the two lists are joined by id.
    """
    found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    # Procore calls a detail row's id "ID (for the item_type)": the item's own, or that of the commitment line.
    known = {item.get("line_item_id"): item for item in found} | {item.get("id"): item for item in found}
    pairs = [(row, known.get(row.get("id"), {})) for row in _of_one_level(detail)]
    return tuple(_line(row, item) for row, item in pairs), [_for_identities(row, item) for row, item in pairs]


def direct_cost_lines(data: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines of a direct cost, which knows no retainage. Raises Unreadable."""
    rows = data.get("line_items")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("The direct cost has no lines.")
    return tuple(
        Line(
            description=text(row.get("description")) or text(data.get("description")),
            cost_code=_code(row)[0],
            cost_code_name=_code(row)[1],
            gross=money(_first(row, "total_amount", "amount"), "line amount"),
            retainage=Decimal(0),
            cost_type=_cost_type(row),
            cost_code_origin_id=_code_origin_id(row),
        )
        for row in rows
    )


def mismatch(data: Mapping[str, Any], line_amounts: Sequence[Any]) -> str:
    """Which of the invoice's own sums does not hold, as a sentence; empty when all do. Raises Unreadable."""
    summary = data.get("summary")
    found = identities.first_broken(identities.amounts_of(summary if isinstance(summary, dict) else {}), line_amounts)
    return found.sentence if found else ""


def last_change(history: Sequence[Mapping[str, Any]]) -> Approval | None:
    """When, and by whom, anything of it was last changed, as far as the history tells."""
    found = [(a_moment(row.get("created_at")), row.get("action_by")) for row in history]
    told = [(at, text(by.get("name")) if isinstance(by, dict) else text(by)) for at, by in found if at is not None]
    return Approval(*max(told, key=lambda change: change[0])) if told else None


def approval(history: Sequence[Mapping[str, Any]]) -> Approval | None:
    """The latest change of the status to an approved one that still stands; None where the history does not tell."""
    changes = []
    for row in history:
        at = a_moment(row.get("created_at"))
        if status_key(row.get("column")) in ("status", "invoice_status") and at is not None:
            by = row.get("action_by")
            who = text(by.get("name")) if isinstance(by, dict) else text(by)
            changes.append((at, status_key(row.get("old_value")), status_key(row.get("new_value")), who))
    changes.sort(key=lambda change: change[0])
    found = None
    for at, old, new, by in changes:
        if new in APPROVED and old not in APPROVED:
            found = Approval(at, by)
        elif new not in APPROVED:
            found = None
    return found


def tells_of_approval(history: Sequence[Mapping[str, Any]]) -> bool:
    """Does the history name any approval, be it one that was taken back?"""
    return any(
        status_key(row.get("column")) in ("status", "invoice_status") and status_key(row.get("new_value")) in APPROVED
        for row in history
    )


def fingerprint(record: Record, found: Sequence[Line], mismatch: str = "") -> str:
    """Changes exactly when something changes that a bill shows or that holds it."""
    parts = [
        record.number,
        record.vendor_id,
        record.billing_date,
        record.commitment_id,
        record.amount_due,
        mismatch,
        *(part for line in found for part in (line.description, line.cost_code, line.gross, line.retainage)),
    ]
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def listed_sha256(data: Mapping[str, Any]) -> str:
    """Of a row of a list, without what changes by itself: the links to files are signed anew each time."""
    steady = {name: value for name, value in data.items() if name != "attachments"}
    return hashlib.sha256(json.dumps(steady, sort_keys=True, default=str).encode()).hexdigest()


def _of_one_level(detail: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A commitment's line and its schedule of values may tell the same money twice: keep the finer of the two."""
    finer = [row for row in detail if row.get("item_type") == DETAIL_ITEM]
    if not finer:
        return list(detail)
    coarse = [row for row in detail if row.get("item_type") == CONTRACT_ITEM]
    name = "total_completed_and_stored_to_date"
    same = sum((money(row.get(name), name) for row in finer), Decimal(0)) == sum(
        (money(row.get(name), name) for row in coarse), Decimal(0)
    )
    return [row for row in detail if row.get("item_type") != CONTRACT_ITEM] if same else list(detail)


def _line(row: Mapping[str, Any], item: Mapping[str, Any]) -> Line:
    to_date = money(row.get("total_completed_and_stored_to_date"), "total_completed_and_stored_to_date")
    held = money(row.get("total_retainage_currently_retained"), "total_retainage_currently_retained")
    before = money(row.get("total_retainage_from_previous_application"), "total_retainage_from_previous_application")
    code, name = _code(item)
    return Line(
        description=text(row.get("description_of_work") or item.get("description_of_work")),
        cost_code=code or text(row.get("cost_code_id")),
        cost_code_name=name,
        gross=to_date - _previous(row, item),
        retainage=before - held,
        cost_type=_cost_type(item),
    )


def _previous(row: Mapping[str, Any], item: Mapping[str, Any]) -> Decimal:
    """To date from the previous application, materials included; the detail rows do not carry it, the items do."""
    name = "total_completed_and_stored_to_date_from_previous"
    value = row.get(name) if row.get(name) is not None else item.get(name)
    if value is None:
        raise Unreadable("A line does not say what was billed before.")
    return money(value, name)


def _for_identities(row: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Decimal]:
    found = {}
    for name in ("total_completed_and_stored_to_date", "scheduled_value"):
        value = row.get(name) if row.get(name) is not None else item.get(name)
        if value is not None:
            found[name] = money(value, name)
    return found


def _code(row: Mapping[str, Any]) -> tuple[str, str]:
    """Cost code and its name; the WBS code where there is one. Procore: WBS is the current model."""
    wbs = row.get("wbs_code")
    if isinstance(wbs, dict) and text(wbs.get("flat_code")):
        return text(wbs.get("flat_code")), text(wbs.get("description"))
    code = row.get("cost_code")
    if isinstance(code, dict):
        return text(code.get("full_code") or code.get("code")), text(code.get("name"))
    return "", ""


def _code_origin_id(row: Mapping[str, Any]) -> str:
    """Only a direct cost's lines show the cost code itself; those of a subcontractor invoice carry its id alone."""
    code = row.get("cost_code")
    return origin_id(code.get("origin_id")) if isinstance(code, dict) else ""


def _cost_type(row: Mapping[str, Any]) -> str:
    """The cost type segment of a WBS code, else a direct cost's line type. Procore: segment types of a WBS code."""
    wbs = row.get("wbs_code")
    segments = wbs.get("segment_items") if isinstance(wbs, dict) else None
    for segment in segments if isinstance(segments, list) else []:
        if isinstance(segment, dict) and status_key(segment.get("segment_type")) in ("cost_type", "line_item_type"):
            return text(segment.get("name") or segment.get("code"))
    kind = row.get("line_item_type")
    return text(kind.get("name")) if isinstance(kind, dict) else ""


def _files(value: Any) -> tuple[File, ...]:
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    return tuple(
        File(text(row.get("id"))[:60], (text(row.get("filename")) or text(row.get("name")))[:255], text(row.get("url")))
        for row in rows
        if text(row.get("id")) and text(row.get("url"))
    )


def _number(value: str) -> str:
    if not value:
        raise Unreadable("The invoice has no number.")
    return value[:120]


def _vendor(value: Any) -> str:
    name = text(value)
    if not name:
        raise Unreadable("The invoice names no vendor.")
    return name[:255]


def _currency(value: Any) -> str:
    iso_code = (text(value.get("currency_iso_code")) if isinstance(value, dict) else "") or "USD"
    if not re.fullmatch(r"[A-Z]{3}", iso_code, re.ASCII):
        raise Unreadable("The currency is not a three-letter code.")
    return iso_code


def _first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)
