"""The answer to *Why isn't it in QuickBooks?*: every question in order, and each difference as a sentence.

No database, no network: `asking` brings what is known, this says it in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from accounting.backends import InBooks
from accounting.models import Bill
from companies.templatetags.plain import clock_words
from invoices.models import Invoice
from procore_sync import gates
from procore_sync.models import ProcoreInvoice
from procore_sync.records import Record


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    WAITING = "waiting"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    NOT_REACHED = "not_reached"


WORDS = {
    Answer.YES: ("Yes", "ok"),
    Answer.NO: ("No", "bad"),
    Answer.WAITING: ("Not yet", "info"),
    Answer.DIFFERS: ("Differs", "warn"),
    Answer.UNKNOWN: ("Not known", "muted"),
    Answer.NOT_REACHED: ("Not reached", "muted"),
}
STOPS = (Answer.NO, Answer.WAITING, Answer.DIFFERS)


@dataclass(frozen=True, slots=True)
class Action:
    """The one thing that opens a shut gate. `refusal` says why this person may not do it."""

    label: str
    url: str
    is_post: bool = False
    is_outside: bool = False
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One question with its answer, the evidence, and what opens it where it is shut."""

    name: str
    question: str
    answer: Answer
    words: str = ""
    action: Action | None = None
    is_first_shut: bool = False

    @property
    def word(self) -> str:
        return WORDS[self.answer][0]

    @property
    def colour(self) -> str:
        return WORDS[self.answer][1]


@dataclass(frozen=True, slots=True)
class Head:
    """Which invoice this is, with where it can be seen."""

    what: str
    number: str
    vendor: str
    project: str
    amount: Decimal | None
    currency: str
    invoice: Invoice | None
    links: list[Action]


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that the page shows of one invoice."""

    head: Head
    headline: str
    colour: str
    steps: list[Step]
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


QUESTIONS = {
    "imported": "Was it imported into inBuild?",
    "taking": "Does QuickBooks take bills from inBuild now?",
    "accounts": "Are the accounts and mappings set?",
    "clear": "Is nothing holding it back?",
    "sent": "Was it sent to QuickBooks?",
    "in_books": "Is it in QuickBooks?",
}


def when(moment: datetime | None, zone: ZoneInfo) -> str:
    return clock_words(moment, zone) if moment else "an unknown time"


def of_gates(answers: Sequence[gates.Gate]) -> list[Step]:
    """The gates before the import. What Procore does not show at all leaves the rest unanswered."""
    steps: list[Step] = []
    shut: set[str] = set()
    for gate in answers:
        if "found" in shut or (gate.name == "mirroring" and "status" in shut):
            steps.append(Step(gate.name, gate.question, Answer.NOT_REACHED))
            continue
        answer = Answer.YES if gate.is_open else Answer.NO
        steps.append(Step(gate.name, gate.question, answer, gate.evidence if gate.is_open else gate.reason))
        if not gate.is_open:
            shut.add(gate.name)
    return steps


def of_import(answers: Sequence[gates.Gate], evidence: Sequence[str]) -> list[Step]:
    """The same gates of an imported invoice: open when it came, with the evidence written down then."""
    told = dict(zip((gate.name for gate in answers), evidence, strict=False))
    return [Step(gate.name, gate.question, Answer.YES, told.get(gate.name, "")) for gate in answers]


def not_reached(*names: str) -> list[Step]:
    return [Step(name, QUESTIONS[name], Answer.NOT_REACHED) for name in names]


def mark_first_shut(steps: Sequence[Step]) -> list[Step]:
    """The first shut one is the answer to the question, and the only one that offers its action."""
    first = next((number for number, step in enumerate(steps) if step.answer in STOPS), None)
    return [
        replace(step, is_first_shut=True) if number == first else replace(step, action=None)
        for number, step in enumerate(steps)
    ]


def headline(steps: Sequence[Step]) -> tuple[str, str]:
    """The whole answer in one sentence, with its colour."""
    last, first = steps[-1], next((step for step in steps if step.is_first_shut), None)
    if last.answer is Answer.YES and first is None:
        return "It is in QuickBooks.", "ok"
    if last.answer is Answer.YES:
        return "It is in QuickBooks, but something changed since.", "warn"
    if last.answer is Answer.NO:
        return "It is no longer in QuickBooks.", "bad"
    if last.answer is Answer.DIFFERS:
        return "Its bill in QuickBooks is not what inBuild sent.", "bad"
    if last.answer is Answer.UNKNOWN and first is None:
        return "It was sent to QuickBooks, which cannot be asked just now.", "warn"
    if first is None:
        return "It is not known yet why it is not in QuickBooks.", "warn"
    if first.answer is Answer.WAITING:
        return f"It is on its way. {first.words}", "info"
    return f"It is not in QuickBooks. {first.words}", "warn"


# --- differences -----------------------------------------------------------------------------------------------------
def of_unknown(record: Record | None, invoice: Invoice | None, status: str) -> list[str]:
    """Procore shows what inBuild has no record of."""
    if record is None:
        return []
    if invoice is not None:
        return [
            f"inBuild had no record of this invoice's original in Procore, only its own invoice {invoice.number}. It "
            "asks Procore now and links the two again; no second bill is made."
        ]
    if record.is_approved:
        return [f"inBuild had no record of this invoice, although Procore shows it as {status}. It asks Procore now."]
    return ["inBuild had not heard of this invoice before. From now on it follows it."]


def of_known(known: ProcoreInvoice, record: Record | None, zone: ZoneInfo) -> list[str]:
    """What Procore shows now against what inBuild last saw there."""
    if not known.status and known.source_updated_at is None:
        return ["inBuild had heard of this invoice but not read it yet. It asks Procore now."]
    since = f"inBuild last saw its version of {when(known.source_updated_at, zone)}"
    if record is None:
        return [f"Procore no longer shows it; {since}, {known.status_words}."] if known.status else []
    found = []
    if record.status != known.status:
        now = ProcoreInvoice.STATUS_WORDS.get(record.status, record.status)
        before = known.status_words or "gone"
        found.append(f"Procore now shows it as {now}; {since}, {before}.")
    if known.amount_due is not None and record.amount_due != known.amount_due:
        difference = record.amount_due - known.amount_due
        found.append(
            f"Procore now shows {record.amount_due:,.2f}; {since}, {known.amount_due:,.2f}: a difference of "
            f"{difference:+,.2f}."
        )
    if known.number and record.number != known.number:
        found.append(f"Its number in Procore is now {record.number}; {since}, {known.number}.")
    if known.vendor_name and record.vendor_name != known.vendor_name:
        found.append(f"Its vendor in Procore is now {record.vendor_name}; {since}, {known.vendor_name}.")
    if not found and record.updated_at and known.source_updated_at and record.updated_at > known.source_updated_at:
        found.append(f"It was changed in Procore on {when(record.updated_at, zone)}; inBuild looks at it again now.")
    return found


def of_books(bill: Bill, shown: InBooks | None, zone: ZoneInfo) -> list[str]:
    """What QuickBooks shows now against what was posted."""
    name = f"Bill {bill.external_number or bill.external_id}"
    if shown is None:
        return [
            f"{name} is no longer in QuickBooks: it was posted on {when(bill.synced_at, zone)} and deleted there since."
        ]
    found = []
    posted = bill.posted_total if bill.posted_total is not None else bill.invoice.amount_due
    if shown.total != posted:
        found.append(_total(name, shown.total, posted))
    if shown.number != bill.external_number:
        found.append(
            f"{name} now has the number {shown.number or 'none'} in QuickBooks; inBuild posted it as "
            f"{bill.external_number or 'none'}."
        )
    if not shown.is_ours:
        found.append(f"{name} no longer carries inBuild's mark {bill.marker} in its memo in QuickBooks.")
    return found


def _total(name: str, now: Decimal, posted: Decimal) -> str:
    return (
        f"{name} totals {now:,.2f} in QuickBooks; inBuild posted {posted:,.2f}: a difference of {now - posted:+,.2f}."
    )
