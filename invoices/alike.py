"""What is here already: an invoice of the same vendor and number, a file of the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.files import File
from django.db.models import Q

from companies.models import Company
from invoices.models import Attachment, InboxFile, Invoice, number_key

Key = tuple[str, str]
OLD_FILES = 20  # of one size, from the time before digests were kept


def key(vendor: str, number: str) -> Key:
    """A vendor's name and an invoice's number as they count for duplicates."""
    return vendor.strip().casefold(), number_key(number)


def same_number(company: Company, keys: Iterable[Key], *, but: Invoice | None = None) -> dict[Key, Invoice]:
    """For each key the oldest invoice that has both, cancelled ones apart. One query, however many are asked."""
    wanted = {each for each in keys if all(each)}
    if not wanted:
        return {}
    rule = Q()
    for vendor, number in wanted:
        rule |= Q(vendor__name__iexact=vendor, number_key=number)
    rows = Invoice.objects.filter(rule, company=company).exclude(state=Invoice.State.CANCELLED)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    return {key(row.vendor.name, row.number): row for row in rows.select_related("vendor").order_by("-pk")}


@dataclass(frozen=True, slots=True)
class Twin:
    """The same bytes elsewhere: with an invoice, or once more in the inbox."""

    name: str
    invoice: Invoice | None


def same_bytes(company: Company, files: Iterable[InboxFile]) -> dict[int, Twin]:
    """Of files of the inbox those whose bytes are an invoice's file already, or came earlier. Two queries."""
    listed = list(files)
    digests = {file.sha256 for file in listed}
    if not digests:
        return {}
    attached = Attachment.objects.filter(company=company, sha256__in=digests).exclude(
        invoice__state=Invoice.State.CANCELLED
    )
    of_invoices = {row.sha256: row for row in attached.select_related("invoice__vendor").order_by("-pk")}
    waiting = InboxFile.open_in(company).filter(sha256__in=digests).order_by("-pk")
    first = {row.sha256: row for row in waiting}
    found: dict[int, Twin] = {}
    for file in listed:
        if (one := of_invoices.get(file.sha256)) is not None:
            found[file.pk] = Twin(one.name, one.invoice)
        elif (other := first.get(file.sha256)) is not None and other.pk < file.pk:
            found[file.pk] = Twin(other.name, None)
    return found


def know_old_files(company: Company, *, size: int) -> None:
    """Keep the digest of files of this size from the time before digests were kept, so that they are found too."""
    for attachment in Attachment.objects.filter(company=company, sha256="", size=size)[:OLD_FILES]:
        try:
            with attachment.file.open("rb") as file:
                attachment.sha256 = digest_of(file)
        except OSError:
            continue  # its page says that it is gone
        attachment.save(update_fields=["sha256"])


def digest_of(file: File[Any]) -> str:
    """SHA-256 of a file's bytes; it is at its beginning again afterwards."""
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
