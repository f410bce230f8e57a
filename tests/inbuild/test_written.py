"""Questions whose SQL is written once are asked with the values of whoever asks."""

from __future__ import annotations

import functools
import sys
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries

from companies.models import Company
from inbuild.written import Written
from invoices.models import Vendor


def vendors(company_id: int, name: str) -> QuerySet[Vendor]:
    found = Vendor.objects.filter(company_id=company_id, name__iexact=name)
    return found.select_related("company").order_by("-pk")[:2]


@pytest.fixture
def companies(db: None) -> list[Company]:
    made = [Company.objects.create(name=name, time_zone="America/Chicago") for name in ("One", "Two")]
    for company in made:
        Vendor.objects.bulk_create(Vendor(company=company, name=name) for name in ("Delta", "50 % off", "It's \\ %s"))
    return made


def test_each_gets_what_they_asked_for(
    companies: list[Company], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    written = 0

    def question(company_id: int, name: str) -> QuerySet[Vendor]:
        nonlocal written
        written += 1
        return vendors(company_id, name)

    ask = Written(question, int, str)
    for company in companies:
        for name in ("DELTA", "50 % off", "It's \\ %s", "", "nobody'; --"):
            with django_assert_num_queries(1):
                found = [(row.pk, row.company.name, row._state.adding) for row in ask(company.pk, name)]
            assert found == [(row.pk, company.name, False) for row in vendors(company.pk, name)]
    assert written == 1


def test_rows_of_ids_and_of_what_is_only_asked_for(companies: list[Company]) -> None:
    ids = Written(lambda company_id: vendors(company_id, "Delta").values_list("pk", flat=True), int)
    assert ids(companies[0].pk) == [Vendor.objects.get(company=companies[0], name="Delta").pk]
    by_public_id = Written(lambda public_id: Company.objects.filter(public_id=public_id), type(companies[0].public_id))
    assert [by_public_id(each.public_id) for each in companies] == [[each] for each in companies]
    assert by_public_id(uuid4()) == []


@pytest.mark.parametrize(
    "question",
    [
        lambda company_id, name: Vendor.objects.filter(company_id=company_id),
        lambda company_id, name: Vendor.objects.filter(company_id=company_id, name__contains=name),
    ],
)
def test_a_blank_that_does_not_stand_there_as_it_is_would_be_forgotten(db: None, question: Any) -> None:
    with pytest.raises(TypeError, match="Not every blank"):
        Written(question, int, str)(1, "Delta")


@pytest.mark.django_db(transaction=True)
def test_many_threads_ask_side_by_side(companies: list[Company], request: pytest.FixtureRequest) -> None:
    request.addfinalizer(functools.partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    ask, wrong = Written(vendors, int, str), list[str]()

    def keep_asking(company: Company) -> None:
        for _ in range(50):
            wrong.extend(row.company.name for row in ask(company.pk, "Delta") if row.company_id != company.pk)
        connection.close()

    threads = [threading.Thread(target=keep_asking, args=(company,)) for company in companies * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
