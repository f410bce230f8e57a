"""After the database came back from a backup: what was posted since then is in the books, and nobody here knows.

`manage.py after_restore` notes the moment. From then on no bill leaves before the books were read anew, and each that
the backup may have forgotten is looked for first. Two kinds of bills come this way:

- One that was in the backup kept its uid, so what was posted for it carries its marker, whatever number or vendor it
  has by now. One such bill with the invoice's total is certain: it is adopted. Several, or one with another total, are
  for a person: the bill is ours and must not be made again, but somebody changed or copied it.
- One whose invoice was imported again has a new uid. What was posted for it carries a marker that no bill of this
  database has. If exactly one such bill has the number, it is certain where vendor and total agree as well: it is
  adopted and its marker taken over. It is for a person where only the vendor or only the total agrees, or where there
  are several. Where neither agrees it is somebody else's bill with the same number and speaks against nothing.

A bill that was in the backup never adopts a strange marker: what was posted for it carries its own, so the other one
belongs to another invoice, and a person is asked. A person who answers *Sync anyway* is believed, except about a bill
that carries the very marker of this one. Bills without any marker are left to `holds`, as on every other day.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounting import attaching, comparing, mapping
from accounting.backends import Backend, InBooks, NeedsReconnect, NotSent, backend_for
from accounting.models import Bill, BillAttempt, BookedBill, Integration
from accounting.problems import sentence
from companies import auditing
from inbuild.queue import backoff, database_now

JOB = "restore"
SAFETY_NET = timedelta(minutes=5)
MARKER = re.compile(r"\[inBuild ([0-9a-f]{12})\]")


@dataclass(frozen=True, slots=True)
class Found:
    """What the books have of a bill; `head` is the marker's, where it is certain that the bill is this one."""

    there: InBooks
    head: str = ""


def begin(integrations: QuerySet[Integration]) -> int:
    """The database was just restored: bills wait until the books were read anew. Returns of how many books."""
    with transaction.atomic():
        rows = list(integrations.select_for_update().order_by("id"))
        for integration in rows:
            # Compared last before the backup, which says nothing about what came after it.
            Integration.objects.filter(pk=integration.pk).update(restored_at=Now(), compared_at=None)
            if integration.state == Integration.State.CONNECTED:
                # No worker runs: whoever looked at the books during the backup does not any more.
                Integration.objects.filter(pk=integration.pk).update(next_at=Now(), lease_until=None)
            words = "The database was restored from a backup; what was posted since is looked for in QuickBooks"
            auditing.record(integration.company_id, "integration.restored", integration, words, job=JOB)
    return len(rows)


def settled(bill: Bill, integration: Integration, *, number: str) -> bool:
    """Look for a bill that is about to leave, under the number it would get. False: nothing speaks against sending it.

    Else it was adopted, is on hold for a person, or waits.
    """
    if not integration.may_have_forgotten(bill):
        return False
    if _is_too_early(integration):
        bill.wait(until=Now() + _quarantine(), problem="after_restore")
        return True
    try:
        found = _find(bill, integration, number)
    except NotSent as exc:
        bill.wait(until=Now() + max(exc.wait, backoff(bill.failures)), problem=exc.problem)
        return True
    except NeedsReconnect:
        integration.needs_reconnect()
        bill.wait(until=Now() + SAFETY_NET, problem="reconnect")
        return True
    if found is None:
        return False
    if found.head:
        _adopt(bill, integration, found)
    else:
        _hold(bill, found.there)
    return True


def is_of_another(bill: Bill, note: str) -> bool:
    """Does the memo carry the marker of another bill of this database?"""
    return any(_is_known(bill, head) for head in MARKER.findall(note) if head != bill.uid.hex[:12])


def _is_too_early(integration: Integration) -> bool:
    """QuickBooks may still be writing what was sent just before the restore; and only then are the books read."""
    if integration.restored_at is None or integration.compared_at is None:
        return True
    is_over: bool = database_now() >= integration.restored_at + _quarantine()
    return not is_over


def _quarantine() -> timedelta:
    return timedelta(seconds=settings.QBO_QUARANTINE_SECONDS)


def _find(bill: Bill, integration: Integration, number: str) -> Found | None:
    """Raises NotSent and NeedsReconnect."""
    backend = backend_for(integration)
    numbered = backend.find(integration, bill, number=number)
    own = [*(one for one in numbered if one.is_ours), *_renumbered(bill, integration, backend, numbered)]
    if own:
        certain = len(own) == 1 and own[0].total == bill.invoice.amount_due
        return Found(own[0], bill.uid.hex[:12] if certain else "")
    return None if bill.allow_duplicate else _forgotten(bill, integration, numbered)


def _renumbered(bill: Bill, integration: Integration, backend: Backend, known: Iterable[InBooks]) -> Iterable[InBooks]:
    """With our marker and another number by now: so the books were read, and are asked once more."""
    rows = BookedBill.objects.filter(integration=integration, kind=bill.kind, marker=bill.marker, is_deleted=False)
    ids = rows.exclude(external_id__in=[one.external_id for one in known]).values_list("external_id", flat=True)
    there = [one for external_id in ids for one in backend.find(integration, bill, external_id=external_id)]
    return [one for one in there if one.is_ours]


def _forgotten(bill: Bill, integration: Integration, numbered: Iterable[InBooks]) -> Found | None:
    """Of that number, made by inBuild, and of no bill of this database."""
    vendor = mapping.vendor_entry(integration, bill.invoice.vendor)
    if vendor is None:
        return None  # it waits for a mapping, and comes here again
    vendor_id, total = vendor.external_id, bill.invoice.amount_due
    known = set(
        Bill.objects.filter(integration=integration, kind=bill.kind, external_id__isnull=False)
        .filter(external_id__in=[one.external_id for one in numbered])
        .values_list("external_id", flat=True)
    )
    alike = [
        one
        for one in numbered
        if one.external_id not in known
        and (one.vendor_id == vendor_id or one.total == total)
        and (heads := MARKER.findall(one.note))
        and not any(_is_known(bill, head) for head in heads)
    ]
    if not alike:
        return None
    there, heads = alike[0], MARKER.findall(alike[0].note)
    came_after = integration.restored_at is not None and bill.created_at >= integration.restored_at
    same = there.vendor_id == vendor_id and there.total == total
    return Found(there, heads[0] if came_after and same and len(alike) == len(heads) == 1 else "")


def _is_known(bill: Bill, head: str) -> bool:
    return Bill.objects.filter(company_id=bill.company_id, uid__range=(head + "0" * 20, head + "f" * 20)).exists()


def _adopt(bill: Bill, integration: Integration, found: Found) -> None:
    """It is this bill. With its marker, so that every later look finds it."""
    there, uid = found.there, uuid.UUID(found.head + bill.uid.hex[12:])
    words = f"Found in QuickBooks as bill {there.number or there.external_id} after a restore; not sent again"
    try:
        with transaction.atomic():
            BillAttempt.objects.create(
                company_id=bill.company_id,
                bill=bill,
                asked="look up",
                outcome=BillAttempt.Outcome.DONE,
                answer=words,
                external_id=there.external_id,
            )
            bill.move(
                Bill.State.SYNCED,
                words,
                job=JOB,
                uid=uid,
                generation=bill.generation + 1,  # the key of this one is spent: the bill was made under it
                integration=integration,
                external_id=there.external_id,
                external_number=there.number,
                sync_token=there.sync_token,
                posted_total=there.total,
                posted_vendor_id=there.vendor_id,
                synced_at=Now(),
            )
            attaching.expect(bill)
            comparing.anew(bill)
    except IntegrityError:
        bill.wait(until=Now() + SAFETY_NET)  # another bill adopted it at this moment, so it is known next time


def _hold(bill: Bill, there: InBooks) -> None:
    problem = "changed_before_restore" if there.is_ours else "made_before_restore"
    detail = {
        "number": there.number,
        "vendor": there.vendor_name,
        "amount": f"{there.total:,.2f}",
        "date": f"{there.date:%b %d, %Y}",
        "external_id": there.external_id,
    }
    bill.move(Bill.State.ON_HOLD, sentence(problem, detail), job=JOB, problem=problem, detail=detail)
