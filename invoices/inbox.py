"""Files that people drop: looked at by their bytes, kept, taken out again. Reading them is `reading.py`'s."""

from __future__ import annotations

from django.conf import settings
from django.core.files import File
from django.db import transaction

from companies import auditing
from companies.models import Company, User
from inbuild.queue import database_now, ring
from invoices import alike
from invoices.bells import READ_DUE
from invoices.models import InboxFile, WrongState, file_name

AT_ONCE = 20
WAITING = 500


def refusal(upload: File[bytes]) -> str:
    """Why a file is not taken; empty where it is. Told by its bytes, not by what the browser calls it."""
    if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
        return f"The file is larger than {settings.UPLOAD_MAX_BYTES // 1_000_000} MB."
    upload.seek(0)
    head = upload.read(1024)
    upload.seek(0)
    return "" if b"%PDF-" in head else "This is not a PDF."


def full(company: Company) -> str:
    """Why no more files are taken; empty where they are."""
    if InboxFile.open_in(company).count() < WAITING:
        return ""
    return f"{WAITING} files wait in the inbox already. Enter or remove some first."


def receive(company: Company, upload: File[bytes], *, user: User) -> InboxFile:
    """Keep a file that `refusal` has nothing against; a worker reads it."""
    with transaction.atomic():
        file = InboxFile.objects.create(
            company=company,
            file=upload,
            name=file_name(upload.name or "invoice", "application/pdf"),
            size=upload.size or 0,
            sha256=alike.digest_of(upload),
            uploaded_by=user,
            next_at=database_now(),
        )
        alike.know_old_files(company, size=file.size)
        auditing.record(company, "inbox.received", file, f"Uploaded {file.name} to the inbox", user=user)
        ring(READ_DUE, company.pk)
    return file


def remove(file: InboxFile, *, user: User) -> None:
    """Take a file out and delete it. Raises WrongState where it was entered or removed meanwhile."""
    with transaction.atomic():
        row = InboxFile.objects.select_for_update().get(pk=file.pk)
        if not row.is_open:
            raise WrongState(f"{row.name} was entered or removed meanwhile.")
        storage, path = row.file.storage, str(row.file.name)
        InboxFile.objects.filter(pk=row.pk).update(
            state=InboxFile.State.REMOVED, file="", next_at=None, lease_until=None
        )
        auditing.record(row.company_id, "inbox.removed", row, f"Removed {row.name} from the inbox", user=user)
        # Once that is certain: never a row whose file is missing.
        transaction.on_commit(lambda: storage.delete(path), robust=True)


def after(file: InboxFile) -> InboxFile | None:
    """Which one is next, once this one is done; from the last back to the first."""
    rows = InboxFile.open_in(file.company).exclude(pk=file.pk)
    return rows.filter(pk__gt=file.pk).first() or rows.first()
