"""Celery's side of the inbox: wake up, read one company's dropped files for one turn."""

from __future__ import annotations

from celery import shared_task

from inbuild import queue
from invoices import reading
from invoices.bells import READ_DUE
from invoices.models import InboxFile


@shared_task(name=READ_DUE)
def read_due(*, company_id: int, **_: object) -> None:
    """Read the waiting files of one company; however long they take, the workers are there for bills."""
    with queue.slot(READ_DUE, reading.AT_ONCE) as is_free:
        if not is_free:
            return  # the sweep rings again
        queue.drain(
            READ_DUE,
            company_id,
            work_one=lambda: _read_one(company_id),
            anything_due=lambda: queue.due(InboxFile, company_id).exists(),
        )


def _read_one(company_id: int) -> bool:
    return queue.work_one(InboxFile, company_id, reading.work, reading.park, lease=reading.LEASE)


@shared_task(name="invoices.sweep")
def sweep(**_: object) -> None:
    """Ring for every company with a file that waits to be read."""
    queue.ring_for_due(READ_DUE, InboxFile)
