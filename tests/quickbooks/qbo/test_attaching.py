"""The files of an invoice hang on its bill, each once, and never hold the bill up. Ledger: the emulator's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from accounting.models import Bill, BillFile, Integration
from accounting.tasks import attach_due, follow_due
from companies.models import Company, User
from invoices.models import Attachment, Invoice
from tests.quickbooks.qbo.test_backend import approved, posted
from tests.support import work
from tests.support.emulated import REALM, IntuitEmulator

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4\r\n--boundary\r\n\x00\xff binary\r\n%%EOF\n"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def with_file(invoice: Invoice, name: str = "invoice.pdf", content: bytes = PDF, kind: str = "application/pdf") -> Any:
    return Attachment.objects.create(
        company=invoice.company,
        invoice=invoice,
        file=ContentFile(content, name="x"),
        name=name,
        size=len(content),
        content_type=kind,
    )


def attached(company: Company) -> None:
    BillFile.objects.filter(next_at__isnull=False).update(next_at=timezone.now() - timedelta(seconds=1))
    attach_due(company_id=company.pk)


def there(intuit: IntuitEmulator) -> list[Mapping[str, Any]]:
    return [row for row in intuit.get("ledger", realm=REALM)["attachments"] if not row["deleted"]]


def test_files_arrive_byte_for_byte_with_their_names(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    invoice, before = approved(company), intuit.get("calls")["last"]
    names = ["Größe \"1\" 'x'.pdf", "photo.png", "no ending", "same.pdf", "same.pdf"]
    for number, name in enumerate(names):
        png = name.endswith("png")
        with_file(invoice, name, PDF + bytes([number]), "image/png" if png else "application/pdf")
    bill = posted(company, invoice)
    attached(company)
    found = there(intuit)
    assert [row["file_name"] for row in found] == [
        "Größe \"1\" 'x'.pdf",
        "photo.png",
        "no ending.pdf",
        "same.pdf",
        "same (2).pdf",
    ]
    assert [row["sha256"] for row in found] == [hashlib.sha256(PDF + bytes([at])).hexdigest() for at in range(5)]
    assert all(row["linked_to"] == [{"type": "Bill", "id": bill.external_id}] for row in found)
    assert set(BillFile.objects.values_list("state", flat=True)) == {"attached"}
    assert intuit.traffic(before)[REALM]["kinds"]["upload"] == 5


UNKNOWN = ["500_after_commit", "drop_after_commit", "hang_after_commit", "truncated", "garbage_after_commit"]
BEFORE = ["500", "503_html", "drop", "garbage", "html_200", "429"]


@pytest.mark.parametrize("fault", UNKNOWN + BEFORE)
def test_an_unclear_answer_ends_in_one_file(
    fault: str, company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    invoice = approved(company)
    with_file(invoice)
    intuit.fault(fault, method="POST", path="/upload", times=1, seconds=5)
    assert posted(company, invoice).state == Bill.State.SYNCED
    for _ in range(3):
        attached(company)
        work.forget_pacing()
    assert len(there(intuit)) == 1
    assert BillFile.objects.get().state == "attached"
    assert sum(intuit.hits().values()) == 1


def test_a_worker_that_dies_after_the_answer_makes_no_second_file(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator
) -> None:
    invoice = approved(company)
    with_file(invoice)
    posted(company, invoice)
    attached(company)
    # As if the answer had never been written down.
    BillFile.objects.update(state="waiting", external_id="", next_at=timezone.now(), lease_until=timezone.now())
    attached(company)
    assert len(there(intuit)) == 1
    assert BillFile.objects.get().external_id == there(intuit)[0]["id"]


def test_a_refused_file_is_said_and_tried_again_and_the_bill_stays(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    invoice = approved(company)
    with_file(invoice)
    bill = posted(company, invoice)
    BillFile.objects.update(state="failed", reason="QuickBooks refused the file: too large (6030)", next_at=None)
    client = as_user(accountant)
    page = client.get(f"/invoices/{invoice.public_id}/").content.decode()
    assert "QuickBooks refused the file" in page
    file = BillFile.objects.get()
    for _ in range(2):
        client.post(f"/settings/accounting/files/{file.pk}/retry/")
    attached(company)
    assert len(there(intuit)) == 1
    assert "In QuickBooks" in client.get(f"/invoices/{invoice.public_id}/").content.decode()
    bill.refresh_from_db()
    assert bill.state == Bill.State.SYNCED


def test_a_file_that_is_gone_says_so(company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> None:
    invoice = approved(company)
    with_file(invoice).file.storage.delete(Attachment.objects.get().file.name)
    bill = posted(company, invoice)
    attached(company)
    assert bill.state == Bill.State.SYNCED
    assert BillFile.objects.get().reason.startswith("The file cannot be read")


def test_a_file_that_comes_later_follows(company: Company, quickbooks: Integration, intuit: IntuitEmulator) -> None:
    invoice = approved(company)
    posted(company, invoice)
    with_file(invoice)
    follow_due(company_id=company.pk)
    attached(company)
    assert len(there(intuit)) == 1
