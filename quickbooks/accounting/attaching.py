"""Files follow their bill: each uploaded once, after the bill is in the books, whatever becomes of the others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePath

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Least, Now

from accounting.backends import NeedsReconnect, NotSent, Refused, backend_for
from accounting.bells import ATTACH_DUE
from accounting.books import Attached, Paper
from accounting.models import Bill, BillFile, Integration
from companies import auditing
from companies.models import User
from inbuild.queue import backoff, mine, ring
from invoices.models import Attachment, Invoice

JOB = "attach"
SAFETY_NET = timedelta(minutes=5)
MOST_BYTES = 100 * 1000 * 1000  # Intuit: one upload, at most 100 MB.
TRIES = 8
State = BillFile.State


def expect(bill: Bill) -> None:
    """The bill is in the books: its invoice's files follow. A bill that a person linked keeps the files it has."""
    is_possible = bill.integration is not None and bill.integration.takes_files
    if bill.state == Bill.State.SYNCED and not bill.is_by_hand and is_possible:
        _expect([(bill.pk, one) for one in bill.invoice.attachments.values_list("pk", flat=True)], bill.company_id)


def file_came(invoice: Invoice) -> None:
    """One that came after its bill was in the books follows it there. In the transaction that keeps the file."""
    bill = Bill.objects.select_related("invoice").filter(invoice=invoice).first()
    if bill is not None:
        expect(bill)


def expect_for(integration: Integration) -> None:
    """Files that came after their bill was in the books."""
    if not integration.takes_files:
        return
    known = BillFile.objects.filter(bill=OuterRef("invoice__bill"), attachment=OuterRef("pk"))
    late = Attachment.objects.filter(
        invoice__bill__integration=integration, invoice__bill__state=Bill.State.SYNCED, invoice__bill__is_by_hand=False
    ).exclude(Exists(known))
    _expect(list(late.order_by("pk").values_list("invoice__bill", "pk")[:500]), integration.company_id)


def _expect(pairs: list[tuple[int, int]], company_id: int) -> None:
    rows = [BillFile(company_id=company_id, bill_id=bill, attachment_id=one, next_at=Now()) for bill, one in pairs]
    if rows:
        BillFile.objects.bulk_create(rows, ignore_conflicts=True)
        ring(ATTACH_DUE, company_id)


def work(file: BillFile) -> None:
    """Take one waiting file as far as it goes now. Called with the row leased."""
    bill = file.bill
    integration = bill.integration
    if file.state != State.WAITING or bill.state != Bill.State.SYNCED or bill.books_state == Bill.BooksState.DELETED:
        mine(file).update(next_at=None, lease_until=None)
        return
    # A pause holds bills back, not the papers of those that are in the books.
    if integration is None or integration.state != Integration.State.CONNECTED:
        mine(file).update(next_at=Now() + SAFETY_NET, lease_until=None)
        return
    paper = _paper(file)
    if isinstance(paper, str):
        _settle(file, State.FAILED, paper)
        return
    try:
        # The first taking of a row cannot have left anything there, but before a restore; every later one looks first.
        look_first = file.attempt > 1 or integration.may_have_forgotten(bill)
        outcome = backend_for(integration).attach(bill, paper, look_first=look_first, taken=_taken(file))
    except NotSent as exc:
        _wait(file, max(exc.wait, backoff(file.failures)))
    except NeedsReconnect:
        integration.needs_reconnect()
        mine(file).update(next_at=Now() + SAFETY_NET, lease_until=None)
    else:
        if isinstance(outcome, Attached):
            _settle(file, State.ATTACHED, "", outcome.external_id)
        elif isinstance(outcome, Refused):
            _settle(file, State.FAILED, f"QuickBooks refused the file: {outcome.detail.get('words', outcome.words)}")
        elif file.failures + 1 >= TRIES:
            _settle(file, State.FAILED, "QuickBooks did not confirm the file. Retry looks for it first.")
        else:
            # Until Intuit's own limit is over it may still be writing the file.
            _wait(file, timedelta(seconds=settings.QBO_QUARANTINE_SECONDS))


def retry(file: BillFile, *, user: User) -> bool:
    """A person asks for another go; a second click finds it waiting. Says whether it went on."""
    with transaction.atomic():
        rows = BillFile.objects.filter(pk=file.pk, state=State.FAILED)
        if not rows.update(state=State.WAITING, reason="", next_at=Now(), failures=0):
            return False
        auditing.record(file.company_id, "bill.file", file.bill, f"Attach {file.attachment} again", user=user)
    ring(ATTACH_DUE, file.company_id)
    return True


def park(file: BillFile, reference: str) -> None:
    """Our own bug stopped it: said at the file, and never at the bill."""
    file.refresh_from_db()
    _settle(file, State.FAILED, f"Something failed on our side. Reference {reference}.")


def _settle(file: BillFile, state: str, reason: str, external_id: str = "") -> None:
    with transaction.atomic():
        rows = mine(file).filter(state=State.WAITING)
        if rows.update(
            state=state, reason=reason[:300], external_id=external_id, next_at=None, lease_until=None, failures=0
        ):
            words = f"{file.attachment} is attached in QuickBooks" if not reason else f"{file.attachment}: {reason}"
            auditing.record(file.company_id, "bill.file", file.bill, words, job=JOB, after={"file": state})


def _wait(file: BillFile, wait: timedelta) -> None:
    mine(file).update(next_at=Now() + wait, lease_until=None, failures=Least(F("failures") + 1, 1000))


def _taken(file: BillFile) -> frozenset[str]:
    others = BillFile.objects.filter(bill=file.bill).exclude(pk=file.pk).exclude(external_id="")
    return frozenset(others.values_list("external_id", flat=True))


def _paper(file: BillFile) -> Paper | str:
    """The file as it goes; else why it cannot."""
    attachment = file.attachment
    try:
        with attachment.file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError:
        return "The file cannot be read any more. Add it to the invoice again."
    if not content:
        return "The file is empty."
    if len(content) > MOST_BYTES:
        return "The file is larger than the 100 MB that QuickBooks takes."
    return Paper(file_name(attachment), attachment.content_type, content)


def file_name(attachment: Attachment) -> str:
    """With the ending of its type, and different for each file of the invoice, so that a look can tell them apart."""
    ending = Attachment.ENDINGS.get(attachment.content_type, "pdf")
    plain = " ".join(attachment.name.split()) or "invoice"
    stem = PurePath(plain).stem[:200]
    known = {"jpg": ("jpg", "jpeg")}.get(ending, (ending,))
    kept = plain.rpartition(".")[2] if plain.rpartition(".")[2].lower() in known else ending
    same = Attachment.objects.filter(invoice_id=attachment.invoice_id, name=attachment.name, pk__lt=attachment.pk)
    count = same.count()
    return f"{stem} ({count + 1}).{kept}" if count else f"{stem}.{kept}"
