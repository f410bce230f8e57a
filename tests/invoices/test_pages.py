"""The accountant's pages: list, one invoice, and an invoice made here on the same way to QuickBooks."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounting import posting, setting_aside
from accounting.models import Bill, Integration
from accounting.tasks import post_due
from companies.models import Company, User
from invoices import recording
from invoices.models import Invoice
from tests.quickbooks.qbo.test_backend import approved
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def filled_in(**changes: Any) -> dict[str, Any]:
    return {
        "vendor_name": "Delta Steel",
        "number": "UP-1",
        "invoice_date": "2026-11-01",
        "due_date": "2026-12-01",
        "pdf": SimpleUploadedFile("invoice.pdf", b"%PDF-1.4\n...", content_type="application/pdf"),
        "lines-TOTAL_FORMS": "8",
        "lines-INITIAL_FORMS": "0",
        "lines-MIN_NUM_FORMS": "0",
        "lines-MAX_NUM_FORMS": "100",
        "lines-0-description": "Steel beams",
        "lines-0-cost_code": "05-100",
        "lines-0-gross": "1000.10",
        "lines-0-retainage": "100.01",
        "lines-1-description": "Delivery",
        "lines-1-gross": "50",
        "lines-1-retainage": "",
    } | changes


@pytest.mark.parametrize("role", ["accountant", "admin"])
@pytest.mark.parametrize("switch", ["on", "off", "no procore"])
def test_an_invoice_made_here_becomes_a_bill_whatever_the_switch_says(
    role: str,
    switch: str,
    company: Company,
    quickbooks: Integration,
    intuit: IntuitEmulator,
    admin: User,
    as_user: Any,
    request: pytest.FixtureRequest,
) -> None:
    if switch != "no procore":
        _procore(company, admin, on=switch == "on")
    client = as_user(request.getfixturevalue(role))
    answer = client.post("/invoices/new/", filled_in())
    assert answer.status_code == 302
    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.gross, invoice.retainage, invoice.amount_due) == (
        "submitted",
        Decimal("1050.10"),
        Decimal("-100.01"),
        Decimal("950.09"),
    )
    assert intuit.bills() == []
    for _ in range(2):  # a double click approves once
        assert client.post(f"/invoices/{invoice.public_id}/approve/").status_code == 302
    post_due(company_id=company.pk)
    [bill] = intuit.bills()
    assert (bill["doc_number"], bill["total"], bill["due_date"]) == ("UP-1", "950.09", "2026-12-01")
    shown = client.get(f"/invoices/{invoice.public_id}/").content.decode()
    assert "950.09" in shown
    assert "Open in QuickBooks" in shown


def _procore(company: Company, admin: User, *, on: bool) -> None:
    from procore_sync import mirroring
    from procore_sync.models import ProcoreIntegration

    integration = ProcoreIntegration.objects.create(
        company=company,
        environment="production",
        procore_company_id=5,
        client_id="a",
        client_secret="b",
        state="connected",
    )
    mirroring.set_to(integration, on, user=admin)


def test_a_viewer_can_look_but_not_change(company: Company, viewer: User, accountant: User, as_user: Any) -> None:
    as_user(accountant).post("/invoices/new/", filled_in())
    invoice = Invoice.objects.get()
    client = as_user(viewer)
    assert client.get(f"/invoices/{invoice.public_id}/").status_code == 200
    assert client.get("/invoices/new/").status_code == 403
    assert client.post("/invoices/new/", filled_in(number="UP-2")).status_code == 403
    for action in ("approve", "cancel"):
        assert client.post(f"/invoices/{invoice.public_id}/{action}/").status_code == 403
    assert Invoice.objects.get().state == "submitted"
    assert not Bill.objects.exists()


def test_a_viewer_may_not_retry_or_skip(company: Company, viewer: User, as_user: Any) -> None:
    invoice = approved(company)
    posting.release(invoice)
    for action in ("retry", "skip", "sync_anyway"):
        assert as_user(viewer).post(f"/settings/accounting/bills/{invoice.public_id}/{action}/").status_code == 403
    assert Bill.objects.get().state == "ready"


@pytest.mark.parametrize(
    "changes",
    [
        {"vendor_name": ""},
        {"number": "\x00"},
        {"invoice_date": "31.02.2026"},
        {"lines-0-gross": "NaN"},
        {"lines-0-gross": "Infinity"},
        {"lines-0-gross": "1e999"},
        {"lines-0-gross": "1.234,50"},
        {"lines-0-gross": "0.001"},
        {"lines-0-gross": "9" * 20},
        {"lines-0-retainage": "-5"},
        {"pdf": SimpleUploadedFile("x.pdf", b"MZ this is no pdf", content_type="application/pdf")},
        {"pdf": ""},
        {"project": "999999"},
        {"lines-0-description": "", "lines-0-gross": "", "lines-0-retainage": "", "lines-0-cost_code": ""}
        | {"lines-1-description": "", "lines-1-gross": ""},
        {"lines-TOTAL_FORMS": "100000"},
        {"lines-TOTAL_FORMS": "x"},
        {"vendor_name": "x" * 10_000},
    ],
)
def test_bad_input_is_named_and_nothing_is_saved(
    changes: dict[str, Any], company: Company, accountant: User, as_user: Any
) -> None:
    answer = as_user(accountant).post("/invoices/new/", filled_in(**changes))
    assert answer.status_code == 422
    assert not Invoice.objects.exists()


def test_what_was_typed_is_kept_and_nothing_is_executed(company: Company, accountant: User, as_user: Any) -> None:
    name = "<script>alert(1)</script>{{7*7}}=cmd"
    answer = as_user(accountant).post("/invoices/new/", filled_in(vendor_name=name, number=""))
    shown = answer.content.decode()
    assert "<script>alert(1)" not in shown
    assert "{{7*7}}" in shown


def test_a_file_name_is_only_a_name(company: Company, accountant: User, as_user: Any, settings: Any) -> None:
    pdf = SimpleUploadedFile("..\\..\\etc/passwd\r\nX: y.pdf", b"%PDF-1.4", content_type="application/pdf")
    client = as_user(accountant)
    client.post("/invoices/new/", filled_in(pdf=pdf))
    found = Invoice.objects.get().attachments.get()
    assert str(found.file.name).startswith(f"{company.pk}/")
    assert "/" not in found.name
    answer = client.get(f"/invoices/attachments/{found.public_id}/")
    assert b"".join(answer.streaming_content) == b"%PDF-1.4"
    assert (answer["X-Content-Type-Options"], answer["Content-Type"]) == ("nosniff", "application/pdf")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 3),
        ("?q=delta", 2),
        ("?q=A-2", 1),
        ("?q=a2", 1),
        ("?q=900.09", 3),
        ("?q=nothing", 0),
        ("?tab=ready", 2),
        ("?tab=skipped", 1),
        ("?tab=nonsense", 0),
        ("?source=procore", 3),
        ("?source=inbuild", 0),
        ("?source=nonsense&project=x", 0),
        ("?after=%00%ff", 3),
        ("?q=" + "x" * 5000, 0),
    ],
)
def test_the_list_finds_by_words_and_filters(
    query: str, found: int, company: Company, accountant: User, as_user: Any
) -> None:
    for number, vendor in (("A-1", "Delta Steel"), ("A-2", "Delta Steel"), ("B-1", "Omega Concrete")):
        posting.release(approved(company, number, vendor=vendor))
    setting_aside.skip(Bill.objects.get(invoice__number="B-1"), user=accountant)
    answer = as_user(accountant).get(f"/invoices/{query}")
    assert answer.status_code == 200
    assert answer.content.decode().count('href="/invoices/') - _menu_links(answer) == found


def test_an_invoice_is_held_until_somebody_releases_it(company: Company, accountant: User, as_user: Any) -> None:
    bill = posting.release(approved(company, "A-1"))
    client, address = as_user(accountant), f"/invoices/{bill.invoice.public_id}/"
    assert ">Hold</button>" in client.get(address).content.decode()
    hold = f"/settings/accounting/bills/{bill.invoice.public_id}/hold/"
    assert reverse("accounting:act", kwargs={"public_id": bill.invoice.public_id, "action": "hold"}) == hold
    client.post(hold)
    page = client.get(address).content.decode()
    assert "put this invoice on hold on" in page
    assert ">Release</button>" in page
    assert ">Hold</button>" not in page
    bill.refresh_from_db()
    assert (bill.state, bill.next_at) == (Bill.State.ON_HOLD, None)
    client.post(hold.replace("/hold/", "/retry/"))
    bill.refresh_from_db()
    assert bill.state == Bill.State.READY
    assert bill.next_at is not None


def _menu_links(answer: Any) -> int:
    shown = answer.content.decode()
    return int(
        shown.count('href="/invoices/"')
        + shown.count('href="/invoices/new/"')
        + shown.count('href="/invoices/inbox/"')
        + shown.count('href="/invoices/?')
    )


def test_pages_follow_one_another_without_gap_or_repeat(company: Company, accountant: User, as_user: Any) -> None:
    many(company, 120)
    client, seen, query = as_user(accountant), [], ""
    for _ in range(3):
        page = client.get(f"/invoices/?{query}").context
        seen += [row["invoice"].number for row in page["rows"]]
        query = page["next_query"]
    assert not query
    assert len(seen) == len(set(seen)) == 120


def many(company: Company, count: int) -> None:
    for number in range(count):
        new = recording.NewInvoice(
            vendor_name=f"Vendor {number % 7}",
            number=f"N-{number}",
            invoice_date=date(2026, 1, 1 + number % 28),
            currency="USD",
            gross=Decimal(10),
            retainage=Decimal(0),
            amount_due=Decimal(10),
            lines=(recording.NewLine("x", Decimal(10)),),
        )
        posting.release(recording.record_from_procore(company, new))


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(
    company: Company, accountant: User, as_user: Any
) -> None:
    client = as_user(accountant)
    asked = []
    for _ in range(2):
        many(company, 30)
        Invoice.objects.update(number_key="")  # the numbers repeat, which is not the point here
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get("/invoices/").status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 24


@pytest.mark.parametrize("address", ["/invoices/", "/invoices/new/", "/settings/procore/", "/settings/accounting/"])
def test_a_stranger_is_sent_to_sign_in(address: str, client: Any, db: None) -> None:
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_pages_of_members_are_kept_by_no_cache(company: Company, viewer: User, as_user: Any) -> None:
    answer = as_user(viewer).get("/invoices/")
    assert "no-store" in answer["Cache-Control"]
    assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_the_cards_polling_stops_at_rest(company: Company, accountant: User, as_user: Any) -> None:
    invoice = approved(company)
    posting.release(invoice)
    client = as_user(accountant)
    address = f"/settings/accounting/bills/{invoice.public_id}/"
    assert "every 2s" in client.get(address).content.decode()
    setting_aside.skip(Bill.objects.get(), user=accountant)
    assert "every 2s" not in client.get(address).content.decode()


def test_the_page_says_what_became_of_the_original(company: Company, viewer: User, as_user: Any) -> None:
    invoice = approved(company)
    client = as_user(viewer)
    assert "Imported" in client.get(f"/invoices/{invoice.public_id}/").content.decode()
    for source_state in Invoice.SourceState:
        invoice.observe_source(source_state)
        shown = client.get(f"/invoices/{invoice.public_id}/").content.decode()
        assert (source_state.label in shown) is (source_state != Invoice.SourceState.AS_IMPORTED)
