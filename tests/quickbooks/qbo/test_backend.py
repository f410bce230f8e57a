"""Bills into QuickBooks Online: right, once, and with a plain reason where not. Ledger: the emulator's own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounting import posting, setting_aside
from accounting.models import Bill, Integration, Moved
from accounting.tasks import post_due
from companies.models import Company, User
from invoices import recording
from invoices.models import Invoice
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def approved(company: Company, number: str = "INV-1", *, vendor: str = "Delta Steel", **more: Any) -> Invoice:
    lines = more.pop("lines", (recording.NewLine("Steel", Decimal("1000.10"), Decimal("-100.01"), "05-100"),))
    gross = sum((line.gross for line in lines), Decimal(0))
    retainage = sum((line.retainage for line in lines), Decimal(0))
    new = recording.NewInvoice(
        vendor_name=vendor,
        vendor_procore_id=more.pop("vendor_procore_id", abs(hash(vendor)) % 10**9),
        number=number,
        invoice_date=date(2026, 11, 1),
        currency=more.pop("currency", "USD"),
        gross=gross,
        retainage=retainage,
        amount_due=more.pop("amount_due", gross + retainage),
        lines=lines,
        **more,
    )
    return recording.record_from_procore(company, new)


def posted(company: Company, invoice: Invoice, times: int = 1) -> Bill:
    posting.release(invoice)
    return again(company, invoice, times)


def again(company: Company, invoice: Invoice, times: int = 1) -> Bill:
    for _ in range(times):
        post_due(company_id=company.pk)
    return Bill.objects.get(invoice=invoice)


def test_a_bill_arrives_with_every_line_and_its_provenance(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    bill = posted(company, approved(company, commitment="SC-001", approved_by="Dana"))
    assert bill.state == Bill.State.SYNCED
    [there] = intuit.bills()
    assert (there["vendor_name"], there["doc_number"], there["total"]) == ("Delta Steel", "INV-1", "900.09")
    assert [line["amount"] for line in there["lines"]] == ["1000.10", "-100.01"]
    assert there["lines"][1]["account_name"] == str(quickbooks.retainage_account)
    assert bill.marker in there["private_note"]
    assert "SC-001" in there["private_note"]
    assert (bill.external_id, bill.posted_total) == (there["id"], Decimal("900.09"))


def test_an_existing_vendor_of_exactly_that_name_is_used(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    vendor = intuit.get("ledger", realm=REALM)["vendors"][0]
    posted(company, approved(company, vendor=vendor["display_name"]))
    [there] = intuit.bills()
    assert there["vendor_id"] == vendor["id"]


def test_a_name_that_would_break_the_query_stays_a_name(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    name = "O'Brien \\' OR Id > '0 Söhne GmbH"
    bill = posted(company, approved(company, vendor=name))
    assert bill.state == Bill.State.SYNCED
    assert intuit.bills()[0]["vendor_name"] == name


UNKNOWN = ["500_after_commit", "drop_after_commit", "hang_after_commit", "truncated"]
BEFORE = ["500", "503_html", "drop", "garbage", "html_200"]


@pytest.mark.parametrize("fault", UNKNOWN + BEFORE)
@pytest.mark.parametrize("honoured", ["honoured", "ignored"])
def test_an_unclear_answer_ends_in_one_bill(
    fault: str, honoured: str, company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    intuit.switches(requestid=honoured)
    intuit.fault(fault, method="POST", path="/bill\\?", times=1, seconds=5)
    bill = posted(company, approved(company), times=3)
    assert [attempt.outcome for attempt in bill.attempts.order_by("id")] == ["unknown", "done"]
    assert bill.state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1
    assert sum(intuit.hits().values()) == 1


@pytest.mark.parametrize("fault", ["fault_200", "fault_200_after_commit"])
def test_a_refusal_under_http_200_is_believed_only_after_a_look(
    fault: str, company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User
) -> None:
    intuit.switches(requestid="ignored")
    intuit.fault(fault, method="POST", path="/bill\\?", times=1)
    bill = posted(company, approved(company), times=2)
    assert bill.attempts.order_by("id")[0].outcome == "unknown"
    if fault == "fault_200":
        assert (bill.state, bill.problem) == (Bill.State.ON_HOLD, "refused")
        assert intuit.bills() == []
        posting.retry(bill, user=accountant)
        bill = again(company, bill.invoice)
    assert bill.state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


@pytest.mark.parametrize("fault", ["429", "429_after_commit"])
def test_too_many_requests_is_a_pause_and_then_a_look(
    fault: str, company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    """Nowhere is it promised that a throttled request never reached the books."""
    intuit.switches(requestid="ignored")
    intuit.fault(fault, method="POST", path="/bill\\?", times=1)
    bill = posted(company, approved(company))
    assert (bill.state, bill.problem) == (Bill.State.CHECKING, "no_answer")
    calls = intuit.traffic()[REALM]["calls"]
    Bill.objects.update(next_at=bill.created_at)
    assert again(company, bill.invoice).state == Bill.State.CHECKING
    assert intuit.traffic()[REALM]["calls"] == calls  # all workers keep quiet for the minute Intuit asks for
    work.forget_pacing()
    assert again(company, bill.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


def test_a_refused_token_is_renewed_and_the_same_request_repeated(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    intuit.fault("401", method="POST", path="/bill\\?", times=1)
    assert posted(company, approved(company)).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


def test_a_revoked_connection_is_said_once_and_bills_wait(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    intuit.post("revoke", {"realm": REALM})
    first, second = approved(company, "A-1"), approved(company, "A-2")
    posting.release(first)
    posting.release(second)
    again(company, first, 2)
    quickbooks.refresh_from_db()
    assert quickbooks.state == Integration.State.NEEDS_RECONNECT
    assert {bill.state for bill in Bill.objects.all()} == {Bill.State.READY}
    assert {bill.problem for bill in Bill.objects.all()} == {"reconnect"}
    assert intuit.bills() == []


@pytest.mark.parametrize(
    ("change", "state", "problem"),
    [
        ({"amount_due": Decimal("900.10")}, "on_hold", "amounts"),
        ({"lines": (recording.NewLine("x", Decimal("10.00"), Decimal("-10.00")),)}, "on_hold", "zero"),
        ({"lines": (recording.NewLine("x", Decimal("-10.00")),)}, "on_hold", "negative"),
        ({"currency": "CAD"}, "on_hold", "currency"),
    ],
)
def test_what_needs_a_person_is_held_before_anything_is_sent(
    change: dict[str, Any],
    state: str,
    problem: str,
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
) -> None:
    bill = posted(company, approved(company, **change))
    assert (bill.state, bill.problem) == (state, problem)
    assert intuit.bills() == []


def test_the_same_number_of_the_same_vendor_is_a_possible_duplicate_until_a_person_says_otherwise(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User
) -> None:
    posted(company, approved(company, "INV-7"))
    second = posted(company, approved(company, "inv 7", lines=(recording.NewLine("x", Decimal("5.00")),)))
    assert (second.state, second.problem) == (Bill.State.ON_HOLD, "possible_duplicate")
    assert len(intuit.bills()) == 1
    posting.retry(second, user=accountant, sync_anyway=True)
    assert again(company, second.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 2


def test_missing_accounts_wait_and_one_choice_releases_all(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, admin: User
) -> None:
    from accounting import configuring

    expense, payable = quickbooks.expense_account, quickbooks.ap_account
    assert expense
    assert payable
    Integration.objects.update(expense_account=None, retainage_account=None)
    for number in ("A-1", "A-2"):
        assert posted(company, approved(company, number)).problem == "unmapped"
    quickbooks.refresh_from_db()
    released = configuring.save(
        quickbooks, ap_account=payable, expense_account=expense, retainage_account=expense, user=admin
    )
    assert released == 2
    post_due(company_id=company.pk)
    assert len(intuit.bills()) == 2


@pytest.mark.parametrize("code", ["6140", "6210", "610", "2500", "6190", "6000"])
def test_every_refusal_has_a_sentence_and_try_again_works(
    code: str, company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    from accounting.problems import CATALOGUE, sentence
    from qbo.faults import REFUSALS

    problem = REFUSALS[code]
    assert problem in CATALOGUE
    detail = {"vendor": "Delta Steel", "number": "INV-1", "words": "No.", "date": "2026-01-01"}
    assert "…" not in sentence(problem, detail)


def test_a_long_number_is_shortened_the_same_way_every_time() -> None:
    number = "PAY-APPLICATION-2026-000123-REV-B"
    short = posting.bill_number(number)
    assert len(short) <= 21
    assert short == posting.bill_number(number)
    assert short != posting.bill_number(number + "X")
    assert posting.bill_number("A" * 21) == "A" * 21


@pytest.fixture
def a_long_quarantine(intuit: IntuitEmulator, settings: Any) -> None:
    """So that a bill in doubt stays so until the test makes its time come."""
    settings.QBO_QUARANTINE_SECONDS = 600


def doubtful(company: Company, intuit: IntuitEmulator) -> Bill:
    """Sent, made, unanswered; then somebody in the books takes our marker away. A person must decide."""
    intuit.fault("drop_after_commit", method="POST", path="/bill\\?", times=1)
    bill = posted(company, approved(company))
    [there] = intuit.bills()
    intuit.patch(f"bills/{REALM}/{there['id']}", {"private_note": "edited by hand"})
    Bill.objects.update(next_at=bill.created_at)
    bill = again(company, bill.invoice)
    assert (bill.state, bill.problem) == (Bill.State.ON_HOLD, "in_quickbooks_already")
    return bill


def test_a_bill_in_doubt_is_never_sent_again_without_a_look_not_even_after_skipping(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, a_long_quarantine: None
) -> None:
    intuit.switches(requestid="ignored")
    bill = doubtful(company, intuit)
    setting_aside.skip(bill, user=accountant)
    # What would make other bytes and another key of it.
    Integration.objects.update(expense_account=quickbooks.retainage_account)
    posting.retry(Bill.objects.get(), user=accountant)
    bill = again(company, bill.invoice, 2)
    assert bill.state == Bill.State.ON_HOLD
    assert sum(each["doc_number"] == "INV-1" for each in intuit.bills(ours=False)) == 1


def test_the_look_asks_for_what_was_sent_not_for_what_our_rows_say_by_now(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, a_long_quarantine: None
) -> None:
    intuit.switches(requestid="ignored")
    intuit.fault("drop_after_commit", method="POST", path="/bill\\?", times=1)
    bill = posted(company, approved(company))
    assert bill.state == Bill.State.CHECKING
    Invoice.objects.update(number="OTHER", amount_due=Decimal("1.00"))
    from accounting.models import Mapping

    Mapping.objects.all().delete()
    Bill.objects.update(next_at=bill.created_at)
    assert again(company, bill.invoice).state == Bill.State.SYNCED
    assert len(intuit.bills()) == 1


def test_a_refusal_that_was_mended_goes_out_under_a_new_key(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User
) -> None:
    """Intuit may answer a repeated key with its stored refusal."""
    intuit.switches(requestid_replays_failures=True)
    first = intuit.post("bills", by_hand(intuit, "INV-1"))
    intuit.switches(realm=REALM, warn_duplicate_bill_number=True)
    vendor = intuit.get("ledger", realm=REALM)["vendors"][0]["display_name"]
    bill = posted(company, approved(company, "INV-1", vendor=vendor))
    assert (bill.state, bill.problem) == (Bill.State.FAILED, "bill_number_taken")
    intuit.patch(f"bills/{REALM}/{first['id']}", {"doc_number": "RENAMED"})
    posting.retry(bill, user=accountant)
    assert again(company, bill.invoice).state == Bill.State.SYNCED


def by_hand(intuit: IntuitEmulator, number: str) -> dict[str, Any]:
    vendor = intuit.get("ledger", realm=REALM)["vendors"][0]["id"]
    line = {"amount": "7.00", "description": "by hand", "account_id": "80"}
    return {"realm": REALM, "vendor_id": vendor, "doc_number": number, "txn_date": "2026-01-01", "lines": [line]}


def test_bytes_do_not_leave_once_the_bill_was_taken_over(company: Company, quickbooks: Integration) -> None:
    bill = posting.release(approved(company))
    Bill.objects.update(integration=quickbooks, attempt=1)
    bill.refresh_from_db()
    posting.start(bill, b"{}")
    posting.still_mine(bill)
    Bill.objects.update(lease_until=bill.created_at)
    with pytest.raises(Moved):
        posting.still_mine(bill)
    Bill.objects.update(lease_until="2099-01-01T00:00:00Z", attempt=2)
    with pytest.raises(Moved):
        posting.still_mine(bill)


def test_a_bill_in_doubt_of_disconnected_books_says_which_to_reconnect(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, admin: User, a_long_quarantine: None
) -> None:
    from accounting.problems import sentence
    from qbo import connecting

    intuit.fault("drop_after_commit", method="POST", path="/bill\\?", times=1)
    bill = posted(company, approved(company))
    connecting.disconnect(quickbooks, admin)
    Bill.objects.update(next_at=bill.created_at)
    bill = again(company, bill.invoice)
    assert bill.problem == "books_disconnected"
    assert "Northgate Builders, Inc." in sentence(bill.problem, bill.problem_detail)


def test_an_earlier_invoice_approved_later_is_a_possible_duplicate_too(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User
) -> None:
    earlier, later = approved(company, "INV-9"), approved(company, "INV-9")
    second = posted(company, later)
    posting.retry(second, user=accountant, sync_anyway=True)
    assert again(company, later).state == Bill.State.SYNCED
    first = posted(company, earlier)
    assert (first.state, first.problem) == (Bill.State.ON_HOLD, "possible_duplicate")
    assert len(intuit.bills()) == 1


def test_waiting_for_months_never_overflows(company: Company) -> None:
    bill = posting.release(approved(company))
    Bill.objects.update(failures=32767)
    bill.refresh_from_db()
    bill.wait(until=None)
    bill.refresh_from_db()
    assert bill.failures == 1000


def test_what_certainly_did_not_leave_keeps_its_key(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, settings: Any
) -> None:
    posted(company, approved(company, "INV-0"))  # its vendor is known from now on
    there, settings.QBO_API_URL = settings.QBO_API_URL, "http://127.0.0.1:9/v3"
    bill = posted(company, approved(company))
    first = bill.request_id
    assert first
    assert (bill.generation, bill.state, bill.problem) == (1, Bill.State.READY, "cannot_reach")
    settings.QBO_API_URL = there
    Bill.objects.filter(pk=bill.pk).update(next_at=bill.created_at)
    assert again(company, bill.invoice).state == Bill.State.SYNCED
    assert [made["request_id"] for made in intuit.bills()][-1] == first


def test_a_worker_whose_lease_ran_out_can_move_nothing_any_more(company: Company, quickbooks: Integration) -> None:
    bill = posting.release(approved(company))
    Bill.objects.update(integration=quickbooks, attempt=1)
    late = Bill.objects.get()
    Bill.objects.update(attempt=2)  # another worker has taken it since
    with pytest.raises(Moved):
        posting.start(late, b"{}")
    bill.refresh_from_db()
    assert (bill.state, bill.payload) == (Bill.State.READY, None)
