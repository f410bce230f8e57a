"""Is a month complete? Procore's approvals, what inBuild has of them and what QuickBooks has, set side by side.

Both are asked anew: Procore for all of each open project, QuickBooks for a whole reading of its bills. A month is told
by the billing date in Procore.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounting import following as books
from accounting.comparing import signed
from accounting.models import Bill, BookedBill, Integration
from accounting.problems import problem, sentence
from inbuild.queue import backoff, database_now, ring
from invoices.models import Invoice
from procore_sync import comparing
from procore_sync.bells import IMPORT_DUE
from procore_sync.client import Forbidden, NotFound, Procore, ProcoreError, SignInRefused, Unavailable
from procore_sync.models import MonthCheck, ProcoreInvoice, ProcoreProject, SentInvoice
from procore_sync.records import Record

LOOK_AGAIN = timedelta(seconds=2)
LONGEST_FOR_BOOKS = timedelta(hours=24)
Key = tuple[str, int]


@dataclass(slots=True)
class Line:
    """One invoice as the three have it; an amount that is None is not there. `words` say what is wrong, if anything."""

    kind: str
    procore_id: int
    number: str
    vendor: str
    day: str
    currency: str
    procore: str | None = None
    inbuild: str | None = None
    books: str | None = None
    invoice: str = ""
    words: str = ""


def work(check: MonthCheck) -> None:
    """One step of a check: read the next project, or the books, or put together what was read."""
    project = check.next_project
    if project is not None:
        _read_project(check, project)
    elif check.books_asked_at is None:
        books.whole_soon(Integration.active(check.company_id))
        check.go_on(Now(), books_asked_at=Now(), waits_for="Reading QuickBooks.")
    elif waits_for := _still_reads(check):
        check.go_on(Now() + LOOK_AGAIN, waits_for=waits_for)
    else:
        check.go_on(None, result=_result(check), done_at=Now(), waits_for="")


# --- Procore ---------------------------------------------------------------------------------------------------------
def _read_project(check: MonthCheck, project: Mapping[str, Any]) -> None:
    try:
        found = _listed(check, int(project["id"]))
    except Unavailable as exc:
        wait = exc.wait if exc.is_pacing else max(exc.wait, backoff(check.failures))
        check.go_on(Now() + wait, waits_for=str(exc)[:300])
        return
    except SignInRefused as exc:
        check.integration.needs_reconnect(str(exc))
        found = {"problem": str(exc)}
    except (Forbidden, NotFound, ProcoreError) as exc:
        found = {"problem": str(exc)}
    check.go_on(Now(), listed=check.listed | {str(project["id"]): found}, waits_for="")


def _listed(check: MonthCheck, project_id: int) -> dict[str, Any]:
    """What Procore lists as approved in the month, and ours that it does not list so. Raises ProcoreError."""
    project = ProcoreProject.objects.select_related("integration", "company").get(
        integration_id=check.integration_id, procore_id=project_id
    )
    approved: dict[Key, Record] = {}
    elsewhere: dict[Key, str] = {}
    problems = [project.direct_costs_problem] if project.direct_costs_problem else []
    for kind, listed in comparing.lists_of(project, Procore(project.integration, f"completeness:{check.pk}")):
        if not listed.is_complete:
            problems.append("The list changed in Procore while it was read, so something may be missing. Check again.")
        for data in listed.rows:
            record = comparing.record_of(project, kind, data)
            if record is None:
                problems.append(f"Procore's record {data.get('id')} could not be read.")
            elif _counts(record) and _is_in(check.month, record.billing_date):
                approved[kind, record.procore_id] = record
            else:
                elsewhere[kind, record.procore_id] = _why_elsewhere(record)
    lines = [asdict(_of_record(record)) for record in approved.values()]
    ours = _ours(check, project_id).exclude(pk__in=[row.pk for row in _rows(check, approved)])
    lines += [asdict(_of_ours(row, elsewhere)) for row in ours]
    return {"problem": " ".join(problems), "lines": lines}


def _counts(record: Record) -> bool:
    return record.is_approved and record.cost_type == "invoice"


def _is_in(month: date, day: date) -> bool:
    return (day.year, day.month) == (month.year, month.month)


def _why_elsewhere(record: Record) -> str:
    if not _counts(record):
        return f"It is {ProcoreInvoice.STATUS_WORDS.get(record.status, record.status)} in Procore now."
    return f"Its billing date in Procore is {record.billing_date:%b %d, %Y} now."


def _of_record(record: Record) -> Line:
    return Line(
        record.kind,
        record.procore_id,
        record.number,
        record.vendor_name,
        record.billing_date.isoformat(),
        record.currency,
        procore=str(record.amount_due),
    )


def _of_ours(row: ProcoreInvoice, elsewhere: Mapping[Key, str]) -> Line:
    words = elsewhere.get((row.kind, row.procore_id), "Procore no longer shows it.")
    day = row.invoice.invoice_date.isoformat() if row.invoice else ""
    return Line(
        row.kind, row.procore_id, row.number, row.vendor_name, day, str(row.snapshot.get("currency", "")), words=words
    )


def _rows(check: MonthCheck, keys: Iterable[Key]) -> list[ProcoreInvoice]:
    wanted = set(keys)
    rows = ProcoreInvoice.objects.filter(
        company_id=check.company_id, integration_id=check.integration_id, procore_id__in={key[1] for key in wanted}
    )
    return [row for row in rows.select_related("invoice") if (row.kind, row.procore_id) in wanted]


def _ours(check: MonthCheck, project_id: int) -> QuerySet[ProcoreInvoice]:
    """What inBuild imported from the project for the month."""
    return ProcoreInvoice.objects.filter(
        company_id=check.company_id,
        integration_id=check.integration_id,
        project_id=project_id,
        invoice__invoice_date__year=check.month.year,
        invoice__invoice_date__month=check.month.month,
    ).select_related("invoice")


# --- QuickBooks ------------------------------------------------------------------------------------------------------
def _still_reads(check: MonthCheck) -> str:
    """Empty when all books were read since they were asked for, or will not be; else what the check waits for."""
    if check.books_asked_at is None or database_now() > check.books_asked_at + LONGEST_FOR_BOOKS:
        return ""
    for integration in _readable(check):
        if integration.compared_at is None or integration.compared_at < check.books_asked_at:
            if integration.kind == Integration.Kind.QBD:
                return f"{integration} is read when the Web Connector on its PC calls next."
            return f"Reading {integration}."
    return ""


def _readable(check: MonthCheck) -> QuerySet[Integration]:
    return Integration.active(check.company_id).filter(state=Integration.State.CONNECTED).order_by("pk")


def _unread(check: MonthCheck) -> list[str]:
    """Why the books' side is not of now."""
    active = list(Integration.active(check.company_id).order_by("pk"))
    if not active:
        return ["QuickBooks is not connected, so nothing could be compared with it."]
    problems = []
    for integration in active:
        if integration.state != Integration.State.CONNECTED:
            problems.append(f"{integration} could not be read: QuickBooks no longer accepts inBuild's connection.")
        elif integration.compared_at is None or integration.compared_at < (check.books_asked_at or check.asked_at):
            problems.append(f"{integration} was not read within a day.")
    return problems


# --- side by side ----------------------------------------------------------------------------------------------------
def _result(check: MonthCheck) -> dict[str, Any]:
    projects, unheard = [], 0
    for project in check.projects:
        found = check.listed[str(project["id"])]
        lines = [Line(**line) for line in found.get("lines", ())]
        unheard += _complete(check, int(project["id"]), lines)
        lines.sort(key=lambda line: (not line.words, line.day, line.number))
        projects.append(
            {
                "id": project["id"],
                "name": project["name"],
                "problem": found.get("problem", ""),
                "differences": sum(bool(line.words) for line in lines),
                "lines": [asdict(line) for line in lines],
            }
            | {side: totals(lines, side) for side in ("procore", "inbuild", "books")}
        )
    if unheard:
        ring(IMPORT_DUE, check.company_id)
    return {"projects": projects, "problems": _unread(check)}


def totals(lines: Iterable[Line], side: str) -> dict[str, Any]:
    """How many invoices one side has, and what they come to by currency."""
    sums: dict[str, Decimal] = {}
    count = 0
    for line in lines:
        amount = getattr(line, side)
        if amount is not None:
            count += 1
            sums[line.currency] = sums.get(line.currency, Decimal(0)) + Decimal(amount)
    return {"count": count, "sums": [[currency, str(total)] for currency, total in sorted(sums.items())]}


def _complete(check: MonthCheck, project_id: int, lines: list[Line]) -> int:
    """Add to each what inBuild and QuickBooks have of it. Returns of how many inBuild had never heard."""
    rows = {(row.kind, row.procore_id): row for row in _rows(check, [(line.kind, line.procore_id) for line in lines])}
    sent = {row.procore_id: row for row in _sent(check, lines)}
    invoices = [row.invoice_id for row in rows.values() if row.invoice_id]
    invoices += [row.invoice_id for row in sent.values()]
    bills = Bill.objects.filter(company_id=check.company_id, invoice_id__in=invoices)
    by_invoice = {bill.invoice_id: bill for bill in bills.select_related("invoice", "integration")}
    booked = _booked(check, by_invoice.values())
    unheard = 0
    for line in lines:
        row = rows.get((line.kind, line.procore_id))
        ours = sent.get(line.procore_id) if line.kind == ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE else None
        invoice = ours.invoice if ours else (row.invoice if row else None)
        if invoice is None:
            line.words = line.words or _why_not_imported(row)
            if row is None or row.decision == ProcoreInvoice.Decision.WAITING:
                ProcoreInvoice.hint(
                    check.integration, kind=line.kind, procore_id=line.procore_id, project_id=project_id
                )
                unheard += 1
        else:
            _add_ours(line, invoice, by_invoice.get(invoice.pk), booked)
    return unheard


def _sent(check: MonthCheck, lines: Iterable[Line]) -> QuerySet[SentInvoice]:
    return SentInvoice.objects.filter(
        company_id=check.company_id,
        integration_id=check.integration_id,
        procore_id__in=[line.procore_id for line in lines],
    ).select_related("invoice")


def _booked(check: MonthCheck, bills: Iterable[Bill]) -> dict[tuple[int | None, str, str], BookedBill]:
    ids = [bill.external_id for bill in bills if bill.external_id]
    rows = BookedBill.objects.filter(company_id=check.company_id, external_id__in=ids, is_deleted=False)
    return {(row.integration_id, row.kind, row.external_id): row for row in rows}


def _why_not_imported(row: ProcoreInvoice | None) -> str:
    if row is None:
        return "inBuild had not heard of it. It asks Procore for it now."
    return row.reason or "Not imported yet. inBuild asks Procore for it now."


def _add_ours(
    line: Line, invoice: Invoice, bill: Bill | None, booked: Mapping[tuple[int | None, str, str], BookedBill]
) -> None:
    line.invoice, line.inbuild = str(invoice.public_id), str(invoice.amount_due)
    line.currency = line.currency or invoice.currency
    line.number, line.vendor = line.number or invoice.number, line.vendor or invoice.vendor.name
    row = booked.get((bill.integration_id, bill.kind, str(bill.external_id))) if bill else None
    if bill is not None and row is not None and bill.state == Bill.State.SYNCED:
        line.books = str(signed(bill, row.total))
    line.words = " ".join(words for words in (line.words, *_differences(line, bill)) if words)


def _differences(line: Line, bill: Bill | None) -> Iterable[str]:
    if line.procore is not None and Decimal(line.procore) != Decimal(line.inbuild or 0):
        yield "Procore's amount is another one than inBuild's."
    if line.books is not None:
        if Decimal(line.books) != Decimal(line.inbuild or 0):
            yield "QuickBooks' amount is another one than inBuild's."
    elif bill is None:
        yield "It is not approved in inBuild yet."
    elif bill.state == Bill.State.SYNCED:
        yield "QuickBooks does not have the bill any more."
    elif bill.problem:
        yield f"{problem(bill.problem).label}: {sentence(bill.problem, bill.problem_detail)}"
    else:
        yield f"Not in QuickBooks: {bill.get_state_display()}."
