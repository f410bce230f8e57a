"""What a bill costs the database: a session of hundreds shall not keep the Web Connector waiting."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db.backends.utils import CursorWrapper

from accounting.models import Bill
from companies.models import Company
from tests.quickbooks.accounting import given
from tests.quickbooks.qbd.conftest import Pc

pytestmark = pytest.mark.django_db(transaction=True)

MEASURED = 51  # statements of a bill, from the question about its number to its answer: two exchanges
SLACK = 2


def test_a_bill_needs_so_many_statements(pc: Pc, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by two sessions of different length, so that what a session needs once is not counted."""
    said: list[str] = []
    execute = CursorWrapper.execute

    def counted(cursor: CursorWrapper, sql: Any, params: Any = None) -> Any:
        if threading.current_thread() is not threading.main_thread():  # in the door, not in this test
            said.append(str(sql))
        return execute(cursor, sql, params)

    pc.posted(company, given.approved(company, "INV-0"))  # so that the vendor is there
    few, many = (_released(company, letter, count) for letter, count in (("A", 4), ("B", 14)))
    monkeypatch.setattr(CursorWrapper, "execute", counted)
    costs = []
    for bills in (few, many):
        _only(bills)
        said.clear()
        pc.desktop.update(pc.app)
        costs.append(len(said))
        assert {bill.state for bill in Bill.objects.filter(pk__in=bills)} == {Bill.State.SYNCED}
    each = (costs[1] - costs[0]) / (len(many) - len(few))
    assert each <= MEASURED + SLACK, f"{each} statements for each bill"


def _released(company: Company, letter: str, count: int) -> list[int]:
    invoices = [given.approved(company, f"{letter}-{number}") for number in range(count)]
    return [given.posted(company, invoice).pk for invoice in invoices]


def _only(bills: list[int]) -> None:
    """The others that are ready wait for a later session."""
    ready = Bill.objects.filter(state=Bill.State.READY)
    ready.update(problem="in_use", next_at="2100-01-01T00:00:00Z")
    ready.filter(pk__in=bills).update(problem=Bill.WAITS_FOR_PC)
