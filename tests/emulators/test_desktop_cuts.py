"""Every place where a session can break, hit once: what QuickBooks has, what the server saw, what is left to find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulators.desktop.cuts import CUTS
from tests.support.desktop import FILE, DesktopEmulator
from tests.support.qbxml import bill_add, message_set, request, responses, set_status
from tests.support.soap_server import PASSWORD, SoapServer, soap_server

ID = "ib-b-0000001017-1"
BILL = message_set(bill_add(), new=ID)
CHECK = message_set(new=ID, old=ID)
LOOK = message_set(request("VendorQuery", {"MaxReturned": "1"}))
START = ["serverVersion", "clientVersion", "authenticate"]


@pytest.fixture
def server() -> Iterator[SoapServer]:
    with soap_server() as running:
        running.careful = True
        yield running


@pytest.fixture
def app(desktop: DesktopEmulator, server: SoapServer) -> str:
    return str(desktop.add_application(server.qwc(), PASSWORD)["name"])


def cut_session(desktop: DesktopEmulator, server: SoapServer, app: str, cut: str, **more: Any) -> list[str]:
    """A query, then a bill whose session is cut; answer the operations the server saw."""
    desktop.cut(cut, **more)
    server.queue = [LOOK, BILL]
    report = desktop.update(app)
    assert report["cuts"] == [cut]
    assert desktop.struck() == {cut: 1}
    return server.operations


def check_again(desktop: DesktopEmulator, server: SoapServer, app: str) -> str:
    """Status and outcome of a status check in the next session."""
    server.queue = [CHECK]
    desktop.update(app)
    return set_status(server.responses[-1]["response"])


@pytest.mark.parametrize("cut", ["request_lost", "dies_before_quickbooks"])
def test_quickbooks_never_saw_it(desktop: DesktopEmulator, server: SoapServer, app: str, cut: str) -> None:
    seen = cut_session(desktop, server, app, cut)
    assert seen == [*START, "sendRequestXML", "receiveResponseXML", "sendRequestXML"]
    assert desktop.bills() == []
    assert check_again(desktop, server, app) == "9002"


@pytest.mark.parametrize(
    ("cut", "record", "number"),
    [
        ("dies_after_saving", "0", "INV-1"),
        ("record_lost", "9002", "INV-1"),
        ("reference_changed", "0", "INV-1 edited"),
        ("record_and_reference_lost", "9002", "INV-1 edited"),
        ("deleted_unseen", "0", None),
        ("restored_unseen", "9002", None),
    ],
)
def test_quickbooks_saved_and_nobody_was_told(
    desktop: DesktopEmulator, server: SoapServer, app: str, cut: str, record: str, number: str | None
) -> None:
    seen = cut_session(desktop, server, app, cut)
    assert seen.count("receiveResponseXML") == 1
    assert [bill["doc_number"] for bill in desktop.bills()] == ([number] if number else [])
    assert check_again(desktop, server, app) == record


def test_receive_is_cut_before_the_server_read_it(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    assert cut_session(desktop, server, app, "response_cut").count("receiveResponseXML") == 1
    assert desktop.sessions()[-1]["codes"] == ["QBWC1042"]
    assert len(desktop.bills()) == 1
    assert check_again(desktop, server, app) == "0"


def test_the_answer_to_receive_is_lost(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    assert cut_session(desktop, server, app, "answer_lost")[-1] == "receiveResponseXML"
    assert len(server.responses) == 2
    assert desktop.sessions()[-1]["codes"] == ["QBWC1042"]


@pytest.mark.parametrize(("cut", "vanished"), [("deleted_after", False), ("restored_after", True)])
def test_it_goes_after_it_was_told(
    desktop: DesktopEmulator, server: SoapServer, app: str, cut: str, vanished: bool
) -> None:
    assert cut_session(desktop, server, app, cut)[-1] == "closeConnection"
    assert desktop.bills() == []
    (row,) = (row for row in desktop.get("ledger", file=FILE)["bills"] if row["doc_number"] == "INV-1")
    assert (row["deleted"], row["vanished"]) == (True, vanished)


def test_delivered_twice(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    cut_session(desktop, server, app, "delivered_twice")
    assert server.responses[1] == server.responses[2]
    assert len(desktop.bills()) == 1


def test_delivered_late_under_the_old_ticket(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    cut_session(desktop, server, app, "delivered_late")
    assert len(server.responses) == 1
    server.queue, server.careful = [LOOK], False
    desktop.update(app)
    assert server.operations[-5:-2] == ["authenticate", "receiveResponseXML", "sendRequestXML"]
    late = server.responses[1]
    assert responses(late["response"])[0].tag == "BillAddRs"
    assert late["ticket"] == server.responses[0]["ticket"]


@pytest.mark.parametrize(("cut", "saved"), [("hresult_before", 0), ("hresult_after", 1)])
def test_an_hresult_instead_of_an_answer(
    desktop: DesktopEmulator, server: SoapServer, app: str, cut: str, saved: int
) -> None:
    cut_session(desktop, server, app, cut, hresult="0x80040408")
    assert (server.responses[1]["response"], server.responses[1]["hresult"]) == ("", "0x80040408")
    assert len(desktop.bills()) == saved
    assert check_again(desktop, server, app) == ("0" if saved else "9002")


def test_the_record_could_not_be_stored(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    cut_session(desktop, server, app, "record_not_stored")
    assert set_status(server.responses[1]["response"]) == "9005"
    assert responses(server.responses[1]["response"])[0].find("BillRet") is not None
    assert check_again(desktop, server, app) == "9002"


def test_slow_quickbooks(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    cut_session(desktop, server, app, "slow", seconds=0.2)
    assert len(desktop.bills()) == 1


def test_no_good_bye(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    assert cut_session(desktop, server, app, "closes_unsaid")[-1] == "receiveResponseXML"


def test_a_cut_waits_for_its_request_and_strikes_once(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    desktop.cut("dies_after_saving", body="INV-2")
    server.queue = [BILL, message_set(bill_add(RefNumber="INV-2"))]
    assert desktop.update(app)["outcome"] == "broken"
    assert [bill["doc_number"] for bill in desktop.bills()] == ["INV-1", "INV-2"]
    assert desktop.update(app)["outcome"] == "done"
    assert desktop.struck() == {"dies_after_saving": 1}


def test_a_cut_may_take_any_message_set(desktop: DesktopEmulator, server: SoapServer, app: str) -> None:
    desktop.cut("dies_before_quickbooks", any=True)
    server.queue = [LOOK]
    assert desktop.update(app)["cuts"] == ["dies_before_quickbooks"]


def test_every_cut_has_a_test() -> None:
    from pathlib import Path

    text = Path(__file__).read_text()
    assert [cut for cut in CUTS if f'"{cut}"' not in text] == []
