"""Reads QuickBooks Online's books: what changed, and what is there now. Intuit: change data capture, query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounting.books import WINDOW, Applied, BillShown, PaymentShown, Reading
from accounting.models import Bill, Integration
from inbuild.queue import database_now
from qbo import gateway, lists
from qbo.faults import Fault

BILLS = {"Bill": Bill.Kind.BILL, "VendorCredit": Bill.Kind.VENDOR_CREDIT}
LISTS = {name: (kind, entry) for kind, (name, entry) in lists.ENTITIES.items()}
PAYMENT = "BillPayment"
KINDS = ",".join((*BILLS, PAYMENT, *LISTS))
OVERLAP = timedelta(minutes=5)
LOOK_BACK = timedelta(days=29)  # Intuit: 30 days; one to spare for clocks and zones.
MOST = 1000  # Intuit: objects in one answer; there may be more then.
CENT = Decimal("0.01")
HOW = {"Check": "Check", "CreditCard": "Credit card"}
METHODS = {"Check": "check", "CreditCard": "credit_card"}


def changed(company: gateway.Company, integration: Integration, *, whole: bool) -> Reading:
    """What changed since the last look; all there is if asked, or where change data capture cannot tell.

    Raises Fault and others.
    """
    since = integration.followed_until
    if not whole and since is not None and since > database_now() - LOOK_BACK:
        try:
            found = company.changes(KINDS, (since - OVERLAP).astimezone(UTC).isoformat(timespec="seconds"))
        except Fault as fault:
            if fault.status != 400 or fault.is_unauthorized:
                raise
        else:
            if sum(map(len, found.values())) < MOST:
                return _read(company, found)
    return _everything(company, since)


def bills(company: gateway.Company, kind: str, ids: Sequence[str]) -> list[BillShown]:
    name = next(name for name, ours in BILLS.items() if ours == kind)
    return [bill_shown(kind, row) for row in company.query(name, _among(ids))]


def payments(company: gateway.Company, ids: Sequence[str]) -> list[PaymentShown]:
    return [payment_shown(row) for row in company.query(PAYMENT, _among(ids))]


def _among(ids: Sequence[str]) -> str:
    return f"WHERE Id IN ({', '.join(gateway.quoted(one) for one in ids)})"


def _read(company: gateway.Company, found: Any, *, is_whole: bool = False) -> Reading:
    reading = Reading(until=moment(company.began) or database_now(), is_whole=is_whole)
    for name, kind in BILLS.items():
        for row in found.get(name, ()):
            if row.get("status") == "Deleted":
                reading.gone.append((kind, str(row["Id"])))
            else:
                reading.bills.append(bill_shown(kind, row))
    for row in found.get(PAYMENT, ()):
        if row.get("status") == "Deleted":
            reading.gone_payments.append(str(row["Id"]))
        else:
            reading.payments.append(payment_shown(row))
    for name, (list_kind, entry) in LISTS.items():
        for row in found.get(name, ()):
            if row.get("status") == "Deleted":
                reading.gone_entries.setdefault(list_kind, []).append(str(row["Id"]))
            else:
                reading.entries.setdefault(list_kind, []).append(entry(row))
    return reading


def _everything(company: gateway.Company, since: datetime | None) -> Reading:
    """The last 400 days, and what changed since the last look of whatever age."""
    first_day = (database_now() - WINDOW).date()
    found: dict[str, list[Any]] = {}
    for name in (*BILLS, PAYMENT):
        found[name] = list(company.query(name, f"WHERE TxnDate >= '{first_day}' ORDERBY Id"))
    if since is not None:
        later = f"MetaData.LastUpdatedTime >= '{(since - OVERLAP).astimezone(UTC).isoformat(timespec='seconds')}'"
        for name in (*BILLS, PAYMENT):
            found[name] += list(company.query(name, f"WHERE {later} ORDERBY Id"))
        for name in LISTS:
            found[name] = list(company.query(name, f"WHERE {later} AND Active IN (true, false) ORDERBY Id"))
    return _read(company, {name: _once(rows) for name, rows in found.items()}, is_whole=True)


def _once(rows: Iterable[Any]) -> list[Any]:
    return list({str(row["Id"]): row for row in rows}.values())


def bill_shown(kind: str, row: Any) -> BillShown:
    vendor, total = row["VendorRef"], _exact(row["TotalAmt"])
    return BillShown(
        kind=kind,
        external_id=str(row["Id"]),
        vendor_id=str(vendor["value"]),
        vendor_name=str(vendor.get("name") or ""),
        number=str(row.get("DocNumber") or ""),
        date=date.fromisoformat(str(row["TxnDate"])[:10]),
        total=total,
        balance=_exact(row["Balance"]) if row.get("Balance") is not None else total,
        memo=str(row.get("PrivateNote") or "").replace("\0", ""),
        sync_token=str(row.get("SyncToken") or ""),
        changed_at=moment(str((row.get("MetaData") or {}).get("LastUpdatedTime") or "")),
        # Intuit names the kinds of links in more ways than it documents: whichever is a payment will be found as one.
        payments=tuple(str(link["TxnId"]) for link in row.get("LinkedTxn") or () if link.get("TxnId")),
    )


def payment_shown(row: Any) -> PaymentShown:
    applied = tuple(
        Applied(BILLS[str(link["TxnType"])], str(link["TxnId"]), _exact(line.get("Amount") or 0))
        for line in row.get("Line") or ()
        for link in line.get("LinkedTxn") or ()
        if link.get("TxnType") in BILLS
    )
    how = HOW.get(str(row.get("PayType")), "Payment")
    number = str(row.get("DocNumber") or "")
    return PaymentShown(
        external_id=str(row["Id"]),
        date=date.fromisoformat(str(row["TxnDate"])[:10]),
        how=f"{how} {number}".strip(),
        total=_exact(row.get("TotalAmt") or 0),
        applied=applied,
        method=METHODS.get(str(row.get("PayType")), ""),
        number=number,
    )


def moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _exact(amount: Any) -> Decimal:
    return Decimal(str(amount)).quantize(CENT)
