"""What leaves is pure ASCII and always well-formed; what comes is read from the string, and nothing dangerous is."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from qbd import qbxml
from tests.quickbooks.qbd.given import example, with_examples

ANYTHING = st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=sys.maxunicode), max_size=300)
TYPED = st.text(
    alphabet="aZ09 é€’“”–—…·½ł\u00a0\u200b\t\r\n\x00\x0b\x1f<>&\"']]>ﬁǅ日\U0001f600\ud800\u0301", max_size=300
)


@given(text=ANYTHING | TYPED, limit=st.integers(0, 100))
def test_cleaned_text_is_within_its_limit_and_cleaning_it_again_changes_nothing(text: str, limit: int) -> None:
    once = qbxml.clean(text, limit)
    assert len(once) <= limit
    assert qbxml.clean(once, limit) == once
    once.encode("cp1252")
    assert not re.search("[\x00-\x1f\x7f-\x9f]|  |^ | $", once)
    assert not qbxml.FORBIDDEN.search(once)


@given(texts=st.lists(ANYTHING | TYPED, min_size=1, max_size=5))
def test_a_message_set_is_ascii_and_well_formed_and_says_what_was_put_in(texts: list[str]) -> None:
    requests = []
    for text in texts:
        one = etree.Element("VendorQueryRq")
        etree.SubElement(one, "FullName").text = qbxml.clean(text, 209)
        requests.append(one)
    made = qbxml.message_set(requests, new_id="ib-1")
    assert made.isascii()
    assert made.startswith('<?xml version="1.0" encoding="utf-8"?>\n<?qbxml version="13.0"?>\n<QBXML>')
    back = etree.fromstring(made.encode())
    assert [name.text or "" for name in back.iter("FullName")] == [qbxml.clean(text, 209) for text in texts]
    assert [one.get("requestID") for one in back[0]] == [str(at + 1) for at in range(len(texts))]


def test_text_becomes_what_quickbooks_takes() -> None:
    assert qbxml.clean("“Acme’s” – Söhne\u00a0& Co…", 99) == '"Acme\'s" - Söhne & Co...'
    assert qbxml.clean("Procore · 1017\r\nline two\ttab", 99) == "Procore - 1017 line two tab"
    assert qbxml.clean("Łódź ﬁre 日本 \U0001f600 ½ €", 99) == "Lódz fire ½ €"
    assert qbxml.clean("a\x00b\x0bc\x7fd\ud800e\u200bf\u00adg", 99) == "ab cdefg"
    assert qbxml.clean("twelve words", 7) == "twelve"
    one = etree.Element("X")
    one.text = "San José & €"
    assert qbxml.payload(one) == b"<X>San Jos&#233; &amp; &#8364;</X>"


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0.00"), ("-0.00", "0.00"), ("97.5", "97.50"), ("100", "100.00"), ("-1E+3", "-1000.00"), ("1.10", "1.10")],
)
def test_amounts_have_two_decimals(value: str, text: str) -> None:
    assert qbxml.amount(Decimal(value)) == text


@pytest.mark.parametrize("value", ["0.001", "1.005", "10000000000000.00"])
def test_an_amount_that_would_be_rounded_or_does_not_fit_is_refused(value: str) -> None:
    with pytest.raises(ValueError):
        qbxml.amount(Decimal(value))


def test_ids_of_message_sets_and_requests() -> None:
    check = qbxml.message_set([], new_id="ib-b-1", old_id="ib-b-1")
    assert '<QBXMLMsgsRq newMessageSetID="ib-b-1" oldMessageSetID="ib-b-1" onError="stopOnError"/>' in check
    assert '<QBXMLMsgsRq oldMessageSetID="ClearAllMessageSets" onError' in qbxml.message_set([], old_id=qbxml.CLEAR_ALL)
    for wrong in ({"new_id": "x" * 24}, {"old_id": "x" * 24}, {"new_id": "é"}, {"on_error": "rollbackOnError"}):
        with pytest.raises(ValueError):
            qbxml.message_set([], **wrong)
    with pytest.raises(ValueError):
        qbxml.message_set([etree.Element("HostQueryRq", requestID="x" * 51)])
    kept = etree.Element("HostQueryRq", requestID="mine")
    assert 'requestID="mine"' in qbxml.message_set([kept, etree.Element("HostQueryRq")])
    assert qbxml.message_set([kept]) == qbxml.message_set([kept])


@with_examples
def test_answers_are_read() -> None:
    added = qbxml.read(example("bill_add_ok"))
    assert (added.status_code, added.message_set_id) == (0, "ib-b-0000001017-1")
    [response] = added.responses
    assert (response.kind, response.request_id, response.code, response.severity) == ("BillAdd", "bill-1017", 0, "Info")
    assert [ret.tag for ret in response.rets] == ["BillRet"]
    page = qbxml.read(example("vendor_query_page1")).responses[0]
    assert (page.remaining, page.iterator_id) == (137, "{5F1B0C6A-1111-4222-8333-944455556666}")
    refused = qbxml.read(example("bill_add_bad_amount")).responses[0]
    assert refused.message == 'There was an error when converting the amount "97.5" in the field "Amount".'
    assert (refused.code, refused.rets, refused.remaining) == (3040, [], 0)
    told = qbxml.read(example("bill_add_recovered_by_status_check")).responses[0]
    assert told.recovery is not None
    assert told.recovery.findtext("TxnID") == "1CB780-1785332667"
    unknown = qbxml.read(example("recovery_message_set_status_9002"))
    assert (unknown.status_code, unknown.responses) == (9002, [])
    first = qbxml.read(example("hcp_first_sendrequest_minimal"))
    assert first.status_code is None
    assert first.of("CompanyQuery") is first.responses[1]
    assert first.of("PreferencesQuery") is None


def test_an_answer_to_a_deletion_stands_for_what_is_gone() -> None:
    [response] = qbxml.read(
        '<QBXML><QBXMLMsgsRs><TxnDelRs statusCode="0" statusSeverity="Info"><TxnDelType>Bill</TxnDelType>'
        "<TxnID>1-1</TxnID></TxnDelRs></QBXMLMsgsRs></QBXML>"
    ).responses
    assert [ret.findtext("TxnID") for ret in response.rets] == ["1-1"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
def test_what_a_declaration_says_of_an_encoding_is_past(encoding: str) -> None:
    for mark in ("", "\ufeff", "\r\n "):
        _reads_past(f'{mark}<?xml version="1.0" encoding="{encoding}"?>\n<?qbxml version="13.0"?>')


def _reads_past(head: str) -> None:
    found = qbxml.read(
        f'{head}<QBXML><QBXMLMsgsRs><XRs statusCode="0" statusMessage="é &#8364;"/></QBXMLMsgsRs></QBXML>'
    )
    assert found.responses[0].message == "é €"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        '<?xml version="1.0"?>',
        "Busy",
        "<QBXML>",
        "<QBXML/>",
        "<html><QBXMLMsgsRs/></html>",
        "<QBXML><QBXMLMsgsRs><XRs/></QBXMLMsgsRs></QBXML>",
        '<QBXML><QBXMLMsgsRs><XRs statusCode="x"/></QBXMLMsgsRs></QBXML>',
        "<QBXML>&unknown;</QBXML>",
        '<!DOCTYPE QBXML [<!ENTITY a "b">]><QBXML><QBXMLMsgsRs/></QBXML>',
        '<!DOCTYPE QBXML SYSTEM "file:///etc/passwd"><QBXML><QBXMLMsgsRs/></QBXML>',
        "<QBXML><QBXMLMsgsRs/></QBXML>\x00",
    ],
)
def test_what_is_no_answer_is_said_to_be_none(text: str) -> None:
    with pytest.raises(qbxml.NotQbxml) as told:
        qbxml.read(text)
    assert str(told.value).endswith(".")


@given(text=ANYTHING)
def test_no_text_at_all_breaks_the_reading(text: str) -> None:
    with pytest.raises(qbxml.NotQbxml):
        qbxml.read(text)


def test_a_long_answer_is_read() -> None:
    row = "<VendorRet><ListID>80000012-1700000000</ListID><Name>Acme &amp; Co</Name></VendorRet>\n"
    rows = 9_800_000 // len(row)
    text = f'<QBXML><QBXMLMsgsRs><VendorQueryRs statusCode="0">{row * rows}</VendorQueryRs></QBXMLMsgsRs></QBXML>'
    assert len(qbxml.read(text).responses[0].rets) == rows
    assert _text_of(9_900_000).responses == []


def _text_of(size: int) -> Any:
    return qbxml.read(f"<QBXML><QBXMLMsgsRs><X>{'a' * size}</X></QBXMLMsgsRs></QBXML>")
