"""Bills into a QuickBooks Desktop company file: right and once, or a plain reason. Ledger: the PC's own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounting import posting
from accounting.models import Bill, Integration
from companies.models import Company, User
from invoices import recording
from qbd.models import Session, Write
from tests.quickbooks.accounting import given
from tests.quickbooks.qbd.conftest import Pc

pytestmark = pytest.mark.django_db(transaction=True)

LINES = (
    recording.NewLine("Wiring", Decimal("1000.10"), Decimal("-100.01"), "16-100", "Electrical"),
    recording.NewLine("Panels", Decimal("0.90"), Decimal(0), "16-100", "Electrical"),
)


def test_the_first_session_reads_the_company_and_its_lists(pc: Pc) -> None:
    connection = pc.connection
    assert connection.company_name
    assert connection.file_seen_at is not None
    assert connection.last_success_at is not None
    assert connection.web_connector
    assert pc.integration.lists_read_at is not None
    assert pc.session().ended_at is not None


def test_the_only_accounts_payable_account_need_not_be_chosen(pc: Pc) -> None:
    chosen = pc.integration.ap_account
    Integration.objects.update(ap_account=None, lists_read_at=None)
    pc.look_again()
    assert chosen is not None
    assert pc.integration.ap_account == chosen
    pc.desktop.add_entry("Account", "Payable to joint ventures", body={"AccountType": "AccountsPayable"})
    Integration.objects.update(ap_account=None, lists_read_at=None)
    pc.look_again()
    assert pc.integration.ap_account is None


def test_a_bill_arrives_with_every_line_and_its_provenance(pc: Pc, company: Company) -> None:
    invoice = given.approved(company, "INV-1", lines=LINES, commitment="SC-001", approved_by="Dana")
    [bill] = pc.posted(company, invoice)
    assert (bill.state, bill.problem) == (Bill.State.SYNCED, "")
    [there] = pc.desktop.bills()
    assert (there["vendor_name"], there["doc_number"], there["total"]) == ("Apex Electrical", "INV-1", "900.99")
    assert [line["amount"] for line in there["lines"]] == ["1000.10", "0.90", "-100.01"]
    assert bill.marker in there["private_note"]
    assert "SC-001" in there["private_note"]
    assert (bill.external_id, bill.posted_total) == (there["id"], Decimal("900.99"))


def test_nothing_leaves_before_the_pc_calls(pc: Pc, company: Company) -> None:
    bill = given.posted(company, given.approved(company))
    assert (bill.state, bill.problem) == (Bill.State.READY, Bill.WAITS_FOR_PC)
    assert pc.desktop.bills() == []
    pc.call()
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED


def test_an_idle_pc_is_sent_away(pc: Pc) -> None:
    sessions = Session.objects.count()
    assert pc.call()["outcome"] == "none"
    assert Session.objects.count() == sessions


def test_many_bills_need_one_write_each(pc: Pc, company: Company) -> None:
    invoices = [given.approved(company, f"INV-{number}") for number in range(30)]
    bills = pc.posted(company, *invoices)
    assert {bill.state for bill in bills} == {Bill.State.SYNCED}
    assert len(pc.desktop.bills()) == 30
    session = pc.session()
    assert session.writes in (30, 31)  # and the vendor, once


def test_quickbooks_may_forget_all_answers_at_once(pc: Pc, company: Company) -> None:
    pc.posted(company, *(given.approved(company, f"INV-{number}") for number in range(3)))
    assert pc.session().exchanges.filter(about="clear").count() == 1
    assert pc.desktop.recovery_records() == []
    assert not Write.objects.filter(is_cleared=False).exists()


def test_while_one_is_in_doubt_the_answer_to_it_is_kept(pc: Pc, company: Company) -> None:
    """A person shall look at it first: only what is settled may be forgotten."""
    pc.posted(company, given.approved(company, "INV-0"))
    [settled] = Write.objects.filter(bill__isnull=False)
    Write.objects.filter(pk=settled.pk).update(answered_at=None, is_cleared=False)
    Bill.objects.update(state=Bill.State.ON_HOLD, problem="in_quickbooks_already")
    pc.posted(company, given.approved(company, "INV-1"))
    [clear] = pc.session().exchanges.filter(about="clear")
    assert "ClearAllMessageSets" not in clear.sent
    assert not Write.objects.get(pk=settled.pk).is_cleared


def test_a_negative_invoice_becomes_a_vendor_credit(pc: Pc, company: Company, accountant: User) -> None:
    lines = (recording.NewLine("Returned panels", Decimal("-250.00"), Decimal(0), "16-100", "Electrical"),)
    [bill] = pc.posted(company, given.approved(company, "CR-1", lines=lines))
    assert (bill.state, bill.problem) == (Bill.State.ON_HOLD, "negative")
    posting.choose(bill, user=accountant, kind=Bill.Kind.VENDOR_CREDIT)
    given.post(company)
    pc.call()
    bill.refresh_from_db()
    [there] = pc.desktop.vendor_credits()
    assert pc.desktop.bills() == []
    assert (there["doc_number"], there["total"]) == ("CR-1", "250.00")
    assert (bill.state, bill.external_id, bill.posted_total) == (Bill.State.SYNCED, there["id"], Decimal("-250.00"))
