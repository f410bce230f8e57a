"""Brings the files of mirrored invoices along. A file that fails never holds up the invoice or its bill."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounting.attaching import file_came
from companies import auditing
from inbuild.downloading import File, NotFetched
from inbuild.queue import database_now, mine, ring
from invoices import recording
from procore_sync.bells import ATTACH_DUE
from procore_sync.client import Forbidden, NotFound, Procore, ProcoreError, SignInRefused, Unavailable
from procore_sync.fetching import fetch_record
from procore_sync.models import ProcoreAttachment, ProcoreIntegration, ProcoreInvoice
from procore_sync.reading import Unreadable
from procore_sync.records import Record

# In all workers together. A file may take a minute to fail, and the workers are there for invoices and bills.
AT_ONCE = 2
# One reading of the invoice, one renewal of the sign-in and one file, each at its limit.
LEASE = timedelta(seconds=240)
TRIES = 3
WAITS = (timedelta(seconds=30), timedelta(minutes=5))
POLL = timedelta(seconds=5)
PRINTING_PATIENCE = timedelta(minutes=10)
UNTIL_RECONNECTED = timedelta(minutes=15)


def expect(row: ProcoreInvoice, record: Record) -> None:
    """Note, in the transaction of the import, which files shall come: Procore's print of the invoice, and each file."""
    wanted = [(file.procore_id, file.name or "attachment") for file in record.files]
    if row.kind == ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE:
        wanted.insert(0, (ProcoreAttachment.PRINTED, f"Subcontractor invoice {record.number}.pdf"))
    known = set(row.attachments.values_list("procore_id", flat=True))
    missing = [(procore_id, name) for procore_id, name in wanted if procore_id not in known]
    if not missing:
        return
    ProcoreAttachment.objects.bulk_create(
        [
            ProcoreAttachment(
                company_id=row.company_id, procore_invoice=row, procore_id=procore_id, name=name[:255], next_at=Now()
            )
            for procore_id, name in missing
        ],
        ignore_conflicts=True,
    )
    ring(ATTACH_DUE, row.company_id)


def print_again(row: ProcoreInvoice) -> None:
    """The invoice was taken over anew, so the print that was kept shows what it said before."""
    rows = row.attachments.filter(procore_id=ProcoreAttachment.PRINTED)
    rows.update(
        state=ProcoreAttachment.State.WAITING,
        reason="",
        failures=0,
        job_url="",
        next_at=Now(),
        lease_until=None,
        attempt=F("attempt") + 1,
    )
    ring(ATTACH_DUE, row.company_id)


def work(file: ProcoreAttachment) -> None:
    """One go at one file."""
    integration = file.procore_invoice.integration
    if integration.state != ProcoreIntegration.State.CONNECTED:
        _later(file, UNTIL_RECONNECTED, "It comes once Procore is connected again.")
        return
    procore = Procore(integration, f"procore_attachment:{file.pk}", urgent=False)
    try:
        found = _printed(procore, file) if file.is_print else _attached(procore, file)
    except Unavailable as exc:
        if exc.is_pacing:
            _later(file, exc.wait, "")
        else:
            fruitless(file, str(exc))
    except SignInRefused as exc:
        integration.needs_reconnect(str(exc))
        _later(file, UNTIL_RECONNECTED, "It comes once Procore is connected again.")
    except Forbidden:
        fruitless(file, "Procore does not let inBuild read it.")
    except NotFound:
        fruitless(file, "Procore does not show it to inBuild.")
    except (ProcoreError, Unreadable) as exc:
        fruitless(file, str(exc))
    except NotFetched as exc:
        fruitless(file, str(exc), final=exc.final)
    else:
        if found is not None:
            _store(file, found)


def _attached(procore: Procore, file: ProcoreAttachment) -> File:
    """By a link that Procore signs anew at every reading."""
    record = fetch_record(procore, file.procore_invoice)
    if record is None:
        raise NotFetched("The invoice is no longer in Procore.", final=True)
    link = next((each.url for each in record.files if each.procore_id == file.procore_id), None)
    if link is None:
        raise NotFetched("It is no longer attached to the invoice in Procore.", final=True)
    return procore.download(link)


def _printed(procore: Procore, file: ProcoreAttachment) -> File | None:
    """Ask for the print, come back until it is there, fetch it; None while Procore is at it."""
    row = file.procore_invoice
    if not file.job_url:
        job = procore.start_printing(row.project_id, row.procore_id)
        _later(file, POLL, "", job_url=job, job_started_at=Now())
        return None
    link = procore.printed(file.job_url)
    if link is not None:
        return procore.download(link)
    if file.job_started_at and database_now() - file.job_started_at > PRINTING_PATIENCE:
        raise NotFetched("Procore did not finish its print of the invoice.")
    _later(file, POLL, "")
    return None


def _store(file: ProcoreAttachment, found: File) -> None:
    with transaction.atomic(durable=True):
        fresh = ProcoreAttachment.objects.select_for_update().get(pk=file.pk)
        invoice = file.procore_invoice.invoice
        if fresh.attempt != file.attempt or invoice is None:
            return
        before = fresh.attachment
        made = recording.attach(invoice, name=file.name, content_type=found.content_type, content=found.content)
        mine(fresh).update(
            state=ProcoreAttachment.State.STORED,
            attachment=made,
            reason="",
            job_url="",
            failures=0,
            next_at=None,
            lease_until=None,
        )
        auditing.record(
            file.company_id, "invoice.file_copied", invoice, f"Copied from Procore: {made.name}", job="files"
        )
        if before is not None:
            recording.detach(before)
        file_came(invoice)


def fruitless(file: ProcoreAttachment, reason: str, *, final: bool = False) -> None:
    """A try brought nothing; after three, or where asking again would bring the same, the file rests."""
    tries = file.failures + 1
    if not final and tries < TRIES:
        wait = WAITS[min(file.failures, len(WAITS) - 1)]
        _later(file, wait, reason, failures=tries, job_url="")
        return
    with transaction.atomic():
        rests = {"state": ProcoreAttachment.State.FAILED, "next_at": None, "lease_until": None, "job_url": ""}
        invoice = file.procore_invoice.invoice
        if mine(file).update(reason=reason[:300], failures=tries, **rests) and invoice is not None:
            sentence = f"Not copied from Procore: {file.name}. {reason}"
            auditing.record(file.company_id, "invoice.file_not_copied", invoice, sentence, job="files")


def _later(file: ProcoreAttachment, wait: timedelta, reason: str, **changes: object) -> None:
    mine(file).update(next_at=Now() + wait, lease_until=None, reason=reason[:300], **changes)
