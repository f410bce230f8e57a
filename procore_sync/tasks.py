"""Celery's side of importing: wake up, drain one company's due deliveries and invoices for one turn."""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.db.models.functions import Least, Now

from inbuild import queue
from inbuild.faultpoints import faultpoint
from procore_sync import absorbing, attaching, importing, keeping, leaving, payments, sending, sweeping, telling
from procore_sync.bells import ATTACH_DUE, CHECK_DUE, IMPORT_DUE, SEND_DUE, SWEEP_DUE, TELL_DUE
from procore_sync.client import pacer
from procore_sync.models import (
    ContractPayment,
    Moved,
    ProcoreAttachment,
    ProcoreIntegration,
    ProcoreInvoice,
    ProcoreProject,
    SentInvoice,
    WebhookDelivery,
)

CALLS_OF_AN_IMPORT = 3

log = structlog.get_logger("procore_sync.tasks")


@shared_task(name=IMPORT_DUE)
def import_due(*, company_id: int, **_: object) -> None:
    """Absorb the new deliveries of one company, then bring its due invoices up to date."""
    queue.drain(
        IMPORT_DUE,
        company_id,
        work_one=lambda: _absorb_some(company_id) or _import_one(company_id),
        anything_due=lambda: (
            queue.due(WebhookDelivery, company_id).exists()
            or (queue.due(ProcoreInvoice, company_id).exists() and _may_ask_procore(company_id))
        ),
    )


@shared_task(name=SWEEP_DUE)
def sweep_due(*, company_id: int, **_: object) -> None:
    """Sweep the projects of one company whose turn it is."""
    queue.drain(
        SWEEP_DUE,
        company_id,
        work_one=lambda: _sweep_one(company_id),
        anything_due=lambda: queue.due(ProcoreProject, company_id).exists(),
    )


@shared_task(name=CHECK_DUE)
def check_due(*, company_id: int, **_: object) -> None:
    """Look at one company's connection: sign-in, projects, hooks, permissions."""
    queue.drain(
        CHECK_DUE,
        company_id,
        work_one=lambda: _check_one(company_id),
        anything_due=lambda: queue.due(ProcoreIntegration, company_id).exists(),
    )


def _check_one(company_id: int) -> bool:
    taken = queue.take_due(ProcoreIntegration, company_id, lease=_lease())
    if not taken:
        return False
    integration = taken[0]
    try:
        (keeping.check if integration.is_active else leaving.leave)(integration)
    except importing.Taken:
        log.info("a check went on elsewhere", integration=integration.pk)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a check was parked", integration=integration.pk, reference=reference)
        queue.mine(integration).update(
            next_at=Now() + queue.backoff(integration.failures),
            lease_until=None,
            failures=Least(F("failures") + 1, 1000),
            check_started_at=None,
            check_result=f"Something failed on our side while looking at the connection. Reference {reference}.",
        )
    return True


def _sweep_one(company_id: int) -> bool:
    taken = queue.take_due(ProcoreProject, company_id, lease=_lease())
    if not taken:
        return False
    project = taken[0]
    try:
        sweeping.sweep(project)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a sweep was parked", project=project.pk, reference=reference)
        queue.mine(project).update(
            next_at=Now() + queue.backoff(project.failures),
            lease_until=None,
            failures=Least(F("failures") + 1, 1000),
            problem=f"Something failed on our side while looking for changes. Reference {reference}.",
        )
    return True


@shared_task(name=SEND_DUE)
def send_due(*, company_id: int, **_: object) -> None:
    """Send, or look for, the invoices of one company that shall be in Procore."""
    queue.drain(
        SEND_DUE,
        company_id,
        work_one=lambda: _send_one(company_id),
        anything_due=lambda: queue.due(SentInvoice, company_id).exists(),
    )


def _send_one(company_id: int) -> bool:
    lease = timedelta(seconds=settings.PROCORE_LEASE_SECONDS)
    taken = queue.take_due(SentInvoice, company_id, lease=lease)
    if not taken:
        return False
    sent = taken[0]
    faultpoint("send.after_take")
    try:
        sending.work(sent)
    except Moved as moved:
        log.info("a sent invoice went on elsewhere", sent_invoice=sent.pk, why=str(moved))
    except (OperationalError, InterfaceError):
        raise  # nothing can be written now; the lease runs out and the row is taken again
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a sending was parked", sent_invoice=sent.pk, reference=reference)
        sending.park(sent, reference)
    return True


@shared_task(name=TELL_DUE)
def tell_due(*, company_id: int, **_: object) -> None:
    """Note the payments that QuickBooks shows on one company's bills, and tell Procore of them."""
    payments.notice(company_id)
    queue.drain(
        TELL_DUE,
        company_id,
        work_one=lambda: _tell_one(company_id),
        anything_due=lambda: queue.due(ContractPayment, company_id).exists(),
    )


def _tell_one(company_id: int) -> bool:
    lease = timedelta(seconds=settings.PROCORE_LEASE_SECONDS)
    taken = queue.take_due(ContractPayment, company_id, lease=lease)
    if not taken:
        return False
    payment = taken[0]
    faultpoint("tell.after_take")
    try:
        telling.work(payment)
    except Moved as moved:
        log.info("a payment went on elsewhere", contract_payment=payment.pk, why=str(moved))
    except (OperationalError, InterfaceError):
        raise  # nothing can be written now; the lease runs out and the row is taken again
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a payment was parked", contract_payment=payment.pk, reference=reference)
        telling.park(payment, reference)
    return True


@shared_task(name=ATTACH_DUE)
def attach_due(*, company_id: int, **_: object) -> None:
    """Bring the files of one company along; however many hang, they never take the workers from imports and bills."""
    with queue.slot(ATTACH_DUE, attaching.AT_ONCE) as free:
        if not free:
            return  # the sweep rings again
        queue.drain(
            ATTACH_DUE,
            company_id,
            work_one=lambda: _attach_one(company_id),
            anything_due=lambda: queue.due(ProcoreAttachment, company_id).exists(),
        )


def _attach_one(company_id: int) -> bool:
    taken = queue.take_due(ProcoreAttachment, company_id, lease=attaching.LEASE)
    if not taken:
        return False
    try:
        attaching.work(taken[0])
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("a file was parked", attachment=taken[0].pk, reference=reference)
        attaching.fruitless(taken[0], f"Something failed on our side. Reference {reference}.")
    return True


@shared_task(name="procore_sync.sweep")
def sweep(**_: object) -> None:
    """Ring for every company with due work: what makes a lost message cost only time."""
    queue.ring_for_due(CHECK_DUE, ProcoreIntegration)
    queue.ring_for_due(SWEEP_DUE, ProcoreProject)
    queue.ring_for_due(IMPORT_DUE, WebhookDelivery)
    queue.ring_for_due(IMPORT_DUE, ProcoreInvoice)
    queue.ring_for_due(SEND_DUE, SentInvoice)
    queue.ring_for_due(ATTACH_DUE, ProcoreAttachment)
    queue.ring_for_due(TELL_DUE, ContractPayment)
    payments.ring_for_news()


def _lease() -> timedelta:
    return timedelta(seconds=settings.IMPORT_LEASE_SECONDS)


def _absorb_some(company_id: int) -> bool:
    """A handful at once, so that several events about one invoice become one fetch."""
    deliveries = queue.take_due(WebhookDelivery, company_id, lease=_lease(), limit=50)
    for delivery in deliveries:
        try:
            absorbing.absorb(delivery)
        except importing.Taken:
            log.info("a delivery went on elsewhere", delivery=delivery.pk)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            reference = uuid.uuid4().hex[:12]
            log.exception("a delivery was put aside", delivery=delivery.pk, reference=reference)
            reason = f"Something failed on our side while reading a message. Reference {reference}."
            queue.mine(delivery).update(outcome="dead", reason=reason, next_at=None, lease_until=None)
    return bool(deliveries)


def _may_ask_procore(company_id: int) -> bool:
    """Is there room for one import in what Procore allows? Else beat rings again, and no row is taken in vain."""
    integration = ProcoreIntegration.active(company_id)
    if integration is None:
        return True
    urgent = queue.due(ProcoreInvoice, company_id).filter(priority=ProcoreInvoice.Priority.NOW).exists()
    return not pacer(integration, urgent=urgent).wait(calls=CALLS_OF_AN_IMPORT)


def _import_one(company_id: int) -> bool:
    if not _may_ask_procore(company_id):
        return False
    taken = queue.take_due(ProcoreInvoice, company_id, lease=_lease(), first_by=("priority",))
    if not taken:
        return False
    row = taken[0]
    faultpoint("import.after_take")
    try:
        importing.work(row)
    except importing.Taken:
        log.info("an invoice went on elsewhere", procore_invoice=row.pk)
    except (OperationalError, InterfaceError):
        raise  # nothing can be written now; the lease runs out and the row is taken again
    except Exception:
        reference = uuid.uuid4().hex[:12]
        log.exception("an import was parked", procore_invoice=row.pk, reference=reference)
        reason = f"Something failed on our side. Nothing was imported. Reference {reference}."
        queue.mine(row).update(
            next_at=Now() + queue.backoff(row.failures),
            lease_until=None,
            failures=Least(F("failures") + 1, 1000),
            reason=reason,
            gate="found",
        )
    return True
