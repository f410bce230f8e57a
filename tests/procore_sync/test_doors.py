"""Whatever a bill waits for, the answer to *Why isn't it in QuickBooks?* names one way on, and that way exists."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.urls import resolve

from accounting import posting
from accounting.problems import CATALOGUE
from companies.models import Company, Membership, User
from procore_sync import doors
from tests.quickbooks.accounting.given import approved

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_problem_of_a_bill_has_its_door(code: str, company: Company, admin: User, viewer: User) -> None:
    bill = posting.release(approved(company))
    bill.problem_detail = {"first_open": "Feb 01, 2026"}
    for user in (admin, viewer):
        found = doors.of_problem(bill, code, Membership.objects.get(company=company, user=user))
        assert found is not None
        assert found.label
        assert "{" not in found.label
        assert resolve(urlsplit(found.url).path)
        assert bool(found.refusal) == (user == viewer)
