"""The list's address: what it finds, in which order, and who stands beside an invoice."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from accounting import attention, filtering, posting, setting_aside, tabs
from accounting.filtering import Filter
from accounting.models import Bill, Integration
from companies.models import Company, User
from invoices import recording
from invoices.models import Invoice
from tests.support import work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def given(company: Company, number: str, **more: Any) -> Invoice:
    amount = Decimal(more.pop("amount", "10.00"))
    new = recording.NewInvoice(
        vendor_name=more.pop("vendor", "Delta Steel"),
        number=number,
        invoice_date=more.pop("on", date(2026, 11, 1)),
        due_date=more.pop("due", None),
        currency=more.pop("currency", "USD"),
        gross=amount,
        retainage=Decimal(0),
        amount_due=amount,
        lines=(recording.NewLine("x", amount),),
        **more,
    )
    return recording.record_from_procore(company, new)


def read(company: Company, query: str) -> Filter:
    return filtering.read(company, QueryDict(query))


def numbers(company: Company, query: str) -> list[str]:
    return [invoice.number for invoice in filtering.invoices(company, read(company, query))]


def put(bill: Bill, state: str, problem: str = "", **more: Any) -> None:
    there = {"external_id": str(bill.pk), "synced_at": "2026-11-01T00:00Z"} if state == "synced" else {}
    sent = {"payload": b"x", "request_id": str(bill.pk)} if state in ("sending", "checking") else {}
    Bill.objects.filter(pk=bill.pk).update(state=state, problem=problem, **(there | sent | more))


def test_every_invoice_with_a_bill_is_in_exactly_one_tab(
    company: Company, quickbooks: Integration, accountant: User
) -> None:
    """All states, with each problem that changes where an invoice belongs, and whatever became of the original."""
    every = itertools.product(
        Bill.State.values,
        ("", "reconnect", "cannot_reach", "held"),
        Bill.BooksState.values,
        Invoice.SourceState.values,
    )
    for at, (state, problem, books_state, source_state) in enumerate(every):
        if not problem and state in ("needs_mapping", "on_hold", "failed"):
            continue
        invoice = given(company, f"N-{at}")
        invoice.observe_source(Invoice.SourceState(source_state))
        put(posting.release(invoice), state, problem, books_state=books_state, integration=quickbooks)
    _refused_change(company, accountant)
    found = {tab: set(filtering.invoices(company, Filter(tab=tab)).values_list("pk", flat=True)) for tab in tabs.LABELS}
    beside_all = [tab for tab in tabs.LABELS if tab != tabs.ALL]
    assert all(found[tab] for tab in beside_all)
    assert sum(len(found[tab]) for tab in beside_all) == len(found[tabs.ALL])
    assert set().union(*(found[tab] for tab in beside_all)) == found[tabs.ALL]
    assert len(found[tabs.ATTENTION]) == attention.count(company.pk)


def _refused_change(company: Company, user: User) -> None:
    from accounting.models import BillChange

    bill = Bill.objects.filter(company=company, state="synced", books_state="as_posted").order_by("pk").last()
    assert bill is not None
    BillChange.objects.create(
        company=company, bill=bill, kind="update", by=user, state="refused", problem="paid_in_books"
    )


def test_what_waits_for_approval_here_is_in_all_alone_and_what_was_cancelled_is_skipped(company: Company) -> None:
    waiting, cancelled = given(company, "W-1"), given(company, "C-1")
    Invoice.objects.filter(pk=waiting.pk).update(state="submitted")
    Invoice.objects.filter(pk=cancelled.pk).update(state="cancelled")
    assert {tab: numbers(company, f"tab={tab}&sort=number") for tab in tabs.LABELS} == {
        "all": ["C-1", "W-1"],
        "attention": [],
        "ready": [],
        "syncing": [],
        "synced": [],
        "skipped": ["C-1"],
    }
    assert numbers(company, "approval=waiting") == ["W-1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "A-1 A-2 B-1"),
        ("q=delta", "A-1 A-2"),
        ("q=A-2", "A-2"),
        ("q=a2", "A-2"),
        ("q=tower", "B-1"),
        ("q=SC-007", "A-1"),
        ("q=1,250.00", "A-2"),
        ("q=$1250", "A-2"),
        ("q=nothing", ""),
        ("vendor=omega+concrete", "B-1"),
        ("vendor=omeg", "B-1"),
        ("vendor=nobody", ""),
        ("from=2026-11-02", "A-2 B-1"),
        ("from=2026-11-02&to=2026-11-02", "A-2"),
        ("least=10.01", "A-2 B-1"),
        ("most=10", "A-1"),
        ("least=-5&most=2000", "A-1 A-2"),
        ("source=procore", "A-1 A-2 B-1"),
        ("source=inbuild", ""),
        ("approval=approved", "A-1 A-2 B-1"),
        ("paid=paid", "A-2"),
        ("paid=unpaid", ""),
        ("paid=unknown", "B-1"),
        ("tab=synced", "A-2 B-1"),
        ("tab=synced&paid=paid", "A-2"),
    ],
)
def test_words_and_filters_find(query: str, found: str, company: Company, quickbooks: Integration) -> None:
    bills = _three(company)
    put(bills[1], "synced", paid_state="paid", integration=quickbooks)
    put(bills[2], "synced", integration=quickbooks)
    assert numbers(company, f"{query}&sort=number") == found.split()
    assert read(company, query).unreadable == ()


def test_the_project_and_the_quickbooks_company_are_the_companys_own(
    company: Company, other_company: Company, quickbooks: Integration
) -> None:
    bills = _three(company)
    put(bills[1], "synced", integration=quickbooks)
    mine = bills[2].invoice.project
    theirs = given(other_company, "X-1", project_name="Tower", project_procore_id=7).project
    assert mine is not None
    assert theirs is not None
    assert numbers(company, f"project={mine.pk}") == ["B-1"]
    assert numbers(company, f"books={quickbooks.pk}") == ["A-2"]
    for query in (f"project={theirs.pk}", "books=999999999", "project=x", "project=²", f"project={'9' * 40}"):
        wanted = read(company, query)
        assert wanted.unreadable
        assert not filtering.invoices(company, wanted).exists()


def _three(company: Company) -> list[Bill]:
    made = (
        given(company, "A-1", commitment="SC-007 Concrete"),
        given(company, "A-2", on=date(2026, 11, 2), amount="1250.00", due=date(2026, 12, 1)),
        given(
            company,
            "B-1",
            vendor="Omega Concrete",
            on=date(2026, 11, 3),
            amount="3000.00",
            project_name="Tower",
            project_procore_id=7,
        ),
    )
    return [posting.release(invoice) for invoice in made]


@pytest.mark.parametrize(
    "query",
    [
        "tab=nonsense",
        "source=nonsense",
        "sort=salary",
        "sort=--date",
        "from=31.02.2026",
        "from=2026-02-31",
        "to=%00",
        "from=2026-11-02&to=2026-11-01",
        "least=NaN",
        "most=Infinity",
        "least=1e999",
        "least=10&most=1",
        "q=%00",
        "q=%FF%FE%00",
        "q=" + "x" * 5000,
        "vendor=%00",
        "paid=perhaps",
        "approval=x",
        "col=secret",
    ],
)
def test_what_cannot_be_read_finds_nothing_rather_than_everything(query: str, company: Company) -> None:
    _three(company)
    assert read(company, query).unreadable
    assert numbers(company, query) == []


@pytest.mark.parametrize("sort", [f"{sign}{name}" for name in filtering.SORTS for sign in ("", "-")])
def test_neighbours_walk_the_list_in_its_order_without_gap_or_repeat(sort: str, company: Company) -> None:
    for at in range(12):
        posting.release(
            given(
                company,
                f"N-{at % 5}-{at}",
                vendor=f"Vendor {at % 3}",
                on=date(2026, 11, 1) + timedelta(days=at % 4),
                due=date(2026, 12, 1 + at % 2) if at % 3 else None,
                amount=str(10 + at % 4),
            )
        )
    wanted = read(company, f"sort={sort}")
    ordered = list(filtering.invoices(company, wanted))
    assert len(ordered) == 12
    values = [vars(invoice)["sorted_by"] for invoice in ordered]
    assert values == sorted(values, reverse=wanted.is_descending)
    padded = [None, *ordered, None]
    for before, invoice, after in zip(padded, ordered, padded[2:], strict=False):
        assert filtering.neighbours(company, wanted, invoice) == (before, after)


def test_the_neighbours_of_one_that_left_the_tab_are_still_those_there(company: Company, accountant: User) -> None:
    first, gone, last = (posting.release(given(company, f"N-{at}", on=date(2026, 11, at))) for at in (1, 2, 3))
    setting_aside.skip(gone, user=accountant)
    assert filtering.neighbours(company, Filter(tab="ready", sort="date"), gone.invoice) == (
        first.invoice,
        last.invoice,
    )


def test_neighbours_ask_always_four_times_and_never_beyond_the_company(
    company: Company, other_company: Company
) -> None:
    asked = set()
    for at in range(3):
        mine = given(company, f"N-{at}")
        given(other_company, f"N-{at}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = filtering.neighbours(company, Filter(), mine)
        asked.add(len(queries))
        assert all(one is None or one.company_id == company.pk for one in found)
    assert asked == {4}


def test_the_query_says_what_was_read(company: Company) -> None:
    query = (
        "tab=ready&q=a%26b&vendor=Delta&from=2026-11-01&to=2026-11-30&least=1.50&most=99&paid=paid&sort=vendor&col=date"
    )
    wanted = read(company, query)
    assert QueryDict(wanted.query) == QueryDict(query)
    assert read(company, wanted.query) == wanted
    assert Filter().query == ""
