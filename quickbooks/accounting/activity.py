"""Who did what in a company: every event that a filter lets through, newest first, page by keyset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.urls import reverse

from accounting.models import Bill
from companies import auditing
from companies.models import AuditEvent, Company, Membership, User
from inbuild import sheets
from invoices.models import Invoice, number_key

PAGE = 50
BATCH = 2000
INBUILD = "inbuild"
MAPPING = Q(object_type="integration", verb__startswith="mapping.") | Q(object_type="project")
SWITCH = Q(object_type="procoreintegration", verb__startswith="mirroring.")
CONNECTIONS = Q(object_type__in=("integration", "procoreintegration"))
INVOICES = ("invoice", "inboxfile")
KNOWN = (*INVOICES, "bill", "procoreinvoice", "integration", "project", "procoreintegration")
# Every event is of one kind; what is filed under nothing else concerns people.
KINDS: Mapping[str, tuple[str, Q]] = {
    "invoices": ("Invoices and comments", Q(object_type__in=INVOICES)),
    "bills": ("Bills in QuickBooks", Q(object_type="bill")),
    "left_out": ("Not imported from Procore", Q(object_type="procoreinvoice")),
    "mapping": ("Mapping", MAPPING),
    "switch": ("Sync switch, on and off", SWITCH),
    "connections": ("Connections and settings", CONNECTIONS & ~MAPPING & ~SWITCH),
    "people": ("Members and the rest", ~Q(object_type__in=KNOWN)),
}


@dataclass(frozen=True, slots=True)
class Thing:
    """What an event is about, as far as it has an invoice's number or a page."""

    number: str
    address: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address asks for. What cannot be read lets nothing through: `unreadable` says what it was."""

    who: str = ""
    kind: str = ""
    since: date | None = None
    until: date | None = None
    number: str = ""
    unreadable: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        given = {"who": self.who, "kind": self.kind, "from": self.since, "to": self.until, "number": self.number}
        return urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Page:
    events: list[AuditEvent]
    next_cursor: str


def read(given: Any) -> Filter:
    """From a QueryDict, or any mapping of names to words."""
    told: list[str] = []
    asked = {name: str(given.get(name, "")).replace("\0", "\N{REPLACEMENT CHARACTER}").strip() for name in NAMES}
    who, kind, number = asked["who"], asked["kind"], asked["number"]
    if who and who != INBUILD and not _is_id(who):
        told.append("The address names a person that nobody is.")
    if kind and kind not in KINDS:
        told.append("The address names a kind that there is not.")
    if number and not (number_key(number) and len(number) <= 120):
        told.append("An invoice number has letters or digits, and at most 120 characters.")
    days = {name: _day(asked[name], told) for name in ("from", "to")}
    if days["from"] and days["to"] and days["from"] > days["to"]:
        told.append("The first day is after the last one.")
    return Filter(who[:20], kind[:20], days["from"], days["to"], number[:120], tuple(told))


NAMES = ("who", "kind", "from", "to", "number")


def matching(company: Company, wanted: Filter, numbered: Mapping[str, QuerySet[Any]]) -> QuerySet[AuditEvent]:
    """In their order. `numbered`: rows of further tables that carry the number, by the type that events give them."""
    rows = AuditEvent.objects.filter(company=company).select_related("user").order_by("-at", "-id")
    if wanted.unreadable:
        return rows.none()
    if wanted.who:
        rows = rows.filter(user=None) if wanted.who == INBUILD else rows.filter(user_id=int(wanted.who))
    if wanted.kind:
        rows = rows.filter(KINDS[wanted.kind][1])
    zone = ZoneInfo(company.time_zone)
    if wanted.since:
        rows = rows.filter(at__gte=datetime.combine(wanted.since, time(), zone))
    if wanted.until:
        rows = rows.filter(at__lt=datetime.combine(wanted.until + timedelta(days=1), time(), zone))
    return rows.filter(_about(company, wanted.number, numbered)) if wanted.number else rows


def _about(company: Company, number: str, numbered: Mapping[str, QuerySet[Any]]) -> Q:
    """Everything that carries a number beginning like this."""
    invoices = Invoice.objects.filter(company=company, number_key__startswith=number_key(number))
    tables = {"invoice": invoices, "bill": Bill.objects.filter(company=company, invoice__in=invoices), **numbered}
    rule = Q(pk=None)
    for object_type, rows in tables.items():
        rule |= Q(object_type=object_type, object_id__in=rows.order_by().values(text=Cast("pk", CharField())))
    return rule


def page(rows: QuerySet[AuditEvent], *, after: str) -> Page:
    """A cursor that cannot be read shows the first page."""
    at = _decoded(after)
    found = list((_past(rows, *at) if at else rows)[: PAGE + 1])
    more = len(found) > PAGE
    return Page(found[:PAGE], _encoded(found[PAGE - 1]) if more else "")


def batches(rows: QuerySet[AuditEvent]) -> Iterator[list[AuditEvent]]:
    """All of them, so many at a time that a million take no more room than a few."""
    found = list(rows[:BATCH])
    while found:
        yield found
        found = list(_past(rows, found[-1].at, found[-1].pk)[:BATCH]) if len(found) == BATCH else []


def _past(rows: QuerySet[AuditEvent], at: datetime, pk: int) -> QuerySet[AuditEvent]:
    return rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk), at__lte=at)


def people(company: Company) -> list[tuple[str, str]]:
    """Who can be chosen: the members, and whoever did something here before they left."""
    did = AuditEvent.objects.filter(company=company, user=OuterRef("pk"))
    member = Membership.objects.filter(company=company, user=OuterRef("pk"))
    rows = User.objects.filter(Exists(member) | Exists(did)).order_by("name", "email")
    return [(INBUILD, "inBuild itself"), *((str(user.pk), str(user)) for user in rows)]


def things(company: Company, events: Iterable[AuditEvent]) -> dict[tuple[str, str], Thing]:
    """The invoices that events are about, directly or through a bill. Two queries."""
    ids: dict[str, set[int]] = {"invoice": set(), "bill": set()}
    for event in events:
        if event.object_type in ids and _is_id(event.object_id):
            ids[event.object_type].add(int(event.object_id))
    found = {}
    invoices = Invoice.objects.filter(company=company, pk__in=ids["invoice"])
    bills = Invoice.objects.filter(company=company, bill__pk__in=ids["bill"])
    for object_type, rows in (
        ("invoice", invoices.values_list("pk", *SAID)),
        ("bill", bills.values_list("bill", *SAID)),
    ):
        for pk, number, public_id in rows:
            found[object_type, str(pk)] = Thing(number, reverse("invoices:detail", kwargs={"public_id": public_id}))
    return found


SAID = ("number", "public_id")


def kind_of(event: AuditEvent) -> str:
    """In the words of the filter."""
    area = event.verb.partition(".")[0]
    if event.object_type == "project" or (event.object_type == "integration" and area == "mapping"):
        return KINDS["mapping"][0]
    if event.object_type == "procoreintegration" and area == "mirroring":
        return KINDS["switch"][0]
    name = {
        "invoice": "invoices",
        "bill": "bills",
        "procoreinvoice": "left_out",
        "integration": "connections",
        "procoreintegration": "connections",
    }.get(event.object_type, "people")
    return KINDS[name][0]


# --- as CSV -----------------------------------------------------------------------------------------------------------
HEAD = ("Time", "Who", "Kind", "Invoice", "What happened", "Event", "Before", "After", "Reference")


def cells(event: AuditEvent, thing: Thing | None, zone: ZoneInfo) -> tuple[str, ...]:
    """One line: the time in the company's zone, as ISO 8601."""
    told = (
        auditing.who(event),
        kind_of(event),
        thing.number if thing else "",
        event.sentence,
        event.verb,
        _as_text(event.before),
        _as_text(event.after),
        event.request_id,
    )
    return (event.at.astimezone(zone).isoformat(timespec="seconds"), *(sheets.safe(cell) for cell in told))


def _as_text(facts: dict[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True) if facts else ""


# --- reading ----------------------------------------------------------------------------------------------------------
def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _day(text: str, told: list[str]) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not 1900 <= found.year <= 2200:
        told.append(f"“{text[:20]}” is no day such as 2026-11-22.")
        return None
    return found


def _encoded(event: AuditEvent) -> str:
    return f"{event.at.isoformat()}_{event.pk}"


def _decoded(cursor: str) -> tuple[datetime, int] | None:
    text, _, pk = cursor.rpartition("_")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    is_usable = _is_id(pk) and at.tzinfo is not None and 1900 <= at.year <= 2200
    return (at, int(pk)) if is_usable else None
