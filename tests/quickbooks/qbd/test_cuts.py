"""I10: wherever a session breaks, the bill is in the company file once, and inBuild knows it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from accounting.models import Bill, Integration
from companies.models import Company
from qbd import line, sending
from tests.quickbooks.accounting import given
from tests.quickbooks.qbd.conftest import Pc

pytestmark = pytest.mark.django_db(transaction=True)

ONCE = [
    "request_lost",
    "dies_before_quickbooks",
    "dies_after_saving",
    "response_cut",
    "answer_lost",
    "record_lost",
    "reference_changed",
    "record_and_reference_lost",
    "restored_unseen",
    "delivered_twice",
    "delivered_late",
    "hresult_before",
    "hresult_after",
    "record_not_stored",
    "closes_unsaid",
]
# How a file may remember what ran: nobody has tried, so each is tried here.
MEMORIES: dict[str, dict[str, Any]] = {
    "all of it told once more": {"status_check_answer": "full"},
    "no record of anything": {"recovery_records": "forgotten"},
    "status 600": {"nothing_stored": 600},
}


@pytest.mark.parametrize("cut", ONCE)
def test_a_cut_makes_no_second_bill_and_loses_none(cut: str, pc: Pc, company: Company) -> None:
    _is_there_once(cut, pc, company)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("cut", ["dies_before_quickbooks", "dies_after_saving"])
def test_however_quickbooks_remembers(cut: str, memory: str, pc: Pc, company: Company) -> None:
    pc.desktop.switches(**MEMORIES[memory])
    _is_there_once(cut, pc, company)


class Dies(BaseException):
    """As a process does: nothing in the product catches it."""


@pytest.mark.parametrize(
    ("room", "name", "is_there", "code"),
    [(line, "lay_out", False, "QBWC1041"), (sending, "settle", True, "QBWC1042")],
    ids=["before the claim is committed", "before the answer is committed"],
)
def test_inbuild_dies_before_it_commits(
    room: Any, name: str, is_there: bool, code: str, pc: Pc, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    pc.posted(company, given.approved(company, "INV-0"))  # so that the vendor is there
    real = getattr(room, name)

    def dies(*given: Any, **more: Any) -> None:
        monkeypatch.setattr(room, name, real)
        real(*given, **more)
        raise Dies

    def dies_in_one_commit(*given: Any, **more: Any) -> None:
        with transaction.atomic():
            dies(*given, **more)

    monkeypatch.setattr(room, name, dies_in_one_commit)
    [bill] = pc.posted(company, given.approved(company))
    assert pc.desktop.sessions()[-1]["codes"] == [code]
    assert len(pc.desktop.bills()) == 1 + is_there
    Bill.objects.update(lease_until=None)  # as its end would let it go
    for _ in range(2):
        pc.call()
    bill.refresh_from_db()
    _, there = pc.desktop.bills()
    assert (bill.state, bill.external_id) == (Bill.State.SYNCED, there["id"])


def _is_there_once(cut: str, pc: Pc, company: Company) -> None:
    pc.desktop.cut(cut, body="" if cut == "closes_unsaid" else "BillAdd")
    [bill] = pc.posted(company, given.approved(company))
    for _ in range(3):
        pc.call()
    assert pc.desktop.struck()[cut] == 1
    bill.refresh_from_db()
    [there] = pc.desktop.bills()
    assert (bill.state, bill.external_id) == (Bill.State.SYNCED, there["id"])


def test_deleted_before_anybody_saw_it(pc: Pc, company: Company) -> None:
    """It was made and is gone: said so, and never made again by itself."""
    pc.desktop.cut("deleted_unseen", body="BillAdd")
    [bill] = pc.posted(company, given.approved(company))
    pc.call()
    pc.look_again()
    assert pc.desktop.struck()["deleted_unseen"] == 1
    bill.refresh_from_db()
    assert pc.desktop.bills() == []
    assert bill.state == Bill.State.SYNCED
    assert bill.books_state == Bill.BooksState.DELETED


@pytest.mark.parametrize("cut", ["deleted_after", "restored_after"])
def test_gone_after_it_was_confirmed(cut: str, pc: Pc, company: Company) -> None:
    """A person deleted it, or the file came back from a backup, which leaves no trace: seen by comparing all of it."""
    pc.posted(company, given.approved(company, "INV-0"))
    pc.desktop.cut(cut, body="BillAdd")
    [bill] = pc.posted(company, given.approved(company))
    assert pc.desktop.struck()[cut] == 1
    assert bill.state == Bill.State.SYNCED
    Integration.objects.update(compared_at=None)
    for _ in range(2):
        pc.look_again()
    bill.refresh_from_db()
    assert (bill.state, bill.books_state) == (Bill.State.SYNCED, Bill.BooksState.DELETED)
    assert [there["doc_number"] for there in pc.desktop.bills()] == ["INV-0"]
