"""What the PC's QuickBooks saves and refuses: bills, vendor credits, vendors, changes, deletions (qbd.md 2.3-2.6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.test_desktop_parsing import ask
from tests.support.desktop import FILE, DesktopEmulator
from tests.support.qbxml import bill_add, expense_line, message_set, request, responses, statuses

GUID = "{0F9B3C1E-6A4D-5E2B-8C7F-1A2B3C4D5E6F}"


def code(text: str) -> int:
    return statuses(text)[0][0]


def added(desktop: DesktopEmulator, **changes: Any) -> dict[str, str]:
    """TxnID and EditSequence of a new bill."""
    (response,) = responses(ask(desktop, bill_add(**changes)))
    return {name: response.findtext(f"BillRet/{name}") or "" for name in ("TxnID", "EditSequence")}


def modified(desktop: DesktopEmulator, bill: dict[str, str], **changes: Any) -> str:
    return ask(desktop, request("BillMod", {"BillMod": {**bill, **changes}}))


def test_a_bill_as_it_was_sent(desktop: DesktopEmulator) -> None:
    job = desktop.entry("Customer", "Harborview Development Group:Harborview Parking Structure")
    lines = [
        expense_line("12500.00", Memo="Footings", CustomerRef={"ListID": job["id"]}, BillableStatus="NotBillable"),
        {"AccountRef": {"FullName": "retention payable"}, "Amount": "-1250.00", "Memo": "Retainage 10%"},
    ]
    (response,) = responses(ask(desktop, bill_add(lines=lines, ExternalGUID=GUID), new="set-1"))
    saved = response.find("BillRet")
    assert saved is not None
    facts = {name: saved.findtext(name) for name in ("AmountDue", "IsPaid", "ExternalGUID", "DueDate", "OpenAmount")}
    assert facts == {
        "AmountDue": "11250.00",
        "IsPaid": "false",
        "ExternalGUID": GUID,
        # Net 30, the vendor's terms.
        "DueDate": "2026-12-03",
        "OpenAmount": "11250.00",
    }
    (row,) = desktop.bills()
    assert (row["vendor_name"], row["total"], row["created_by"], row["request_id"]) == (
        "Acme Concrete LLC",
        "11250.00",
        "qbxml",
        "set-1",
    )
    assert [(line["account_name"], line["amount"], line["billable"]) for line in row["lines"]] == [
        ("Job Costs - Subcontractors", "12500.00", "NotBillable"),
        ("Retention Payable", "-1250.00", ""),
    ]
    events = desktop.get("events", kind="bill.added", subject=f"{FILE}/{row['id']}")["events"]
    assert [(event["data"]["by"], event["data"]["message_set"]) for event in events] == [("qbxml", "set-1")]


def test_item_lines(desktop: DesktopEmulator) -> None:
    item = {
        "ItemRef": {"FullName": "03-100 Concrete Forming"},
        "Desc": "Ready-mix",
        "Quantity": "12.5",
        "Cost": "142.75",
    }
    body = {"VendorRef": {"FullName": "Acme Concrete LLC"}, "Memo": "[inBuild 1]", "ItemLineAdd": [item]}
    (response,) = responses(ask(desktop, request("BillAdd", {"BillAdd": body})))
    assert response.findtext("BillRet/ItemLineRet/Amount") == "1784.38"
    (line,) = desktop.bills()[0]["lines"]
    assert (line["item_name"], line["account_name"]) == ("03-100 Concrete Forming", "Job Costs - Subcontractors")


def test_a_job_without_a_billable_status_becomes_billable(desktop: DesktopEmulator) -> None:
    ask(desktop, bill_add(lines=[expense_line(CustomerRef={"FullName": "City of Fairmont"})]))
    assert desktop.bills()[0]["lines"][0]["billable"] == "Billable"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vendor": "Nobody"}, 'Vendor "Nobody" in the Bill'),
        ({"vendor": "Old Mill Hardware"}, "inactive"),
        ({"APAccountRef": {"FullName": "Rent"}}, 'A/P Account "Rent"'),
        ({"TermsRef": {"FullName": "Net 900"}}, 'Terms "Net 900"'),
        ({"lines": [expense_line(CustomerRef={"FullName": "Nowhere"})]}, 'Customer:Job "Nowhere"'),
        ({"lines": [expense_line(CustomerRef={"ListID": "1-1"})]}, 'Customer:Job "1-1"'),
        ({"lines": [{"AccountRef": {"FullName": "Nothing"}, "Amount": "1.00"}]}, 'Account "Nothing"'),
        ({"lines": [{"AccountRef": {"FullName": "Accounts Payable (A/P)"}, "Amount": "1.00",
                     "CustomerRef": {"FullName": "City of Fairmont"}}]}, 'Vendor "City of Fairmont"'),
    ],
)  # fmt: skip
def test_references_that_do_not_hold(desktop: DesktopEmulator, changes: dict[str, Any], words: str) -> None:
    text = ask(desktop, bill_add(**changes))
    assert code(text) == 3140
    assert words in str(responses(text)[0].get("statusMessage"))
    assert desktop.bills() == []


def test_a_number_used_twice_is_no_obstacle(desktop: DesktopEmulator) -> None:
    assert [code(ask(desktop, bill_add(ExternalGUID=GUID))) for _ in range(2)] == [0, 0]
    assert [bill["doc_number"] for bill in desktop.bills()] == ["INV-1", "INV-1"]


def test_negative_and_empty_bills(desktop: DesktopEmulator) -> None:
    negative, zero = bill_add(lines=[expense_line("-1.00")]), bill_add(lines=[expense_line("0.00")])
    assert code(ask(desktop, negative)) == 3180
    desktop.switches(negative_bill="accept", zero_bill="refuse")
    assert (code(ask(desktop, negative)), code(ask(desktop, zero))) == (0, 3180)


def test_the_closed_period(desktop: DesktopEmulator) -> None:
    bill = added(desktop)
    desktop.file(closing_date="2026-11-30")
    assert code(ask(desktop, bill_add(TxnDate="2026-11-30"))) == 3171
    assert code(ask(desktop, bill_add(TxnDate="2026-12-01"))) == 0
    assert code(modified(desktop, bill, TxnDate="2026-12-05")) == 3171
    assert code(ask(desktop, request("TxnDel", {"TxnDelType": "Bill", "TxnID": bill["TxnID"]}))) == 3171
    desktop.switches(closing_date_code=3180)
    assert code(ask(desktop, bill_add())) == 3180
    # A person may.
    desktop.change(bill["TxnID"], private_note="by hand")


def test_classes_that_are_not_tracked(desktop: DesktopEmulator) -> None:
    with_class = bill_add(lines=[expense_line(ClassRef={"FullName": "Commercial"})])
    assert code(ask(desktop, with_class)) == 0
    desktop.file(class_tracking=False)
    assert code(ask(desktop, with_class)) == 3250


@pytest.mark.parametrize("status", ["3260", "3261", "3263"])
def test_no_permission(desktop: DesktopEmulator, status: str) -> None:
    desktop.switches(permission=status)
    assert code(ask(desktop, bill_add())) == int(status)
    assert code(ask(desktop, request("VendorQuery", {"MaxReturned": "1"}))) == 0


def test_locks_wear_off(desktop: DesktopEmulator) -> None:
    bill = added(desktop)
    vendor = desktop.entry("Vendor", "Acme Concrete LLC")
    desktop.lock("Bill", bill["TxnID"], times=2)
    assert [code(modified(desktop, bill, Memo="x")) for _ in range(3)] == [3175, 3175, 0]
    desktop.lock("Vendor", vendor["id"], code=3176)
    assert code(ask(desktop, bill_add(vendor="Lomax Flooring"))) == 0
    assert [code(ask(desktop, bill_add())) for _ in range(2)] == [3176, 0]
    desktop.lock(code=3180)
    assert code(ask(desktop, bill_add())) == 3180


def test_changing_a_bill(desktop: DesktopEmulator) -> None:
    first = {"AccountRef": {"FullName": "Job Costs - Materials"}, "Amount": "10.00", "Memo": "one"}
    bill = added(desktop, lines=[first, first | {"Memo": "two"}])
    kept = desktop.bills()[0]["lines"]
    # No lines sent: they stay.
    (response,) = responses(modified(desktop, bill, RefNumber="INV-9"))
    after = response.findtext("BillRet/EditSequence") or ""
    assert after != bill["EditSequence"]
    assert desktop.bills()[0]["lines"] == kept
    # Lines sent: the others go, -1 is new.
    lines = [{"TxnLineID": kept[1]["id"]}, {"TxnLineID": "-1", "AccountRef": {"FullName": "Rent"}, "Amount": "5.00"}]
    assert code(modified(desktop, bill | {"EditSequence": after}, ExpenseLineMod=lines)) == 0
    (row,) = desktop.bills()
    assert [(line["description"], line["amount"]) for line in row["lines"]] == [("two", "10.00"), ("", "5.00")]
    assert (row["doc_number"], row["total"]) == ("INV-9", "15.00")
    # An old EditSequence, and a line out of its order.
    assert code(modified(desktop, bill, Memo="late")) == 3200
    ids = [{"TxnLineID": line["id"]} for line in reversed(row["lines"])]
    now = bill | {"EditSequence": row["edit_sequence"]}
    assert code(modified(desktop, now, ExpenseLineMod=ids)) == 3290
    assert code(modified(desktop, now, ClearExpenseLines="true")) == 0
    assert desktop.bills()[0]["lines"] == []
    assert code(modified(desktop, {"TxnID": "1-1", "EditSequence": "1"})) == 3120


def test_an_edit_by_hand_makes_the_edit_sequence_old(desktop: DesktopEmulator) -> None:
    bill = added(desktop)
    desktop.change(bill["TxnID"], doc_number="BY HAND", total="77.00")
    assert code(modified(desktop, bill, Memo="late")) == 3200
    (row,) = desktop.bills()
    assert (row["doc_number"], row["total"], row["updated_by"]) == ("BY HAND", "77.00", "hand")


def test_deleting(desktop: DesktopEmulator) -> None:
    bill, paid = added(desktop), added(desktop, RefNumber="PAID")
    desktop.pay(paid["TxnID"], "1.00")

    def delete(identifier: str) -> int:
        return code(ask(desktop, request("TxnDel", {"TxnDelType": "Bill", "TxnID": identifier})))

    assert delete(bill["TxnID"]) == 0
    assert delete(bill["TxnID"]) == 3120
    assert delete(paid["TxnID"]) == 3160
    desktop.switches(delete_paid_bill="accept")
    assert delete(paid["TxnID"]) == 0
    assert desktop.bills() == []
    (first, second) = (row for row in desktop.get("ledger", file=FILE)["bills"] if row["deleted"])
    assert (first["deleted_by"], second["deleted_by"]) == ("qbxml", "qbxml")


def test_vendor_credits(desktop: DesktopEmulator) -> None:
    body = {"VendorRef": {"FullName": "Acme Concrete LLC"}, "RefNumber": "CM-1", "Memo": "[inBuild 2]",
            "ExpenseLineAdd": [expense_line("310.00")]}  # fmt: skip
    (response,) = responses(ask(desktop, request("VendorCreditAdd", {"VendorCreditAdd": body})))
    saved = {
        name: response.findtext(f"VendorCreditRet/{name}") or "" for name in ("TxnID", "EditSequence", "CreditAmount")
    }
    assert saved.pop("CreditAmount") == "310.00"
    change = request("VendorCreditMod", {"VendorCreditMod": {**saved, "RefNumber": "CM-2"}})
    assert code(ask(desktop, change)) == 0
    assert [row["doc_number"] for row in desktop.vendor_credits()] == ["CM-2"]


def vendor(**values: Any) -> str:
    return request("VendorAdd", {"VendorAdd": values})


def test_vendors(desktop: DesktopEmulator) -> None:
    text = ask(desktop, vendor(Name="New Vendor", IsActive="true", TermsRef={"FullName": "Net 30"}, ExternalGUID=GUID))
    assert responses(text)[0].findtext("VendorRet/ExternalGUID") == GUID
    assert desktop.entry("Vendor", "New Vendor")["created_by"] == "qbxml"
    for taken in ("NEW VENDOR", "Old Mill Hardware", "City of Fairmont"):
        assert code(ask(desktop, vendor(Name=taken))) == 3100, taken
    assert code(ask(desktop, vendor(Name="A:B"))) == 3210
    assert code(ask(desktop, vendor(Name="Ten Ninety-Nine", IsVendorEligibleFor1099="true"))) == 3180
    assert code(ask(desktop, vendor(Name="X", TermsRef={"FullName": "Net 900"}))) == 3140
    (answer,) = desktop.process(message_set(vendor(Name="X" * 42)))
    assert answer["hresult"] == "0x80040400"


def test_two_currencies(desktop: DesktopEmulator) -> None:
    desktop.file(multicurrency=True)
    canadian = desktop.entry("Currency", "Canadian Dollar")["id"]
    desktop.change_entry("Vendor", desktop.entry("Vendor", "Lomax Flooring")["id"], body={"CurrencyRef": canadian})
    payable: dict[str, Any] = {"APAccountRef": {"FullName": "Accounts Payable (A/P)"}}
    assert code(ask(desktop, bill_add(vendor="Lomax Flooring", **payable))) == 3180
    (response,) = responses(ask(desktop, bill_add(**payable)))
    assert response.findtext("BillRet/CurrencyRef/FullName") == "US Dollar"


def test_an_external_guid_may_be_unique(desktop: DesktopEmulator) -> None:
    desktop.switches(external_guid_is_unique=True)
    assert [code(ask(desktop, bill_add(ExternalGUID=GUID))) for _ in range(2)] == [0, 3100]
