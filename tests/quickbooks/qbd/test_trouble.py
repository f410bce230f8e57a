"""What can be wrong on the PC or in its books: a bill waits with one plain sentence and holds up no other."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db.models.functions import Now

from accounting import configuring, posting
from accounting.backends import NotSent
from accounting.models import Bill, Integration, ListEntry
from accounting.problems import sentence
from companies.models import Company, User
from qbd import connecting, health, sessions
from qbd.backend import Desktop
from qbd.models import Question, Session, VendorCreation
from tests.quickbooks.accounting import given
from tests.quickbooks.qbd.conftest import Pc
from tests.support.desktop import OTHER_FILE

pytestmark = pytest.mark.django_db(transaction=True)


def words(pc: Pc) -> str:
    pc.connection.refresh_from_db()
    assert pc.connection.last_contact_at is not None
    return health.words(pc.connection, pc.connection.last_contact_at)


def test_another_company_file_gets_nothing(pc: Pc, company: Company) -> None:
    pc.desktop.pc(open_file=OTHER_FILE)
    [bill] = pc.posted(company, given.approved(company))
    assert pc.desktop.bills(OTHER_FILE) == []
    assert (bill.state, bill.problem) == (Bill.State.READY, Bill.WAITS_FOR_PC)
    assert "another company file open" in words(pc)
    pc.desktop.pc(open_file="northgate")
    pc.call()
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED
    assert words(pc) == ""


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"running": False}, "QuickBooks"),
        ({"modal": True}, "window waits"),
        ({"denied": True}, "refused inBuild"),
    ],
)
def test_quickbooks_cannot_be_opened(state: dict[str, Any], says: str, pc: Pc, company: Company) -> None:
    pc.desktop.pc(**state)
    [bill] = pc.posted(company, given.approved(company))
    assert bill.problem == Bill.WAITS_FOR_PC
    assert says in words(pc)
    pc.desktop.pc(running=True, modal=False, denied=False, open_file="northgate")
    pc.call()
    bill.refresh_from_db()
    assert (bill.state, words(pc)) == (Bill.State.SYNCED, "")


def test_a_wrong_password_is_told_and_shuts_after_ten(pc: Pc, admin: User, company: Company) -> None:
    given.posted(company, given.approved(company))
    right = connecting.new_password(pc.connection, user=admin)
    pc.desktop.type_password(pc.app, "guessed")
    for _ in range(10):
        assert pc.call()["outcome"] == "nvu"
    assert "wrong password" in words(pc)
    pc.desktop.type_password(pc.app, right)
    assert pc.call()["outcome"] == "nvu"  # for a while even the right one, so that nobody can guess on
    new = connecting.new_password(pc.connection, user=admin)
    pc.desktop.type_password(pc.app, new)
    pc.call()
    assert len(pc.desktop.bills()) == 1
    assert words(pc) == ""


def test_paused_keeps_the_queue(pc: Pc, company: Company, admin: User) -> None:
    configuring.pause(pc.integration, user=admin)
    [bill] = pc.posted(company, given.approved(company))
    assert (bill.state, bill.problem) == (Bill.State.READY, "paused")
    assert pc.call()["outcome"] == "none"
    configuring.resume(pc.integration, user=admin)
    given.post(company)
    pc.call()
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED


def test_a_disconnected_file_is_sent_away(pc: Pc, company: Company, admin: User) -> None:
    connecting.disconnect(pc.connection, user=admin)
    assert pc.call()["outcome"] == "none"


def test_somebody_typed_it_in_already(pc: Pc, company: Company, accountant: User) -> None:
    """Since the last look, so only the question right before the sending can know."""
    [first] = pc.posted(company, given.approved(company, "INV-0"))
    pc.desktop.typed_in(vendor="Apex Electrical", doc_number="INV-1", total="1000.00", txn_date="2026-11-01")
    [bill] = pc.posted(company, given.approved(company, "INV-1"))
    assert (first.state, bill.state, bill.problem) == (Bill.State.SYNCED, Bill.State.ON_HOLD, "duplicate_in_books")
    posting.retry(bill, user=accountant, sync_anyway=True)
    given.post(company)
    pc.call()
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED
    assert len(pc.desktop.bills()) == 2


@pytest.mark.parametrize("code", [3175, 3176])
def test_in_use_is_tried_again_under_another_id(code: int, pc: Pc, company: Company) -> None:
    [first] = pc.posted(company, given.approved(company, "INV-0"))
    assert first.state == Bill.State.SYNCED
    pc.desktop.lock("Vendor", code=code, times=1)
    [bill] = pc.posted(company, given.approved(company, "INV-1"))
    assert (bill.state, bill.problem) == (Bill.State.READY, "in_use")
    Bill.objects.filter(pk=bill.pk).update(next_at="2026-01-01T00:00:00Z")
    pc.call()
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED
    assert [row["doc_number"] for row in pc.desktop.bills()].count("INV-1") == 1


def test_in_use_for_long_is_for_a_person(pc: Pc, company: Company, accountant: User) -> None:
    pc.posted(company, given.approved(company, "INV-0"))
    pc.desktop.lock("Vendor", times=5)
    [bill] = pc.posted(company, given.approved(company, "INV-1"))
    for _ in range(4):
        Bill.objects.filter(pk=bill.pk).update(next_at="2026-01-01T00:00:00Z")
        pc.call()
    bill.refresh_from_db()
    assert (bill.state, bill.problem) == (Bill.State.FAILED, "in_use_for_long")
    posting.retry(bill, user=accountant)
    given.post(company)
    pc.call()
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED


def test_one_refused_bill_holds_up_no_other(pc: Pc, company: Company) -> None:
    """The period was closed after the session began, so QuickBooks itself has to say no."""
    pc.posted(company, given.approved(company, "INV-0"))
    pc.desktop.file(closing_date="2026-10-31")
    late = given.approved(company, "INV-LATE", invoice_date=date(2026, 10, 15))
    bills = pc.posted(company, late, given.approved(company, "INV-1"), given.approved(company, "INV-2"))
    assert [bill.state for bill in bills][1:] == [Bill.State.SYNCED, Bill.State.SYNCED]
    assert bills[0].state in (Bill.State.FAILED, Bill.State.ON_HOLD)
    assert "closed" in sentence(bills[0].problem, bills[0].problem_detail)


def test_a_vendor_whose_name_a_customer_has(pc: Pc, company: Company) -> None:
    """QuickBooks keeps one set of names: the bill says so, and goes once somebody chose a vendor."""
    name = "Cascade Owners Association"
    pc.desktop.add_entry("Customer", name)
    [bill] = pc.posted(company, given.approved(company, vendor=name))
    creation = VendorCreation.objects.get(vendor=bill.invoice.vendor)
    assert creation.state == VendorCreation.State.REFUSED
    pc.call()
    bill.refresh_from_db()
    assert bill.state == Bill.State.FAILED
    assert name in sentence(bill.problem, bill.problem_detail)
    assert pc.desktop.bills() == []


@pytest.mark.parametrize("cut", ["dies_before_quickbooks", "dies_after_saving", "answer_lost"])
def test_a_cut_makes_no_second_vendor(cut: str, pc: Pc, company: Company) -> None:
    pc.desktop.cut(cut, body="VendorAdd")
    pc.posted(company, given.approved(company, vendor="Brand New Glass"))
    for _ in range(3):
        pc.call()
    assert pc.desktop.struck()[cut] == 1
    names = [entry["full_name"] for entry in pc.desktop.entries("Vendor")]
    assert names.count("Brand New Glass") == 1
    [there] = pc.desktop.bills()
    assert there["vendor_name"] == "Brand New Glass"


@pytest.mark.parametrize("code", [1000, 3120, 530])
def test_an_error_is_no_empty_list(code: int, pc: Pc, company: Company) -> None:
    """Vendors that could not be read are still there, and nothing leaves on the strength of such an answer."""
    vendors = ListEntry.objects.filter(kind=ListEntry.Kind.VENDOR, active=True)
    known = vendors.count()
    Question.objects.all().delete()
    with pytest.raises(NotSent):
        Desktop().refresh_lists(pc.integration)
    page = {"code": code, "message": "QuickBooks had a problem", "rets": []}
    Question.objects.filter(answered_at=None).update(answered_at=Now(), pages=[page])
    with pytest.raises(NotSent, match="had a problem"):
        Desktop().refresh_lists(pc.integration)
    assert vendors.count() == known > 0


def test_a_bug_in_reading_keeps_no_bill_from_leaving(pc: Pc, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("qbd.backend.Desktop.follow", broken)
    Integration.objects.filter(pk=pc.integration.pk).update(next_at=Now())
    [bill] = pc.posted(company, given.approved(company))
    assert bill.state == Bill.State.SYNCED


def test_a_session_gives_quickbooks_back_after_so_many(pc: Pc, company: Company, settings: Any) -> None:
    pc.posted(company, given.approved(company, "INV-0"))
    settings.QBD_WRITES_PER_SESSION = 3
    invoices = [given.approved(company, f"INV-{number}") for number in range(1, 6)]
    bills = pc.posted(company, *invoices)
    assert [bill.state for bill in bills].count(Bill.State.SYNCED) == 3
    pc.call()
    assert len(pc.desktop.bills()) == 6


def test_what_changed_in_procore_before_the_call_leaves_as_it_is_now(pc: Pc, company: Company) -> None:
    invoice = given.approved(company)
    bill = given.posted(company, invoice)
    invoice.lines.update(gross="750.00")
    type(invoice).objects.filter(pk=invoice.pk).update(gross="750.00", amount_due="750.00")
    pc.call()
    bill.refresh_from_db()
    assert [row["total"] for row in pc.desktop.bills()] == ["750.00"]


def test_two_files_of_two_companies_know_nothing_of_each_other(pc: Pc, company: Company, outsider: User) -> None:
    """A ticket of one is nothing at the address of the other."""
    given.posted(company, given.approved(company))
    other, password = connecting.add(outsider.memberships.get().company, "Ridgeline", user=outsider)
    ticket, verdict = sessions.authenticate(other, other.username, password)
    assert verdict == ""
    assert sessions.find(pc.connection, ticket) is None
    assert sessions.find(other, ticket) is not None
    assert Session.objects.filter(company=company, ticket_sha256=sessions._sha256(ticket)).count() == 0
