"""How strictly the PC's QuickBooks reads a message set: one wrong thing and nothing of it runs (qbd.md 2.1 to 2.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.desktop import DesktopEmulator
from tests.support.qbxml import bill_add, expense_line, message_set, request, responses, statuses

GOOD = bill_add()
VENDOR = {"FullName": "Acme Concrete LLC"}


def ask(desktop: DesktopEmulator, *requests: str, **more: str) -> str:
    """The response; an HRESULT is a failure of the test."""
    (answer,) = desktop.process(message_set(*requests, **more))
    assert not answer["hresult"], answer["detail"]
    return str(answer["response"])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(message_set(bill_add(Memo="Caf\u00e9")).replace("&#233;", "\u00e9"), id="a character unescaped"),
        pytest.param(message_set(bill_add(Memo="\u4e2d")), id="a character outside Windows-1252"),
        pytest.param(message_set(GOOD).replace('<?qbxml version="13.0"?>', ""), id="no version"),
        pytest.param(message_set(GOOD).replace('"13.0"', '"99.0"'), id="unknown version"),
        pytest.param(message_set(GOOD, on_error="rollbackOnError"), id="rollbackOnError"),
        pytest.param(message_set(GOOD).replace(' onError="stopOnError"', ""), id="no onError"),
        pytest.param(message_set(GOOD)[:-9], id="not well-formed"),
        pytest.param(message_set(request("BillAdd", {"BillAdd": {"TxnDate": "2026-11-03"}})), id="no vendor"),
        pytest.param(
            message_set(request("BillAdd", {"BillAdd": {"VendorRef": VENDOR, "Memo": "1", "TxnDate": "2026-11-03"}})),
            id="wrong order",
        ),
        pytest.param(message_set(request("BillAdd", {"BillAdd": {"VendorRef": VENDOR, "Foo": "1"}})), id="unknown"),
        pytest.param(message_set(request("BillAdd", {"BillAdd": {"Vendorref": VENDOR}})), id="wrong case"),
        pytest.param(message_set(bill_add(RefNumber="X" * 21)), id="RefNumber too long"),
        pytest.param(message_set(bill_add(Memo="X" * 4096)), id="Memo too long"),
        pytest.param(message_set(bill_add(ExternalGUID="0F9B3C1E-6A4D-5E2B-8C7F-1A2B3C4D5E6F")), id="no braces"),
        pytest.param(message_set(bill_add(lines=[expense_line() | {"ItemRef": VENDOR}])), id="item on expense line"),
        pytest.param(message_set(request("AccountQuery", {"MaxReturned": "5"}, iterator="Start")), id="no iterator"),
        pytest.param(message_set(request("HostQuery", {}, foo="1")), id="unknown attribute"),
        pytest.param(message_set(request("SalesOrderAdd", {})), id="unknown request"),
        pytest.param(message_set(GOOD).replace("<QBXML>", '<!DOCTYPE QBXML [<!ENTITY a "b">]><QBXML>'), id="DOCTYPE"),
    ],
)  # fmt: skip
def test_the_whole_set_is_refused(desktop: DesktopEmulator, text: str) -> None:
    good_too = text.replace("</QBXMLMsgsRq>", f"{bill_add(RefNumber='BESIDE')}</QBXMLMsgsRq>")
    (answer,) = desktop.process(good_too)
    assert answer["hresult"] == "0x80040400"
    assert answer["response"] == ""
    assert desktop.bills() == []


def test_ascii_with_references_is_read(desktop: DesktopEmulator) -> None:
    ask(desktop, bill_add(Memo="Caf\u00e9 \u201cNorth\u201d \u20ac <&> [inBuild 1]"))
    assert desktop.bills()[0]["private_note"] == "Caf\u00e9 \u201cNorth\u201d \u20ac <&> [inBuild 1]"


@pytest.mark.parametrize(
    "amount", ["97.5", "100.0", "100", "1,000.00", "1e3", "abc", "", "12.345", "99999999999999.00"]
)
def test_amounts_have_two_decimals(desktop: DesktopEmulator, amount: str) -> None:
    assert statuses(ask(desktop, bill_add(lines=[expense_line(amount)]))) == [(3040, "Error")]
    assert desktop.bills() == []


def test_other_wrong_values(desktop: DesktopEmulator) -> None:
    for changes, code in (
        ({"TxnDate": "03.11.2026"}, 3020),
        ({"DueDate": "2026-02-30"}, 3020),
        ({"lines": [expense_line(BillableStatus="Perhaps")]}, 3110),
    ):
        assert statuses(ask(desktop, bill_add(**changes))) == [(code, "Error")]
    assert statuses(ask(desktop, request("BillQuery", {"IncludeLineItems": "yes"}))) == [(3010, "Error")]
    for moment in ("2026-11-03T00:00:00Z", "2026-11-03T00:00:00.5", "yesterday"):
        asked = {"ModifiedDateRangeFilter": {"FromModifiedDate": moment}}
        assert statuses(ask(desktop, request("BillQuery", asked))) == [(3020, "Error")]


def test_the_request_id_comes_back(desktop: DesktopEmulator) -> None:
    (found,) = responses(ask(desktop, request("HostQuery", requestID="h-1")))
    assert found.get("requestID") == "h-1"
    assert statuses(ask(desktop, request("HostQuery", requestID="x" * 51))) == [(1060, "Error")]


def test_stop_or_go_on_after_a_failure(desktop: DesktopEmulator) -> None:
    requests = (bill_add(vendor="Nobody"), bill_add(RefNumber="SECOND"))
    assert statuses(ask(desktop, *requests)) == [(3140, "Error"), (3231, "Error")]
    assert desktop.bills() == []
    assert statuses(ask(desktop, *requests, on_error="continueOnError")) == [(3140, "Error"), (0, "Info")]
    # What came before a failure stays.
    assert statuses(ask(desktop, bill_add(RefNumber="FIRST"), bill_add(vendor="Nobody"))) == [
        (0, "Info"),
        (3140, "Error"),
    ]
    assert [bill["doc_number"] for bill in desktop.bills()] == ["SECOND", "FIRST"]


@pytest.mark.parametrize(
    ("switch", "text", "code"),
    [
        ({"too_long": "3070"}, bill_add(RefNumber="X" * 21), 3070),
        ({"whole_amounts": True}, bill_add(lines=[expense_line("100")]), 0),
        ({"outside_cp1252": "question_mark"}, bill_add(Memo="\u4e2d"), 0),
    ],
)
def test_what_is_unknown_is_a_switch(desktop: DesktopEmulator, switch: dict[str, Any], text: str, code: int) -> None:
    desktop.switches(**switch)
    assert statuses(ask(desktop, text))[0][0] == code
