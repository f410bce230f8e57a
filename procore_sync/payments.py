"""Which payments of QuickBooks Procore shall show: read from what accounting keeps of the books, never the books.

Only money that was applied to a bill of a subcontractor invoice counts, and only while a company admin wants it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounting.models import Bill, BookedBill
from companies import auditing
from companies.models import User
from inbuild.queue import database_now, ring
from invoices.models import Invoice
from procore_sync import following
from procore_sync.bells import TELL_DUE
from procore_sync.models import ContractPayment, ProcoreIntegration, ProcoreInvoice, SentInvoice

MARK = "inBuild payment "
DAY = timedelta(days=1)
# A change of the books is committed at most this long after the time it carries.
COMMITTED_WITHIN = timedelta(minutes=1)
CHUNK = 200
MIXED = (
    "This payment also used vendor credits, for several bills together, so inBuild cannot tell how much money went to "
    "this invoice. Enter the payment in Procore by hand."
)
Wanted = tuple[dict[str, Any] | None, str]


@dataclass(frozen=True, slots=True)
class Original:
    """The invoice in Procore that a bill pays for."""

    requisition_id: int
    project_id: int
    commitment_id: int | None


# --- the setting -----------------------------------------------------------------------------------------------------
def set_to(integration: ProcoreIntegration, wanted: bool, *, user: User) -> None:
    """Shall Procore be told of payments? Those of earlier days are left to people: they may be in Procore by now."""
    with transaction.atomic():
        row = ProcoreIntegration.objects.select_for_update(no_key=True).get(pk=integration.pk)
        if row.writes_payments == wanted:
            return
        facts: dict[str, Any] = {"writes_payments": wanted, "payments_seen_until": None, "payments_compared_at": None}
        if wanted:
            facts["payments_since"] = database_now().astimezone(ZoneInfo(row.company.time_zone)).date()
            _go_on(row)
        ProcoreIntegration.objects.filter(pk=row.pk).update(**facts)
        to, other = ("on", "off") if wanted else ("off", "on")
        auditing.record(
            row.company_id,
            f"payments.{to}",
            row,
            f"Tell Procore when a bill is paid: turned {to}",
            user=user,
            before={"writes_payments": other},
            after={"writes_payments": to},
        )
        ring(TELL_DUE, row.company_id)


def _go_on(integration: ProcoreIntegration) -> None:
    """What rested while it was off; a doubt not before its time."""
    rows = ContractPayment.objects.filter(company_id=integration.company_id, integration=integration, next_at=None)
    rows.filter(state=ContractPayment.State.READY).update(next_at=Now())
    rows.filter(state=ContractPayment.State.CHECKING).update(next_at=Now() + quarantine())


def quarantine() -> timedelta:
    return timedelta(seconds=settings.PROCORE_QUARANTINE_SECONDS)


# --- seeing that there is something to tell --------------------------------------------------------------------------
def ring_for_news() -> None:
    """Ring for every company whose books showed something since its payments were last looked at."""
    rows = ProcoreIntegration.objects.filter(writes_payments=True, state=ProcoreIntegration.State.CONNECTED)
    for integration in rows:
        if _compares_all(integration) or _news(integration).exists():
            ring(TELL_DUE, integration.company_id)


def notice(company_id: int) -> None:
    """Write down what Procore shall show for the bills that changed; once a day for all of them."""
    integration = ProcoreIntegration.active(company_id)
    if integration is None or not integration.writes_payments:
        return
    began, everything = database_now(), _compares_all(integration)
    bills = _all(integration) if everything else _news(integration)
    ids = list(bills.order_by("id").values_list("id", flat=True))
    for at in range(0, len(ids), CHUNK):
        _notice_some(integration, ids[at : at + CHUNK])
    seen: dict[str, Any] = {"payments_seen_until": began - COMMITTED_WITHIN}
    if everything:
        seen["payments_compared_at"] = began
    ProcoreIntegration.objects.filter(pk=integration.pk).update(**seen)


def _compares_all(integration: ProcoreIntegration) -> bool:
    last = integration.payments_compared_at
    return last is None or integration.payments_seen_until is None or last < database_now() - DAY


def _standing(integration: ProcoreIntegration) -> QuerySet[ContractPayment]:
    rows = ContractPayment.objects.filter(company_id=integration.company_id, integration=integration)
    return rows.filter(Q(wanted__isnull=False) | ~Q(hold=""))


def _news(integration: ProcoreIntegration) -> QuerySet[Bill]:
    """Bills the books showed since the last look, and those that left the books and paid for something."""
    rows = Bill.objects.filter(company_id=integration.company_id, kind=Bill.Kind.BILL)
    left = ~Q(state=Bill.State.SYNCED) & Q(invoice__in=_standing(integration).values("invoice"))
    return rows.filter(Q(books_seen_at__gt=integration.payments_seen_until) | left)


def _all(integration: ProcoreIntegration) -> QuerySet[Bill]:
    rows = Bill.objects.filter(company_id=integration.company_id, kind=Bill.Kind.BILL)
    paid = Q(state=Bill.State.SYNCED, paid_on__gte=integration.payments_since)
    return rows.filter(paid | Q(invoice__in=_standing(integration).values("invoice")))


def _notice_some(integration: ProcoreIntegration, ids: list[int]) -> None:
    with transaction.atomic():
        bills = list(Bill.objects.filter(pk__in=ids).select_related("invoice", "integration").order_by("pk"))
        originals = _originals(integration, [bill.invoice_id for bill in bills])
        booked = {
            (row.integration_id, row.external_id): row
            for row in BookedBill.objects.filter(
                company_id=integration.company_id,
                kind=Bill.Kind.BILL,
                external_id__in=[bill.external_id for bill in bills if bill.external_id],
            )
        }
        known: dict[int, dict[str, ContractPayment]] = {}
        rows = ContractPayment.objects.filter(integration=integration, invoice__in=[bill.invoice_id for bill in bills])
        for row in rows.select_for_update(of=("self",)).select_related("invoice").order_by("pk"):
            known.setdefault(row.invoice_id, {})[row.origin_id] = row
        for bill in bills:
            seen = booked.get((bill.integration_id or 0, bill.external_id or ""))
            _notice_one(integration, bill, seen, originals.get(bill.invoice_id), known.get(bill.invoice_id, {}))


def _notice_one(
    integration: ProcoreIntegration,
    bill: Bill,
    booked: BookedBill | None,
    original: Original | None,
    known: dict[str, ContractPayment],
) -> None:
    found = dict(_wanted(bill, booked, original)) if original else {}
    for origin_id, row in known.items():
        wanted, hold = found.get(row.payment_id, (None, "")) if original else (row.wanted, row.hold)
        if origin_id == _origin_id(bill, row.payment_id) and (wanted, hold) != (row.wanted, row.hold):
            row.want(wanted, hold)
        elif origin_id != _origin_id(bill, row.payment_id) and (row.wanted or row.hold):
            row.want(None, "")  # paid in other books
    for payment_id, (wanted, hold) in found.items():
        day = date.fromisoformat(booked.payments[payment_id]["date"]) if booked else None
        is_new = _origin_id(bill, payment_id) not in known and (wanted is not None or hold)
        if original and is_new and day and integration.payments_since and day >= integration.payments_since:
            _make(integration, bill, original, payment_id, wanted, hold)


def _make(
    integration: ProcoreIntegration, bill: Bill, original: Original, payment_id: str, wanted: Any, hold: str
) -> None:
    row = ContractPayment(
        company_id=bill.company_id,
        integration=integration,
        invoice=bill.invoice,
        origin_id=_origin_id(bill, payment_id),
        payment_id=payment_id[:60],
        requisition_id=original.requisition_id,
        project_id=original.project_id,
        commitment_id=original.commitment_id,
        wanted=wanted,
        hold=hold,
        next_at=database_now(),
    )
    if ContractPayment.objects.bulk_create([row], ignore_conflicts=True):
        words = (
            f"Payment of {Decimal(wanted['amount']):,.2f} to be told to Procore"
            if wanted
            else f"Not told to Procore: {hold}"
        )
        after = {"state": str(row.state), "payment": payment_id}
        auditing.record(bill.company_id, "contract_payment.ready", bill.invoice, words, job="payments", after=after)


def _originals(integration: ProcoreIntegration, invoices: Iterable[int]) -> dict[int, Original]:
    """Subcontractor invoices imported from this Procore, or sent there and approved there."""
    ids = list(invoices)
    imported = ProcoreInvoice.objects.filter(
        company_id=integration.company_id,
        integration=integration,
        kind=ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE,
        invoice__in=ids,
        invoice__source=Invoice.Source.PROCORE,
    )
    sent = SentInvoice.objects.filter(
        company_id=integration.company_id,
        integration=integration,
        state=SentInvoice.State.SENT,
        status__in=following.approved_statuses(integration),
        invoice__in=ids,
    )
    found = {
        invoice_id: Original(procore_id, project_id, None)
        for invoice_id, procore_id, project_id in imported.values_list("invoice_id", "procore_id", "project_id")
        if invoice_id is not None
    }
    for row in sent:
        found[row.invoice_id] = Original(row.procore_id or 0, row.project_id, row.commitment_id)
    return found


def _origin_id(bill: Bill, payment_id: str) -> str:
    realm = bill.integration.external_id if bill.integration else ""
    return f"{MARK}{realm}/{payment_id}/{bill.uid}"


def _wanted(bill: Bill, booked: BookedBill | None, original: Original | None) -> Iterator[tuple[str, Wanted]]:
    """For each payment on the bill what Procore shall show of it."""
    if booked is None or original is None or booked.is_deleted or bill.state != Bill.State.SYNCED:
        return
    for payment_id, facts in booked.payments.items():
        amount = _money(facts)
        if amount is None:
            yield payment_id, (None, MIXED)
        else:
            yield payment_id, (_body(bill, payment_id, facts, amount, original) if amount > 0 else None, "")


def _money(facts: dict[str, str]) -> Decimal | None:
    """What was paid of this bill in money: a vendor credit is no payment. None where nobody can tell."""
    amount, money, credits = (Decimal(facts[name]) for name in ("amount", "money", "credits"))
    if not credits or not amount:
        return amount
    if not money:
        return money
    return money if amount == money + credits else None


def _body(bill: Bill, payment_id: str, facts: dict[str, str], amount: Decimal, original: Original) -> dict[str, Any]:
    """Procore's `contract_payment`. Money as text; a cheque's number only where QuickBooks shows one."""
    origin_id, method, number = _origin_id(bill, payment_id), facts.get("method", ""), facts.get("number", "")
    body = {
        "requisition_id": original.requisition_id,
        "amount": f"{amount:.2f}",
        "date": facts["date"],
        "invoice_number": bill.invoice.number,
        "invoice_date": bill.invoice.invoice_date.isoformat(),
        "notes": f"Paid in QuickBooks: {facts['how']}, bill {bill.external_number or bill.external_id}. By inBuild.",
        "origin_id": origin_id,
        "origin_data": origin_id,
    }
    if method:
        body["payment_method"] = method
    if method == "check" and number:
        body["check_number"] = number
    return body
