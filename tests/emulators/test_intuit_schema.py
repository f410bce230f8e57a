"""What the emulator accepts and answers is valid by Intuit's own schemas, which lie outside the project.

`complaints` may be used by any test that has a JSON document for QuickBooks.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from tests.emulators.test_intuit_client import (
    DETAIL,
    ITEM_DETAIL,
    REFERENCE,
    Qbo,
    bill,
    emulator,
    fresh,
    item_line,
    line,
)

SCHEMAS = REFERENCE / "xsd"
_MARK = "{http://www.w3.org/2001/XMLSchema}"
# The JSON form has these beside the schema; `value` is the text of a reference.
_ONLY_JSON = {"domain", "sparse", "status"}
_PATTERNS = {
    "decimal": r"-?\d+(\.\d+)?",
    "date": r"\d{4}-\d\d-\d\d",
    "dateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "boolean": r"True|False|true|false",
    "positiveInteger": r"[1-9]\d*",
    "integer": r"-?\d+",
    "int": r"-?\d+",
}
here = pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"Intuit's schemas are not at {SCHEMAS}")


@cache
def _declared() -> dict[str, dict[str, Element]]:
    """Every named complexType, simpleType and top-level element."""
    found: dict[str, dict[str, Element]] = {"complexType": {}, "simpleType": {}, "element": {}}
    for name in ("Finance", "IntuitBaseTypes", "IntuitNamesTypes"):
        root = ElementTree.parse(SCHEMAS / f"{name}.xsd").getroot()  # noqa: S314 - a file of the reference
        for kind, known in found.items():
            known |= {str(child.get("name")): child for child in root.findall(f"{_MARK}{kind}")}
    return found


def _elements(name: str) -> dict[str, tuple[Element, bool]]:
    """The elements of a type and of what it extends: declaration, and whether a document must have it."""
    kind = _declared()["complexType"][name]
    extension = kind.find(f"{_MARK}complexContent/{_MARK}extension")
    base = extension.get("base", "") if extension is not None else ""
    found = _elements(base) if base in _declared()["complexType"] else {}
    choices = {id(entry) for choice in kind.iter(f"{_MARK}choice") for entry in choice.iter(f"{_MARK}element")}
    for entry in kind.iter(f"{_MARK}element"):
        needed = entry.get("minOccurs", "1") != "0" and id(entry) not in choices
        found[str(entry.get("name") or entry.get("ref"))] = (entry, needed)
    return found


def _type_of(entry: Element) -> str:
    if entry.get("ref"):
        entry = _declared()["element"].get(str(entry.get("ref")), entry)
    return str(entry.get("type", ""))


def complaints(kind: str, document: Any, path: str = "") -> list[str]:
    """What is wrong with a JSON document by the schema of its kind (Bill, VendorCredit, ...); empty if nothing is."""
    if kind.startswith("xs:") or kind in _declared()["simpleType"]:
        return _simple_complaints(kind, document, path)
    if kind not in _declared()["complexType"]:
        return []
    if _declared()["complexType"][kind].find(f"{_MARK}simpleContent") is not None:
        names = {"value", *(str(a.get("name")) for a in _declared()["complexType"][kind].iter(f"{_MARK}attribute"))}
        fine = isinstance(document, dict) and set(document) <= names and isinstance(document.get("value"), str)
        return [] if fine else [f"{path}: {document!r} is no {kind}"]
    if not isinstance(document, dict):
        return [f"{path}: {document!r} is no {kind}"]
    found, known = [], _elements(kind)
    for name, value in document.items():
        if name in _ONLY_JSON and not path:
            continue
        if name not in known:
            found.append(f"{path}.{name} is unknown to {kind}")
            continue
        entry = known[name][0]
        several = entry.get("maxOccurs", "1") != "1"
        if isinstance(value, list) and not several:
            found.append(f"{path}.{name} may be there once only")
        for part in value if isinstance(value, list) else [value]:
            found += complaints(_type_of(entry), part, f"{path}.{name}")
    return found + [
        f"{path}.{name} is missing" for name, (_, needed) in known.items() if needed and name not in document
    ]


def _simple_complaints(kind: str, value: Any, path: str) -> list[str]:
    if isinstance(value, dict | list):
        return [f"{path}: a single value is expected"]
    if kind.startswith("xs:"):
        pattern = _PATTERNS.get(kind.removeprefix("xs:"))
        return [] if pattern is None or re.fullmatch(pattern, str(value)) else [f"{path}: {value!r} is no {kind}"]
    choices = {entry.get("value") for entry in _declared()["simpleType"][kind].iter(f"{_MARK}enumeration")}
    return [f"{path}: {value!r} is no {kind}"] if choices and str(value) not in choices else []


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def _full_bill() -> dict[str, Any]:
    """A bill with everything that a construction invoice may bring."""
    references = {"CustomerRef": {"value": "61"}, "ClassRef": {"value": "1"}, "BillableStatus": "NotBillable"}
    account = {**references, "AccountRef": {"value": "80"}, "TaxCodeRef": {"value": "NON"}}
    lines = [
        line(100.5, Description="Footings", ProjectRef={"value": "39298034"}, **{DETAIL: account}),
        item_line(-10.05, ItemRef={"value": "30"}, Qty=1, UnitPrice=-10.05, **references),
        {"DetailType": "DescriptionOnly", "Description": "Thank you"},
    ]
    return bill(
        DocNumber="INV-7",
        APAccountRef={"value": "33"},
        DueDate="2026-04-30",
        SalesTermRef={"value": "3"},
        DepartmentRef={"value": "1"},
        PrivateNote="Procore project 24-101",
        CurrencyRef={"value": "USD"},
        Line=lines,
    )


@here
def test_what_the_emulator_accepts_and_answers_is_valid(qbo: Qbo) -> None:
    credit = {name: value for name, value in _full_bill().items() if name not in ("DueDate", "SalesTermRef")}
    documents = {
        "Bill": _full_bill(),
        "VendorCredit": credit,
        "Vendor": {"DisplayName": "Valid Vendor", "TermRef": {"value": "3"}, "PrimaryPhone": {"FreeFormNumber": "1"}},
    }
    for kind, sent in documents.items():
        assert complaints(kind, sent) == []
        answer = qbo.post(kind.lower(), sent)
        assert answer.status_code == 200, answer.text
        # A vendor's Balance and similar are decimals, every reference has a value.
        assert complaints(kind, answer.json()[kind]) == []
    made = qbo.query("SELECT * FROM Bill WHERE DocNumber = 'INV-7'")["Bill"][0]
    qbo.control("POST", f"bills/{qbo.realm}/{made['Id']}/pay")
    for entity in ("Bill", "BillPayment", "Vendor", "Account", "Customer", "Item", "Class", "Department", "Term"):
        for shown in qbo.query(f"SELECT * FROM {entity} MAXRESULTS 1000")[entity]:  # noqa: S608
            assert complaints(entity, shown) == [], entity


@here
@pytest.mark.parametrize(
    "change",
    [
        {"Foo": 1},
        {"DocNumbr": "x"},
        {"Line": [line(1, Foo=1)]},
        {"Line": [line(1, **{DETAIL: {"AccountRef": {"value": "80"}, "ProjectRef": {"value": "1"}}})]},
        {"TxnDate": "31.03.2026"},
        {"Line": [line("many")]},
        {"VendorRef": {"value": "46", "Name": "x"}},
        {"Line": [line(1, DetailType="Nothing")]},
        {"Line": [{"DetailType": ITEM_DETAIL, "Amount": 1, ITEM_DETAIL: {"ItemRef": "21"}}]},
    ],
)
def test_what_the_schema_refuses_the_emulator_refuses_too(qbo: Qbo, change: dict[str, Any]) -> None:
    assert complaints("Bill", bill(**change))
    assert qbo.post("bill", bill(**change)).status_code == 400
