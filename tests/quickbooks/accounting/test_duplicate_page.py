"""A possible duplicate, decided on its page: linked, marked, synced anyway, skipped, and unlinked again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounting import setting_aside
from accounting.models import Bill, BookedBill, Integration
from companies.models import AuditEvent, Company, User
from invoices.models import number_key
from tests.quickbooks.accounting.given import approved, post, posted
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def client(accountant: User, as_user: Any) -> Client:
    signed_in: Client = as_user(accountant)
    return signed_in


def typed_in(intuit: IntuitEmulator, number: str = "INV-1", vendor: str = "Apex Electrical", **more: Any) -> str:
    """A bill that somebody typed into the books, under the vendor of that name."""
    known = {each["name"]: each["id"] for each in intuit.entries("vendor")}
    vendor_id = known.get(vendor) or known[sorted(known)[0]]
    return str(
        intuit.typed_in(vendor_id=vendor_id, doc_number=number, total=more.pop("total", "1000.00"), **more)["id"]
    )


def known(intuit: IntuitEmulator, integration: Integration, external_id: str) -> BookedBill:
    """As the daily reading of the books would have stored it."""
    there = next(bill for bill in intuit.bills(ours=False) if bill["id"] == external_id)
    return BookedBill.objects.create(
        company_id=integration.company_id,
        integration=integration,
        external_id=external_id,
        vendor_id=there["vendor_id"],
        vendor_name=there["vendor_name"],
        number=there["doc_number"],
        number_key=number_key(there["doc_number"]),
        date=there["txn_date"],
        total=there["total"],
        balance=there["total"],
    )


def held(company: Company, intuit: IntuitEmulator, quickbooks: Integration) -> tuple[Bill, str]:
    """A bill on hold because the books have its vendor's number already."""
    vendor = intuit.entries("vendor")[0]
    external_id = str(intuit.typed_in(vendor_id=vendor["id"], doc_number="INV-1", total="1000.00")["id"])
    known(intuit, quickbooks, external_id)
    bill = posted(company, approved(company, vendor=vendor["name"]))
    assert (bill.state, bill.problem) == (Bill.State.ON_HOLD, "duplicate_in_books")
    return bill, external_id


def at(bill: Bill, what: str) -> str:
    return f"/settings/accounting/bills/{bill.invoice.public_id}/{what}/"


def test_the_card_leads_to_both_side_by_side(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    bill, external_id = held(company, intuit, quickbooks)
    assert at(bill, "duplicate").encode() in client.get(f"/invoices/{bill.invoice.public_id}/").content
    page = client.get(at(bill, "duplicate")).content.decode()
    assert page.count("1,000.00") >= 2
    assert f'value="{external_id}"' in page
    assert "Link to existing bill" in page


def test_linking_makes_no_second_bill_and_is_audited(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client, accountant: User
) -> None:
    bill, external_id = held(company, intuit, quickbooks)
    before = len(intuit.bills(ours=False))
    answer = client.post(at(bill, "link"), {"external_id": external_id}, follow=True)
    assert b"Linked to bill INV-1 in QuickBooks." in answer.content
    bill.refresh_from_db()
    assert (bill.state, bill.external_id, bill.is_by_hand) == (Bill.State.SYNCED, external_id, True)
    assert str(bill.posted_total) == "1000.00"
    post(company, 2)
    assert len(intuit.bills(ours=False)) == before
    assert AuditEvent.objects.filter(verb="bill.synced", user=accountant).exists()


def test_a_bill_is_linked_to_one_invoice_only(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    bill, external_id = held(company, intuit, quickbooks)
    client.post(at(bill, "link"), {"external_id": external_id})
    other = posted(company, approved(company, "OTHER", currency="CAD"))
    answer = client.post(at(other, "link"), {"external_id": external_id})
    assert answer.status_code == 422
    assert "is already the bill of invoice INV-1" in answer.content.decode()
    other.refresh_from_db()
    assert other.state == Bill.State.ON_HOLD


def test_a_bill_that_inbuild_made_for_another_invoice_cannot_be_linked_after_its_row_is_lost(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    first = posted(company, approved(company, "A-1"))
    external_id = first.external_id
    first.attempts.all().delete()
    first.delete()
    other = posted(company, approved(company, "A-2", currency="CAD"))
    answer = client.post(at(other, "link"), {"external_id": external_id})
    assert "was made by inBuild for another invoice" in answer.content.decode()


def test_a_bill_in_doubt_is_never_linked(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client, settings: Any
) -> None:
    settings.QBO_QUARANTINE_SECONDS = 600
    external_id = typed_in(intuit, "BY-HAND")
    intuit.fault("drop_after_commit", method="POST", path="/bill\\?", times=1)
    bill = posted(company, approved(company))
    assert bill.state == Bill.State.CHECKING
    for what, form in (("link", {"external_id": external_id}), ("mark", {"number": "BY-HAND"})):
        answer = client.post(at(bill, what), form)
        assert answer.status_code == 422
        assert "does not know yet whether it arrived" in answer.content.decode()
    bill.refresh_from_db()
    assert bill.state == Bill.State.CHECKING


def test_mark_as_synced_looks_the_number_up(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    """The exit of an invoice in another currency, which a person enters by hand."""
    vendor = intuit.entries("vendor")[0]["name"]
    bill = posted(company, approved(company, vendor=vendor, currency="CAD"))
    assert bill.problem == "currency"
    answer = client.post(at(bill, "mark"), {"number": "HAND-7"})
    assert "QuickBooks has no bill with number HAND-7." in answer.content.decode()
    external_id = typed_in(intuit, "HAND-7", vendor)
    answer = client.post(at(bill, "mark"), {"number": " HAND-7 "}, follow=True)
    assert b"Linked to bill HAND-7" in answer.content
    bill.refresh_from_db()
    assert (bill.state, bill.external_id, bill.external_number) == (Bill.State.SYNCED, external_id, "HAND-7")


def test_a_number_of_another_vendor_is_shown_and_not_taken(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    external_id = typed_in(intuit, "HAND-8", intuit.entries("vendor")[1]["name"])
    bill = posted(company, approved(company, vendor="Somebody Else", currency="CAD"))
    answer = client.post(at(bill, "mark"), {"number": "HAND-8"})
    assert answer.status_code == 422
    assert f'value="{external_id}"' in answer.content.decode()
    bill.refresh_from_db()
    assert bill.state == Bill.State.ON_HOLD


def test_unlinking_gives_the_decision_back_and_syncing_anyway_then_makes_one_bill(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    bill, external_id = held(company, intuit, quickbooks)
    client.post(at(bill, "link"), {"external_id": external_id})
    assert b"Unlink this bill" in client.get(f"/invoices/{bill.invoice.public_id}/").content
    client.post(at(bill, "unlink"))
    client.post(at(bill, "unlink"))  # a double click
    bill.refresh_from_db()
    assert (bill.state, bill.problem, bill.external_id) == (Bill.State.ON_HOLD, "unlinked", None)
    assert intuit.bills() == []
    client.post(f"/settings/accounting/bills/{bill.invoice.public_id}/sync_anyway/")
    post(company, 2)
    assert len(intuit.bills()) == 1


def test_a_bill_that_inbuild_made_never_loses_its_id_in_another_way(company: Company, quickbooks: Integration) -> None:
    bill = posted(company, approved(company))
    with pytest.raises(Exception, match="already in the books"):
        Bill.objects.filter(pk=bill.pk).update(external_id=None, state=Bill.State.ON_HOLD, problem="unlinked")


def test_two_invoices_in_inbuild_stand_side_by_side(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    posted(company, approved(company))
    second = posted(company, approved(company))
    assert second.problem == "possible_duplicate"
    page = client.get(at(second, "duplicate")).content.decode()
    assert "Other invoice in inBuild" in page
    assert "Link to existing bill" not in page
    setting_aside.skip(second, user=User.objects.get(email="accountant@northgate.example"))
    post(company)
    assert len(intuit.bills()) == 1


def test_books_out_of_reach_are_a_sentence(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    bill, external_id = held(company, intuit, quickbooks)
    intuit.fault("503_html", path="/query")
    answer = client.post(at(bill, "link"), {"external_id": external_id})
    assert answer.status_code == 422
    assert "cannot be asked just now. Nothing was changed;" in answer.content.decode()


def test_viewers_compare_and_do_not_decide(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, viewer: User, as_user: Any
) -> None:
    bill, external_id = held(company, intuit, quickbooks)
    client = as_user(viewer)
    page = client.get(at(bill, "duplicate")).content.decode()
    assert "Ask an accountant or a company admin" in page
    for what in ("link", "mark", "unlink"):
        assert client.post(at(bill, what), {"external_id": external_id}).status_code == 403
