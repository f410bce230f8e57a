"""Reading from the Intuit emulator: query language, change data capture, batches, payments, attachments."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulators.test_intuit_client import Qbo, bill, emulator, error_of, fresh, line


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def names(found: dict[str, Any]) -> list[str]:
    return [entry["DisplayName"] for entry in found.get("Vendor", [])]


def test_query_answers_have_the_documented_shape(qbo: Qbo) -> None:
    qbo.create_bill(DocNumber="Q-1")
    by_get = qbo.query("SELECT * FROM Bill WHERE DocNumber = 'Q-1' AND VendorRef = '46'")
    assert (by_get["startPosition"], by_get["maxResults"], by_get["totalCount"]) == (1, 1, 1)
    text = "select * from bill where DocNumber = 'Q-1'"
    by_post = qbo.call("POST", "query", data=text.encode(), headers={"Content-Type": "application/text"})
    assert by_post.json()["QueryResponse"] == by_get
    assert qbo.get("query", query="SELECT * FROM Bill WHERE DocNumber = 'none'").json()["QueryResponse"] == {}
    assert qbo.query("SELECT COUNT(*) FROM Bill WHERE VendorRef = '46' AND DocNumber = 'Q-1'") == {"totalCount": 1}
    assert set(qbo.query("SELECT Id, DocNumber FROM Bill MAXRESULTS 1")["Bill"][0]) == {
        "Id",
        "DocNumber",
        "domain",
        "sparse",
    }


def test_operators(qbo: Qbo) -> None:
    assert names(qbo.query("SELECT * FROM Vendor WHERE DisplayName LIKE '%Electric Co%'")) == ["Keystone Electric Co."]
    assert names(qbo.query("SELECT * FROM Vendor WHERE Id IN ('46', '47') ORDERBY DisplayName")) == [
        "Atlas Concrete Contractors, Inc.",
        "Norton Lumber and Building Materials",
    ]
    assert len(qbo.query("SELECT * FROM Vendor WHERE Id >= '78' AND Id < '80'")["Vendor"]) == 2
    dates = [b["TxnDate"] for b in qbo.query("SELECT * FROM Bill ORDERBY TxnDate DESC")["Bill"]]
    assert dates == sorted(dates, reverse=True)
    for amount in qbo.query("SELECT * FROM Bill WHERE TotalAmt > '20000.00' AND Balance = 0")["Bill"]:
        assert amount["TotalAmt"] > 20000


@pytest.mark.parametrize(
    "name", ["O'Hara & Sons", "Back\\slash", "Both \\' of them", "x' OR Id > '0", "100% Steel", "é ß 漢"]
)
def test_escaping(qbo: Qbo, name: str) -> None:
    assert qbo.post("vendor", {"DisplayName": name}).status_code == 200
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    assert names(qbo.query(f"SELECT * FROM Vendor WHERE DisplayName = '{escaped}'")) == [name]  # noqa: S608


def test_a_half_escaped_value_breaks_out_of_its_quotes(qbo: Qbo) -> None:
    # The known trap: escaping the quote but not the backslash before it.
    text = "SELECT * FROM Vendor WHERE DisplayName = 'x\\\\' AND Id > '0'"
    assert qbo.get("query", query=text).status_code == 200


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT * FROM Bill STARTPOSITION 0", "4001"),
        ("SELECT * FROM Bill MAXRESULTS 1001", "4001"),
        ("SELECT * FROM Bill WHERE Foo = '1'", "4001"),
        ("SELECT * FROM Bill WHERE PrivateNote = 'x'", "4001"),
        ("SELECT * FROM Bill WHERE DocNumber = 'a' OR DocNumber = 'b'", "4000"),
        ("SELECT * FROM Bill, Vendor", "4000"),
        ("SELECT * FROM Bill JOIN Vendor", "4000"),
        ("SELECT * FROM Bill WHERE DocNumber = 'O'Hara'", "4000"),
        ("SELECT * FROM Bill WHERE DocNumber != 'a'", "4000"),
        ("SELECT * FROM Nothing", "4000"),
        ("SELECT * FROM", "4000"),
        ("DELETE FROM Bill", "4000"),
        ("", "4000"),
    ],
)
def test_bad_statements(qbo: Qbo, text: str, code: str) -> None:
    assert error_of(qbo.get("query", query=text))[:2] == (400, code)


def test_pages(qbo: Qbo) -> None:
    seen: list[str] = []
    for start in (1, 11, 21, 31):
        found = qbo.query(f"SELECT * FROM Bill ORDERBY Id STARTPOSITION {start} MAXRESULTS 10")  # noqa: S608
        seen += [entry["Id"] for entry in found.get("Bill", [])]
    assert len(seen) == len(set(seen)) == 30
    assert len(qbo.query("SELECT * FROM Account")["Account"]) <= 100


def test_lists_hide_inactive_entries(qbo: Qbo) -> None:
    assert "Old Mill Hardware (Deleted)" not in names(qbo.query("SELECT * FROM Vendor"))
    everyone = names(qbo.query("SELECT * FROM Vendor WHERE Active IN (true, false)"))
    assert "Old Mill Hardware (Deleted)" in everyone
    inactive = names(qbo.query("SELECT * FROM Vendor WHERE Active = false"))
    assert len(inactive) == 4
    assert all(name.endswith(" (Deleted)") for name in inactive)
    assert qbo.get("vendor/81").json()["Vendor"]["Active"] is False


def test_payment_brings_the_balance_down_and_void_brings_it_back(qbo: Qbo) -> None:
    made = qbo.create_bill(Line=[line(100)])
    payment = {
        "VendorRef": {"value": "46"},
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": "1"}},
        "TotalAmt": 60,
        "Line": [{"Amount": 60, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Bill"}]}],
    }
    paid = qbo.post("billpayment", payment).json()["BillPayment"]
    after = qbo.get(f"bill/{made['Id']}").json()["Bill"]
    assert (after["Balance"], after["SyncToken"]) == (40.0, "1")
    assert after["LinkedTxn"] == [{"TxnId": paid["Id"], "TxnType": "BillPaymentCheck"}]
    assert error_of(qbo.post("bill", {"Id": made["Id"], "SyncToken": "1"}, operation="delete"))[1] == "6000"
    assert error_of(qbo.post("billpayment", payment))[1] == "6000"  # more than is open
    request = {"Id": paid["Id"], "SyncToken": "0", "sparse": True}
    voided = qbo.post("billpayment", request, operation="update", include="void").json()["BillPayment"]
    assert (voided["TotalAmt"], voided["Line"]) == (0, [])
    assert voided["PrivateNote"].startswith("Voided")
    back = qbo.get(f"bill/{made['Id']}").json()["Bill"]
    assert (back["Balance"], "LinkedTxn" in back) == (100.0, False)


def test_credit_card_payment_and_vendor_credit(qbo: Qbo) -> None:
    made = qbo.create_bill(VendorRef={"value": "47"}, Line=[line(100)])
    credit_body = {**bill(VendorRef={"value": "47"}, Line=[line(30)])}
    credit = qbo.post("vendorcredit", credit_body).json()["VendorCredit"]
    assert credit["Balance"] == 30.0
    before = qbo.get("vendor/47").json()["Vendor"]["Balance"]
    body = {
        "VendorRef": {"value": "47"},
        "PayType": "CreditCard",
        "CreditCardPayment": {"CCAccountRef": {"value": "34"}},
        "TotalAmt": 70,
        "Line": [
            {"Amount": 100, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Bill"}]},
            {"Amount": 30, "LinkedTxn": [{"TxnId": credit["Id"], "TxnType": "VendorCredit"}]},
        ],
    }
    assert qbo.post("billpayment", body).status_code == 200
    after = qbo.get(f"bill/{made['Id']}").json()["Bill"]
    assert (after["Balance"], after["LinkedTxn"][0]["TxnType"]) == (0, "BillPaymentCreditCard")
    assert qbo.get(f"vendorcredit/{credit['Id']}").json()["VendorCredit"]["Balance"] == 0
    assert round(before - qbo.get("vendor/47").json()["Vendor"]["Balance"], 2) == 70.0


def test_change_data_capture(qbo: Qbo) -> None:
    changed, gone = qbo.create_bill(DocNumber="C-1"), qbo.create_bill(DocNumber="C-2")
    since = changed["MetaData"]["CreateTime"]
    qbo.control("POST", f"bills/{qbo.realm}/{changed['Id']}/pay", {})
    qbo.post("bill", {"Id": gone["Id"], "SyncToken": "0"}, operation="delete")
    parts = qbo.get("cdc", entities="Bill,BillPayment,Class", changedSince=since).json()["CDCResponse"][0][
        "QueryResponse"
    ]
    found = {entry["Id"]: entry for entry in parts[0]["Bill"]}
    assert (found[changed["Id"]]["Balance"], found[changed["Id"]]["SyncToken"]) == (0, "1")
    assert found[gone["Id"]]["status"] == "Deleted"
    assert len(parts[1]["BillPayment"]) == 1
    assert parts[2] == {}
    assert error_of(qbo.get("cdc", entities="Bill", changedSince="2020-01-01T00:00:00Z"))[1] == "2030"
    qbo.switch(cdc_too_old="clip")
    assert qbo.get("cdc", entities="Bill", changedSince="2020-01-01T00:00:00Z").status_code == 200
    assert error_of(qbo.get("cdc", changedSince=since))[1] == "2020"


def test_batch_items_succeed_and_fail_singly(qbo: Qbo) -> None:
    items = [
        {"bId": "b1", "operation": "create", "Bill": bill(DocNumber="B-1")},
        {"bId": "b2", "operation": "create", "Bill": bill(VendorRef={"value": "9999"})},
        {"bId": "b3", "Query": "SELECT * FROM Bill WHERE DocNumber = 'B-1'"},
    ]
    answer = qbo.post("batch", {"BatchItemRequest": items}).json()["BatchItemResponse"]
    assert [entry["bId"] for entry in answer] == ["b1", "b2", "b3"]
    assert answer[0]["Bill"]["SyncToken"] == "0"
    assert answer[1]["Fault"]["Error"][0]["code"] == "2500"
    assert answer[2]["QueryResponse"]["totalCount"] == 1
    assert error_of(qbo.post("batch", {"BatchItemRequest": items}, requestid="x" * 37))[1] == "2050"
    assert error_of(qbo.post("batch", {"BatchItemRequest": items * 11}))[1] == "2030"


def upload(qbo: Qbo, name: str, content: bytes, bill_id: str, **params: str) -> requests.Response:
    link = {"EntityRef": {"type": "Bill", "value": bill_id}, "IncludeOnSend": False}
    metadata = {"FileName": name, "AttachableRef": [link], "ContentType": "application/pdf"}
    files = {
        "file_metadata_01": ("metadata.json", json.dumps(metadata), "application/json"),
        "file_content_01": (name, content, "application/pdf"),
    }
    return qbo.call("POST", "upload", files=files, params=params)


def test_upload_and_download(qbo: Qbo) -> None:
    made = qbo.create_bill()
    content = b"%PDF-1.4\r\n\r\n--not-a-boundary\n" + bytes(range(256))
    shown = upload(qbo, "pay-app.pdf", content, made["Id"]).json()["AttachableResponse"][0]["Attachable"]
    assert (shown["FileName"], shown["Size"]) == ("pay-app.pdf", len(content))
    assert shown["AttachableRef"][0]["EntityRef"] == {"value": made["Id"], "type": "Bill"}
    assert requests.get(shown["TempDownloadUri"], timeout=5).content == content
    where = f"AttachableRef.EntityRef.Type = 'Bill' AND AttachableRef.EntityRef.value = '{made['Id']}'"
    assert qbo.query(f"SELECT * FROM Attachable WHERE {where}")["totalCount"] == 1  # noqa: S608
    listed = [b for b in qbo.control("GET", "ledger")["bills"] if b["id"] == made["Id"]]
    assert listed[0]["attachments"][0]["file_name"] == "pay-app.pdf"
    gone = qbo.post("attachable", {"Id": shown["Id"], "SyncToken": "0"}, operation="delete")
    assert gone.json()["Attachable"]["status"] == "Deleted"


def test_base64_parts_with_bare_line_feeds(qbo: Qbo) -> None:
    content = bytes(range(256)) * 40
    metadata = json.dumps({"FileName": "a.png", "ContentType": "image/png"})
    text = (
        f'\n--MARK\nContent-Disposition: form-data; name="file_metadata_01"\n'
        f"Content-Type: application/json\n\n{metadata}\n"
        f'\n--MARK\nContent-Disposition: form-data; name="file_content_01"\nContent-Type: image/png\n'
        f"Content-Transfer-Encoding: base64\n\n{base64.b64encode(content).decode()}\n\n--MARK--\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=MARK"}
    answer = qbo.call("POST", "upload", data=text.encode(), headers=headers)
    assert answer.json()["AttachableResponse"][0]["Attachable"]["Size"] == len(content)


@pytest.mark.parametrize(
    ("name", "target", "code"),
    [
        ("virus.exe", "", "6040"),
        ("noending", "", "6040"),
        ("x" * 1001 + ".pdf", "", "2050"),
        ("a.pdf", "99999", "6050"),
    ],
)
def test_refused_files_answer_200_with_a_fault(qbo: Qbo, name: str, target: str, code: str) -> None:
    made = qbo.create_bill()
    answer = upload(qbo, name, b"x", target or made["Id"])
    assert answer.status_code == 200
    assert answer.json()["AttachableResponse"][0]["Fault"]["Error"][0]["code"] == code


def test_upload_requestid_is_a_switch(qbo: Qbo) -> None:
    made = qbo.create_bill()
    ids = [upload(qbo, "a.pdf", b"x", made["Id"], requestid="up-1").json()["AttachableResponse"][0] for _ in range(2)]
    assert ids[0]["Attachable"]["Id"] != ids[1]["Attachable"]["Id"]
    qbo.switch(requestid_on_upload="honoured")
    ids = [upload(qbo, "a.pdf", b"x", made["Id"], requestid="up-2").json()["AttachableResponse"][0] for _ in range(2)]
    assert ids[0]["Attachable"]["Id"] == ids[1]["Attachable"]["Id"]


def test_notes_and_bad_uploads(qbo: Qbo) -> None:
    made = qbo.create_bill()
    note = {"Note": "see file", "AttachableRef": [{"EntityRef": {"type": "Bill", "value": made["Id"]}}]}
    assert qbo.post("attachable", note).json()["Attachable"]["Note"] == "see file"
    assert error_of(qbo.post("attachable", {"Note": "x" * 2001}))[1] == "2050"
    assert error_of(qbo.call("POST", "upload", data=b"x"))[1] == "6040"
