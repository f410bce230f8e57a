"""The lists of the books, as cached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounting.models import Integration, ListEntry


@dataclass(frozen=True, slots=True)
class Entry:
    external_id: str
    name: str
    active: bool = True
    subtype: str = ""


def store(integration: Integration, kind: ListEntry.Kind, entries: Iterable[Entry]) -> None:
    """Replace what we know of one list by a complete reading of it; what is gone becomes inactive."""
    rows = [
        ListEntry(
            company_id=integration.company_id,
            integration=integration,
            kind=kind,
            external_id=entry.external_id,
            name=entry.name[:500],
            subtype=entry.subtype,
            active=entry.active,
            seen_at=timezone.now(),
        )
        # A row that moved between two pages comes twice.
        for entry in {entry.external_id: entry for entry in entries}.values()
    ]
    with transaction.atomic():
        ListEntry.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["integration", "kind", "external_id"],
            update_fields=["name", "subtype", "active", "seen_at"],
        )
        seen = [row.external_id for row in rows]
        known = ListEntry.objects.filter(integration=integration, kind=kind, active=True)
        known.exclude(external_id__in=seen).update(active=False)


def accounts(integration: Integration, *subtypes: str) -> QuerySet[ListEntry]:
    """Active accounts, all or those of some sub-types, by name."""
    rows = ListEntry.objects.filter(integration=integration, kind=ListEntry.Kind.ACCOUNT, active=True)
    return (rows.filter(subtype__in=subtypes) if subtypes else rows).order_by("name")
