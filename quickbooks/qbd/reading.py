"""What QuickBooks Desktop shows, in the house's words. An element that is missing is empty; nothing raises for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation

from accounting.backends import Books, Done, InBooks
from accounting.books import Applied, BillShown, Entry, PaymentShown
from accounting.models import Bill, ListEntry
from qbd.document import ENTITY
from qbd.qbxml import Answers, Element
from qbd.queries import DELETED_ENTRIES, PAYMENTS

CENT = Decimal("0.01")
Kind = ListEntry.Kind
KINDS = {name: kind for kind, name in ENTITY.items()}
TOTALS: dict[str, str] = {Bill.Kind.BILL: "AmountDue", Bill.Kind.VENDOR_CREDIT: "CreditAmount"}
METHODS = {f"{name}Ret": method for method, name in PAYMENTS.items()}
HOW = {"check": "Check", "credit_card": "Credit card"}
PAYS = frozenset({*PAYMENTS.values(), "VendorCredit"})
# Linked to a bill, and no payment of it.
ORDERS = frozenset({"PurchaseOrder", "ItemReceipt", "SalesOrder", "Estimate"})


# --- lists ------------------------------------------------------------------------------------------------------------
# A bill line in one of these would be booked as something else, or refused.
NOT_ON_LINES = frozenset({"AccountsPayable", "AccountsReceivable", "NonPosting"})
# Where the kinds of items keep the account that a purchase goes to.
ITEM_ACCOUNTS = (
    "SalesAndPurchase/ExpenseAccountRef",
    "SalesOrPurchase/AccountRef",
    "COGSAccountRef",
    "AssetAccountRef",
)
# QuickBooks Desktop has names where others have codes.
CURRENCIES = {
    "US Dollar": "USD",
    "Canadian Dollar": "CAD",
    "Australian Dollar": "AUD",
    "New Zealand Dollar": "NZD",
    "British Pound Sterling": "GBP",
    "British Pound": "GBP",
    "Euro": "EUR",
    "Mexican Peso": "MXN",
    "Japanese Yen": "JPY",
    "Swiss Franc": "CHF",
    "Chinese Yuan Renminbi": "CNY",
    "Indian Rupee": "INR",
}
HOMES = {"US": "USD", "CA": "CAD", "UK": "GBP", "AU": "AUD"}


def entries(kind: str, rets: Iterable[Element]) -> list[Entry]:
    """The entries of a list. One without an id or a name is left out: a bill could not name it."""
    found = (_entry(kind, ret) for ret in rets)
    return [entry for entry in found if entry.external_id and entry.name]


def _entry(kind: str, ret: Element) -> Entry:
    return Entry(
        external_id=_of(ret, "ListID"),
        name=_of(ret, "FullName") or _of(ret, "Name"),
        active=_of(ret, "IsActive") != "false",
        subtype=_subtype(kind, ret),
        currency=CURRENCIES.get(_of(ret, "CurrencyRef/FullName"), "") if kind == Kind.VENDOR else "",
        is_usable=_is_usable(kind, ret),
    )


def _subtype(kind: str, ret: Element) -> str:
    if kind == Kind.ACCOUNT:
        return _of(ret, "AccountType")
    if kind == Kind.ITEM:
        return str(ret.tag).removeprefix("Item").removesuffix("Ret")
    if kind == Kind.CUSTOMER:
        return "Job" if ret.find("ParentRef") is not None else "Customer"
    return ""


def _is_usable(kind: str, ret: Element) -> bool:
    if kind == Kind.ACCOUNT:
        return _of(ret, "AccountType") not in NOT_ON_LINES
    return kind != Kind.ITEM or any(_of(ret, f"{place}/ListID") for place in ITEM_ACCOUNTS)


def gone_entries(rets: Iterable[Element]) -> dict[str, list[str]]:
    """Deleted entries by list."""
    found: dict[str, list[str]] = {}
    for ret in rets:
        kind, gone = DELETED_ENTRIES.get(_of(ret, "ListDelType")), _of(ret, "ListID")
        if kind and gone:
            found.setdefault(kind, []).append(gone)
    return found


# --- bills and vendor credits -----------------------------------------------------------------------------------------
def kind_of(ret: Element) -> str:
    """Which kind of document a Ret is. Raises KeyError for one that is neither bill nor vendor credit."""
    return KINDS[ret.tag.removesuffix("Ret")]


def bill_shown(ret: Element, zone: tzinfo | None = None) -> BillShown | None:
    """As written there. None without an id or a date; a voided one totals nothing.

    `zone` is the PC's own, for times that come without an offset.
    """
    kind, day = kind_of(ret), _day(ret, "TxnDate")
    if not _of(ret, "TxnID") or day is None:
        return None
    return BillShown(
        kind=kind,
        external_id=_of(ret, "TxnID"),
        vendor_id=_of(ret, "VendorRef/ListID"),
        vendor_name=_of(ret, "VendorRef/FullName"),
        number=_of(ret, "RefNumber"),
        date=day,
        total=_amount(ret, TOTALS[kind]),
        balance=balance(ret),
        memo=_of(ret, "Memo"),
        sync_token=_of(ret, "EditSequence"),
        changed_at=moment(_of(ret, "TimeModified"), zone),
        payments=_payments(kind, ret),
    )


def balance(ret: Element) -> Decimal:
    """What is still open: the total and what is linked to it. Never OpenAmount, which may be the vendor's.

    Only where linked transactions were asked for; a bill says itself when it is paid.
    """
    total = _amount(ret, TOTALS[kind_of(ret)])
    if _of(ret, "IsPaid") == "true":
        return Decimal("0.00")
    # Written with a minus; told by the size, so that nothing ever adds to what is owed.
    linked = sum((abs(_amount(link, "Amount")) for link in _links(ret)), Decimal("0.00"))
    return max(total - linked, Decimal("0.00"))


def _links(ret: Element) -> list[Element]:
    return [
        link
        for link in ret.findall("LinkedTxn")
        if _of(link, "TxnType") not in ORDERS and _of(link, "LinkType") in ("", "AMTTYPE")
    ]


def _payments(kind: str, ret: Element) -> tuple[str, ...]:
    """A vendor credit that was applied is its own payment: QuickBooks Desktop makes no other for it."""
    ids = [_of(link, "TxnID") for link in _links(ret) if _of(link, "TxnType") in PAYS]
    if kind == Bill.Kind.VENDOR_CREDIT and _applied_bills(ret):
        ids.append(_of(ret, "TxnID"))
    return tuple(dict.fromkeys(one for one in ids if one))


def in_books(ret: Element, *, marker: str, guid: str = "") -> InBooks | None:
    """As `accounting` compares it: a vendor credit is what is owed with a minus."""
    shown = bill_shown(ret)
    if shown is None:
        return None
    sign = -1 if shown.kind == Bill.Kind.VENDOR_CREDIT else 1
    return InBooks(
        external_id=shown.external_id,
        number=shown.number,
        vendor_name=shown.vendor_name,
        total=sign * shown.total,
        balance=sign * shown.balance,
        date=shown.date,
        sync_token=shown.sync_token,
        is_ours=is_ours(ret, marker=marker, guid=guid),
        note=shown.memo,
        vendor_id=shown.vendor_id,
    )


def is_ours(ret: Element, *, marker: str, guid: str = "") -> bool:
    """By the id we gave it, which nobody can edit, or by the mark in its memo."""
    return bool(guid and _of(ret, "ExternalGUID").upper() == guid.upper()) or marker in _of(ret, "Memo")


def done(ret: Element) -> Done | None:
    """A bill that was made or changed, as it was shown then; None when the answer does not say what it totals."""
    kind, total = kind_of(ret), _decimal(_of(ret, TOTALS[kind_of(ret)]))
    if not _of(ret, "TxnID") or total is None:
        return None
    return Done(
        external_id=_of(ret, "TxnID"),
        total=-total if kind == Bill.Kind.VENDOR_CREDIT else total,
        number=_of(ret, "RefNumber"),
        sync_token=_of(ret, "EditSequence"),
        vendor_id=_of(ret, "VendorRef/ListID"),
    )


@dataclass(frozen=True, slots=True)
class Recovered:
    """What an answer that is told once more still says of what was made."""

    external_id: str
    sync_token: str
    guid: str


def recovered(recovery: Element | None) -> Recovered | None:
    external_id = (_of(recovery, "TxnID") or _of(recovery, "ListID")) if recovery is not None else ""
    if not external_id:
        return None
    return Recovered(external_id, _of(recovery, "EditSequence"), _of(recovery, "ExternalGUID"))


# --- payments ---------------------------------------------------------------------------------------------------------
def payment_shown(ret: Element) -> PaymentShown | None:
    """A check or credit card payment of bills; one that was voided pays nothing. None without an id or a date."""
    method, day, number = METHODS[ret.tag], _day(ret, "TxnDate"), _of(ret, "RefNumber")
    if not _of(ret, "TxnID") or day is None:
        return None
    applied = [
        Applied(KINDS[_of(part, "TxnType")], _of(part, "TxnID"), abs(_amount(part, "Amount")))
        for part in ret.findall("AppliedToTxnRet")
        if _of(part, "TxnType") in KINDS and _of(part, "TxnID") and _amount(part, "Amount")
    ]
    return PaymentShown(
        external_id=_of(ret, "TxnID"),
        date=day,
        how=f"{HOW[method]} {number}".strip(),
        total=_amount(ret, "Amount"),
        applied=tuple(applied),
        method=method,
        number=number,
    )


def credit_as_payment(ret: Element) -> PaymentShown | None:
    """A vendor credit that was applied to bills, as their payment: no money moved. None when it was not applied."""
    bills, day, number = _applied_bills(ret), _day(ret, "TxnDate"), _of(ret, "RefNumber")
    if not bills or day is None:
        return None
    used = Applied(Bill.Kind.VENDOR_CREDIT, _of(ret, "TxnID"), sum((bill.amount for bill in bills), Decimal(0)))
    how = f"Vendor credit {number}".strip()
    return PaymentShown(_of(ret, "TxnID"), day, how, Decimal("0.00"), (*bills, used), number=number)


def _applied_bills(ret: Element) -> list[Applied]:
    return [
        Applied(Bill.Kind.BILL, _of(link, "TxnID"), abs(_amount(link, "Amount")))
        for link in _links(ret)
        if _of(link, "TxnType") == ENTITY[Bill.Kind.BILL] and _of(link, "TxnID")
    ]


@dataclass(frozen=True, slots=True)
class Gone:
    """What was deleted: bills and vendor credits with their kind, and payments."""

    bills: tuple[tuple[str, str], ...]
    payments: tuple[str, ...]


def gone(rets: Sequence[Element]) -> Gone:
    told = [(_of(ret, "TxnDelType"), _of(ret, "TxnID")) for ret in rets]
    return Gone(
        bills=tuple((KINDS[name], one) for name, one in told if name in KINDS and one),
        payments=tuple(one for name, one in told if name in PAYMENTS.values() and one),
    )


# --- the company file -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Program:
    """Which QuickBooks it is; `versions` are those of qbXML that it takes."""

    name: str
    release: str
    country: str
    versions: tuple[str, ...]
    is_multi_user: bool


def program(answers: Answers) -> Program | None:
    ret = _shown(answers, "HostQuery")
    if ret is None:
        return None
    return Program(
        name=_of(ret, "ProductName"),
        release=".".join(part for part in (_of(ret, "MajorVersion"), _of(ret, "MinorVersion")) if part),
        country=_of(ret, "Country"),
        versions=tuple((version.text or "").strip() for version in ret.findall("SupportedQBXMLVersion")),
        is_multi_user=_of(ret, "QBFileMode") == "MultiUser",
    )


def company_name(answers: Answers) -> str:
    ret = _shown(answers, "CompanyQuery")
    return _of(ret, "CompanyName") or _of(ret, "LegalCompanyName") if ret is not None else ""


def stamp(answers: Answers, owner_id: str) -> str:
    """The file id that the Web Connector wrote into the company file for us; empty when it was not shown."""
    ret = _shown(answers, "CompanyQuery")
    for kept in ret.findall("DataExtRet") if ret is not None else ():
        if _of(kept, "OwnerID").upper() == owner_id.upper() and _of(kept, "DataExtName") == "FileID":
            return _of(kept, "DataExtValue")
    return ""


def books(answers: Answers) -> Books | None:
    """What the company file is set to; None when its preferences were not shown. What is missing counts as off."""
    found = _shown(answers, "PreferencesQuery")
    if found is None:
        return None
    host = program(answers)
    is_multicurrency = _of(found, "MultiCurrencyPreferences/IsMultiCurrencyOn") == "true"
    home = CURRENCIES.get(_of(found, "MultiCurrencyPreferences/HomeCurrencyRef/FullName"), "")
    return Books(
        name=company_name(answers),
        home_currency=home or HOMES.get(host.country if host else "", "USD"),
        is_multicurrency=is_multicurrency,
        closing_date=_day(found, "AccountingPreferences/ClosingDate"),
        warns_of_duplicates=None,
        # QuickBooks Desktop keeps a class for each line of a bill, where it keeps classes at all.
        class_tracking="line" if _of(found, "AccountingPreferences/IsUsingClassTracking") == "true" else "",
        tracks_locations=False,
        has_bills=True,
    )


def _shown(answers: Answers, kind: str) -> Element | None:
    response = answers.of(kind)
    return response.rets[0] if response is not None and response.rets else None


# --- parts ------------------------------------------------------------------------------------------------------------
def moment(text: str, zone: tzinfo | None = None) -> datetime | None:
    """In UTC. A time without an offset is the PC's own: unknown, unless its zone is."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    return found.astimezone(UTC) if found.tzinfo is not None else None


def _of(ret: Element, path: str) -> str:
    found: str | None = ret.findtext(path)
    return (found or "").strip()


def _day(ret: Element, path: str) -> date | None:
    try:
        return date.fromisoformat(_of(ret, path)[:10])
    except ValueError:
        return None


def _decimal(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
        return found.quantize(CENT) if found.is_finite() else None
    except InvalidOperation:
        return None


def _amount(ret: Element, path: str) -> Decimal:
    return _decimal(_of(ret, path)) or Decimal("0.00")
