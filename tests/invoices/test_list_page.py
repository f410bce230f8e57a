"""The invoices list as a page: its address is all there is to it, bad or good; and what it hands out as files."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from accounting import filtering, invoice_list, posting
from accounting.models import Bill, Integration
from companies.models import Company, User
from invoices.models import Invoice
from tests.invoices.test_list_filter import given, put
from tests.support import work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


def rows_of(answer: Any) -> list[str]:
    return [row["invoice"].number for row in answer.context["rows"]]


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize(
    "query",
    [
        "from=31.02.2026&to=%00",
        "least=NaN&most=1e999999999",
        "least=1e-999999999",
        "q=1e999999999",
        "q=1e-999999999",
        "project=999999999",
        "project=-1",
        "books=%C3%28",
        "vendor=%00%01",
        "q=%00",
        "q='%22);--",
        "sort=password",
        "col=password&col=number",
        "tab=%00",
        "after=%00&total=%00",
        "after=WyIyMDI2LTAxLTAxIiwgOTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ",
        "after=" + "W" * 100_000,
        "paid=x&approval=y&source=z",
        "from=0000-00-00",
        "from=9999-12-31&sort=due&after=WyI5OTk5LTEyLTMxIiwgMV0",
    ],
)
def test_no_address_breaks_the_page(query: str, company: Company, accountant: User, as_user: Any) -> None:
    posting.release(given(company, "A-1"))
    client = as_user(accountant)
    assert client.get(f"/invoices/?{query}").status_code == 200
    for kind in ("csv", "xlsx"):
        assert client.get(f"/invoices/export.{kind}?{query}").status_code in (200, 302)


def test_what_is_wrong_with_an_address_is_said_and_nothing_else_is_shown(
    company: Company, accountant: User, as_user: Any
) -> None:
    posting.release(given(company, "A-1"))
    answer = as_user(accountant).get("/invoices/?from=yesterday&least=much")
    shown = answer.content.decode()
    assert "“yesterday” is not a day" in shown
    assert "“much” is not an amount" in shown
    assert "Clear filters" in shown
    assert rows_of(answer) == []


def test_another_companys_project_shows_nothing(
    company: Company, other_company: Company, accountant: User, as_user: Any
) -> None:
    posting.release(given(company, "A-1"))
    theirs = given(other_company, "X-1", project_name="Secret Tower", project_procore_id=7).project
    assert theirs is not None
    answer = as_user(accountant).get(f"/invoices/?project={theirs.pk}")
    assert "Your company has no such project" in answer.content.decode()
    assert "Secret Tower" not in answer.content.decode()
    assert rows_of(answer) == []


def test_tabs_pages_and_rows_keep_the_filter(company: Company, accountant: User, as_user: Any) -> None:
    for at in range(60):
        posting.release(given(company, f"N-{at:02}", vendor="Delta", amount=str(at + 1)))
    posting.release(given(company, "OTHER", vendor="Omega"))
    client = as_user(accountant)
    first = client.get("/invoices/?vendor=Delta&sort=amount&col=vendor&col=amount")
    assert rows_of(first) == [f"N-{at:02}" for at in range(50)]
    kept = QueryDict("vendor=Delta&sort=amount&col=vendor&col=amount")
    row = first.context["rows"][0]
    assert QueryDict(row["url"].partition("?")[2]) == kept
    assert row["url"].replace("&", "&amp;") in first.content.decode()
    for tab in first.context["tabs"]:
        assert QueryDict(tab["query"])["vendor"] == "Delta"
    assert {tab["name"]: tab["count"] for tab in first.context["tabs"]} == {
        "all": "60",
        "attention": "0",
        "ready": "60",
        "syncing": "0",
        "synced": "0",
        "skipped": "0",
    }
    second = client.get(f"/invoices/?{first.context['next_query']}")
    assert rows_of(second) == [f"N-{at:02}" for at in range(50, 60)]
    assert [head["name"] for head in first.context["heads"]] == ["vendor", "amount"]
    assert "Project</th>" not in first.content.decode()


def test_the_total_is_that_of_all_pages_by_currency(company: Company, accountant: User, as_user: Any) -> None:
    for at in range(55):
        given(company, f"N-{at}", amount="10.10")
    given(company, "E-1", amount="7.00", currency="EUR")
    page = as_user(accountant).get("/invoices/").context["page"]
    assert page.totals == [("EUR", Decimal("7.00")), ("USD", Decimal("555.50"))]
    assert as_user(accountant).get("/invoices/?q=N-3").context["page"].totals == [("USD", Decimal("111.10"))]


def test_too_many_to_count_is_said_and_their_total_worked_out_when_asked(
    company: Company, accountant: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("filtering", "invoice_list", "list_presenting"):
        monkeypatch.setattr(f"accounting.{module}.COUNT_CAP", 3)
    monkeypatch.setattr(invoice_list, "TAB_CAP", 2)
    monkeypatch.setattr("accounting.list_presenting.TAB_CAP", 2)
    for at in range(5):
        posting.release(given(company, f"N-{at}"))
    client = as_user(accountant)
    shown = client.get("/invoices/")
    assert shown.context["count_words"] == "3+"
    assert [tab["count"] for tab in shown.context["tabs"]] == ["3+", "0", "2+", "0", "0", "0"]
    assert "Work out their total" in shown.content.decode()
    assert len(rows_of(shown)) == 5
    assert client.get("/invoices/?total=1").context["page"].totals == [("USD", Decimal("50.00"))]


def test_those_that_wait_for_approval_are_in_all_and_the_page_says_so(
    company: Company, accountant: User, as_user: Any
) -> None:
    Invoice.objects.filter(pk=given(company, "W-1").pk).update(state="submitted")
    answer = as_user(accountant).get("/invoices/")
    assert rows_of(answer) == ["W-1"]
    assert "1 waits for approval" in answer.content.decode()


@pytest.mark.parametrize("query", ["", "tab=attention", "q=Delta", "vendor=Delta&sort=vendor", "from=2026-01-01"])
def test_the_number_of_queries_is_the_same_for_any_number_of_invoices(
    query: str, company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    client, asked = as_user(accountant), set()
    for at in range(3):
        for each in range(1 + at * 8):
            bill = posting.release(given(company, f"N-{at}-{each}", vendor=f"Delta {each % 3}"))
            put(bill, "failed" if each % 2 else "synced", "refused" if each % 2 else "", integration=quickbooks)
        if at == 0:
            put(posting.release(given(company, "F", vendor="Delta 0")), "failed", "refused")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/invoices/?{query}").status_code == 200
        asked.add(len(queries))
    assert len(asked) == 1
    assert max(asked) <= 24


NASTY = "=cmd|' /C calc'!A0"


def _nasty(company: Company) -> None:
    posting.release(
        given(
            company,
            "+1",
            vendor=NASTY,
            on=date(2026, 11, 2),
            due=date(2026, 12, 1),
            amount="-1234.50",
            commitment="@SUM(A1)",
            project_name='\tTower, "East"',
            project_procore_id=7,
        )
    )
    posting.release(given(company, "N-1", amount="10.00"))


def test_csv_is_the_filter_in_its_order_with_plain_numbers_and_no_formula(
    company: Company, viewer: User, as_user: Any
) -> None:
    _nasty(company)
    answer = as_user(viewer).get("/invoices/export.csv?sort=amount")
    assert answer.streaming
    assert answer["Content-Disposition"].startswith('attachment; filename="invoices-')
    raw = content(answer)
    assert raw.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
    assert (first["Number"], first["Vendor"], first["Commitment"]) == ("'+1", f"'{NASTY}", "'@SUM(A1)")
    assert (first["Invoice date"], first["Due date"], first["Amount due"]) == ("2026-11-02", "2026-12-01", "-1234.50")
    assert (second["Number"], second["Amount due"], second["Status"]) == ("N-1", "10.00", "Ready to sync")
    for cells in (first, second):
        assert not any(str(cell).startswith(("=", "+", "@", "\t", "\r")) for cell in cells.values())


def test_excel_is_the_same_with_days_and_numbers_as_such_and_its_head_frozen(
    company: Company, accountant: User, as_user: Any
) -> None:
    _nasty(company)
    raw = content(as_user(accountant).get("/invoices/export.xlsx?sort=amount"))
    sheet = load_workbook(io.BytesIO(raw)).active
    assert sheet is not None
    assert sheet.freeze_panes == "A2"
    heads = [cell.value for cell in sheet[1]]
    cells = dict(zip(heads, sheet[2], strict=True))
    assert (cells["Number"].value, cells["Number"].data_type) == ("+1", "s")
    assert (cells["Vendor"].value, cells["Vendor"].data_type) == (NASTY, "s")
    assert cells["Amount due"].value == -1234.5
    assert cells["Invoice date"].value == datetime(2026, 11, 2)
    assert b"<f>" not in raw


def test_exports_have_all_pages_of_the_filter_and_nobody_elses(
    company: Company, other_company: Company, accountant: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounting.exporting.BATCH", 7)
    for at in range(60):
        posting.release(given(company, f"N-{at:02}", amount=str(at % 5 + 1)))
    given(other_company, "THEIRS")
    client = as_user(accountant)
    query = "sort=-amount&least=2"
    raw = content(client.get(f"/invoices/export.csv?{query}")).decode("utf-8-sig")
    told = [row["Number"] for row in csv.DictReader(io.StringIO(raw))]
    wanted = filtering.read(company, QueryDict(query))
    assert told == [invoice.number for invoice in filtering.invoices(company, wanted)]
    assert len(told) == 48


def test_chosen_rows_alone_are_exported_and_without_any_what_the_list_shows(
    company: Company, viewer: User, as_user: Any
) -> None:
    for number in ("A", "B", "C"):
        posting.release(given(company, number, vendor="Omega" if number == "C" else "Delta"))
    client = as_user(viewer)
    chosen = str(Invoice.objects.get(number="B").public_id)
    for given_, found in (({"row": chosen}, ["B"]), ({}, ["A", "B"])):
        answer = client.post("/invoices/export.csv", {"filter": "vendor=Delta&sort=number"} | given_)
        rows = csv.DictReader(io.StringIO(content(answer).decode("utf-8-sig")))
        assert [row["Number"] for row in rows] == found


def test_more_than_excel_is_given_is_said(
    company: Company, accountant: User, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounting.exporting.EXCEL_ROWS", 1)
    for number in ("A", "B"):
        given(company, number)
    answer = as_user(accountant).get("/invoices/export.xlsx", follow=True)
    assert "Narrow the filters, or take the CSV" in answer.content.decode()


def test_a_bill_that_needs_a_decision_says_so_in_the_list(
    company: Company, quickbooks: Integration, accountant: User, as_user: Any
) -> None:
    put(posting.release(given(company, "A")), "synced", books_state="changed", integration=quickbooks)
    put(posting.release(given(company, "B")), "synced", integration=quickbooks)
    Invoice.objects.filter(number="B").update(source_state="deleted")
    answer = as_user(accountant).get("/invoices/?sort=number&tab=attention")
    assert [row["status"]["word"] for row in answer.context["rows"]] == ["Changed in QuickBooks", "Deleted in Procore"]
    assert Bill.objects.count() == 2
