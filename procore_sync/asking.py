"""Asks Procore and QuickBooks about one invoice and puts the answer together.

Asking changes nothing, except that a difference makes the invoice due: the same hint as a webhook's.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from accounting.backends import InBooks, NeedsReconnect, NotSent, backend_for
from accounting.models import Bill
from companies.models import AuditEvent, Membership, OutsideCall
from inbuild import http
from inbuild.queue import ring
from invoices.models import Invoice
from procore_sync import afterwards, doors, echo, explaining, following, gates, importing
from procore_sync.bells import IMPORT_DUE
from procore_sync.client import Forbidden, ProcoreError, SignInRefused
from procore_sync.explaining import Answer, Explanation, Head, Step
from procore_sync.fetching import Fetched, fetch
from procore_sync.finding import Subject, project_name
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject, SentInvoice
from procore_sync.reading import Unreadable

PROCORE_SECONDS = 5.0
QUICKBOOKS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What Procore answered; without `fetched`, `problem` says why not and `door` what helps."""

    fetched: Fetched | None
    problem: str = ""
    door: str = ""


def explain(subject: Subject, membership: Membership) -> Explanation:
    """Every question about one invoice, answered from Procore and QuickBooks as they are now."""
    invoice, row = subject.invoice, subject.row
    if row is not None:
        return _of_procore(row, invoice, membership)
    if invoice is None:
        raise ValueError("A subject is an invoice, an original, or both.")
    return _of_inbuild(invoice, membership)


# --- created in Procore ----------------------------------------------------------------------------------------------
def _of_procore(row: ProcoreInvoice, invoice: Invoice | None, membership: Membership) -> Explanation:
    zone = ZoneInfo(membership.company.time_zone)
    heard = _ask_procore(row)
    now, answers, sent = _judged(row, heard)
    differences = _differences(row, invoice, heard, now.status_words, zone)
    if invoice is None:
        steps = _before_import(row, now, heard, answers, sent, membership)
        is_open = all(step.answer is Answer.YES for step in steps)
        if is_open and not differences:
            differences.append("Nothing stands in its way and it is not imported yet. inBuild imports it now.")
        steps += afterwards.not_imported(membership, is_open=is_open)
    else:
        steps = _imported(row, now, heard, answers, invoice, membership)
    shown, told = _ask_quickbooks(invoice)
    if invoice is not None:
        steps += afterwards.of_bill(invoice, shown, told, membership)
    if differences:
        _make_due(row)
    if invoice is not None and not told:
        differences += explaining.of_books(invoice.bill, shown, zone)
    notes = [note for note in (_note_of_heard(row, heard, zone), *_notes(row, zone)) if note]
    head = _head_of_invoice(invoice) if invoice else _head_of_original(now, heard)
    return _explanation(head, steps, differences, notes)


def _explanation(head: Head, steps: Sequence[Step], differences: list[str], notes: list[str]) -> Explanation:
    marked = explaining.mark_first_shut(steps)
    words, colour = explaining.headline(marked)
    return Explanation(head, words, colour, marked, differences, notes)


def _head_of_invoice(invoice: Invoice) -> Head:
    bill: Bill | None = getattr(invoice, "bill", None)
    links = [doors.in_procore(invoice.source_url), doors.in_quickbooks(bill) if bill else None]
    return Head(
        what="Invoice",
        number=invoice.number,
        vendor=invoice.vendor.name,
        project=str(invoice.project or ""),
        amount=invoice.amount_due,
        currency=invoice.currency,
        invoice=invoice,
        links=[link for link in links if link],
    )


def _head_of_original(now: ProcoreInvoice, heard: Heard) -> Head:
    record = heard.fetched.record if heard.fetched else None
    link = doors.in_procore(following.source_url(now.integration, record)) if record else None
    return Head(
        what=now.get_kind_display(),
        number=now.number or f"with Procore id {now.procore_id}",
        vendor=now.vendor_name,
        project=project_name(now),
        amount=now.amount_due,
        currency=record.currency if record else str(now.snapshot.get("currency", "")),
        invoice=None,
        links=[link] if link else [],
    )


def _ask_procore(row: ProcoreInvoice) -> Heard:
    """A reading as the import makes it, only for a person who waits, and written nowhere."""
    integration = row.integration
    if not integration.is_active:
        return Heard(None, "Procore is disconnected, so inBuild cannot ask there.", "reconnect")
    if integration.state == ProcoreIntegration.State.NEEDS_RECONNECT:
        return Heard(None, "Procore no longer accepts inBuild's sign-in.", "reconnect")
    asking = copy.copy(row)
    asking.priority = ProcoreInvoice.Priority.NOW
    try:
        with http.within(PROCORE_SECONDS):
            return Heard(fetch(asking))
    except SignInRefused as exc:
        return Heard(None, str(exc), "reconnect")
    except Forbidden as exc:
        return Heard(None, str(exc), "permit")
    except ProcoreError as exc:
        return Heard(None, str(exc))
    except Unreadable as exc:
        return Heard(None, f"Procore's record could not be read: {exc} Nothing was imported.", "unreadable")


def _judged(row: ProcoreInvoice, heard: Heard) -> tuple[ProcoreInvoice, list[gates.Gate], SentInvoice | None]:
    """The row as it would be after this reading, and the gates' answers. Nothing is saved."""
    now = copy.copy(row)
    record = heard.fetched.record if heard.fetched else None
    with transaction.atomic():  # only because `echo` locks what it finds
        if heard.fetched is not None:
            for name, value in importing.observed(now, row.integration, heard.fetched).items():
                setattr(now, name, value)
        sent = echo.find(now, record) if record else None
        return now, gates.decide(importing.facts_for_gates(now, row.integration, record, sent)), sent


def _differences(
    row: ProcoreInvoice, invoice: Invoice | None, heard: Heard, status_words: str, zone: ZoneInfo
) -> list[str]:
    if heard.fetched is None:
        return []
    record = heard.fetched.record
    if row.pk is None:
        return explaining.of_unknown(record, invoice, status_words)
    return explaining.of_known(row, record, zone)


def _make_due(row: ProcoreInvoice) -> None:
    ProcoreInvoice.hint(row.integration, kind=row.kind, procore_id=row.procore_id, project_id=row.project_id)
    ring(IMPORT_DUE, row.company_id)


def _before_import(
    row: ProcoreInvoice,
    now: ProcoreInvoice,
    heard: Heard,
    answers: list[gates.Gate],
    sent: SentInvoice | None,
    membership: Membership,
) -> list[Step]:
    if heard.fetched is not None:
        steps = explaining.of_gates(answers)
        record = heard.fetched.record
        return [doors.of_gate(step, now, record, sent, membership) for step in steps]
    known = [gates.Gate(**gate) for gate in row.evidence]
    shut = heard.door in ("permit", "unreadable", "reconnect")
    first = Step(
        answers[0].name,
        answers[0].question,
        Answer.NO if shut else Answer.UNKNOWN,
        heard.problem,
        doors.of_procore(heard.door, row.integration, membership),
    )
    if known:
        return [first, *explaining.of_gates(known)[1:]]
    return [first, *(Step(gate.name, gate.question, Answer.NOT_REACHED) for gate in answers[1:])]


def _imported(
    row: ProcoreInvoice,
    now: ProcoreInvoice,
    heard: Heard,
    answers: list[gates.Gate],
    invoice: Invoice,
    membership: Membership,
) -> list[Step]:
    """What was open when it came stays so; Procore may have changed its mind since."""
    event = AuditEvent.objects.filter(
        company_id=invoice.company_id, verb="invoice.imported", object_id=str(invoice.pk)
    ).first()
    steps = {
        step.name: step for step in explaining.of_import(answers, event.after.get("evidence", []) if event else [])
    }
    if heard.fetched is None:
        door = doors.of_procore(heard.door, row.integration, membership)
        steps["found"] = Step("found", answers[0].question, Answer.UNKNOWN, heard.problem, door)
        return list(steps.values())
    record = heard.fetched.record
    changed = Answer.DIFFERS if _is_posted(invoice) else Answer.NO
    door = doors.in_procore(invoice.source_url)
    if record is None:
        told = "Procore no longer shows it: it was deleted there."
        steps["found"] = Step("found", answers[0].question, changed, told, doors.of_invoice(invoice))
    elif not record.is_approved:
        told = f"It is {now.status_words} in Procore now, and was approved when it came."
        steps["status"] = Step("status", steps["status"].question, changed, told, door)
    return list(steps.values())


# --- made in inBuild -------------------------------------------------------------------------------------------------
def _of_inbuild(invoice: Invoice, membership: Membership) -> Explanation:
    zone = ZoneInfo(membership.company.time_zone)
    differences, notes = [], []
    made = explaining.when(invoice.created_at, zone)
    steps = [Step("made", "Is it in inBuild?", Answer.YES, f"{invoice.created_by or 'inBuild'} entered it on {made}.")]
    sent = SentInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice).first()
    if sent is not None:
        step, difference, note = _of_sent(sent, membership)
        steps.append(step)
        differences += difference
        notes += note
    steps.append(_approved_here(invoice, zone))
    shown, told = _ask_quickbooks(invoice)
    steps += afterwards.of_bill(invoice, shown, told, membership)
    if not told:
        differences += explaining.of_books(invoice.bill, shown, zone)
    return _explanation(_head_of_invoice(invoice), steps, differences, notes)


def _approved_here(invoice: Invoice, zone: ZoneInfo) -> Step:
    question = "Is it approved?"
    if invoice.state == Invoice.State.APPROVED:
        by = f" by {invoice.approved_by}" if invoice.approved_by else ""
        told = f"It was approved on {explaining.when(invoice.approved_at, zone)}{by}."
        return Step("approved", question, Answer.YES, told)
    told = "It was cancelled." if invoice.state == Invoice.State.CANCELLED else "It waits for approval."
    return Step("approved", question, Answer.NO, told, doors.of_invoice(invoice))


def _of_sent(sent: SentInvoice, membership: Membership) -> tuple[Step, list[str], list[str]]:
    """One of ours on its way into Procore, or there: its approval there releases it."""
    zone, question = ZoneInfo(membership.company.time_zone), "Is it in Procore?"
    if sent.procore_id is None:
        words = sent.problem or f"{sent.get_state_display()}."
        return Step("found", question, Answer.NO, words, doors.of_invoice(sent.invoice)), [], []
    kind = ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE
    known = ProcoreInvoice.objects.filter(
        company_id=sent.company_id, integration_id=sent.integration_id, kind=kind, procore_id=sent.procore_id
    ).first()
    row = known or ProcoreInvoice(
        company=sent.company, integration=sent.integration, kind=kind, procore_id=sent.procore_id
    )
    row.project_id = sent.project_id
    heard = _ask_procore(row)
    if heard.fetched is None:
        door = doors.of_procore(heard.door, sent.integration, membership)
        note = _note_of_heard(row, heard, zone)
        return Step("found", question, Answer.UNKNOWN, heard.problem, door), [], [note] if note else []
    record = heard.fetched.record
    if record is None:
        return Step("found", question, Answer.NO, "Procore no longer shows it: it was deleted there."), [], []
    status = ProcoreInvoice.STATUS_WORDS.get(record.status, record.status)
    differences = []
    if record.status != sent.status:
        before = ProcoreInvoice.STATUS_WORDS.get(sent.status, sent.status) or "nothing"
        differences.append(f"Procore now shows it as {status}; inBuild last saw {before}. It asks Procore now.")
        _make_due(row)
    told = f"inBuild sent it as {sent.procore_id}; it is {status} there."
    return Step("found", question, Answer.YES, told), differences, []


# --- QuickBooks ------------------------------------------------------------------------------------------------------
def _is_posted(invoice: Invoice) -> bool:
    bill: Bill | None = getattr(invoice, "bill", None)
    return bill is not None and bill.state == Bill.State.SYNCED


def _ask_quickbooks(invoice: Invoice | None) -> tuple[InBooks | None, str]:
    """The posted bill as it is there now, None when it is gone; or why QuickBooks cannot be asked."""
    if invoice is None or not _is_posted(invoice):
        return None, "It was not sent yet."
    bill = invoice.bill
    integration, zone = bill.integration, ZoneInfo(invoice.company.time_zone)
    known = f"inBuild last saw it there on {explaining.when(_last_answer(bill), zone)}."
    if integration is None or not integration.is_active:
        return None, f"The bill was posted to {integration}, which is no longer connected. {known}"
    if integration.state != integration.State.CONNECTED:
        return None, f"QuickBooks no longer accepts inBuild's connection, so it cannot be asked. {known}"
    try:
        with http.within(QUICKBOOKS_SECONDS):
            return backend_for(integration).read(bill), ""
    except NotSent as exc:
        if exc.problem == bill.WAITS_FOR_PC:
            return None, f"inBuild asks QuickBooks Desktop when the Web Connector calls next. {known}"
        why = "QuickBooks asked inBuild to slow down." if exc.problem == "busy" else "QuickBooks cannot be reached."
        return None, f"{why} {known}"
    except NeedsReconnect:
        return None, f"QuickBooks no longer accepts inBuild's connection, so it cannot be asked. {known}"


def _last_answer(bill: Bill) -> datetime | None:
    calls = OutsideCall.objects.filter(company_id=bill.company_id, subject=f"bill:{bill.pk}", status=200)
    last = calls.order_by("-id").values_list("at", flat=True).first()
    return last or bill.synced_at


# --- what else helps -------------------------------------------------------------------------------------------------
def _note_of_heard(row: ProcoreInvoice, heard: Heard, zone: ZoneInfo) -> str:
    if heard.fetched is not None:
        return ""
    if row.pk is None or not row.status:
        return "Procore could not be asked, and inBuild knows nothing of it from before."
    calls = OutsideCall.objects.filter(company_id=row.company_id, subject=f"procore_invoice:{row.pk}", status=200)
    at = calls.order_by("-id").values_list("at", flat=True).first() or row.source_updated_at
    amount = f", {row.amount_due:,.2f}" if row.amount_due is not None else ""
    return (
        f"Procore could not be asked. What stands here is what inBuild knew on {explaining.when(at, zone)}: "
        f"{row.status_words}{amount}."
    )


def _notes(row: ProcoreInvoice, zone: ZoneInfo) -> list[str]:
    """A project whose changes are not announced is slower, not lost."""
    project = ProcoreProject.objects.filter(integration_id=row.integration_id, procore_id=row.project_id).first()
    if project is None:
        return []
    if not project.is_open:
        return [f"Project {project} is no longer active in Procore, so inBuild does not look for changes there."]
    if project.hook_id and not project.problem:
        return []
    swept = f"last on {explaining.when(project.swept_at, zone)}" if project.swept_at else "the first time soon"
    why = f" ({project.problem})" if project.problem else ""
    return [
        f"Procore does not announce changes of project {project}: its webhook is missing or has a problem{why}. "
        f"inBuild finds them at its regular look instead, {swept}."
    ]
