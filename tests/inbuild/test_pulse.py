"""What stands still is told with since when; what merely takes long is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from accounting.models import Bill
from companies.models import Company, User
from inbuild import pulse, queue
from inbuild.models import Pulse, Turn
from tests.quickbooks.qbo.test_backend import approved

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def _all_goes_on(db: None) -> None:
    for name in (pulse.BEAT, pulse.RING, f"{pulse.WORKER}one@pc"):
        pulse.beat(name)


def silent(*names: str) -> None:
    Pulse.objects.filter(name__in=names).update(at=Now() - LONG_AGO)


def told() -> list[str]:
    return [each.what for each in pulse.standstills() if each.what != "redis"]


def test_all_goes_on(client: Client) -> None:
    assert told() == []
    assert pulse.stands_still_since() is None
    assert client.get("/progressz").json() == {"working": True, "standing_still": []}


@pytest.mark.parametrize(
    ("name", "what"),
    [(pulse.BEAT, "beat"), (pulse.RING, "ring"), (f"{pulse.WORKER}one@pc", "worker")],
)
def test_each_is_missed(name: str, what: str, client: Client) -> None:
    silent(name)
    assert told() == [what]
    answer = client.get("/progressz")
    assert answer.status_code == 503
    assert what in [each["what"] for each in answer.json()["standing_still"]]


def test_what_was_never_heard_of_is_told_without_a_time() -> None:
    Pulse.objects.all().delete()
    assert {(each.what, each.since) for each in pulse.standstills() if each.what != "redis"} == {
        ("beat", None),
        ("worker", None),
        ("ring", None),
    }
    assert pulse.stands_still_since() is None


def test_one_of_two_workers_is_missed_until_it_is_clear_that_it_is_gone() -> None:
    pulse.beat(f"{pulse.WORKER}two@pc")
    silent(f"{pulse.WORKER}two@pc")
    assert told() == ["worker"]
    Pulse.objects.filter(name=f"{pulse.WORKER}two@pc").update(at=Now() - pulse.GONE)
    assert told() == []
    silent(f"{pulse.WORKER}one@pc")
    assert told() == ["worker", "worker"]


def test_a_worker_that_was_stopped_on_purpose_is_not_missed() -> None:
    heart = pulse.Heart(f"{pulse.WORKER}two@pc")
    pulse.beat(heart.name)
    pulse.gone(heart.name)
    assert told() == []


def test_a_long_line_of_work_is_no_standstill(company: Company) -> None:
    """Beat's ring waits in it, while turns get on."""
    silent(pulse.RING)
    with queue.turn("accounting.post_due", company.pk):
        pass
    assert told() == []
    assert pulse.stands_still_since() is None


def test_due_work_that_nobody_comes_to_is_told(company: Company, other_company: Company) -> None:
    bill = Bill.objects.create(company=company, invoice=approved(company, "P-1"), next_at=Now() - LONG_AGO)
    [found] = [each for each in pulse.standstills() if each.what == "work"]
    assert found.since == Bill.objects.get(pk=bill.pk).next_at
    assert pulse.waits_since(company.pk) == found.since
    # Another company's page knows nothing of it.
    assert pulse.waits_since(other_company.pk) is None
    assert [each for each in pulse.standstills(other_company.pk) if each.what == "work"] == []
    with queue.turn("accounting.post_due", company.pk):
        pass
    assert told() == []
    Turn.objects.update(seen_at=Now() - LONG_AGO)
    assert told() == ["work"]


def test_every_page_says_that_nothing_is_worked(as_user: Any, viewer: User) -> None:
    signed_in = as_user(viewer)
    assert "stands still" not in signed_in.get(reverse("invoices:list")).content.decode()
    silent(pulse.BEAT, pulse.RING)
    page = signed_in.get(reverse("notifications:list")).content.decode()
    assert pulse.STOOD_STILL.replace("'", "&#x27;") in page
    assert reverse("status") in page
    status = signed_in.get(reverse("status")).content.decode()
    assert "The clock that wakes the workers is silent" in status


def test_strangers_are_not_told_of_companies_or_hosts(company: Company, admin: User, client: Client) -> None:
    silent(f"{pulse.WORKER}one@pc")
    Bill.objects.create(company=company, invoice=approved(company, "P-1"), next_at=Now() - LONG_AGO)
    text = client.get("/progressz").content.decode()
    assert company.name not in text
    assert "one@pc" not in text
    assert client.get(reverse("status")).status_code == 302
