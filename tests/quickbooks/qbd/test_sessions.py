"""How a session begins and ends (qbd.md 1.4): one at a time, and to a hundred exactly when nothing is left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from accounting.models import Bill, Integration
from companies.models import Company
from qbd.models import Exchange, Session
from tests.quickbooks.accounting import given
from tests.quickbooks.qbd.conftest import Pc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("closes", [True, False])
def test_busy_while_a_write_is_out(closes: bool, pc: Pc, company: Company, settings: Any) -> None:
    """QuickBooks may be at it in the other session: whoever calls meanwhile is sent away, and cuts nothing off."""
    settings.QBD_BUSY_SECONDS = 180
    pc.posted(company, given.approved(company, "INV-0"))  # so that the vendor is there
    pc.desktop.switches(closes_after_busy=closes)
    pc.desktop.cut("dies_after_saving", body="BillAdd")
    [bill] = pc.posted(company, given.approved(company))
    first = pc.session()
    for _ in range(2):
        assert pc.call()["outcome"] == "busy"
    assert pc.session() == first
    assert pc.session().ended_at is None
    bill.refresh_from_db()
    assert (bill.state, bill.attempts.count()) == (Bill.State.SENDING, 0)  # nothing was said of it

    Exchange.objects.filter(session=first).update(sent_at=F("sent_at") - timedelta(seconds=181))
    assert pc.call()["outcome"] in ("done", "nothing")
    first.refresh_from_db()
    bill.refresh_from_db()
    assert first.ended_at is not None
    assert bill.state == Bill.State.SYNCED
    assert [there["doc_number"] for there in pc.desktop.bills()].count("INV-1") == 1


def test_a_question_that_is_out_keeps_nobody_away(pc: Pc, company: Company, settings: Any) -> None:
    """Asking changes nothing, so the newest session wins at once."""
    settings.QBD_BUSY_SECONDS = 180
    pc.desktop.cut("dies_before_quickbooks", body="BillQuery", any=True)
    [bill] = pc.posted(company, given.approved(company))
    assert pc.desktop.struck()["dies_before_quickbooks"] == 1
    first = pc.session()
    assert first.ended_at is None
    assert pc.call()["outcome"] == "done"
    first.refresh_from_db()
    bill.refresh_from_db()
    assert first.ended_at is not None
    assert bill.state == Bill.State.SYNCED


def _ended_by_itself(report: Any) -> bool:
    """With the last answer, and without asking what was wrong."""
    return (report["outcome"], report["percent"]) == ("done", 100) and "getLastError" not in report["operations"]


def test_a_session_that_only_reads_ends_with_its_last_answer(pc: Pc) -> None:
    first, *_ = pc.desktop.sessions()
    assert first["message_sets"] > 0
    assert _ended_by_itself(first)
    again = pc.look_again()
    assert again["message_sets"] > 0
    assert again["status"] == "Done: nothing to send; inBuild read what is new in QuickBooks."
    assert _ended_by_itself(again)
    assert Session.objects.exclude(ended_at=None).count() == Session.objects.count() == 2


def test_a_session_that_writes_ends_with_its_last_answer(pc: Pc, company: Company, settings: Any) -> None:
    given.posted(company, given.approved(company, "INV-0", vendor="Brand New Glass"))
    report = pc.call()
    assert _ended_by_itself(report)
    assert report["status"] == "Done: 2 changes sent to QuickBooks. inBuild shows how each ended."
    settings.QBD_WRITES_PER_SESSION = 1
    for number, vendor in enumerate(("Another New Glass", "One More New Glass"), start=1):
        given.posted(company, given.approved(company, f"INV-{number}", vendor=vendor))
    for _ in range(4):  # each is full after one vendor, or after one bill
        assert _ended_by_itself(pc.call())
    assert len(pc.desktop.bills()) == 3


def test_it_goes_on_while_what_was_read_leads_to_more(pc: Pc) -> None:
    """The lists are asked for once the changes are here: in the same session, and then it is over."""
    Integration.objects.update(lists_read_at=None)
    report = pc.look_again()
    assert report["message_sets"] > 1
    assert _ended_by_itself(report)
    assert pc.integration.lists_read_at is not None
