"""Which of our vendors is which vendor of the books."""

from __future__ import annotations

from django.db import transaction

from accounting.models import Integration, ListEntry, Mapping
from invoices.models import Vendor


def vendor_entry(integration: Integration, vendor: Vendor) -> ListEntry | None:
    """The mapped vendor, if there is one and it is active."""
    found = Mapping.objects.filter(integration=integration, vendor=vendor).select_related("entry").first()
    return found.entry if found and found.entry.active else None


def map_vendor(integration: Integration, vendor: Vendor, *, external_id: str, name: str) -> ListEntry:
    """Remember that a vendor of ours and one of the books carry exactly the same name."""
    with transaction.atomic():
        entry, _ = ListEntry.objects.update_or_create(
            integration=integration,
            kind=ListEntry.Kind.VENDOR,
            external_id=external_id,
            defaults={"company_id": integration.company_id, "name": name[:500], "active": True},
        )
        Mapping.objects.update_or_create(
            integration=integration,
            vendor=vendor,
            defaults={"company_id": integration.company_id, "entry": entry, "confirmed": True},
        )
    return entry


def forget_vendor(integration: Integration, vendor: Vendor) -> None:
    """The books no longer know the mapped vendor: look it up by name again next time."""
    Mapping.objects.filter(integration=integration, vendor=vendor).delete()
