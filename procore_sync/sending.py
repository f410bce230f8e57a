"""Invoices made in inBuild on their way into Procore: asked for, written down, looked for, sent, settled.

Procore's create call knows no idempotency key. So the row with the exact body stands before anything leaves, every
sending is preceded by a look, an unclear end leads to a wait and another look, and never to a second blind sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from companies import auditing
from companies.models import User
from inbuild.faultpoints import faultpoint
from inbuild.queue import backoff, database_now, ring
from invoices.models import Invoice, WrongState
from procore_sync import commitments, echo, reading
from procore_sync.bells import IMPORT_DUE, SEND_DUE
from procore_sync.client import Procore, ProcoreError, SignInRefused, Unavailable, Unclear
from procore_sync.commitments import Commitment
from procore_sync.models import Moved, ProcoreIntegration, ProcoreInvoice, ProcoreProject, SentInvoice
from procore_sync.reading import Unreadable

log = structlog.get_logger("procore_sync.sending")

SAFETY_NET = timedelta(minutes=15)
OFF = "Sending invoices to Procore is off. A company admin can turn it on in Settings → Procore."
NOT_WAITING = "Only an invoice that waits for approval can be sent to Procore."
NO_PROJECT = "This invoice has no project that inBuild knows from Procore, so it cannot be sent there."
NOT_CONNECTED = "Procore is disconnected. Once it is connected again, inBuild goes on by itself."
RECONNECT = "Procore no longer accepts inBuild's sign-in. Once a company admin has reconnected it, inBuild goes on."


class CannotSend(Exception):
    """The text says why, in words for the accountant."""


class AlreadySent(Exception):
    """It is on its way or in Procore already: a second press changes nothing."""


# --- the setting -----------------------------------------------------------------------------------------------------
def set_to(integration: ProcoreIntegration, wanted: bool, *, user: User) -> None:
    """May inBuild's own invoices be sent to Procore? What is on its way or there already is not touched."""
    with transaction.atomic():
        row = ProcoreIntegration.objects.select_for_update(no_key=True).get(pk=integration.pk)
        if row.sends_invoices == wanted:
            return
        ProcoreIntegration.objects.filter(pk=row.pk).update(sends_invoices=wanted)
        auditing.record(
            row.company_id,
            f"sending.{'on' if wanted else 'off'}",
            row,
            f"Send invoices made in inBuild to Procore: turned {'on' if wanted else 'off'}",
            user=user,
            before={"sends_invoices": row.sends_invoices},
            after={"sends_invoices": wanted},
        )


# --- asking for it ---------------------------------------------------------------------------------------------------
def refusal(invoice: Invoice, integration: ProcoreIntegration | None) -> str:
    """Why this invoice cannot be sent to Procore now; empty when it can."""
    if integration is None or not integration.sends_invoices:
        return OFF
    if invoice.from_procore or invoice.state != Invoice.State.SUBMITTED:
        return NOT_WAITING
    if project_of(invoice, integration) is None:
        return NO_PROJECT
    return RECONNECT if integration.state != ProcoreIntegration.State.CONNECTED else ""


def project_of(invoice: Invoice, integration: ProcoreIntegration) -> ProcoreProject | None:
    project = invoice.project
    if project is None or project.procore_id is None or project.procore_environment != integration.environment:
        return None
    rows = ProcoreProject.objects.filter(company_id=invoice.company_id, integration=integration)
    return rows.filter(procore_id=project.procore_id).first()


def choices(invoice: Invoice) -> list[Commitment]:
    """The commitments it may be billed on. Raises CannotSend, also while Procore cannot be asked."""
    integration, project = _usable(invoice)
    try:
        return commitments.choices(Procore(integration, f"invoice:{invoice.pk}"), project.procore_id, invoice)
    except ProcoreError as exc:
        raise CannotSend(_not_now(exc)) from exc


def send(invoice: Invoice, commitment: Commitment, *, user: User) -> SentInvoice:
    """Write down exactly what shall be in Procore and make it due. Raises CannotSend and AlreadySent.

    The body is composed anew for one that was refused before: nothing of it is in Procore.
    """
    integration, project = _usable(invoice)
    row = SentInvoice.objects.filter(company_id=invoice.company_id, invoice=invoice).first() or SentInvoice(
        company_id=invoice.company_id, invoice=invoice, by=user
    )
    procore = Procore(integration, f"invoice:{invoice.pk}")
    try:
        body = commitments.record(procore, project.procore_id, commitment, invoice, echo.mark_of(row))
    except ProcoreError as exc:
        raise CannotSend(_not_now(exc)) from exc
    facts = {
        "integration": integration,
        "project_id": project.procore_id,
        "commitment_id": commitment.procore_id,
        "payload": body,
    }
    with transaction.atomic():
        sentence = f"To be sent to Procore: {commitment}"
        kept = _keep(row, facts, sentence, user)
        ring(SEND_DUE, invoice.company_id)
    return kept


def _keep(row: SentInvoice, facts: dict[str, Any], sentence: str, user: User) -> SentInvoice:
    """Under the locks that Approve and Cancel take too, so that an invoice never goes both ways."""
    known = SentInvoice.objects.select_for_update().filter(invoice_id=row.invoice_id).first()
    invoice = Invoice.objects.select_for_update().get(pk=row.invoice_id)
    if known is None and SentInvoice.objects.filter(invoice_id=row.invoice_id).exists():
        raise AlreadySent
    if known is not None and known.state != SentInvoice.State.REFUSED:
        raise AlreadySent
    if invoice.state != Invoice.State.SUBMITTED:
        raise CannotSend(NOT_WAITING)
    if not ProcoreIntegration.objects.filter(pk=facts["integration"].pk, sends_invoices=True).exists():
        raise CannotSend(OFF)
    if known is not None:
        known.move(SentInvoice.State.READY, sentence, user=user, next_at=Now(), **facts)
        return known
    for name, value in facts.items():
        setattr(row, name, value)
    row.next_at = database_now()
    row.save(force_insert=True)
    auditing.record(row.company_id, "sent_invoice.ready", invoice, sentence, user=user, after={"state": str(row.state)})
    return row


def look_now(sent: SentInvoice) -> None:
    """A person does not want to wait. A doubt is never looked into before its time: it might still turn up."""
    rows = SentInvoice.objects.filter(pk=sent.pk, lease_until=None)
    if sent.state == SentInvoice.State.READY:
        rows.filter(state=sent.state).update(next_at=Now())
    elif sent.state == SentInvoice.State.CHECKING:
        rows.filter(state=sent.state, started_at__lte=Now() - _quarantine()).update(next_at=Now())
    ring(SEND_DUE, sent.company_id)


def _usable(invoice: Invoice) -> tuple[ProcoreIntegration, ProcoreProject]:
    integration = ProcoreIntegration.active(invoice.company_id)
    reason = refusal(invoice, integration)
    project = project_of(invoice, integration) if integration else None
    if reason or integration is None or project is None:
        raise CannotSend(reason or NO_PROJECT)
    return integration, project


def _not_now(exc: ProcoreError) -> str:
    """For a person who waits in front of the page, where nothing goes on by itself."""
    return f"{str(exc).removesuffix(' inBuild tries again by itself.')} Nothing was sent. Try again in a moment."


# --- what it means for the invoice -----------------------------------------------------------------------------------
def is_approved_there(invoice: Invoice) -> bool:
    """Does its approval happen in Procore? Of a disconnected one none can be heard any more, so it is made here again;
    the bill is released only once, whoever comes first.
    """
    sent = _standing(invoice)
    return sent is not None and sent.integration.is_active


def refuse_approval(invoice: Invoice) -> None:
    """Called under the lock on the invoice. Raises WrongState for one that is approved in Procore instead."""
    if is_approved_there(invoice):
        raise WrongState(f"Invoice {invoice.number} was sent to Procore. It is approved there, not here.")


def refuse_cancelling(invoice: Invoice) -> None:
    """Called under the lock on the invoice. Raises WrongState: an approval in Procore would have nowhere to go."""
    sent = _standing(invoice)
    never_left = sent is not None and sent.state == SentInvoice.State.READY and not sent.integration.is_active
    if sent is not None and not never_left:
        raise WrongState(f"Invoice {invoice.number} was sent to Procore. Delete it there before you cancel it here.")


def refuse_rejection(invoice: Invoice) -> None:
    """Called under the lock on the invoice. Raises WrongState: what is in Procore, or on its way, is decided there."""
    if _standing(invoice) is not None:
        raise WrongState(f"Invoice {invoice.number} was sent to Procore. It is approved or rejected there, not here.")


def _standing(invoice: Invoice) -> SentInvoice | None:
    rows = SentInvoice.objects.filter(company_id=invoice.company_id, invoice_id=invoice.pk)
    return rows.exclude(state=SentInvoice.State.REFUSED).select_related("integration").first()


# --- the worker ------------------------------------------------------------------------------------------------------
def work(sent: SentInvoice) -> None:
    """Take one row as far as it goes now. Raises Moved."""
    if sent.state == SentInvoice.State.SENDING:
        doubt(sent, "The worker stopped before Procore's answer was written down.")  # its lease ran out
    elif sent.is_under_way:
        _look_and_send(sent)
    else:
        sent.wait(until=None, problem=sent.problem)


def _look_and_send(sent: SentInvoice) -> None:
    integration = sent.integration
    if integration.state != ProcoreIntegration.State.CONNECTED:
        sent.wait(until=Now() + SAFETY_NET, problem=RECONNECT if integration.is_active else NOT_CONNECTED)
        return
    procore = Procore(integration, f"sent_invoice:{sent.pk}")
    try:
        listed = procore.subcontractor_invoices_of(sent.project_id, sent.commitment_id)
    except ProcoreError as exc:
        _could_not_look(sent, exc)
        return
    seen = echo.look(sent, listed.rows)
    if seen is not None and seen.is_ours:
        arrived(sent, procore_id=seen.procore_id, status=seen.status)
    elif seen is not None:
        by = f", made by {seen.made_by}" if seen.made_by else ""
        number = sent.payload["requisition"]["invoice_number"]
        words = f"This commitment has an invoice {number} in Procore already{by}, so inBuild makes no second one."
        sent.move(SentInvoice.State.REFUSED, words, problem=words)
    elif sent.invoice.state != Invoice.State.SUBMITTED:
        sent.move(SentInvoice.State.REFUSED, "Not sent to Procore", problem=NOT_WAITING)
    elif not listed.is_complete:
        sent.wait(until=Now() + backoff(sent.failures), problem="The list in Procore changes while inBuild reads it.")
    else:
        _start_and_deliver(sent, procore)


def _could_not_look(sent: SentInvoice, why: ProcoreError) -> None:
    """Without a look nothing leaves."""
    if isinstance(why, SignInRefused):
        sent.integration.needs_reconnect(str(why))
        sent.wait(until=Now() + SAFETY_NET, problem=RECONNECT)
    elif isinstance(why, Unavailable):
        wait = why.wait if why.is_pacing else max(why.wait, backoff(sent.failures))
        sent.wait(until=Now() + wait, problem=str(why))
    elif sent.state == SentInvoice.State.READY:
        sent.move(SentInvoice.State.REFUSED, str(why), problem=str(why))
    else:
        sent.wait(until=Now() + SAFETY_NET, problem=str(why))


def _start_and_deliver(sent: SentInvoice, procore: Procore) -> None:
    """Committed as sending immediately before it leaves; whatever is not a clear answer is a doubt."""
    # One that was in doubt before stays so when this sending did not leave.
    back_to = sent.state
    lease = timedelta(seconds=settings.PROCORE_LEASE_SECONDS)
    sent.move(SentInvoice.State.SENDING, "Sent to Procore", started_at=Now(), lease_until=Now() + lease, next_at=Now())
    faultpoint("send.after_start")
    try:
        made = procore.create_subcontractor_invoice(sent.payload)
    except Unclear as exc:
        doubt(sent, str(exc))
    except SignInRefused as exc:
        sent.integration.needs_reconnect(str(exc))
        sent.move(back_to, "Not sent to Procore", problem=RECONNECT, next_at=Now() + SAFETY_NET)
    except Unavailable as exc:
        sent.move(back_to, "Not sent to Procore", problem=str(exc), next_at=Now() + exc.wait)
    except ProcoreError as exc:
        sent.move(SentInvoice.State.REFUSED, str(exc), problem=str(exc))
    else:
        faultpoint("send.after_send")
        _settle(sent, made)
        faultpoint("send.after_settle")


def _settle(sent: SentInvoice, made: Mapping[str, Any]) -> None:
    try:
        procore_id = reading.an_id(made.get("id"), "id")
    except Unreadable:
        doubt(sent, "Procore's answer could not be read.")
        return
    try:
        arrived(sent, procore_id=procore_id, status=reading.status_key(made.get("status")))
    except Moved:
        # Its event came before its answer: that it is there is written down already.
        sent.refresh_from_db()
        if sent.procore_id != procore_id:
            log.error("a late answer", sent_invoice=sent.pk, procore_id=procore_id, known=sent.procore_id)


def arrived(sent: SentInvoice, *, procore_id: int, status: str) -> None:
    """It is in Procore. What became of it meanwhile, say its approval, is for the import to see."""
    with transaction.atomic():
        # In this order, because imports lock the two rows in it as well.
        ProcoreInvoice.hint(
            sent.integration,
            kind=ProcoreInvoice.Kind.SUBCONTRACTOR_INVOICE,
            procore_id=procore_id,
            project_id=sent.project_id,
        )
        sent.move(
            SentInvoice.State.SENT,
            f"In Procore as {procore_id}",
            procore_id=procore_id,
            status=status[:40],
            sent_at=Now(),
        )
        ring(IMPORT_DUE, sent.company_id)


def doubt(sent: SentInvoice, words: str) -> None:
    """It may be there or not: nothing leaves before a look, and no look before the time in which it may turn up."""
    problem = f"{words} inBuild looks in Procore whether the invoice is there, and sends it again only if it is not."
    sent.move(SentInvoice.State.CHECKING, words, problem=problem, next_at=Now() + _quarantine())


def park(sent: SentInvoice, reference: str) -> None:
    """Our own bug stopped the work: say so, and never pretend to know whether a sent one arrived."""
    sent.refresh_from_db()
    words = f"Something failed on our side. Reference {reference}."
    if sent.state == SentInvoice.State.SENDING:
        doubt(sent, words)
    else:
        sent.wait(until=Now() + backoff(sent.failures) if sent.is_under_way else None, problem=words)


def _quarantine() -> timedelta:
    return timedelta(seconds=settings.PROCORE_QUARANTINE_SECONDS)
