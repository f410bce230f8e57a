"""Celery's side of importing: wake up, drain one company's due deliveries and invoices for one turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Least, Now

from inbuild import queue
from procore_sync import (
    absorbing,
    attaching,
    completeness,
    importing,
    keeping,
    leaving,
    payments,
    sending,
    sweeping,
    telling,
    vendors,
)
from procore_sync.bells import ATTACH_DUE, CHECK_DUE, COMPLETENESS_DUE, IMPORT_DUE, SEND_DUE, SWEEP_DUE, TELL_DUE
from procore_sync.client import pacer
from procore_sync.models import (
    ContractPayment,
    MonthCheck,
    Moved,
    ProcoreAttachment,
    ProcoreIntegration,
    ProcoreInvoice,
    ProcoreProject,
    SentInvoice,
    WebhookDelivery,
)

CALLS_OF_AN_IMPORT = 3


@shared_task(name=IMPORT_DUE)
def import_due(*, company_id: int, **_: object) -> None:
    """Absorb the new deliveries of one company, bring its due invoices up to date, then ask about their vendors."""
    queue.drain(
        IMPORT_DUE,
        company_id,
        work_one=lambda: _absorb_and_import(company_id),
        anything_due=lambda: (
            queue.due(WebhookDelivery, company_id).exists()
            or (queue.due(ProcoreInvoice, company_id).exists() and _may_ask_procore(company_id))
        ),
    )
    vendors.learn_new(company_id)


@shared_task(name=SWEEP_DUE)
def sweep_due(*, company_id: int, **_: object) -> None:
    """Sweep the projects of one company whose turn it is, then ask about vendors still unknown."""
    queue.drain(
        SWEEP_DUE,
        company_id,
        work_one=lambda: _sweep_one(company_id),
        anything_due=lambda: queue.due(ProcoreProject, company_id).exists(),
    )
    vendors.learn_new(company_id)


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
    return queue.work_one(
        ProcoreIntegration, company_id, _check, _park_check, lease=_lease(), elsewhere=(importing.Taken,)
    )


def _check(integration: ProcoreIntegration) -> None:
    (keeping.check if integration.is_active else leaving.leave)(integration)


def _park_check(integration: ProcoreIntegration, reference: str) -> None:
    words = f"Something failed on our side while looking at the connection. Reference {reference}."
    _again_later(integration, check_started_at=None, check_result=words)


def _sweep_one(company_id: int) -> bool:
    return queue.work_one(ProcoreProject, company_id, sweeping.sweep, _park_sweep, lease=_lease())


def _park_sweep(project: ProcoreProject, reference: str) -> None:
    words = f"Something failed on our side while looking for changes. Reference {reference}."
    _again_later(project, problem=words)


def _again_later(row: ProcoreIntegration | ProcoreProject | ProcoreInvoice | MonthCheck, **facts: Any) -> None:
    wait, failures = queue.backoff(row.failures), Least(F("failures") + 1, 1000)
    queue.mine(row).update(next_at=Now() + wait, lease_until=None, failures=failures, **facts)


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
    return queue.work_one(
        SentInvoice,
        company_id,
        sending.work,
        sending.park,
        lease=lease,
        elsewhere=(Moved,),
        point="send.after_take",
    )


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
    return queue.work_one(
        ContractPayment,
        company_id,
        telling.work,
        telling.park,
        lease=lease,
        elsewhere=(Moved,),
        point="tell.after_take",
    )


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
    return queue.work_one(ProcoreAttachment, company_id, attaching.work, _park_file, lease=attaching.LEASE)


def _park_file(file: ProcoreAttachment, reference: str) -> None:
    attaching.fruitless(file, f"Something failed on our side. Reference {reference}.")


@shared_task(name=COMPLETENESS_DUE)
def completeness_due(*, company_id: int, **_: object) -> None:
    """Go on with the checks of months that people of one company asked for."""
    queue.drain(
        COMPLETENESS_DUE,
        company_id,
        work_one=lambda: _check_a_month(company_id),
        anything_due=lambda: queue.due(MonthCheck, company_id).exists(),
    )


def _check_a_month(company_id: int) -> bool:
    return queue.work_one(MonthCheck, company_id, completeness.work, _park_month, lease=_lease())


def _park_month(check: MonthCheck, reference: str) -> None:
    _again_later(check, waits_for=f"Something failed on our side. inBuild tries again. Reference {reference}.")


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
    queue.ring_for_due(COMPLETENESS_DUE, MonthCheck)
    payments.ring_for_news()


def _lease() -> timedelta:
    return timedelta(seconds=settings.IMPORT_LEASE_SECONDS)


def _absorb_and_import(company_id: int) -> bool:
    """A handful of deliveries, then one invoice: the first of a flood does not wait for the last to be read."""
    absorbed = _absorb_some(company_id)
    return _import_one(company_id) or absorbed


def _absorb_some(company_id: int) -> bool:
    """A handful at once, so that several events about one invoice become one fetch."""
    deliveries = queue.take_due(WebhookDelivery, company_id, lease=_lease(), limit=50)
    for delivery in deliveries:
        queue.safely(delivery, absorbing.absorb, _put_aside, (importing.Taken,))
    if deliveries:
        absorbing.note_times(company_id, deliveries)
    return bool(deliveries)


def _put_aside(delivery: WebhookDelivery, reference: str) -> None:
    reason = f"Something failed on our side while reading a message. Reference {reference}."
    queue.mine(delivery).update(outcome="dead", reason=reason, next_at=None, lease_until=None)


def _may_ask_procore(company_id: int) -> bool:
    """Is there room for one import in what Procore allows? Else beat rings again, and no row is taken in vain."""
    integration = ProcoreIntegration.active(company_id)
    if integration is None:
        return True
    urgent = queue.due(ProcoreInvoice, company_id).filter(priority=ProcoreInvoice.Priority.NOW).exists()
    return not pacer(integration, urgent=urgent).wait(calls=CALLS_OF_AN_IMPORT)


def _import_one(company_id: int) -> bool:
    return _may_ask_procore(company_id) and queue.work_one(
        ProcoreInvoice,
        company_id,
        importing.work,
        _park_import,
        lease=_lease(),
        elsewhere=(importing.Taken,),
        point="import.after_take",
        first_by=("priority",),
    )


def _park_import(row: ProcoreInvoice, reference: str) -> None:
    reason = f"Something failed on our side. Nothing was imported. Reference {reference}."
    _again_later(row, reason=reason, gate="found")
