"""Mappings as a file: safe in a spreadsheet, looked at first, all or nothing."""

from __future__ import annotations

import csv
import html
import io
import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounting.models import Integration, ListEntry, Mapping
from companies.models import Company, User
from invoices.models import Vendor
from tests.quickbooks.accounting.given import approved, post, posted
from tests.support import work
from tests.support.emulated import IntuitEmulator

pytestmark = pytest.mark.django_db
PAGE = "/settings/accounting/mapping/"


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    work.no_bell(monkeypatch)


@pytest.fixture
def books(quickbooks: Integration) -> Integration:
    Integration.objects.update(creates_vendors=False)
    quickbooks.refresh_from_db()
    return quickbooks


@pytest.fixture
def client(accountant: User, as_user: Any) -> Client:
    signed_in: Client = as_user(accountant)
    return signed_in


def downloaded(client: Client) -> list[list[str]]:
    body = b"".join(client.get(f"{PAGE}download/?tab=vendors").streaming_content)  # type: ignore[attr-defined]
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


def uploaded(client: Client, rows: list[list[str]], delimiter: str = ",") -> Any:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return client.post(
        f"{PAGE}upload/?tab=vendors", {"file": SimpleUploadedFile("m.csv", out.getvalue().encode("utf-8-sig"))}
    )


def wanted(answer: Any) -> str:
    _, _, rest = answer.content.decode().partition('name="wanted" value="')
    return html.unescape(rest.split('"')[0])


def test_out_and_in_again_frees_what_waited(
    company: Company, books: Integration, intuit: IntuitEmulator, client: Client
) -> None:
    for number in range(3):
        posted(company, approved(company, f"F-{number}"))
    rows = downloaded(client)
    mine = next(row for row in rows if row[1] == "Apex Electrical")
    assert mine[2:] == ["", "", "3", "3000.00"]
    theirs = ListEntry.objects.filter(integration=books, kind="vendor", active=True)[0]
    mine[2] = theirs.name
    answer = uploaded(client, rows, delimiter=";")
    assert "1 would change" in answer.content.decode()
    assert not Mapping.objects.exists()
    answer = client.post(f"{PAGE}apply/?tab=vendors", {"wanted": wanted(answer)}, follow=True)
    assert "3 waiting invoices, 3,000.00 USD, went on to QuickBooks." in answer.content.decode()
    post(company, 2)
    assert len(intuit.bills()) == 3


def test_names_cannot_become_formulas_and_come_back_unchanged(
    company: Company, books: Integration, client: Client
) -> None:
    for name in ('=HYPERLINK("http://x")', "+1", "-2", "@x"):
        Vendor.objects.create(company=company, name=name)
    entry = ListEntry.objects.create(company=company, integration=books, kind="vendor", external_id="f", name="=Vendor")
    rows = downloaded(client)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    mine = next(row for row in rows if "HYPERLINK" in row[1])
    mine[2] = "'=Vendor"
    client.post(f"{PAGE}apply/?tab=vendors", {"wanted": wanted(uploaded(client, rows))})
    assert Mapping.objects.get().entry == entry
    assert "There is nothing to change" in uploaded(client, downloaded(client)).content.decode()


def test_every_mistake_is_named_by_its_line_and_nothing_is_done(
    company: Company, other_company: Company, books: Integration, client: Client
) -> None:
    vendor = Vendor.objects.create(company=company, name="Apex Electrical")
    foreign = Vendor.objects.create(company=other_company, name="CANARY")
    theirs = ListEntry.objects.filter(integration=books, kind="vendor", active=True)[0].name
    rows = [
        ["Key", "inBuild", "QuickBooks"],
        [f"vendor:{vendor.pk}", "", theirs],
        [f"vendor:{vendor.pk}", "", theirs],
        [f"vendor:{foreign.pk}", "", theirs],
        ["nonsense", "", theirs],
        [],
        [f"vendor:{vendor.pk}"],
    ]
    answer = uploaded(client, rows)
    assert answer.status_code == 422
    said = html.unescape(answer.content.decode())
    assert "Line 3: Apex Electrical stands in line 2 already." in said
    assert f"Line 4: inBuild has no vendor with the key “vendor:{foreign.pk}”." in said
    assert "Line 5:" in said
    assert "CANARY" not in said
    assert 'name="wanted"' not in said
    unknown = uploaded(client, [rows[0], [f"vendor:{vendor.pk}", "", "Nobody"]])
    assert "Line 2: QuickBooks has no active vendor called “Nobody”." in html.unescape(unknown.content.decode())
    assert not Mapping.objects.exists()


@pytest.mark.parametrize("body", [b"", b"a,b\n1,2", b"\xff\xfe\x00", b"PK\x03\x04\x00\x00", b'Key,QuickBooks\n"x'])
def test_a_file_that_is_no_csv_is_a_sentence(body: bytes, books: Integration, client: Client) -> None:
    answer = client.post(f"{PAGE}upload/?tab=vendors", {"file": SimpleUploadedFile("m.csv", body)})
    assert answer.status_code == 422
    assert b'role="alert"' in answer.content


@pytest.mark.parametrize("given", ["", "[]", "[[1]]", '[["vendor:1", 999999999]]', "{}", "null", '[["vendor:1", "x"]]'])
def test_what_was_not_shown_is_not_done(given: str, books: Integration, client: Client) -> None:
    answer = client.post(f"{PAGE}apply/?tab=vendors", {"wanted": given}, follow=True)
    assert b"Nothing was changed." in answer.content
    assert not Mapping.objects.exists()


def test_five_thousand_lines(company: Company, books: Integration, client: Client) -> None:
    Vendor.objects.bulk_create(Vendor(company=company, name=f"Vendor {number}") for number in range(5000))
    ListEntry.objects.bulk_create(
        ListEntry(company=company, integration=books, kind="vendor", external_id=f"x{number}", name=f"V {number}")
        for number in range(5000)
    )
    rows = [[row[0], row[1], row[1].replace("Vendor", "V")] for row in downloaded(client)[1:]]
    started = time.monotonic()
    answer = uploaded(client, [["Key", "inBuild", "QuickBooks"], *rows])
    client.post(f"{PAGE}apply/?tab=vendors", {"wanted": wanted(answer)})
    assert Mapping.objects.count() == 5000
    assert time.monotonic() - started < 60
