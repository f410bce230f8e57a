"""Counts whose SQL is made once are those of the company that asks."""

from __future__ import annotations

import pytest
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries

from companies.models import Company
from inbuild.counting import CountInCompany, counted
from invoices.models import Vendor

pytestmark = pytest.mark.django_db


@pytest.fixture
def companies() -> list[Company]:
    made = [Company.objects.create(name=name, time_zone="America/Chicago") for name in ("One", "Three", "None")]
    for company, many in zip(made, (1, 3, 0), strict=True):
        Vendor.objects.bulk_create(Vendor(company=company, name=f"100 % {number}") for number in range(many))
    return made


def test_each_company_is_told_its_own_count(
    companies: list[Company], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    put = 0

    def question(company_id: int) -> QuerySet[Vendor]:
        nonlocal put
        put += 1
        mine = Vendor.objects.filter(company_id=company_id, name__startswith="100 %")
        return mine.union(Vendor.objects.filter(company_id=company_id, name="nobody"))

    count = CountInCompany(question)
    with django_assert_num_queries(4):
        assert [count(company.pk) for company in companies] == [1, 3, 0]
        assert count(companies[1].pk) == 3
    assert put == 1


def test_several_questions_are_one_query(
    companies: list[Company], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    everybody = Vendor.objects.filter(company__in=companies)
    questions = [everybody, everybody.filter(pk__in=[]), everybody.order_by("name")[:2], everybody.none()]
    with django_assert_num_queries(1):
        assert counted(questions) == [4, 0, 2, 0]
