"""Update in QuickBooks and Delete from QuickBooks: once, only while QuickBooks allows it. QuickBooks' ledger judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from accounting import comparing
from accounting.models import Bill, BillChange, BillFile, BookedBill, Integration
from accounting.tasks import follow_due, post_due
from companies.models import AuditEvent, User
from invoices.models import Attachment, Invoice
from procore_sync import mirroring
from procore_sync.models import ProcoreIntegration
from tests.procore_sync.test_following import GONE_ON, happens, heard_of, page, posted, press
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator, ProcoreEmulator

pytestmark = pytest.mark.django_db

BILL_POST = "/bill\\?"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def intuit(intuit: IntuitEmulator, settings: Any) -> IntuitEmulator:
    """A bill in doubt rests until `carried_out` says its time has come, so that tests see it rest."""
    settings.QBO_QUARANTINE_SECONDS = 600
    return intuit


@pytest.fixture
def switched_on(procore_integration: ProcoreIntegration, quickbooks: Integration, admin: User) -> ProcoreIntegration:
    mirroring.set_to(procore_integration, True, user=admin)
    return procore_integration


def due(procore: ProcoreEmulator, record: Mapping[str, Any]) -> str:
    return str(next(each for each in procore.invoices() if each["id"] == record["id"])["current_payment_due"])


def carried_out(integration: ProcoreIntegration, turns: int = 4) -> BillChange:
    for _ in range(turns):
        BillChange.objects.filter(next_at__isnull=False, lease_until=None).update(next_at=timezone.now())
        post_due(company_id=integration.company_id)
    return BillChange.objects.latest("id")


def every_bill(intuit: IntuitEmulator) -> list[Mapping[str, Any]]:
    """Deleted ones too: what was ever made."""
    return [bill for bill in intuit.get("ledger", realm=REALM)["bills"] if "[inBuild " in bill["private_note"]]


def test_update_makes_the_bill_what_procore_shows_now(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    [before] = intuit.bills()
    intuit.patch(f"bills/{REALM}/{before['id']}", {"due_date": "2027-01-31"})  # a bookkeeper's own, to be kept
    happens("changed", switched_on, procore, record)
    client = as_user(accountant)
    seen = client.get(f"/invoices/{invoice.public_id}/").context["difference"]["seen"]
    assert "being updated in QuickBooks" in press(client, invoice, "update")
    assert GONE_ON in press(client, invoice, "update", seen=seen)  # a double click, or a second tab
    assert carried_out(switched_on).state == BillChange.State.DONE
    [after] = every_bill(intuit)
    assert (after["id"], after["total"], after["due_date"]) == (before["id"], due(procore, record), "2027-01-31")
    assert after["total"] != before["total"]
    assert int(after["sync_token"]) == int(before["sync_token"]) + 2  # the bookkeeper's change, and one of ours
    assert sum(float(line["amount"]) for line in after["lines"]) == pytest.approx(float(after["total"]))
    bill = Bill.objects.get()
    assert (str(bill.posted_total), bill.sync_token, bill.state) == (after["total"], after["sync_token"], "synced")
    heard_of(switched_on, record)
    invoice.refresh_from_db()
    assert (invoice.source_state, str(invoice.amount_due)) == ("as_imported", after["total"])
    assert 'id="difference"' not in page(client, invoice)
    assert AuditEvent.objects.filter(verb="bill.update_asked", user=accountant).count() == 1


def looked(integration: ProcoreIntegration) -> Bill:
    """The books are followed once; returns the only bill."""
    Integration.objects.update(next_at=timezone.now())
    follow_due(company_id=integration.company_id)
    return Bill.objects.get()


def test_our_own_update_is_not_taken_for_a_change_that_somebody_made_in_quickbooks(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    before = looked(switched_on)
    assert (before.books_state, before.posted_total) == (
        "as_posted",
        BookedBill.objects.get(external_id=before.external_id).total,
    )
    happens("changed", switched_on, procore, record)
    press(as_user(accountant), invoice, "update")
    # The books are read after QuickBooks took the update in and before inBuild wrote that down.
    intuit.fault("500_after_commit", method="POST", path=BILL_POST, times=1)
    assert carried_out(switched_on, 1).state == BillChange.State.CHECKING
    assert looked(switched_on).books_state == "changed"
    assert carried_out(switched_on).state == BillChange.State.DONE
    after = Bill.objects.get()
    assert (after.books_state, after.books_words, after.paid_state) == ("as_posted", "", "unpaid")
    assert after.posted_vendor_id == before.posted_vendor_id != ""
    # An older reading of the books that is kept here says nothing of the bill as it is now.
    BookedBill.objects.filter(external_id=after.external_id).update(sync_token="0", total=before.posted_total)
    with transaction.atomic():
        comparing.compare(Integration.objects.get(), [(after.kind, str(after.external_id))])
    assert Bill.objects.get().books_state == "as_posted"
    assert looked(switched_on).books_state == "as_posted"


def test_a_bill_that_a_person_linked_is_not_ours_to_change(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    before = intuit.bills()
    Bill.objects.update(is_by_hand=True)
    happens("changed", switched_on, procore, record)
    assert "inBuild did not make it and does not change it" in press(as_user(accountant), invoice, "update")
    happens("deleted", switched_on, procore, record)
    assert "inBuild did not make it and does not change it" in press(as_user(accountant), invoice, "delete")
    assert intuit.bills() == before
    assert not BillChange.objects.exists()


UNKNOWN = ["500_after_commit", "drop_after_commit", "hang_after_commit", "truncated"]
BEFORE = ["500", "503_html", "drop", "garbage", "html_200"]


@pytest.mark.parametrize("fault", UNKNOWN + BEFORE)
@pytest.mark.parametrize("honoured", ["honoured", "ignored"])
def test_an_unclear_answer_ends_in_one_update(
    fault: str,
    honoured: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    record, invoice = posted(switched_on, procore)
    [before] = intuit.bills()
    happens("changed", switched_on, procore, record)
    press(as_user(accountant), invoice, "update")
    intuit.switches(requestid=honoured)
    intuit.fault(fault, method="POST", path=BILL_POST, times=1, seconds=5)
    assert carried_out(switched_on, 1).state == BillChange.State.CHECKING
    assert carried_out(switched_on).state == BillChange.State.DONE
    [after] = every_bill(intuit)
    assert after["total"] == due(procore, record)
    assert int(after["sync_token"]) == int(before["sync_token"]) + 1
    assert sum(intuit.hits().values()) == 1


@pytest.mark.parametrize("fault", [*UNKNOWN, *BEFORE])
def test_an_unclear_answer_ends_in_one_deletion(
    fault: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    record, invoice = posted(switched_on, procore)
    happens("deleted", switched_on, procore, record)
    press(as_user(accountant), invoice, "delete")
    intuit.fault(fault, method="POST", path=BILL_POST, times=1, seconds=5)
    assert carried_out(switched_on, 1).state == BillChange.State.CHECKING
    assert carried_out(switched_on).state == BillChange.State.DONE
    assert [bill["deleted"] for bill in every_bill(intuit)] == [True]
    assert Bill.objects.get().state == Bill.State.SKIPPED


@pytest.mark.parametrize(("state", "action"), [("changed", "update"), ("deleted", "delete")])
def test_a_paid_bill_can_only_be_kept(
    state: str,
    action: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    record, invoice = posted(switched_on, procore)
    [bill] = intuit.bills()
    intuit.post(f"bills/{REALM}/{bill['id']}/pay", {"amount": "1.50"})
    [before] = intuit.bills()
    happens(state, switched_on, procore, record)
    client = as_user(accountant)
    words = "QuickBooks shows a payment of 1.50 on this bill, so it can only be kept as it is."
    assert words in press(client, invoice, action)
    carried_out(switched_on) if BillChange.objects.exists() else None
    assert intuit.bills() == [before]
    invoice.refresh_from_db()
    assert invoice.source_state == state
    assert "Kept." in press(client, invoice, "keep")
    assert not BillChange.objects.exists()


@pytest.mark.parametrize(("state", "action"), [("changed", "update"), ("no_longer_approved", "delete")])
def test_in_a_closed_period_a_bill_can_only_be_kept(
    state: str,
    action: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    record, invoice = posted(switched_on, procore)
    [before] = intuit.bills()
    intuit.switches(book_close_date=before["txn_date"])
    happens(state, switched_on, procore, record)
    assert "so the bill can only be kept as it is" in press(as_user(accountant), invoice, action)
    assert intuit.bills() == [before]
    assert not BillChange.objects.exists()


def test_a_payment_between_the_press_and_the_sending_stops_it_and_says_so(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    [bill] = intuit.bills()
    happens("changed", switched_on, procore, record)
    client = as_user(accountant)
    press(client, invoice, "update")
    intuit.post(f"bills/{REALM}/{bill['id']}/pay", {"amount": "2.00"})
    change = carried_out(switched_on)
    assert (change.state, change.problem) == ("refused", "paid_in_books")
    assert [each["total"] for each in intuit.bills()] == [bill["total"]]
    shown = page(client, invoice)
    assert "The bill was not updated." in shown
    assert "a payment of 2.00" in shown
    address = f"/settings/accounting/bills/{invoice.public_id}/change"
    client.post(f"{address}/again/")
    assert carried_out(switched_on).problem == "paid_in_books"
    assert BillChange.objects.count() == 2
    for _ in range(2):
        client.post(f"{address}/keep/")
    assert "The bill was not updated." not in page(client, invoice)
    assert [each.state for each in BillChange.objects.order_by("id")] == ["kept", "kept"]


def test_a_bill_that_somebody_changed_at_the_same_moment_is_not_overwritten(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    [bill] = intuit.bills()
    happens("changed", switched_on, procore, record)
    press(as_user(accountant), invoice, "update")
    intuit.fault("500", method="POST", path=BILL_POST, times=1)
    assert carried_out(switched_on, 1).state == BillChange.State.CHECKING
    intuit.patch(f"bills/{REALM}/{bill['id']}", {"total": "12.34"})
    change = carried_out(switched_on)
    assert (change.state, change.problem) == ("refused", "changed_in_books")
    assert [each["total"] for each in intuit.bills()] == ["12.34"]


def test_what_a_lost_worker_sent_is_looked_up_not_sent_blindly(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    [before] = intuit.bills()
    happens("changed", switched_on, procore, record)
    press(as_user(accountant), invoice, "update")
    carried_out(switched_on)
    # As if the worker had died between the answer and writing it down.
    BillChange.objects.update(state="sending", next_at=timezone.now(), lease_until=None)
    assert carried_out(switched_on, 1).state == BillChange.State.CHECKING
    assert carried_out(switched_on).state == BillChange.State.DONE
    [after] = every_bill(intuit)
    assert int(after["sync_token"]) == int(before["sync_token"]) + 1


@pytest.mark.parametrize("state", ["no_longer_approved", "deleted"])
def test_delete_takes_the_bill_away_and_it_stays_away_until_somebody_asks(
    state: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    record, invoice = posted(switched_on, procore)
    [before] = intuit.bills()
    happens(state, switched_on, procore, record)
    client = as_user(accountant)
    seen = client.get(f"/invoices/{invoice.public_id}/").context["difference"]["seen"]
    assert "being deleted from QuickBooks" in press(client, invoice, "delete")
    assert GONE_ON in press(client, invoice, "delete", seen=seen)
    assert GONE_ON in press(client, invoice, "keep", seen=seen)  # the deletion is under way
    file = Attachment.objects.create(company=invoice.company, invoice=invoice, file="x.pdf", name="x.pdf", size=1)
    BillFile.objects.create(company=invoice.company, bill=invoice.bill, attachment=file, state="attached")
    carried_out(switched_on)
    assert intuit.bills() == []
    assert not BillFile.objects.exists()  # it hung on the bill that is gone, and goes along with the next one
    bill = Bill.objects.get()
    assert (bill.state, bill.problem, bill.external_id) == ("skipped", "deleted_from_books", None)
    shown = page(client, invoice)
    assert "was deleted from QuickBooks, as Accountant asked" in shown
    assert "Sync after all" in shown
    assert [each.external_id for each in bill.attempts.all()] == [before["id"], before["id"]]
    if state == "deleted":
        return
    procore.approve(record["id"])
    assert heard_of(switched_on, record).source_state == "as_imported"
    assert intuit.bills() == []  # approved again, and nobody asked for a bill
    client.post(f"/settings/accounting/bills/{invoice.public_id}/retry/")
    work.drain(switched_on.company)
    [after] = intuit.bills()
    assert after["id"] != before["id"]
    assert after["total"] == due(procore, record)
    assert [each["deleted"] for each in every_bill(intuit)] == [True, False]


def test_a_bill_deleted_by_hand_cannot_be_updated_but_let_go(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    [bill] = intuit.bills()
    intuit.delete(f"bills/{REALM}/{bill['id']}")
    client = as_user(accountant)
    happens("changed", switched_on, procore, record)
    assert "no longer in QuickBooks" in press(client, invoice, "update")
    happens("deleted", switched_on, procore, record)
    press(client, invoice, "delete")
    assert carried_out(switched_on).state == BillChange.State.DONE
    assert Bill.objects.get().state == Bill.State.SKIPPED


@pytest.mark.parametrize("fault", ["500", "drop", "429"])
def test_when_quickbooks_cannot_be_asked_nothing_changes(
    fault: str,
    switched_on: ProcoreIntegration,
    procore: ProcoreEmulator,
    intuit: IntuitEmulator,
    accountant: User,
    as_user: Any,
) -> None:
    record, invoice = posted(switched_on, procore)
    happens("changed", switched_on, procore, record)
    intuit.fault(fault, path="/query")
    assert "QuickBooks cannot be asked just now" in press(as_user(accountant), invoice, "update")
    invoice.refresh_from_db()
    assert invoice.source_state == "changed"
    assert not BillChange.objects.exists()


def test_what_would_not_be_sent_is_not_made_of_a_bill_either(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    before = intuit.bills()
    procore.patch(f"invoices/{record['id']}", {"scale": "0"})
    assert heard_of(switched_on, record).source_state == "changed"
    assert "totals 0.00" in press(as_user(accountant), invoice, "update")
    invoice.refresh_from_db()
    assert invoice.source_state == "changed"
    assert invoice.amount_due != 0
    assert intuit.bills() == before


def test_a_viewer_changes_no_bill(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, intuit: IntuitEmulator, viewer: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    happens("changed", switched_on, procore, record)
    client = as_user(viewer)
    for action in ("update", "delete"):
        assert client.post(f"/settings/procore/invoices/{invoice.public_id}/{action}/").status_code == 403
    for action in ("again", "keep"):
        address = f"/settings/accounting/bills/{invoice.public_id}/change/{action}/"
        assert client.post(address).status_code == 403
    assert not BillChange.objects.exists()


def test_the_database_holds_one_change_at_a_time_and_its_sent_bytes(
    switched_on: ProcoreIntegration, procore: ProcoreEmulator, accountant: User, as_user: Any
) -> None:
    record, invoice = posted(switched_on, procore)
    happens("changed", switched_on, procore, record)
    press(as_user(accountant), invoice, "update")
    change = BillChange.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        BillChange.objects.create(company=change.company, bill=change.bill, kind="delete", by=accountant)
    carried_out(switched_on)
    with pytest.raises(ProgrammingError), transaction.atomic():
        BillChange.objects.update(payload=b"other")
    with pytest.raises(ProgrammingError), transaction.atomic():
        Bill.objects.update(external_id=None)
    assert connection.is_usable()
    assert Invoice.objects.get().source_state == "as_imported"
