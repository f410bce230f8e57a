"""A person finds the bill of an invoice in the books and links it. The way back is in `unlinking`."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounting import comparing, holds, restoring, routing
from accounting.backends import InBooks, backend_for
from accounting.models import Bill, BookedBill, Integration, Mapping, MissingMapping
from accounting.posting import IN_DOUBT
from accounting.suggesting import normalised
from companies.models import User

LINKABLE = frozenset(
    {Bill.State.NEEDS_MAPPING, Bill.State.ON_HOLD, Bill.State.FAILED, Bill.State.READY, Bill.State.SKIPPED}
)
MARK = "[inBuild "


class CannotLink(Exception):
    """The text is for the person."""


def can_link(bill: Bill) -> bool:
    """Nothing of ours can be in the books or on its way there."""
    return bill.state in LINKABLE and bill.problem not in IN_DOUBT


def candidates(bill: Bill, number: str) -> list[InBooks]:
    """Bills of that number in the books, those of the invoice's vendor first. Asks the books.

    Raises CannotLink, NotSent and NeedsReconnect.
    """
    integration = _integration(bill)
    found = backend_for(integration).find(integration, bill, number=number.strip())
    return sorted(found, key=lambda one: not is_of_vendor(bill, integration, one))


def is_of_vendor(bill: Bill, integration: Integration, found: InBooks | BookedBill) -> bool:
    """By the mapping; where there is none, by the name."""
    vendor = bill.invoice.vendor
    mapped = Mapping.objects.filter(integration=integration, vendor=vendor).select_related("entry").first()
    if mapped is not None:
        return mapped.entry.external_id == found.vendor_id
    return normalised(vendor.name) == normalised(found.vendor_name)


def mark(bill: Bill, number: str, *, user: User) -> list[InBooks]:
    """Link to the one bill of that number and of the invoice's vendor. Else the bills a person may mean.

    Raises like `candidates`, and Moved when the bill went on meanwhile.
    """
    if not number.strip():
        raise CannotLink("Type the bill's number as it stands in QuickBooks.")
    _check(bill)
    integration = _integration(bill)
    found = candidates(bill, number)
    same = [one for one in found if is_of_vendor(bill, integration, one)]
    if len(same) == 1:
        _link(bill, integration, same[0], user=user)
        return []
    if not found:
        raise CannotLink(
            f"QuickBooks has no bill with number {number.strip()}. Only a bill that is in the connected QuickBooks "
            "can be marked as synced."
        )
    return found


def link(bill: Bill, external_id: str, *, user: User) -> None:
    """Link to this very bill, as the books show it now. Raises CannotLink, NotSent, NeedsReconnect and Moved."""
    _check(bill)
    integration = _integration(bill)
    found = backend_for(integration).find(integration, bill, external_id=external_id)
    if len(found) != 1:
        raise CannotLink("That bill is no longer in QuickBooks.")
    _link(bill, integration, found[0], user=user)


def known_in_books(bill: Bill) -> BookedBill | None:
    """The bill of the books that this one may be a copy of, as they last showed it. Asks nobody."""
    integration = bill.integration or routing.books_of(bill.invoice)
    if integration is None:
        return None
    rows = BookedBill.objects.filter(integration=integration, kind=bill.kind, is_deleted=False)
    if wanted := bill.problem_detail.get("external_id"):
        return rows.filter(external_id=wanted).first()
    entry = Mapping.objects.filter(integration=integration, vendor=bill.invoice.vendor).select_related("entry").first()
    return holds.same_in_books(bill, integration, entry.entry.external_id) if entry else None


def _check(bill: Bill) -> None:
    if bill.state == Bill.State.SYNCED:
        raise CannotLink("This invoice already has its bill in QuickBooks.")
    if not can_link(bill):
        raise CannotLink(
            "inBuild has sent this bill and does not know yet whether it arrived. Press Check now on the invoice first."
        )


def _integration(bill: Bill) -> Integration:
    integration = routing.books_of(bill.invoice)
    if integration is not None:
        return integration
    if Integration.active(bill.company_id).exists():
        raise CannotLink("Choose first which company file takes the bills of this project.")
    raise CannotLink("No QuickBooks is connected.")


def _link(bill: Bill, integration: Integration, found: InBooks, *, user: User) -> None:
    number = found.number or found.external_id
    taken = Bill.objects.filter(integration=integration, kind=bill.kind, external_id=found.external_id)
    other = taken.exclude(pk=bill.pk).select_related("invoice__vendor").first()
    if other is not None:
        raise CannotLink(f"Bill {number} in QuickBooks is already the bill of invoice {other.invoice}.")
    # After a restore, the marker may be of a bill that nobody here knows any more.
    is_lost = integration.may_have_forgotten(bill) and not restoring.is_of_another(bill, found.note)
    if MARK in found.note and not found.is_ours and not is_lost:
        raise CannotLink(f"Bill {number} in QuickBooks was made by inBuild for another invoice.")
    try:
        with transaction.atomic():
            bill.move(
                Bill.State.SYNCED,
                f"Linked to bill {number} in QuickBooks, which inBuild did not make",
                user=user,
                integration=integration,
                external_id=found.external_id,
                external_number=found.number,
                sync_token=found.sync_token,
                posted_total=found.total,
                posted_vendor_id=found.vendor_id,
                synced_at=Now(),
                is_by_hand=True,
            )
            MissingMapping.objects.filter(bill=bill).delete()
            comparing.anew(bill)
    except IntegrityError as exc:
        raise CannotLink(f"Bill {number} in QuickBooks was just linked to another invoice.") from exc
