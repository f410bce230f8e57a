"""Is this invoice of Procore's one that inBuild itself made there? Such a one is never mirrored back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q

from invoices.models import number_key
from procore_sync import reading
from procore_sync.models import ProcoreInvoice, SentInvoice
from procore_sync.reading import Unreadable
from procore_sync.records import Record

MARK = "inBuild:"
CLOCKS_DIFFER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Seen:
    """A record of Procore's that is the one we sent, or that has its number although somebody else made it."""

    procore_id: int
    status: str
    is_ours: bool
    made_by: str


def mark_of(sent: SentInvoice) -> str:
    """What stands in the record's `origin_data`. Procore: free text that people do not see and that locks nothing."""
    return f"{MARK}{sent.mark}"


def is_marked(record: Record) -> bool:
    """Made by inBuild, even if not by this row of ours: say, before the data was copied to another company."""
    return record.origin_data.startswith(MARK)


def find(row: ProcoreInvoice, record: Record | None) -> SentInvoice | None:
    """The invoice we sent that this one is: by Procore's id, else by our mark, which we wrote before sending."""
    mine = SentInvoice.objects.filter(company_id=row.company_id, integration_id=row.integration_id)
    if row.kind != ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE:
        return None
    known = mine.filter(procore_id=row.procore_id).select_for_update().first()
    if known is not None or record is None or not is_marked(record):
        return known
    try:
        mark = uuid.UUID(record.origin_data.removeprefix(MARK))
    except ValueError:
        return None
    return mine.filter(mark=mark).select_for_update().first()


def may_be(row: ProcoreInvoice, record: Record) -> bool:
    """Is one of ours with this commitment and number on its way just now, so that this may be it?

    Procore's create event can arrive before our own call has its answer, and it is not documented that every view
    shows `origin_data`. However long it is in doubt: only the look that ends the doubt tells.
    """
    if record.commitment_id is None:
        return False
    under_way = Q(state__in=[SentInvoice.State.SENDING, SentInvoice.State.CHECKING])
    numbers = (
        SentInvoice.objects.filter(under_way, company_id=row.company_id, integration_id=row.integration_id)
        .filter(commitment_id=record.commitment_id)
        .values_list("payload__requisition__invoice_number", flat=True)
    )
    return any(_same_number(record.number, str(number)) for number in numbers)


def look(sent: SentInvoice, rows: Sequence[Mapping[str, Any]]) -> Seen | None:
    """The one we sent among the invoices of its commitment, else one of the same number; None when neither is there.

    Ours is the one with our mark, or, where Procore shows no marks, the one of this number that our own user made
    since the row was written.
    """
    seen = [found for row in rows if (found := _seen(sent, row)) is not None]
    return next((one for one in seen if one.is_ours), None) or next(iter(seen), None)


def _seen(sent: SentInvoice, row: Mapping[str, Any]) -> Seen | None:
    try:
        procore_id = reading.an_id(row.get("id"), "id")
        commitment_id = reading.optional_id(row.get("commitment_id"), "commitment_id")
    except Unreadable:
        return None
    mark = reading.text(row.get("origin_data"))
    has_our_mark = mark == mark_of(sent)
    number = reading.text(row.get("invoice_number"))
    same = _same_number(number, str(sent.payload["requisition"]["invoice_number"]))
    if not has_our_mark and not (same and commitment_id in (None, sent.commitment_id)):
        return None
    author = row.get("created_by")
    author = author if isinstance(author, dict) else {}
    is_ours = has_our_mark or (not mark.startswith(MARK) and _by_our_user(sent, author, row, procore_id))
    return Seen(procore_id, reading.status_key(row.get("status")), is_ours, reading.text(author.get("name")))


def _by_our_user(sent: SentInvoice, author: Mapping[str, Any], row: Mapping[str, Any], procore_id: int) -> bool:
    own, made_at = sent.integration.own_user_id, reading.a_moment(row.get("created_at"))
    if own is None or str(author.get("id")) != str(own) or made_at is None or sent.started_at is None:
        return False
    if made_at < sent.created_at - CLOCKS_DIFFER:
        return False
    known = {"integration_id": sent.integration_id, "procore_id": procore_id}
    imported = ProcoreInvoice.objects.filter(**known, kind=ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE)
    sent_before = SentInvoice.objects.filter(**known).exclude(pk=sent.pk)
    return not imported.filter(invoice__isnull=False).exists() and not sent_before.exists()


def _same_number(one: str, other: str) -> bool:
    """As duplicates are judged: by letters and digits, where there are any."""
    return (number_key(one) or one.strip()) == (number_key(other) or other.strip())
