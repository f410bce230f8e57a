"""A bill in doubt: what QuickBooks recorded under its id, else what it shows of the vendor, by number and date."""

from __future__ import annotations

from datetime import date, timedelta

from accounting.backends import Absent, Done, NotSent, Refused
from accounting.models import Bill, Integration
from qbd import asking, document, queries, reading, sending
from qbd.asking import PATIENCE
from qbd.models import Write

WINDOW = timedelta(days=3)  # a person may have moved the bill's date by a little


def look_up(bill: Bill, integration: Integration) -> Done | Refused | Absent:
    """Raises NotSent while the PC has not told."""
    write = sending.find(integration, bytes(bill.payload or b""))
    if write is None:
        return Absent()  # frozen, and then never handed over
    if sending.session_of(write).ended_at is None and write.exchange.answered_at is None:
        raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)  # it is out; its answer is on its way
    said = _recorded(bill, integration, write)
    return said if said is not None else _shown(bill, integration, write)


def _recorded(bill: Bill, integration: Integration, write: Write) -> Done | Refused | None:
    """The answer itself, if it came, or as QuickBooks kept it for us."""
    if write.exchange.received and not write.exchange.hresult:
        said = sending.outcome_of(write, write.exchange.received)
        if isinstance(said, Done | Refused):
            return said
    said = sending.outcome_of(write, asking.recorded(integration, write, bill=bill))
    return said if isinstance(said, Done | Refused) else None


def _shown(bill: Bill, integration: Integration, write: Write) -> Done | Refused | Absent:
    sent = document.frozen(bill)
    numbered = asking.ask(
        integration,
        queries.same_number(bill.kind, sent.vendor_id, sent.number),
        bill=bill,
        since=write.sent_at,
    )
    found = _judged(bill, sent, numbered)
    if found is not None:
        return found
    day = date.fromisoformat(sent.date)
    dated = asking.ask(
        integration,
        queries.of_vendor(bill.kind, sent.vendor_id, day - WINDOW, day + WINDOW),
        bill=bill,
        since=write.sent_at,
    )
    return _judged(bill, sent, dated, by_number=False) or Absent()


def _judged(
    bill: Bill, sent: document.Frozen, answer: asking.Answer, *, by_number: bool = True
) -> Done | Refused | None:
    """Ours by its GUID or marker is adopted; several of ours, or an equal one without a mark, are for a person."""
    ours = [ret for ret in answer.rets if reading.is_ours(ret, marker=bill.marker, guid=sent.guid)]
    if len(ours) == 1 and (done := reading.done(ours[0])) is not None:
        return done
    shown = [one for ret in answer.rets if (one := reading.bill_shown(ret)) is not None]
    alike = [one for one in shown if by_number and (one.number, one.total) == (sent.number, sent.total)]
    if ours or alike:
        detail = {"number": sent.number, "vendor": bill.invoice.vendor.name, "amount": f"{sent.total:,.2f}"}
        return Refused("in_quickbooks_already", detail)
    return None
