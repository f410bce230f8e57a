"""Fills an empty ledger with companies: lists, old bills and their payments."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from emulators.intuit import payments
from emulators.intuit import seed_lists as lists
from emulators.intuit.bills import save_bill
from emulators.intuit.entities import save_list_object
from emulators.intuit.store import PACIFIC, Body, Origin, Store

SEED = Origin("seed")
SEEDS = ("demo", "empty", "many")
_OPENED = 1735750800.0  # 2025-01-01, when the books of the companies begin


def seed(store: Store, name: str, companies: int = 0) -> None:
    """`demo` has lists and old bills, `empty` only a chart of accounts and terms; `many` is `demo` with six companies.

    `companies` asks for another number than two, or six.
    """
    wanted = companies or (6 if name == "many" else 2)
    with store.ledger.writing():
        for realm, title in lists.COMPANIES.items():
            _fill(store, realm, title, name != "empty")
            if name != "empty":
                _seed_bills(store, realm, 30 if realm == lists.NORTHGATE else 6)
                _seed_credit(store, realm)
        for _ in range(wanted - len(lists.COMPANIES)):
            add_company(store, full=name != "empty")
        # Ids start again after a reset; what happened before belongs to other objects.
        told = {"seed": name, "companies": wanted}
        store.ledger.set_setting("seeded_by_event", store.ledger.append("seeded", "", told))


def add_company(store: Store, title: str = "", realm: str = "", full: bool = True) -> str:
    """One more company, with the lists of the first and no bills; answer its realm."""
    realm = realm or str(max(int(known) for known in (*store.realms(), lists.NORTHGATE)) + 1)
    if realm in store.realms() or not realm.isdigit():
        raise ValueError("The realm is a number that no company has yet.")
    position = len(store.realms()) - len(lists.COMPANIES)
    names = lists.MORE_COMPANIES
    with store.ledger.writing():
        _fill(store, realm, title or f"{names[position % len(names)]}{' II' * (position // len(names))}", full)
    return realm


def _fill(store: Store, realm: str, title: str, full: bool) -> None:
    _seed_company(store, realm, title)
    _seed_lists(store, realm, full)


def _seed_company(store: Store, realm: str, title: str) -> None:
    address = {
        "Line1": "88 Ridge Road" if realm == lists.RIDGELINE else "1200 Foundry Way",
        "City": "Portland",
        "CountrySubDivisionCode": "OR",
        "PostalCode": "97209",
        "Country": "USA",
    }
    body: Body = {
        "CompanyName": title,
        "LegalName": title,
        "CompanyAddr": address,
        "LegalAddr": address,
        "CompanyStartDate": "2025-01-01",
        "FiscalYearStartMonth": "January",
        "Country": "US",
        "Email": {"Address": "office@ridgeline.example" if realm == lists.RIDGELINE else "books@northgate.example"},
        "SupportedLanguages": "en",
        "NameValue": [
            {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
            {"Name": "IndustryType", "Value": "Construction"},
        ],
    }
    store.insert(realm, "CompanyInfo", body, SEED, "1", _OPENED)


def _add(store: Store, realm: str, kind: str, identifier: int, body: Body) -> None:
    """A list object with a fixed id: made like any other, then moved to its id."""
    store.insert(realm, kind, body, SEED, str(identifier), _OPENED)


def _seed_lists(store: Store, realm: str, full: bool) -> None:
    first = realm != lists.RIDGELINE
    dollars = {"value": "USD", "name": "United States Dollar"}
    for number, code, name, kind, subtype in lists.ACCOUNTS if first else lists.RIDGELINE_ACCOUNTS:
        body: Body = {"Name": name, "AcctNum": code, "AccountType": kind, "AccountSubType": subtype}
        body |= {"FullyQualifiedName": name, "SubAccount": False, "Active": number not in lists.INACTIVE_ACCOUNTS}
        body |= {"Classification": _classification(kind), "CurrencyRef": dollars}
        _add(store, realm, "Account", number, body | {"CurrentBalance": 0, "CurrentBalanceWithSubAccounts": 0})
    for number, name, days in lists.TERMS:
        _add(store, realm, "Term", number, {"Name": name, "Active": True, "Type": "STANDARD", "DueDays": days})
    if not full:
        return
    for number, name in lists.CLASSES:
        _add(
            store, realm, "Class", number, {"Name": name, "FullyQualifiedName": name, "SubClass": False, "Active": True}
        )
    for number, name in lists.DEPARTMENTS:
        body = {"Name": name, "FullyQualifiedName": name, "SubDepartment": False, "Active": True}
        _add(store, realm, "Department", number, body)
    for number, name, expense in lists.ITEMS if first else lists.RIDGELINE_ITEMS:
        _add(store, realm, "Item", number, _item(name, expense))
    for number, name, parent, project in lists.CUSTOMERS if first else lists.RIDGELINE_CUSTOMERS:
        _add(store, realm, "Customer", number, _customer(store, realm, name, parent, project))
    for number, name, mail, terms in lists.VENDORS if first else lists.RIDGELINE_VENDORS:
        _add(store, realm, "Vendor", number, _vendor(number, name, mail, terms))
    if first:
        _inactivate(store, realm)


def _inactivate(store: Store, realm: str) -> None:
    for kind, numbers in (
        ("Vendor", lists.INACTIVE_VENDORS),
        ("Customer", lists.INACTIVE_CUSTOMERS),
        ("Item", lists.INACTIVE_ITEMS),
        ("Class", lists.INACTIVE_CLASSES),
    ):
        for number in numbers:
            sent = {"Id": str(number), "SyncToken": "0", "sparse": True, "Active": False}
            store.backdate(save_list_object(store, realm, kind, sent, SEED), _OPENED)


def _classification(account_type: str) -> str:
    if account_type in ("Bank", "Accounts Receivable", "Other Current Asset", "Fixed Asset", "Other Asset"):
        return "Asset"
    if account_type in ("Accounts Payable", "Credit Card", "Other Current Liability", "Long Term Liability"):
        return "Liability"
    return {"Equity": "Equity", "Income": "Revenue", "Other Income": "Revenue"}.get(account_type, "Expense")


def _item(name: str, expense: int | None) -> Body:
    body: Body = {
        "Name": name,
        "FullyQualifiedName": name,
        "Active": True,
        "Type": "Service",
        "Taxable": False,
        "UnitPrice": 0,
        "TrackQtyOnHand": False,
        "IncomeAccountRef": {"value": "42", "name": "Contract Revenue"},
    }
    if expense is not None:
        account = next(a for a in lists.ACCOUNTS if a[0] == expense)
        body["ExpenseAccountRef"] = {"value": str(expense), "name": account[2]}
        body["PurchaseCost"] = 0
    return body


def _customer(store: Store, realm: str, name: str, parent: int | None, project: bool) -> Body:
    body: Body = {
        "DisplayName": name,
        "FullyQualifiedName": name,
        "PrintOnCheckName": name,
        "Active": True,
        "Job": parent is not None,
        "BillWithParent": False,
        "IsProject": project,
        "Balance": 0,
        "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
    }
    owner = store.find(realm, "Customer", str(parent)) if parent is not None else None
    if owner is not None:
        above = owner.body["DisplayName"]
        body |= {"ParentRef": {"value": str(parent)}, "Level": 1, "FullyQualifiedName": f"{above}:{name}"}
    return body


def _vendor(number: int, name: str, mail: str, terms: int) -> Body:
    return {
        "DisplayName": name,
        "CompanyName": name,
        "PrintOnCheckName": name,
        "Active": True,
        "Vendor1099": False,
        "AcctNum": f"NB-{number:04d}",
        "TermRef": {"value": str(terms)},
        "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
        "PrimaryEmailAddr": {"Address": f"billing@{mail}.example"},
        "PrimaryPhone": {"FreeFormNumber": f"(503) 555-01{number % 100:02d}"},
        "BillAddr": {
            "Line1": f"{100 + number * 7} Industrial Avenue",
            "City": "Portland",
            "CountrySubDivisionCode": "OR",
            "PostalCode": "97210",
        },
    }


def _seed_bills(store: Store, realm: str, count: int) -> None:
    """Old bills of the last months; two thirds are paid, some half paid."""
    chance = random.Random(realm)
    vendors = [record for record in store.live(realm, "Vendor") if record.active]
    jobs = [record.id for record in store.live(realm, "Customer") if record.body.get("Job")]
    today = date.fromisoformat(store.today())
    for position in range(count):
        vendor = vendors[position % len(vendors)]
        day = today - timedelta(days=(count - position) * 5 + 20)
        amount = Decimal(chance.randrange(400_00, 48_000_00)) / 100
        job = {"value": chance.choice(jobs)}
        sent: Body = {
            "VendorRef": {"value": vendor.id},
            "APAccountRef": {"value": "33"},
            "DocNumber": f"{1000 + position * 7}",
            "TxnDate": day.isoformat(),
            "SalesTermRef": vendor.body["TermRef"],
            "PrivateNote": "Entered from paper invoice",
            "Line": [_bill_line("Work in place", amount, "80", job)],
        }
        if position % 3 == 0:
            sent["Line"].append(_bill_line("Retention 10%", -(amount / 10), "92", job))
        bill = save_bill(store, realm, "Bill", sent, SEED)
        if position % 3 < 2:
            share = Decimal(2) if position % 7 == 6 else Decimal(1)
            payment = payments.pay_bill(store, bill, (bill.body["TotalAmt"] / share).quantize(Decimal("0.01")), SEED)
            store.backdate(payment, _noon(day))
        store.backdate(bill, _noon(day))


def _seed_credit(store: Store, realm: str) -> None:
    """One open vendor credit for returned material."""
    day = date.fromisoformat(store.today()) - timedelta(days=40)
    sent: Body = {
        "VendorRef": {"value": "47"},
        "DocNumber": "CM-204",
        "TxnDate": day.isoformat(),
        "PrivateNote": "Returned formwork",
        "Line": [_bill_line("Returned formwork", Decimal("640.00"), "81", {"value": "61"})],
    }
    store.backdate(save_bill(store, realm, "VendorCredit", sent, SEED), _noon(day))


def _noon(day: date) -> float:
    return datetime(day.year, day.month, day.day, 12, tzinfo=PACIFIC).timestamp()


def _bill_line(text: str, amount: Decimal, account: str, job: Body) -> Body:
    detail = {"AccountRef": {"value": account}, "CustomerRef": job, "BillableStatus": "NotBillable"}
    kind = "AccountBasedExpenseLineDetail"
    return {"Description": text, "Amount": amount, "DetailType": kind, kind: detail}
