"""QuickBooks Desktop behind the seam: all it knows came with the Web Connector, all it sends waits for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone

from accounting import changing, following, lists, mapping, posting
from accounting.backends import Absent, Books, Done, InBooks, NotSent, Outcome, Refused, Unknown
from accounting.books import WINDOW, Attached, BillShown, LineSent, Paper, PaymentShown, Reading
from accounting.mapping import Resolved
from accounting.models import Bill, BillChange, Integration, ListEntry
from companies.models import User
from inbuild.faultpoints import faultpoint
from invoices.models import Vendor
from qbd import asking, document, hosts, line, queries, reading, recovery, sending, vendors
from qbd.asking import PATIENCE
from qbd.models import Connection

OVERLAP = timedelta(hours=1)  # the PC's clock may be wrong by some


class Desktop:
    """accounting.backends.Backend."""

    def wait(self, integration: Integration) -> timedelta:
        return timedelta(0)

    def document(self, bill: Bill, found: Resolved | None = None) -> bytes:
        integration = _integration(bill)
        named = found or mapping.resolve(bill, integration)
        if isinstance(named, list):
            raise ValueError(f"Bill {bill.pk} is not mapped: {named}")
        return document.build(bill, integration, named)

    def lines_sent(self, payload: bytes) -> list[LineSent]:
        return document.lines_sent(payload)

    def prepare(self, bill: Bill) -> Refused | None:
        integration, vendor = _integration(bill), bill.invoice.vendor
        entry = mapping.vendor_entry(integration, vendor) or vendors.known(integration, vendor)
        if entry is None:
            return self._create(bill, integration)
        if line.current(integration) is not None and bill.state == Bill.State.READY:
            self._look_for_another(bill, integration, entry)
        return None

    def _create(self, bill: Bill, integration: Integration) -> Refused | None:
        if not integration.creates_vendors or mapping.is_inactive(integration, bill.invoice.vendor):
            return None
        if (refused := vendors.refused(integration, bill.invoice.vendor)) is not None:
            return refused
        vendors.want(integration, bill.invoice.vendor)
        raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)

    def _look_for_another(self, bill: Bill, integration: Integration, vendor: ListEntry) -> None:
        """QuickBooks takes the same number twice: ask who has it already, right before ours leaves."""
        request = queries.same_number(bill.kind, vendor.external_id, bill.invoice.number)
        answer = asking.ask(integration, request, bill=bill)
        found = Reading(until=timezone.now())
        _add_bills(found, answer)
        if found.bills:
            following.store(integration, found, moves_cursor=False)

    def deliver(self, bill: Bill, found: Resolved | None = None) -> Outcome | None:
        integration = _integration(bill)
        if not sending.can_send(integration):
            raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)
        if bill.state == Bill.State.READY:
            posting.start(bill, self.document(bill, found))
        posting.still_mine(bill)
        sending.send(integration, bytes(bill.payload or b""), bill)
        faultpoint("post.after_send")
        return None

    def look_up(self, bill: Bill) -> Done | Refused | Absent | None:
        return recovery.look_up(bill, _integration(bill))

    def read(self, bill: Bill) -> InBooks | None:
        return next(iter(self.find(_integration(bill), bill, external_id=bill.external_id or "")), None)

    def find(self, integration: Integration, bill: Bill, *, number: str = "", external_id: str = "") -> list[InBooks]:
        request = queries.numbered(bill.kind, number) if number else queries.bills(bill.kind, external_id)
        since = _asked_for(bill)
        answer = asking.ask(integration, request, bill=bill, since=since)
        shown = [reading.in_books(ret, marker=bill.marker) for ret in answer.rets]
        wanted = document.ref_number(number) if number else ""
        return [one for one in shown if one is not None and (not wanted or one.number == wanted)]

    def closed_until(self, integration: Integration) -> date | None:
        books = self.read_books(integration)
        return books.closing_date if isinstance(books, Books) else None

    def change(self, change: BillChange, there: InBooks) -> Outcome | None:
        bill = change.bill
        integration = _integration(bill)
        if not sending.can_send(integration):
            raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)
        if change.state == BillChange.State.READY:
            row = asking.ask(integration, queries.bills(bill.kind, bill.external_id or ""), bill=bill)
            changing.start(change, document.of_change(change, there, next(iter(row.rets), None), self.document), there)
        changing.still_mine(change)
        sending.send(integration, bytes(change.payload or b""), change)
        faultpoint("change.after_send")
        return None

    def read_books(self, integration: Integration) -> Books | Refused:
        books = hosts.books(Connection.objects.get(integration=integration))
        if books is None:
            raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)
        return books

    def create_vendor(self, integration: Integration, vendor: Vendor, by: User) -> ListEntry | Refused:
        found = vendors.known(integration, vendor)
        if found is not None:
            return found
        vendors.want(integration, vendor, by=by)
        raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)

    def follow(self, integration: Integration, *, whole: bool) -> Reading:
        session = line.current(integration)
        if session is None:
            raise NotSent(Bill.WAITS_FOR_PC, PATIENCE)
        since = integration.followed_until
        if whole or since is None:
            return _whole(integration, until=session.started_at)
        return _changed(integration, since - OVERLAP, until=session.started_at)

    def booked(self, integration: Integration, kind: str, ids: Sequence[str]) -> list[BillShown]:
        found = Reading(until=timezone.now())
        for answer in asking.ask_all(integration, [queries.bills(kind, one) for one in ids]) if ids else []:
            _add_bills(found, answer)
        return found.bills

    def payments(self, integration: Integration, ids: Sequence[str]) -> list[PaymentShown]:
        """An id does not tell whether it is a check's, a card's, or an applied vendor credit's: ask for each."""
        checks_and_cards = [queries.payments(method, one) for one in ids for method in queries.PAYMENTS]
        credits = [queries.bills(Bill.Kind.VENDOR_CREDIT, one) for one in ids]
        answers = asking.ask_all(integration, [*checks_and_cards, *credits]) if ids else []
        found = Reading(until=timezone.now())
        for answer in answers[: len(checks_and_cards)]:
            _add_payments(found, answer)
        for answer in answers[len(checks_and_cards) :]:
            _add_bills(found, answer)
        return found.payments

    def attach(
        self, bill: Bill, paper: Paper, *, look_first: bool, taken: Collection[str]
    ) -> Attached | Refused | Unknown:
        raise NotImplementedError("Integration.takes_files says that no file is hung on its bills.")

    def refresh_lists(self, integration: Integration) -> None:
        started = timezone.now()
        answers = asking.ask_all(integration, [queries.entries(kind) for kind in queries.LISTS])
        for kind, answer in zip(queries.LISTS, answers, strict=True):
            lists.store(integration, ListEntry.Kind(kind), reading.entries(kind, answer.rets), read_from=started)
        Integration.objects.filter(pk=integration.pk).update(lists_read_at=Now())


def _integration(bill: Bill) -> Integration:
    if bill.integration is None:
        raise ValueError(f"Bill {bill.pk} is not routed.")
    return bill.integration


def _asked_for(bill: Bill) -> datetime | None:
    """A change that is under way must not be judged by what was seen before it left."""
    change = BillChange.objects.filter(bill=bill, state__in=BillChange.PENDING).first()
    return change.started_at if change is not None else None


def _changed(integration: Integration, since: datetime, *, until: datetime) -> Reading:
    *bills, checks, cards, deleted, deleted_entries = asking.ask_all(
        integration,
        [
            *(queries.bills_since(kind, since) for kind in document.ENTITY),
            *(queries.payments_since(method, since) for method in queries.PAYMENTS),
            queries.deleted(since),
            queries.deleted_entries(since),
        ],
    )
    found = Reading(until=until)
    for answer in bills:
        _add_bills(found, answer)
    for answer in (checks, cards):
        _add_payments(found, answer)
    gone = reading.gone(deleted.rets)
    found.gone, found.gone_payments = list(gone.bills), list(gone.payments)
    found.gone_entries = reading.gone_entries(deleted_entries.rets)
    return found


def _whole(integration: Integration, *, until: datetime) -> Reading:
    first = until.date() - WINDOW
    *bills, checks, cards = asking.ask_all(
        integration,
        [
            *(queries.bills_dated(kind, first) for kind in document.ENTITY),
            *(queries.payments_dated(method, first) for method in queries.PAYMENTS),
        ],
    )
    found = Reading(until=until, is_whole=True)
    for answer in bills:
        _add_bills(found, answer)
    for answer in (checks, cards):
        _add_payments(found, answer)
    return found


def _add_bills(found: Reading, answer: asking.Answer) -> None:
    """A vendor credit that was applied pays, so it is among the payments as well."""
    for ret in answer.rets:
        if (shown := reading.bill_shown(ret)) is not None:
            found.bills.append(shown)
            if shown.kind == Bill.Kind.VENDOR_CREDIT and (paid := reading.credit_as_payment(ret)) is not None:
                found.payments.append(paid)


def _add_payments(found: Reading, answer: asking.Answer) -> None:
    found.payments += [paid for ret in answer.rets if (paid := reading.payment_shown(ret)) is not None]
