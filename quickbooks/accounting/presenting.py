"""A bill as its card shows it: state, colour, sentence, button, links."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from accounting import linking, posting
from accounting.models import Bill, BillAttempt, BillChange, Integration
from accounting.problems import DUPLICATE, MAPPING, Words, problem, sentence
from companies import auditing
from companies.models import Membership
from invoices.models import Invoice

# Words and colours: one status is one word, one dot, one of five colours.
COLOURS = {
    Bill.State.READY: "muted",
    Bill.State.SENDING: "info",
    Bill.State.CHECKING: "info",
    Bill.State.SYNCED: "ok",
    Bill.State.FAILED: "bad",
    Bill.State.NEEDS_MAPPING: "warn",
    Bill.State.ON_HOLD: "warn",
    Bill.State.SKIPPED: "muted",
}
INVOICE_COLOURS = {
    Invoice.State.DRAFT: "muted",
    Invoice.State.SUBMITTED: "info",
    Invoice.State.APPROVED: "muted",
    Invoice.State.CANCELLED: "muted",
}


ATTEMPT_COLOURS = {
    BillAttempt.Outcome.DONE: "ok",
    BillAttempt.Outcome.REFUSED: "bad",
    BillAttempt.Outcome.UNKNOWN: "warn",
    BillAttempt.Outcome.NOT_SENT: "warn",
}


def happenings(bill: Bill) -> list[auditing.Happening]:
    """The bill's way, with what QuickBooks answered to each try."""
    found = auditing.happenings(bill)
    for attempt in bill.attempts.order_by("id"):
        words = f"QuickBooks, {attempt.asked}: {attempt.get_outcome_display()}"
        words += f" ({attempt.answer})" if attempt.answer else ""
        reference = f"bill id {attempt.external_id}" if attempt.external_id else attempt.trace_id
        colour = ATTEMPT_COLOURS[BillAttempt.Outcome(attempt.outcome)]
        found.append(auditing.Happening(attempt.at, words, "QuickBooks", reference, colour))
    return found


def status(invoice: Invoice) -> dict[str, str]:
    """The one word and colour an invoice carries in lists: its bill's, else its own."""
    bill: Bill | None = getattr(invoice, "bill", None)
    if bill is None:
        return {"word": invoice.get_state_display(), "colour": INVOICE_COLOURS[Invoice.State(invoice.state)]}
    plain = bill.state in (Bill.State.FAILED, Bill.State.SKIPPED) or not bill.problem
    word = bill.get_state_display() if plain else problem(bill.problem).label
    return {"word": word, "colour": COLOURS[Bill.State(bill.state)]}


def bill_card(bill: Bill, membership: Membership) -> dict[str, Any]:
    """Everything `_bill.html` shows."""
    found = problem(bill.problem) if bill.problem else None
    change = BillChange.latest(bill)
    return {
        "bill": bill,
        "invoice": bill.invoice,
        "status": status(bill.invoice) if bill.invoice.bill == bill else {},
        "problem": found,
        "sentence": sentence(bill.problem, bill.problem_detail) if bill.problem else "",
        "action_url": _action_url(bill, found.action) if found else "",
        "action_is_link": bool(found and ":" in found.action),
        "button": found.button.format_map(Words(bill.problem_detail)) if found else "",
        "choices": [{"label": label, "url": _action_url(bill, action)} for label, action in found.choices]
        if found
        else [],
        "can_act": membership.can_work,
        "can_skip": posting.can_skip(bill),
        "change": change,
        "change_sentence": sentence(change.problem, change.problem_detail) if change and change.problem else "",
        "polls": not bill.is_final or bool(change and change.is_pending),
        "compare_url": _action_url(bill, DUPLICATE)
        if linking.can_link(bill) and not (found and found.action == DUPLICATE)
        else "",
        "can_unlink": bill.is_by_hand and bill.state == Bill.State.SYNCED and not (change and change.is_pending),
        "quickbooks_url": quickbooks_url(bill),
        "trace_id": bill.attempts.exclude(trace_id="").order_by("-id").values_list("trace_id", flat=True).first() or "",
    }


def quickbooks_url(bill: Bill) -> str:
    """The bill's page in QuickBooks Online; Desktop has no addresses."""
    if not bill.external_id or bill.integration is None or bill.integration.kind != Integration.Kind.QBO:
        return ""
    if settings.QBO_UI_URL:
        return f"{settings.QBO_UI_URL}/app/bill?txnId={bill.external_id}&realm={bill.integration.external_id}"
    host = "app.sandbox.qbo.intuit.com" if settings.QBO_ENVIRONMENT == "sandbox" else "app.qbo.intuit.com"
    return f"https://{host}/app/bill?txnId={bill.external_id}"


def _action_url(bill: Bill, action: str) -> str:
    public_id = bill.invoice.public_id
    if action == DUPLICATE:
        return reverse(DUPLICATE, kwargs={"public_id": public_id})
    if action == MAPPING:
        return f"{reverse(MAPPING)}?missing={public_id}"
    if ":" in action:
        return reverse(action)
    return reverse("accounting:act", kwargs={"public_id": public_id, "action": action})
