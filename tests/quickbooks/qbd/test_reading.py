"""What QuickBooks Desktop shows is read in the house's words, whatever it leaves out."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from accounting.backends import Books, Done
from accounting.books import Applied, Entry
from accounting.models import Bill, ListEntry
from qbd import qbxml, queries, qwc, reading
from tests.quickbooks.qbd.given import REFERENCE, SCHEMA, example, row, with_examples, with_schema

Kind = ListEntry.Kind
BILL, CREDIT = Bill.Kind.BILL, Bill.Kind.VENDOR_CREDIT
GUID = "{0F9B3C1E-6A4D-5E2B-8C7F-1A2B3C4D5E6F}"
READERS = {
    "Bill": (reading.bill_shown, reading.done, lambda ret: reading.in_books(ret, marker="[inBuild 1017]")),
    "BillPaymentCheck": (reading.payment_shown,),
}


def ret(name: str) -> Any:
    return qbxml.read(example(name)).responses[0].rets[0]


def linked(*amounts: str, kind: str = "BillPaymentCheck", link: str = "AMTTYPE") -> str:
    return "".join(
        f"<LinkedTxn><TxnID>P-{at}</TxnID><TxnType>{kind}</TxnType><TxnDate>2026-11-20</TxnDate>"
        f"<LinkType>{link}</LinkType><Amount>{amount}</Amount></LinkedTxn>"
        for at, amount in enumerate(amounts)
    )


def bill_ret(inner: str = "", *, due: str = "1000.00", paid: str = "false") -> Any:
    return row(
        f"<BillRet><TxnID>1-1</TxnID><TxnDate>2026-11-03</TxnDate><AmountDue>{due}</AmountDue>"
        f"<IsPaid>{paid}</IsPaid>{inner}<OpenAmount>77777.77</OpenAmount></BillRet>"
    )


def credit_ret(inner: str = "") -> Any:
    return row(
        "<VendorCreditRet><TxnID>C-1</TxnID><EditSequence>9</EditSequence><VendorRef><ListID>V-1</ListID></VendorRef>"
        f"<TxnDate>2026-11-03</TxnDate><CreditAmount>310.00</CreditAmount><RefNumber>CM-77</RefNumber>{inner}"
        "<OpenAmount>77777.77</OpenAmount></VendorCreditRet>"
    )


# --- bills ------------------------------------------------------------------------------------------------------------
@with_examples
def test_a_bill() -> None:
    shown = reading.bill_shown(ret("bill_query_found_unpaid"))
    assert shown is not None
    assert (shown.kind, shown.external_id, shown.sync_token) == (BILL, "1CB780-1785332667", "1785332667")
    assert (shown.vendor_id, shown.vendor_name) == ("80000012-1700000000", "Acme Concrete & Rebar")
    assert (shown.number, shown.date) == ("INV-2026-00481", date(2026, 11, 3))
    assert (shown.total, shown.balance, shown.payments) == (Decimal("11250.00"), Decimal("11250.00"), ())
    assert shown.changed_at == datetime(2026, 11, 3, 15, 4, 27, tzinfo=UTC)
    paid = reading.bill_shown(ret("bill_query_found_paid"))
    assert paid is not None
    assert (paid.total, paid.balance, paid.payments) == (Decimal("11250.00"), Decimal("0.00"), ("1CB9F0-1786000000",))


@with_examples
def test_a_bill_that_was_made() -> None:
    made = reading.done(ret("bill_add_ok"))
    assert made == Done(
        "1CB780-1785332667",
        Decimal("11250.00"),
        number="INV-2026-00481",
        sync_token="1785332667",
        vendor_id="80000012-1700000000",
    )
    told = reading.recovered(qbxml.read(example("bill_add_recovered_by_status_check")).responses[0].recovery)
    assert told == reading.Recovered("1CB780-1785332667", "1785332667", GUID)
    assert reading.recovered(None) is None
    assert reading.recovered(row("<ErrorRecovery/>")) is None


def test_success_that_does_not_say_its_total_is_not_taken_for_zero() -> None:
    assert reading.done(row("<BillRet><TxnID>1-1</TxnID></BillRet>")) is None
    assert reading.done(row("<BillRet><AmountDue>1.00</AmountDue></BillRet>")) is None


@pytest.mark.parametrize(
    ("shown", "balance"),
    [
        (bill_ret(), "1000.00"),
        (bill_ret(linked("-300.00")), "700.00"),
        (bill_ret(linked("-300.00", "-200.50")), "499.50"),
        (bill_ret(linked("-300.00", kind="VendorCredit")), "700.00"),
        (bill_ret(linked("300.00")), "700.00"),
        (bill_ret(linked("-300.00", kind="PurchaseOrder")), "1000.00"),
        (bill_ret(linked("-3", link="QUANTYPE")), "1000.00"),
        (bill_ret(linked("-1300.00")), "0.00"),
        (bill_ret(paid="true"), "0.00"),
        (bill_ret(due="0.00"), "0.00"),
        (credit_ret(), "310.00"),
        (credit_ret(linked("-110.00", kind="Bill")), "200.00"),
    ],
)
def test_what_is_open_is_never_read_from_open_amount(shown: Any, balance: str) -> None:
    assert reading.balance(shown) == Decimal(balance)


def test_a_voided_bill_totals_nothing() -> None:
    shown = reading.bill_shown(bill_ret("<Memo>VOID: [inBuild 1017]</Memo>", due="0.00", paid="true"))
    assert shown is not None
    assert (shown.total, shown.balance, shown.memo) == (Decimal(0), Decimal(0), "VOID: [inBuild 1017]")


def test_a_vendor_credit_is_what_is_owed_with_a_minus() -> None:
    there = reading.in_books(credit_ret(linked("-110.00", kind="Bill")), marker="[inBuild 1017]")
    assert there is not None
    assert (there.total, there.balance) == (Decimal("-310.00"), Decimal("-200.00"))
    made = reading.done(credit_ret())
    assert made is not None
    assert made.total == Decimal("-310.00")
    shown = reading.bill_shown(credit_ret())
    assert shown is not None
    assert (shown.kind, shown.total, shown.payments) == (CREDIT, Decimal("310.00"), ())


def test_a_bill_is_ours_by_its_id_or_its_mark() -> None:
    mine = bill_ret(f"<Memo>x [inBuild 1017] y</Memo><ExternalGUID>{GUID.lower()}</ExternalGUID>")
    assert reading.is_ours(mine, marker="[inBuild 1017]")
    assert reading.is_ours(mine, marker="[inBuild 9]", guid=GUID)
    assert not reading.is_ours(mine, marker="[inBuild 9]", guid=GUID.replace("0F", "1F"))
    assert not reading.is_ours(mine, marker="[inBuild 9]")
    assert not reading.is_ours(bill_ret(), marker="[inBuild 9]", guid=GUID)


# --- times ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "zone", "wanted"),
    [
        ("2026-11-03T10:04:27-05:00", None, datetime(2026, 11, 3, 15, 4, 27, tzinfo=UTC)),
        ("2026-11-03T10:04:27-05:00", "Asia/Tokyo", datetime(2026, 11, 3, 15, 4, 27, tzinfo=UTC)),
        ("2026-11-03T10:04:27", None, None),
        ("2026-11-03T10:04:27", "America/Chicago", datetime(2026, 11, 3, 16, 4, 27, tzinfo=UTC)),
        ("", "America/Chicago", None),
        ("soon", None, None),
    ],
)
def test_a_time_without_an_offset_is_unknown_unless_the_pcs_zone_is(text: str, zone: str | None, wanted: Any) -> None:
    assert reading.moment(text, ZoneInfo(zone) if zone else None) == wanted


# --- payments ---------------------------------------------------------------------------------------------------------
@with_examples
def test_a_check() -> None:
    payment = reading.payment_shown(ret("bill_payment_check_query_ok"))
    assert payment is not None
    assert (payment.external_id, payment.date, payment.how) == ("1CB9F0-1786000000", date(2026, 11, 20), "Check 10245")
    assert (payment.method, payment.number, payment.total) == ("check", "10245", Decimal("11250.00"))
    assert payment.applied == (Applied(BILL, "1CB780-1785332667", Decimal("11250.00")),)


def test_a_credit_card_and_a_voided_check() -> None:
    card = row(
        "<BillPaymentCreditCardRet><TxnID>P-1</TxnID><TxnDate>2026-11-20</TxnDate><Amount>100.00</Amount>"
        "<AppliedToTxnRet><TxnID>1-1</TxnID><TxnType>Bill</TxnType><Amount>100.00</Amount></AppliedToTxnRet>"
        "<AppliedToTxnRet><TxnID>J-1</TxnID><TxnType>JournalEntry</TxnType><Amount>1.00</Amount></AppliedToTxnRet>"
        "</BillPaymentCreditCardRet>"
    )
    payment = reading.payment_shown(card)
    assert payment is not None
    assert (payment.how, payment.method, payment.number) == ("Credit card", "credit_card", "")
    assert payment.applied == (Applied(BILL, "1-1", Decimal("100.00")),)
    void = row(
        "<BillPaymentCheckRet><TxnID>P-2</TxnID><TxnDate>2026-11-20</TxnDate><Amount>0.00</Amount>"
        "<AppliedToTxnRet><TxnID>1-1</TxnID><TxnType>Bill</TxnType><Amount>0.00</Amount></AppliedToTxnRet>"
        "</BillPaymentCheckRet>"
    )
    payment = reading.payment_shown(void)
    assert payment is not None
    assert (payment.total, payment.applied) == (Decimal("0.00"), ())


def test_a_vendor_credit_that_was_applied_is_a_payment_without_money() -> None:
    used = credit_ret(linked("-110.00", "-90.00", kind="Bill"))
    payment = reading.credit_as_payment(used)
    assert payment is not None
    assert (payment.external_id, payment.total, payment.how) == ("C-1", Decimal("0.00"), "Vendor credit CM-77")
    assert payment.applied == (
        Applied(BILL, "P-0", Decimal("110.00")),
        Applied(BILL, "P-1", Decimal("90.00")),
        Applied(CREDIT, "C-1", Decimal("200.00")),
    )
    shown = reading.bill_shown(used)
    assert shown is not None
    assert shown.payments == ("C-1",)
    assert reading.credit_as_payment(credit_ret()) is None


def test_what_was_deleted() -> None:
    rets = [
        row(f"<TxnDeletedRet><TxnDelType>{name}</TxnDelType><TxnID>{name}-1</TxnID></TxnDeletedRet>")
        for name in ("Bill", "VendorCredit", "BillPaymentCheck", "BillPaymentCreditCard", "Invoice")
    ]
    found = reading.gone([*rets, row("<TxnDeletedRet/>")])
    assert found.bills == ((BILL, "Bill-1"), (CREDIT, "VendorCredit-1"))
    assert found.payments == ("BillPaymentCheck-1", "BillPaymentCreditCard-1")
    rets = [
        row(f"<ListDeletedRet><ListDelType>{name}</ListDelType><ListID>{name}-1</ListID></ListDeletedRet>")
        for name in ("Vendor", "ItemService", "ItemInventory", "StandardTerms", "Employee")
    ]
    assert reading.gone_entries(rets) == {
        Kind.VENDOR: ["Vendor-1"],
        Kind.ITEM: ["ItemService-1", "ItemInventory-1"],
        Kind.TERM: ["StandardTerms-1"],
    }


# --- lists ------------------------------------------------------------------------------------------------------------
@with_examples
def test_accounts_and_vendors() -> None:
    accounts = reading.entries(Kind.ACCOUNT, qbxml.read(example("account_query_ok")).responses[0].rets)
    assert accounts == [
        Entry("80000020-1600000000", "Accounts Payable", subtype="AccountsPayable", is_usable=False),
        Entry("80000040-1600000000", "Job Costs", subtype="CostOfGoodsSold"),
        Entry("80000041-1600000000", "Job Costs:Concrete", subtype="CostOfGoodsSold"),
    ]
    vendors = reading.entries(Kind.VENDOR, qbxml.read(example("vendor_query_page1")).responses[0].rets)
    assert vendors == [Entry("80000012-1700000000", "Acme Concrete & Rebar")]


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        (
            Kind.VENDOR,
            "<VendorRet><ListID>1</ListID><Name>A</Name><IsActive>false</IsActive><CurrencyRef>"
            "<FullName>Canadian Dollar</FullName></CurrencyRef></VendorRet>",
            Entry("1", "A", active=False, currency="CAD"),
        ),
        (
            Kind.CUSTOMER,
            "<CustomerRet><ListID>1</ListID><Name>A</Name></CustomerRet>",
            Entry("1", "A", subtype="Customer"),
        ),
        (
            Kind.CUSTOMER,
            "<CustomerRet><ListID>1</ListID><Name>B</Name><FullName>A:B</FullName><ParentRef><ListID>2</ListID>"
            "</ParentRef></CustomerRet>",
            Entry("1", "A:B", subtype="Job"),
        ),
        (
            Kind.ITEM,
            "<ItemServiceRet><ListID>1</ListID><FullName>A</FullName><SalesAndPurchase><ExpenseAccountRef><ListID>9"
            "</ListID></ExpenseAccountRef></SalesAndPurchase></ItemServiceRet>",
            Entry("1", "A", subtype="Service"),
        ),
        (
            Kind.ITEM,
            "<ItemNonInventoryRet><ListID>1</ListID><FullName>A</FullName><SalesOrPurchase><AccountRef><ListID>9"
            "</ListID></AccountRef></SalesOrPurchase></ItemNonInventoryRet>",
            Entry("1", "A", subtype="NonInventory"),
        ),
        (
            Kind.ITEM,
            "<ItemSubtotalRet><ListID>1</ListID><FullName>A</FullName></ItemSubtotalRet>",
            Entry("1", "A", subtype="Subtotal", is_usable=False),
        ),
        (Kind.CLASS, "<ClassRet><ListID>1</ListID><FullName>A:B</FullName></ClassRet>", Entry("1", "A:B")),
        (Kind.TERM, "<DateDrivenTermsRet><ListID>1</ListID><Name>A</Name></DateDrivenTermsRet>", Entry("1", "A")),
    ],
)
def test_entries(kind: str, text: str, wanted: Entry) -> None:
    assert reading.entries(kind, [row(text)]) == [wanted]


def test_an_entry_that_a_bill_could_not_name_is_left_out() -> None:
    assert reading.entries(Kind.VENDOR, [row("<VendorRet/>"), row("<VendorRet><ListID>1</ListID></VendorRet>")]) == []


# --- the company file -------------------------------------------------------------------------------------------------
PREFERENCES = (
    "<PreferencesQueryRs statusCode='0'><PreferencesRet><AccountingPreferences><IsUsingClassTracking>true"
    "</IsUsingClassTracking><ClosingDate>2025-12-31</ClosingDate></AccountingPreferences><MultiCurrencyPreferences>"
    "<IsMultiCurrencyOn>true</IsMultiCurrencyOn><HomeCurrencyRef><FullName>Canadian Dollar</FullName></HomeCurrencyRef>"
    "</MultiCurrencyPreferences></PreferencesRet></PreferencesQueryRs></QBXMLMsgsRs>"
)


@with_examples
def test_the_first_contact() -> None:
    first = qbxml.read(example("hcp_first_sendrequest_minimal"))
    program = reading.program(first)
    assert program is not None
    assert (program.name, program.release) == ("QuickBooks Enterprise Solutions: Contractor 24.0", "34.0")
    assert (program.country, program.versions, program.is_multi_user) == ("US", ("13.0", "16.0"), True)
    assert reading.company_name(first) == "Demo Builders Inc"
    assert reading.stamp(first, qwc.OWNER_ID.lower()) == "{A1E5D4B2-77C1-4E2F-8F0B-5B9C6D7E8F90}"
    assert reading.stamp(first, "{00000000-0000-0000-0000-000000000000}") == ""
    assert reading.books(first) is None
    whole = qbxml.read(example("hcp_first_sendrequest_minimal").replace("</QBXMLMsgsRs>", PREFERENCES))
    assert reading.books(whole) == Books(
        name="Demo Builders Inc",
        home_currency="CAD",
        is_multicurrency=True,
        closing_date=date(2025, 12, 31),
        warns_of_duplicates=None,
        class_tracking="line",
        tracks_locations=False,
        has_bills=True,
    )


def test_preferences_that_are_missing_count_as_off() -> None:
    bare = qbxml.read(
        "<QBXML><QBXMLMsgsRs><PreferencesQueryRs statusCode='0'><PreferencesRet/></PreferencesQueryRs></QBXMLMsgsRs>"
        "</QBXML>"
    )
    found = reading.books(bare)
    assert found is not None
    assert (found.home_currency, found.is_multicurrency, found.closing_date, found.class_tracking) == (
        "USD",
        False,
        None,
        "",
    )
    assert (reading.program(bare), reading.company_name(bare), reading.stamp(bare, qwc.OWNER_ID)) == (None, "", "")


# --- whatever comes ---------------------------------------------------------------------------------------------------
@with_examples
def test_every_example_is_read() -> None:
    names = [path.stem for path in sorted((REFERENCE / "examples" / "rs").glob("*.xml"))]
    assert len(names) == 28
    for name in names:
        answers = qbxml.read(example(name))
        for response in answers.responses:
            for shown in response.rets:
                for reader in READERS.get(shown.tag.removesuffix("Ret"), ()):
                    assert reader(shown) is not None, name


TAGS = sorted({*reading.KINDS, *queries.PAYMENTS.values()})
PARTS = ("TxnID", "TxnDate", "TimeModified", "Amount", "AmountDue", "CreditAmount", "IsPaid", "RefNumber", "Memo")


@given(
    tag=st.sampled_from(TAGS),
    parts=st.lists(st.tuples(st.sampled_from(PARTS), st.text("0123456789-.:TNainf ", max_size=12)), max_size=9),
)
def test_nothing_that_is_missing_or_odd_raises(tag: str, parts: list[tuple[str, str]]) -> None:
    shown = etree.Element(f"{tag}Ret")
    for name, text in parts:
        etree.SubElement(shown, name).text = text
        link = etree.SubElement(shown, "LinkedTxn" if tag in reading.KINDS else "AppliedToTxnRet")
        etree.SubElement(link, name).text = text
    if tag in reading.KINDS:
        reading.bill_shown(shown)
        reading.done(shown)
        reading.credit_as_payment(shown)
        assert reading.balance(shown) >= 0
    else:
        reading.payment_shown(shown)


@with_schema
def test_what_we_read_is_what_the_schema_names() -> None:
    """Each path that is read stands in Intuit's schema, so that no name is misspelt."""
    names = set()
    for path in SCHEMA.parent.glob("qbxml*130*.xsd"):
        names |= {one.get("name") for one in etree.parse(str(path)).iter("{http://www.w3.org/2001/XMLSchema}element")}
    source = inspect.getsource(reading)
    read = re.findall(r'(?:_of|_day|_amount|find|findall)\((?:\w+, )?"([A-Za-z/]+)"\)', source)
    assert len(read) > 40
    for path in (*read, *reading.TOTALS.values(), *reading.ITEM_ACCOUNTS, *reading.METHODS):
        assert {*path.split("/")} <= names, path
