"""Celery's side of notices: look at each company once a minute, send the mails that are due, forget the old ones."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.db.models.functions import Now

from companies import mailing, noticing, sessions
from companies.bells import LOOK_DUE, MAIL_DUE
from companies.models import Company, Mail, Notice
from inbuild import queue

# Longer than one mail takes, whose every step has EMAIL_TIMEOUT.
LEASE = timedelta(minutes=5)
# What is over is kept for as long as somebody may ask about it. Nothing open is ever forgotten.
KEEP_NOTICES = timedelta(days=180)
KEEP_MAILS = timedelta(days=90)


@shared_task(name=LOOK_DUE)
def look_due(*, company_id: int, **_: object) -> None:
    """Bring the notices of one company up to date; where somebody is at it already, they are."""
    with queue.turn(LOOK_DUE, company_id) as renew:
        if renew is not None:
            noticing.look(company_id)


@shared_task(name=MAIL_DUE)
def mail_due(*, company_id: int, **_: object) -> None:
    """Send the waiting mails of one company."""
    queue.drain(
        MAIL_DUE,
        company_id,
        work_one=lambda: queue.work_one(Mail, company_id, mailing.send, mailing.park, lease=LEASE),
        anything_due=lambda: queue.due(Mail, company_id).exists(),
    )


@shared_task(name="companies.sweep")
def sweep(**_: object) -> None:
    """Ring for every company with a mail that is due."""
    queue.ring_for_due(MAIL_DUE, Mail)


@shared_task(name="companies.look_around")
def look_around(**_: object) -> None:
    """Ring for every company: none has to have anything due to be looked at."""
    for company_id in Company.objects.values_list("id", flat=True):
        queue.ring(LOOK_DUE, company_id)


@shared_task(name="companies.tidy")
def tidy(**_: object) -> None:
    """Forget notices and mails that ended long ago, and sessions that are over."""
    Notice.objects.filter(ended_at__lt=Now() - KEEP_NOTICES).delete()
    Mail.objects.filter(ended_at__lt=Now() - KEEP_MAILS).delete()
    sessions.forget_ended()
