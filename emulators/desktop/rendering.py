"""How QuickBooks shows what it holds: …Ret elements in the order of its schema (qbd.md 2.3, 2.4)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from emulators.desktop.store import PAYMENTS, ZERO, Record, Store

_STAMPS = ("TimeCreated", "TimeModified", "EditSequence")
_ENTRY = ("ListID", *_STAMPS, "Name", "FullName", "IsActive", "ParentRef", "Sublevel")
_ADDRESS = ("Addr1", "Addr2", "Addr3", "Addr4", "Addr5", "City", "State", "PostalCode", "Country", "Note")
_EXPENSE_LINE = ("TxnLineID", "AccountRef", "Amount", "Memo", "CustomerRef", "ClassRef", "BillableStatus")
_ITEM_LINE = (
    "TxnLineID",
    "ItemRef",
    "Desc",
    "Quantity",
    "UnitOfMeasure",
    "Cost",
    "Amount",
    "CustomerRef",
    "ClassRef",
    "BillableStatus",
)
_PAYMENT = ("TxnID", *_STAMPS, "TxnNumber", "PayeeEntityRef", "APAccountRef", "TxnDate")
_ITEM = ("ListID", *_STAMPS, "Name", "FullName", "IsActive", "ParentRef", "Sublevel", "SalesOrPurchase")

ORDERS: dict[str, tuple[str, ...]] = {
    "Account": (*_ENTRY, "AccountType", "SpecialAccountType", "AccountNumber", "Desc", "Balance", "TotalBalance",
                "CurrencyRef"),
    "Class": _ENTRY,
    "Customer": (*_ENTRY, "CompanyName", "Balance", "TotalBalance", "JobStatus", "CurrencyRef"),
    "ItemNonInventory": (*_ITEM, "SalesAndPurchase"),
    "ItemService": (*_ITEM, "SalesAndPurchase"),
    "StandardTerms": ("ListID", *_STAMPS, "Name", "IsActive", "StdDueDays", "StdDiscountDays", "DiscountPct"),
    "Vendor": ("ListID", *_STAMPS, "Name", "IsActive", "ClassRef", "CompanyName", "Salutation", "FirstName",
               "MiddleName", "LastName", "Suffix", "JobTitle", "VendorAddress", "ShipAddress", "Phone", "Mobile",
               "Pager", "AltPhone", "Fax", "Email", "Cc", "Contact", "AltContact", "NameOnCheck", "AccountNumber",
               "Notes", "TermsRef", "CreditLimit", "VendorTaxIdent", "IsVendorEligibleFor1099", "Balance",
               "ExternalGUID", "PrefillAccountRef", "CurrencyRef"),
    "Bill": ("TxnID", *_STAMPS, "TxnNumber", "VendorRef", "VendorAddress", "APAccountRef", "TxnDate", "DueDate",
             "AmountDue", "CurrencyRef", "ExchangeRate", "AmountDueInHomeCurrency", "RefNumber", "TermsRef", "Memo",
             "IsPaid", "ExternalGUID", "LinkedTxn", "ExpenseLineRet", "ItemLineRet", "OpenAmount"),
    "VendorCredit": ("TxnID", *_STAMPS, "TxnNumber", "VendorRef", "APAccountRef", "TxnDate", "CreditAmount",
                     "CurrencyRef", "ExchangeRate", "CreditAmountInHomeCurrency", "RefNumber", "Memo", "ExternalGUID",
                     "LinkedTxn", "ExpenseLineRet", "ItemLineRet", "OpenAmount"),
    "BillPaymentCheck": (*_PAYMENT, "BankAccountRef", "Amount", "RefNumber", "Memo", "AppliedToTxnRet"),
    "BillPaymentCreditCard": (*_PAYMENT, "CreditCardAccountRef", "Amount", "RefNumber", "Memo", "AppliedToTxnRet"),
}  # fmt: skip
_INNER: dict[str, tuple[str, ...]] = {
    "VendorAddress": _ADDRESS,
    "ShipAddress": _ADDRESS,
    "ExpenseLineRet": _EXPENSE_LINE,
    "ItemLineRet": _ITEM_LINE,
    "LinkedTxn": ("TxnID", "TxnType", "TxnDate", "RefNumber", "LinkType", "Amount"),
    "AppliedToTxnRet": ("TxnID", "TxnType", "TxnDate", "RefNumber", "BalanceRemaining", "Amount"),
    "SalesOrPurchase": ("Desc", "Price", "AccountRef"),
    "SalesAndPurchase": (
        "SalesDesc",
        "SalesPrice",
        "IncomeAccountRef",
        "PurchaseDesc",
        "PurchaseCost",
        "ExpenseAccountRef",
    ),
}


def money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def total_of(record: Record) -> Decimal:
    """What a bill or a vendor credit is about."""
    lines = (*record.body.get("ExpenseLines", ()), *record.body.get("ItemLines", ()))
    return sum((Decimal(line["Amount"]) for line in lines), ZERO)


def open_of(store: Store, file: str, record: Record) -> Decimal:
    """What is still to pay of a bill, or to use of a credit."""
    if record.kind == "VendorCredit":
        return total_of(record) - sum((Decimal(part["Amount"]) for part in record.body.get("Applied", ())), ZERO)
    return total_of(record) - sum((amount for _, amount in store.links(file).of(record.id)), ZERO)


def vendor_balance(store: Store, file: str, vendor: str) -> Decimal:
    """Open bills less open credits."""
    links = store.links(file)
    if links.balances is None:
        links.balances = {}
        for kind, sign in (("Bill", 1), ("VendorCredit", -1)):
            for record in store.live(file, kind):
                owner = record.body["VendorRef"]
                links.balances[owner] = links.balances.get(owner, ZERO) + sign * open_of(store, file, record)
    return links.balances.get(vendor, ZERO)


def ret(store: Store, file: str, record: Record, *, lines: bool = True, linked: bool = False) -> Element:
    """The …Ret element of a record."""
    values = {**record.body, **_computed(store, file, record), **_stamps(store, record)}
    if record.kind in ("Bill", "VendorCredit"):
        if lines:
            values |= {"ExpenseLineRet": record.body["ExpenseLines"], "ItemLineRet": record.body["ItemLines"]}
        if linked:
            values["LinkedTxn"] = _linked(store, file, record)
    if record.kind in PAYMENTS and lines:
        values["AppliedToTxnRet"] = _applied(store, file, record)
    element = Element(f"{record.kind}Ret")
    _fill(store, file, element, ORDERS[record.kind], values)
    return element


def _stamps(store: Store, record: Record) -> dict[str, Any]:
    key = "TxnID" if record.kind in ("Bill", "VendorCredit", *PAYMENTS) else "ListID"
    return {
        key: record.id,
        "TimeCreated": store.moment(record.created),
        "TimeModified": store.moment(record.modified),
        "EditSequence": record.edit_sequence,
    }


def _computed(store: Store, file: str, record: Record) -> dict[str, Any]:
    if record.kind == "Bill":
        total, left = total_of(record), open_of(store, file, record)
        values = {"AmountDue": money(total), "IsPaid": left <= 0, **_currency(store, file, record, total)}
        shown = store.switches["open_amount"]
        if shown != "missing":
            left = vendor_balance(store, file, record.body["VendorRef"]) if shown == "vendor_balance" else left
            values["OpenAmount"] = money(left)
        return values
    if record.kind == "VendorCredit":
        total = total_of(record)
        shown = {"CreditAmount": money(total), "OpenAmount": money(open_of(store, file, record))}
        return {**shown, **_currency(store, file, record, total)}
    if record.kind == "Vendor":
        balance = {"Balance": money(vendor_balance(store, file, record.id))}
    elif record.kind in ("Account", "Customer"):
        balance = {"Balance": "0.00", "TotalBalance": "0.00"}
    else:
        return {}
    return balance if store.file(file).multicurrency else {"CurrencyRef": "", **balance}


def _currency(store: Store, file: str, record: Record, total: Decimal) -> dict[str, Any]:
    vendor = store.find(file, record.body["VendorRef"])
    if not store.file(file).multicurrency or vendor is None:
        return {"ExchangeRate": ""}
    rate = Decimal(record.body.get("ExchangeRate") or "1")
    name = "AmountDueInHomeCurrency" if record.kind == "Bill" else "CreditAmountInHomeCurrency"
    shown = {"CurrencyRef": vendor.body.get("CurrencyRef", ""), "ExchangeRate": f"{rate.normalize():f}"}
    return {**shown, name: money(total * rate)}


def _linked(store: Store, file: str, record: Record) -> list[dict[str, Any]]:
    """Payments and credits on a bill count against it; bills on a credit too."""
    if record.kind == "Bill":
        pairs = store.links(file).of(record.id)
    else:
        found = ((store.find(file, part["TxnID"]), part["Amount"]) for part in record.body.get("Applied", ()))
        pairs = [(other, Decimal(amount)) for other, amount in found if other is not None]
    return [
        {
            "TxnID": other.id,
            "TxnType": other.kind,
            "TxnDate": other.body["TxnDate"],
            "RefNumber": other.body.get("RefNumber", ""),
            "LinkType": "AMTTYPE",
            "Amount": money(-amount),
        }
        for other, amount in pairs
    ]


def _applied(store: Store, file: str, record: Record) -> list[dict[str, Any]]:
    shown = []
    for part in record.body.get("Applied", ()):
        bill = store.find(file, part["TxnID"])
        if bill is None:
            continue
        facts = {"TxnType": bill.kind, "TxnDate": bill.body["TxnDate"], "RefNumber": bill.body.get("RefNumber", "")}
        left = money(max(open_of(store, file, bill), ZERO))
        shown.append({"TxnID": bill.id, **facts, "BalanceRemaining": left, "Amount": part["Amount"]})
    return shown


def _fill(store: Store, file: str, parent: Element, order: Iterable[str], values: dict[str, Any]) -> None:
    for name in order:
        value = values.get(name)
        if value in (None, "", [], {}):
            continue
        for each in value if isinstance(value, list) else [value]:
            if name.endswith("Ref"):
                _reference(store, file, parent, name, str(each))
            elif isinstance(each, dict):
                _fill(store, file, SubElement(parent, name), _INNER[name], each)
            elif isinstance(each, bool):
                SubElement(parent, name).text = "true" if each else "false"
            else:
                SubElement(parent, name).text = str(each)


def _reference(store: Store, file: str, parent: Element, name: str, identifier: str) -> None:
    element = SubElement(parent, name)
    SubElement(element, "ListID").text = identifier
    record = store.find(file, identifier)
    if record is not None:
        SubElement(element, "FullName").text = record.name


def only(element: Element, wanted: list[str]) -> Element:
    """What IncludeRetElement leaves."""
    for child in list(element):
        if wanted and child.tag not in wanted:
            element.remove(child)
    return element


def document(root: Element) -> str:
    """The text of a response: one element a line, no encoding in the declaration (qbd.md 1.2)."""
    _break_lines(root)
    return f'<?xml version="1.0" ?>\n{tostring(root, encoding="unicode")}\n'


def _break_lines(element: Element) -> None:
    if len(element):
        element.text = "\n"
        for child in element:
            _break_lines(child)
            child.tail = "\n"
