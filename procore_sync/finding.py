"""Which invoice does a person mean? Looks among what inBuild knows, then asks Procore where its API can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q

from accounting import presenting
from accounting.models import Bill
from companies.models import Company
from invoices import searching
from invoices.models import Invoice
from procore_sync import links, records
from procore_sync.client import Forbidden, NotFound, Procore, ProcoreError
from procore_sync.models import ProcoreIntegration, ProcoreInvoice, ProcoreProject
from procore_sync.reading import Unreadable
from procore_sync.records import Record

SHOWN = 20
QUICKBOOKS_ONLINE = "https://app.qbo.intuit.com"


@dataclass(frozen=True, slots=True)
class Subject:
    """The one invoice a question is about: inBuild's, Procore's as we know it, or both.

    `row` is not saved where inBuild never heard of it.
    """

    invoice: Invoice | None
    row: ProcoreInvoice | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One line of the list to choose from; `query` is its own address on this page."""

    number: str
    vendor: str
    project: str
    amount: Decimal | None
    word: str
    colour: str
    query: str


@dataclass(frozen=True, slots=True)
class Found:
    """One invoice, several to choose from, or none; `told` says what was searched and why nothing came of it."""

    subject: Subject | None = None
    candidates: list[Candidate] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    may_compare: bool = False


def places() -> links.Places:
    return links.Places(
        procore={name: place["ui"] for name, place in settings.PROCORE_ENVIRONMENTS.items()},
        inbuild=settings.PUBLIC_URL,
        quickbooks=settings.QBO_UI_URL or QUICKBOOKS_ONLINE,
    )


def find(company: Company, text: str) -> Found:
    """What a person typed or pasted. Asks Procore only where inBuild itself knows nothing that fits."""
    page = links.read(text, places())
    if isinstance(page, links.ProcorePage):
        return _of_procore_page(company, page)
    if isinstance(page, links.InbuildInvoice):
        return _of_invoice(Invoice.objects.filter(company=company, public_id=page.public_id), "invoice")
    if isinstance(page, links.QuickBooksBill):
        bills = Bill.objects.filter(company=company, external_id=page.external_id)
        return _of_invoice(Invoice.objects.filter(company=company, bill__in=bills), "bill")
    if isinstance(page, links.Foreign):
        return Found(told=[f"{page.host} is neither Procore, QuickBooks nor inBuild, so nothing was looked up."])
    known = _known(company, text)
    if len(known) == 1:
        return Found(subject=known[0])
    if known:
        return Found(candidates=[_candidate(subject, text) for subject in known])
    return _ask_procore(company, text)


def subject_of(company: Company, *, kind: str, project_id: int, procore_id: int) -> Subject | None:
    """By Procore's own ids; None where no Procore is connected."""
    integration = ProcoreIntegration.active(company)
    if integration is None:
        return None
    row = ProcoreInvoice.objects.filter(
        company=company, integration=integration, kind=kind, procore_id=procore_id
    ).first()
    invoice = row.invoice if row else _mirror(company, integration, kind, procore_id)
    if row is None:
        row = ProcoreInvoice(
            company=company, integration=integration, kind=kind, procore_id=procore_id, project_id=project_id
        )
    return Subject(invoice, row)


def subject_of_invoice(invoice: Invoice) -> Subject:
    """An invoice of inBuild's with its original in Procore, where it has one, or with what was sent there."""
    row = ProcoreInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice).first()
    if row is None and invoice.procore_id is not None and invoice.project and invoice.project.procore_id:
        lost = subject_of(
            invoice.company,
            kind=invoice.procore_kind,
            project_id=invoice.project.procore_id,
            procore_id=invoice.procore_id,
        )
        row = lost.row if lost and lost.invoice == invoice else None
    return Subject(invoice, row)


def _mirror(company: Company, integration: ProcoreIntegration, kind: str, procore_id: int) -> Invoice | None:
    rows = Invoice.objects.filter(company=company, procore_environment=integration.environment)
    return rows.filter(procore_kind=kind, procore_id=procore_id).first()


def _of_invoice(rows: Any, what: str) -> Found:
    invoice = rows.select_related("company", "vendor", "project", "bill__integration").first()
    if invoice is not None:
        return Found(subject=subject_of_invoice(invoice))
    if what == "bill":
        return Found(
            told=[
                "inBuild made no bill with this id in your QuickBooks. Search for the invoice's number or vendor to "
                "see whether it waits here."
            ]
        )
    return Found(told=["Your company has no such invoice in inBuild."])


def _of_procore_page(company: Company, page: links.ProcorePage) -> Found:
    integration = ProcoreIntegration.active(company)
    if integration is None:
        return Found(told=["No Procore is connected to your company, so inBuild cannot ask about this link."])
    if page.environment != integration.environment or page.company_id not in (None, integration.procore_company_id):
        which = f" (id {page.company_id})" if page.company_id else ""
        return Found(
            told=[
                f"This link is of another company in Procore{which}. inBuild is connected to "
                f"{integration.procore_company_name or 'the company'} (id {integration.procore_company_id}). "
                "Nothing was looked up."
            ]
        )
    if page.procore_id and page.project_id:
        subject = subject_of(company, kind=page.kind, project_id=page.project_id, procore_id=page.procore_id)
        return Found(subject=subject)
    if page.commitment_id and page.project_id:
        return _of_commitment(integration, page.project_id, page.commitment_id)
    return Found(
        told=[
            "This page of Procore is not about one invoice. Open the invoice there and copy its address, or type its "
            "number."
        ],
    )


def _of_commitment(integration: ProcoreIntegration, project_id: int, commitment_id: int) -> Found:
    """The invoices tab of a commitment names no invoice: list what Procore has there."""
    try:
        rows = Procore(integration, "why").subcontractor_invoices_of(project_id, commitment_id).rows
    except (Forbidden, NotFound):
        return Found(told=[_no_access(integration, project_id)])
    except ProcoreError as exc:
        return Found(told=[str(exc)])
    listed = [record for data in rows if (record := _record(data, records.SUBCONTRACTOR_INVOICE, project_id))]
    if not listed:
        return Found(told=["Procore shows no invoice on this commitment."])
    return _of_records(integration, listed, "")


def _known(company: Company, text: str) -> list[Subject]:
    """What inBuild has heard of: imported or not. A number that is exactly the same stands alone."""
    rows = ProcoreInvoice.objects.filter(company=company, invoice=None).select_related("integration", "company")
    text = text.strip()
    like = Q(number__icontains=text) | Q(vendor_name__icontains=text)
    if text.isdecimal() and len(text) <= 18:
        like |= Q(procore_id=int(text))
    waiting = list(rows.filter(like).exclude(integration__state="disconnected").order_by("-pk")[: SHOWN + 1])
    found = searching.search(company, text)
    by_bill = Invoice.objects.filter(company=company, bill__external_number__iexact=text)
    invoices = list(
        (found | by_bill)
        .distinct()
        .select_related("company", "vendor", "project", "bill__integration", "procore_invoice")
        .order_by("-invoice_date", "-pk")[: SHOWN + 1]
    )
    subjects = [subject_of_invoice(invoice) for invoice in invoices] + [Subject(None, row) for row in waiting]
    exact = [subject for subject in subjects if _number(subject).casefold() == text.casefold()]
    return (exact or subjects)[:SHOWN]


def _ask_procore(company: Company, text: str) -> Found:
    """Nothing known: direct costs can be asked for by number, subcontractor invoices only be listed whole."""
    integration = ProcoreIntegration.active(company)
    if integration is None:
        return Found(told=["Nothing in inBuild fits, and no Procore is connected that could be asked."])
    projects = list(ProcoreProject.objects.filter(integration=integration, is_open=True).order_by("-last_delivery_at"))
    procore, found, asked, problem = Procore(integration, "why"), [], 0, ""
    for project in projects:
        try:
            rows = procore.direct_costs_numbered(project.procore_id, text)
        except (Forbidden, NotFound):
            rows = []  # the tool is switched off in this project, or the project not permitted
        except ProcoreError as exc:
            problem = str(exc)
            break
        asked += 1
        found += [r for data in rows if (r := _record(data, records.DIRECT_COST, project.procore_id))]
    if found:
        return _of_records(integration, found, text)
    told = [f"Nothing that inBuild has heard of fits “{text[:80]}”."]
    told.append(
        f"Procore was asked for direct costs with this number in {asked} of {len(projects)} "
        f"project{'' if len(projects) == 1 else 's'}" + (f": {problem}" if problem else ", and has none.")
    )
    told.append(
        "Procore cannot be asked for a subcontractor invoice by its number or vendor. Paste the invoice's link from "
        "Procore, or let inBuild compare all projects with Procore now, which takes some minutes, and ask again."
    )
    return Found(told=told, may_compare=True)


def _of_records(integration: ProcoreIntegration, listed: list[Record], text: str) -> Found:
    subjects = []
    for record in listed[:SHOWN]:
        subject = subject_of(
            integration.company, kind=record.kind, project_id=record.project_id, procore_id=record.procore_id
        )
        if subject:
            subjects.append((subject, record))
    if len(subjects) == 1:
        return Found(subject=subjects[0][0])
    return Found(candidates=[_candidate(subject, text, record) for subject, record in subjects])


def _record(data: Mapping[str, Any], kind: str, project_id: int) -> Record | None:
    try:
        if kind == records.DIRECT_COST:
            return records.direct_cost(data, project_id)
        return records.subcontractor_invoice(data)
    except Unreadable:
        return None


def _candidate(subject: Subject, text: str, record: Record | None = None) -> Candidate:
    query = urlencode(({"q": text} if text else {}) | dict(_key(subject)))
    invoice, row = subject.invoice, subject.row
    if invoice is not None:
        status = presenting.status(invoice)
        return Candidate(
            number=invoice.number,
            vendor=invoice.vendor.name,
            project=str(invoice.project or ""),
            amount=invoice.amount_due,
            word=status["word"],
            colour=status["colour"],
            query=query,
        )
    if row is None:
        raise ValueError("A subject is an invoice, an original, or both.")
    shown = record or row
    seen = ProcoreInvoice.STATUS_WORDS.get(shown.status, shown.status) or "Not seen in Procore"
    return Candidate(
        number=shown.number or str(row.procore_id),
        vendor=shown.vendor_name,
        project=project_name(row),
        amount=shown.amount_due,
        word=f"{seen}, not imported",
        colour="muted",
        query=query,
    )


def _key(subject: Subject) -> Iterator[tuple[str, str]]:
    if subject.invoice is not None:
        yield "invoice", str(subject.invoice.public_id)
    elif subject.row is not None:
        yield from {
            "kind": subject.row.kind,
            "project": str(subject.row.project_id),
            "id": str(subject.row.procore_id),
        }.items()


def _number(subject: Subject) -> str:
    if subject.invoice is not None:
        return subject.invoice.number
    return subject.row.number if subject.row else ""


def project_name(row: ProcoreInvoice) -> str:
    found = ProcoreProject.objects.filter(integration_id=row.integration_id, procore_id=row.project_id).first()
    return str(found) if found else f"Project {row.project_id}"


def _no_access(integration: ProcoreIntegration, project_id: int) -> str:
    known = ProcoreProject.objects.filter(integration=integration, procore_id=project_id).first()
    name = f"project {known}" if known else f"the project with id {project_id}"
    return (
        f"Procore does not show {name} to inBuild. Add it to the app's permitted projects in Procore, unless it "
        "belongs to another company there."
    )
