"""The on and off history of the switch tells who, when and what was missed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from companies.models import Company, User
from procore_sync import mirroring
from procore_sync.models import MirroringPeriod, ProcoreIntegration, ProcoreInvoice
from tests.procore_sync.review.given import (
    SETTINGS,
    approved,
    heard_of,
    listed,
    query_count,
    shown,
)
from tests.support.emulated import IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db


def test_the_history_tells_who_when_and_what_was_missed(
    on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, admin: User, as_user: Any
) -> None:
    heard_of(on, approved(procore))
    mirroring.set_to(on, False, user=admin)
    now = timezone.now()
    MirroringPeriod.objects.update(started_at=now - timedelta(hours=27), ended_at=now - timedelta(hours=2))
    then = now - timedelta(hours=3)
    ProcoreInvoice.objects.update(approved_at=then, imported_at=then)
    late = approved(procore)
    row = heard_of(on, late)
    assert (row.gate, row.approved_by != "") == ("mirroring", True)
    client = as_user(admin)
    page = shown(client, SETTINGS)
    table = page[page.index('id="history-title"') :]
    assert "1 day 1 hour" in table
    assert f"by {admin}" in table
    assert re.search(r'data-label="Imported"> 1 <', table)
    assert re.search(r'data-label="Approved while off"> 1 <span class="small">· 1 not imported', table)
    period = MirroringPeriod.objects.get()
    assert listed(client, f"why=off&off={period.pk}") == {row.pk}
    mirroring.set_to(on, True, user=admin)
    assert listed(client, f"why=off&off={period.pk}") == {row.pk}
    assert "Still on" in shown(client, SETTINGS)


def test_the_history_folds_after_ten(on: ProcoreIntegration, company: Company, admin: User, as_user: Any) -> None:
    before = query_count(as_user(admin), SETTINGS)
    for days in range(1, 13):
        at = timezone.now() - timedelta(days=days)
        MirroringPeriod.objects.create(
            company=company,
            integration=on,
            started_by=admin,
            started_at=at,
            ended_at=at + timedelta(hours=1),
            ended_by=admin,
        )
    page = shown(as_user(admin), SETTINGS)
    assert "Show 3 earlier" in page
    assert page.count("On for</th>") == 2
    assert query_count(as_user(admin), SETTINGS) == before
