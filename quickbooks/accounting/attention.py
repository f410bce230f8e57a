"""What needs a person, by cause: how many invoices, how much, since when, and the one step that frees them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from string import Formatter
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Exists, Max, Min, OuterRef, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from accounting.bells import POST_DUE
from accounting.models import Bill, BillChange, MissingMapping
from accounting.problems import CATALOGUE, DUPLICATE, PROJECTS, SETTINGS, Problem, Words
from companies.models import User
from inbuild.counting import CountInCompany
from inbuild.queue import ring
from invoices.models import Invoice

SECTIONS = {
    "connection": "Connection",
    "mapping": "Missing mapping",
    "hold": "On hold",
    "duplicate": "Possible duplicate",
    "failed": "Failed",
    "changed": "Changed after posting",
}
State = Bill.State
STOPPED = (State.NEEDS_MAPPING, State.ON_HOLD, State.FAILED)
DIFFERENT = (Invoice.SourceState.CHANGED, Invoice.SourceState.NO_LONGER_APPROVED, Invoice.SourceState.DELETED)
# Bills that wait for a person, not for a service that comes back or a PC that calls next.
CONNECTION = frozenset(
    code for code, found in CATALOGUE.items() if found.action in (SETTINGS, PROJECTS) and code != Bill.WAITS_FOR_PC
) - {"setup", "retainage_account"}
# A look at each comes first, or what would help lies in Procore, which inBuild hears of by itself.
ONE_BY_ONE = frozenset(
    {code for code, found in CATALOGUE.items() if found.action == DUPLICATE or found.label == "Possible duplicate"}
    | {"amounts", "no_longer_approved", "changed_in_procore", "unlinked_own", "deleted_from_books"}
)
TOGETHER = ("retry", "post_on_open_day")
DAY = "%b %d, %Y"


@dataclass(frozen=True, slots=True)
class Group:
    """All invoices with one cause. `said` is what their sentences share, `value` what else tells the cause apart."""

    kind: str
    section: str
    value: str
    label: str
    sentence: str
    problem: Problem | None = None
    said: dict[str, str] = field(default_factory=dict)
    state: str = ""
    bills: int = 0
    totals: tuple[tuple[str, Decimal], ...] = ()
    oldest: datetime | None = None
    books: int | None = None
    first: int = 0

    @property
    def key(self) -> str:
        """Names the group in an address, whatever is in it now."""
        told = json.dumps([self.kind, self.state, self.value, self.said], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def deeds(self) -> list[tuple[str, str]]:
        """What one press may do with all of them, as (deed, label)."""
        if self.problem is None or self.kind != "stopped" or self.value in ONE_BY_ONE:
            return []
        offered = ((self.problem.button, self.problem.action), *self.problem.choices)
        return [(deed, self._for_all(label)) for label, deed in offered if deed in TOGETHER]

    def _for_all(self, label: str) -> str:
        label = label.format_map(Words(self.said))
        verb, _, rest = label.partition(" ")
        return label if self.bills == 1 else f"{verb} all {self.bills:,} {rest}"


def _needing_a_person(company_id: int) -> QuerySet[Any, Any]:
    every = [_waiting(company_id), _changed(company_id, "books"), _changed(company_id, "source"), _refused(company_id)]
    found: QuerySet[Any, Any] = _stopped(company_id).values("pk")
    return found.union(*(rows.values("pk") for rows in every))


count = CountInCompany(_needing_a_person)
"""How many invoices need a person; one query, by the indexes of what is stopped, waits or differs."""


def refused(company_id: int) -> list[int]:
    """The bills whose last change was not possible, for `everything`: few, so PostgreSQL is told which."""
    return list(_refusals(company_id).values_list("bill", flat=True))


def everything(company_id: int, also: list[int]) -> QuerySet[Any, Any]:
    """The invoices of what `count` counts; `also` is `refused`."""
    changed = [_changed(company_id, "books"), _changed(company_id, "source")]
    every = [_waiting(company_id), *changed, Bill.objects.filter(company_id=company_id, pk__in=also)]
    found: QuerySet[Any, Any] = _stopped(company_id).values("invoice")
    return found.union(*(rows.values("invoice") for rows in every), all=True)


def groups(company_id: int) -> list[Group]:
    """Every cause, oldest first; as many queries for thousands of invoices as for one."""
    found = [*_by_problem(company_id), *_by_mapping(company_id), *_by_difference(company_id), *_by_change(company_id)]
    return sorted(found, key=lambda group: (group.oldest, group.key))


def bills_of(company_id: int, group: Group) -> QuerySet[Bill]:
    """The bills of one group, those that came first in front."""
    if group.kind == "missing":
        waiting = MissingMapping.objects.filter(company_id=company_id, key=group.value)
        rows = _stopped(company_id).filter(state=State.NEEDS_MAPPING, pk__in=waiting.values("bill"))
    elif group.kind == "books":
        rows = _changed(company_id, "books").filter(books_state=group.value)
    elif group.kind == "source":
        rows = _changed(company_id, "source").filter(invoice__source_state=group.value)
    elif group.kind == "change":
        rows = Bill.objects.filter(company_id=company_id, pk__in=_refusals(company_id, group.value).values("bill"))
    else:
        rows = _with_said(company_id).filter(state=group.state, problem=group.value)
        rows = rows.filter(**{f"said_{name}": value for name, value in group.said.items()})
    return rows.order_by("pk")


def go_on(company_id: int, group: Group, deed: str, *, user: User) -> tuple[int, list[tuple[str, Decimal]]]:
    """One step for all bills of a group. Returns how many went on and what they come to, by currency.

    Each is taken under its lock and only out of the state the group is in: a second press finds none.
    """
    if deed not in [name for name, _ in group.deeds]:
        raise ValueError(f"{deed} is nothing to do with all of {group.label} at once.")
    rows, words = bills_of(company_id, group), "Try again"
    changes: dict[str, Any] = {}
    if deed == "post_on_open_day":
        day = datetime.strptime(group.said["first_open"], DAY).date()  # noqa: DTZ007 - a day, not an instant
        # Where QuickBooks was closed further meanwhile, the day on the button is no longer the first open one.
        rows = rows.filter(integration__closing_date=day - timedelta(days=1))
        changes["posting_date"], words = day, f"To be posted on {day:{DAY}}"
    with transaction.atomic():
        ids = Bill.go_on(rows, words, user=user, state=group.state, **changes)
        if ids:
            ring(POST_DUE, company_id)
    moved = Bill.objects.filter(company_id=company_id, pk__in=ids).values_list("invoice__currency")
    return len(ids), list(moved.annotate(Sum("invoice__amount_due")).order_by("invoice__currency"))


def _stopped(company_id: int) -> QuerySet[Bill]:
    return Bill.objects.filter(company_id=company_id, state__in=STOPPED)


def _waiting(company_id: int) -> QuerySet[Bill]:
    return Bill.objects.filter(
        company_id=company_id, state__in=(State.READY, State.CHECKING), problem__in=sorted(CONNECTION)
    )


def _changed(company_id: int, where: str) -> QuerySet[Bill]:
    """Bills in the books that are not there as posted, or whose invoice is no longer in Procore as it was."""
    rows = Bill.objects.filter(company_id=company_id, state=State.SYNCED)
    if where == "books":
        return rows.filter(books_state__in=[state for state in Bill.BooksState if state != Bill.BooksState.AS_POSTED])
    return rows.filter(invoice__company_id=company_id, invoice__source_state__in=DIFFERENT)


def _refusals(company_id: int, problem: str = "") -> QuerySet[BillChange]:
    """The last change of a bill, where it was not possible and nobody has decided yet."""
    newer = BillChange.objects.filter(bill=OuterRef("bill"), pk__gt=OuterRef("pk"))
    rows = BillChange.objects.filter(~Exists(newer), company_id=company_id, state=BillChange.State.REFUSED)
    return rows.filter(problem=problem) if problem else rows


def _refused(company_id: int) -> QuerySet[Bill]:
    return Bill.objects.filter(company_id=company_id, pk__in=_refusals(company_id).values("bill"))


def placeholders(code: str) -> set[str]:
    """What the sentence and the button of a whole group are filled with: invoices that share it share a cause."""
    found = CATALOGUE[code]
    texts = (found.many or found.sentence, found.button)
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}


def _with_said(company_id: int) -> QuerySet[Any]:
    """Bills that are stopped or wait, with what their groups' sentences say as `said_…`; empty where it says nothing.

    Those that wait for mappings are grouped by these instead.
    """
    codes: dict[str, list[str]] = {}
    for code in CATALOGUE:
        for name in placeholders(code):
            codes.setdefault(name, []).append(code)
    said = {
        f"said_{name}": Coalesce(
            Case(When(problem__in=which, then=KT(f"problem_detail__{name}"))), Value(""), output_field=TextField()
        )
        for name, which in sorted(codes.items())
    }
    rows = Bill.objects.filter(
        Q(state__in=STOPPED) | Q(state__in=(State.READY, State.CHECKING), problem__in=sorted(CONNECTION)),
        company_id=company_id,
    )
    missing = MissingMapping.objects.filter(bill=OuterRef("pk"))
    annotated: QuerySet[Any] = rows.exclude(Exists(missing), state=State.NEEDS_MAPPING).annotate(**said)
    return annotated


def _by_problem(company_id: int) -> list[Group]:
    rows = _with_said(company_id)
    names = [name for name in rows.query.annotations if name.startswith("said_")]
    found = rows.values("state", "problem", *names, "invoice__currency").annotate(
        bills=Count("pk"), total=Sum("invoice__amount_due"), oldest=Min("created_at"), first=Min("pk")
    )
    made = []
    for each in _folded(found, "state", "problem", *names):
        code = each["problem"]
        problem = CATALOGUE[code]
        said = {name: each[f"said_{name}"] for name in sorted(placeholders(code))}
        words = (problem.many or problem.sentence).format_map(Words(said))
        section = _section(each["state"], problem)
        made.append(Group("stopped", section, code, problem.label, words, problem, said, each["state"], **_sums(each)))
    return made


def _section(state: str, problem: Problem) -> str:
    if state in (State.READY, State.CHECKING):
        return "connection"
    if problem.label in ("Possible duplicate", "Already in QuickBooks"):
        return "duplicate"
    return {State.NEEDS_MAPPING: "mapping", State.ON_HOLD: "hold", State.FAILED: "failed"}[State(state)]


def _by_mapping(company_id: int) -> list[Group]:
    """By what is missing: an invoice that waits for two things is in both groups, for either keeps it back."""
    rows = MissingMapping.objects.filter(company_id=company_id, bill__state=State.NEEDS_MAPPING)
    found = rows.values("key", "bill__invoice__currency").annotate(
        called=Max("name"),
        bills=Count("pk"),
        total=Sum("bill__invoice__amount_due"),
        oldest=Min("bill__created_at"),
        first=Min("bill"),
        books=Max("bill__integration"),
    )
    return [
        Group("missing", "mapping", each["key"], each["called"], "", books=each["books"], **_sums(each))
        for each in _folded(found, "key", currency="bill__invoice__currency")
    ]


IN_BOOKS = {
    Bill.BooksState.CHANGED: "Somebody changed the bill in QuickBooks after it was posted. Accept it or resync it.",
    Bill.BooksState.DELETED: "Somebody deleted the bill in QuickBooks. No new one is made unless somebody asks for it.",
    Bill.BooksState.COPIED: "Somebody copied the bill in QuickBooks, so it may be paid there twice.",
}
IN_PROCORE = {
    Invoice.SourceState.CHANGED: "The invoice changed in Procore after its bill was posted. The bill is as it was.",
    Invoice.SourceState.NO_LONGER_APPROVED: "The invoice is no longer approved in Procore. Its bill is in QuickBooks.",
    Invoice.SourceState.DELETED: "The invoice was deleted in Procore. Its bill is in QuickBooks.",
}


def _by_difference(company_id: int) -> list[Group]:
    """A bill that changed there and whose invoice changed in Procore is in both groups: each is a decision."""
    which = _changed(company_id, "books").values("pk").union(_changed(company_id, "source").values("pk"))
    rows = Bill.objects.filter(company_id=company_id, pk__in=which)
    found: list[Any] = list(
        rows.values("books_state", "invoice__source_state", "invoice__currency").annotate(
            bills=Count("pk"), total=Sum("invoice__amount_due"), oldest=Min("created_at"), first=Min("pk")
        )
    )
    made = []
    for each in _folded((row for row in found if row["books_state"] in IN_BOOKS), "books_state"):
        state = Bill.BooksState(each["books_state"])
        made.append(Group("books", "changed", state, str(state.label), IN_BOOKS[state], **_sums(each)))
    for each in _folded((row for row in found if row["invoice__source_state"] in IN_PROCORE), "invoice__source_state"):
        source = Invoice.SourceState(each["invoice__source_state"])
        made.append(Group("source", "changed", source, str(source.label), IN_PROCORE[source], **_sums(each)))
    return made


def _by_change(company_id: int) -> list[Group]:
    """Changes of posted bills that somebody asked for and that were not possible."""
    found = (
        _refusals(company_id)
        .values("problem", "bill__invoice__currency")
        .annotate(
            bills=Count("pk"), total=Sum("bill__invoice__amount_due"), oldest=Min("bill__created_at"), first=Min("bill")
        )
    )
    words = "QuickBooks did not take the change of the bill that somebody asked for. Try again or leave it as it is."
    return [
        Group("change", "changed", each["problem"], CATALOGUE[each["problem"]].label, words, **_sums(each))
        for each in _folded(found, "problem", currency="bill__invoice__currency")
    ]


def _folded(rows: Iterable[Any], *by: str, currency: str = "invoice__currency") -> list[dict[str, Any]]:
    """Rows by currency become one row with its totals."""
    made: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        one = made.setdefault(tuple(row[name] for name in by), row | {"bills": 0, "totals": {}})
        one["bills"] += row["bills"]
        one["oldest"], one["first"] = min(one["oldest"], row["oldest"]), min(one["first"], row["first"])
        one["totals"][row[currency]] = one["totals"].get(row[currency], Decimal(0)) + row["total"]
    return list(made.values())


def _sums(row: dict[str, Any]) -> dict[str, Any]:
    totals = tuple(sorted(row["totals"].items()))
    return {"bills": row["bills"], "totals": totals, "oldest": row["oldest"], "first": row["first"]}
