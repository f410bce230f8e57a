"""Every request inBuild can emit is valid by Intuit's qbXML 13.0 schema, which lies outside the project."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from accounting.models import Bill, BillChange, ListEntry
from qbd import document, qbxml, queries, qwc
from tests.quickbooks.qbd.given import NUMBERS, SCHEMA, bill, books, change, entry, resolved, row, there, with_schema

pytestmark = with_schema

IDS = ("1CB780-1785332667", "1CB781-1785332668")
NOW = datetime(2026, 11, 3, 8, 30, 15, 123456, tzinfo=UTC)
DAY = date(2026, 11, 3)
Kind = ListEntry.Kind


@cache
def _schema() -> Any:
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


def fine(*requests: Any, **ids: str) -> None:
    """By the very text that the Web Connector would get, with its answers to be found."""
    text = qbxml.message_set(requests, **ids)
    assert text.isascii()
    _schema().assertValid(etree.fromstring(text.encode("ascii")))


def questions() -> Iterator[Any]:
    yield from (queries.host(), queries.company(qwc.OWNER_ID), queries.preferences())
    yield from (queries.entries(kind, since=when) for kind in queries.LISTS for when in (None, NOW))
    yield from (queries.vendors_named("Apex & Söhne – “Rebar”" * 5), queries.deleted_entries(NOW), queries.deleted(NOW))
    for kind in Bill.Kind.values:
        yield from (queries.bills(kind, IDS[0]), queries.bills(kind, *IDS))
        yield from (queries.same_number(kind, IDS[0], "INV 7 – é"), queries.numbered(kind, "7" * 50))
        yield from (queries.of_vendor(kind, IDS[0], DAY, DAY), queries.bills_since(kind, NOW))
        yield from (queries.bills_dated(kind, DAY), queries.bills_dated(kind, DAY, DAY))
    for method in queries.PAYMENTS:
        yield from (queries.payments(method, *IDS), queries.payments_since(method, NOW))
        yield from (queries.payments_dated(method, DAY), queries.payments_dated(method, DAY, DAY))


def test_every_question_and_its_next_page() -> None:
    asked = list(questions())
    pages = [queries.next_page(one, "{5F1B0C6A-1111-4222-8333-944455556666}") for one in asked if queries.is_paged(one)]
    for one in (*asked, *pages):
        fine(one)
    fine(*asked, *pages)
    assert (len(asked), len(pages)) == (42, 25)


def test_the_schema_refuses_what_quickbooks_would() -> None:
    wrong = queries.host()
    etree.SubElement(wrong, "Unknown")
    with pytest.raises(etree.DocumentInvalid):
        fine(wrong)


@pytest.mark.parametrize(
    ("kind", "by", "rule", "has_all"),
    list(product(Bill.Kind.values, (Kind.ACCOUNT, Kind.ITEM), ("invoice", "term", "days"), (True, False))),
)
def test_every_kind_of_bill_and_every_change_of_it(kind: str, by: str, rule: str, has_all: bool) -> None:
    one = bill([("Concrete – 2nd floor", "1000.10"), ("", "-0.01")], kind=kind, due_date=DAY if has_all else None)
    integration = books(due_date_rule=rule, term=entry(Kind.TERM) if has_all else None)
    more: dict[str, Any] = {"held": "-100.01", "released": "45.45"} if has_all else {"customer": None, "klass": None}

    def made(of: Bill) -> bytes:
        return document.build(of, integration, resolved(of, by=by, **more))

    fine(qbxml.request(made(one)), new_id="ib-b-0000001017-1")
    shown = row(
        "<BillRet><DueDate>2027-12-24</DueDate><TermsRef><ListID>1-1</ListID><FullName>Net 45</FullName></TermsRef>"
        "<ExchangeRate>1.25</ExchangeRate></BillRet>"
        if kind == Bill.Kind.BILL
        else "<VendorCreditRet><ExchangeRate>1.25</ExchangeRate></VendorCreditRet>"
    )
    for there_now in (None, shown):
        fine(qbxml.request(document.of_change(change(one), there(), there_now, made)), new_id="ib-m-1")
    fine(qbxml.request(document.of_change(change(one, BillChange.Kind.DELETE), there(), None, made)), new_id="ib-d-1")


@settings(max_examples=300)
@given(
    number=NUMBERS,
    words=st.lists(st.text(max_size=60), min_size=1, max_size=4),
    memo=st.text(max_size=5000),
    amount=st.decimals("-99999999999.99", "99999999999.99", places=2),
    by=st.sampled_from([Kind.ACCOUNT, Kind.ITEM]),
    kind=st.sampled_from(Bill.Kind.values),
)
def test_hundreds_of_bills_of_any_words(
    number: str, words: list[str], memo: str, amount: Any, by: str, kind: str
) -> None:
    one = bill([(word, str(amount)) for word in words], number=number, memo=memo, kind=kind)
    made = document.build(one, books(), resolved(one, held="-0.01", by=by))
    fine(qbxml.request(made), new_id="ib-b-0000001017-1")
    fine(queries.same_number(kind, IDS[0], number))


@given(name=st.text(min_size=1, max_size=300))
def test_vendors_of_any_name(name: str) -> None:
    if document.vendor_name(name):
        fine(qbxml.request(document.vendor_add(name, uuid.uuid4())), new_id="ib-v-1")


def test_message_sets_without_requests() -> None:
    fine(new_id="ib-b-0000001017-1", old_id="ib-b-0000001017-1")
    fine(old_id="ib-b-0000001017-1")
    fine(old_id=qbxml.CLEAR_ALL)
