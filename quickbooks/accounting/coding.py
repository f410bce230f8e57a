"""What each line of an invoice is posted to in the books, or was; and where what is missing for that is mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse

from accounting import drafting, mapping, routing
from accounting.backends import backend_for
from accounting.books import LineSent
from accounting.listing import tabs
from accounting.mapping import Missing
from accounting.models import Bill, BillChange, Integration, ListEntry
from accounting.problems import MAPPING, PROJECTS, SETTINGS
from invoices.models import Invoice, InvoiceLine

IN_BOOKS_ONLY = "What the lines of this bill are posted to is in QuickBooks only: inBuild did not write them."
NO_BOOKS = "No QuickBooks is connected, so nothing says yet what the lines will be posted to."
WHICH_FILE = "Nobody has chosen yet which company file takes the bills of this project."
OTHER_LINES = "The bill in QuickBooks was made of other lines than these."
SENT = (Bill.State.SENDING, Bill.State.CHECKING, Bill.State.SYNCED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an amount goes in the books. Where something is `missing`, `url` is where that is mended."""

    label: str
    name: str = ""
    missing: str = ""
    url: str = ""
    is_default: bool = False


@dataclass(slots=True)
class Coding:
    """`places` has one for each line, None where it needs none or nothing is known; `others` stand once on a bill."""

    title: str = "Posts to"
    sentence: str = ""
    url: str = ""
    link: str = ""
    places: list[Place | None] = field(default_factory=list)
    others: list[Place] = field(default_factory=list)

    @property
    def lacks(self) -> int:
        """How many things are missing; one that many lines lack counts once."""
        return len({one.missing for one in (*self.places, *self.others) if one and one.missing})


def of(invoice: Invoice, bill: Bill | None, lines: list[InvoiceLine]) -> Coding:
    """For the invoice's page, in a number of queries that does not grow with its lines."""
    if bill is not None and bill.state in SENT:
        made = _as_sent(bill, lines)
    elif (books := routing.books_of(invoice)) is not None:
        made = _as_it_will_be(invoice, bill, lines, books)
    elif Integration.active(invoice.company_id).exists():
        made = Coding(sentence=WHICH_FILE, url=reverse(PROJECTS), link="Choose the company file")
    else:
        made = Coding(sentence=NO_BOOKS, url=reverse(SETTINGS), link="Open Accounting Integrations")
    made.places = made.places or [None for _ in lines]
    return made


def _as_it_will_be(invoice: Invoice, bill: Bill | None, lines: list[InvoiceLine], books: Integration) -> Coding:
    """By today's mappings and settings."""
    found = mapping.outlook(books, invoice, lines)

    def place(label: str, entry: ListEntry | Missing | None, *, is_default: bool = False) -> Place | None:
        if entry is None:
            return None
        if isinstance(entry, ListEntry):
            return Place(label, entry.name, is_default=is_default)
        return Place(label, missing=entry.name, url=_mended_at(entry.key, books, invoice, bill))

    vendor = place("Vendor", found.vendor)
    if isinstance(found.vendor, Missing) and books.creates_vendors:
        vendor = Place("Vendor", f"{invoice.vendor.name} (created there if it is new)")
    named = (
        vendor,
        place("Customer or project", found.customer),
        place("Class", found.klass),
        place("Retainage", found.retainage),
    )
    return Coding(
        places=[
            place("Line", entry, is_default=is_default)
            for entry, is_default in zip(found.targets, found.is_default, strict=True)
        ],
        others=[one for one in named if one is not None],
    )


def _mended_at(key: str, books: Integration, invoice: Invoice, bill: Bill | None) -> str:
    """The row of the Mapping page, which leads back to the invoice once nothing is missing; else the settings."""
    file = {"file": str(books.pk)} if books.kind == Integration.Kind.QBD else {}
    tab = next((tab for tab in tabs(books) if key.startswith(tab.prefix) and not key.endswith(":none")), None)
    if tab is None:
        return reverse(SETTINGS) + (f"?{urlencode(file)}" if file else "")
    waits = bill is not None and bill.state == Bill.State.NEEDS_MAPPING
    back = {"missing": str(invoice.public_id)} if waits else {}
    return f"{reverse(MAPPING)}?{urlencode({'tab': tab.name, 'focus': key} | back | file)}"


# --- as it was sent ---------------------------------------------------------------------------------------------------
def _as_sent(bill: Bill, lines: list[InvoiceLine]) -> Coding:
    """By the bytes that left last, whatever the mappings say by now."""
    made = Coding(title="Posted to" if bill.state == Bill.State.SYNCED else "Posts to")
    payload = None if bill.is_by_hand else _last_payload(bill)
    if payload is None or bill.integration is None:
        made.sentence = IN_BOOKS_ONLY
        return made
    sent = backend_for(bill.integration).lines_sent(payload)
    names = _names(bill.integration, sent)
    left = Left(sent)
    sign = -1 if bill.kind == Bill.Kind.VENDOR_CREDIT else 1
    found = [left.take(drafting.words(line), sign * line.gross) if line.gross else None for line in lines]
    made.places = [Place("Line", _name(names, one)) if one else None for one in found]
    if any(line.gross and one is None for line, one in zip(lines, found, strict=True)):
        made.sentence = OTHER_LINES
    retainage = next((one for one in sent if one.words in drafting.RETAINAGE), None)
    if retainage is not None:
        made.others.append(Place("Retainage", _name(names, retainage)))
    return made


def _last_payload(bill: Bill) -> bytes | None:
    """Of the latest update that was done, else of the bill itself."""
    done = bill.changes.filter(kind=BillChange.Kind.UPDATE, state=BillChange.State.DONE).order_by("-id").first()
    payload = done.payload if done is not None and done.payload is not None else bill.payload
    return bytes(payload) if payload is not None else None


def _names(books: Integration, sent: Iterable[LineSent]) -> dict[tuple[str, str], str]:
    ids = {line.external_id for line in sent}
    rows = ListEntry.objects.filter(integration=books, external_id__in=ids, kind__in={line.kind for line in sent})
    return {(row.kind, row.external_id): row.name for row in rows}


def _name(names: dict[tuple[str, str], str], line: LineSent) -> str:
    return names.get((line.kind, line.external_id)) or f"QuickBooks ID {line.external_id}"


class Left:
    """The sent lines that no line of the invoice was found for yet."""

    def __init__(self, sent: Iterable[LineSent]) -> None:
        self._by_amount: dict[Decimal, list[LineSent]] = defaultdict(list)
        for line in sent:
            self._by_amount[line.amount].append(line)

    def take(self, words: str, amount: Decimal) -> LineSent | None:
        """The one of these words and this amount. By the amount alone only where that is certain: QuickBooks Desktop
        takes fewer characters, and keeps another order."""
        same = self._by_amount[amount]
        found = next((one for one in same if one.words == words), None)
        if found is None and len({(one.kind, one.external_id) for one in same}) == 1:
            found = same[0]
        if found is not None:
            same.remove(found)
        return found
