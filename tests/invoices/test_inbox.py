"""The inbox: several PDFs at once, what was read as suggestions, a duplicate said at once, each file one invoice."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounting.models import BookedBill, Integration
from companies.models import AuditEvent, Company, User
from invoices import inbox, recording
from invoices.models import Attachment, InboxFile, Invoice, Vendor, WrongState
from invoices.tasks import read_due
from tests.quickbooks.qbo.test_backend import approved
from tests.support import pdfs, work

pytestmark = pytest.mark.django_db
INBOX = "/invoices/inbox/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def a_pdf(number: str = "INV-1042", vendor: str = "Delta Steel") -> bytes:
    return pdfs.pdf([vendor, f"Invoice No.: {number}", "Invoice Date: 11/03/2026", "Total: $4,200.50"])


def upload(name: str = "a.pdf", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, a_pdf() if content is None else content, content_type="application/pdf")


def dropped(company: Company, user: User, *, number: str = "INV-1042", name: str = "a.pdf") -> InboxFile:
    Vendor.objects.get_or_create(company=company, name="Delta Steel")
    file = inbox.receive(company, ContentFile(a_pdf(number), name), user=user)
    read_due(company_id=company.pk)
    file.refresh_from_db()
    return file


def typed_in(**changes: Any) -> dict[str, Any]:
    """The form as it was suggested, with what a person adds."""
    return {
        "vendor_name": "Delta Steel",
        "number": "INV-1042",
        "invoice_date": "2026-11-03",
        "lines-TOTAL_FORMS": "8",
        "lines-INITIAL_FORMS": "0",
        "lines-0-description": "Steel beams",
        "lines-0-cost_code": "05-100",
        "lines-0-gross": "4200.50",
    } | changes


def entering(file: InboxFile) -> str:
    return f"/invoices/new/?from={file.public_id}"


def said(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


# --- dropping --------------------------------------------------------------------------------------------------------
def test_several_are_taken_at_once_and_each_that_is_not_is_named(
    company: Company, accountant: User, as_user: Any, settings: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 5000
    files = [
        upload("a.pdf"),
        upload("b.pdf", b"MZ"),
        upload("c.pdf", b"%PDF-" + b"x" * 6000),
        upload("d.pdf", a_pdf("2")),
    ]
    answer = as_user(accountant).post(INBOX, {"files": files}, follow=True)
    assert [file.name for file in InboxFile.open_in(company)] == ["a.pdf", "d.pdf"]
    assert "2 files taken in." in said(answer)
    assert "b.pdf was not taken. This is not a PDF." in said(answer)
    assert "c.pdf was not taken. The file is larger than" in said(answer)


def test_more_than_are_taken_at_once_are_named_too(company: Company, accountant: User, as_user: Any) -> None:
    files = [upload(f"{number}.pdf", a_pdf(str(number))) for number in range(inbox.AT_ONCE + 2)]
    answer = as_user(accountant).post(INBOX, {"files": files}, follow=True)
    assert InboxFile.open_in(company).count() == inbox.AT_ONCE
    assert f"{inbox.AT_ONCE}.pdf was not taken. At most" in said(answer)
    assert f"{inbox.AT_ONCE + 1}.pdf was not taken. At most" in said(answer)


def test_more_files_than_are_read_at_all_are_refused_in_words(accountant: User, as_user: Any) -> None:
    answer = as_user(accountant).post(INBOX, {"files": [upload(f"{number}.pdf", b"%PDF-") for number in range(101)]})
    assert answer.status_code == 400
    assert "At most 100 files can be sent at once, so none was taken in." in answer.content.decode()
    assert not InboxFile.objects.exists()


def test_a_full_inbox_says_so(
    company: Company, accountant: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "WAITING", 1)
    answer = as_user(accountant).post(INBOX, {"files": [upload("a.pdf"), upload("b.pdf")]}, follow=True)
    assert "b.pdf was not taken. 1 files wait in the inbox already." in said(answer)


def test_nothing_chosen_is_a_sentence(company: Company, accountant: User, as_user: Any) -> None:
    assert "Choose at least one PDF first." in said(as_user(accountant).post(INBOX, follow=True))


def test_a_name_is_only_a_name_and_the_file_lies_in_the_companys_folder(
    company: Company, accountant: User, as_user: Any
) -> None:
    as_user(accountant).post(INBOX, {"files": [upload("..\\..\\etc/pass\u202ewd<b>.pdf")]})
    file = InboxFile.objects.get()
    assert file.name == "passwd<b>.pdf"
    assert str(file.file.name).startswith(f"{company.pk}/")
    shown = as_user(accountant).get(INBOX).content.decode()
    assert "passwd&lt;b&gt;.pdf" in shown


def test_a_viewer_looks_and_changes_nothing(company: Company, accountant: User, viewer: User, as_user: Any) -> None:
    file = dropped(company, accountant)
    client = as_user(viewer)
    shown = client.get(INBOX).content.decode()
    assert "Viewers can look at invoices but not change them." in shown
    assert "Enter this invoice" not in shown
    assert client.post(INBOX, {"files": [upload()]}).status_code == 403
    assert client.post(f"{INBOX}{file.public_id}/remove/").status_code == 403
    assert client.get(entering(file)).status_code == 403
    assert client.post(entering(file), typed_in()).status_code == 403
    assert InboxFile.objects.count() == 1


def test_removing_deletes_the_file_once_and_is_on_record(
    company: Company, accountant: User, as_user: Any, django_capture_on_commit_callbacks: Any
) -> None:
    file = dropped(company, accountant)
    client, storage, path = as_user(accountant), file.file.storage, str(file.file.name)
    assert storage.exists(path)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{INBOX}{file.public_id}/remove/")
    assert not storage.exists(path)
    assert "entered or removed meanwhile" in said(client.post(f"{INBOX}{file.public_id}/remove/", follow=True))
    assert AuditEvent.objects.filter(verb="inbox.removed", user=accountant).count() == 1
    assert client.get(f"{INBOX}{file.public_id}/file/").status_code == 404
    assert "was removed from the inbox" in said(client.get(entering(file), follow=True))


def test_the_file_is_shown_as_a_pdf_and_as_nothing_else(company: Company, accountant: User, as_user: Any) -> None:
    file = dropped(company, accountant)
    answer = as_user(accountant).get(f"{INBOX}{file.public_id}/file/")
    assert b"".join(answer.streaming_content) == a_pdf()
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/pdf", "nosniff")
    assert "default-src 'none'" in answer["Content-Security-Policy"]


# --- the same bytes --------------------------------------------------------------------------------------------------
def test_the_same_file_again_is_said_with_a_link(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    dropped(company, accountant, name="first.pdf")
    dropped(company, accountant, name="again.pdf")
    assert "The same file is in the inbox already, as first.pdf." in client.get(INBOX).content.decode()
    client.post(entering(InboxFile.objects.order_by("pk")[0]), typed_in())
    invoice = Invoice.objects.get()
    shown = client.get(INBOX).content.decode()
    assert "This file is already invoice INV-1042 of Delta Steel." in shown
    assert f"/invoices/{invoice.public_id}/" in shown


def test_a_file_of_an_invoice_from_before_is_known_by_its_bytes(
    company: Company, accountant: User, as_user: Any
) -> None:
    invoice = approved(company, "OLD-1")
    recording.attach(invoice, name="old.pdf", content_type="application/pdf", content=a_pdf())
    Attachment.objects.update(sha256="")
    dropped(company, accountant)
    assert "This file is already invoice OLD-1 of Delta Steel." in as_user(accountant).get(INBOX).content.decode()


# --- entering --------------------------------------------------------------------------------------------------------
def test_the_form_is_filled_in_with_what_was_read_and_says_from_where(
    company: Company, accountant: User, as_user: Any
) -> None:
    file = dropped(company, accountant)
    shown = as_user(accountant).get(entering(file)).content.decode()
    for value in ("Delta Steel", "INV-1042", "2026-11-03", "4200.50"):
        assert f'value="{value}"' in shown
    for words in ("Invoice No.: INV-1042", "Invoice Date: 11/03/2026", "Total: $4,200.50"):
        assert f"“{words}”" in shown
    assert f"{INBOX}{file.public_id}/file/" in shown
    assert not Invoice.objects.exists()


def test_saving_makes_the_file_the_invoices_and_leads_on(company: Company, accountant: User, as_user: Any) -> None:
    first, second = dropped(company, accountant), dropped(company, accountant, number="INV-2", name="b.pdf")
    path = str(first.file.name)
    client = as_user(accountant)
    answer = client.post(entering(first), typed_in())
    assert answer["Location"] == entering(second)
    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.amount_due, str(invoice.vendor)) == ("submitted", Decimal("4200.50"), "Delta Steel")
    assert invoice.lines.get().cost_code.code == "05-100"  # type: ignore[union-attr]
    attached = invoice.attachments.get()
    assert (str(attached.file.name), attached.name, attached.sha256) == (path, "a.pdf", first.sha256)
    first.refresh_from_db()
    assert (first.state, first.invoice, str(first.file)) == ("used", invoice, "")
    answer = client.post(entering(second), typed_in(number="INV-2"))
    assert answer["Location"] == f"/invoices/{Invoice.objects.latest('pk').public_id}/"


def test_a_second_click_makes_no_second_invoice(company: Company, accountant: User, admin: User, as_user: Any) -> None:
    file = dropped(company, accountant)
    as_user(accountant).post(entering(file), typed_in())
    answer = as_user(admin).post(entering(file), typed_in(number="OTHER"), follow=True)
    assert "a.pdf is already this invoice. Nothing was saved a second time." in said(answer)
    assert answer.context["invoice"] == Invoice.objects.get()
    with pytest.raises(WrongState), transaction.atomic():
        new = recording.NewInvoice("V", "1", date(2026, 1, 1), "USD", Decimal(1), Decimal(0), Decimal(1), ())
        recording.record_from_inbox(file, new, project=None, user=admin, state=Invoice.State.DRAFT)
    assert Attachment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_make_one_invoice(company: Company, accountant: User, admin: User, as_user: Any) -> None:
    file = dropped(company, accountant)
    at_once, answers = threading.Barrier(2), []

    def press(user: User, number: str) -> None:
        client = as_user(user)
        at_once.wait()
        answers.append(client.post(entering(file), typed_in(number=number)).status_code)
        connection.close()

    people = [threading.Thread(target=press, args=each) for each in ((accountant, "ONE"), (admin, "TWO"))]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert answers == [302, 302]
    assert (Invoice.objects.count(), Attachment.objects.count()) == (1, 1)


def test_bad_input_keeps_everything_and_the_file(company: Company, accountant: User, as_user: Any) -> None:
    file = dropped(company, accountant)
    answer = as_user(accountant).post(entering(file), typed_in(number="", vendor_name="Kept Vendor"))
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert 'value="Kept Vendor"' in shown
    assert 'value="Steel beams"' in shown
    assert entering(file) in shown
    file.refresh_from_db()
    assert file.is_open


def test_a_pdf_that_came_with_a_wrong_form_is_kept(company: Company, accountant: User, as_user: Any) -> None:
    client = as_user(accountant)
    answer = client.post("/invoices/new/", typed_in(number="", pdf=upload("mine.pdf")))
    assert answer.status_code == 422
    kept = InboxFile.objects.get()
    assert f'name="kept" value="{kept.public_id}"' in answer.content.decode()
    answer = client.post("/invoices/new/", typed_in(kept=str(kept.public_id)))
    invoice = Invoice.objects.get()
    assert answer["Location"] == f"/invoices/{invoice.public_id}/"
    assert invoice.attachments.get().name == "mine.pdf"


def test_a_draft_waits_for_nobody(company: Company, accountant: User, as_user: Any) -> None:
    as_user(accountant).post(entering(dropped(company, accountant)), typed_in(draft="1"))
    assert Invoice.objects.get().state == "draft"


# --- the same vendor and number --------------------------------------------------------------------------------------
def test_a_number_that_is_here_already_is_said_and_saved_only_anyway(
    company: Company, accountant: User, as_user: Any
) -> None:
    other = approved(company, "INV-1042", vendor="delta steel")
    file = dropped(company, accountant, number="inv 1042")
    client = as_user(accountant)
    answer = client.post(entering(file), typed_in(number="inv-1042"))
    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "This number is already invoice INV-1042 of delta steel" in shown
    assert f"/invoices/{other.public_id}/" in shown
    assert 'value="Steel beams"' in shown
    assert Invoice.objects.count() == 1
    # The button is for this vendor and number, not for whatever else is typed in afterwards.
    approved(company, "SECOND", vendor="delta steel")
    anyway = answer.context["anyway"]
    assert client.post(entering(file), typed_in(number="SECOND", anyway=anyway)).status_code == 409
    assert client.post(entering(file), typed_in(number="inv-1042", anyway=anyway)).status_code == 302
    assert Invoice.objects.filter(source="inbuild").count() == 1


def test_a_draft_that_is_saved_anyway_is_still_a_draft(company: Company, accountant: User, as_user: Any) -> None:
    approved(company, "INV-1042")
    file = dropped(company, accountant)
    client = as_user(accountant)
    answer = client.post(entering(file), typed_in(draft="1"))
    assert 'name="was_draft"' in answer.content.decode()
    client.post(entering(file), typed_in(anyway=answer.context["anyway"], was_draft="1"))
    assert Invoice.objects.get(source="inbuild").state == "draft"


def test_a_number_that_is_in_the_books_already_is_said(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    booked(quickbooks)
    file = dropped(company, accountant)
    client = as_user(accountant)
    answer = client.post(entering(file), typed_in())
    assert answer.status_code == 409
    assert "QuickBooks already has bill INV-1042 of Delta Steel, 4,200.50 of Nov 3, 2026." in answer.content.decode()
    assert "Open bill INV-1042" in answer.content.decode()
    BookedBill.objects.update(is_deleted=True)
    assert client.post(entering(file), typed_in()).status_code == 302


def test_the_inbox_says_it_before_anything_is_typed(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    booked(quickbooks)
    approved(company, "INV-1042")
    dropped(company, accountant)
    shown = as_user(accountant).get(INBOX).content.decode()
    assert "This number is already invoice INV-1042 of Delta Steel" in shown
    assert "QuickBooks already has bill INV-1042 of Delta Steel" in shown


@pytest.mark.parametrize("changes", [{"vendor_name": "Omega"}, {"number": "INV-1043"}])
def test_another_vendor_or_number_is_no_duplicate(
    changes: dict[str, str], company: Company, accountant: User, as_user: Any
) -> None:
    approved(company, "INV-1042")
    assert as_user(accountant).post(entering(dropped(company, accountant)), typed_in(**changes)).status_code == 302


def test_a_cancelled_one_and_another_companys_are_no_duplicates(
    company: Company, other_company: Company, accountant: User, as_user: Any
) -> None:
    approved(other_company, "INV-1042")
    Invoice.objects.filter(pk=approved(company, "INV-1042").pk).update(state="cancelled")
    assert as_user(accountant).post(entering(dropped(company, accountant)), typed_in()).status_code == 302


def booked(quickbooks: Integration) -> BookedBill:
    from accounting.models import ListEntry

    entry = ListEntry.objects.filter(integration=quickbooks, kind="vendor").order_by("pk").first()
    assert entry is not None
    ListEntry.objects.filter(pk=entry.pk).update(name="Delta Steel")
    return BookedBill.objects.create(
        company=quickbooks.company,
        integration=quickbooks,
        external_id="77",
        vendor_id=entry.external_id,
        vendor_name="Delta Steel",
        number="INV-1042",
        number_key="inv1042",
        date=date(2026, 11, 3),
        total=Decimal("4200.50"),
        balance=Decimal("4200.50"),
    )


# --- cost ------------------------------------------------------------------------------------------------------------
def test_the_number_of_queries_does_not_depend_on_the_number_of_files(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    booked(quickbooks)
    approved(company, "INV-1042")
    client, asked = as_user(accountant), []
    for more in (1, 6):
        for number in range(more):
            dropped(company, accountant, number=f"INV-10{42 + number}", name=f"{more}-{number}.pdf")
        for address in (INBOX, entering(InboxFile.objects.order_by("pk")[0]), "/settings/approvals/"):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            asked.append(len(queries))
    assert asked[:3] == asked[3:]
    assert max(asked) <= 26


def test_what_is_offered_while_typing_is_the_companys_own(
    company: Company, other_company: Company, accountant: User, as_user: Any
) -> None:
    approved(company, "A", vendor="Ours")
    approved(other_company, "A", vendor="Theirs")
    shown = as_user(accountant).get("/invoices/new/").content.decode()
    assert '<option value="Ours">' in shown
    assert '<option value="05-100">' in shown
    assert "Theirs" not in shown
