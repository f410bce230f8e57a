"""CompanyInfo and Preferences of a company.

Intuit: CompanyInfo and Preferences in the API reference; which preference steers what is in qbo.md sections 2 and 4.
"""

from __future__ import annotations

from typing import Any

from emulators.intuit import answers
from emulators.intuit.store import Body, Record, Store, pacific


def company(store: Store, realm: str) -> Record:
    """The company; a realm that does not exist is refused like a foreign one."""
    record = store.find(realm, "CompanyInfo", "1")
    if record is None:
        raise answers.app_not_authorized()
    return record


def company_info(store: Store, realm: str) -> Body:
    return company(store, realm).as_json()


def preferences(store: Store, realm: str) -> Body:
    """The preferences follow the switches of the company."""
    record = company(store, realm)
    switches = store.switches
    tracking = switches.text("class_tracking", realm)
    accounting: Body = {
        "UseAccountNumbers": True,
        "TrackDepartments": switches.on("location_tracking", realm),
        "ClassTrackingPerTxn": tracking == "transaction",
        "ClassTrackingPerTxnLine": tracking == "line",
        "FirstMonthOfFiscalYear": "January",
        "TaxYearMonth": "January",
        "CustomerTerminology": "Customers",
        "DepartmentTerminology": "Location",
    }
    if closed := switches.text("book_close_date", realm):
        accounting["BookCloseDate"] = closed
    return {
        "Id": "1",
        "SyncToken": str(record.sync),
        "domain": "QBO",
        "sparse": False,
        "MetaData": {"CreateTime": pacific(record.created), "LastUpdatedTime": pacific(record.updated)},
        "AccountingInfoPrefs": accounting,
        "VendorAndPurchasesPrefs": {
            "EnableBills": switches.on("bills_enabled", realm),
            "TrackingByCustomer": True,
            "BillableExpenseTracking": switches.on("billable_expenses", realm),
        },
        "CurrencyPrefs": {
            "MultiCurrencyEnabled": switches.on("multicurrency", realm),
            "HomeCurrency": {"value": "USD"},
        },
        "OtherPrefs": {"NameValue": _other_preferences(store, realm)},
    }


def _other_preferences(store: Store, realm: str) -> list[dict[str, Any]]:
    named = {
        "WarnDuplicateBillNumber": store.switches.on("warn_duplicate_bill_number", realm),
        "ProjectsEnabled": store.switches.on("projects_enabled", realm),
    }
    return [{"Name": name, "Value": str(value).lower()} for name, value in named.items()]


def check_company_open(store: Store, realm: str, writing: bool) -> None:
    """Faults of the whole company: access lost (120), unavailable (130 to 150), subscription over (6190)."""
    status = store.switches.text("company_status", realm)
    if status == "120":
        raise answers.user_without_access()
    if status in ("130", "140", "150"):
        raise answers.company_locked(status)
    if status == "6190" and writing:
        raise answers.subscription_ended()
