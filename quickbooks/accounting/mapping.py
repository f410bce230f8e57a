"""Which of ours is which of the books': what a bill names there, what is missing for that, and what a choice frees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounting.bells import POST_DUE
from accounting.models import Bill, Integration, ListEntry, Mapping, MissingMapping, Moved
from companies import auditing
from companies.models import User
from inbuild.queue import ring
from invoices.models import CostCode, InvoiceLine, Project, Vendor

Kind = ListEntry.Kind
Ours = Vendor | Project | CostCode | str


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing a bill waits for. `key` is the same for every bill that waits for it."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything of the books that a bill names."""

    vendor: ListEntry
    customer: ListEntry | None
    klass: ListEntry | None
    targets: tuple[tuple[InvoiceLine, ListEntry], ...]
    retainage: ListEntry | None
    held: Decimal
    released: Decimal


def resolve(bill: Bill, integration: Integration) -> Resolved | list[Missing]:
    """What the bill names in the books, or everything that is missing for it, all at once."""
    missing: list[Missing] = []
    invoice = bill.invoice
    vendor = vendor_entry(integration, invoice.vendor)
    if vendor is None:
        missing.append(Missing(f"vendor:{invoice.vendor_id}", invoice.vendor.name))
    customer = _of_project(integration, invoice.project, Kind.CUSTOMER, integration.project_use, missing)
    klass = _of_project(integration, invoice.project, Kind.CLASS, integration.class_use, missing)
    lines = list(invoice.lines.select_related("cost_code").order_by("position"))
    targets = _targets(lines, integration, missing)
    held = sum((line.retainage for line in lines if line.retainage < 0), Decimal(0))
    released = sum((line.retainage for line in lines if line.retainage > 0), Decimal(0))
    if (held or released) and not _usable(integration.retainage_target):
        missing.append(Missing("retainage", "Retainage"))
    if missing or vendor is None:
        return list(dict.fromkeys(missing))
    return Resolved(vendor, customer, klass, targets, integration.retainage_target, held, released)


def vendor_entry(integration: Integration, vendor: Vendor) -> ListEntry | None:
    """The mapped vendor; else the one active vendor of the books that carries exactly this name, which is then kept."""
    found = Mapping.objects.filter(integration=integration, vendor=vendor).select_related("entry").first()
    if found is not None:
        return found.entry if found.entry.active else None
    same = ListEntry.objects.filter(integration=integration, kind=Kind.VENDOR, active=True, name__iexact=vendor.name)
    entries = list(same[:2])
    if len(entries) != 1:
        return None
    return map_vendor(integration, vendor, external_id=entries[0].external_id, name=entries[0].name)


def is_inactive(integration: Integration, vendor: Vendor) -> bool:
    """Mapped to an entry that the books no longer use: a person must choose, a search by name would find it again."""
    return Mapping.objects.filter(integration=integration, vendor=vendor, entry__active=False).exists()


def map_vendor(
    integration: Integration, vendor: Vendor, *, external_id: str, name: str, currency: str = ""
) -> ListEntry:
    """Remember that a vendor of ours and one of the books carry exactly the same name."""
    with transaction.atomic():
        entry, _ = ListEntry.objects.update_or_create(
            integration=integration,
            kind=Kind.VENDOR,
            external_id=external_id,
            defaults={"company_id": integration.company_id, "name": name[:500], "active": True}
            | ({"currency": currency} if currency else {}),
        )
        Mapping.objects.update_or_create(
            integration=integration,
            vendor=vendor,
            defaults={"company_id": integration.company_id, "kind": Kind.VENDOR, "entry": entry, "confirmed": True},
        )
    return entry


def forget_vendor(integration: Integration, vendor: Vendor) -> None:
    """The books no longer know the mapped vendor: look it up by name again next time."""
    Mapping.objects.filter(integration=integration, vendor=vendor, by=None).delete()


def choose(integration: Integration, ours: Ours, entry: ListEntry, *, user: User) -> int:
    """A person says which entry of the books one of ours is. Returns how many bills that frees."""
    with transaction.atomic():
        which: dict[str, Any] = {"integration": integration, "kind": entry.kind, _column(ours): ours}
        before = Mapping.objects.filter(**which).select_related("entry").first()
        facts: dict[str, Any] = {"company_id": integration.company_id, "entry": entry, "confirmed": True, "by": user}
        Mapping.objects.update_or_create(defaults=facts, **which)
        auditing.record(
            integration.company_id,
            "mapping.chosen",
            integration,
            f"{ours} is {entry} in QuickBooks",
            user=user,
            before={"entry": str(before.entry) if before else ""},
            after={"entry": str(entry), "kind": entry.kind},
        )
        return release(integration.company_id, key_of(ours, entry.kind))


def clear(integration: Integration, ours: Ours, kind: str, *, user: User) -> None:
    """Take a mapping back; bills that were posted keep what they have."""
    column = _column(ours)
    with transaction.atomic():
        deleted, _ = Mapping.objects.filter(integration=integration, kind=kind, **{column: ours}).delete()
        if deleted:
            sentence = f"{ours} is no longer mapped"
            auditing.record(integration.company_id, "mapping.cleared", integration, sentence, user=user)


def key_of(ours: Ours, kind: str) -> str:
    if isinstance(ours, Vendor):
        return f"vendor:{ours.pk}"
    if isinstance(ours, str):
        return f"{kind}-type:{ours}"
    return f"{kind}:{ours.pk}"


def release(company_id: int, *keys: str) -> int:
    """These were mended: every bill that waited for them and for nothing else goes on. Returns how many."""
    waiting = MissingMapping.objects.filter(company_id=company_id, key__in=keys)
    ids = list(waiting.values_list("bill_id", flat=True))
    waiting.delete()
    moved = 0
    free = Bill.objects.filter(company_id=company_id, pk__in=ids, state=Bill.State.NEEDS_MAPPING, missing=None)
    for bill in free.order_by("id"):
        with suppress(Moved):  # somebody pressed Try again at this very moment
            bill.move(Bill.State.READY, "What was missing was chosen", job="mapping", next_at=Now())
            moved += 1
    if moved:
        ring(POST_DUE, company_id)
    return moved


def note_missing(bill: Bill, missing: Iterable[Missing]) -> None:
    """Replace what a bill is known to wait for."""
    MissingMapping.objects.filter(bill=bill).delete()
    MissingMapping.objects.bulk_create(
        MissingMapping(company_id=bill.company_id, bill=bill, key=one.key[:140], name=one.name[:300]) for one in missing
    )


SUFFIXES = {"inc", "incorporated", "llc", "llp", "lp", "ltd", "limited", "co", "company", "corp", "corporation"}


def normalised(name: str) -> str:
    """A name without case, punctuation and legal form: good for a suggestion, never for a decision."""
    words = re.sub(r"[^\w\s]", " ", name.casefold().replace("&", " and ")).split()
    kept = [word for word in words if word not in SUFFIXES and word != "the"]
    return " ".join(kept or words)


def suggest(entries: Iterable[ListEntry], name: str, *, code: str = "", origin_id: str = "") -> ListEntry | None:
    """The one entry a person would most likely choose; None where there is no single candidate."""
    rows = list(entries)
    for matches in (
        [entry for entry in rows if origin_id and entry.external_id == origin_id],
        [entry for entry in rows if entry.name.casefold() == name.casefold()],
        [entry for entry in rows if normalised(entry.name) == normalised(name)],
        [entry for entry in rows if code and normalised(entry.name).startswith(normalised(code))],
    ):
        if len(matches) == 1:
            return matches[0]
    return None


def _of_project(
    integration: Integration, project: Project | None, kind: str, use: str, missing: list[Missing]
) -> ListEntry | None:
    if use == Integration.Use.NONE:
        return None
    is_required = use == Integration.Use.REQUIRED
    if project is None:
        if is_required:
            missing.append(Missing(f"{kind}:none", "Invoices without a project"))
        return None
    rows = Mapping.objects.filter(integration=integration, project=project, kind=kind).select_related("entry")
    mapped = rows.first()
    if mapped and mapped.entry.active:
        return mapped.entry
    # One that was mapped to something inactive would lose its job costs without a word.
    if mapped or is_required:
        missing.append(Missing(f"{kind}:{project.pk}", str(project)))
    return None


def _targets(
    lines: list[InvoiceLine], integration: Integration, missing: list[Missing]
) -> tuple[tuple[InvoiceLine, ListEntry], ...]:
    """Each line with an amount of its own and what it is posted to; lines of retainage alone need none."""
    kind = integration.target_kind
    rows = Mapping.objects.filter(integration=integration, kind=kind).filter(
        Q(cost_code__in=[line.cost_code_id for line in lines if line.cost_code_id])
        | Q(cost_type__in=[line.cost_type for line in lines if line.cost_type])
    )
    by_type = integration.codes_by == Integration.CodesBy.COST_TYPE
    known = {row.cost_type or row.cost_code_id: row.entry for row in rows.select_related("entry")}
    found = []
    for line in (line for line in lines if line.gross):
        ours: Ours | None = (line.cost_type or None) if by_type else line.cost_code
        mapped = known.get(ours if isinstance(ours, str) else ours.pk) if ours else None
        target = mapped or integration.default_target
        if target is not None and _usable(target):
            found.append((line, target))
        elif ours:
            missing.append(Missing(key_of(ours, kind), str(ours)))
        else:
            missing.append(Missing(f"default-{kind}", "Lines without a cost code"))
    return tuple(found)


def _usable(entry: ListEntry | None) -> bool:
    return entry is not None and entry.active and entry.is_usable


def _column(ours: Ours) -> str:
    if isinstance(ours, Vendor):
        return "vendor"
    if isinstance(ours, Project):
        return "project"
    return "cost_code" if isinstance(ours, CostCode) else "cost_type"
