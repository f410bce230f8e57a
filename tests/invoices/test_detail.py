"""One invoice's page: where each line goes, what is missing, what happened, and its files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounting import mapping, posting
from accounting.models import Bill, Integration, ListEntry
from companies.models import AuditEvent, Company, OutsideCall, User
from invoices import recording
from invoices.models import Attachment, Invoice
from tests.quickbooks.qbo.test_backend import again, approved, posted
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def page(client: Any, invoice: Invoice, query: str = "") -> str:
    answer = client.get(f"/invoices/{invoice.public_id}/{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def words(shown: str, place: str = "") -> str:
    """What a person reads, of one part of the page where it is named by its id."""
    if place:
        found = re.search(rf'<(section|form|div)[^>]*id="{place}".*?</\1>', shown, re.S)
        assert found is not None, place
        shown = found[0]
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split()).replace("&#x27;", "'")


def accounts(integration: Integration) -> list[ListEntry]:
    rows = ListEntry.objects.filter(integration=integration, kind="account", active=True, is_usable=True)
    return list(rows.exclude(pk=integration.expense_account_id).exclude(pk=integration.retainage_account_id)[:2])


# --- lines ------------------------------------------------------------------------------------------------------------
def test_each_line_says_what_it_will_be_posted_to(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    lines = (
        recording.NewLine("Steel", Decimal("1000.10"), Decimal("-100.01"), "05-100"),
        recording.NewLine("Bolts", Decimal("20.00"), Decimal(0), "05-200"),
        recording.NewLine("Release", Decimal(0), Decimal("5.00"), "05-200"),
    )
    invoice = approved(company, lines=lines)
    wanted = accounts(quickbooks)[0]
    mapping.choose(quickbooks, invoice.lines.get(position=2).cost_code, wanted, user=accountant)  # type: ignore[arg-type]
    shown = words(page(as_user(accountant), invoice), "lines")
    assert "Posts to" in shown
    assert f"05-100 {quickbooks.expense_account} The default of your settings" in shown
    assert f"05-200 {wanted} 20.00" in shown
    assert "Nothing but retainage" in shown
    assert f"Retainage in QuickBooks {quickbooks.retainage_account}" in shown
    assert "Vendor in QuickBooks Delta Steel (created there if it is new)" in shown


def test_what_is_missing_leads_to_where_it_is_mended_and_back(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    Integration.objects.update(expense_account=None, retainage_account=None)
    bill = posted(company, approved(company))
    assert bill.state == Bill.State.NEEDS_MAPPING
    client = as_user(accountant)
    shown = page(client, bill.invoice)
    assert "2 things this invoice names are not mapped to QuickBooks yet." in words(shown, "lines")
    found = re.search(r'href="([^"]+)">Map 05-100', shown)
    assert found is not None
    mend = client.get(found[1].replace("&amp;", "&"))
    assert [row["row"].name for row in mend.context["rows"]] == ["05-100"]
    assert re.search(r'href="/settings/accounting/">Map Retainage', shown)
    code = bill.invoice.lines.get().cost_code
    mapping.choose(quickbooks, code, accounts(quickbooks)[0], user=accountant)  # type: ignore[arg-type]
    assert "1 thing this invoice names is not mapped" in words(page(client, bill.invoice), "lines")


def test_a_posted_line_keeps_saying_what_it_was_posted_to(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    bill = posted(company, approved(company))
    before = str(quickbooks.expense_account)
    mapping.choose(quickbooks, bill.invoice.lines.get().cost_code, accounts(quickbooks)[0], user=accountant)  # type: ignore[arg-type]
    shown = words(page(as_user(accountant), bill.invoice), "lines")
    assert "Posted to" in shown
    assert f"05-100 {before} 1,000.10" in shown
    assert [line["account_name"] for line in intuit.bills()[0]["lines"]] == [before, str(quickbooks.retainage_account)]


def test_two_lines_of_one_amount_are_not_mixed_up(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    lines = tuple(recording.NewLine(f"Part {code}", Decimal("10.00"), Decimal(0), code) for code in ("A", "B"))
    invoice = approved(company, lines=lines)
    first, second = accounts(quickbooks)
    for position, entry in ((1, first), (2, second)):
        mapping.choose(quickbooks, invoice.lines.get(position=position).cost_code, entry, user=accountant)  # type: ignore[arg-type]
    posted(company, invoice)
    shown = words(page(as_user(accountant), invoice), "lines")
    assert f"Part A A {first}" in shown
    assert f"Part B B {second}" in shown


def test_a_bill_linked_by_hand_claims_nothing_of_its_lines(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    bill = posted(company, approved(company))
    Bill.objects.filter(pk=bill.pk).update(is_by_hand=True)
    shown = words(page(as_user(accountant), bill.invoice), "lines")
    assert "inBuild did not write them" in shown
    assert str(quickbooks.expense_account) not in shown


def test_without_quickbooks_the_page_says_so(company: Company, accountant: User, as_user: Any) -> None:
    assert "No QuickBooks is connected" in words(page(as_user(accountant), approved(company)), "lines")


def test_looking_maps_nothing(company: Company, quickbooks: Integration, viewer: User, as_user: Any) -> None:
    vendor = ListEntry.objects.filter(integration=quickbooks, kind="vendor", active=True).first()
    name = vendor.name if vendor else "Delta Steel"
    invoice = approved(company, vendor=name)
    page(as_user(viewer), invoice)
    assert not quickbooks.mappings.exists()


@pytest.mark.parametrize("sent", [False, True])
def test_five_lines_or_five_hundred_cost_the_same_queries(
    sent: bool, company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    client, asked = as_user(accountant), []
    for number, count in (("FEW", 5), ("MANY", 500)):
        lines = tuple(
            recording.NewLine(f"Part {one}", Decimal(10 + one), Decimal(-1), f"{one:03}-{number}")
            for one in range(count)
        )
        invoice = approved(company, number, lines=lines)
        bill = posted(company, invoice) if sent else posting.release(invoice)
        assert (bill.state == Bill.State.SYNCED) is sent
        page(client, invoice)
        with CaptureQueriesContext(connection) as queries:
            shown = page(client, invoice)
        assert shown.count(str(quickbooks.expense_account)) >= count
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 45


# --- head -------------------------------------------------------------------------------------------------------------
def test_the_head_tells_totals_retainage_payment_and_both_links(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    invoice = approved(company, source_url="https://app.procore.com/1/project/invoices/2")
    client = as_user(accountant)
    shown = page(client, invoice)
    assert "Retainage held" in shown
    assert "Paid Not in QuickBooks" in words(shown)
    assert 'href="https://app.procore.com/1/project/invoices/2"' in shown
    bill = posted(company, invoice)
    Bill.objects.filter(pk=bill.pk).update(paid_state="partly", balance=Decimal("400.00"))
    shown = page(client, invoice)
    assert "Partially paid 400.00 open" in words(shown)
    assert f"txnId={bill.external_id}" in shown


def test_the_problem_box_has_sentence_button_code_and_reference(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, accountant: User, as_user: Any
) -> None:
    intuit.fault("fault_200", method="POST", path="/bill\\?", times=1)
    bill = posted(company, approved(company), times=2)
    assert (bill.state, bill.problem) == (Bill.State.ON_HOLD, "refused")
    shown = page(as_user(accountant), bill.invoice)
    trace = bill.attempts.exclude(trace_id="").latest("id").trace_id
    assert trace
    assert 'id="problem-code">refused</span>' in shown
    assert f'reference <span class="number">{trace}</span>' in shown
    assert 'id="bill-action"' in shown


# --- what happened ----------------------------------------------------------------------------------------------------
def test_the_timeline_tells_everything_with_person_or_job_in_the_companys_time(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    Integration.objects.update(expense_account=None)
    invoice = approved(company)
    bill = posted(company, invoice)
    code = invoice.lines.get().cost_code
    mapping.choose(quickbooks, code, accounts(quickbooks)[0], user=accountant)  # type: ignore[arg-type]
    bill = again(company, invoice)
    client = as_user(accountant)
    client.post(f"/invoices/{invoice.public_id}/comment/", {"text": "Checked with the site.\nFine."})
    shown = page(client, invoice)
    told = words(shown, "timeline")
    for said in (
        "Imported from Procore: INV-1 of Delta Steel",
        "inBuild, importing from Procore",
        f"05-100 is {accounts(quickbooks)[0]} in QuickBooks",
        "inBuild, after a mapping",
        "Sent to QuickBooks",
        f"bill id {bill.external_id}",
        "Checked with the site. Fine.",
        str(accountant),
    ):
        assert said in told, said
    times = [
        datetime.fromisoformat(one)
        for one in re.findall(r'<time datetime="([^"]+)"', shown.partition('id="timeline"')[2])
    ]
    assert len(times) >= 7
    assert times == sorted(times)
    assert re.search(r"C[SD]T", told)


def test_the_timeline_folds_in_why_an_invoice_was_taken_over(company: Company, viewer: User, as_user: Any) -> None:
    new = recording.NewInvoice(
        vendor_name="Delta Steel",
        number="G-1",
        invoice_date=datetime(2026, 1, 1, tzinfo=UTC).date(),
        currency="USD",
        gross=Decimal(10),
        retainage=Decimal(0),
        amount_due=Decimal(10),
        lines=(recording.NewLine("x", Decimal(10)),),
    )
    invoice = recording.record_from_procore(
        company, new, evidence=["Its status is Approved.", "QuickBooks is connected."]
    )
    shown = page(as_user(viewer), invoice)
    assert "<li>Its status is Approved.</li>" in shown
    assert "<li>QuickBooks is connected.</li>" in shown


# --- comments ---------------------------------------------------------------------------------------------------------
def test_a_comment_is_plain_text_and_a_second_click_no_second_comment(
    company: Company, accountant: User, as_user: Any
) -> None:
    invoice = approved(company)
    client = as_user(accountant)
    for _ in range(2):
        client.post(f"/invoices/{invoice.public_id}/comment/", {"text": "<script>alert(1)</script> {{7*7}}\x00"})
    shown = page(client, invoice)
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}") == 1
    event = AuditEvent.objects.get(verb="invoice.commented")
    assert (event.user, event.object_id) == (accountant, str(invoice.pk))


@pytest.mark.parametrize(
    ("text", "said"), [("", "Write something"), (" \n\x00 ", "Write something"), ("x" * 2001, "2,001")]
)
def test_what_is_no_comment_is_refused_in_words(
    text: str, said: str, company: Company, accountant: User, as_user: Any
) -> None:
    invoice = approved(company)
    answer = as_user(accountant).post(f"/invoices/{invoice.public_id}/comment/", {"text": text}, follow=True)
    assert said in answer.content.decode()
    assert not AuditEvent.objects.filter(verb="invoice.commented").exists()


def test_a_viewer_reads_comments_and_cannot_write_them(
    company: Company, accountant: User, viewer: User, as_user: Any
) -> None:
    invoice = approved(company)
    as_user(accountant).post(f"/invoices/{invoice.public_id}/comment/", {"text": "Asked the vendor."})
    client = as_user(viewer)
    shown = page(client, invoice)
    assert "Asked the vendor." in shown
    assert re.search(r"<textarea[^>]*disabled", shown)
    assert client.post(f"/invoices/{invoice.public_id}/comment/", {"text": "No"}).status_code == 403
    assert AuditEvent.objects.filter(verb="invoice.commented").count() == 1


# --- files ------------------------------------------------------------------------------------------------------------
def filed(invoice: Invoice, name: str, content: bytes, content_type: str = "application/pdf") -> Attachment:
    return Attachment.objects.create(
        company_id=invoice.company_id,
        invoice=invoice,
        file=ContentFile(content, name),
        name=name,
        size=len(content),
        content_type=content_type,
    )


def test_a_pdf_is_shown_in_our_own_frame_and_in_nobody_elses(company: Company, viewer: User, as_user: Any) -> None:
    invoice = approved(company)
    file = filed(invoice, "scan.pdf", b"%PDF-1.4 ...")
    client = as_user(viewer)
    assert f'src="/invoices/attachments/{file.public_id}/#' in page(client, invoice)
    answer = client.get(f"/invoices/attachments/{file.public_id}/")
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'inline; filename="scan.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"
    around = client.get(f"/invoices/{invoice.public_id}/")
    assert "frame-src 'self'" in around["Content-Security-Policy"]
    assert around["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("content", "content_type", "sent_as"),
    [
        (b"<html><script>alert(1)</script>%PDF-", "application/pdf", "application/octet-stream"),
        (b"", "application/pdf", "application/octet-stream"),
        (b"\x89PNG...", "image/png", "image/png"),
        (b"%PDF-1.4", "image/svg+xml", "application/octet-stream"),
        (b"%PDF-1.4", "text/html", "application/octet-stream"),
    ],
)
def test_everything_else_is_saved_and_never_opened(
    content: bytes, content_type: str, sent_as: str, company: Company, viewer: User, as_user: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Attachment, "ENDINGS", dict.fromkeys([content_type, *Attachment.ENDINGS], "bin"))
    invoice = approved(company)
    file = filed(invoice, "x.pdf", content, content_type)
    client = as_user(viewer)
    assert "<iframe" not in page(client, invoice)
    answer = client.get(f"/invoices/attachments/{file.public_id}/")
    assert answer["Content-Type"] == sent_as
    assert answer["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


def test_of_several_files_one_is_chosen_by_the_address(company: Company, viewer: User, as_user: Any) -> None:
    invoice = approved(company)
    first, second = (filed(invoice, f"{one}.pdf", b"%PDF-1.4") for one in ("a", "b"))
    client = as_user(viewer)
    for query, chosen in (("", first), (f"?file={second.public_id}", second), ("?file=%00nonsense", first)):
        shown = page(client, invoice, query)
        assert re.findall(r'<iframe[^>]*src="/invoices/attachments/([^/]+)/', shown) == [str(chosen.public_id)]
    assert f"?file={second.public_id}#files" in page(client, invoice)


def test_a_file_that_is_gone_is_said_and_breaks_nothing(company: Company, viewer: User, as_user: Any) -> None:
    invoice = approved(company)
    file = filed(invoice, "a.pdf", b"%PDF-1.4")
    file.file.storage.delete(str(file.file.name))
    client = as_user(viewer)
    assert "no longer where inBuild keeps files" in page(client, invoice)
    assert client.get(f"/invoices/attachments/{file.public_id}/").status_code == 404


# --- the list around it -----------------------------------------------------------------------------------------------
def test_previous_and_next_are_those_of_the_filter_that_led_here(company: Company, viewer: User, as_user: Any) -> None:
    one, other, two = (
        approved(company, number, vendor=vendor)
        for number, vendor in (("D-1", "Delta Steel"), ("O-1", "Omega Concrete"), ("D-2", "Delta Steel"))
    )
    client = as_user(viewer)
    ways = [
        found and found.number for _, _, found in client.get(f"/invoices/{other.public_id}/").context["beside"]["ways"]
    ]
    assert ways == ["D-2", "D-1"]
    shown = page(client, two, "?q=delta&file=x")
    assert f'rel="next"\n               href="/invoices/{one.public_id}/?q=delta"' in shown
    assert "No previous one" in words(shown)
    assert 'href="/invoices/?q=delta"' in shown
    assert page(client, one, "?q=%00&tab=nonsense&from=x")


# --- calls ------------------------------------------------------------------------------------------------------------
def test_admins_see_each_call_of_an_invoice_without_what_was_in_it(
    company: Company, quickbooks: Integration, intuit: IntuitEmulator, admin: User, as_user: Any
) -> None:
    bill = posted(company, approved(company))
    other = posted(company, approved(company, "OTHER-1", vendor="Omega Concrete"))
    client = as_user(admin)
    assert f"/invoices/{bill.invoice.public_id}/calls/" in page(client, bill.invoice)
    shown = client.get(f"/invoices/{bill.invoice.public_id}/calls/").content.decode()
    traces = {
        one.pk: OutsideCall.objects.get(subject=f"bill:{one.pk}", method="POST", url__endswith="/bill").trace_id
        for one in (bill, other)
    }
    assert traces[bill.pk]
    assert traces[bill.pk] in shown
    assert traces[other.pk] not in shown
    told = words(shown)
    assert "POST /v3/company/" in told
    assert "200 OK" in told
    assert " ms " in told
    body = shown.partition("<main")[2]
    for secret in ("Bearer", "access_token", "requestid=", "DocNumber", "1000.10", "?minorversion"):
        assert secret not in body


def test_a_long_part_of_an_address_is_cut_because_it_may_be_a_key(company: Company, admin: User, as_user: Any) -> None:
    from companies import auditing
    from inbuild.http import Call

    invoice = approved(company)
    record = auditing.call_recorder(company.pk, "procore", f"invoice:{invoice.pk}")
    record(Call("GET", f"https://files.example/a/{'k' * 64}/b.pdf", None, 12, "", "", "no answer in time"))
    shown = words(as_user(admin).get(f"/invoices/{invoice.public_id}/calls/").content.decode())
    assert "/a/kkkkkk…/b.pdf" in shown
    assert "no answer in time" in shown


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_are_refused_the_calls_and_told_why(
    role: str, company: Company, as_user: Any, request: pytest.FixtureRequest
) -> None:
    invoice = approved(company)
    client = as_user(request.getfixturevalue(role))
    answer = client.get(f"/invoices/{invoice.public_id}/calls/")
    assert answer.status_code == 403
    assert "Only company admins can see the calls" in answer.content.decode()
    assert f"/invoices/{invoice.public_id}/calls/" not in page(client, invoice)


@pytest.mark.parametrize("before", ["", "x", "%00", "9" * 40, "-1"])
def test_pages_of_calls_take_any_cursor(before: str, company: Company, admin: User, as_user: Any) -> None:
    invoice = approved(company)
    assert as_user(admin).get(f"/invoices/{invoice.public_id}/calls/?before={before}").status_code == 200
