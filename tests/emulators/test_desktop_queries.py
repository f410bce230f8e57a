"""What the PC's QuickBooks answers: lookups, filters, pages, links to payments, deletions (qbd.md 2.3, 2.4)."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from tests.emulators.test_desktop_parsing import ask
from tests.emulators.test_desktop_writing import added, code
from tests.support.desktop import FILE, DesktopEmulator
from tests.support.qbxml import bill_add, expense_line, message_set, request, responses
from tests.support.soap_server import PASSWORD, soap_server


def query(desktop: DesktopEmulator, name: str, values: dict[str, Any] | None = None, **attributes: str) -> Element:
    (response,) = responses(ask(desktop, request(f"{name}Query", values, **attributes)))
    return response


def texts(response: Element, path: str) -> list[str]:
    return [element.text or "" for element in response.iterfind(path)]


def status(response: Element) -> tuple[str | None, str | None]:
    return response.get("statusCode"), response.get("statusSeverity")


def test_a_lookup_that_finds_nothing_is_no_empty_list(desktop: DesktopEmulator) -> None:
    bill = added(desktop)
    for name, values in (
        ("Vendor", {"FullName": "Nobody"}),
        ("Vendor", {"ListID": "1-1"}),
        ("Bill", {"TxnID": "1-1"}),
        ("Bill", {"RefNumber": "NONE"}),
        ("Bill", {"RefNumberCaseSensitive": "inv-1"}),
    ):
        assert status(query(desktop, name, values)) == ("500", "Warn"), values
    assert status(query(desktop, "Vendor", {"NameFilter": _starts("Name", "Nobody")})) == ("1", "Info")
    both = {"TxnID": [bill["TxnID"], "1-1"]}
    assert texts(query(desktop, "Bill", both), "BillRet/TxnID") == []
    desktop.switches(partial_lookup=True)
    found = query(desktop, "Bill", both)
    assert (status(found)[0], texts(found, "BillRet/TxnID")) == ("500", [bill["TxnID"]])
    desktop.remove(bill["TxnID"])
    assert status(query(desktop, "Bill", {"TxnID": bill["TxnID"]})) == ("500", "Warn")


def _starts(name: str, text: str, how: str = "StartsWith") -> dict[str, str]:
    return {"MatchCriterion": how, name: text}


def test_filters_of_bills(desktop: DesktopEmulator) -> None:
    first = added(desktop, RefNumber="INV-1", TxnDate="2026-11-03")
    second = added(desktop, RefNumber="INV-12", TxnDate="2026-11-10", vendor="Lomax Flooring")
    acme = desktop.entry("Vendor", "Acme Concrete LLC")["id"]
    numbers = _starts("RefNumber", "inv-1")

    def found(**values: Any) -> list[str]:
        return texts(query(desktop, "Bill", values), "BillRet/TxnID")

    one, two = first["TxnID"], second["TxnID"]
    assert found(RefNumberFilter=numbers) == [one, two]
    assert found(EntityFilter={"ListID": acme}, RefNumberFilter=numbers) == [one]
    assert found(TxnDateRangeFilter={"FromTxnDate": "2026-11-04", "ToTxnDate": "2026-11-10"}) == [two]
    assert found(RefNumber="inv-12") == [two]
    assert found(RefNumberFilter=_starts("RefNumber", "V-12", "EndsWith")) == [two]
    assert found(MaxReturned="1", RefNumberFilter=numbers) == [one]
    desktop.pay(two)
    assert found(RefNumberFilter=numbers, PaidStatus="NotPaidOnly") == [one]
    assert found(RefNumberFilter=numbers, PaidStatus="PaidOnly") == [two]
    assert found(ModifiedDateRangeFilter={"FromModifiedDate": "2099-01-01T00:00:00"}) == []
    assert status(query(desktop, "Bill", {"EntityFilter": {"FullName": "Nobody"}})) == ("500", "Warn")


def test_what_is_shown(desktop: DesktopEmulator) -> None:
    bill = added(desktop)
    plain = query(desktop, "Bill", {"TxnID": bill["TxnID"]})[0]
    assert plain.find("ExpenseLineRet") is None
    full = query(desktop, "Bill", {"TxnID": bill["TxnID"], "IncludeLineItems": "true", "IncludeLinkedTxns": "true"})[0]
    assert full.findtext("ExpenseLineRet/Amount") == "100.00"
    little = query(desktop, "Bill", {"TxnID": bill["TxnID"], "IncludeRetElement": ["TxnID", "Memo"]})[0]
    assert [child.tag for child in little] == ["TxnID", "Memo"]


def page(size: str = "20", **attributes: str) -> str:
    fields = {"ActiveStatus": "ActiveOnly", "IncludeRetElement": "ListID"}
    return message_set(request("VendorQuery", {"MaxReturned": size, **fields}, **attributes))


def next_page(last: str) -> str:
    return page(iterator="Continue", iteratorID=responses(last)[0].get("iteratorID") or "")


def other_filters(last: str) -> str:
    return next_page(last).replace("ActiveOnly", "All")


def test_every_page_once(desktop: DesktopEmulator) -> None:
    active = [entry["id"] for entry in desktop.entries("Vendor") if entry["active"]]
    with soap_server() as server:
        app = str(desktop.add_application(server.qwc(), PASSWORD)["name"])
        server.queue = [page(iterator="Start"), next_page, next_page]
        desktop.update(app)
        pages = [responses(each["response"])[0] for each in server.responses]
    left = [len(active) - 20, len(active) - 40, 0]
    assert [len(each) for each in pages] == [20, 20, len(active) - 40]
    assert [each.get("iteratorRemainingCount") for each in pages] == [str(count) for count in left]
    assert sorted(identifier for each in pages for identifier in texts(each, "VendorRet/ListID")) == sorted(active)


def test_pages_belong_to_their_session_and_their_filters(desktop: DesktopEmulator) -> None:
    with soap_server() as server:
        app = str(desktop.add_application(server.qwc(), PASSWORD)["name"])
        server.queue = [page(iterator="Start"), other_filters]
        desktop.update(app)
        server.queue = [page(iterator="Start")]
        desktop.update(app)
        server.queue = [next_page]
        desktop.update(app)
    assert [code(each["response"]) for each in server.responses] == [0, 3120, 0, 3120]
    assert code(ask(desktop, request("VendorQuery", {"ActiveStatus": "All"}, iterator="Start"))) == 3150


def test_payments_on_a_bill(desktop: DesktopEmulator) -> None:
    bill = added(desktop, lines=[expense_line("100.00")])
    check = desktop.pay(bill["TxnID"], "30.00", doc_number="10245", txn_date="2026-11-20")
    card = desktop.pay(bill["TxnID"], "20.00", pay_type="CreditCard")
    acme = desktop.entry("Vendor", "Acme Concrete LLC")["id"]
    credit = desktop.post("vendor-credits", {"file": FILE, "vendor_id": acme, "total": "60.00"})
    assert desktop.credit(bill["TxnID"], credit["id"], "10.00")["balance"] == "40.00"
    asked = {"TxnID": bill["TxnID"], "IncludeLinkedTxns": "true"}
    shown = query(desktop, "Bill", asked)[0]
    linked = [
        (e.findtext("TxnType"), e.findtext("Amount"), e.findtext("LinkType")) for e in shown.iterfind("LinkedTxn")
    ]
    assert sorted(linked, key=str) == [
        ("BillPaymentCheck", "-30.00", "AMTTYPE"),
        ("BillPaymentCreditCard", "-20.00", "AMTTYPE"),
        ("VendorCredit", "-10.00", "AMTTYPE"),
    ]
    assert [shown.findtext(name) for name in ("AmountDue", "IsPaid", "OpenAmount")] == ["100.00", "false", "40.00"]
    # The bill's own stamps do not move, unless the switch says so.
    assert shown.findtext("EditSequence") == bill["EditSequence"]
    payments = query(desktop, "BillPaymentCheck", {"TxnID": check["payment_id"], "IncludeLineItems": "true"})[0]
    assert payments.findtext("AppliedToTxnRet/TxnID") == bill["TxnID"]
    assert payments.findtext("AppliedToTxnRet/BalanceRemaining") == "40.00"
    assert payments.findtext("RefNumber") == "10245"
    desktop.pay(bill["TxnID"])
    assert query(desktop, "Bill", asked)[0].findtext("IsPaid") == "true"
    desktop.void(card["payment_id"])
    shown = query(desktop, "Bill", asked)[0]
    assert (shown.findtext("IsPaid"), shown.findtext("OpenAmount")) == ("false", "20.00")
    desktop.switches(payment_touches_bill=True)
    desktop.pay(bill["TxnID"])
    assert query(desktop, "Bill", asked)[0].findtext("EditSequence") != bill["EditSequence"]


def test_open_amount_may_lie(desktop: DesktopEmulator) -> None:
    _new_vendor(desktop)
    one = added(desktop, vendor="Zero Balance", lines=[expense_line("5.00")])
    added(desktop, vendor="Zero Balance", lines=[expense_line("7.00")])
    asked = {"TxnID": one["TxnID"]}
    for shown, expected in (("right", "5.00"), ("vendor_balance", "12.00"), ("missing", None)):
        desktop.switches(open_amount=shown)
        assert query(desktop, "Bill", asked)[0].findtext("OpenAmount") == expected


def _new_vendor(desktop: DesktopEmulator) -> None:
    assert code(ask(desktop, request("VendorAdd", {"VendorAdd": {"Name": "Zero Balance"}}))) == 0


def test_bills_to_pay(desktop: DesktopEmulator) -> None:
    _new_vendor(desktop)
    bill = added(desktop, vendor="Zero Balance")
    desktop.pay(bill["TxnID"], "1.00")
    found = query(desktop, "BillToPay", {"PayeeEntityRef": {"FullName": "Zero Balance"}})
    assert texts(found, "BillToPayRet/BillToPay/AmountDue") == ["99.00"]


def test_what_was_deleted(desktop: DesktopEmulator) -> None:
    bill = added(desktop, RefNumber="GONE")
    desktop.remove(bill["TxnID"])
    found = query(desktop, "TxnDeleted", {"TxnDelType": ["Bill", "VendorCredit"]})
    assert bill["TxnID"] in texts(found, "TxnDeletedRet/TxnID")
    assert "GONE" in texts(found, "TxnDeletedRet/RefNumber")
    span = {"FromDeletedDate": "2099-01-01T00:00:00"}
    later = query(desktop, "TxnDeleted", {"TxnDelType": "Bill", "DeletedDateRangeFilter": span})
    assert status(later) == ("1", "Info")
    fence = desktop.entry("Vendor", "Yakima Fence")
    desktop.delete(f"lists/{FILE}/Vendor/{fence['id']}")
    assert texts(query(desktop, "ListDeleted", {"ListDelType": "Vendor"}), "ListDeletedRet/FullName") == [
        "Yakima Fence"
    ]


def test_inactive_entries(desktop: DesktopEmulator) -> None:
    names = {"ActiveStatus": "InactiveOnly", "IncludeRetElement": "Name"}
    assert "Old Mill Hardware" in texts(query(desktop, "Vendor", names), "VendorRet/Name")
    assert "Old Mill Hardware" not in texts(query(desktop, "Vendor", {}), "VendorRet/Name")
    acme = desktop.entry("Vendor", "Acme Concrete LLC")
    desktop.change_entry("Vendor", acme["id"], active=False, name="Acme Renamed")
    assert code(ask(desktop, bill_add(vendor="Acme Renamed"))) == 3140
    desktop.switches(inactive_reference="accept")
    assert code(ask(desktop, bill_add(vendor="Acme Renamed"))) == 0


def test_lists_in_their_families(desktop: DesktopEmulator) -> None:
    job = query(desktop, "Customer", {"FullName": "Harborview Development Group:Harborview Parking Structure"})[0]
    assert (job.findtext("Sublevel"), job.findtext("ParentRef/FullName")) == ("1", "Harborview Development Group")
    items = query(desktop, "Item", {"ActiveStatus": "All"})
    assert {item.tag for item in items} == {"ItemServiceRet", "ItemNonInventoryRet"}
    payable = query(desktop, "Account", {"AccountType": "AccountsPayable"})
    assert texts(payable, "AccountRet/Name") == ["Accounts Payable (A/P)"]
    assert "Net 30" in texts(query(desktop, "Terms", {}), "StandardTermsRet/Name")
    assert "Commercial" in texts(query(desktop, "Class", {}), "ClassRet/FullName")
