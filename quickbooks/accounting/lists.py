"""The lists of the books, as cached."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounting import mapping
from accounting.backends import backend_for
from accounting.books import Entry
from accounting.mapping import Freed
from accounting.models import Integration, ListEntry


def refresh(integration: Integration) -> Freed:
    """Read all lists anew; bills go on for which that was missing. Raises NotSent and NeedsReconnect."""
    backend_for(integration).refresh_lists(integration)
    _suggest_accounts_payable(integration)
    integration.refresh_from_db()
    return mapping.free_mended(integration)


def _suggest_accounts_payable(integration: Integration) -> None:
    """Where the books have exactly one accounts payable account there is nothing to choose."""
    entries = list(accounts(integration, "AccountsPayable")[:2])
    if len(entries) == 1:
        Integration.objects.filter(pk=integration.pk, ap_account=None).update(ap_account=entries[0])


def store(
    integration: Integration, kind: ListEntry.Kind, entries: Iterable[Entry], *, read_from: datetime | None = None
) -> None:
    """Replace what we know of one list by a complete reading of it; what is gone becomes inactive.

    What was seen after the reading began, a vendor made meanwhile, is not taken for gone.
    """
    with transaction.atomic():
        seen = _write(integration, kind, entries)
        known = ListEntry.objects.filter(integration=integration, kind=kind, active=True)
        if read_from is not None:
            known = known.filter(seen_at__lt=read_from)
        known.exclude(external_id__in=seen).update(active=False)


def store_some(integration: Integration, kind: str, entries: Iterable[Entry], gone: Iterable[str] = ()) -> bool:
    """Take over what changed in one list; what was deleted becomes inactive. Says whether anything became usable."""
    with transaction.atomic():
        found = list(entries)
        rows = ListEntry.objects.filter(integration=integration, kind=kind)
        before = set(rows.filter(active=True, is_usable=True).values_list("external_id", flat=True))
        _write(integration, kind, found)
        rows.filter(external_id__in=list(gone)).update(active=False)
    return any(entry.active and entry.is_usable and entry.external_id not in before for entry in found)


def _write(integration: Integration, kind: str, entries: Iterable[Entry]) -> list[str]:
    rows = [
        ListEntry(
            company_id=integration.company_id,
            integration=integration,
            kind=kind,
            external_id=entry.external_id,
            name=entry.name[:500],
            subtype=entry.subtype[:60],
            active=entry.active,
            currency=entry.currency[:3],
            is_usable=entry.is_usable,
            seen_at=timezone.now(),
        )
        # A row that moved between two pages comes twice.
        for entry in {entry.external_id: entry for entry in entries}.values()
    ]
    ListEntry.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["integration", "kind", "external_id"],
        update_fields=["name", "subtype", "active", "currency", "is_usable", "seen_at"],
        batch_size=1000,
    )
    return [row.external_id for row in rows]


def accounts(integration: Integration, *subtypes: str) -> QuerySet[ListEntry]:
    """Active accounts, all or those of some sub-types, by name."""
    rows = ListEntry.objects.filter(integration=integration, kind=ListEntry.Kind.ACCOUNT, active=True)
    return (rows.filter(subtype__in=subtypes) if subtypes else rows).order_by("name")
