"""Adding an application to the Web Connector: what it checks, with which code it refuses, and the stamp in the file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.desktop import FILE, OTHER_FILE, DesktopEmulator
from tests.support.soap_server import FILE_ID, OWNER, PASSWORD, SoapServer, soap_server

OTHER_ID = "{00000000-77C1-4E2F-8F0B-5B9C6D7E8F90}"


@pytest.fixture
def server() -> Iterator[SoapServer]:
    with soap_server() as running:
        yield running


def test_the_file_id_is_stamped_into_the_open_file(desktop: DesktopEmulator, server: SoapServer) -> None:
    app = desktop.add_application(server.qwc(), PASSWORD)
    assert (app["name"], app["file"], app["every_seconds"]) == ("inBuild - test", FILE, 600)
    assert desktop.file(FILE)["stamps"] == {OWNER: FILE_ID}
    assert desktop.file(OTHER_FILE)["stamps"] == {}


def test_the_same_file_may_be_added_again_but_no_other_of_its_owner(
    desktop: DesktopEmulator, server: SoapServer
) -> None:
    desktop.add_application(server.qwc(), PASSWORD)
    desktop.add_application(server.qwc(), PASSWORD)
    assert len(desktop.get("applications")["applications"]) == 1
    assert desktop.refused_application(server.qwc(FileID=OTHER_ID)) == "QBWC1039"
    desktop.pc(open_file=OTHER_FILE)
    desktop.add_application(server.qwc(FileID=OTHER_ID, AppName="inBuild - Ridgeline"), PASSWORD)
    assert desktop.file(OTHER_FILE)["stamps"] == {OWNER: OTHER_ID}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AppURL": "http://inbuild.example/soap", "AppSupport": "http://inbuild.example/help"}, "QBWC1010"),
        ({"AppURL": "https://10.0.0.7/soap"}, "QBWC1001"),
        ({"AppSupport": "http://10.0.0.7/help"}, "QBWC1002"),
        ({"AppSupport": "http://help.example/"}, "QBWC1000"),
        ({"IsReadOnly": "true"}, "QBWC1039"),
        ({"AppSupport": "http://localhost:9/"}, "QBWC1003"),
        ({"OwnerID": "inBuild"}, "QBWC1005"),
        ({"UserName": ""}, "QBWC1005"),
    ],
)
def test_what_is_wrong_in_the_file(
    desktop: DesktopEmulator, server: SoapServer, changes: dict[str, str], code: str
) -> None:
    assert desktop.refused_application(server.qwc(**changes)) == code
    assert desktop.get("applications")["applications"] == []
    assert desktop.file(FILE)["stamps"] == {}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/soap", 404, "QBWC1048"), ("/soap", 302, "QBWC1048"), ("/soap", 202, "QBWC1048"), ("/support", 500, "QBWC1004")],
)
def test_both_addresses_must_answer(
    desktop: DesktopEmulator, server: SoapServer, path: str, status: int, code: str
) -> None:
    server.get_status[path] = status
    assert desktop.refused_application(server.qwc()) == code


def test_the_support_page_may_answer_202(desktop: DesktopEmulator, server: SoapServer) -> None:
    server.get_status["/support"] = 202
    desktop.add_application(server.qwc(), PASSWORD)


@pytest.mark.parametrize(
    ("state", "code"),
    [({"running": False}, "QBWC1007"), ({"modal": True}, "QBWC1013"), ({"denied": True}, "0x80040420")],
)
def test_quickbooks_must_be_open(
    desktop: DesktopEmulator, server: SoapServer, state: dict[str, bool], code: str
) -> None:
    desktop.pc(**state)
    assert desktop.refused_application(server.qwc()) == code


def test_no_xml_at_all(desktop: DesktopEmulator) -> None:
    assert desktop.refused_application("<QBWCXML>") == "QBWC1005"
