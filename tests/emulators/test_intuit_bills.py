"""Bills of the Intuit emulator: strictness, SyncToken, duplicates, closed books, totals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulators.test_intuit_client import (
    DETAIL,
    ITEM_DETAIL,
    Qbo,
    bill,
    emulator,
    error_of,
    fresh,
    item_line,
    line,
)

Change = dict[str, Any]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def test_create_fills_in_what_was_left_out(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="A-1", SalesTermRef={"value": "3"})
    assert made["SyncToken"] == "0"
    assert isinstance(made["Id"], str)
    assert (made["domain"], made["sparse"]) == ("QBO", False)
    assert made["VendorRef"] == {"value": "46", "name": "Norton Lumber and Building Materials"}
    assert made["APAccountRef"] == {"value": "33", "name": "Accounts Payable (A/P)"}
    assert made["CurrencyRef"] == {"value": "USD", "name": "United States Dollar"}
    assert (made["TxnDate"], made["DueDate"]) == ("2026-03-31", "2026-04-30")
    assert (made["TotalAmt"], made["Balance"]) == (200.0, 200.0)
    assert made["Line"][0]["Id"] == "1"
    assert made["Line"][0][DETAIL]["TaxCodeRef"] == {"value": "NON"}
    assert made["MetaData"]["CreateTime"] == made["MetaData"]["LastUpdatedTime"]
    assert "DocNumber" not in qbo.create_bill()
    assert qbo.get(f"bill/{made['Id']}").json()["Bill"] == made


def test_money_goes_out_with_two_decimals_and_sent_totals_are_ignored(qbo: Qbo) -> None:
    answer = qbo.post("bill", bill(TotalAmt=5, Balance=1, Line=[line(0.1), line(0.2), line(100)]))
    assert '"TotalAmt":100.30,' in answer.text
    assert '"Amount":0.10,' in answer.text


def test_txn_date_defaults_to_the_servers_date(qbo: Qbo) -> None:
    qbo.control("POST", "clock", {"offset_seconds": 400 * 86400})
    qbo.tokens = qbo.exchange(qbo.consent()["code"])
    assert qbo.create_bill(TxnDate=None)["TxnDate"] > "2027-01-01"


TOO_LONG = [
    ({"PrivateNote": "x" * 4001}, "2050"),
    ({"DocNumber": "x" * 22}, "6000"),
    ({"Line": [line(Description="x" * 4001)]}, "2050"),
]
UNKNOWN = [
    {"Foo": 1},
    {"Memo": "desktop only"},
    {"Line": [line(Foo=1)]},
    {"Line": [line(**{DETAIL: {"AccountRef": {"value": "80"}, "ProjectRef": {"value": "1"}}})]},
    {"VendorRef": {"value": "46", "Name": "capital"}},
]
MISSING = [
    {"VendorRef": None},
    {"VendorRef": {}},
    {"VendorRef": {"name": "only a name"}},
    {"Line": None},
    {"Line": []},
    {"Line": [{"DetailType": DETAIL, DETAIL: {"AccountRef": {"value": "80"}}}]},
    {"Line": [line(**{DETAIL: {}})]},
    {"Line": [{"Amount": 5, "DetailType": DETAIL}]},
    {"Line": [{"Amount": 5, DETAIL: {"AccountRef": {"value": "80"}}}]},
]
UNKNOWN_REFERENCES = [
    ({"VendorRef": {"value": "61"}}, "Names element id 61 not found"),
    ({"VendorRef": {"value": "9999"}}, "Names element id 9999 not found"),
    ({"APAccountRef": {"value": "777"}}, "Accounts element id 777 not found"),
    ({"SalesTermRef": {"value": "9"}}, "Terms element id 9 not found"),
    ({"DepartmentRef": {"value": "9"}}, "Depts element id 9 not found"),
    ({"Line": [line(**{DETAIL: {"AccountRef": {"value": "7777"}}})]}, "Accounts element id 7777 not found"),
    ({"Line": [item_line(ClassRef={"value": "9"})]}, "Klasses element id 9 not found"),
    ({"Line": [item_line(CustomerRef={"value": "46"})]}, "Names element id 46 not found"),
    ({"Line": [item_line(ItemRef={"value": "999"})]}, "Items element id 999 not found"),
]
BAD_VALUES = [
    ({"TxnDate": "31.03.2026"}, "2030"),
    ({"TxnDate": ""}, "2030"),
    ({"Line": [line("200.00")]}, "2080"),
    ({"Line": [line(True)]}, "2080"),
    ({"Line": [line(1e20)]}, "2080"),
    ({"Line": [item_line(BillableStatus="Perhaps")]}, "2170"),
    ({"Line": [line(DetailType="SalesItemLineDetail")]}, "2170"),
    ({"Line": "none"}, "2030"),
    ({"Line": [item_line(TaxCodeRef={"value": "5"})]}, "2500"),
    ({"VendorRef": "46"}, "2030"),
]
RULES = [
    ({"APAccountRef": {"value": "1"}}, "6000"),
    ({"Line": [line(-5)]}, "6000"),
    ({"Line": [line(5), line(-5)]}, "6000"),
    ({"Line": [item_line(100, Qty=2, UnitPrice=49)]}, "6070"),
    ({"Line": [item_line(ItemRef={"value": "34"})]}, "6000"),
    ({"CurrencyRef": {"value": "EUR"}}, "6000"),
    ({"CurrencyRef": {"value": "XYZ"}}, "2500"),
    ({"Line": [item_line(BillableStatus="Billable", CustomerRef={"value": "61"})]}, "5020"),
]


@pytest.mark.parametrize(("change", "code"), TOO_LONG + BAD_VALUES + RULES)
def test_refusals(qbo: Qbo, change: Change, code: str) -> None:
    before = qbo.bill_numbers()
    assert error_of(qbo.post("bill", bill(**change)))[:2] == (400, code)
    assert qbo.bill_numbers() == before


@pytest.mark.parametrize("change", UNKNOWN)
def test_unknown_properties(qbo: Qbo, change: Change) -> None:
    status, code, detail = error_of(qbo.post("bill", bill(**change)))
    assert (status, code) == (400, "2010")
    assert "Unrecognized field" in detail


@pytest.mark.parametrize("change", MISSING)
def test_missing_values(qbo: Qbo, change: Change) -> None:
    assert error_of(qbo.post("bill", bill(**change)))[:2] == (400, "2020")


@pytest.mark.parametrize(("change", "detail"), UNKNOWN_REFERENCES)
def test_unknown_references(qbo: Qbo, change: Change, detail: str) -> None:
    assert error_of(qbo.post("bill", bill(**change))) == (400, "2500", f"Invalid Reference Id : {detail}")


def test_several_errors_come_at_once(qbo: Qbo) -> None:
    answer = qbo.post("bill", bill(Foo=1, Bar=2, PrivateNote="x" * 4001))
    assert [error["code"] for error in answer.json()["Fault"]["Error"]] == ["2010", "2010", "2050"]


def test_inactive_references(qbo: Qbo) -> None:
    inactive_account = line(**{DETAIL: {"AccountRef": {"value": "102"}}})
    for change in ({"VendorRef": {"value": "81"}}, {"Line": [inactive_account]}):
        status, code, detail = error_of(qbo.post("bill", bill(**change)))
        assert (status, code) == (400, "610")
        assert "has been made inactive" in detail


def test_lengths_at_the_limit_are_accepted(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="x" * 21, PrivateNote="é" * 4000)
    assert len(made["PrivateNote"]) == 4000
    qbo.switch(docnumber_too_long="2050")
    assert error_of(qbo.post("bill", bill(DocNumber="x" * 22)))[1:] == ("2050", "Length of the field exceeds 21 chars")


def test_an_item_line_without_item_loses_its_amount(qbo: Qbo) -> None:
    lost = {"DetailType": ITEM_DETAIL, "Amount": 999.0, "Description": "note", ITEM_DETAIL: {"Qty": 1}}
    made = qbo.create_bill(Line=[line(100), lost])
    assert made["TotalAmt"] == 100.0
    assert "Amount" not in made["Line"][1]


def test_switches_for_what_the_reference_leaves_open(qbo: Qbo) -> None:
    qbo.switch(
        negative_bill_total="accept", zero_bill_total="accept", amount_as_string="accept", amount_mismatch="accept"
    )
    assert qbo.create_bill(Line=[line(-5)])["TotalAmt"] == -5.0
    assert qbo.create_bill(Line=[line(5), line(-5)])["TotalAmt"] == 0
    assert qbo.create_bill(Line=[line("12.50")])["TotalAmt"] == 12.5
    assert qbo.create_bill(Line=[item_line(100, Qty=2, UnitPrice=49)])["TotalAmt"] == 100.0
    assert qbo.create_bill(Line=[line(1.005)])["TotalAmt"] == 1.01
    qbo.switch(amount_decimals="refuse", max_lines=2, desktop_fields="ignore", empty_date_or_number="null")
    assert error_of(qbo.post("bill", bill(Line=[line(1.005)])))[1] == "2080"
    assert error_of(qbo.post("bill", bill(Line=[line()] * 3)))[1] == "6000"
    assert "Memo" not in qbo.create_bill(Memo="x")
    assert qbo.create_bill(DueDate="")["DueDate"] == "2026-03-31"


def test_full_update_nulls_what_is_left_out(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="U-1", PrivateNote="keep?", Line=[line(10), line(20)])
    change = bill(Id=made["Id"], SyncToken="0", Line=[{**line(25), "Id": "2"}, line(5)])
    updated = qbo.post("bill", change).json()["Bill"]
    assert (updated["SyncToken"], updated["TotalAmt"]) == ("1", 30.0)
    assert "DocNumber" not in updated
    assert "PrivateNote" not in updated
    assert [entry["Id"] for entry in updated["Line"]] == ["2", "3"]


def test_sparse_update_is_a_switch(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="S-1")
    sparse = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "added"}
    assert error_of(qbo.post("bill", sparse))[1] == "2020"
    qbo.switch(sparse_bill_update="500")
    assert error_of(qbo.post("bill", sparse))[1] == "500"
    qbo.switch(sparse_bill_update="honoured")
    updated = qbo.post("bill", sparse).json()["Bill"]
    assert (updated["DocNumber"], updated["PrivateNote"], updated["TotalAmt"]) == ("S-1", "added", 200.0)


def test_sync_token(qbo: Qbo) -> None:
    made = qbo.create_bill()
    change = bill(Id=made["Id"], SyncToken="0")
    assert qbo.post("bill", change).status_code == 200
    assert error_of(qbo.post("bill", change))[:2] == (400, "5010")
    assert error_of(qbo.post("bill", bill(Id=made["Id"])))[1] == "2020"
    assert error_of(qbo.post("bill", {"Id": made["Id"], "SyncToken": "0"}, operation="delete"))[1] == "5010"
    assert error_of(qbo.post("bill", bill(Id="99999", SyncToken="0")))[1] == "610"


def test_delete_and_read_afterwards(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="D-1")
    answer = qbo.post("bill", {"Id": made["Id"], "SyncToken": "0"}, operation="delete")
    assert answer.json()["Bill"] == {"status": "Deleted", "domain": "QBO", "Id": made["Id"]}
    status, code, detail = error_of(qbo.get(f"bill/{made['Id']}"))
    assert (status, code) == (400, "610")
    assert "Another user has deleted this transaction" in detail
    assert qbo.query("SELECT * FROM Bill WHERE DocNumber = 'D-1'") == {}
    kept = [entry for entry in qbo.control("GET", "ledger")["bills"] if entry["doc_number"] == "D-1"]
    assert [entry["deleted"] for entry in kept] == [True]


def test_duplicate_numbers_are_stopped_only_if_the_company_wants_it(qbo: Qbo) -> None:
    qbo.create_bill(DocNumber="N-1")
    second = qbo.create_bill(DocNumber="N-1")
    qbo.switch(warn_duplicate_bill_number=True)
    assert error_of(qbo.post("bill", bill(DocNumber="N-1")))[:2] == (400, "6140")
    assert qbo.post("bill", bill(DocNumber="N-1"), include="allowduplicatedocnum").status_code == 200
    assert qbo.post("bill", bill(DocNumber="N-1", VendorRef={"value": "47"})).status_code == 200
    qbo.switch(duplicate_scope="company")
    assert error_of(qbo.post("bill", bill(DocNumber="N-1", VendorRef={"value": "48"})))[1] == "6140"
    assert qbo.post("bill", bill(DocNumber="N-2", Id=second["Id"], SyncToken="0")).status_code == 200


def test_closed_books(qbo: Qbo) -> None:
    made = qbo.create_bill(TxnDate="2026-01-31")
    qbo.switch(book_close_date="2026-01-31")
    assert error_of(qbo.post("bill", bill(TxnDate="2026-01-31")))[:2] == (400, "6210")
    assert qbo.post("bill", bill(TxnDate="2026-02-01")).status_code == 200
    moved = bill(Id=made["Id"], SyncToken="0", TxnDate="2026-02-01")
    assert error_of(qbo.post("bill", moved))[1] == "6210"
    assert error_of(qbo.post("bill", {"Id": made["Id"], "SyncToken": "0"}, operation="delete"))[1] == "6210"


def test_several_currencies(qbo: Qbo) -> None:
    qbo.switch(multicurrency=True)
    assert error_of(qbo.post("bill", bill()))[1] == "2020"
    made = qbo.create_bill(CurrencyRef={"value": "USD"})
    assert (made["ExchangeRate"], made["HomeBalance"]) == (1, 200.0)
    euro = qbo.post("vendor", {"DisplayName": "Euro Stone", "CurrencyRef": {"value": "EUR"}}).json()["Vendor"]
    body = bill(VendorRef={"value": euro["Id"]}, CurrencyRef={"value": "USD"})
    assert error_of(qbo.post("bill", body))[1] == "6000"


def test_operations_a_bill_does_not_have(qbo: Qbo) -> None:
    made = qbo.create_bill()
    target = {"Id": made["Id"], "SyncToken": "0"}
    assert error_of(qbo.post("bill", target, operation="void"))[1] == "500"
    assert error_of(qbo.post("nonsense", target))[1] == "500"
    answer = qbo.call("POST", "bill", data=b'{"VendorRef": "\xff"}')
    assert error_of(answer)[1] == "500"
    lone = b'{"VendorRef":{"value":"46"},"PrivateNote":"\\ud800"}'
    assert error_of(qbo.call("POST", "bill", data=lone))[1] == "500"
    for junk in (b"", b"{", b"[]", b"null", b'{"Line": NaN}', b"[" * 100_000):
        assert error_of(qbo.call("POST", "bill", data=junk))[1] == "2010"


def test_company_status(qbo: Qbo) -> None:
    for status, http in (("120", 401), ("130", 503), ("6190", 400)):
        qbo.switch(realm=qbo.realm, company_status=status)
        assert error_of(qbo.post("bill", bill()))[:2] == (http, status)
    assert qbo.get("preferences").status_code == 200  # an ended subscription still lets read


def test_vendor_names(qbo: Qbo) -> None:
    made = qbo.post("vendor", {"DisplayName": "New Vendor", "TaxIdentifier": "123456789"}).json()["Vendor"]
    assert made["TaxIdentifier"] == "XXXXX6789"
    assert (made["Active"], made["Balance"]) == (True, 0)
    for taken in ("new vendor", "Harborview Development Group"):
        assert error_of(qbo.post("vendor", {"DisplayName": taken}))[:2] == (400, "6240")
    assert error_of(qbo.post("vendor", {"DisplayName": "a:b"}))[1] == "2030"
    assert error_of(qbo.post("vendor", {"DisplayName": "x" * 501}))[1] == "2050"
    assert error_of(qbo.post("vendor", {}))[1] == "2020"
    sparse = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Active": False}
    hidden = qbo.post("vendor", sparse).json()["Vendor"]
    assert hidden["DisplayName"] == "New Vendor (Deleted)"
    assert qbo.post("vendor", {"DisplayName": "New Vendor"}).status_code == 200
    assert error_of(qbo.post("vendor", sparse | {"SyncToken": "1"}, operation="delete"))[1] == "500"


def test_other_lists(qbo: Qbo) -> None:
    job = {"DisplayName": "Phase 3", "Job": True, "ParentRef": {"value": "67"}}
    made = qbo.post("customer", job).json()["Customer"]
    assert made["FullyQualifiedName"] == "Cedar Mill Apartments LP:Phase 3"
    account = {"Name": "Retention Payable 2", "AccountType": "Other Current Liability"}
    assert qbo.post("account", account).json()["Account"]["Classification"] == "Liability"
    assert error_of(qbo.post("account", account))[1] == "6240"
    assert error_of(qbo.post("account", {"Name": "No type"}))[1] == "2020"
    item = {"Name": "Extra", "Type": "Service", "ExpenseAccountRef": {"value": "80"}}
    assert qbo.post("item", item).json()["Item"]["ExpenseAccountRef"]["name"] == "Job Costs - Subcontractors"
    assert qbo.post("class", {"Name": "Tenant Work"}).json()["Class"]["Name"] == "Tenant Work"
    assert qbo.post("department", {"Name": "West"}).json()["Department"]["FullyQualifiedName"] == "West"
    assert error_of(qbo.post("term", {"Name": "x" * 32}))[1] == "2050"
    assert qbo.post("term", {"Name": "Net 90", "DueDays": 90}).json()["Term"]["DueDays"] == 90


def test_project_references(qbo: Qbo) -> None:
    made = qbo.create_bill(Line=[line(ProjectRef={"value": "39298034"})])
    assert made["Line"][0]["ProjectRef"] == {"value": "39298034"}
    qbo.switch(projects_enabled=False)
    assert error_of(qbo.post("bill", bill(Line=[line(ProjectRef={"value": "39298034"})])))[1] == "5020"
