"""The lists of QuickBooks: seeds for mapping, renaming, inactivating, merging, names that are taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulators.procore.seed_names import PROJECTS, VENDORS
from tests.emulators.test_intuit_client import DETAIL, NORTHGATE, Qbo, bill, emulator, error_of, fresh, line


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def entries(qbo: Qbo, kind: str) -> list[dict[str, Any]]:
    return list(qbo.control("GET", f"lists/{qbo.realm}/{kind}")["entries"])


def change(qbo: Qbo, kind: str, identifier: str, **facts: Any) -> dict[str, Any]:
    return dict(qbo.control("PATCH", f"lists/{qbo.realm}/{kind}/{identifier}", facts))


def test_the_seed_gives_mapping_something_to_do(qbo: Qbo) -> None:
    wanted = {name for name, *_ in VENDORS}
    there = {entry["name"]: entry for entry in entries(qbo, "vendor")}
    exact = {name for name in wanted if name in there and there[name]["active"]}
    gone = {name for name in wanted if f"{name} (Deleted)" in there}
    assert (len(exact), len(gone)) == (24, 3)
    assert 5 < len(wanted - exact - gone) < len(exact)  # nearly the same name, or not there at all
    customers = {entry["name"]: entry for entry in entries(qbo, "customer")}
    known = [name for name, *_ in PROJECTS if name in customers]
    assert 0 < len(known) < len(PROJECTS)
    assert {customers[name]["body"]["IsProject"] for name in known} == {True, False}
    retainage = next(entry for entry in entries(qbo, "item") if entry["name"] == "AP Retainage")
    assert retainage["body"]["ExpenseAccountRef"]["name"] == "Retention Payable"
    costs = [e for e in entries(qbo, "item") if e["active"] and "ExpenseAccountRef" in e["body"]]
    assert len(costs) >= 16
    for kind in ("item", "class", "customer", "account", "vendor"):
        assert any(not entry["active"] for entry in entries(qbo, kind)), kind


def test_a_rename_shows_everywhere(qbo: Qbo) -> None:
    made = qbo.create_bill(Line=[line(10, **{DETAIL: {"AccountRef": {"value": "80"}, "CustomerRef": {"value": "61"}}})])
    change(qbo, "vendor", "46", name="Norton Lumber & Co.")
    change(qbo, "customer", "60", name="Harborview Partners")
    change(qbo, "account", "80", name="Subcontract Cost")
    shown = qbo.get(f"bill/{made['Id']}").json()["Bill"]
    assert shown["VendorRef"]["name"] == "Norton Lumber & Co."
    assert shown["Line"][0][DETAIL]["CustomerRef"]["name"] == "Harborview Partners:Harborview Medical Office Building"
    assert shown["Line"][0][DETAIL]["AccountRef"]["name"] == "Subcontract Cost"
    assert shown["SyncToken"] == "0"
    assert qbo.get("vendor/46").json()["Vendor"]["SyncToken"] == "1"
    since = made["MetaData"]["CreateTime"]
    parts = qbo.get("cdc", entities="Vendor,Account", changedSince=since).json()["CDCResponse"][0]["QueryResponse"]
    assert [entry["Id"] for entry in parts[0]["Vendor"]] == ["46"]
    assert [entry["Id"] for entry in parts[1]["Account"]] == ["80"]


def test_inactive_and_back(qbo: Qbo) -> None:
    gone = change(qbo, "vendor", "46", active=False)
    assert (gone["name"], gone["active"]) == ("Norton Lumber and Building Materials (Deleted)", False)
    assert error_of(qbo.post("bill", bill()))[1] == "610"
    back = change(qbo, "vendor", "46", active=True)
    assert back["name"] == "Norton Lumber and Building Materials"
    assert qbo.post("bill", bill()).status_code == 200
    change(qbo, "vendor", "46", active=False)
    taken = qbo.post("vendor", {"DisplayName": "Norton Lumber and Building Materials"})
    assert taken.status_code == 200
    with pytest.raises(AssertionError, match="6240"):
        change(qbo, "vendor", "46", active=True)


@pytest.mark.parametrize(("becomes", "visible"), [("deleted", False), ("inactive", True)])
def test_a_merge_turns_what_used_the_entry(qbo: Qbo, becomes: str, visible: bool) -> None:
    qbo.switch(merged_entry=becomes, merge_touches_transactions=visible)
    made = qbo.create_bill(VendorRef={"value": "47"})
    survivor = qbo.control("POST", f"lists/{NORTHGATE}/vendor/47/merge", {"into": "100"})
    assert survivor["name"] == "Acme Concrete LLC"
    shown = qbo.get(f"bill/{made['Id']}").json()["Bill"]
    assert shown["VendorRef"] == {"value": "100", "name": "Acme Concrete LLC"}
    assert shown["SyncToken"] == ("1" if visible else "0")
    read = qbo.get("vendor/47")
    if becomes == "deleted":
        assert error_of(read)[1] == "610"
        assert error_of(qbo.post("bill", bill(VendorRef={"value": "47"})))[1] == "2500"
    else:
        assert read.json()["Vendor"]["Active"] is False
    assert next(e for e in entries(qbo, "vendor") if e["id"] == "47")["merged_into"] == "100"


def test_names_are_shared_by_vendors_customers_and_employees(qbo: Qbo) -> None:
    qbo.control("POST", f"lists/{NORTHGATE}/employee", {"name": "Dana Whitfield"})
    for taken in ("dana whitfield", "City of Fairmont", "Acme Concrete LLC"):
        assert error_of(qbo.post("vendor", {"DisplayName": taken}))[:2] == (400, "6240")
    assert qbo.query("SELECT * FROM Employee")["Employee"][0]["DisplayName"] == "Dana Whitfield"


def test_entries_added_by_hand(qbo: Qbo) -> None:
    job = qbo.control("POST", f"lists/{NORTHGATE}/customer", {"name": "Phase 9", "parent_id": "67", "IsProject": True})
    assert (job["full_name"], job["created_by"]) == ("Cedar Mill Apartments LP:Phase 9", "hand")
    payable = {"name": "A/P Retainage", "AccountType": "Accounts Payable"}
    second = qbo.control("POST", f"lists/{NORTHGATE}/account", payable)
    assert qbo.post("bill", bill(APAccountRef={"value": second["id"]})).status_code == 200
    for path in ("lists/1/nothing", f"lists/{NORTHGATE}/nothing"):
        with pytest.raises(AssertionError, match="The list is one of"):
            qbo.control("GET", path)


def test_company_info_by_hand(qbo: Qbo) -> None:
    qbo.control("PATCH", f"realms/{NORTHGATE}", {"name": "Northgate Holdings", "LegalName": "NH Inc."})
    info = qbo.get(f"companyinfo/{NORTHGATE}").json()["CompanyInfo"]
    assert (info["CompanyName"], info["LegalName"], info["SyncToken"]) == ("Northgate Holdings", "NH Inc.", "1")
