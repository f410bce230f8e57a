"""Procore's JSON as our own records. Pure: no database, no network."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_ID = 2**63 - 1
APPROVED = frozenset({"approved", "approved_as_noted"})
SUBCONTRACTOR_INVOICES = "draw requests"  # Procore's webhook name for what its API calls requisitions.


class Unreadable(Exception):
    """What came is not what Procore documents. The text says what is wrong, without quoting the content."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a delivery tells us, in any of the three formats."""

    key: str
    resource: str
    reason: str
    procore_id: int
    company_id: int
    project_id: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One G703 line. Amounts of this period; `retainage` is negative when held back, positive when released."""

    description: str
    cost_code: str
    cost_code_name: str
    gross: Decimal
    retainage: Decimal


@dataclass(frozen=True, slots=True)
class SubcontractorInvoice:
    """A subcontractor invoice as Procore shows it now."""

    procore_id: int
    project_id: int
    status: str
    number: str
    vendor_id: int | None
    vendor_name: str
    commitment_id: int | None
    commitment_type: str
    commitment: str
    billing_date: date
    created_by_id: int | None
    origin_data: str
    currency: str
    current_payment_due: Decimal
    earned_less_retainage: Decimal
    previous_certificates: Decimal
    updated_at: datetime | None

    @property
    def is_approved(self) -> bool:
        return self.status in APPROVED


@dataclass(frozen=True, slots=True)
class Approval:
    """When and by whom it was last approved, as the change history says."""

    at: datetime
    by: str


def event(body: bytes) -> Event:
    """Read a delivery. Raises Unreadable. Procore: payload formats v2.0, v3.0 and v4.0."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("It is not JSON.") from None
    if not isinstance(data, dict):
        raise Unreadable("It is not a JSON object.")
    resource = data.get("resource_name") or data.get("resource_type")
    reason = data.get("event_type") or data.get("reason")
    if not isinstance(resource, str) or not isinstance(reason, str):
        raise Unreadable("It names no resource and reason.")
    return Event(
        key=event_key(body),
        resource=_clean(resource)[:60],
        reason=_clean(reason).lower()[:30],
        procore_id=_id(data.get("resource_id"), "resource_id"),
        company_id=_id(data.get("company_id"), "company_id"),
        project_id=_id(data["project_id"], "project_id") if data.get("project_id") not in (None, "") else None,
        at=_moment(data.get("timestamp")),
    )


def event_key(body: bytes) -> str:
    """What makes two deliveries the same event: Procore's ulid, else its id, else the bytes themselves."""
    try:
        data = json.loads(body)
        found = data.get("ulid") or data.get("id") if isinstance(data, dict) else None
    except (ValueError, RecursionError):
        found = None
    if (
        isinstance(found, str | int)
        and not isinstance(found, bool)
        and re.fullmatch(r"[\w-]{1,64}", str(found), re.ASCII)
    ):
        return f"id:{found}"
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def subcontractor_invoice(data: Mapping[str, Any]) -> SubcontractorInvoice:
    """Read a requisition (v1.1, extended view). Raises Unreadable; unknown keys are fine."""
    summary = data.get("summary")
    if not isinstance(summary, dict):
        raise Unreadable("The invoice has no summary.")
    number = text(data.get("invoice_number")) or text(data.get("number"))
    if not number:
        raise Unreadable("The invoice has no number.")
    created_by = data.get("created_by") if isinstance(data.get("created_by"), dict) else {}
    currency = data.get("currency_configuration") if isinstance(data.get("currency_configuration"), dict) else {}
    iso_code = (text(currency.get("currency_iso_code")) if currency else "") or "USD"
    if not re.fullmatch(r"[A-Z]{3}", iso_code, re.ASCII):
        raise Unreadable("The currency is not a three-letter code.")
    return SubcontractorInvoice(
        procore_id=_id(data.get("id"), "id"),
        project_id=_id(data.get("project_id"), "project_id"),
        status=text(data.get("status")).lower(),
        number=number[:120],
        vendor_id=_optional_id(data.get("vendor_id"), "vendor_id"),
        vendor_name=text(data.get("vendor_name")) or "Unnamed vendor",
        commitment_id=_optional_id(data.get("commitment_id"), "commitment_id"),
        commitment_type=text(data.get("commitment_type")),
        commitment=text(data.get("contract_name")),
        billing_date=_date(data.get("billing_date") or data.get("requisition_end"), "billing_date"),
        created_by_id=_optional_id(created_by.get("id") if created_by else None, "created_by"),
        origin_data=text(data.get("origin_data")),
        currency=iso_code,
        current_payment_due=money(summary.get("current_payment_due"), "current_payment_due"),
        earned_less_retainage=money(summary.get("total_earned_less_retainage"), "total_earned_less_retainage"),
        previous_certificates=money(
            summary.get("less_previous_certificates_for_payment"), "less_previous_certificates_for_payment"
        ),
        updated_at=_moment(data.get("updated_at")),
    )


def listed(data: Mapping[str, Any]) -> tuple[int, datetime | None] | None:
    """Id and time of the last change of a row in a list; None for a row without an id."""
    try:
        return _id(data.get("id"), "id"), _moment(data.get("updated_at"))
    except Unreadable:
        return None


def lines(detail: Sequence[Mapping[str, Any]], items: Any) -> tuple[Line, ...]:
    """G703 lines with gross and retainage of this period. Raises Unreadable.

    Gross is to-date minus previous. Retainage is the change of what is retained, which also covers stored materials.
    The cost code's text stands only in the invoice's own items, so the two lists are joined by id.
    """
    found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    # Procore calls a detail row's id "ID (for the item_type)": the item's own, or that of the commitment line.
    known = {item.get("line_item_id"): item for item in found} | {item.get("id"): item for item in found}
    return tuple(_line(row, known.get(row.get("id"), {})) for row in detail)


def approval(history: Sequence[Mapping[str, Any]]) -> Approval | None:
    """The latest change of the status to an approved one that still stands; None where the history does not tell."""
    changes = []
    for row in history:
        if text(row.get("column")).lower().replace(" ", "_") in ("status", "invoice_status"):
            at = _moment(row.get("created_at"))
            if at is not None:
                changes.append(
                    (
                        at,
                        _status_key(row.get("new_value")),
                        _status_key(row.get("old_value")),
                        text(row.get("action_by")),
                    )
                )
    changes.sort(key=lambda change: change[0])
    found = None
    for at, new, old, by in changes:
        if new in APPROVED and old not in APPROVED:
            found = Approval(at, by)
        elif new not in APPROVED:
            found = None
    return found


def fingerprint(invoice: SubcontractorInvoice, found: Sequence[Line]) -> str:
    """Changes exactly when something changes that a bill shows."""
    parts = [
        invoice.number,
        invoice.vendor_id,
        invoice.billing_date,
        invoice.commitment_id,
        invoice.current_payment_due,
        *(part for line in found for part in (line.description, line.cost_code, line.gross, line.retainage)),
    ]
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def money(value: Any, name: str) -> Decimal:
    """An exact amount from a string or a JSON number. Raises Unreadable for more than cents can hold."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unreadable(f"{name} is not an amount.")
    try:
        amount = Decimal(str(value).strip().replace(",", ""))
        exact = amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        raise Unreadable(f"{name} is not an amount.") from None
    if exact != amount or abs(exact) >= Decimal(10) ** 12:
        raise Unreadable(f"{name} is not an amount in whole cents.")
    return exact


def text(value: Any) -> str:
    """A string without stray spaces and without what PostgreSQL cannot store."""
    if value is None or isinstance(value, dict | list):
        return ""
    return _clean(str(value))


def _line(row: Mapping[str, Any], item: Mapping[str, Any]) -> Line:
    wbs = item.get("wbs_code") if isinstance(item.get("wbs_code"), dict) else {}
    to_date = money(row.get("total_completed_and_stored_to_date"), "total_completed_and_stored_to_date")
    held = money(row.get("total_retainage_currently_retained"), "total_retainage_currently_retained")
    before = money(row.get("total_retainage_from_previous_application"), "total_retainage_from_previous_application")
    return Line(
        description=text(row.get("description_of_work") or item.get("description_of_work")),
        cost_code=text(wbs.get("flat_code") if wbs else "") or text(row.get("cost_code_id")),
        cost_code_name=text(wbs.get("description") if wbs else ""),
        gross=to_date - _previous(row, item),
        retainage=before - held,
    )


def _previous(row: Mapping[str, Any], item: Mapping[str, Any]) -> Decimal:
    """To date from the previous application, materials included; the detail rows do not carry it, the items do."""
    name = "total_completed_and_stored_to_date_from_previous"
    value = row.get(name) if row.get(name) is not None else item.get(name)
    if value is None:
        raise Unreadable("A line does not say what was billed before.")
    return money(value, name)


def _status_key(value: Any) -> str:
    return re.sub(r"[^a-z]+", "_", text(value).lower()).strip("_")


def _id(value: Any, name: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d{1,19}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_ID:
        raise Unreadable(f"{name} is not an id.")
    return value


def _optional_id(value: Any, name: str) -> int | None:
    return None if value in (None, "") else _id(value, name)


def _date(value: Any, name: str) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Unreadable(f"{name} is not a date.") from None


def _moment(value: Any) -> datetime | None:
    """Procore: times are UTC."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _clean(value: str) -> str:
    return value.encode("utf-8", "ignore").decode().replace("\x00", "").strip()
