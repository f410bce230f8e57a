"""Bills as qbXML: the same rows give the same bytes, exact to the cent, within QuickBooks' lengths."""

from __future__ import annotations

import re
import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting import posting
from accounting.models import Bill, BillChange, Integration, ListEntry
from qbd import document, qbxml
from tests.quickbooks.qbd.given import NUMBERS, bill, books, built, change, element, entry, frozen, resolved, row, there

Kind = ListEntry.Kind
CREDIT = Bill.Kind.VENDOR_CREDIT
TERM = {"due_date_rule": Integration.DueDate.TERM, "term": entry(Kind.TERM, "80000003-1600000000")}
WORDS = st.text(max_size=80) | st.text(alphabet="aé€–…·“\n\t&<>łﬁ日", max_size=80)
MONEY = st.decimals("-9999999.99", "9999999.99", places=2)
LINES = st.lists(st.tuples(WORDS, MONEY.map(str)), min_size=1, max_size=20)


def tags(found: Any) -> list[str]:
    return [child.tag for child in found]


def amounts(found: Any) -> list[str]:
    return [line.findtext("Amount") for line in found if "Line" in line.tag and line.find("Amount") is not None]


def test_a_bill_says_everything_an_accountant_asks_for() -> None:
    asked = built(bill(due_date=date(2026, 12, 3)), held="-100.01", released="45.45")
    assert (asked.tag, asked.get("requestID")) == ("BillAddRq", "bill-000000000000")
    [body] = asked
    head = ["VendorRef", "APAccountRef", "TxnDate", "DueDate", "RefNumber", "Memo", "ExternalGUID"]
    assert tags(body) == [*head, *["ExpenseLineAdd"] * 3]
    assert body.findtext("VendorRef/ListID") == "80000012-1700000000"
    assert body.findtext("APAccountRef/ListID") == "80000020-1600000000"
    assert [body.findtext(name) for name in ("TxnDate", "DueDate", "RefNumber")] == [
        "2026-11-03",
        "2026-12-03",
        "INV-1",
    ]
    memo = body.findtext("Memo")
    assert memo == (
        "Procore 1017 Riverside Church - SC-001 - invoice no. INV-1 - approved by Dana on 2026-11-02 - "
        "Footings, phase 2 - [inBuild 000000000000]"
    )
    assert amounts(body) == ["1000.10", "-100.01", "45.45"]
    line = body.findall("ExpenseLineAdd")[0]
    assert tags(line) == ["AccountRef", "Amount", "Memo", "CustomerRef", "ClassRef", "BillableStatus"]
    assert [line.findtext(name) for name in ("Memo", "BillableStatus")] == ["03-300 - Concrete", "NotBillable"]
    assert [one.findtext("Memo") for one in body.findall("ExpenseLineAdd")[1:]] == [
        "Retainage withheld",
        "Retainage released",
    ]
    assert re.fullmatch(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}", body.findtext("ExternalGUID"))


def test_by_items() -> None:
    body = built(bill(), held="-100.01", by=Kind.ITEM)[0]
    first, retainage = body.findall("ItemLineAdd")
    assert tags(first) == ["ItemRef", "Desc", "Quantity", "Cost", "Amount", "CustomerRef", "ClassRef", "BillableStatus"]
    assert [first.findtext(name) for name in ("Quantity", "Cost", "Amount")] == ["1", "1000.10", "1000.10"]
    assert [retainage.findtext(name) for name in ("Quantity", "Cost", "Amount")] == ["1", "-100.01", "-100.01"]
    mixed = built(bill(), held="-1.00", by=Kind.ITEM, retainage=entry(Kind.ACCOUNT))[0]
    assert tags(mixed)[-2:] == ["ExpenseLineAdd", "ItemLineAdd"]


def test_without_a_customer_nothing_is_said_about_billing_it() -> None:
    line = built(bill(), customer=None)[0].find("ExpenseLineAdd")
    assert tags(line) == ["AccountRef", "Amount", "Memo", "ClassRef"]
    assert tags(built(bill(), books(class_tracking=""), customer=None)[0].find("ExpenseLineAdd")) == [
        "AccountRef",
        "Amount",
        "Memo",
    ]


@pytest.mark.parametrize(
    ("settings", "invoice", "due", "term"),
    [
        ({}, {}, None, None),
        ({}, {"due_date": date(2026, 12, 3)}, "2026-12-03", None),
        ({}, {"due_date": date(2026, 10, 3)}, "2026-11-03", None),
        ({}, {"due_date": date(2026, 12, 3), "posting_date": date(2027, 1, 1)}, "2027-01-01", None),
        (
            {"due_date_rule": Integration.DueDate.DAYS, "due_days": 45},
            {"due_date": date(2026, 12, 3)},
            "2026-12-18",
            None,
        ),
        (TERM, {"due_date": date(2026, 12, 3)}, None, "80000003-1600000000"),
        ({"due_date_rule": Integration.DueDate.TERM}, {"due_date": date(2026, 12, 3)}, "2026-12-03", None),
    ],
)
def test_when_it_is_due(settings: Any, invoice: Any, due: str | None, term: str | None) -> None:
    body = built(bill(**invoice), books(**settings))[0]
    assert (body.findtext("DueDate"), body.findtext("TermsRef/ListID")) == (due, term)


def test_a_vendor_credit_turns_every_sign_and_is_never_due() -> None:
    credit = bill([("Back charge", "-250.00"), ("Freight", "20.00")], kind=CREDIT, due_date=date(2026, 12, 3))
    asked = built(credit, books(**TERM), held="-5.00")
    assert asked.tag == "VendorCreditAddRq"
    head = ["VendorRef", "APAccountRef", "TxnDate", "RefNumber", "Memo", "ExternalGUID"]
    assert tags(asked[0])[:6] == head
    assert amounts(asked[0]) == ["250.00", "-20.00", "5.00"]
    told = frozen(credit, held="-5.00")
    assert (told.kind, told.total) == (CREDIT, Decimal("235.00"))


def test_a_moved_posting_date_says_the_invoices_own_in_the_memo() -> None:
    body = built(bill(posting_date=date(2027, 1, 1)))[0]
    assert body.findtext("TxnDate") == "2027-01-01"
    assert "invoice date 2026-11-03" in body.findtext("Memo")


def test_what_is_not_chosen_must_have_been_held_before() -> None:
    with pytest.raises(ValueError, match="accounts payable"):
        built(bill(), books(ap_account=None))
    with pytest.raises(ValueError, match="retainage"):
        built(bill(), held="-1.00", retainage=None)


# --- for every bill ---------------------------------------------------------------------------------------------------
@given(
    lines=LINES,
    held=MONEY.map(lambda amount: str(-abs(amount))),
    released=MONEY.map(lambda amount: str(abs(amount))),
    number=NUMBERS,
    memo=WORDS,
    kind=st.sampled_from(Bill.Kind.values),
    by=st.sampled_from([Kind.ACCOUNT, Kind.ITEM]),
)
def test_every_bill(
    lines: list[tuple[str, str]], held: str, released: str, number: str, memo: str, kind: str, by: str
) -> None:
    one = bill(lines, kind=kind, number=number, memo=memo)
    found = resolved(one, held=held, released=released, by=by)
    made = document.build(one, books(), found)
    assert made == document.build(one, books(), found)
    assert made.isascii()
    body = element(made)[0]
    assert all(re.fullmatch(r"-?\d{1,13}\.\d\d", amount) for amount in amounts(body))
    due = sum((Decimal(amount) for _, amount in lines), Decimal(held) + Decimal(released))
    sign = -1 if kind == CREDIT else 1
    assert sum(map(Decimal, amounts(body)), Decimal(0)) == sign * due
    one.payload = made
    told = document.frozen(one)
    assert told.total == sign * due
    assert told.number == document.ref_number(number) == document.ref_number(told.number)
    assert 1 <= len(told.number) <= 20
    assert body.findtext("Memo").endswith(f" - {one.marker}")
    for long in body.iter("Memo", "Desc"):
        assert len(long.text or "") <= 4095


@pytest.mark.parametrize("memo", ["x" * 9000, "…" * 4095, "· " * 3000])
def test_the_longest_memo_keeps_its_marks(memo: str) -> None:
    one = bill(memo=memo)
    told = built(one)[0].findtext("Memo")
    assert 4000 < len(told) <= 4095
    assert told.endswith(f" - {one.marker}")
    updated = change(one)
    again = element(document.of_change(updated, there(), None, as_now))[0].findtext("Memo")
    assert len(again) <= 4095
    assert again.endswith(f" {one.marker} {updated.marker}")


def test_long_numbers_are_cut_to_what_each_books_take() -> None:
    number = "REQ-2026-0001-ELECTRICAL-ROUGH-IN"
    for length in (20, 21):
        short = posting.bill_number(number, length)
        assert len(short) == length
        assert short.startswith("REQ-2026-0001")
        assert short == posting.bill_number(number, length) != posting.bill_number(number + "X", length)
        assert posting.bill_number("A" * length, length) == "A" * length
    assert posting.bill_number(number) == posting.bill_number(number, 21)
    assert document.ref_number(number) == posting.bill_number(number, 20)
    assert document.ref_number("№ 7 – é") == "No 7 - é"
    assert document.ref_number("発票") != document.ref_number("発") != ""


def test_each_generation_has_its_own_id_in_quickbooks() -> None:
    first, second = bill(generation=1), bill(generation=2)
    assert document.external_guid(first) == document.external_guid(bill(generation=1))
    assert document.external_guid(first) != document.external_guid(second)
    other = bill()
    other.uid = uuid.uuid4()
    assert document.external_guid(first) != document.external_guid(other)
    assert frozen(first).guid == document.external_guid(first)


def test_a_frozen_bill_says_what_left_whatever_our_rows_say_by_now() -> None:
    one = bill(number="INV-9")
    told = frozen(one, held="-0.10")
    one.invoice.number = "INV-10"
    assert document.frozen(one) == told
    assert (told.number, told.vendor_id, told.date, told.total) == (
        "INV-9",
        "80000012-1700000000",
        "2026-11-03",
        Decimal("1000.00"),
    )
    with pytest.raises(ValueError, match="never|not frozen"):
        document.frozen(bill())


# --- changes ----------------------------------------------------------------------------------------------------------
def as_now(of: Bill) -> bytes:
    return document.build(of, books(), resolved(of))


def by_items(of: Bill) -> bytes:
    return document.build(of, books(), resolved(of, by=Kind.ITEM))


def test_an_update_names_the_version_and_makes_every_line_anew() -> None:
    updated = change(bill([("Concrete", "250.00"), ("Pump", "50.00")]))
    asked = element(document.of_change(updated, there(sync_token="42"), None, as_now))
    assert (asked.tag, asked.get("requestID")) == ("BillModRq", "update-0000004d0000")
    [body] = asked
    head = ["TxnID", "EditSequence", "VendorRef", "APAccountRef", "TxnDate", "RefNumber", "Memo"]
    assert tags(body) == [*head, "ExpenseLineMod", "ExpenseLineMod", "ClearItemLines"]
    assert (body.findtext("TxnID"), body.findtext("EditSequence")) == ("1CB780-1785332667", "42")
    assert [line.findtext("TxnLineID") for line in body.findall("ExpenseLineMod")] == ["-1", "-1"]
    assert amounts(body) == ["250.00", "50.00"]
    assert body.findtext("Memo").endswith(f"phase 2 {updated.bill.marker} {updated.marker}")
    assert body.findtext("Memo").count("[inBuild") == 1
    items = element(document.of_change(updated, there(), None, by_items))[0]
    assert [tag for tag in tags(items) if "Line" in tag] == ["ClearExpenseLines", "ItemLineMod", "ItemLineMod"]
    with pytest.raises(ValueError, match="no version"):
        document.of_change(updated, there(sync_token=""), None, as_now)


def test_an_update_keeps_what_a_bookkeeper_added() -> None:
    shown = row(
        "<BillRet><VendorRef><ListID>80000099-1</ListID></VendorRef><DueDate>2026-12-24</DueDate>"
        "<RefNumber>EDITED</RefNumber><TermsRef><ListID>80000009-1</ListID><FullName>Net 45</FullName></TermsRef>"
        "<Memo>typed over</Memo><ExchangeRate>1.25</ExchangeRate></BillRet>"
    )
    body = element(document.of_change(change(bill()), there(), shown, as_now))[0]
    assert body.findtext("DueDate") == "2026-12-24"
    assert body.findtext("TermsRef/ListID") == "80000009-1"
    assert body.find("TermsRef/FullName") is None
    assert body.findtext("ExchangeRate") == "1.25"
    assert body.findtext("RefNumber") == "INV-1"
    assert body.findtext("VendorRef/ListID") == "80000012-1700000000"
    assert "typed over" not in body.findtext("Memo")
    ours = element(document.of_change(change(bill(due_date=date(2026, 11, 30))), there(), shown, as_now))[0]
    assert ours.findtext("DueDate") == "2026-11-30"
    late = element(document.of_change(change(bill(posting_date=date(2027, 1, 1))), there(), shown, as_now))[0]
    assert late.find("DueDate") is None


def test_a_deletion_names_kind_and_id() -> None:
    for kind, name in ((Bill.Kind.BILL, "Bill"), (CREDIT, "VendorCredit")):
        asked = element(document.of_change(change(bill(kind=kind), BillChange.Kind.DELETE), there(), None, as_now))
        assert [(one.tag, one.text) for one in asked] == [("TxnDelType", name), ("TxnID", "1CB780-1785332667")]


def test_a_vendor_credit_is_updated_as_one() -> None:
    credit = change(bill([("Back charge", "-250.00")], kind=CREDIT))
    asked = element(document.of_change(credit, there(), row("<VendorCreditRet/>"), as_now))
    assert asked.tag == "VendorCreditModRq"
    assert amounts(asked[0]) == ["250.00"]


# --- vendors ----------------------------------------------------------------------------------------------------------
def test_a_vendor_is_added_under_a_name_that_quickbooks_holds() -> None:
    key = uuid.UUID(int=42)
    asked = element(document.vendor_add("Söhne & Co: “Rebar” " + "x" * 80, key))
    [body] = asked
    assert tags(body) == ["Name", "CompanyName", "ExternalGUID"]
    assert body.findtext("Name") == ('Söhne & Co- "Rebar" ' + "x" * 80)[:41]
    assert body.findtext("ExternalGUID") == "{00000000-0000-0000-0000-00000000002A}"
    assert document.vendor_add("Acme", key) == document.vendor_add("Acme", key)
    with pytest.raises(ValueError, match="cannot hold"):
        document.vendor_add("日本", key)


def test_requests_that_were_kept_as_bytes_leave_unchanged() -> None:
    made = document.build(bill(), books(), resolved(bill()))
    assert made.decode("ascii") in qbxml.message_set([element(made)], new_id="ib-1")
