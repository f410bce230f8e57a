"""What a QuickBooks shows when it is asked, in words of ours: bills, payments, and what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date as Date
from datetime import datetime, timedelta
from decimal import Decimal

WINDOW = timedelta(days=400)  # the bills that a whole reading holds


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list, by its full name. `is_usable` says that a bill line can name it."""

    external_id: str
    name: str
    active: bool = True
    subtype: str = ""
    currency: str = ""
    is_usable: bool = True


@dataclass(frozen=True, slots=True)
class LineSent:
    """One line of a bill as its frozen bytes say it: `kind` is account or item, the amount is as written there."""

    words: str
    amount: Decimal
    kind: str
    external_id: str


@dataclass(frozen=True, slots=True)
class BillShown:
    """A bill or vendor credit as the books have it, whoever made it; amounts as written there.

    `payments` are the ids of whatever is linked to it.
    """

    kind: str
    external_id: str
    vendor_id: str
    vendor_name: str
    number: str
    date: Date
    total: Decimal
    balance: Decimal
    memo: str
    sync_token: str
    changed_at: datetime | None
    payments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """A part of a payment, for one bill or from one vendor credit."""

    kind: str
    external_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PaymentShown:
    """A payment as the books have it; one that was voided pays nothing. `total` is the money that moved.

    `method` is check, credit_card or unknown (empty); `number` is the check's, or what stands in its place.
    """

    external_id: str
    date: Date
    how: str
    total: Decimal
    applied: tuple[Applied, ...]
    method: str = ""
    number: str = ""


@dataclass(slots=True)
class Reading:
    """What was read in one go. `until` is the books' own time before it began; `is_whole` says that the bills and
    payments are all there are, and not only what changed."""

    until: datetime
    is_whole: bool = False
    bills: list[BillShown] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    payments: list[PaymentShown] = field(default_factory=list)
    gone_payments: list[str] = field(default_factory=list)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    gone_entries: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paper:
    """A file on its way onto a bill."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Attached:
    """The file hangs on the bill."""

    external_id: str
