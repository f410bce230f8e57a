"""Vendors of a company file: found by exactly their name, or created where a person or a setting says so."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounting import mapping
from accounting.backends import Done, NotSent, Outcome, Refused, Unknown
from accounting.books import Entry
from accounting.models import Integration, ListEntry
from accounting.problems import sentence
from companies.models import User
from inbuild import queue
from invoices.models import Vendor
from qbd import asking, document, queries, reading, sending
from qbd.models import Session, VendorCreation

State = VendorCreation.State
OPEN = (State.WANTED, State.SENT)


def known(integration: Integration, vendor: Vendor) -> ListEntry | None:
    """Map the vendor of exactly this name in the cached list. No call, and nothing by likeness."""
    name = document.vendor_name(vendor.name)
    entries = ListEntry.objects.filter(integration=integration, kind=ListEntry.Kind.VENDOR, active=True)
    entry = entries.filter(name__iexact=name).order_by("id").first()
    if entry is None:
        return None
    return mapping.map_vendor(
        integration, vendor, external_id=entry.external_id, name=entry.name, currency=entry.currency
    )


def want(integration: Integration, vendor: Vendor, *, by: User | None = None) -> VendorCreation:
    """It shall be created when the Web Connector calls next. One that was refused may be wanted again by a person."""
    row, made = VendorCreation.objects.get_or_create(
        integration=integration, vendor=vendor, defaults={"company_id": integration.company_id, "by": by}
    )
    if not made and by is not None:
        VendorCreation.objects.filter(pk=row.pk, state__in=(State.REFUSED, State.DONE)).update(
            state=State.WANTED, words="", by=by
        )
        row.refresh_from_db()
    return row


def work_one(session: Session, integration: Integration, worked: set[tuple[str, int]]) -> bool:
    """Take one wanted vendor as far as it goes. False when there is none."""
    mine = VendorCreation.objects.filter(integration=integration, state__in=OPEN).filter(queue.FREE)
    rows = mine.exclude(pk__in=[pk for kind, pk in worked if kind == "VendorCreation"]).order_by("id")[:1]
    taken = queue.take(rows, lease=timedelta(seconds=settings.QBO_LEASE_SECONDS))
    for row in taken:
        worked.add(("VendorCreation", row.pk))
        queue.safely(row, _work, _park, ())
    return bool(taken)


def _work(row: VendorCreation) -> None:
    """A vendor of this name that is there, also an inactive one, is never created once more."""
    try:
        name = document.vendor_name(row.vendor.name)
        found = asking.ask(row.integration, queries.vendors_named(name), since=row.created_at)
        shown = reading.entries(ListEntry.Kind.VENDOR, found.rets)
        same = [entry for entry in shown if entry.name.casefold() == name.casefold()]
        if same:
            _map(row, same[0])
        elif sending.can_send(row.integration):
            sending.send(row.integration, document.vendor_add(row.vendor.name, row.key), row)
            _end(row, State.SENT)
        else:
            _end(row, row.state)
    except NotSent:
        _end(row, row.state)


def _map(row: VendorCreation, entry: Entry) -> None:
    if not entry.active:
        words = f"QuickBooks has {entry.name}, but as inactive. Make it active there, or map another vendor."
        _end(row, State.REFUSED, words)
        return
    mapping.map_vendor(row.integration, row.vendor, external_id=entry.external_id, name=entry.name)
    mapping.release(row.company_id, f"vendor:{row.vendor_id}")
    _end(row, State.DONE)


def settle(row: VendorCreation, outcome: Outcome | NotSent) -> None:
    """Created: mapped, and its bills go on. In doubt: looked for by its name, which QuickBooks has only once."""
    if isinstance(outcome, Done):
        name = document.vendor_name(row.vendor.name)
        mapping.map_vendor(row.integration, row.vendor, external_id=outcome.external_id, name=name)
        mapping.release(row.company_id, f"vendor:{row.vendor_id}")
        _end(row, State.DONE)
    elif isinstance(outcome, Refused):
        words = sentence(outcome.problem, {"vendor": row.vendor.name, "words": outcome.words} | outcome.detail)
        _end(row, State.REFUSED, words)
    elif isinstance(outcome, Unknown | NotSent):
        # The name is asked for anew, after what was sent.
        VendorCreation.objects.filter(pk=row.pk).update(state=State.WANTED, created_at=timezone.now(), lease_until=None)


def _end(row: VendorCreation, state: str, words: str = "") -> None:
    VendorCreation.objects.filter(pk=row.pk).update(state=state, words=words[:500], lease_until=None, next_at=None)


def _park(row: VendorCreation, reference: str) -> None:
    _end(row, State.REFUSED, sentence("bug", {"reference": reference}))


def creations(integration: Integration, vendors: list[Vendor]) -> list[VendorCreation]:
    """Which of these shall still be created, or were refused: for the Mapping page."""
    rows = VendorCreation.objects.filter(integration=integration, vendor__in=vendors)
    return list(rows.exclude(state=State.DONE))


def refused(integration: Integration, vendor: Vendor) -> Refused | None:
    """Why it could not be created, while that stands."""
    row = VendorCreation.objects.filter(Q(integration=integration, vendor=vendor), state=State.REFUSED).first()
    return Refused("vendor_not_created", {"vendor": vendor.name, "words": row.words}, words=row.words) if row else None
