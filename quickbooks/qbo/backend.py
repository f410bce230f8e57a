"""QuickBooks Online behind the seam: we send, and look when we do not know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models.functions import Now
from django.utils import timezone

from accounting import changing, lists, mapping, posting
from accounting.backends import Absent, Books, Done, InBooks, NotSent, Outcome, Refused, Unknown
from accounting.books import Attached, BillShown, LineSent, Paper, PaymentShown, Reading
from accounting.mapping import Resolved
from accounting.models import Bill, BillChange, Integration, ListEntry
from companies import auditing
from companies.models import User
from inbuild import http
from inbuild.faultpoints import faultpoint
from invoices.models import Vendor
from qbo import books, document, faults, gateway, preferences, tokens, uploads, vendors
from qbo import lists as qbo_lists
from qbo.faults import Fault

T = TypeVar("T")
NO_CONNECTION = timedelta(seconds=30)
UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError)
ENTITY: dict[str, str] = {Bill.Kind.BILL: "Bill", Bill.Kind.VENDOR_CREDIT: "VendorCredit"}


class Online:
    """Implements `accounting.backends.Backend`."""

    def wait(self, integration: Integration) -> timedelta:
        return gateway.pacer(integration.external_id).wait()

    def document(self, bill: Bill, found: Resolved | None = None) -> bytes:
        integration = _integration(bill)
        named = found or mapping.resolve(bill, integration)
        if isinstance(named, list):
            raise ValueError(f"Bill {bill.pk} is not mapped: {named}")
        return document.build(bill, integration, named)

    def deliver(self, bill: Bill, found: Resolved | None = None) -> Outcome | None:
        if bill.state == Bill.State.READY:
            posting.start(bill, self.document(bill, found))
        return self._send(bill)

    def look_up(self, bill: Bill) -> Done | Refused | Absent | None:
        sent = document.frozen(bill)
        where = f"WHERE DocNumber = {gateway.quoted(sent.number)} AND VendorRef = {gateway.quoted(sent.vendor_id)}"

        def find(company: gateway.Company) -> list[Any]:
            return list(company.query(ENTITY[bill.kind], where))

        integration = _integration(bill)
        try:
            rows = _calling(integration, f"bill:{bill.pk}", find)
        except Fault as fault:
            raise faults.of_read(fault) from fault
        except http.OutsideError:
            return None
        return _judged(bill, sent, rows)

    def read(self, bill: Bill) -> InBooks | None:
        return next(iter(self.find(_integration(bill), bill, external_id=bill.external_id or "")), None)

    def find(self, integration: Integration, bill: Bill, *, number: str = "", external_id: str = "") -> list[InBooks]:
        which = f"DocNumber = {gateway.quoted(number)}" if number else f"Id = {gateway.quoted(external_id)}"

        def find(company: gateway.Company) -> list[InBooks]:
            return [_shown(bill, row) for row in company.query(ENTITY[bill.kind], f"WHERE {which}")]

        return _asking(integration, f"bill:{bill.pk}", find)

    def closed_until(self, integration: Integration) -> date | None:
        return _asking(integration, "preferences", preferences.closing_date)

    def _row(self, bill: Bill) -> Any | None:
        """A posted bill as QuickBooks writes it, all of it."""
        where = f"WHERE Id = {gateway.quoted(bill.external_id or '')}"

        def find(company: gateway.Company) -> Any | None:
            return next(iter(company.query(ENTITY[bill.kind], where)), None)

        return _asking(_integration(bill), f"bill:{bill.pk}", find)

    def change(self, change: BillChange, there: InBooks) -> Outcome:
        bill = change.bill
        if change.state == BillChange.State.READY:
            changing.start(change, document.of_change(change, there, self._row(bill), self.document), there)
        payload, kind = bytes(change.payload or b""), ENTITY[bill.kind]

        def send(company: gateway.Company) -> Any:
            changing.still_mine(change)
            act = company.update if change.kind == BillChange.Kind.UPDATE else company.delete
            return act(kind, payload, change.request_id)

        try:
            made = _calling(_integration(bill), f"bill:{bill.pk}", send)
            faultpoint("change.after_send")
            if change.kind == BillChange.Kind.UPDATE:
                return _done(bill, made)
        except Fault as fault:
            return faults.of_write(fault)
        except http.NotSent as exc:
            raise NotSent("cannot_reach", NO_CONNECTION, str(exc)) from exc
        except http.OutsideError as exc:
            return Unknown(words=str(exc))
        except (KeyError, TypeError):
            return Unknown(words="QuickBooks' answer held no bill")
        if made.get("status") != "Deleted":
            return Unknown(words="QuickBooks did not say that the bill is deleted")
        return Done(bill.external_id or "", Decimal("0.00"))

    def read_books(self, integration: Integration) -> Books | Refused:
        return _settled(integration, "preferences", preferences.read)

    def follow(self, integration: Integration, *, whole: bool) -> Reading:
        return _asking(integration, "follow", lambda company: books.changed(company, integration, whole=whole))

    def booked(self, integration: Integration, kind: str, ids: Sequence[str]) -> list[BillShown]:
        return _asking(integration, "follow", lambda company: books.bills(company, kind, ids)) if ids else []

    def payments(self, integration: Integration, ids: Sequence[str]) -> list[PaymentShown]:
        return _asking(integration, "follow", lambda company: books.payments(company, ids)) if ids else []

    def attach(
        self, bill: Bill, paper: Paper, *, look_first: bool, taken: Collection[str]
    ) -> Attached | Refused | Unknown:
        integration, subject = _integration(bill), f"bill:{bill.pk}"
        kind = ENTITY[bill.kind]
        if look_first:
            there = _asking(integration, subject, lambda company: uploads.find(company, kind, bill, paper, taken))
            if there:
                return Attached(there)
        try:
            made = _calling(integration, subject, lambda company: uploads.send(company, kind, bill, paper))
        except Fault as fault:
            return faults.of_write(fault)
        except http.NotSent as exc:
            raise NotSent("cannot_reach", NO_CONNECTION, str(exc)) from exc
        except http.OutsideError as exc:
            return Unknown(words=str(exc))
        except (KeyError, TypeError, IndexError):
            return Unknown(words="QuickBooks' answer held no attachment")
        faultpoint("attach.after_send")
        return Attached(made)

    def refresh_lists(self, integration: Integration) -> None:
        started = timezone.now()
        for kind, entries in _asking(integration, "lists", qbo_lists.read).items():
            lists.store(integration, kind, entries, read_from=started)
        Integration.objects.filter(pk=integration.pk).update(lists_read_at=Now())

    def lines_sent(self, payload: bytes) -> list[LineSent]:
        return document.lines_sent(payload)

    def prepare(self, bill: Bill) -> Refused | None:
        integration, vendor = _integration(bill), bill.invoice.vendor
        if mapping.vendor_entry(integration, vendor) is not None or mapping.is_inactive(integration, vendor):
            return None
        found = _settled(integration, f"bill:{bill.pk}", lambda company: vendors.find(company, integration, vendor))
        return found if isinstance(found, Refused) else None

    def create_vendor(self, integration: Integration, vendor: Vendor, by: User) -> ListEntry | Refused:
        return _settled(
            integration, f"vendor:{vendor.pk}", lambda company: vendors.create(company, integration, vendor)
        )

    def _send(self, bill: Bill) -> Outcome:
        """The frozen bytes under their key, once."""
        if bill.payload is None or bill.request_id is None:
            raise ValueError(f"Bill {bill.pk} is not frozen.")
        payload, key, integration = bytes(bill.payload), bill.request_id, _integration(bill)

        def create(company: gateway.Company) -> Any:
            posting.still_mine(bill)
            return company.create(ENTITY[bill.kind], payload, key)

        try:
            made = _calling(integration, f"bill:{bill.pk}", create)
        except Fault as fault:
            return self._refused(bill, faults.of_write(fault))
        except http.NotSent as exc:
            raise NotSent("cannot_reach", NO_CONNECTION, str(exc)) from exc
        except http.OutsideError as exc:
            return Unknown(words=str(exc))
        except (KeyError, TypeError):
            return Unknown(words="QuickBooks' answer held no bill")
        faultpoint("post.after_send")
        return _done(bill, made)

    def _refused(self, bill: Bill, outcome: Refused | Unknown) -> Outcome:
        """A taken bill number may be our own bill of an earlier, unanswered sending."""
        if isinstance(outcome, Refused) and outcome.problem == "bill_number_taken":
            found = self.look_up(bill)
            if isinstance(found, Done):
                return found
        if isinstance(outcome, Refused) and outcome.problem in ("reference", "inactive"):
            mapping.forget_vendor(_integration(bill), bill.invoice.vendor)
        return outcome


def _calling(integration: Integration, subject: str, call: Callable[[gateway.Company], T]) -> T:
    """Make a call with a good token; a refused token is renewed and the same call repeated once."""
    recorder = auditing.call_recorder(integration.company_id, "intuit", subject)
    token = tokens.access_token(integration)
    try:
        return call(gateway.Company(recorder, integration.external_id, token))
    except Fault as fault:
        if not fault.is_unauthorized:
            raise
    token = tokens.after_refusal(integration, token)
    return call(gateway.Company(recorder, integration.external_id, token))


def _settled(integration: Integration, subject: str, call: Callable[[gateway.Company], T]) -> T | Refused:
    """What may be repeated without doing harm: the answer or a definite refusal. Raises NotSent and NeedsReconnect."""
    try:
        return _calling(integration, subject, call)
    except Fault as fault:
        faults.raise_if_not_done(fault)
        outcome = faults.of_write(fault)
        if isinstance(outcome, Refused):
            return outcome
        raise NotSent("cannot_reach", NO_CONNECTION, fault.words) from fault
    except http.OutsideError as exc:
        raise NotSent("cannot_reach", NO_CONNECTION, str(exc)) from exc


def _asking(integration: Integration, subject: str, call: Callable[[gateway.Company], T]) -> T:
    """A question, which changes nothing over there. Raises NotSent and NeedsReconnect."""
    try:
        return _calling(integration, subject, call)
    except Fault as fault:
        raise faults.of_read(fault) from fault
    except http.OutsideError as exc:
        raise NotSent("cannot_reach", NO_CONNECTION, str(exc)) from exc
    except UNREADABLE as exc:
        raise NotSent("cannot_reach", NO_CONNECTION, "QuickBooks' answer could not be read") from exc


def _integration(bill: Bill) -> Integration:
    if bill.integration is None:
        raise ValueError(f"Bill {bill.pk} is not routed.")
    return bill.integration


def _done(bill: Bill, row: Any) -> Done:
    return Done(
        external_id=str(row["Id"]),
        total=_signed(bill, row["TotalAmt"]),
        number=str(row.get("DocNumber") or ""),
        sync_token=str(row.get("SyncToken") or ""),
        vendor_id=str((row.get("VendorRef") or {}).get("value") or ""),
    )


def _shown(bill: Bill, row: Any) -> InBooks:
    return InBooks(
        external_id=str(row["Id"]),
        number=str(row.get("DocNumber") or ""),
        vendor_name=str(row["VendorRef"].get("name") or ""),
        total=_signed(bill, row["TotalAmt"]),
        balance=_signed(bill, row.get("Balance", row["TotalAmt"])),
        date=date.fromisoformat(str(row["TxnDate"])[:10]),
        sync_token=str(row.get("SyncToken") or ""),
        is_ours=bill.marker in str(row.get("PrivateNote") or ""),
        note=str(row.get("PrivateNote") or ""),
        vendor_id=str(row["VendorRef"].get("value") or ""),
    )


def _signed(bill: Bill, amount: Any) -> Decimal:
    """In our books a vendor credit is what is owed with a minus; QuickBooks writes it without."""
    exact = Decimal(str(amount)).quantize(Decimal("0.01"))
    return -exact if bill.kind == Bill.Kind.VENDOR_CREDIT else exact


def _judged(bill: Bill, sent: document.Frozen, rows: list[Any]) -> Done | Refused | Absent:
    """Ours by its marker; else, if a bill of the same total is there, a person must decide; else absent."""
    ours = [row for row in rows if bill.marker in str(row.get("PrivateNote") or "")]
    if len(ours) == 1:
        return _done(bill, ours[0])
    alike = [row for row in rows if Decimal(str(row["TotalAmt"])) == sent.total]
    if ours or alike:
        detail = {"number": sent.number, "vendor": bill.invoice.vendor.name, "amount": f"{sent.total:,.2f}"}
        return Refused("in_quickbooks_already", detail)
    return Absent()
