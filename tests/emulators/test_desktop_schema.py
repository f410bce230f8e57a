"""What the PC's QuickBooks accepts and answers is valid by Intuit's own schemas, which lie outside the project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.support.desktop import DesktopEmulator
from tests.support.qbxml import bill_add, expense_line, message_set, request, responses, set_status, statuses
from tests.support.soap_server import PASSWORD, SoapServer, soap_server

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "qbd"
SCHEMA, WSDL = REFERENCE / "xsd" / "qbxmlops130.xsd", REFERENCE / "wsdl" / "TroubleshootWebServiceFS.8op.wsdl"
REQUESTS = sorted((REFERENCE / "examples" / "rq").glob("*.xml"))
here = pytest.mark.skipif(not SCHEMA.is_file(), reason=f"Intuit's schemas are not at {SCHEMA}")
wsdl_here = pytest.mark.skipif(not WSDL.is_file(), reason=f"Intuit's WSDL is not at {WSDL}")
_XSD = "{http://www.w3.org/2001/XMLSchema}schema"
_BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"
# What the authored examples name, made by hand in a company file of its own.
FILE = "examples"
LISTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("Account", "80000020-1600000000", "Accounts Payable", {"AccountType": "AccountsPayable"}),
    ("Account", "80000041-1600000000", "Concrete", {"AccountType": "CostOfGoodsSold"}),
    ("Account", "80000055-1600000000", "Retainage Payable", {"AccountType": "OtherCurrentLiability"}),
    ("Account", "80000010-1600000000", "Operating Checking", {"AccountType": "Bank"}),
    ("Account", "80000011-1600000000", "Company Card", {"AccountType": "CreditCard"}),
    ("Class", "80000002-1600000000", "Commercial", {}),
    ("StandardTerms", "80000003-1600000000", "Net 30", {"StdDueDays": "30"}),
    ("Customer", "8000007A-1700000000", "Riverside Church", {}),
    ("Vendor", "80000012-1700000000", "Acme Concrete & Rebar", {"TermsRef": "80000003-1600000000"}),
    ("ItemService", "", "03-3000 Concrete", {"SalesOrPurchase": {"AccountRef": "80000041-1600000000"}}),
)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMA))


def complaints(text: str) -> list[str]:
    """What is wrong with a qbXML document by Intuit's schema."""
    schema = _schema()
    schema.validate(etree.fromstring(text.encode("utf-8")))
    return [f"{entry.line}: {entry.message}" for entry in schema.error_log]


@pytest.fixture
def company(desktop: DesktopEmulator) -> str:
    """A file with what the examples name; the answer is the TxnID of the bill they speak of."""
    desktop.post("files", {"name": FILE, "company": "Demo Builders Inc", "lists": False})
    for entry in desktop.entries("Account", FILE):
        desktop.delete(f"lists/{FILE}/Account/{entry['id']}")
    for terms in desktop.entries("StandardTerms", FILE):
        desktop.delete(f"lists/{FILE}/StandardTerms/{terms['id']}")
    for kind, identifier, name, body in LISTS:
        desktop.add_entry(kind, name, FILE, id=identifier, body=body)
    parent = desktop.entry("Customer", "Riverside Church", FILE)["id"]
    desktop.add_entry("Customer", "Annex", FILE, id="8000007A-1700000001", parent_id=parent)
    return str(
        desktop.typed_in(FILE, vendor="Acme Concrete & Rebar", doc_number="INV-2026-00481", total="250.00")["id"]
    )


@pytest.fixture
def run(desktop: DesktopEmulator, company: str) -> Callable[..., str]:
    """Runs a message set in the examples' file; both it and the answer must be valid."""

    def process(text: str) -> str:
        assert complaints(text) == []
        (answer,) = desktop.process(text, file=FILE, app="inBuild", owner="{3C2A7C6E-3B0B-4B8E-9A53-2C3A1D0E7F10}")
        assert not answer["hresult"], answer["detail"]
        assert complaints(answer["response"]) == []
        return str(answer["response"])

    return process


def as_there(text: str, desktop: DesktopEmulator, bill: str) -> str:
    """The example with the ids and the EditSequence that this company file gave."""
    (row,) = (row for row in desktop.bills(FILE, ours=False) if row["id"] == bill)
    line = row["lines"][0]["id"]
    return (
        text.replace("1CB780-1785332667", bill)
        .replace("1CB782-1785332667", line)
        .replace("<EditSequence>1785332667<", f"<EditSequence>{row['edit_sequence']}<")
    )


@here
@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: str(path.stem))
def test_every_example_is_accepted_and_its_answer_is_valid(
    desktop: DesktopEmulator, company: str, run: Callable[..., str], path: Path
) -> None:
    text = as_there(path.read_text(encoding="utf-8"), desktop, company)
    answer = run(text)
    if path.stem.startswith("recovery"):
        # Nothing has run yet: nothing to clear, nothing stored.
        assert set_status(answer) in ("600", "9002")
    elif path.stem == "vendor_query_continue":
        # Its iterator belongs to no session of ours.
        assert statuses(answer) == [(3120, "Error")]
    elif path.stem in ("vendor_add", "bill_payment_check_query"):
        # The vendor is there already; nothing has been paid.
        assert statuses(answer)[0][0] in (3100, 1)
    else:
        assert statuses(answer) == [(0, "Info")]


@here
def test_everything_there_is_to_see_is_valid(desktop: DesktopEmulator, company: str, run: Callable[..., str]) -> None:
    vendor = desktop.entry("Vendor", "Acme Concrete & Rebar", FILE)["id"]
    credit = desktop.post("vendor-credits", {"file": FILE, "vendor_id": vendor, "total": "20.00"})
    desktop.pay(company, "100.00", FILE)
    desktop.pay(company, "50.00", FILE, pay_type="CreditCard")
    desktop.credit(company, credit["id"], "10.00", FILE)
    desktop.remove(desktop.copy(company, FILE)["id"], FILE)
    both = {"IncludeLineItems": "true", "IncludeLinkedTxns": "true"}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("Bill", both),
        ("VendorCredit", both),
        ("BillPaymentCheck", {"IncludeLineItems": "true"}),
        ("BillPaymentCreditCard", {"IncludeLineItems": "true"}),
        ("BillToPay", {"PayeeEntityRef": {"ListID": vendor}}),
        ("TxnDeleted", {"TxnDelType": "Bill"}),
        ("ListDeleted", {"ListDelType": "Account"}),
        ("Preferences", {}),
        ("Company", {}),
        ("Host", {}),
        *((each, {}) for each in ("Account", "Vendor", "Customer", "Item", "Class", "Terms")),
    ]
    for name, values in asked:
        assert statuses(run(message_set(request(f"{name}Query", values)))) == [(0, "Info")], name


@here
def test_recovered_answers_and_refusals_are_valid(run: Callable[..., str]) -> None:
    line = {"AccountRef": {"FullName": "Concrete"}, "Amount": "1.00"}
    text = message_set(bill_add(vendor="Acme Concrete & Rebar", lines=[line]), new="one")
    assert statuses(run(text)) == [(0, "Info")]
    assert responses(run(message_set(new="one", old="one")))[0].find("ErrorRecovery") is not None
    for other in (
        message_set(bill_add(vendor="Nobody")),
        message_set(bill_add(lines=[expense_line()]), new="one"),
        message_set(new="none", old="none"),
        message_set(old="one"),
    ):
        run(other)


@here
def test_the_first_contact_is_valid(desktop: DesktopEmulator) -> None:
    assert complaints(desktop.post("process", {"file": "northgate", "qbxml": []})["first_contact"]) == []


@here
@pytest.mark.parametrize("file", ["northgate", "ridgeline"])
def test_the_seeded_books_are_valid(desktop: DesktopEmulator, file: str) -> None:
    asked = [request(f"{name}Query", {"ActiveStatus": "All"}) for name in ("Account", "Vendor", "Customer", "Item")]
    asked += [request("BillQuery", {"IncludeLineItems": "true", "IncludeLinkedTxns": "true"})]
    (answer,) = desktop.process(message_set(*asked), file=file)
    assert complaints(answer["response"]) == []
    assert all(code == (0, "Info") for code in statuses(answer["response"]))


@pytest.fixture
def server() -> Iterator[SoapServer]:
    with soap_server() as running:
        yield running


@wsdl_here
@pytest.mark.parametrize("style", ["soap", "s", "prefixed"])
def test_every_call_is_valid_by_the_wsdl(desktop: DesktopEmulator, server: SoapServer, style: str) -> None:
    # On its own, so that it brings along the prefixes that the WSDL declares for it.
    schema = etree.XMLSchema(etree.fromstring(etree.tostring(next(etree.parse(WSDL).iter(_XSD)))))
    desktop.switches(soap_style=style)
    app = desktop.add_application(server.qwc(), PASSWORD)["name"]
    server.queue = [message_set(request("HostQuery")), "nonsense"]
    desktop.update(app)
    server.instead["receiveResponseXML"] = ["-1"]
    server.queue = [message_set(request("HostQuery"))]
    desktop.update(app)
    desktop.pc(running=False)
    server.queue = [message_set(request("HostQuery"))]
    desktop.update(app)
    assert set(server.operations) == {
        "serverVersion",
        "clientVersion",
        "authenticate",
        "sendRequestXML",
        "receiveResponseXML",
        "getLastError",
        "connectionError",
        "closeConnection",
    }
    for call in server.calls:
        body = etree.fromstring(call.raw.encode()).find(_BODY)
        schema.assertValid(body[0])
