"""Bills and vendor credits: what makes one acceptable, and what QuickBooks adds to it.

Intuit: Bill and VendorCredit in the API reference, collected in qbo.md sections 2.1 to 2.6.
"""

from __future__ import annotations

import copy
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from emulators.intuit import answers
from emulators.intuit.json_text import cents
from emulators.intuit.rules import CURRENCIES, Check, check_open_period, check_sync_token
from emulators.intuit.store import Body, Origin, Record, Store

ACCOUNT_DETAIL, ITEM_DETAIL = "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"
_DETAIL_NAMES = (ACCOUNT_DETAIL, ITEM_DETAIL)
NOTHING = Decimal("0.00")


def save_bill(
    store: Store, realm: str, kind: str, sent: Any, origin: Origin, allow_duplicate_number: bool = False
) -> Record:
    """Create, or update if the body has an Id. `kind` is Bill or VendorCredit."""
    if not isinstance(sent, dict):
        raise answers.unreadable_body("the body is not an object")
    if not store.switches.on("bills_enabled", realm):
        raise answers.feature_missing("Bills")
    if sent.get("Id") in (None, ""):
        body = Check(store, realm, kind).body(sent)
        body.pop("LinkedTxn", None)
        _complete(store, realm, kind, body, None, origin)
        _check_number(store, realm, kind, body, None, allow_duplicate_number)
        return store.insert(realm, kind, body, origin)
    record = store.find(realm, kind, str(sent["Id"]))
    if record is None or record.deleted:
        raise answers.not_found()
    check_sync_token(sent, record.sync)
    body = _updated_body(store, realm, kind, sent, record)
    _check_linked(store, realm, body, record)
    _complete(store, realm, kind, body, record, origin)
    _check_number(store, realm, kind, body, record, allow_duplicate_number)
    return store.replace(record, body, origin)


def delete_bill(store: Store, realm: str, kind: str, sent: Any, origin: Origin) -> Record:
    """Intuit: delete needs Id and SyncToken; linked transactions must be unlinked first."""
    if not isinstance(sent, dict):
        raise answers.unreadable_body("the body is not an object")
    if sent.get("Id") in (None, ""):
        raise answers.missing("Id")
    record = store.find(realm, kind, str(sent["Id"]))
    if record is None or record.deleted:
        raise answers.not_found()
    check_sync_token(sent, record.sync)
    check_open_period(store, realm, origin, record.body.get("TxnDate", ""))
    if record.body.get("LinkedTxn"):
        reason = "This transaction is linked to other transactions. Unlink them first."
        if store.switches.text("delete_linked_bill", realm) == "800":
            raise answers.single("800", "Dependencies exist", reason)
        raise answers.business_rule(reason)
    store.delete(record, origin)
    return record


def _updated_body(store: Store, realm: str, kind: str, sent: Body, record: Record) -> Body:
    sparse = sent.get("sparse") is True
    mode = store.switches.text("sparse_bill_update", realm)
    if sparse and mode == "500":
        raise answers.unsupported_operation("Operation sparse update is not supported.")
    honoured = sparse and mode == "honoured"
    body = Check(store, realm, kind).body(sent, partial=honoured)
    former = copy.deepcopy(record.body)
    if honoured:
        body = {**{name: value for name, value in former.items() if name not in sent}, **body}
    if store.switches.text("lines_left_out", realm) == "kept" and "Line" in sent:
        present = {line.get("Id") for line in body["Line"]}
        body["Line"] = [line for line in former["Line"] if line["Id"] not in present] + body["Line"]
    # A payment stays linked whatever an update says.
    body.pop("LinkedTxn", None)
    if former.get("LinkedTxn"):
        body["LinkedTxn"] = former["LinkedTxn"]
    return body


def _check_linked(store: Store, realm: str, body: Body, record: Record) -> None:
    """Intuit: linked transactions must be unlinked before a delete; what an update may do is not said."""
    if not record.body.get("LinkedTxn"):
        return
    if store.switches.text("update_linked_bill", realm) == "6000":
        raise answers.business_rule("This transaction is linked to other transactions. Unlink them first.")
    if body["VendorRef"]["value"] != record.body["VendorRef"]["value"]:
        raise answers.business_rule("The vendor of a transaction with payments cannot be changed.")


def _complete(store: Store, realm: str, kind: str, body: Body, record: Record | None, origin: Origin) -> None:
    if not body.get("Line"):
        raise answers.missing("Line")
    most = store.switches.number("max_lines", realm)
    if most and len(body["Line"]) > most:
        raise answers.business_rule(f"A transaction may have at most {most} lines.")
    body.setdefault("TxnDate", store.today())
    former_date = record.body.get("TxnDate", "") if record is not None else ""
    check_open_period(store, realm, origin, body["TxnDate"], former_date)
    _check_currency(store, realm, body)
    _complete_payable_account(store, realm, body)
    _complete_header(store, realm, kind, body)
    total = _complete_lines(store, realm, body, record)
    if origin.by == "app":
        _check_total(store, realm, kind, total)
    paid = NOTHING if record is None else record.body["TotalAmt"] - record.body["Balance"]
    if paid > max(total, NOTHING):
        raise answers.business_rule("The amount is lower than what has been paid already.")
    body["TotalAmt"], body["Balance"] = total, total - paid
    if store.switches.on("multicurrency", realm):
        rate = Decimal(body.setdefault("ExchangeRate", 1))
        body["HomeBalance"] = cents(body["Balance"] * rate)


def _check_currency(store: Store, realm: str, body: Body) -> None:
    """Intuit: CurrencyRef is required with multicurrency, and a vendor has one fixed currency."""
    vendor = store.find(realm, "Vendor", body["VendorRef"]["value"])
    own = vendor.body.get("CurrencyRef", {}).get("value", "USD") if vendor is not None else "USD"
    several = store.switches.on("multicurrency", realm)
    sent = body.get("CurrencyRef", {}).get("value")
    if several and not sent:
        raise answers.missing("CurrencyRef")
    if sent and sent != own:
        raise answers.business_rule("The currency of the transaction must be the currency of the vendor.")
    if sent and not several and sent != "USD":
        raise answers.feature_missing("Multicurrency")
    body.setdefault("CurrencyRef", {"value": own, "name": CURRENCIES[own]})


def _complete_payable_account(store: Store, realm: str, body: Body) -> None:
    """Intuit: the account is a liability of subtype AccountsPayable; with one such account it may be left out."""
    if "APAccountRef" not in body:
        payable = [a for a in store.live(realm, "Account") if a.body.get("AccountSubType") == "AccountsPayable"]
        if payable:
            body["APAccountRef"] = {"value": payable[0].id, "name": payable[0].body["FullyQualifiedName"]}
        return
    account = store.find(realm, "Account", body["APAccountRef"]["value"])
    if account is None or account.body.get("AccountSubType") != "AccountsPayable":
        raise answers.business_rule("You must select an Accounts Payable account for this transaction.")
    if account.body.get("CurrencyRef", {}).get("value", "USD") != body["CurrencyRef"]["value"]:
        raise answers.business_rule("The currency of the Accounts Payable account must be that of the transaction.")


def _complete_header(store: Store, realm: str, kind: str, body: Body) -> None:
    if "DepartmentRef" in body and not store.switches.on("location_tracking", realm):
        body.pop("DepartmentRef")
    if "ProjectRef" in body and not store.switches.on("projects_enabled", realm):
        raise answers.feature_missing("Projects")
    if kind != "Bill":
        return
    term = store.find(realm, "Term", body.get("SalesTermRef", {}).get("value", ""))
    if "DueDate" not in body:
        days = int(term.body.get("DueDays", 0)) if term is not None else 0
        body["DueDate"] = (date.fromisoformat(body["TxnDate"]) + timedelta(days=days)).isoformat()


def _complete_lines(store: Store, realm: str, body: Body, record: Record | None) -> Decimal:
    """Number the lines and add them up. Intuit: a line with a known Id is that line, any other is new."""
    known = {line["Id"] for line in record.body["Line"]} if record is not None else set()
    last = max((int(identifier) for identifier in known), default=0)
    total = NOTHING
    for position, line in enumerate(body["Line"], start=1):
        if line.get("Id") not in known:
            last += 1
            line["Id"] = str(last)
        known.discard(line["Id"])
        line["LineNum"] = position
        total += _complete_line(store, realm, line)
    body["Line"] = [{"Id": line.pop("Id"), "LineNum": line.pop("LineNum"), **line} for line in body["Line"]]
    return cents(total)


def _complete_line(store: Store, realm: str, line: Body) -> Decimal:
    kind = line.get("DetailType")
    if kind is None:
        raise answers.missing("DetailType")
    if kind == "DescriptionOnly":
        line.pop("Amount", None)
        return NOTHING
    if any(name in line for name in _DETAIL_NAMES if name != kind):
        raise answers.bad_value("DetailType", f"the detail of the line is not {kind}")
    if kind == ITEM_DETAIL and "ItemRef" not in line.get(ITEM_DETAIL, {}):
        # Intuit: such a line is documentation only, its amount does not count.
        line.pop("Amount", None)
        return NOTHING
    if "Amount" not in line:
        raise answers.missing("Amount")
    detail = line.get(kind)
    if detail is None:
        raise answers.missing(kind)
    if kind == ITEM_DETAIL:
        _check_item(store, realm, line["Amount"], detail)
    _check_detail(store, realm, line, detail)
    return Decimal(line["Amount"])


def _check_item(store: Store, realm: str, amount: Decimal, detail: Body) -> None:
    item = store.find(realm, "Item", detail["ItemRef"]["value"])
    without = item is None or not item.body.get("ExpenseAccountRef")
    if without and store.switches.text("item_without_expense_account", realm) == "6000":
        raise answers.business_rule("The item has no expense account and cannot be purchased.")
    if "Qty" in detail and "UnitPrice" in detail:
        product = cents(Decimal(detail["Qty"]) * Decimal(detail["UnitPrice"]))
        if product != cents(amount) and store.switches.text("amount_mismatch", realm) == "6070":
            raise answers.amount_mismatch()


def _check_detail(store: Store, realm: str, line: Body, detail: Body) -> None:
    switches = store.switches
    if "ClassRef" in detail and switches.text("class_tracking", realm) != "line":
        if switches.text("class_ref_when_off", realm) == "5020":
            raise answers.feature_missing("Class tracking per line")
        detail.pop("ClassRef")
    if "ProjectRef" in line and not switches.on("projects_enabled", realm):
        raise answers.feature_missing("Projects")
    if detail.get("BillableStatus") == "Billable":
        if not switches.on("billable_expenses", realm):
            raise answers.feature_missing("Billable expenses")
        if "CustomerRef" not in detail:
            raise answers.business_rule("A billable line needs a customer.")
    detail.setdefault("BillableStatus", "NotBillable")
    detail.setdefault("TaxCodeRef", {"value": "NON"})


def _check_total(store: Store, realm: str, kind: str, total: Decimal) -> None:
    if total < 0 and store.switches.text("negative_bill_total", realm) == "6000":
        raise answers.business_rule("The total of the transaction cannot be negative.")
    if total == 0 and kind == "Bill" and store.switches.text("zero_bill_total", realm) == "6000":
        raise answers.business_rule("You must set a transaction amount.")


def _check_number(
    store: Store, realm: str, kind: str, body: Body, record: Record | None, allow_duplicate_number: bool
) -> None:
    """Intuit: only a company with the preference WarnDuplicateBillNumber is protected."""
    number, switches = body.get("DocNumber"), store.switches
    if kind != "Bill" or not number or allow_duplicate_number or not switches.on("warn_duplicate_bill_number", realm):
        return
    per_company = switches.text("duplicate_scope", realm) == "company"
    exact = switches.text("duplicate_case", realm) == "exact"
    for other in store.with_number(realm, kind, number):
        same_vendor = other.body["VendorRef"]["value"] == body["VendorRef"]["value"]
        same_number = other.body["DocNumber"] == number or not exact
        if other is not record and same_number and (per_company or same_vendor):
            raise answers.duplicate_document_number(switches.text("duplicate_code", realm))
