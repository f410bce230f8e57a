"""The only writer of invoices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.core.files import File
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Q, QuerySet

from companies import auditing
from companies.models import Company, User
from inbuild.written import Written
from invoices.alike import digest_of
from invoices.models import (
    Attachment,
    CostCode,
    InboxFile,
    Invoice,
    InvoiceLine,
    Project,
    Vendor,
    WrongState,
    file_name,
)

SENT = ("sending", "checking", "synced")


@dataclass(frozen=True, slots=True)
class NewLine:
    """One line to be; amounts in the invoice's currency, retainage negative when held back."""

    description: str
    gross: Decimal
    retainage: Decimal = Decimal("0")
    cost_code: str = ""
    cost_code_name: str = ""
    cost_type: str = ""
    cost_code_origin_id: str = ""


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """An invoice to be. `amount_due` is what its source says, not what we add up."""

    vendor_name: str
    number: str
    invoice_date: date
    currency: str
    gross: Decimal
    retainage: Decimal
    amount_due: Decimal
    lines: tuple[NewLine, ...]
    mismatch: str = ""
    procore_environment: str = ""
    procore_kind: str = ""
    procore_id: int | None = None
    vendor_procore_id: int | None = None
    project_name: str = ""
    project_number: str = ""
    project_procore_id: int | None = None
    due_date: date | None = None
    commitment: str = ""
    memo: str = ""
    approved_at: datetime | None = None
    approved_by: str = ""
    source_url: str = ""


def record_from_procore(company: Company, new: NewInvoice, *, evidence: Sequence[str] = ()) -> Invoice:
    """Write an invoice that was created and approved in Procore, with its lines and why it came."""
    invoice = _write(
        company,
        new,
        source=Invoice.Source.PROCORE,
        state=Invoice.State.APPROVED,
        vendor=_vendor_from_procore(company, new),
        project=_project_from_procore(company, new),
        procore_environment=new.procore_environment,
        procore_kind=new.procore_kind,
        procore_id=new.procore_id,
    )
    sentence = f"Imported from Procore: {new.number} of {new.vendor_name}"
    after = {"evidence": list(evidence)}
    auditing.record(company, "invoice.imported", invoice, sentence, job="import", after=after)
    return invoice


def mirror_of(company: Company, *, environment: str, kind: str, procore_id: int) -> Invoice | None:
    """The invoice that mirrors this original in Procore, whether or not a record of the import is left."""
    rows = Invoice.objects.filter(company=company, procore_environment=environment, procore_kind=kind)
    return rows.select_related("vendor", "project", "company").filter(procore_id=procore_id).first()


def is_same(invoice: Invoice, new: NewInvoice) -> bool:
    """Does the invoice say what its original says now?"""
    lines = [(line.description[:4000], line.gross, line.retainage) for line in new.lines]
    return (
        all(
            getattr(invoice, name) == getattr(new, name)
            for name in ("number", "invoice_date", "currency", "gross", "retainage", "amount_due", "mismatch")
        )
        and invoice.vendor.procore_id == new.vendor_procore_id
        and list(invoice.lines.order_by("position").values_list("description", "gross", "retainage")) == lines
    )


def refresh_from_procore(
    invoice: Invoice,
    new: NewInvoice,
    *,
    user: User | None = None,
    sentence: str = "Changed in Procore before it was sent",
) -> None:
    """Write what the original says now over an invoice whose bill has not been sent, or is to be updated."""
    before = {"number": invoice.number, "amount_due": str(invoice.amount_due), "lines": invoice.lines.count()}
    invoice.vendor = _vendor_from_procore(invoice.company, new)
    for name in ("number", "invoice_date", "currency", "gross", "retainage", "amount_due", "approved_at", "mismatch"):
        setattr(invoice, name, getattr(new, name))
    invoice.commitment, invoice.approved_by = new.commitment[:255], new.approved_by[:200]
    invoice.save()
    invoice.lines.all().delete()
    _write_lines(invoice, new)
    after = {"number": new.number, "amount_due": str(new.amount_due), "lines": len(new.lines)}
    auditing.record(
        invoice.company_id,
        "invoice.refreshed",
        invoice,
        f"{sentence}; now {new.amount_due:,.2f}",
        user=user,
        job="import",
        before=before,
        after=after,
    )


def know_projects(company: Company, environment: str, projects: Iterable[tuple[int, str, str, str]]) -> None:
    """Projects of Procore's by id, name, number and the id its ERP integration keeps: an invoice made here can name one
    before any was imported."""
    Project.objects.bulk_create(
        [
            Project(
                company=company,
                procore_environment=environment,
                procore_id=procore_id,
                name=name,
                number=number,
                origin_id=origin_id,
            )
            for procore_id, name, number, origin_id in projects
        ],
        batch_size=200,
        update_conflicts=True,
        unique_fields=["company", "procore_environment", "procore_id"],
        update_fields=["name", "number", "origin_id"],
    )


def know_origins(vendors: Sequence[Vendor], *, at: datetime) -> None:
    """Keep the `origin_id` that Procore showed of these when it was asked."""
    for vendor in vendors:
        vendor.origin_asked_at = at
    Vendor.objects.bulk_update(vendors, ["origin_id", "origin_asked_at"], batch_size=500)


def note_mismatch(invoice: Invoice, sentence: str) -> None:
    """Two amounts that should be the same are not: the invoice's bill is held with this sentence."""
    invoice.mismatch = sentence[:500]
    invoice.save(update_fields=["mismatch"])


def note_original(invoice: Invoice, *, commitment: str, source_url: str) -> None:
    """Where an invoice made in inBuild stands in Procore."""
    facts = {"commitment": commitment[:255], "source_url": source_url}
    if any(getattr(invoice, name) != value for name, value in facts.items()):
        Invoice.objects.filter(pk=invoice.pk).update(**facts)
        invoice.commitment, invoice.source_url = facts["commitment"], facts["source_url"]


def record_upload(
    company: Company,
    new: NewInvoice,
    *,
    project: Project | None,
    pdf: File[bytes],
    user: User,
    state: Invoice.State = Invoice.State.SUBMITTED,
) -> Invoice:
    """Write an invoice that a person made in inBuild, with its file; it waits for approval, or is a draft."""
    invoice = _record_here(company, new, project=project, user=user, state=state)
    name = file_name(pdf.name or "invoice", "application/pdf")
    digest = digest_of(pdf)
    Attachment.objects.create(company=company, invoice=invoice, file=pdf, name=name, size=pdf.size or 0, sha256=digest)
    return invoice


def record_from_inbox(
    file: InboxFile, new: NewInvoice, *, project: Project | None, user: User, state: Invoice.State
) -> Invoice:
    """Write the invoice that a person made of a file of the inbox, which is its attachment from now on, where it lies.

    Raises WrongState where the file was entered or removed meanwhile. Whoever comes second waits for the first.
    """
    row = InboxFile.objects.select_for_update().get(pk=file.pk)
    if not row.is_open:
        raise WrongState(f"{row.name} was entered or removed meanwhile. Nothing was saved a second time.")
    invoice = _record_here(row.company, new, project=project, user=user, state=state)
    Attachment.objects.create(
        company_id=row.company_id,
        invoice=invoice,
        file=str(row.file.name),
        name=row.name,
        size=row.size,
        sha256=row.sha256,
    )
    InboxFile.objects.filter(pk=row.pk).update(
        state=InboxFile.State.USED, invoice=invoice, file="", next_at=None, lease_until=None
    )
    return invoice


def _record_here(
    company: Company, new: NewInvoice, *, project: Project | None, user: User, state: Invoice.State
) -> Invoice:
    invoice = _write(
        company,
        new,
        source=Invoice.Source.INBUILD,
        state=state,
        vendor=_vendor_by_name(company, new.vendor_name),
        project=project,
        created_by=user,
    )
    sentence = f"Created {new.number} of {new.vendor_name}"
    sentence += ", submitted for approval" if state == Invoice.State.SUBMITTED else ", as a draft"
    auditing.record(company, "invoice.created", invoice, sentence, user=user)
    return invoice


def rewrite(invoice: Invoice, new: NewInvoice, *, project: Project | None) -> None:
    """Write over an invoice made here, which the caller holds locked and knows to be a draft."""
    invoice.vendor, invoice.project = _vendor_by_name(invoice.company, new.vendor_name), project
    for name in ("number", "invoice_date", "due_date", "gross", "retainage", "amount_due"):
        setattr(invoice, name, getattr(new, name))
    invoice.save()
    invoice.lines.all().delete()
    _write_lines(invoice, new)


def attach(invoice: Invoice, *, name: str, content_type: str, content: bytes) -> Attachment:
    """Keep a file that belongs to an invoice. Its type must have been told by its bytes."""
    shown = file_name(name, content_type)
    return Attachment.objects.create(
        company_id=invoice.company_id,
        invoice=invoice,
        file=ContentFile(content, shown),
        name=shown,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type=content_type,
    )


def detach(attachment: Attachment) -> None:
    """First the row, then, once that is certain, the file: never a row whose file is missing."""
    storage, path = attachment.file.storage, str(attachment.file.name)
    attachment.delete()
    transaction.on_commit(lambda: storage.delete(path), robust=True)


def duplicates_of(invoice: Invoice) -> QuerySet[Invoice]:
    """Other invoices of a vendor of that name with the same number that came earlier or are in QuickBooks already."""
    return _duplicates(invoice.company_id, invoice.vendor.name, invoice.number_key, invoice.pk)


def first_duplicate_of(invoice: Invoice) -> Invoice | None:
    """The oldest of them, with its vendor."""
    found = _FIRST_DUPLICATE(invoice.company_id, invoice.vendor.name, invoice.number_key, invoice.pk)
    return next(iter(found), None)


def _duplicates(company_id: int, vendor_name: str, number: str, pk: int) -> QuerySet[Invoice]:
    return (
        Invoice.objects.filter(company_id=company_id, vendor__name__iexact=vendor_name, number_key=number)
        .filter(Q(pk__lt=pk) | Q(bill__state__in=SENT))
        .exclude(pk=pk)
        .exclude(state=Invoice.State.CANCELLED)
        .order_by("pk")
    )


_FIRST_DUPLICATE = Written(lambda *values: _duplicates(*values).select_related("vendor")[:1], int, str, str, int)


def _write(company: Company, new: NewInvoice, *, project: Project | None, vendor: Vendor, **more: object) -> Invoice:
    invoice = Invoice.objects.create(
        company=company,
        vendor=vendor,
        project=project,
        number=new.number,
        invoice_date=new.invoice_date,
        due_date=new.due_date,
        currency=new.currency,
        gross=new.gross,
        retainage=new.retainage,
        amount_due=new.amount_due,
        commitment=new.commitment[:255],
        memo=new.memo[:1000],
        mismatch=new.mismatch[:500],
        approved_at=new.approved_at,
        approved_by=new.approved_by[:200],
        source_url=new.source_url,
        **more,
    )
    _write_lines(invoice, new)
    return invoice


def _write_lines(invoice: Invoice, new: NewInvoice) -> None:
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            company_id=invoice.company_id,
            invoice=invoice,
            position=position,
            description=line.description[:4000],
            cost_code=_cost_code(invoice.company, line),
            cost_type=line.cost_type[:120],
            gross=line.gross,
            retainage=line.retainage,
        )
        for position, line in enumerate(new.lines, start=1)
    )
    _know_code_origins(invoice.company, new.lines)


def _cost_code(company: Company, line: NewLine) -> CostCode | None:
    if not line.cost_code:
        return None
    found, _ = CostCode.objects.get_or_create(
        company=company, code=line.cost_code[:120], defaults={"name": line.cost_code_name[:255]}
    )
    return found


def _know_code_origins(company: Company, lines: Sequence[NewLine]) -> None:
    """Procore keeps codes by project; of two projects that say different ids the last one's is kept."""
    told = {line.cost_code[:120]: line.cost_code_origin_id for line in lines if line.cost_code_origin_id}
    # In one order, so that two imports never wait for each other.
    for code in sorted(told):
        rows = CostCode.objects.filter(company=company, code=code).exclude(origin_id=told[code])
        rows.update(origin_id=told[code])


def _vendor_from_procore(company: Company, new: NewInvoice) -> Vendor:
    """By Procore's id, which is unique within an environment: names change and two vendors may share one."""
    if new.vendor_procore_id is None:
        return _vendor_by_name(company, new.vendor_name)
    vendor, created = Vendor.objects.get_or_create(
        company=company,
        procore_environment=new.procore_environment,
        procore_id=new.vendor_procore_id,
        defaults={"name": new.vendor_name[:255]},
    )
    if not created and vendor.name != new.vendor_name[:255]:
        Vendor.objects.filter(pk=vendor.pk).update(name=new.vendor_name[:255])
        vendor.name = new.vendor_name[:255]
    return vendor


def _vendor_by_name(company: Company, name: str) -> Vendor:
    found = Vendor.objects.filter(company=company, name__iexact=name).order_by("id").first()
    return found or Vendor.objects.create(company=company, name=name)


def _project_from_procore(company: Company, new: NewInvoice) -> Project | None:
    if new.project_procore_id is None:
        return None
    project, _ = Project.objects.update_or_create(
        company=company,
        procore_environment=new.procore_environment,
        procore_id=new.project_procore_id,
        defaults={"name": new.project_name[:255], "number": new.project_number[:60]},
    )
    return project
