"""Payments on their way to Procore, one row each: looked for, then made, taken back, or left to a person.

Procore's create call knows no idempotency key, so every step begins with the list of the commitment's payments, in
which ours carry their `origin_id`. What leaves is written down before; an unclear end leads to a wait and another look.
Only what carries that very mark is ever taken back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from inbuild.faultpoints import faultpoint
from inbuild.queue import backoff
from procore_sync import reading
from procore_sync.client import Forbidden, NotFound, Procore, ProcoreError, SignInRefused, Unavailable, Unclear
from procore_sync.models import ContractPayment, ProcoreIntegration
from procore_sync.payments import MARK, quarantine
from procore_sync.reading import Unreadable
from procore_sync.sending import NOT_CONNECTED, RECONNECT, SAFETY_NET

log = structlog.get_logger("procore_sync.telling")

State = ContractPayment.State
OFF = "Telling Procore of payments was turned off before this was done. A company admin can turn it on in Settings."
MOVES_ABOUT = "The list of payments in Procore changes while inBuild reads it."


class Held(ProcoreError):
    """The text says why inBuild leaves this payment to a person."""


def work(row: ContractPayment) -> None:
    """Take one row as far as it goes now. Raises Moved."""
    integration = row.integration
    if row.state == State.SENDING:
        _doubt(row, "The worker stopped before Procore's answer was written down.")  # its lease ran out
    elif not row.is_under_way:
        row.wait(until=None, problem=row.problem)
    elif not integration.writes_payments:
        row.wait(until=None, problem=OFF)
    elif integration.state != ProcoreIntegration.State.CONNECTED:
        row.wait(until=Now() + SAFETY_NET, problem=RECONNECT if integration.is_active else NOT_CONNECTED)
    else:
        _step(row, Procore(integration, f"contract_payment:{row.pk}", urgent=False))


def _step(row: ContractPayment, procore: Procore) -> None:
    try:
        commitment_id = row.commitment_id or _commitment(row, procore)
        listed = procore.contract_payments(row.project_id, commitment_id)
        _bring_about(row, procore, commitment_id, listed.rows, is_complete=listed.is_complete)
    except SignInRefused as exc:
        row.integration.needs_reconnect(str(exc))
        row.wait(until=Now() + SAFETY_NET, problem=RECONNECT)
    except Unavailable as exc:
        wait = exc.wait if exc.is_pacing else max(exc.wait, backoff(row.failures))
        row.wait(until=Now() + wait, problem=str(exc))
    except (ProcoreError, Unreadable) as exc:
        _leave_to_a_person(row, exc)


def _words(exc: Exception) -> str:
    return "Procore does not show this invoice or its commitment to inBuild." if isinstance(exc, NotFound) else str(exc)


def _leave_to_a_person(row: ContractPayment, why: Exception) -> None:
    """One in doubt stays in doubt where it could not be looked for: that says nothing about it."""
    words = _words(why)
    if row.state == State.CHECKING and not isinstance(why, Held):
        row.wait(until=Now() + SAFETY_NET, problem=words)
    else:
        row.move(State.REFUSED, words, problem=words)


def _commitment(row: ContractPayment, procore: Procore) -> int:
    """Payments are listed by commitment; a mirrored invoice names it only in its record."""
    record = procore.subcontractor_invoice(row.project_id, row.requisition_id)
    found = reading.optional_id(record.get("commitment_id"), "commitment_id")
    if found is None:
        raise Unreadable("Procore does not say which commitment this invoice is billed on.")
    ContractPayment.objects.filter(pk=row.pk).update(commitment_id=found)
    return found


def _bring_about(
    row: ContractPayment, procore: Procore, commitment_id: int, rows: Sequence[Mapping[str, Any]], *, is_complete: bool
) -> None:
    """One step towards what is wanted, judged by what Procore shows now."""
    ours = [each for each in rows if reading.text(each.get("origin_id")) == row.origin_id]
    kept = next((each for each in ours if _is_wanted(row, each)), None)
    too_many = [each for each in ours if each is not kept]
    if too_many:
        _take_back(row, procore, commitment_id, too_many)
    elif kept is not None:
        _told(row, reading.an_id(kept.get("id"), "id"), sent=row.wanted)
    elif not is_complete:
        row.wait(until=Now() + backoff(row.failures), problem=MOVES_ABOUT)
    elif row.wanted is not None:
        _hold_doubles(row, row.wanted, rows)
        _start_and_deliver(row, procore, commitment_id)
    elif row.hold:
        row.move(State.REFUSED, row.hold, problem=row.hold, sent=None, procore_id=None)
    else:
        row.move(State.GONE, "Procore shows nothing of the payment", sent=None, procore_id=None)


def _is_wanted(row: ContractPayment, there: Mapping[str, Any]) -> bool:
    """By what we let go; a mark of ours that we know nothing of is judged by amount and day.

    Procore does not show all that it takes: the method stands in no answer.
    """
    if row.wanted is None:
        return False
    return row.sent == row.wanted if row.sent is not None else _same_money(row.wanted, there)


def _same_money(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    try:
        amount = reading.money(there.get("amount"), "amount")
    except Unreadable:
        return False
    return amount == Decimal(wanted["amount"]) and reading.text(there.get("date"))[:10] == wanted["date"]


def _hold_doubles(row: ContractPayment, wanted: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Somebody else's payment of the same money on the same day may be this one. Raises Held."""
    for each in rows:
        is_ours = reading.text(each.get("origin_id")).startswith(MARK)
        linked = reading.optional_id(each.get("requisition_id"), "requisition_id")
        same_number = reading.text(each.get("invoice_number")) == wanted["invoice_number"]
        on_it = linked == row.requisition_id or (linked is None and same_number)
        if is_ours or not on_it or not _same_money(wanted, each):
            continue
        day = date.fromisoformat(wanted["date"])
        by_pay = bool(reading.text(each.get("external_payment_id")))
        how = "made through Procore Pay" if by_pay else "that inBuild did not make"
        raise Held(
            f"Procore already shows a payment of {Decimal(wanted['amount']):,.2f} on {day:%b %d, %Y} for this invoice, "
            f"{how}, so inBuild adds no second one."
        )


def _take_back(row: ContractPayment, procore: Procore, commitment_id: int, theirs: Sequence[Mapping[str, Any]]) -> None:
    """Each carries our very mark. Repeating this does no harm; the next look sees what is left."""
    for each in theirs:
        try:
            procore.delete_contract_payment(row.project_id, commitment_id, reading.an_id(each.get("id"), "id"))
        except NotFound:
            continue
        except Forbidden as exc:
            raise Held(
                "The payment was voided or changed in QuickBooks, and Procore does not let inBuild take back the "
                "payment it had added there. Its Procore user needs the Admin permission for the Commitments tool."
            ) from exc
    words = "Payment taken back from Procore"
    row.move(State.READY, words, next_at=Now() + backoff(0), sent=None, procore_id=None)


def _start_and_deliver(row: ContractPayment, procore: Procore, commitment_id: int) -> None:
    """Committed as sending immediately before it leaves; whatever is not a clear answer is a doubt."""
    if not ProcoreIntegration.objects.filter(pk=row.integration_id, writes_payments=True).exists():
        row.wait(until=None, problem=OFF)
        return
    # One that was in doubt before stays so when this sending did not leave.
    back_to, wanted = row.state, row.wanted
    lease = timedelta(seconds=settings.PROCORE_LEASE_SECONDS)
    words = "Payment sent to Procore"
    row.move(State.SENDING, words, sent=wanted, started_at=Now(), lease_until=Now() + lease, next_at=Now())
    faultpoint("tell.after_start")
    body = {"project_id": row.project_id, "contract_id": commitment_id, "contract_payment": wanted}
    try:
        made = procore.create_contract_payment(body)
    except Unclear as exc:
        _doubt(row, str(exc))
    except SignInRefused as exc:
        row.integration.needs_reconnect(str(exc))
        row.move(back_to, "Payment not sent to Procore", problem=RECONNECT, next_at=Now() + SAFETY_NET)
    except Unavailable as exc:
        row.move(back_to, "Payment not sent to Procore", problem=str(exc), next_at=Now() + exc.wait)
    except ProcoreError as exc:
        row.move(State.REFUSED, _words(exc), problem=_words(exc), sent=None)
    else:
        faultpoint("tell.after_send")
        try:
            _told(row, reading.an_id(made.get("id"), "id"), sent=wanted)
        except Unreadable:
            _doubt(row, "Procore's answer could not be read.")


def _told(row: ContractPayment, procore_id: int, *, sent: Any) -> None:
    """It is there. If QuickBooks shows something else meanwhile, the next step begins at once."""
    with transaction.atomic():
        fresh = ContractPayment.objects.select_for_update().get(pk=row.pk)
        words = f"Payment of {Decimal(sent['amount']):,.2f} is in Procore as {procore_id}"
        row.move(State.TOLD, words, sent=sent, procore_id=procore_id)
        if fresh.wanted != sent:
            row.move(State.READY, "QuickBooks shows something else by now", next_at=Now())


def _doubt(row: ContractPayment, words: str) -> None:
    """It may be there or not: nothing leaves before a look, and no look before the time in which it may turn up."""
    problem = f"{words} inBuild looks in Procore whether the payment is there, and sends it again only if it is not."
    row.move(State.CHECKING, words, problem=problem, next_at=Now() + quarantine())


def park(row: ContractPayment, reference: str) -> None:
    """Our own bug stopped the work: say so, and never pretend to know whether a sent one arrived."""
    row.refresh_from_db()
    words = f"Something failed on our side. Reference {reference}."
    if row.state == State.SENDING:
        _doubt(row, words)
    else:
        row.wait(until=Now() + backoff(row.failures) if row.is_under_way else None, problem=words)
