"""What people write about an invoice. A comment is an event of it: it stays as it was written, as all events do."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from companies import auditing
from companies.models import User
from invoices.models import Invoice

LENGTH = 2000
TWICE = timedelta(minutes=1)


class NotAComment(Exception):
    """Nothing was written, or too much. The text is for the person."""


def comment(invoice: Invoice, text: str, *, user: User) -> None:
    """Write one down. The same words of the same person within a minute are a second click, not a second comment.

    Raises NotAComment.
    """
    said = "\n".join(text.replace("\0", "").splitlines()).strip()
    if not said:
        raise NotAComment("Write something first. Nothing was saved.")
    if len(said) > LENGTH:
        raise NotAComment(f"A comment has at most {LENGTH:,} characters; this one has {len(said):,}. It was not saved.")
    with transaction.atomic():
        Invoice.objects.select_for_update(no_key=True).get(pk=invoice.pk)
        recent = auditing.history(invoice).filter(verb=auditing.COMMENT, user=user, at__gt=Now() - TWICE)
        if not recent.filter(after__text=said).exists():
            auditing.record(
                invoice.company_id, auditing.COMMENT, invoice, f"Comment: {said}", user=user, after={"text": said}
            )
