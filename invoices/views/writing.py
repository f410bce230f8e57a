"""An invoice is typed in: a new one, with its PDF or one of the inbox, or a draft that is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounting import intake
from companies import access, auditing
from companies.models import Company
from invoices import alike, editing, inbox, recording
from invoices.forms import BaseLineFormSet, InvoiceForm, line_forms, new_lines, values_of
from invoices.models import Attachment, CostCode, InboxFile, Invoice, Vendor, WrongState
from invoices.views.inbox import similar

OFFERED = 500


@require_http_methods(["GET", "HEAD", "POST"])
@access.workers_write
def new(request: access.MemberRequest) -> HttpResponse:
    """`?from=` names a file of the inbox; a file that came with a form that cannot be saved yet is kept there too."""
    if not request.membership.can_work:
        raise PermissionDenied(access.WORKERS_ONLY)
    company = request.membership.company
    leads_on = request.GET.get("from", "")
    file = _file(company, leads_on or request.POST.get("kept", ""))
    if file is not None and not file.is_open:
        return _not_again(request, file)
    if request.method != "POST":
        return _page(request, *_suggested(company, file), file=file)
    form = InvoiceForm(company, request.POST, request.FILES, asks_for_pdf=file is None)
    lines = line_forms(request.POST)
    is_right = form.is_valid() & lines.is_valid()
    found = _similar(company, form, None) if is_right else []
    if not is_right or (found and not _wanted_anyway(request, form)):
        if file is None and (pdf := form.cleaned_data.get("pdf")):
            file = inbox.receive(company, pdf, user=request.user)
            del form.fields["pdf"]
        return _page(request, form, lines, file=file, similar=found, status=409 if is_right else 422)
    try:
        invoice = _save(request, form, lines, file)
    except WrongState:
        file = _file(company, str(file.public_id)) if file else None
        return _not_again(request, file) if file else redirect("invoices:inbox")
    waits = "submitted for approval" if invoice.state == Invoice.State.SUBMITTED else "as a draft"
    following = inbox.after(file) if file is not None and leads_on else None
    if following is None:
        messages.success(request, f"Saved, {waits}. It goes to QuickBooks once it is approved.")
        return redirect("invoices:detail", public_id=invoice.public_id)
    messages.success(request, f"Invoice {invoice.number} is saved, {waits}. This is the next file of the inbox.")
    return redirect(f"{reverse('invoices:new')}?from={following.public_id}")


@require_http_methods(["GET", "HEAD", "POST"])
@access.workers_write
def edit(request: access.MemberRequest, public_id: UUID) -> HttpResponse:
    """A draft is changed; whoever changed it meanwhile is not written over unseen."""
    rows = Invoice.objects.select_related("vendor", "project", "company")
    invoice = get_object_or_404(rows, company=request.membership.company, public_id=public_id)
    if not request.membership.can_work:
        raise PermissionDenied(access.WORKERS_ONLY)
    if invoice.from_procore or invoice.state != Invoice.State.DRAFT:
        messages.warning(request, editing.ONLY_DRAFTS.format(number=invoice.number))
        return redirect("invoices:detail", public_id=public_id)
    if request.method != "POST":
        head, listed = values_of(invoice)
        form = InvoiceForm(invoice.company, initial=head, asks_for_pdf=False)
        return _page(request, form, line_forms(initial=listed), invoice=invoice)
    form = InvoiceForm(invoice.company, request.POST, asks_for_pdf=False)
    lines = line_forms(request.POST)
    is_right = form.is_valid() & lines.is_valid()
    found = _similar(invoice.company, form, invoice) if is_right else []
    if not is_right or (found and not _wanted_anyway(request, form)):
        status = 409 if is_right else 422
        return _page(request, form, lines, invoice=invoice, similar=found, status=status)
    try:
        with transaction.atomic():
            _change(request, invoice, form, lines)
    except WrongState as why:
        # What is there now is what the next press of Save writes over, knowingly.
        form.add_error(None, f"{why} What you typed is below; saving again writes it over that.")
        return _page(request, form, lines, invoice=invoice, seen=editing.content_key(invoice), status=409)
    messages.success(request, "Saved.")
    return redirect("invoices:detail", public_id=public_id)


def _save(request: access.MemberRequest, form: InvoiceForm, lines: BaseLineFormSet, file: InboxFile | None) -> Invoice:
    made = form.new_invoice(new_lines(lines))
    project, user = form.cleaned_data["project"], request.user
    state = Invoice.State.DRAFT if _as_draft(request) else Invoice.State.SUBMITTED
    with transaction.atomic():
        if file is not None:
            return recording.record_from_inbox(file, made, project=project, user=user, state=state)
        pdf = form.cleaned_data["pdf"]
        return recording.record_upload(
            request.membership.company, made, project=project, pdf=pdf, user=user, state=state
        )


def _change(request: access.MemberRequest, invoice: Invoice, form: InvoiceForm, lines: BaseLineFormSet) -> None:
    made, seen = form.new_invoice(new_lines(lines)), request.POST.get("seen", "")
    editing.change(invoice, made, project=form.cleaned_data["project"], seen=seen, user=request.user)
    if not _as_draft(request):
        invoice.submit()
        auditing.record(invoice.company_id, "invoice.submitted", invoice, "Submitted for approval", user=request.user)


def _file(company: Company, public_id: str) -> InboxFile | None:
    if not public_id:
        return None
    try:
        wanted = UUID(public_id)
    except ValueError as exc:
        raise Http404("No such file.") from exc
    return get_object_or_404(InboxFile.objects.select_related("invoice", "company"), company=company, public_id=wanted)


def _not_again(request: access.MemberRequest, file: InboxFile) -> HttpResponse:
    """Entered or removed already, by this person's first click or by somebody else."""
    if file.invoice is None:
        messages.warning(request, f"{file.name} was removed from the inbox. Nothing was saved.")
        return redirect("invoices:inbox")
    messages.warning(request, f"{file.name} is already this invoice. Nothing was saved a second time.")
    return redirect("invoices:detail", public_id=file.invoice.public_id)


def _suggested(company: Company, file: InboxFile | None) -> tuple[InvoiceForm, BaseLineFormSet]:
    """Filled in with what was read; it counts once a person saves it."""
    found: Mapping[str, Mapping[str, str]] = file.found if file is not None else {}
    values = {name: one["value"] for name, one in found.items()}
    first = [{"gross": values["total"]}] if "total" in values else []
    return InvoiceForm(company, initial=values, asks_for_pdf=file is None), line_forms(initial=first)


def _similar(company: Company, form: InvoiceForm, own: Invoice | None) -> list[dict[str, Any]]:
    key = _key(form)
    here = alike.same_number(company, [key], but=own).get(key)
    return similar(here, intake.same_number(company, [key]).get(key))


def _key(form: InvoiceForm) -> alike.Key:
    return alike.key(form.cleaned_data["vendor_name"], form.cleaned_data["number"])


def _wanted_anyway(request: access.MemberRequest, form: InvoiceForm) -> bool:
    """Save anyway was pressed, and for the very vendor and number that the warning was about."""
    return request.POST.get("anyway", "") == _anyway(form)


def _as_draft(request: access.MemberRequest) -> bool:
    """Save as draft was pressed; or Save anyway, after it."""
    return "draft" in request.POST or ("anyway" in request.POST and "was_draft" in request.POST)


def _anyway(form: InvoiceForm) -> str:
    return "/".join(_key(form))


def _page(
    request: access.MemberRequest,
    form: InvoiceForm,
    lines: BaseLineFormSet,
    *,
    file: InboxFile | None = None,
    invoice: Invoice | None = None,
    similar: list[dict[str, Any]] | None = None,
    seen: str = "",
    status: int = 200,
) -> HttpResponse:
    company = request.membership.company
    found = file.found if file is not None else {}
    form.say_where_from(found)
    known = Vendor.objects.filter(company=company).order_by("name")
    context = {
        "form": form,
        "lines": lines,
        "file": file,
        "draft": invoice,
        "similar": similar,
        "anyway": _anyway(form) if similar else "",
        "was_draft": _as_draft(request),
        "found_total": found.get("total"),
        "paper": _paper(file, invoice),
        "seen": seen or request.POST.get("seen") or (editing.content_key(invoice) if invoice else ""),
        "vendors": known.values_list("name", flat=True).distinct()[:OFFERED],
        "codes": CostCode.objects.filter(company=company).order_by("code")[:OFFERED],
    }
    return render(request, "invoices/new.html", context, status=status)


def _paper(file: InboxFile | None, invoice: Invoice | None) -> dict[str, str] | None:
    """The PDF that stands beside the form."""
    if file is not None:
        url = reverse("invoices:inbox_file", kwargs={"public_id": file.public_id})
        return {"name": file.name, "url": url} if file.begins_like_a_pdf() else None
    attached: Attachment | None = invoice.attachments.order_by("id").first() if invoice else None
    if attached is None or not attached.begins_like_a_pdf():
        return None
    return {"name": attached.name, "url": reverse("invoices:attachment", kwargs={"public_id": attached.public_id})}
