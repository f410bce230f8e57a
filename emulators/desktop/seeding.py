"""Fills an empty ledger with the company files of a contractor's PC: lists, old bills and their payments."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from emulators.desktop import bookkeeper
from emulators.desktop.pc import Pc
from emulators.desktop.store import SEED, Body, CompanyFile, Record, Store
from emulators.shared import invented_books as books

SEEDS = ("demo", "empty")
NORTHGATE, RIDGELINE = "northgate", "ridgeline"
_FOLDER = "C:\\Users\\Public\\Documents\\Intuit\\QuickBooks\\Company Files\\"
_FILES = {
    NORTHGATE: ("Northgate Builders, Inc.", "Northgate Builders.qbw"),
    RIDGELINE: ("Ridgeline Contractors LLC", "Ridgeline Contractors.qbw"),
}
_OPENED = 1735750800.0  # 2025-01-01, when the books begin
# Each list has its own range of numbers, so that the ids of the invented books stay apart.
_RANGES = {
    "Currency": 0x001,
    "StandardTerms": 0x010,
    "Account": 0x020,
    "Class": 0x0A0,
    "ItemService": 0x0B0,
    "ItemNonInventory": 0x0B0,
    "Customer": 0x0D0,
    "Vendor": 0x150,
}
_OLD_DAYS = 20
_NON_INVENTORY = ("Materials",)


def list_id(kind: str, number: int) -> str:
    return f"{0x80000000 + _RANGES[kind] + number:X}-1600000000"


def seed(pc: Pc, name: str) -> None:
    """`demo` has lists and old bills, `empty` only accounts, terms and currencies. Northgate's file is open."""
    store = pc.store
    with store.ledger.writing():
        for file in _FILES:
            add_file(store, file, full=name != "empty")
            if name != "empty":
                _seed_bills(store, file, 30 if file == NORTHGATE else 6)
                _seed_credit(store, file)
        pc.change({"open_file": NORTHGATE, "running": True, "modal": False, "denied": False, "hresult": ""})
        store.ledger.set_setting("seeded_by_event", store.ledger.append("seeded", "", {"seed": name}))


def add_file(store: Store, name: str, company: str = "", *, full: bool = True) -> CompanyFile:
    """One more company file with the lists of Northgate, or Ridgeline's own."""
    if name in store.files:
        raise ValueError("There is such a company file already.")
    title, path = _FILES.get(name, (company or name.title(), f"{company or name.title()}.qbw"))
    file = store.add_file(CompanyFile(name, f"{_FOLDER}{path}", title))
    _seed_lists(store, name, full, first=name != RIDGELINE)
    return file


def _add(store: Store, file: str, kind: str, number: int, body: Body) -> None:
    store.insert(file, kind, body, SEED, list_id(kind, number), _OPENED)


def _seed_lists(store: Store, file: str, full: bool, *, first: bool) -> None:
    for number, name in enumerate(("US Dollar", "Canadian Dollar"), start=1):
        _add(store, file, "Currency", number, {"Name": name, "IsActive": True})
    dollars = list_id("Currency", 1)
    for number, code, name, kind, _ in books.ACCOUNTS if first else books.RIDGELINE_ACCOUNTS:
        body: Body = _entry(name, active=number not in books.INACTIVE_ACCOUNTS)
        kind = "".join(f"{word[:1].upper()}{word[1:]}" for word in kind.split())
        _add(
            store, file, "Account", number, body | {"AccountType": kind, "AccountNumber": code, "CurrencyRef": dollars}
        )
    for number, name, days in books.TERMS:
        facts = {"StdDueDays": str(days), "StdDiscountDays": "0", "DiscountPct": "0"}
        _add(store, file, "StandardTerms", number, {"Name": name, "IsActive": True, **facts})
    if not full:
        return
    for number, name in books.CLASSES:
        _add(store, file, "Class", number, _entry(name, active=number not in books.INACTIVE_CLASSES))
    for number, name, expense in books.ITEMS if first else books.RIDGELINE_ITEMS:
        _seed_item(store, file, number, name, expense)
    for number, name, parent, _ in books.CUSTOMERS if first else books.RIDGELINE_CUSTOMERS:
        _seed_customer(store, file, number, name, parent)
    for number, name, mail, terms in books.VENDORS if first else books.RIDGELINE_VENDORS:
        _add(store, file, "Vendor", number, _vendor(number, name, mail, terms))


def _entry(name: str, *, active: bool = True) -> Body:
    return {"Name": name, "FullName": name, "IsActive": active, "Sublevel": "0"}


def _seed_item(store: Store, file: str, number: int, name: str, expense: int | None) -> None:
    body = _entry(name, active=number not in books.INACTIVE_ITEMS)
    income = list_id("Account", 42)
    if expense is None:
        body["SalesOrPurchase"] = {"Price": "0.00", "AccountRef": income}
    else:
        sides = {"SalesPrice": "0.00", "IncomeAccountRef": income, "PurchaseCost": "0.00"}
        body["SalesAndPurchase"] = {**sides, "ExpenseAccountRef": list_id("Account", expense)}
    _add(store, file, "ItemNonInventory" if name in _NON_INVENTORY else "ItemService", number, body)


def _seed_customer(store: Store, file: str, number: int, name: str, parent: int | None) -> None:
    body = _entry(name, active=number not in books.INACTIVE_CUSTOMERS) | {"CurrencyRef": list_id("Currency", 1)}
    owner = store.find(file, list_id("Customer", parent)) if parent is not None else None
    if owner is not None:
        body |= {"ParentRef": owner.id, "Sublevel": "1", "FullName": f"{owner.name}:{name}", "JobStatus": "InProgress"}
    _add(store, file, "Customer", number, body)


def _vendor(number: int, name: str, mail: str, terms: int) -> Body:
    address = {"Addr1": f"{100 + number * 7} Industrial Avenue", "City": "Portland", "State": "OR"}
    return {
        "Name": name,
        "IsActive": number not in books.INACTIVE_VENDORS,
        "CompanyName": name,
        "VendorAddress": {**address, "PostalCode": "97210"},
        "Phone": f"(503) 555-01{number % 100:02d}",
        "Email": f"billing@{mail}.example",
        "NameOnCheck": name,
        "AccountNumber": f"NB-{number:04d}",
        "TermsRef": list_id("StandardTerms", terms),
        "IsVendorEligibleFor1099": False,
        "CurrencyRef": list_id("Currency", 1),
    }


def _seed_bills(store: Store, file: str, count: int) -> None:
    """Old bills of the last months; two thirds are paid, some half paid."""
    chance = random.Random(file)
    vendors = [record for record in store.live(file, "Vendor") if record.active]
    jobs = [record.id for record in store.live(file, "Customer") if record.body.get("ParentRef")]
    today = date.fromisoformat(store.today())
    for position in range(count):
        day = today - timedelta(days=(count - position) * 5 + _OLD_DAYS)
        amount = Decimal(chance.randrange(400_00, 48_000_00)) / 100
        lines = [_line("Work in place", amount, 80, chance.choice(jobs))]
        if position % 3 == 0:
            lines.append(_line("Retention 10%", -(amount / 10), 92, lines[0]["customer_id"]))
        facts = {
            "vendor_id": vendors[position % len(vendors)].id,
            "doc_number": f"{1000 + position * 7}",
            "txn_date": day.isoformat(),
            "private_note": "Entered from paper invoice",
            "lines": lines,
        }
        bill = bookkeeper.typed_in(store, file, "Bill", facts, SEED)
        if position % 3 < 2:
            share = Decimal(2) if position % 7 == 6 else Decimal(1)
            half = (bookkeeper.open_amount(store, file, bill) / share).quantize(Decimal("0.01"))
            parts = [{"id": bill.id, "amount": f"{half:.2f}"}]
            payment = bookkeeper.pay(store, file, {"bills": parts, "txn_date": day.isoformat()}, SEED)
            _backdate(store, file, payment, day)
        _backdate(store, file, bill, day)


def _seed_credit(store: Store, file: str) -> None:
    """One open vendor credit for returned material."""
    day = date.fromisoformat(store.today()) - timedelta(days=40)
    jobs = [record.id for record in store.live(file, "Customer") if record.body.get("ParentRef")]
    facts = {
        "vendor_id": list_id("Vendor", 47),
        "doc_number": "CM-204",
        "txn_date": day.isoformat(),
        "private_note": "Returned formwork",
        "lines": [_line("Returned formwork", Decimal("640.00"), 81, jobs[0])],
    }
    _backdate(store, file, bookkeeper.typed_in(store, file, "VendorCredit", facts, SEED), day)


def _line(text: str, amount: Decimal, account: int, job: str) -> Body:
    rounded = amount.quantize(Decimal("0.01"))
    return {
        "description": text,
        "amount": f"{rounded:.2f}",
        "account_id": list_id("Account", account),
        "customer_id": job,
    }


def _backdate(store: Store, file: str, record: Record, day: date) -> None:
    """The record looks as old as its date."""
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=store.zone).timestamp()
    record.created = record.modified = moment
    record.edit = int(moment)
    store.rewrite(file, record, record.body, "modified", SEED)
