"""The pages of the PC: the Web Connector's list with Update Selected, the bills with their buttons, the sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.desktop import FILE, DesktopEmulator
from tests.support.emulator_process import running_emulator
from tests.support.qbxml import bill_add, message_set
from tests.support.soap_server import PASSWORD, SoapServer, soap_server


@pytest.fixture
def server() -> Iterator[SoapServer]:
    with soap_server() as running:
        yield running


def press(desktop: DesktopEmulator, path: str, **form: str) -> str:
    answer = requests.post(f"{desktop.url}{path}", data=form, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.text


def look(desktop: DesktopEmulator, path: str) -> str:
    answer = requests.get(f"{desktop.url}{path}", timeout=10)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "No application yet."),
        (f"/file/{FILE}/bills", "31 found, newest first"),
        ("/sessions", "QWCLog.txt"),
        ("/faults", "dies_after_saving"),
        ("/switches", "qbd.md 3.1 [U]"),
    ],
)
def test_pages_say_what_they_are(desktop: DesktopEmulator, path: str, text: str) -> None:
    page = look(desktop, path)
    assert text in page
    assert "It is not QuickBooks Desktop" in page


def test_an_application_is_added_and_updated_by_buttons(desktop: DesktopEmulator, server: SoapServer) -> None:
    page = press(desktop, "/", action="add", qwc=server.qwc(AppSupport="http://help.example/"), password=PASSWORD)
    assert "QBWC1000" in page
    files = {"file": ("inbuild.qwc", server.qwc())}
    form = {"action": "add", "password": PASSWORD}
    assert "Update Selected" in requests.post(f"{desktop.url}/", data=form, files=files, timeout=10).text
    server.queue = [message_set(bill_add(Memo="<b>x</b> [inBuild 1]"))]
    assert "Good bye" in press(desktop, "/", action="update", app="inBuild - test")
    page = look(desktop, f"/file/{FILE}/bills?search=INV-1")
    assert "1 found" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    number = desktop.sessions()[-1]["id"]
    page = look(desktop, f"/sessions/{number}")
    assert "receiveResponseXML" in page
    assert PASSWORD not in page
    assert "No application yet." in press(desktop, "/", action="remove", app="inBuild - test")


def test_the_buttons_of_a_bill(desktop: DesktopEmulator) -> None:
    bill = desktop.typed_in(vendor="Lomax Flooring", doc_number="P-1", total="100.00", private_note="[inBuild 1]")
    here = f"/file/{FILE}/bills/{bill['id']}"
    assert "40.00" in press(desktop, here, action="pay", amount="60.00", pay_type="CreditCard")
    assert "cannot be paid" in press(desktop, here, action="pay", amount="60.00", pay_type="Check")
    (payment,) = (row for row in desktop.get("ledger", file=FILE)["payments"] if bill["id"] in row["bills"])
    assert payment["pay_type"] == "CreditCard"
    press(desktop, here, action=f"void:{payment['id']}")
    assert desktop.bills()[0]["balance"] == "100.00"
    press(desktop, here, action="edit", doc_number="P-2", total="321.09", private_note="[inBuild 2]")
    (row,) = desktop.bills()
    assert (row["doc_number"], row["total"], row["private_note"]) == ("P-2", "321.09", "[inBuild 2]")
    assert "This transaction was deleted." in press(desktop, here, action="delete")
    assert desktop.bills() == []


def test_quickbooks_is_closed_and_another_file_opened(desktop: DesktopEmulator) -> None:
    assert "QuickBooks is closed." in press(desktop, "/", action="close")
    assert "QuickBooks is open." in press(desktop, "/", action="open", file="ridgeline")
    assert desktop.get("pc")["open_file"] == "ridgeline"
    assert requests.get(f"{desktop.url}/file/nothing/bills", timeout=5).status_code == 404


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    ledger = tmp_path / "pc.sqlite"
    with running_emulator("desktop", ledger) as url, soap_server() as server:
        before = DesktopEmulator(url)
        before.add_application(server.qwc(), PASSWORD)
        server.queue = [message_set(bill_add(), new="kept")]
        before.update()
        before.lock("Bill", times=2)
        before.cut("dies_after_saving")
        books, lists = before.get("ledger"), before.get(f"lists/{FILE}")
    with running_emulator("desktop", ledger) as url:
        after = DesktopEmulator(url)
        assert after.get("ledger") == books
        assert after.get(f"lists/{FILE}") == lists
        assert [app["name"] for app in after.get("applications")["applications"]] == ["inBuild - test"]
        assert [record["id"] for record in after.recovery_records()] == ["kept"]
        assert after.file()["locks"][0]["times"] == 2
        assert after.get("faults")["faults"][0]["fault"] == "dies_after_saving"
        (again,) = after.process(message_set(bill_add(RefNumber="INV-2")))
        assert again["response"].count("3175") == 1
