"""A bill as its card shows it: state, colour, sentence, button, links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from accounting import linking, mapping, setting_aside, unlinking
from accounting.models import Bill, BillAttempt, BillChange, BookedBill, Integration
from accounting.problems import CHECK, DUPLICATE, KEEP, MAPPING, SETTINGS, Words, problem, sentence
from companies import auditing
from companies.models import Membership
from invoices.models import Attachment, Invoice

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
    """The bill's way: what was mapped for it, and what QuickBooks answered to each try."""
    found = auditing.happenings(bill) + _mapped(bill)
    for attempt in bill.attempts.order_by("id"):
        words = f"QuickBooks, {attempt.asked}: {attempt.get_outcome_display()}"
        words += f" ({attempt.answer})" if attempt.answer else ""
        reference = f"bill id {attempt.external_id}" if attempt.external_id else attempt.trace_id
        colour = ATTEMPT_COLOURS[BillAttempt.Outcome(attempt.outcome)]
        is_minor = attempt.outcome == BillAttempt.Outcome.NOT_SENT
        found.append(auditing.Happening(attempt.at, words, "QuickBooks", reference, colour, is_minor=is_minor))
    return found


def _mapped(bill: Bill) -> list[auditing.Happening]:
    """What people mapped of the things this invoice names, from the day it was here."""
    if bill.integration is None:
        return []
    events = auditing.history(bill.integration).filter(
        verb__in=("mapping.chosen", "mapping.cleared"), at__gte=bill.created_at
    )
    keys = mapping.keys_of(bill)
    named = events.filter(Q(after__has_any_keys=keys) | Q(before__has_any_keys=keys))
    return [auditing.happening(event) for event in named]


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
        "action_url": action_url(bill, found.action) if found else "",
        "action_is_link": bool(found and ":" in found.action),
        "button": found.button.format_map(Words(bill.problem_detail)) if found else "",
        "choices": [{"label": label, "url": action_url(bill, action)} for label, action in found.choices]
        if found
        else [],
        "can_act": membership.can_work,
        "can_skip": setting_aside.can_skip(bill),
        "can_hold": setting_aside.can_hold(bill),
        "change": change,
        "change_button": _change_button(bill, change) if change and change.problem else None,
        "change_sentence": sentence(change.problem, change.problem_detail) if change and change.problem else "",
        "polls": _polls(bill, change),
        "compare_url": action_url(bill, DUPLICATE)
        if linking.can_link(bill) and not (found and found.action == DUPLICATE)
        else "",
        "can_unlink": unlinking.can_unlink(bill) and not (change and change.is_pending),
        "paid": _paid(bill),
        "books": None if change and change.is_pending else _books(bill),
        "resync_url": _in_books_url(bill, "resync")
        if bill.state == Bill.State.SYNCED and not (change and change.is_pending) and _books(bill) is None
        else "",
        "quickbooks_url": quickbooks_url(bill),
        "trace_id": bill.attempts.exclude(trace_id="").order_by("-id").values_list("trace_id", flat=True).first() or "",
    }


def _change_button(bill: Bill, change: BillChange) -> dict[str, str] | None:
    """What helps where a change was not possible, beside leaving the bill as it is."""
    found = problem(change.problem)
    if found.action == KEEP:
        return None
    if found.action == CHECK:
        return {"label": found.button, "url": action_url(bill, CHECK)}
    again = reverse("accounting:change", kwargs={"public_id": bill.invoice.public_id, "action": "again"})
    return {"label": "Try again", "url": again}


def _polls(bill: Bill, change: BillChange | None) -> str:
    """How often the card asks for itself; empty while nothing is under way."""
    if bill.is_final and not (change and change.is_pending):
        return ""
    waits_for_pc = Bill.WAITS_FOR_PC in (bill.problem, change.problem if change else "")
    return "15s" if waits_for_pc else "2s"


PAID_COLOURS = {Bill.Paid.UNPAID: "muted", Bill.Paid.PARTLY: "info", Bill.Paid.PAID: "ok"}
CREDIT_WORDS = {Bill.Paid.UNPAID: "Not used yet", Bill.Paid.PARTLY: "Partly used", Bill.Paid.PAID: "Used"}


def paid_words(bill: Bill) -> dict[str, Any]:
    """One word and colour; empty while nothing is known."""
    if bill.state != Bill.State.SYNCED or not bill.paid_state:
        return {}
    paid = Bill.Paid(bill.paid_state)
    word = CREDIT_WORDS[paid] if bill.kind == Bill.Kind.VENDOR_CREDIT else paid.label
    return {"word": word, "colour": PAID_COLOURS[paid]}


def _paid(bill: Bill) -> dict[str, Any] | None:
    """What the books say of its payment; None while nothing is known."""
    if bill.state != Bill.State.SYNCED or not bill.paid_state:
        return None
    paid = Bill.Paid(bill.paid_state)
    is_credit = bill.kind == Bill.Kind.VENDOR_CREDIT
    return paid_words(bill) | {
        "on": bill.paid_on if paid != Bill.Paid.UNPAID else None,
        "reference": bill.payment_reference,
        "balance": bill.balance,
        "is_credit": is_credit,
    }


def _books(bill: Bill) -> dict[str, Any] | None:
    """How the bill differs in the books from what was posted; None where it does not."""
    if bill.state != Bill.State.SYNCED or bill.books_state == Bill.BooksState.AS_POSTED:
        return None
    deeds = {
        Bill.BooksState.DELETED: (("Sync after all", "sync"), ("Check again", "check")),
        Bill.BooksState.CHANGED: (("Accept", "accept"), ("Resync", "resync")),
        Bill.BooksState.COPIED: (("Check again", "check"),),
    }[Bill.BooksState(bill.books_state)]
    return {
        "word": bill.get_books_state_display(),
        "sentence": bill.books_words,
        "deeds": [{"label": label, "url": _in_books_url(bill, deed)} for label, deed in deeds],
    }


def _in_books_url(bill: Bill, deed: str) -> str:
    return reverse("accounting:in_books", kwargs={"public_id": bill.invoice.public_id, "deed": deed})


def with_files(attachments: Iterable[Attachment], bill: Bill) -> list[Attachment]:
    """Each file of an invoice with its way onto the bill, as `on_bill`."""
    files = {file.attachment_id: file for file in bill.files.all()}
    found = list(attachments)
    for attachment in found:
        attachment.on_bill = files.get(attachment.pk)  # type: ignore[attr-defined]
    return found


def quickbooks_url(bill: Bill | BookedBill) -> str:
    """The bill's page in QuickBooks Online; Desktop has no addresses."""
    if not bill.external_id or bill.integration is None or bill.integration.kind != Integration.Kind.QBO:
        return ""
    if settings.QBO_UI_URL:
        return f"{settings.QBO_UI_URL}/app/bill?txnId={bill.external_id}&realm={bill.integration.external_id}"
    host = "app.sandbox.qbo.intuit.com" if settings.QBO_ENVIRONMENT == "sandbox" else "app.qbo.intuit.com"
    return f"https://{host}/app/bill?txnId={bill.external_id}"


def action_url(bill: Bill, action: str) -> str:
    public_id = bill.invoice.public_id
    if action == DUPLICATE:
        return reverse(DUPLICATE, kwargs={"public_id": public_id})
    # Of several company files the one that the bill goes to; of Online there is but one.
    is_in_file = bill.integration is not None and bill.integration.kind == Integration.Kind.QBD
    file = {"file": str(bill.integration_id)} if is_in_file else {}
    if action == MAPPING:
        return f"{reverse(MAPPING)}?{urlencode({'missing': str(public_id)} | file)}"
    if ":" in action:
        return reverse(action) + (f"?{urlencode(file)}" if action == SETTINGS and file else "")
    if action == CHECK:
        return _in_books_url(bill, action)
    if action == KEEP:
        return reverse("accounting:change", kwargs={"public_id": public_id, "action": action})
    return reverse("accounting:act", kwargs={"public_id": public_id, "action": action})
