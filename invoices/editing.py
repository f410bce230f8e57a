"""A draft is changed, and nobody's change is lost on the way."""

from __future__ import annotations

import hashlib

from django.db import transaction

from companies import auditing
from companies.models import User
from invoices import recording
from invoices.models import Invoice, Project, WrongState
from invoices.recording import NewInvoice

MEANWHILE = "Invoice {number} was changed by somebody else since this page was opened. Nothing was done."
ONLY_DRAFTS = "Invoice {number} can only be changed while it is a draft. Reject it with a reason to make it one again."


def change(invoice: Invoice, new: NewInvoice, *, project: Project | None, seen: str, user: User) -> None:
    """Write over a draft. `seen` is the `content_key` of what the person was shown.

    Raises WrongState where it is no draft any more, or says something else by now.
    """
    with transaction.atomic():
        draft = locked(invoice)
        if draft.from_procore or draft.state != Invoice.State.DRAFT:
            raise WrongState(ONLY_DRAFTS.format(number=draft.number))
        must_be(draft, seen)
        before = _told(draft)
        recording.rewrite(draft, new, project=project)
        sentence = f"Changed: {new.number} of {new.vendor_name}, now {new.amount_due:,.2f}"
        auditing.record(
            draft.company_id, "invoice.edited", draft, sentence, user=user, before=before, after=_told(draft)
        )


def locked(invoice: Invoice) -> Invoice:
    """The invoice as it is now; nobody changes it before the running transaction ends."""
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("vendor", "project", "company")
    return rows.get(pk=invoice.pk)


def must_be(invoice: Invoice, seen: str) -> None:
    """Raises WrongState where the invoice says something else than the person was shown."""
    if content_key(invoice) != seen:
        raise WrongState(MEANWHILE.format(number=invoice.number))


def content_key(invoice: Invoice) -> str:
    """Stands for all that an invoice says: another one as soon as any of it is."""
    return hashlib.sha256(repr(_told(invoice)).encode()).hexdigest()[:32]


def _told(invoice: Invoice) -> dict[str, object]:
    rows = invoice.lines.order_by("position").values_list("description", "cost_code__code", "gross", "retainage")
    return {
        "vendor": invoice.vendor.name,
        "number": invoice.number,
        "project": str(invoice.project or ""),
        "invoice_date": str(invoice.invoice_date),
        "due_date": str(invoice.due_date or ""),
        "amount_due": f"{invoice.amount_due:.2f}",
        "lines": [[text, code or "", f"{gross:.2f}", f"{held:.2f}"] for text, code, gross, held in rows],
    }
