"""Which of ours is which of the books': what a bill names there, what is missing for that, and what a choice frees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from accounting.bells import POST_DUE
from accounting.models import Bill, Integration, ListEntry, Mapping, MissingMapping
from companies import auditing
from companies.models import User
from inbuild.queue import ring
from inbuild.written import Written
from invoices.models import CostCode, Invoice, InvoiceLine, Project, Vendor

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


def lines_of(invoice: Invoice) -> list[InvoiceLine]:
    """In their order, each with its cost code."""
    lines = _LINES(invoice.pk)
    for line in lines:
        line.invoice = invoice
    return lines


_LINES = Written(
    lambda invoice_id: (
        InvoiceLine.objects.filter(invoice_id=invoice_id).select_related("cost_code").order_by("position")
    ),
    int,
)


def resolve(bill: Bill, integration: Integration, lines: list[InvoiceLine] | None = None) -> Resolved | list[Missing]:
    """What the bill names in the books, or everything that is missing for it, all at once."""
    missing: list[Missing] = []
    invoice = bill.invoice
    lines = lines_of(invoice) if lines is None else lines
    coded = [_code_of(line, integration) for line in lines]
    known = _known(integration, [one for one in (invoice.vendor, invoice.project, *coded) if one])
    vendor = _vendor_entry(integration, invoice.vendor, known.get(f"vendor:{invoice.vendor_id}"))
    if vendor is None:
        missing.append(Missing(f"vendor:{invoice.vendor_id}", invoice.vendor.name))
    customer = _of_project(known, invoice.project, Kind.CUSTOMER, integration.project_use, missing)
    klass = _of_project(known, invoice.project, Kind.CLASS, integration.classes, missing)
    targets = _targets(known, lines, integration, missing)
    held = sum((line.retainage for line in lines if line.retainage < 0), Decimal(0))
    released = sum((line.retainage for line in lines if line.retainage > 0), Decimal(0))
    if (held or released) and not _usable(integration.retainage_target):
        missing.append(Missing("retainage", "Retainage"))
    if missing or vendor is None:
        return list(dict.fromkeys(missing))
    return Resolved(vendor, customer, klass, targets, integration.retainage_target, held, released)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a bill would name in the books today, piece by piece: an entry, or what is missing for it."""

    vendor: ListEntry | Missing
    customer: ListEntry | Missing | None
    klass: ListEntry | Missing | None
    targets: tuple[ListEntry | Missing | None, ...]  # one for each line; None for lines of retainage alone
    is_default: tuple[bool, ...]  # for each line: its code has no mapping of its own
    retainage: ListEntry | Missing | None


def outlook(integration: Integration, invoice: Invoice, lines: list[InvoiceLine]) -> Outlook:
    """For the invoice's page. Unlike `resolve` it keeps no mapping that it finds."""
    coded = [_code_of(line, integration) for line in lines]
    known = _known(integration, [one for one in (invoice.vendor, invoice.project, *coded) if one])
    mapped = known.get(f"vendor:{invoice.vendor_id}")
    vendor = mapped.entry if mapped and mapped.entry.active else None
    if mapped is None:
        vendor = _of_same_name(integration, invoice.vendor)
    lacks: list[Missing] = []
    customer = _of_project(known, invoice.project, Kind.CUSTOMER, integration.project_use, lacks)
    customers, lacks = lacks, []
    klass = _of_project(known, invoice.project, Kind.CLASS, integration.classes, lacks)
    retainage = integration.retainage_target
    has_retainage = any(line.retainage for line in lines)
    return Outlook(
        vendor=vendor or Missing(f"vendor:{invoice.vendor_id}", invoice.vendor.name),
        customer=customer or next(iter(customers), None),
        klass=klass or next(iter(lacks), None),
        targets=tuple(_target(known, line, integration) if line.gross else None for line in lines),
        is_default=tuple(one is None or key_of(one, integration.target_kind) not in known for one in coded),
        retainage=(retainage if _usable(retainage) else Missing("retainage", "Retainage")) if has_retainage else None,
    )


def vendor_entry(integration: Integration, vendor: Vendor) -> ListEntry | None:
    """The mapped vendor; else the one active vendor of the books that carries exactly this name, which is then kept."""
    return _vendor_entry(integration, vendor, next(iter(_OF_VENDOR(integration.pk, vendor.pk)), None))


_OF_VENDOR = Written(
    lambda integration_id, vendor_id: (
        Mapping.objects.filter(integration_id=integration_id, vendor_id=vendor_id)
        .select_related("entry")
        .order_by("pk")[:1]
    ),
    int,
    int,
)


def _vendor_entry(integration: Integration, vendor: Vendor, found: Mapping | None) -> ListEntry | None:
    if found is not None:
        return found.entry if found.entry.active else None
    entry = _of_same_name(integration, vendor)
    if entry is None:
        return None
    return map_vendor(integration, vendor, external_id=entry.external_id, name=entry.name)


def _of_same_name(integration: Integration, vendor: Vendor) -> ListEntry | None:
    same = ListEntry.objects.filter(integration=integration, kind=Kind.VENDOR, active=True, name__iexact=vendor.name)
    entries = list(same[:2])
    return entries[0] if len(entries) == 1 else None


def is_inactive(integration: Integration, vendor: Vendor) -> bool:
    """Mapped to an entry that the books no longer use: a person must choose, a search by name would find it again."""
    return Mapping.objects.filter(integration=integration, vendor=vendor, entry__active=False).exists()


def map_vendor(
    integration: Integration, vendor: Vendor, *, external_id: str, name: str, currency: str = ""
) -> ListEntry:
    """Remember that a vendor of ours and one of the books carry exactly the same name."""
    with transaction.atomic():
        hold_still(integration)
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


@dataclass(frozen=True, slots=True)
class Freed:
    """How many bills went on, and what their invoices come to."""

    bills: int = 0
    total: Decimal = Decimal(0)


def choose(integration: Integration, ours: Ours, entry: ListEntry, *, user: User) -> int:
    """A person says which entry of the books one of ours is. Returns how many bills that frees."""
    return choose_all(integration, [(ours, entry)], user=user).bills


def choose_all(integration: Integration, pairs: Iterable[tuple[Ours, ListEntry]], *, user: User) -> Freed:
    """A person says which entry each of ours is: all or none, and everything that waited for them goes on."""
    wanted = {key_of(ours, entry.kind): (ours, entry) for ours, entry in pairs}
    with transaction.atomic():
        hold_still(integration)
        known = _known(integration, [ours for ours, _ in wanted.values()])
        # One that inBuild made, because the names are the same, becomes the person's who says so too.
        settled = {key for key, row in known.items() if key in wanted and row.entry == wanted[key][1] and row.by_id}
        changed = {key: pair for key, pair in wanted.items() if key not in settled}
        if changed:
            now = timezone.now()
            facts: dict[str, Any] = {"company_id": integration.company_id, "confirmed": True, "by": user, "at": now}
            old = [known[key] for key in changed if key in known]
            for row in old:
                row.entry, row.confirmed, row.by, row.at = changed[key_of_row(row)][1], True, user, now
            Mapping.objects.bulk_update(old, ["entry", "confirmed", "by", "at"], batch_size=500)
            Mapping.objects.bulk_create(
                Mapping(integration=integration, kind=entry.kind, entry=entry, **{_column(ours): ours}, **facts)
                for key, (ours, entry) in changed.items()
                if key not in known
            )
            told = [f"{ours} is {entry} in QuickBooks" for ours, entry in changed.values()]
            auditing.record(
                integration.company_id,
                "mapping.chosen",
                integration,
                told[0] if len(told) == 1 else f"{len(told)} mapped: {'; '.join(told[:10])}",
                user=user,
                before={key: str(known[key].entry) for key in changed if key in known},
                after={key: str(entry) for key, (_, entry) in changed.items()},
            )
        return free(integration.company_id, *wanted)


def clear(integration: Integration, ours: Ours, kind: str, *, user: User) -> None:
    """Take a mapping back; bills that were posted keep what they have."""
    column = _column(ours)
    with transaction.atomic():
        deleted, _ = Mapping.objects.filter(integration=integration, kind=kind, **{column: ours}).delete()
        if deleted:
            sentence, before = f"{ours} is no longer mapped", {key_of(ours, kind): "mapped"}
            auditing.record(integration.company_id, "mapping.cleared", integration, sentence, user=user, before=before)


def hold_still(integration: Integration) -> None:
    """Mappings and what bills are known to wait for change only under this lock, until the transaction ends.

    Without it a bill could note that it waits for a vendor at the very moment somebody maps it, and wait for ever.
    """
    Integration.objects.select_for_update(no_key=True).get(pk=integration.pk)


def _known(integration: Integration, ours: Sequence[Ours]) -> dict[str, Mapping]:
    """The mappings of these, by key; one query."""
    by_column: dict[str, list[Any]] = {}
    for one in ours:
        by_column.setdefault(_column(one), []).append(one)
    which = Q(pk=None)
    for column, values in by_column.items():
        which |= Q(**{f"{column}__in": values})
    return {
        key_of_row(row): row for row in Mapping.objects.filter(which, integration=integration).select_related("entry")
    }


def key_of_row(row: Mapping) -> str:
    if row.cost_type:
        return f"{row.kind}-type:{row.cost_type}"
    return f"{row.kind}:{row.vendor_id or row.project_id or row.cost_code_id}"


def key_of(ours: Ours, kind: str) -> str:
    if isinstance(ours, Vendor):
        return f"vendor:{ours.pk}"
    if isinstance(ours, str):
        return f"{kind}-type:{ours}"
    return f"{kind}:{ours.pk}"


def keys_of(bill: Bill) -> list[str]:
    """The keys of everything that this bill's invoice names and that can be mapped, whatever the settings say now."""
    invoice = bill.invoice
    found = {f"vendor:{invoice.vendor_id}"}
    if invoice.project_id is not None:
        found |= {f"{Kind.CUSTOMER}:{invoice.project_id}", f"{Kind.CLASS}:{invoice.project_id}"}
    for code, cost_type in invoice.lines.values_list("cost_code_id", "cost_type").distinct():
        found |= {f"{kind}:{code}" for kind in (Kind.ACCOUNT, Kind.ITEM) if code}
        found |= {f"{kind}-type:{cost_type}" for kind in (Kind.ACCOUNT, Kind.ITEM) if cost_type}
    return sorted(found)


def release(company_id: int, *keys: str) -> int:
    """These were mended: every bill that waited for them and for nothing else goes on. Returns how many."""
    return free(company_id, *keys).bills


def free(company_id: int, *keys: str) -> Freed:
    """As `release`; says what the invoices come to as well."""
    with transaction.atomic():
        waiting = MissingMapping.objects.filter(company_id=company_id, key__in=keys)
        ids = list(waiting.values_list("bill_id", flat=True))
        waiting.delete()
        rows = Bill.objects.filter(company_id=company_id, pk__in=ids, missing=None)
        moved = Bill.go_on(rows, "What was missing was chosen", job="mapping")
        found = Bill.objects.filter(pk__in=moved).aggregate(total=Sum("invoice__amount_due"))
        if moved:
            ring(POST_DUE, company_id)
    return Freed(len(moved), found["total"] or Decimal(0))


def free_mended(integration: Integration) -> Freed:
    """The lists or settings changed: whatever bills wait for and is there now lets them go on."""
    waiting = MissingMapping.objects.filter(company_id=integration.company_id, bill__state=Bill.State.NEEDS_MAPPING)
    keys = waiting.order_by("key").values_list("key", flat=True).distinct()
    return free(integration.company_id, *[key for key in keys if _is_mended(integration, key)])


def _is_mended(integration: Integration, key: str) -> bool:
    head, _, tail = key.partition(":")
    if key == "retainage":
        return _usable(integration.retainage_target)
    if head.startswith("default-") or tail == "none":
        return head.startswith("default-") and _usable(integration.default_target)
    if head == Kind.VENDOR:
        vendor = Vendor.objects.filter(company_id=integration.company_id, pk=int(tail)).first()
        return vendor is not None and vendor_entry(integration, vendor) is not None
    column = (
        "cost_type" if head.endswith("-type") else "project" if head in (Kind.CUSTOMER, Kind.CLASS) else "cost_code"
    )
    kind = head.removesuffix("-type")
    row = Mapping.objects.filter(integration=integration, kind=kind, **{column: tail}).select_related("entry").first()
    if row is not None:
        return _usable(row.entry)
    return column != "project" and kind == integration.target_kind and _usable(integration.default_target)


def waiting_vendors(company_id: int) -> list[int]:
    """The vendors whose mapping bills wait for."""
    rows = MissingMapping.objects.filter(company_id=company_id, key__startswith="vendor:")
    return [int(key.partition(":")[2]) for key in rows.order_by("key").values_list("key", flat=True).distinct()]


def note_missing(bill: Bill, missing: Iterable[Missing]) -> None:
    """Replace what a bill is known to wait for."""
    MissingMapping.objects.filter(bill=bill).delete()
    MissingMapping.objects.bulk_create(
        MissingMapping(company_id=bill.company_id, bill=bill, key=one.key[:140], name=one.name[:300]) for one in missing
    )


def _of_project(
    known: dict[str, Mapping], project: Project | None, kind: str, use: str, missing: list[Missing]
) -> ListEntry | None:
    if use == Integration.Use.NONE:
        return None
    is_required = use == Integration.Use.REQUIRED
    if project is None:
        if is_required:
            missing.append(Missing(f"{kind}:none", "Invoices without a project"))
        return None
    mapped = known.get(key_of(project, kind))
    if mapped and mapped.entry.active:
        return mapped.entry
    # One that was mapped to something inactive would lose its job costs without a word.
    if mapped or is_required:
        missing.append(Missing(f"{kind}:{project.pk}", str(project)))
    return None


def _code_of(line: InvoiceLine, integration: Integration) -> CostCode | str | None:
    if integration.codes_by == Integration.CodesBy.COST_TYPE:
        return line.cost_type or None
    return line.cost_code


def _targets(
    known: dict[str, Mapping], lines: list[InvoiceLine], integration: Integration, missing: list[Missing]
) -> tuple[tuple[InvoiceLine, ListEntry], ...]:
    """Each line with an amount of its own and what it is posted to; lines of retainage alone need none."""
    found = []
    for line in (line for line in lines if line.gross):
        target = _target(known, line, integration)
        if isinstance(target, Missing):
            missing.append(target)
        else:
            found.append((line, target))
    return tuple(found)


def _target(known: dict[str, Mapping], line: InvoiceLine, integration: Integration) -> ListEntry | Missing:
    kind, ours = integration.target_kind, _code_of(line, integration)
    mapped = known.get(key_of(ours, kind)) if ours else None
    target = mapped.entry if mapped else integration.default_target
    if target is not None and _usable(target):
        return target
    return Missing(key_of(ours, kind), str(ours)) if ours else Missing(f"default-{kind}", "Lines without a cost code")


def _usable(entry: ListEntry | None) -> bool:
    return entry is not None and entry.active and entry.is_usable


def _column(ours: Ours) -> str:
    if isinstance(ours, Vendor):
        return "vendor"
    if isinstance(ours, Project):
        return "project"
    return "cost_code" if isinstance(ours, CostCode) else "cost_type"
