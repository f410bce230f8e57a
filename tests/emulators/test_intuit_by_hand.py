"""What a person does in QuickBooks behind the product's back, and what the API and the ledger then say."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulators.test_intuit_client import NORTHGATE, Qbo, bill, emulator, error_of, fresh, item_line, line
from tests.emulators.test_intuit_reading import upload


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def ledger(qbo: Qbo, kind: str, identifier: str) -> dict[str, Any]:
    rows = qbo.control("GET", f"ledger?realm={qbo.realm}")[kind]
    return dict(next(row for row in rows if row["id"] == identifier))


def shown(qbo: Qbo, made: dict[str, Any]) -> dict[str, Any]:
    return dict(qbo.get(f"bill/{made['Id']}").json()["Bill"])


def test_a_bill_typed_in_by_name_number_and_total(qbo: Qbo) -> None:
    sent = {"realm": NORTHGATE, "vendor": "Acme Concrete LLC", "doc_number": "PA-7", "total": "1250.50"}
    typed = qbo.control("POST", "bills", {**sent, "txn_date": "2026-03-01"})
    assert (typed["vendor_name"], typed["total"], typed["balance"]) == ("Acme Concrete LLC", "1250.50", "1250.50")
    assert (typed["created_by"], typed["updated_by"], typed["deleted_by"]) == ("hand", "", "")
    found = qbo.query(f"SELECT * FROM Bill WHERE DocNumber = 'PA-7' AND VendorRef = '{typed['vendor_id']}'")  # noqa: S608
    assert found["Bill"][0]["TotalAmt"] == 1250.5
    nobody = requests.post(f"{qbo.base}/_emulator/bills", json={**sent, "vendor": "Nobody"}, timeout=5)
    assert nobody.status_code == 400
    by_item = qbo.control("POST", "bills", {**sent, "lines": [{"amount": "5", "item_id": "21", "customer_id": "61"}]})
    assert (by_item["lines"][0]["item_name"], by_item["lines"][0]["customer_id"]) == ("03-100 Concrete Forming", "61")


def test_a_person_may_do_what_the_api_refuses(qbo: Qbo) -> None:
    qbo.switch(book_close_date="2026-12-31", warn_duplicate_bill_number=True)
    sent = {"realm": NORTHGATE, "vendor_id": "47", "doc_number": "SAME", "txn_date": "2026-01-01", "total": "5"}
    first, second = (qbo.control("POST", "bills", sent) for _ in range(2))
    assert first["id"] != second["id"]
    qbo.control("POST", f"bills/{NORTHGATE}/{first['id']}/pay", {})
    assert error_of(qbo.post("bill", {"Id": second["id"], "SyncToken": "0"}, operation="delete"))[1] == "6210"
    assert qbo.control("DELETE", f"bills/{NORTHGATE}/{second['id']}")["deleted_by"] == "hand"


def test_edits_and_copies_move_what_the_api_shows(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="E-1", PrivateNote="marker", Line=[item_line(100, Qty=1, UnitPrice=100)])
    time.sleep(1.05)
    qbo.control("PATCH", f"bills/{NORTHGATE}/{made['Id']}", {"total": "90", "vendor_id": "47"})
    after = shown(qbo, made)
    assert (after["TotalAmt"], after["SyncToken"], after["VendorRef"]["value"]) == (90.0, "1", "47")
    assert after["MetaData"]["LastUpdatedTime"] > made["MetaData"]["LastUpdatedTime"]
    assert error_of(qbo.post("bill", bill(Id=made["Id"], SyncToken="0")))[1] == "5010"
    copied = qbo.control("POST", f"bills/{NORTHGATE}/{made['Id']}/copy", {"keep_number": True})
    assert (copied["doc_number"], copied["private_note"], copied["created_by"]) == ("E-1", "marker", "hand")
    assert qbo.control("POST", f"bills/{NORTHGATE}/{made['Id']}/copy")["doc_number"] == ""
    entry = ledger(qbo, "bills", made["Id"])
    assert (entry["created_by"], entry["updated_by"]) == ("api", "hand")


def test_the_ledger_names_the_author_and_the_request(qbo: Qbo) -> None:
    made = qbo.post("bill", bill(DocNumber="W-1"), requestid="make").json()["Bill"]
    qbo.post("bill", bill(Id=made["Id"], SyncToken="0", PrivateNote="x"), requestid="change")
    qbo.post("bill", {"Id": made["Id"], "SyncToken": "1"}, operation="delete", requestid="remove")
    entry = ledger(qbo, "bills", made["Id"])
    assert (entry["created_by"], entry["updated_by"], entry["deleted_by"]) == ("api", "api", "api")
    keys = (entry["request_id"], entry["updated_request_id"], entry["deleted_request_id"])
    assert keys == ("make", "change", "remove")
    seeded = qbo.control("GET", f"ledger?realm={NORTHGATE}")["bills"][0]
    assert (seeded["created_by"], seeded["deleted"]) == ("seed", False)


def test_attachments_are_in_the_ledger_with_their_content(qbo: Qbo) -> None:
    made = qbo.create_bill()
    upload(qbo, "a.pdf", b"content", made["Id"], requestid="up")
    entry = ledger(qbo, "bills", made["Id"])["attachments"][0]
    assert entry["sha256"] == hashlib.sha256(b"content").hexdigest()
    assert entry["linked_to"] == [{"type": "Bill", "id": made["Id"]}]
    assert (entry["created_by"], entry["request_id"]) == ("api", "up")
    assert ledger(qbo, "attachments", entry["id"])["file_name"] == "a.pdf"
    qbo.control("DELETE", f"attachments/{NORTHGATE}/{entry['id']}")
    assert ledger(qbo, "bills", made["Id"])["attachments"] == []


@pytest.mark.parametrize(("pay_type", "name"), [("Check", "BillPaymentCheck"), ("CreditCard", "APCreditCard")])
def test_payments_in_part_and_in_full_and_taken_back(qbo: Qbo, pay_type: str, name: str) -> None:
    qbo.switch(credit_card_linked_txn="APCreditCard")
    made = qbo.create_bill(Line=[line(100)])
    first = qbo.control("POST", f"bills/{NORTHGATE}/{made['Id']}/pay", {"amount": "40", "pay_type": pay_type})
    assert shown(qbo, made)["LinkedTxn"] == [{"TxnId": first["payment_id"], "TxnType": name}]
    second = qbo.control("POST", f"bills/{NORTHGATE}/{made['Id']}/pay", {"pay_type": pay_type})
    assert shown(qbo, made)["Balance"] == 0
    voided = qbo.control("POST", f"payments/{NORTHGATE}/{second['payment_id']}/void")
    assert (voided["voided"], voided["total"], voided["bills"]) == (True, "0.00", [])
    assert shown(qbo, made)["Balance"] == 60.0
    assert qbo.control("DELETE", f"payments/{NORTHGATE}/{first['payment_id']}")["deleted_by"] == "hand"
    after = shown(qbo, made)
    assert (after["Balance"], "LinkedTxn" in after) == (100.0, False)
    assert error_of(qbo.get(f"billpayment/{first['payment_id']}"))[1] == "610"


def test_one_payment_for_several_bills_less_a_credit(qbo: Qbo) -> None:
    one, two = (qbo.create_bill(VendorRef={"value": "48"}, Line=[line(100)]) for _ in range(2))
    credit = {"realm": NORTHGATE, "vendor_id": "48", "doc_number": "VC", "total": "30"}
    typed = qbo.control("POST", "vendor-credits", credit)
    assert (typed["total"], typed["balance"]) == ("30.00", "30.00")
    paid = qbo.control(
        "POST",
        "payments",
        {
            "realm": NORTHGATE,
            "bills": [{"id": one["Id"]}, {"id": two["Id"], "amount": "50"}],
            "credits": [{"id": typed["id"]}],
            "doc_number": "1042",
            "txn_date": "2026-04-02",
        },
    )
    assert (paid["total"], paid["doc_number"], paid["txn_date"]) == ("120.00", "1042", "2026-04-02")
    assert (shown(qbo, one)["Balance"], shown(qbo, two)["Balance"]) == (0, 50.0)
    assert ledger(qbo, "vendor_credits", typed["id"])["balance"] == "0.00"
    qbo.control("DELETE", f"payments/{NORTHGATE}/{paid['id']}")
    assert (shown(qbo, one)["Balance"], shown(qbo, two)["Balance"]) == (100.0, 100.0)
    assert ledger(qbo, "vendor_credits", typed["id"])["balance"] == "30.00"


def test_a_credit_applied_through_the_api_moves_no_money(qbo: Qbo) -> None:
    made = qbo.create_bill(VendorRef={"value": "48"}, Line=[line(100)])
    body = bill(VendorRef={"value": "48"}, DocNumber="VC-2", Line=[line(100)])
    credit = qbo.post("vendorcredit", body, requestid="vc").json()["VendorCredit"]
    payment = {
        "VendorRef": {"value": "48"},
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": "1"}},
        "TotalAmt": 0,
        "Line": [
            {"Amount": 100, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Bill"}]},
            {"Amount": 100, "LinkedTxn": [{"TxnId": credit["Id"], "TxnType": "VendorCredit"}]},
        ],
    }
    done = qbo.post("billpayment", payment)
    assert done.status_code == 200, done.text
    assert done.json()["BillPayment"]["TotalAmt"] == 0
    assert shown(qbo, made)["Balance"] == 0
    found = qbo.query("SELECT * FROM VendorCredit WHERE DocNumber = 'VC-2'")["VendorCredit"][0]
    assert (found["Balance"], found["LinkedTxn"][0]["TxnId"]) == (0, done.json()["BillPayment"]["Id"])
    target = {"Id": credit["Id"], "SyncToken": found["SyncToken"]}
    assert error_of(qbo.post("vendorcredit", target, operation="delete"))[1] == "6000"
    entry = ledger(qbo, "vendor_credits", credit["Id"])
    assert (entry["request_id"], entry["created_by"]) == ("vc", "api")


def test_updates_of_linked_bills_are_a_switch(qbo: Qbo) -> None:
    made = qbo.create_bill(Line=[line(100)])
    qbo.control("POST", f"bills/{NORTHGATE}/{made['Id']}/pay", {"amount": "40"})
    updated = qbo.post("bill", bill(Id=made["Id"], SyncToken="1", Line=[line(80)])).json()["Bill"]
    assert (updated["TotalAmt"], updated["Balance"]) == (80.0, 40.0)
    too_low = bill(Id=made["Id"], SyncToken="2", Line=[line(30)])
    assert error_of(qbo.post("bill", too_low))[1] == "6000"
    other_vendor = bill(Id=made["Id"], SyncToken="2", VendorRef={"value": "47"}, Line=[line(80)])
    assert error_of(qbo.post("bill", other_vendor))[1] == "6000"
    qbo.switch(update_linked_bill="6000")
    assert error_of(qbo.post("bill", bill(Id=made["Id"], SyncToken="2", Line=[line(80)])))[1] == "6000"


def test_more_switches_of_a_bill(qbo: Qbo) -> None:
    qbo.switch(warn_duplicate_bill_number=True, duplicate_code="6240", duplicate_case="ignored")
    qbo.create_bill(DocNumber="a-1")
    status, code, detail = error_of(qbo.post("bill", bill(DocNumber="A-1")))
    assert (status, code, detail.split(" :")[0]) == (400, "6240", "Duplicate Document Number Error")
    qbo.switch(inactive_reference="2500")
    assert error_of(qbo.post("bill", bill(VendorRef={"value": "81"})))[1] == "2500"
    qbo.switch(inactive_reference="accept")
    assert qbo.post("bill", bill(VendorRef={"value": "81"})).status_code == 200
    qbo.switch(class_tracking="off", class_ref_when_off="5020")
    assert error_of(qbo.post("bill", bill(Line=[item_line(ClassRef={"value": "1"})])))[1] == "5020"
    qbo.switch(bills_enabled=False)
    assert error_of(qbo.post("bill", bill()))[:2] == (400, "5020")
    assert qbo.get("preferences").json()["Preferences"]["VendorAndPurchasesPrefs"]["EnableBills"] is False


def test_pages_of_credits_payments_and_vendors(qbo: Qbo) -> None:
    made = qbo.create_bill(DocNumber="PG-1", Line=[line(100)])
    url = f"{qbo.base}/company/{NORTHGATE}"
    page = requests.post(f"{url}/bills/{made['Id']}", data={"action": "pay", "amount": "25"}, timeout=5)
    assert "Bill " + made["Id"] + ": 25.00" in page.text
    payment = shown(qbo, made)["LinkedTxn"][0]["TxnId"]
    requests.post(f"{url}/bills/{made['Id']}", data={"action": f"void:{payment}"}, timeout=5)
    assert shown(qbo, made)["Balance"] == 100.0
    credits = requests.get(f"{url}/vendor-credits", timeout=5)
    assert "CM-204" in credits.text
    number = qbo.query("SELECT * FROM VendorCredit")["VendorCredit"][0]["Id"]
    assert "Returned formwork" in requests.get(f"{url}/vendor-credits/{number}", timeout=5).text
    requests.post(f"{url}/vendors", data={"id": "47", "name": "Atlas Concrete Group"}, timeout=5)
    assert qbo.get("vendor/47").json()["Vendor"]["DisplayName"] == "Atlas Concrete Group"
    taken = requests.post(f"{url}/vendors", data={"id": "47", "name": "City of Fairmont"}, timeout=5)
    assert "already exists" in taken.text
    requests.post(f"{url}/vendors", data={"id": "47", "active": "false"}, timeout=5)
    assert qbo.get("vendor/47").json()["Vendor"]["Active"] is False
