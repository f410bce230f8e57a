"""Which rows the Mapping page shows: tabs, search, order, and pages by keyset."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, Max, Model, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Lower

from accounting.mapping import Ours, key_of
from accounting.models import Bill, Integration, ListEntry, MissingMapping
from accounting.models import Mapping as Mapped
from accounting.suggesting import Suggestion, Suggestions
from invoices.models import CostCode, InvoiceLine, Project, Vendor

PAGE = 50
OFFERED = 1000
SHOWN = {"": "All", "unmapped": "Not mapped", "mapped": "Mapped", "inactive": "Inactive in QuickBooks"}
Kind = ListEntry.Kind


@dataclass(frozen=True, slots=True)
class Tab:
    """One kind of thing that is mapped. `prefix` begins the keys of its rows."""

    name: str
    label: str
    ours: str
    theirs: str
    kind: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One missing mapping and what waits for it, in the company's currency."""

    key: str
    name: str
    bills: int
    total: Decimal
    tab: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    ours: Ours
    key: str
    name: str
    cause: Cause | None
    mapped: Mapped | None
    suggestion: Suggestion | None

    @property
    def is_inactive(self) -> bool:
        return self.mapped is not None and not (self.mapped.entry.active and self.mapped.entry.is_usable)

    @property
    def theirs(self) -> str:
        return self.mapped.entry.name if self.mapped else ""


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Row]
    next_cursor: str


def tabs(integration: Integration) -> list[Tab]:
    """What this company maps, by its settings."""
    target = integration.target_kind
    theirs = "item" if integration.by_items else "account"
    found = [Tab("vendors", "Vendors", "Vendor", "vendor", Kind.VENDOR, "vendor:")]
    if integration.project_use != Integration.Use.NONE:
        customer = "customer or job" if integration.kind == Integration.Kind.QBD else "customer or project"
        found.append(Tab("projects", "Projects", "Project", customer, Kind.CUSTOMER, "customer:"))
    if integration.classes != Integration.Use.NONE:
        found.append(Tab("classes", "Classes", "Project", "class", Kind.CLASS, "class:"))
    if integration.codes_by == Integration.CodesBy.COST_TYPE:
        found.append(Tab("codes", "Cost types", "Cost type", theirs, target, f"{target}-type:"))
    else:
        found.append(Tab("codes", "Cost codes", "Cost code", theirs, target, f"{target}:"))
    return found


def causes(company_id: int, known: Iterable[Tab], *, bill: Bill | None = None) -> dict[str, Cause]:
    """Everything that bills wait for, most money first; of one bill, where one is given."""
    rows = MissingMapping.objects.filter(company_id=company_id, bill__state=Bill.State.NEEDS_MAPPING)
    if bill is not None:
        rows = rows.filter(key__in=MissingMapping.objects.filter(bill=bill).values("key"))
    found = rows.values("key").annotate(
        called=Max("name"), bills=Count("id"), total=Sum("bill__invoice__amount_due", default=Decimal(0))
    )
    made = {}
    for row in found.order_by("-total", "key"):
        tab = next((tab for tab in known if row["key"].startswith(tab.prefix) and names_a_row(row["key"])), None)
        made[row["key"]] = Cause(
            row["key"],
            row["called"],
            row["bills"],
            row["total"],
            tab.name if tab else "",
            tab.ours if tab else "Setting",
        )
    return made


def names_a_row(key: str) -> bool:
    """Some keys name a setting, not a thing that has a row."""
    head, _, tail = key.partition(":")
    return head.endswith("-type") or tail.isdecimal()


def page(
    integration: Integration,
    tab: Tab,
    waiting: Mapping[str, Cause],
    *,
    text: str = "",
    shown: str = "",
    only: Iterable[str] | None = None,
    cursor: str = "",
    suggestions: Suggestions | None = None,
) -> Page:
    """One page: what bills wait for, then what is not mapped, then the rest, each by name.

    `only` narrows it to these keys.
    """
    if tab.prefix.endswith("-type:"):
        found, next_cursor = _types(integration, tab, waiting, text, shown, only, cursor)
    else:
        found, next_cursor = _things(integration, tab, waiting, text, shown, only, cursor)
    return Page(_rows(integration, tab, waiting, found, suggestions), next_cursor)


def everything(integration: Integration, tab: Tab, waiting: Mapping[str, Cause]) -> list[Row]:
    """All rows of a tab, for a file."""
    if tab.prefix.endswith("-type:"):
        return _rows(integration, tab, waiting, list(_type_names(integration)), None)
    return _rows(integration, tab, waiting, list(_ranked(integration, tab, waiting).order_by("sort", "pk")), None)


def entries(integration: Integration, kind: str) -> QuerySet[ListEntry]:
    """What may be chosen: active, and for items with an account to post to."""
    rows = ListEntry.objects.filter(integration=integration, kind=kind, active=True, is_usable=True)
    return rows.only("pk", "integration_id", "external_id", "name", "kind").order_by("name", "pk")


def _things(
    integration: Integration,
    tab: Tab,
    waiting: Mapping[str, Cause],
    text: str,
    shown: str,
    only: Iterable[str] | None,
    cursor: str,
) -> tuple[list[Any], str]:
    rows = _ranked(integration, tab, waiting)
    if text:
        rows = rows.filter(_matches(tab, text))
    if only is not None:
        rows = rows.filter(pk__in=_ids(tab, only))
    if shown == "unmapped":
        rows = rows.filter(rank__lt=2)
    elif shown == "mapped":
        rows = rows.filter(rank=2)
    elif shown == "inactive":
        rows = rows.filter(Exists(_mapped(integration, tab).exclude(entry__active=True, entry__is_usable=True)))
    if after := _decoded(cursor):
        rank, sort, pk = after
        rows = rows.filter(Q(rank__gt=rank) | Q(rank=rank, sort__gt=sort) | Q(rank=rank, sort=sort, pk__gt=pk))
    found = list(rows.order_by("rank", "sort", "pk")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return found[:PAGE], _encoded(last.rank, last.sort, last.pk) if last else ""


def _ranked(integration: Integration, tab: Tab, waiting: Mapping[str, Cause]) -> QuerySet[Any]:
    """0 for what bills wait for, 1 for what is not mapped, 2 for the rest; `sort` as people read it."""
    model = _model(tab)
    good = _mapped(integration, tab).filter(entry__active=True, entry__is_usable=True)
    rank = Case(
        When(pk__in=_ids(tab, waiting), then=Value(0)),
        When(Exists(good), then=Value(2)),
        default=Value(1),
        output_field=IntegerField(),
    )
    sort = Lower("code" if model is CostCode else "name")
    rows: QuerySet[Any] = model._default_manager.filter(company_id=integration.company_id)
    ranked: QuerySet[Any] = rows.annotate(rank=rank, sort=sort)
    return ranked


def _mapped(integration: Integration, tab: Tab) -> QuerySet[Mapped]:
    return Mapped.objects.filter(integration=integration, kind=tab.kind, **{_column(tab): OuterRef("pk")})


def _types(
    integration: Integration,
    tab: Tab,
    waiting: Mapping[str, Cause],
    text: str,
    shown: str,
    only: Iterable[str] | None,
    cursor: str,
) -> tuple[list[str], str]:
    """Cost types have no table of their own: the few that invoices carry."""
    mapped = Mapped.objects.filter(integration=integration, kind=tab.kind).exclude(cost_type="")
    good = dict(
        mapped.values_list("cost_type", Case(When(entry__active=True, entry__is_usable=True, then=1), default=0))
    )
    wanted = None if only is None else {key.removeprefix(tab.prefix) for key in only}
    ranked = []
    for name in _type_names(integration):
        rank = 0 if f"{tab.prefix}{name}" in waiting else 2 if good.get(name) else 1
        fits = {"unmapped": rank < 2, "mapped": rank == 2, "inactive": good.get(name) == 0}.get(shown, True)
        if fits and text.casefold() in name.casefold() and (wanted is None or name in wanted):
            ranked.append((rank, name))
    after = _decoded(cursor)
    found = [one for one in sorted(ranked) if not after or one > (after[0], after[1])]
    next_cursor = _encoded(*found[PAGE - 1], 0) if len(found) > PAGE else ""
    return [name for _, name in found[:PAGE]], next_cursor


def _type_names(integration: Integration) -> QuerySet[InvoiceLine, str]:
    lines = InvoiceLine.objects.filter(company_id=integration.company_id).exclude(cost_type="")
    return lines.order_by("cost_type").values_list("cost_type", flat=True).distinct()


def _rows(
    integration: Integration,
    tab: Tab,
    waiting: Mapping[str, Cause],
    found: list[Any],
    suggestions: Suggestions | None,
) -> list[Row]:
    column = _column(tab)
    values = [one if isinstance(one, str) else one.pk for one in found]
    mapped = Mapped.objects.filter(integration=integration, kind=tab.kind, **{f"{column}__in": values})
    known = {
        getattr(row, column if column == "cost_type" else f"{column}_id"): row
        for row in mapped.select_related("entry", "by")
    }
    origins = {} if suggestions is None else _origin_ids(integration, tab, found)
    rows = []
    for one, value in zip(found, values, strict=True):
        row = known.get(value)
        key = key_of(one, tab.kind)
        is_good = row is not None and row.entry.active and row.entry.is_usable
        suggestion = None if is_good or suggestions is None else _suggestion(suggestions, one, origins)
        rows.append(Row(one, key, str(one), waiting.get(key), row, suggestion))
    return rows


def _suggestion(suggestions: Suggestions, ours: Ours, origins: Mapping[int, str]) -> Suggestion | None:
    if isinstance(ours, str):
        return suggestions.of(ours)
    code = ours.code if isinstance(ours, CostCode) else ours.number if isinstance(ours, Project) else ""
    return suggestions.of(ours.name or str(ours), code=code, origin_id=origins.get(ours.pk, ""))


def _origin_ids(integration: Integration, tab: Tab, found: Iterable[Any]) -> dict[int, str]:
    """By which id Procore's ERP integration knows these, where that is an id of this tab's list.

    A project is a customer or job there, never a class. A cost code may be an item or an account: QuickBooks Online
    numbers both alike, so an id that both lists have says nothing.
    """
    if tab.kind == Kind.CLASS or tab.prefix.endswith("-type:"):
        return {}
    known = {one.pk: one.origin_id for one in found if one.origin_id}
    if tab.name == "codes" and known:
        other = Kind.ACCOUNT if tab.kind == Kind.ITEM else Kind.ITEM
        rows = ListEntry.objects.filter(integration=integration, kind=other, external_id__in=known.values())
        taken = set(rows.values_list("external_id", flat=True))
        known = {pk: origin_id for pk, origin_id in known.items() if origin_id not in taken}
    return known


def ours_of(integration: Integration, tab: Tab, keys: Iterable[str]) -> dict[str, Ours]:
    """The company's own things behind these keys; what is not its own, or not of this tab, is left out."""
    wanted = [key for key in keys if key.startswith(tab.prefix)]
    if tab.prefix.endswith("-type:"):
        names = {key.removeprefix(tab.prefix) for key in wanted}
        lines = InvoiceLine.objects.filter(company_id=integration.company_id, cost_type__in=names).exclude(cost_type="")
        return {f"{tab.prefix}{name}": name for name in lines.values_list("cost_type", flat=True).distinct()}
    rows: QuerySet[Any] = _model(tab)._default_manager.filter(company_id=integration.company_id)
    return {key_of(one, tab.kind): one for one in rows.filter(pk__in=_ids(tab, wanted))}


def _ids(tab: Tab, keys: Iterable[str]) -> list[int]:
    tails = (key.removeprefix(tab.prefix) for key in keys if key.startswith(tab.prefix))
    return [int(tail) for tail in tails if tail.isdecimal() and len(tail) < 19]


def _model(tab: Tab) -> type[Model]:
    return {"vendors": Vendor, "codes": CostCode}.get(tab.name, Project)


def _column(tab: Tab) -> str:
    if tab.prefix.endswith("-type:"):
        return "cost_type"
    return {"vendors": "vendor", "codes": "cost_code"}.get(tab.name, "project")


def _matches(tab: Tab, text: str) -> Q:
    rule = Q(name__icontains=text)
    if tab.name == "codes":
        return rule | Q(code__icontains=text)
    return rule if tab.name == "vendors" else rule | Q(number__icontains=text)


def _encoded(rank: int, sort: str, pk: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([rank, sort, pk]).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[int, str, int] | None:
    """A cursor that cannot be read shows the first page."""
    try:
        rank, sort, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error):
        return None
    if not (isinstance(rank, int) and isinstance(sort, str) and isinstance(pk, int)) or "\0" in sort or abs(pk) > 2**62:
        return None
    return (rank, sort, pk) if abs(rank) < 10 else None
