"""The seam: what a QuickBooks must be able to do for us, and the ways a delivery can end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from accounting.books import Attached, BillShown, LineSent, Paper, PaymentShown, Reading
from accounting.mapping import Resolved
from accounting.models import Bill, BillChange, Integration, ListEntry
from companies.models import User
from invoices.models import Vendor


@dataclass(frozen=True, slots=True)
class Done:
    """The bill is in the books. `total` is what the books say it totals, in the bill's currency."""

    external_id: str
    total: Decimal
    number: str = ""
    sync_token: str = ""
    trace_id: str = ""
    vendor_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The books said no, definitely: nothing was made. `problem` is a code of `problems.py`."""

    problem: str
    detail: dict[str, Any] = field(default_factory=dict)
    words: str = ""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been made or not; only a look can tell. `if_absent`: what was answered, true if nothing is there."""

    words: str = ""
    trace_id: str = ""
    if_absent: Refused | None = None


@dataclass(frozen=True, slots=True)
class InBooks:
    """A posted bill as the books show it now; amounts in its currency. `balance` is what is still to be paid."""

    external_id: str
    number: str
    vendor_name: str
    total: Decimal
    balance: Decimal
    date: Date
    sync_token: str
    is_ours: bool
    note: str = ""
    vendor_id: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """What the books are set to. `class_tracking` is line, txn or empty; `closing_date` the last closed day."""

    name: str
    home_currency: str
    is_multicurrency: bool
    closing_date: Date | None
    warns_of_duplicates: bool | None
    class_tracking: str
    tracks_locations: bool
    has_bills: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """A look showed that the bill is not in the books."""


Outcome = Done | Refused | Unknown


# The problem of a row that goes on in the next call of a PC's Web Connector, and nowhere else.
WAITS_FOR_PC = Bill.WAITS_FOR_PC


class NotSent(Exception):
    """Nothing was done over there, certainly; try again after `wait`. Not an attempt."""

    def __init__(self, problem: str, wait: timedelta, words: str = "") -> None:
        super().__init__(words or problem)
        self.problem = problem
        self.wait = wait
        self.words = words


def not_now(refusal: NotSent) -> str:
    """For a person who wanted an answer of the books at once."""
    if refusal.problem == WAITS_FOR_PC:
        return (
            "QuickBooks Desktop cannot be asked at once. Nothing was changed. inBuild asks it when the Web Connector "
            "calls next; press the same button again right after that call."
        )
    return "QuickBooks cannot be asked just now. Nothing was changed; try again in a minute."


class NeedsReconnect(Exception):
    """The books no longer accept our sign-in. One state of the integration, not an error of each bill."""


class Backend(Protocol):
    """One QuickBooks. Online is called; Desktop is only told things, and tells them, when its Web Connector calls:
    whatever it cannot answer before then raises NotSent with the problem WAITS_FOR_PC.
    """

    def wait(self, integration: Integration) -> timedelta:
        """How long until the next call may leave: what a worker asks before it takes a row."""

    def document(self, bill: Bill, found: Resolved | None = None) -> bytes:
        """The bytes for a bill: the same rows give the same bytes. No outside call.

        `found` is what it names in the books, where that was looked up already.
        """

    def lines_sent(self, payload: bytes) -> list[LineSent]:
        """What the frozen bytes of a bill, or of its update, say of each line. No outside call."""

    def prepare(self, bill: Bill) -> Refused | None:
        """Find, or where the company allows it create, the vendor of a bill that is not mapped yet.

        Makes no call when everything is known. Raises NotSent and NeedsReconnect.
        """

    def deliver(self, bill: Bill, found: Resolved | None = None) -> Outcome | None:
        """Send a ready bill, or a frozen one once more; None where it left and the answer comes by itself.

        Raises NotSent and NeedsReconnect, both only when nothing was made.
        """

    def look_up(self, bill: Bill) -> Done | Refused | Absent | None:
        """Find a bill in doubt in the books; None when they cannot be asked now."""

    def read(self, bill: Bill) -> InBooks | None:
        """A posted bill as it is in the books now; None when it is gone. Raises NotSent and NeedsReconnect."""

    def closed_until(self, integration: Integration) -> Date | None:
        """The last day of the closed period, as the books say now. Raises NotSent and NeedsReconnect."""

    def change(self, change: BillChange, there: InBooks) -> Outcome | None:
        """Update or delete a posted bill: freeze and send, or send what is frozen once more; None as in `deliver`.

        Raises NotSent and NeedsReconnect, both only when nothing was changed.
        """

    def find(self, integration: Integration, bill: Bill, *, number: str = "", external_id: str = "") -> list[InBooks]:
        """Documents of the bill's kind with that number, or that id, whoever made them.

        Raises NotSent and NeedsReconnect.
        """

    def read_books(self, integration: Integration) -> Books | Refused:
        """What the books are set to now. Raises NotSent and NeedsReconnect."""

    def create_vendor(self, integration: Integration, vendor: Vendor, by: User) -> ListEntry | Refused:
        """`by` chose to create it; one of exactly this name is used if it is there.

        Raises NotSent and NeedsReconnect.
        """

    def follow(self, integration: Integration, *, whole: bool) -> Reading:
        """What changed in the books since `followed_until`; all of the last year if asked or where that cannot be told.

        Raises NotSent and NeedsReconnect, as the next three do.
        """

    def booked(self, integration: Integration, kind: str, ids: Sequence[str]) -> list[BillShown]:
        """These very bills or vendor credits; those that are gone are left out. At most a hundred ids."""

    def payments(self, integration: Integration, ids: Sequence[str]) -> list[PaymentShown]:
        """These very payments; ids that are no payment's are left out. At most a hundred ids."""

    def attach(
        self, bill: Bill, paper: Paper, *, look_first: bool, taken: Collection[str]
    ) -> Attached | Refused | Unknown:
        """Hang a file on a posted bill; with `look_first` one of that name which is not `taken` is adopted."""

    def refresh_lists(self, integration: Integration) -> None:
        """Store the accounts and other lists of the books."""


def backend_for(integration: Integration) -> Backend:
    """By the dotted path in settings, so that `accounting` never imports `qbo` or `qbd`."""
    made: Backend = import_string(settings.INTEGRATION_BACKENDS[integration.kind])()
    return made
