"""Old notices, mails and sessions are deleted; what is open or young stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from companies import tasks
from companies.models import Company, Mail, Notice, User
from tests.companies.test_members import signed_in

pytestmark = pytest.mark.django_db


def ago(days: int) -> Any:
    return Now() - timedelta(days=days)


def test_notices_are_kept_for_180_days_after_they_ended(company: Company) -> None:
    for key, begun, ended in (("open", 900, None), ("young", 900, 179), ("old", 900, 181)):
        notice = Notice.objects.create(company=company, key=key, words=key, label="x", url="/", colour="bad")
        Notice.objects.filter(pk=notice.pk).update(begun_at=ago(begun), ended_at=ended and ago(ended))
    tasks.tidy()
    assert set(Notice.objects.values_list("key", flat=True)) == {"open", "young"}


def test_mails_are_kept_for_90_days_after_they_were_sent_or_given_up(company: Company, admin: User) -> None:
    for about, state, ended in (
        ("waiting", "waiting", None),
        ("young", "sent", 89),
        ("sent long ago", "sent", 91),
        ("given up long ago", "failed", 91),
    ):
        mail = Mail.objects.create(company=company, membership=admin.memberships.get(), about=about, state=state)
        Mail.objects.filter(pk=mail.pk).update(created_at=ago(400), ended_at=ended and ago(ended))
    tasks.tidy()
    assert set(Mail.objects.values_list("about", flat=True)) == {"waiting", "young"}


def test_sessions_that_ran_out_are_forgotten_and_nobody_is_signed_out(company: Company, admin: User) -> None:
    here, over = signed_in(admin), signed_in(admin)
    Session.objects.filter(session_key=over.session.session_key).update(expire_date=ago(1))
    tasks.tidy()
    assert UserSession.objects.get().session_key == here.session.session_key == Session.objects.get().session_key
    assert here.get("/invoices/").status_code == 200
