"""Approved invoices of Procore's that did not come by themselves: which, how many, how much, and a person's choice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from accounting.models import Integration
from companies import auditing
from companies.models import User
from inbuild.queue import ring
from procore_sync import following, gates, mirroring
from procore_sync.bells import IMPORT_DUE
from procore_sync.models import Backfill, MirroringPeriod, ProcoreIntegration, ProcoreInvoice, SentInvoice

PAGE = 50
COUNT_CAP = 10_000
SHOWN_IMPORTS = 3
SHOWN_STUCK = 10
NEEDS_QUICKBOOKS = "Connect QuickBooks first: without it there is nowhere the bills could go."

# Why an invoice did not come, as a person asks for it.
WHYS: Mapping[str, str] = {
    "not_arrived": "Approved while on, not arrived",
    "disconnected": "QuickBooks was disconnected",
    "off": "Approved while off",
    "before": "Approved before",
    "unknown": "Time unknown",
    "dismissed": "Dismissed",
}
PRESELECTED = ("not_arrived", "disconnected")
_WHY_OF_GATE = {"not_arrived": "switch", "disconnected": "quickbooks"}


# ProcoreInvoices with `why` and `money_in`, which only the database knows.
Rows = QuerySet[Any]


class CannotImport(Exception):
    """Nothing was chosen for import; the text says why."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What stands in the address of Review. `since` and `until` are the ends of days in the company's zone."""

    why: str = ""
    project_id: int | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    off: MirroringPeriod | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many invoices, and what they come to in each currency; beyond the cap only that there are more."""

    count: int = 0
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    is_capped: bool = False

    @property
    def amount(self) -> str:
        """$182,400.00, or several currencies joined."""
        return " and ".join(_amount(currency, total) for currency, total in sorted(self.sums.items()))

    @property
    def words(self) -> str:
        if self.is_capped:
            return f"more than {COUNT_CAP:,} invoices"
        return f"{self.count:,} {'invoice' if self.count == 1 else 'invoices'} ({self.amount or '$0.00'})"


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Any]
    next_cursor: str


def everything(integration: ProcoreIntegration) -> Rows:
    """Approved, not in inBuild, kept out by a gate a person may open, and not on its way already; dismissed ones too.

    Each with `why`, one of WHYS, and the currency its amount is in.
    """
    return with_why(_kept_out(integration), integration)


def _kept_out(integration: ProcoreIntegration) -> QuerySet[ProcoreInvoice]:
    rows = ProcoreInvoice.objects.filter(company_id=integration.company_id, integration=integration, invoice=None)
    return rows.filter(for_a_person(integration))


def for_a_person(integration: ProcoreIntegration) -> Q:
    """The rule of `everything`, for a list that shows more than that."""
    ours = SentInvoice.objects.filter(integration=integration, procore_id=OuterRef("procore_id"))
    is_ours = Q(Exists(ours), kind=ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE)
    is_on_its_way = Q(backfill__isnull=False, next_at__isnull=False)
    is_approved = Q(status__in=following.approved_statuses(integration))
    return Q(gate__in=gates.REVIEWABLE) & is_approved & ~is_on_its_way & ~is_ours


def with_why(rows: QuerySet[ProcoreInvoice], integration: ProcoreIntegration) -> Rows:
    first = MirroringPeriod.objects.filter(integration=integration).order_by("started_at").values("started_at")[:1]
    money_in = Case(
        When(currency="", then=Value(integration.company.currency)), default=F("currency"), output_field=CharField()
    )
    rows = rows.annotate(moment=Coalesce("approved_at", "source_updated_at"), first_on=Subquery(first))
    return rows.annotate(why=_why(), money_in=money_in)


def find(integration: ProcoreIntegration, filters: Filters) -> Rows:
    """What the filters ask for, whatever its reason."""
    rows = everything(integration)
    if filters.project_id is not None:
        rows = rows.filter(project_id=filters.project_id)
    if filters.text:
        rows = rows.filter(Q(vendor_name__icontains=filters.text) | Q(number__icontains=filters.text))
    # Of most earlier approvals Procore's list does not tell when; then the billing date has to do.
    if filters.since:
        day = filters.since.date()
        rows = rows.filter(Q(approved_at__gte=filters.since) | Q(approved_at=None, billing_date__gte=day))
    if filters.until:
        day = filters.until.date()
        rows = rows.filter(Q(approved_at__lt=filters.until) | Q(approved_at=None, billing_date__lt=day))
    if filters.off is not None:
        start, end = mirroring.stretch_off(filters.off)
        rows = rows.filter(why="off", approved_at__gt=start)
        rows = rows.filter(approved_at__lt=end) if end else rows
    return rows


def of_why(rows: Rows, why: str) -> Rows:
    """Those of one reason; without one, all that were not dismissed."""
    return rows.filter(why=why) if why in WHYS else rows.filter(dismissed=False)


def totals_by_why(rows: Rows) -> dict[str, Totals]:
    """Of every reason, and under "" of all that were not dismissed; one query, counted no further than the cap."""
    found = list(rows.order_by().values_list("why", "money_in", "amount_due")[: COUNT_CAP + 1])
    is_capped = len(found) > COUNT_CAP
    parts: dict[str, list[tuple[str, int, Decimal | None]]] = {why: [] for why in ("", *WHYS)}
    for why, money_in, amount_due in found:
        parts[why].append((money_in, 1, amount_due))
    parts[""] = [part for why in WHYS if why != "dismissed" for part in parts[why]]
    return {why: _added(these, is_capped) for why, these in parts.items()}


def totals(rows: Iterable[Any]) -> Totals:
    """Of rows with `money_in` and `amount_due`."""
    return _added(((row.money_in, 1, row.amount_due) for row in rows), False)


def together(parts: Iterable[Totals]) -> Totals:
    """Several totals as one."""
    found = list(parts)
    sums = [(currency, 0, total) for part in found for currency, total in part.sums.items()]
    added = _added(sums, any(part.is_capped for part in found))
    return Totals(sum(part.count for part in found), added.sums, added.is_capped)


def page(rows: Rows, cursor: str) -> Page:
    """Newest billing date first. A cursor that cannot be read shows the first page."""
    after = _decoded(cursor)
    if after is not None:
        day, pk = after
        later = Q(billing_date=day, pk__lt=pk)
        if day is not None:
            later |= Q(billing_date__lt=day) | Q(billing_date=None)
        rows = rows.filter(later)
    order = (F("billing_date").desc(nulls_last=True), "-pk")
    found = list(rows.defer("snapshot", "imported", "evidence").order_by(*order)[: PAGE + 1])
    return Page(found[:PAGE], _encoded(found[PAGE - 1]) if len(found) > PAGE else "")


def import_chosen(integration: ProcoreIntegration, rows: Rows, *, user: User, at_most: int) -> tuple[int, Totals]:
    """Make the chosen ones due, with the person's name as the key to the gates. Returns how many, and their totals.

    Rows that were imported or chosen meanwhile are no longer found and so left alone: a second press does nothing. If
    more are found than the person was shown, nothing is done. Raises CannotImport.
    """
    with transaction.atomic(durable=True):
        if not Integration.active(integration.company_id).exists():
            raise CannotImport(NEEDS_QUICKBOOKS)
        chosen = list(rows.order_by("pk").select_for_update(of=("self",)).only("pk", "amount_due")[: at_most + 1])
        if len(chosen) > at_most:
            raise CannotImport(
                "More invoices match now than were shown, so nothing was imported. Look at the list and press again."
            )
        if not chosen:
            return 0, Totals()
        of_them = totals(chosen)
        backfill = Backfill.objects.create(company_id=integration.company_id, integration=integration, by=user)
        ProcoreInvoice.objects.filter(pk__in=[row.pk for row in chosen]).update(
            backfill=backfill, dismissed=False, wanted=F("wanted") + 1, next_at=Now()
        )
        auditing.record(
            integration.company_id,
            "backfill.chosen",
            backfill,
            f"Chose {of_them.words} under Review for import",
            user=user,
            after={"invoices": of_them.count, "amount": of_them.amount},
        )
        ring(IMPORT_DUE, integration.company_id)
    return len(chosen), of_them


def set_dismissed(integration: ProcoreIntegration, rows: Rows, dismissed: bool, *, user: User, at_most: int) -> int:
    """Take the chosen ones off Review, or put them back to be decided again. Returns how many. Raises CannotImport."""
    with transaction.atomic(durable=True):
        rows = rows.filter(dismissed=not dismissed).order_by("pk").select_for_update(of=("self",))
        found = list(rows.values_list("pk", flat=True)[: at_most + 1])
        if len(found) > at_most:
            raise CannotImport("More invoices match now than were shown, so nothing was changed. Look and press again.")
        if not found:
            return 0
        due: dict[str, Any] = {} if dismissed else {"wanted": F("wanted") + 1, "next_at": Now()}
        ProcoreInvoice.objects.filter(pk__in=found).update(dismissed=dismissed, **due)
        sentence = f"{'Dismissed' if dismissed else 'Put back'} {len(found):,} under Review"
        verb = f"review.{'dismissed' if dismissed else 'put_back'}"
        auditing.record(
            integration.company_id, verb, integration, sentence, user=user, after={"procore_invoices": found}
        )
        ring(IMPORT_DUE, integration.company_id)
    return len(found)


def imports(integration: ProcoreIntegration) -> list[Any]:
    """The latest presses of *Import chosen*, each Backfill with how many are `imported`, `waiting` and `stuck`."""
    is_imported, is_due = Q(chosen__invoice__isnull=False), Q(chosen__next_at__isnull=False)
    rows = Backfill.objects.filter(company_id=integration.company_id, integration=integration).annotate(
        total=Count("chosen"),
        imported=Count("chosen", filter=is_imported),
        waiting=Count("chosen", filter=~is_imported & is_due),
        stuck=Count("chosen", filter=~is_imported & ~is_due),
    )
    return list(rows.filter(total__gt=0).select_related("by").order_by("-pk")[:SHOWN_IMPORTS])


def stuck(backfills: Collection[Backfill]) -> list[ProcoreInvoice]:
    """What was chosen and did not come, or not at the first try; each says why itself."""
    rows = ProcoreInvoice.objects.filter(backfill__in=backfills, invoice=None)
    rows = rows.filter(Q(next_at=None) | Q(failures__gt=0)).exclude(reason="")
    return list(rows.defer("snapshot", "imported", "evidence").order_by("-pk")[:SHOWN_STUCK])


def banners(integration: ProcoreIntegration | None) -> list[tuple[str, str]]:
    """What Review would offer already chosen: reason and sentence. Those just being decided again are not counted."""
    if integration is None:
        return []
    rows = _kept_out(integration).filter(dismissed=False, next_at=None, gate__in=gates.PRESELECTED)
    counts = dict(rows.order_by().values_list("gate").annotate(Count("pk")))
    sentences = {
        "not_arrived": "approved while the switch was on had not arrived when it was turned off.",
        "disconnected": "approved while QuickBooks was disconnected did not come.",
    }
    return [
        (why, f"{count:,} {'invoice' if count == 1 else 'invoices'} {sentences[why]}")
        for why, gate in _WHY_OF_GATE.items()
        if (count := counts.get(gate, 0))
    ]


def _why() -> Case:
    """Gates tell a shut switch from missing books; times tell the rest apart."""
    never_on = Q(first_on=None, moment__isnull=False)
    return Case(
        When(dismissed=True, then=Value("dismissed")),
        *(When(gate=gate, then=Value(why)) for why, gate in _WHY_OF_GATE.items()),
        When(never_on | Q(moment__lt=F("first_on") - Value(gates.GRACE)), then=Value("before")),
        When(approved_at__isnull=False, then=Value("off")),
        default=Value("unknown"),
        output_field=CharField(),
    )


def _added(parts: Iterable[tuple[str, int, Decimal | None]], is_capped: bool) -> Totals:
    count, sums = 0, dict[str, Decimal]()
    for currency, many, total in parts:
        count += many
        sums[currency] = sums.get(currency, Decimal(0)) + (total or 0)
    return Totals(count, sums, is_capped)


def _amount(currency: str, total: Decimal) -> str:
    sign = "\N{MINUS SIGN}" if total < 0 else ""
    return f"{sign}{'$' if currency == 'USD' else currency + ' '}{abs(total):,.2f}"


def _encoded(row: ProcoreInvoice) -> str:
    day = row.billing_date.isoformat() if row.billing_date else ""
    return base64.urlsafe_b64encode(f"{day}|{row.pk}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[date | None, int] | None:
    try:
        day, _, pk = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
        return (date.fromisoformat(day) if day else None, int(pk)) if pk.isdecimal() and len(pk) < 19 else None
    except (ValueError, binascii.Error):
        return None
