"""The questions after the import: from inBuild's invoice to the bill in QuickBooks."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from accounting import holds, routing
from accounting.backends import InBooks
from accounting.models import Bill, Integration
from accounting.problems import problem, sentence
from companies import auditing
from companies.models import Membership
from invoices.models import Invoice
from procore_sync import doors, explaining
from procore_sync.explaining import QUESTIONS, Answer, Step, when

LATER = ("clear", "sent", "in_books")


def not_imported(membership: Membership, *, is_open: bool) -> list[Step]:
    """No invoice yet: what is known of QuickBooks all the same is said."""
    if is_open:
        words = "inBuild imports it now; ask again in a moment."
        first = Step("imported", QUESTIONS["imported"], Answer.WAITING, words)
    else:
        first = Step("imported", QUESTIONS["imported"], Answer.NOT_REACHED)
    integration = Integration.active(membership.company).order_by("id").first()
    return [
        first,
        _taking(integration, membership),
        _accounts(integration, membership),
        *explaining.not_reached(*LATER),
    ]


def of_bill(invoice: Invoice, shown: InBooks | None, told: str, membership: Membership) -> list[Step]:
    """`shown` is the posted bill in QuickBooks now; `told` says why QuickBooks was not asked."""
    zone = ZoneInfo(membership.company.time_zone)
    bill: Bill | None = getattr(invoice, "bill", None)
    steps = [_imported(invoice, zone)] if invoice.from_procore else []
    integration = routing.books_of(invoice)
    if bill is None:
        rest = [_taking(integration, membership), _accounts(integration, membership)]
        return [*steps, *rest, *explaining.not_reached(*LATER)]
    if bill.state == Bill.State.SYNCED:
        return [*steps, *_posted(bill, zone), _in_books(bill, shown, told, zone)]
    taking = _taking(integration, membership)
    may_go = integration is not None and bill.state in (Bill.State.READY, Bill.State.NEEDS_MAPPING)
    found = holds.find(bill, integration) if integration and may_go else None
    hold = found if isinstance(found, holds.Hold) else None
    accounts = _mapped(bill, integration, hold, membership)
    clear = _clear(bill, hold, membership)
    is_ready = Answer.YES == taking.answer == accounts.answer == clear.answer
    sent = _sent(bill, membership, zone) if is_ready or bill.state not in UNSENT else _later("sent")
    return [*steps, taking, accounts, clear, sent, _later("in_books")]


UNSENT = (Bill.State.READY, Bill.State.NEEDS_MAPPING, Bill.State.ON_HOLD)


def _later(name: str) -> Step:
    return Step(name, QUESTIONS[name], Answer.NOT_REACHED)


def _imported(invoice: Invoice, zone: ZoneInfo) -> Step:
    words = f"It came on {when(invoice.created_at, zone)} as invoice {invoice.number}."
    return Step("imported", QUESTIONS["imported"], Answer.YES, words)


def _taking(integration: Integration | None, membership: Membership) -> Step:
    """Connected, signed in, not paused."""
    question = QUESTIONS["taking"]
    detail = {}
    if integration is None and Integration.active(membership.company).exists():
        code, label = "which_file", "Choose the file"
        detail = {"project": "its project"}
    elif integration is None:
        code, label = "not_connected", "Connect QuickBooks"
    elif integration.state == Integration.State.NEEDS_RECONNECT:
        code, label = "reconnect", "Reconnect"
    elif integration.paused:
        code, label = "paused", "Open settings"
    else:
        return Step("taking", question, Answer.YES, f"{integration} is connected and not paused.")
    action = doors.of_settings(label, problem(code).action, membership)
    return Step("taking", question, Answer.NO, sentence(code, detail), action)


def _accounts(integration: Integration | None, membership: Membership) -> Step:
    question = QUESTIONS["accounts"]
    if integration is None:
        return Step("accounts", question, Answer.NOT_REACHED)
    if integration.is_configured:
        costs = integration.default_target or "what each cost code is mapped to"
        words = f"Bills go to {integration.ap_account}; costs to {costs}."
        return Step("accounts", question, Answer.YES, words)
    action = doors.of_settings("Choose accounts", "accounting:integrations", membership)
    return Step("accounts", question, Answer.NO, sentence("setup", {}), action)


def _mapped(bill: Bill, integration: Integration | None, hold: holds.Hold | None, membership: Membership) -> Step:
    if hold is not None and hold.is_mapping:
        action = doors.of_problem(bill, hold.problem, membership)
        return Step("accounts", QUESTIONS["accounts"], Answer.NO, sentence(hold.problem, hold.detail), action)
    if bill.state == Bill.State.NEEDS_MAPPING:
        words = sentence(bill.problem, bill.problem_detail)
        return Step("accounts", QUESTIONS["accounts"], Answer.NO, words, doors.of_bill(bill, membership))
    return _accounts(integration, membership)


def _clear(bill: Bill, hold: holds.Hold | None, membership: Membership) -> Step:
    """Duplicates, sums that do not add up, changes in Procore."""
    question = QUESTIONS["clear"]
    if bill.state == Bill.State.ON_HOLD:
        words = sentence(bill.problem, bill.problem_detail)
        return Step("clear", question, Answer.NO, words, doors.of_bill(bill, membership))
    if hold is not None and not hold.is_mapping:
        words = sentence(hold.problem, hold.detail)
        return Step("clear", question, Answer.NO, words, doors.of_invoice(bill.invoice))
    return Step("clear", question, Answer.YES, "It is no duplicate of another invoice, and its amounts add up.")


def _sent(bill: Bill, membership: Membership, zone: ZoneInfo) -> Step:
    question = QUESTIONS["sent"]
    if bill.state == Bill.State.SKIPPED:
        return Step("sent", question, Answer.NO, _skipped(bill, zone), doors.of_bill(bill, membership))
    if bill.state == Bill.State.FAILED:
        words = sentence(bill.problem, bill.problem_detail)
        return Step("sent", question, Answer.NO, words, doors.of_bill(bill, membership))
    if bill.state == Bill.State.CHECKING:
        words = sentence(bill.problem or "no_answer", bill.problem_detail)
        words += f" It was sent on {when(bill.started_at, zone)}."
        return Step("sent", question, Answer.WAITING, words, doors.of_bill(bill, membership))
    if bill.state == Bill.State.SENDING:
        words = f"The bill is being written into QuickBooks since {when(bill.started_at, zone)}."
        return Step("sent", question, Answer.WAITING, words)
    if bill.problem:
        words = sentence(bill.problem, bill.problem_detail)
        return Step("sent", question, Answer.WAITING, words, doors.of_bill(bill, membership))
    return Step("sent", question, Answer.WAITING, "It goes to QuickBooks by itself, usually within seconds.")


def _skipped(bill: Bill, zone: ZoneInfo) -> str:
    event = auditing.history(bill).filter(verb="bill.skipped").last()
    if event is None:
        return "It was skipped, so no bill is made."
    return f"{event.actor} skipped it on {when(event.at, zone)}, so no bill is made."


def _posted(bill: Bill, zone: ZoneInfo) -> list[Step]:
    """All of these were answered with yes, or it would not have been sent."""
    number = bill.external_number or bill.external_id
    told = {
        "taking": f"It was connected when the bill was sent: {bill.integration}",
        "accounts": "They were when it was sent.",
        "clear": "It was not held back when it was sent.",
        "sent": f"It was sent as bill {number} (QuickBooks ID {bill.external_id}) on {when(bill.synced_at, zone)}.",
    }
    return [Step(name, QUESTIONS[name], Answer.YES, words) for name, words in told.items()]


def _in_books(bill: Bill, shown: InBooks | None, told: str, zone: ZoneInfo) -> Step:
    question = QUESTIONS["in_books"]
    if told:
        return Step("in_books", question, Answer.UNKNOWN, told)
    differences = explaining.of_books(bill, shown, zone)
    if shown is None:
        return Step("in_books", question, Answer.NO, differences[0], doors.of_invoice(bill.invoice))
    if differences:
        return Step("in_books", question, Answer.DIFFERS, " ".join(differences), doors.in_quickbooks(bill))
    words = (
        f"QuickBooks shows bill {shown.number or shown.external_id} of {shown.vendor_name} with {shown.total:,.2f}, of "
        f"which {shown.balance:,.2f} is open."
    )
    return Step("in_books", question, Answer.YES, words, doors.in_quickbooks(bill))
