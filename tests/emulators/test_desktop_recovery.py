"""Error recovery of the PC's QuickBooks: what is kept under which id, and what each pair of ids does (qbd.md 3.1)."""

from __future__ import annotations

import pytest

from tests.emulators.test_desktop_writing import code
from tests.support.desktop import FILE, DesktopEmulator
from tests.support.qbxml import bill_add, message_set, responses, set_status, statuses
from tests.support.soap_server import PASSWORD, soap_server

ID = "ib-b-0000001017-1"
BILL = message_set(bill_add(ExternalGUID="{0F9B3C1E-6A4D-5E2B-8C7F-1A2B3C4D5E6F}"), new=ID)
CHECK = message_set(new=ID, old=ID)
CLEAR = message_set(old=ID)


def run(desktop: DesktopEmulator, *texts: str, app: str = "inBuild") -> list[str]:
    return [str(answer["response"]) for answer in desktop.process(*texts, app=app)]


@pytest.mark.parametrize("again", [BILL, CHECK])
def test_the_same_set_never_runs_twice(desktop: DesktopEmulator, again: str) -> None:
    first, second = run(desktop, BILL, again)
    assert (set_status(first), set_status(second)) == ("0", "0")
    assert len(desktop.bills()) == 1
    (found,) = responses(second)
    assert (found.tag, statuses(second)) == ("BillAddRs", [(0, "Info")])
    assert found.find("BillRet") is None
    saved = responses(first)[0]
    for name in ("TxnID", "TxnNumber", "EditSequence", "ExternalGUID"):
        assert found.findtext(f"ErrorRecovery/{name}") == saved.findtext(f"BillRet/{name}")


def test_a_status_check_may_answer_in_full(desktop: DesktopEmulator) -> None:
    desktop.switches(status_check_answer="full")
    first, second = run(desktop, BILL, CHECK)
    assert responses(second)[0].findtext("BillRet/Memo") == responses(first)[0].findtext("BillRet/Memo")


def test_another_content_under_a_known_id(desktop: DesktopEmulator) -> None:
    _, second = run(desktop, BILL, message_set(bill_add(RefNumber="OTHER"), new=ID))
    assert (set_status(second), responses(second)) == ("9001", [])
    assert len(desktop.bills()) == 1


def test_nothing_is_stored(desktop: DesktopEmulator) -> None:
    check, clear, everything = run(desktop, CHECK, CLEAR, message_set(old="ClearAllMessageSets"))
    assert [set_status(text) for text in (check, clear, everything)] == ["9002", "600", "600"]
    desktop.switches(nothing_stored=600)
    assert set_status(run(desktop, CHECK)[0]) == "600"


@pytest.mark.parametrize("clear", [CLEAR, message_set(old="ClearAllMessageSets")])
def test_an_old_id_alone_destroys_the_record(desktop: DesktopEmulator, clear: str) -> None:
    _, cleared, check = run(desktop, BILL, clear, CHECK)
    assert (set_status(cleared), responses(cleared), set_status(check)) == ("0", [], "9002")
    # And then nothing protects any more.
    run(desktop, BILL)
    assert len(desktop.bills()) == 2


def test_clearing_one_id_and_running_another(desktop: DesktopEmulator) -> None:
    _, other, check = run(desktop, BILL, message_set(bill_add(RefNumber="OTHER"), new="other", old=ID), CHECK)
    assert (set_status(other), set_status(check)) == ("0", "9002")
    assert [record["id"] for record in desktop.recovery_records()] == ["other"]


def test_ids_that_are_too_long(desktop: DesktopEmulator) -> None:
    fits, long = message_set(bill_add(), new="x" * 23), message_set(bill_add(), new="y" * 24)
    assert [set_status(text) for text in run(desktop, fits, long)] == ["0", "9004"]
    assert len(desktop.bills()) == 1


def test_a_failure_is_kept_too(desktop: DesktopEmulator) -> None:
    refused = message_set(bill_add(vendor="Nobody"), new=ID)
    first, check = run(desktop, refused, CHECK)
    assert (code(first), code(check)) == (3140, 3140)
    desktop.lock(code=3180)
    desktop.switches(failures_are_kept=False)
    locked, again = run(desktop, message_set(bill_add(), new="b"), message_set(bill_add(), new="b"))
    assert (code(locked), code(again)) == (3180, 0)


def test_records_belong_to_the_application_and_the_file(desktop: DesktopEmulator) -> None:
    run(desktop, BILL)
    assert set_status(run(desktop, CHECK, app="another")[0]) == "9002"
    (elsewhere,) = desktop.process(CHECK, file="ridgeline", app="inBuild")
    assert set_status(elsewhere["response"]) == "9002"


def test_records_that_do_not_last(desktop: DesktopEmulator) -> None:
    desktop.switches(recovery_records="until_closed")
    run(desktop, BILL)
    desktop.pc(running=False)
    assert desktop.recovery_records() == []
    # QuickBooks that was only started for one session closes with it.
    path = desktop.file()["path"]
    with soap_server() as server:
        desktop.pc(running=True)
        desktop.add_application(server.qwc(), PASSWORD)
        desktop.pc(running=False)
        server.queue, server.verdict = [message_set(bill_add(), new="alone")], [path]
        assert desktop.update()["outcome"] == "done"
    assert desktop.recovery_records() == []
    desktop.switches(recovery_records="forgotten")
    run(desktop, BILL)
    assert set_status(run(desktop, CHECK)[0]) == "9002"


def test_a_set_that_cannot_be_parsed_leaves_no_record(desktop: DesktopEmulator) -> None:
    (answer,) = desktop.process(BILL.replace("<Memo>", "<memo>").replace("</Memo>", "</memo>"))
    assert answer["hresult"] == "0x80040400"
    assert desktop.recovery_records() == []


def test_a_restored_backup_knows_neither_bill_nor_record(desktop: DesktopEmulator) -> None:
    desktop.backup()
    first, *_ = run(desktop, BILL)
    bill = responses(first)[0].findtext("BillRet/TxnID")
    assert desktop.restore() == [bill]
    assert desktop.bills() == []
    assert set_status(run(desktop, CHECK)[0]) == "9002"
    (row,) = (row for row in desktop.get("ledger", file=FILE)["bills"] if row["id"] == bill)
    assert (row["deleted"], row["vanished"], row["deleted_by"]) == (True, True, "restore")
