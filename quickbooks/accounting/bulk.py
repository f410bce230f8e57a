"""One deed on many invoices: who can and who cannot, asked before; then each once, by the deed of a single invoice."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from accounting import attention, changing, comparing, following, posting, resyncing, setting_aside
from accounting.backends import backend_for
from accounting.bells import BULK_DUE
from accounting.filtering import COUNT_CAP
from accounting.models import Bill, BillChange, BulkItem, BulkRun, Moved
from companies import auditing
from companies.models import Company, User
from inbuild.queue import backoff, mine, ring
from invoices.models import Invoice

Deed, State, Outcome = BulkRun.Deed, Bill.State, BulkItem.Outcome
JOB_REASON = "Something went wrong on our side with this one (reference {reference}). Nothing was done to it."
TRIES = 5  # of asking QuickBooks about one bill, some two minutes in all
PATIENCE = timedelta(seconds=3)
GONE_ON = "It had gone on by then, so there was nothing to do."
# Of these a single invoice's page shows more than a list can.
LOOK_FIRST = attention.ONE_BY_ONE


@dataclass(frozen=True, slots=True)
class Words:
    """`meaning` is said before it is done."""

    label: str
    meaning: str


WORDS = {
    Deed.RESYNC: Words(
        "Resync",
        "Invoices that are stopped are tried again. Bills that are in QuickBooks are compared with it, and updated "
        "where they differ from their invoice.",
    ),
    Deed.SKIP: Words("Skip", "They are not sent to QuickBooks. Release undoes it."),
    Deed.HOLD: Words("Hold", "They wait, whatever gets mended meanwhile, until somebody releases them."),
    Deed.RELEASE: Words("Release", "What was put on hold or skipped goes on to QuickBooks."),
}
REASONS: dict[str, str] = {
    "not_approved": "Not approved yet, so there is nothing to send",
    "cancelled": "Cancelled in inBuild",
    "sending": "Being sent to QuickBooks just now",
    "checking": "Being looked for in QuickBooks just now; it may be there already",
    "in_books": "In QuickBooks already",
    "skipped": "Skipped; release them first",
    "skipped_already": "Skipped already",
    "held": "On hold, because somebody said so; release them first",
    "held_already": "On hold already",
    "look_first": "Each needs a look on its own page first, such as a possible duplicate",
    "unlinked": "Unlinked from a bill that stays in QuickBooks; take them up on their own pages",
    "deleted_from_books": "Deleted from QuickBooks because somebody asked; sync them again on their own pages",
    "by_hand": "Linked to bills that inBuild did not make and does not change",
    "decide_first": "No longer the same in Procore; decide about that on their own pages first",
    "changed_there": "Changed, copied or deleted in QuickBooks; decide about that on their own pages first",
    "changing": "Being changed in QuickBooks just now",
    "not_held": "Neither on hold by a person nor skipped",
}
CAN = ""
STOPPED = Q(bill__state__in=(State.NEEDS_MAPPING, State.ON_HOLD, State.FAILED))
HELD = Q(bill__state=State.ON_HOLD, bill__problem=Bill.HELD)
IN_DOUBT = Q(bill__problem__in=sorted(posting.IN_DOUBT))


@dataclass(frozen=True, slots=True)
class Answer:
    """How many can, and how many cannot for each reason, most first."""

    can: int
    cannot: tuple[tuple[str, int], ...]

    @property
    def chosen(self) -> int:
        return self.can + sum(many for _, many in self.cannot)


def sorted_out(rows: QuerySet[Invoice], deed: str) -> QuerySet[Any]:
    """With `why`: the code of what speaks against it, as far as our own rows tell; empty where nothing does."""
    pending = BillChange.objects.filter(bill=OuterRef("bill"), state__in=BillChange.PENDING)
    never = [When(bill=None, state=Invoice.State.CANCELLED, then=_code("cancelled"))]
    never.append(When(bill=None, then=_code("not_approved")))
    rules = {
        Deed.RESYNC: [
            When(bill__state=State.SENDING, then=_code("sending")),
            When(bill__state=State.SKIPPED, then=_code("skipped")),
            When(HELD, then=_code("held")),
            When(STOPPED & Q(bill__problem__in=sorted(LOOK_FIRST)), then=_code("look_first")),
            When(~Q(bill__state=State.SYNCED), then=_code(CAN)),
            When(bill__is_by_hand=True, then=_code("by_hand")),
            When(source_state__in=sorted(resyncing.DECIDE_FIRST), then=_code("decide_first")),
            When(~Q(bill__books_state=Bill.BooksState.AS_POSTED), then=_code("changed_there")),
            When(Exists(pending), then=_code("changing")),
        ],
        Deed.SKIP: [
            When(bill__state=State.SKIPPED, then=_code("skipped_already")),
            *_there_or_on_the_way(),
        ],
        Deed.HOLD: [
            When(bill__state=State.SKIPPED, then=_code("skipped")),
            When(bill__state=State.ON_HOLD, then=_code("held_already")),
            *_there_or_on_the_way(),
            When(IN_DOUBT, then=_code("look_first")),
        ],
        Deed.RELEASE: [
            When(HELD, then=_code(CAN)),
            When(~Q(bill__state=State.SKIPPED), then=_code("not_held")),
            When(bill__problem="unlinked_own", then=_code("unlinked")),
            When(bill__problem="deleted_from_books", then=_code("deleted_from_books")),
        ],
    }
    return rows.annotate(why=Case(*never, *rules[Deed(deed)], default=Value(CAN), output_field=CharField()))


def _there_or_on_the_way() -> list[When]:
    return [
        When(bill__state=State.SYNCED, then=_code("in_books")),
        When(bill__state=State.SENDING, then=_code("sending")),
        When(bill__state=State.CHECKING, then=_code("checking")),
    ]


def _code(code: str) -> Value:
    return Value(code, output_field=CharField())


def ask(rows: QuerySet[Invoice], deed: str) -> Answer:
    """What would become of these; one query."""
    found = sorted_out(rows.order_by(), deed).values("why").annotate(many=Count("pk")).values_list("why", "many")
    counts: dict[str, int] = {why: many for why, many in found}
    can = counts.pop(CAN, 0)
    return Answer(can, tuple((REASONS[why], many) for why, many in sorted(counts.items(), key=lambda one: -one[1])))


def begin(company: Company, rows: QuerySet[Invoice], deed: str, *, token: uuid.UUID, query: str, user: User) -> BulkRun:
    """Write down each of these invoices once, and have a worker begin. The same token finds the run there is."""
    known = BulkRun.objects.filter(company=company, token=token).first()
    if known is not None:
        return known
    try:
        with transaction.atomic():
            run = BulkRun.objects.create(
                company=company, token=token, deed=Deed(deed), filter=query[:2000], by=user, total=0
            )
            why = list(sorted_out(rows.order_by("pk"), deed).values_list("pk", "why")[: COUNT_CAP + 1])
            if not why or len(why) > COUNT_CAP:
                raise ValueError(f"{len(why)} invoices are too few or too many for one run.")
            BulkItem.objects.bulk_create([_item(run, pk, code) for pk, code in why], batch_size=2000)
            run.total = len(why)
            is_over = all(code != CAN for _, code in why)
            BulkRun.objects.filter(pk=run.pk).update(total=run.total, ended_at=Now() if is_over else None)
            words = f"{WORDS[Deed(deed)].label} of {run.total:,} chosen invoices asked for"
            auditing.record(company, f"bulk.{deed}", run, words, user=user, after={"filter": query, "total": run.total})
            ring(BULK_DUE, company.pk)
    except IntegrityError:  # pressed twice at the very same moment
        return BulkRun.objects.get(company=company, token=token)
    return run


def _item(run: BulkRun, invoice_id: int, why: str) -> BulkItem:
    item = BulkItem(company_id=run.company_id, run=run, invoice_id=invoice_id, next_at=Now())
    if why != CAN:
        item.outcome, item.reason, item.next_at = Outcome.REFUSED, REASONS[why], None
    return item


def work(item: BulkItem) -> None:
    """The deed on one invoice, and that it is done, in one transaction: a worker that dies did both or neither."""
    bill = Bill.objects.select_related("invoice__vendor", "invoice__project", "integration", "company").get(
        company_id=item.company_id, invoice_id=item.invoice_id
    )
    try:
        _do(item, bill)
    except Moved:
        _end(item, Outcome.REFUSED, GONE_ON)
    except changing.CannotChange as why:
        _end(item, Outcome.REFUSED, str(why))
    except comparing.NotNow as why:
        if item.failures < TRIES:
            again = {"next_at": Now() + backoff(item.failures), "failures": item.failures + 1}
            mine(item).update(lease_until=None, **again)
        else:
            _end(item, Outcome.REFUSED, str(why))


def _do(item: BulkItem, bill: Bill) -> None:
    user, deed = item.run.by, item.run.deed
    if deed == Deed.RESYNC and bill.state == State.SYNCED:
        _compare(item, bill, user)
        return
    if _speaks_against(item, deed):
        raise Moved(f"Bill {bill.pk} is {bill.state}.")
    deeds: dict[str, Callable[[], None]] = {
        Deed.RESYNC: lambda: posting.retry(bill, user=user),
        Deed.SKIP: lambda: setting_aside.skip(bill, user=user),
        Deed.HOLD: lambda: setting_aside.hold(bill, user=user),
        Deed.RELEASE: lambda: posting.retry(bill, user=user),
    }
    with transaction.atomic():
        deeds[deed]()
        _end(item, Outcome.DONE, "")


def _speaks_against(item: BulkItem, deed: str) -> str:
    """Asked once more right before: what was asked about on the page may be over."""
    why: str = sorted_out(Invoice.objects.filter(pk=item.invoice_id), deed).values_list("why", flat=True).get()
    return why


def _compare(item: BulkItem, bill: Bill, user: User) -> None:
    """As Resync on the bill's own page, but for what a person would have to look at first."""
    if why_not := resyncing.against_update(bill):
        raise changing.CannotChange(why_not)
    integration = bill.integration
    pause = backend_for(integration).wait(integration) if integration else timedelta(0)
    if pause > PATIENCE:
        mine(item).update(next_at=Now() + pause, lease_until=None)
        return
    following.check_again(bill)
    bill.refresh_from_db()
    found = resyncing.compare(bill)
    if found is None or bill.books_state != Bill.BooksState.AS_POSTED:
        raise changing.CannotChange(REASONS["changed_there"] + ".")
    if not found.differences:
        _end(item, Outcome.DONE, "QuickBooks has it as inBuild would send it")
        return
    resyncing.update(bill, user=user, also=lambda: _end(item, Outcome.DONE, "Updated in QuickBooks"))


def _end(item: BulkItem, outcome: str, reason: str) -> None:
    """Raises Moved where another worker has the item by now, and takes back what was done with it."""
    with transaction.atomic():
        rows = mine(item).filter(outcome=Outcome.WAITING)
        if not rows.update(outcome=outcome, reason=reason[:500], next_at=None, lease_until=None):
            raise Moved(f"Item {item.pk} went on elsewhere.")
        # The run's row first, so that of two last ones one sees the other.
        run = BulkRun.objects.select_for_update().get(pk=item.run_id)
        if run.ended_at is None and not run.items.filter(outcome=Outcome.WAITING).exists():
            BulkRun.objects.filter(pk=run.pk).update(ended_at=Now())


def park(item: BulkItem, reference: str) -> None:
    """Our own bug stopped it: say so on this one and go on with the others."""
    item.refresh_from_db()
    if item.outcome == Outcome.WAITING:
        _end(item, Outcome.REFUSED, JOB_REASON.format(reference=reference))


@dataclass(frozen=True, slots=True)
class Progress:
    done: int
    waiting: int
    done_as: tuple[tuple[str, int], ...]
    refused: tuple[tuple[str, int], ...]

    @property
    def refused_count(self) -> int:
        return sum(many for _, many in self.refused)


def progress(run: BulkRun) -> Progress:
    """How far it is, with what became of each; one query."""
    found = run.items.order_by().values("outcome", "reason").annotate(many=Count("pk"))
    by: dict[str, list[tuple[str, int]]] = {outcome: [] for outcome in Outcome}
    for row in found.order_by("-many", "reason"):
        by[row["outcome"]].append((row["reason"], row["many"]))
    return Progress(
        done=sum(many for _, many in by[Outcome.DONE]),
        waiting=sum(many for _, many in by[Outcome.WAITING]),
        done_as=tuple(by[Outcome.DONE]),
        refused=tuple(by[Outcome.REFUSED]),
    )
