"""After a restored backup: what was posted since is adopted where that is certain, else a person is asked.

A restore is played by taking from the rows what the backup would not have known. Ledger: the emulator's own.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounting import linking, posting
from accounting.models import Bill, BillFile, BookedBill, Integration
from accounting.tasks import attach_due, follow_due
from companies.auditing import history
from companies.models import Company, User
from invoices import recording
from tests.quickbooks.qbo.test_attaching import there, with_file
from tests.quickbooks.qbo.test_backend import again, approved, posted
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db

LINES = (recording.NewLine("Glass", Decimal("77.00"), Decimal(0), "08-100"),)


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch, intuit: IntuitEmulator) -> None:
    work.no_bell(monkeypatch)
    intuit.switches(requestid="ignored")


def forget(bill: Bill, *, comes_again: bool = False) -> None:
    """The bill as the backup has it: ready, never sent. Or, imported again, as one with another uid."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the triggers refuse this on every other day
    Bill.objects.filter(pk=bill.pk).update(
        state=Bill.State.READY,
        next_at=timezone.now(),
        uid=uuid4() if comes_again else bill.uid,
        **dict.fromkeys(("external_id", "payload", "request_id", "synced_at", "posted_total")),
        **dict.fromkeys(("external_number", "sync_token", "posted_vendor_id", "payload_sha256"), ""),
        generation=0,
        books_state=Bill.BooksState.AS_POSTED,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = DEFAULT")
    BillFile.objects.filter(bill=bill).delete()
    bill.attempts.all().delete()
    BookedBill.objects.all().delete()


def restore(bill: Bill, *, comes_again: bool = False) -> None:
    """From a backup that is older than the posting, with the command; the quarantine is over, the books were read."""
    forget(bill, comes_again=comes_again)
    call_command("after_restore")
    moment = timezone.now() - timedelta(seconds=1000)
    Integration.objects.update(restored_at=moment)
    Bill.objects.filter(pk=bill.pk).update(created_at=moment + timedelta(seconds=-100 if not comes_again else 100))
    read_books(bill.company)


def read_books(company: Company) -> None:
    follow_due(company_id=company.pk)
    assert Integration.objects.get().compared_at is not None


@pytest.fixture
def bill(company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> Bill:
    made = posted(company, approved(company))
    assert made.state == Bill.State.SYNCED
    return made


def test_without_the_command_it_is_made_twice(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    """What the others would not notice if nothing forgot the bill."""
    forget(bill)
    assert again(company, bill.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 2


def test_certain_one_with_our_marker(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    restore(bill)
    found = again(company, bill.invoice)
    [booked] = intuit.bills()
    assert (found.state, found.external_id, found.marker) == (Bill.State.SYNCED, booked["id"], bill.marker)
    assert (found.posted_total, found.books_state, found.paid_state) == (Decimal("900.09"), "as_posted", "unpaid")
    assert [event.sentence for event in history(found) if event.verb == "bill.synced"] == [
        "In QuickBooks as bill INV-1",
        "Found in QuickBooks as bill INV-1 after a restore; not sent again",
    ]


def test_certain_one_with_our_marker_and_another_number_by_now(
    bill: Bill, company: Company, intuit: IntuitEmulator
) -> None:
    intuit.change(bill.external_id, doc_number="INV-1 corrected")
    restore(bill)
    assert again(company, bill.invoice).external_number == "INV-1 corrected"
    assert len(intuit.bills()) == 1


def test_a_person_decides_where_ours_has_another_total(
    bill: Bill, company: Company, intuit: IntuitEmulator, accountant: User
) -> None:
    intuit.change(bill.external_id, total="800.00")
    restore(bill)
    held = again(company, bill.invoice)
    assert (held.state, held.problem) == (Bill.State.ON_HOLD, "changed_before_restore")
    posting.retry(held, user=accountant, sync_anyway=True)  # nobody can want the very same bill twice
    held = again(company, bill.invoice)
    assert (held.state, held.problem, len(intuit.bills())) == (Bill.State.ON_HOLD, "changed_before_restore", 1)
    linking.link(held, str(held.problem_detail["external_id"]), user=accountant)
    assert (held.state, held.posted_total) == (Bill.State.SYNCED, Decimal("800.00"))


def test_a_person_decides_where_there_are_two_of_ours(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    intuit.typed_in(vendor="Delta Steel", doc_number="COPY", total="900.09", private_note=bill.marker)
    restore(bill)
    held = again(company, bill.invoice)
    assert (held.state, held.problem) == (Bill.State.ON_HOLD, "changed_before_restore")
    assert len(intuit.bills()) == 2


def test_sent_as_usual_where_the_books_have_none(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    intuit.remove(bill.external_id)
    restore(bill)
    assert again(company, bill.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


def test_certain_imported_again_with_vendor_number_and_total(
    bill: Bill, company: Company, intuit: IntuitEmulator
) -> None:
    restore(bill, comes_again=True)
    found = again(company, bill.invoice)
    [booked] = intuit.bills()
    assert (found.state, found.external_id) == (Bill.State.SYNCED, booked["id"])
    assert found.marker in booked["private_note"]  # taken over, so that a later look finds it
    read_books(company)
    found.refresh_from_db()
    assert found.books_state == "as_posted"


@pytest.mark.parametrize("facts", [{"total": "800.00"}, {"vendor": "other"}])
def test_a_person_decides_where_one_imported_again_differs(
    facts: dict[str, str], bill: Bill, company: Company, intuit: IntuitEmulator, accountant: User
) -> None:
    if facts.pop("vendor", ""):
        facts = {"vendor_id": next(one["id"] for one in intuit.entries("vendor") if one["name"] != "Delta Steel")}
    intuit.change(bill.external_id, **facts)
    restore(bill, comes_again=True)
    held = again(company, bill.invoice)
    assert (held.state, held.problem) == (Bill.State.ON_HOLD, "made_before_restore")
    assert len(intuit.bills()) == 1
    posting.retry(held, user=accountant, sync_anyway=True)
    assert again(company, bill.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 2


def test_a_person_may_link_what_was_forgotten(
    bill: Bill, company: Company, intuit: IntuitEmulator, accountant: User
) -> None:
    intuit.change(bill.external_id, total="800.00")
    restore(bill, comes_again=True)
    held = again(company, bill.invoice)
    linking.link(held, str(bill.external_id), user=accountant)
    assert held.state == Bill.State.SYNCED


def test_a_person_decides_where_two_were_forgotten(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    marker = "[inBuild 0123456789ab]"
    intuit.typed_in(vendor="Delta Steel", doc_number="INV-1", total="900.09", private_note=marker)
    restore(bill, comes_again=True)
    held = again(company, bill.invoice)
    assert (held.state, held.problem) == (Bill.State.ON_HOLD, "made_before_restore")


def test_one_in_the_backup_never_takes_over_a_strange_marker(
    bill: Bill, company: Company, intuit: IntuitEmulator
) -> None:
    restore(bill, comes_again=True)
    Bill.objects.update(created_at=timezone.now() - timedelta(days=1))
    held = again(company, bill.invoice)
    assert (held.state, held.problem) == (Bill.State.ON_HOLD, "made_before_restore")


def test_the_same_number_alone_is_somebody_elses(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    restore(bill)
    other = posted(company, approved(company, vendor="Gamma Glass", lines=LINES))
    assert other.state == Bill.State.SYNCED
    assert len(intuit.bills()) == 2


def test_one_that_is_known_here_is_no_forgotten_one(
    bill: Bill, company: Company, intuit: IntuitEmulator, accountant: User
) -> None:
    """A real second invoice of the same number is a possible duplicate, as on every other day."""
    call_command("after_restore")
    Integration.objects.update(restored_at=timezone.now() - timedelta(seconds=1000))
    read_books(company)
    second = posted(company, approved(company))
    assert (second.state, second.problem) == (Bill.State.ON_HOLD, "possible_duplicate")
    posting.retry(second, user=accountant, sync_anyway=True)
    assert again(company, second.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 2


def test_vendor_credits_alike(company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> None:
    for number, comes_again in (("CM-1", False), ("CM-2", True)):
        lines = (recording.NewLine("Returned", Decimal("-250.00"), Decimal(0), "05-100"),)
        credit = posting.release(approved(company, number, lines=lines))
        Bill.objects.filter(pk=credit.pk).update(kind=Bill.Kind.VENDOR_CREDIT)
        credit = again(company, credit.invoice)
        assert credit.state == Bill.State.SYNCED
        restore(credit, comes_again=comes_again)
        found = again(company, credit.invoice)
        assert (found.state, found.external_id) == (Bill.State.SYNCED, credit.external_id)
    ledger = intuit.get("ledger", realm=REALM)["vendor_credits"]
    assert len([row for row in ledger if "[inBuild " in row["private_note"] and not row["deleted"]]) == 2


def test_nothing_leaves_before_the_books_were_read_and_the_quarantine_is_over(
    bill: Bill, company: Company, intuit: IntuitEmulator, settings: Any
) -> None:
    settings.QBO_QUARANTINE_SECONDS = 500
    forget(bill)
    call_command("after_restore")
    early = again(company, bill.invoice)
    assert (early.state, early.problem) == (Bill.State.READY, "after_restore")
    read_books(company)
    for ago, state in ((0, Bill.State.READY), (1000, Bill.State.SYNCED)):
        Integration.objects.update(restored_at=timezone.now() - timedelta(seconds=ago))
        Bill.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        assert again(company, bill.invoice).state == state
    assert len(intuit.bills()) == 1


def test_one_in_doubt_that_was_renumbered_since(bill: Bill, company: Company, intuit: IntuitEmulator) -> None:
    """The backup has it in doubt; the look-up by number finds nothing, the marker does."""
    payload, key = bill.payload, bill.request_id
    intuit.change(bill.external_id, doc_number="INV-1 corrected")
    restore(bill)
    Bill.objects.update(
        state=Bill.State.CHECKING, payload=payload, request_id=key, generation=1, started_at=bill.created_at
    )
    assert again(company, bill.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


def test_its_files_hang_there_once(company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> None:
    invoice = approved(company)
    with_file(invoice)
    bill = posted(company, invoice)
    attach_due(company_id=company.pk)
    restore(bill)
    assert again(company, invoice).state == Bill.State.SYNCED
    attach_due(company_id=company.pk)
    assert [file.state for file in BillFile.objects.all()] == ["attached"]
    assert len(there(intuit)) == 1
