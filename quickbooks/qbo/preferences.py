"""What a QuickBooks Online company is set to, in the house's words."""

from __future__ import annotations

from datetime import date
from typing import Any

from accounting.backends import Books
from qbo import gateway


def read(company: gateway.Company) -> Books:
    """CompanyInfo and Preferences. Fields that are missing count as off. Raises Fault and OutsideError."""
    info, found = company.info(), company.preferences()
    accounting, currency = _part(found, "AccountingInfoPrefs"), _part(found, "CurrencyPrefs")
    named = {str(one.get("Name")): str(one.get("Value")) for one in _part(found, "OtherPrefs").get("NameValue") or []}
    warns = named.get("WarnDuplicateBillNumber")
    return Books(
        name=str(info.get("CompanyName") or ""),
        home_currency=str(_part(currency, "HomeCurrency").get("value") or "USD"),
        is_multicurrency=bool(currency.get("MultiCurrencyEnabled")),
        closing_date=_day(accounting.get("BookCloseDate")),
        warns_of_duplicates=None if warns is None else warns == "true",
        class_tracking=_tracking(accounting),
        tracks_locations=bool(accounting.get("TrackDepartments")),
        has_bills=bool(_part(found, "VendorAndPurchasesPrefs").get("EnableBills", True)),
    )


def closing_date(company: gateway.Company) -> date | None:
    """The last closed day alone. Raises Fault and OutsideError."""
    return _day(_part(company.preferences(), "AccountingInfoPrefs").get("BookCloseDate"))


def _part(body: Any, name: str) -> Any:
    return body.get(name) or {}


def _tracking(accounting: Any) -> str:
    if accounting.get("ClassTrackingPerTxnLine"):
        return "line"
    return "txn" if accounting.get("ClassTrackingPerTxn") else ""


def _day(value: Any) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None
