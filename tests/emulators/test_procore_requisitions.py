"""Subcontractor invoices over REST: lists, filters, pages, changes, history, locks, attachments, samples."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.emulators.test_procore_world import (
    COMPANY,
    Procore,
    amount,
    check_identities,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
)

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "reference" / "procore"
LIST = "/rest/v1.1/requisitions"
# The fixture is imported, so its name appears again as a parameter.
# ruff: noqa: F811


def first_project(procore: Procore) -> int:
    return int(procore.get("/rest/v1.0/projects", company_id=COMPANY)[0]["id"])


def made(procore: Procore, **wanted: Any) -> dict[str, Any]:
    invoice: dict[str, Any] = procore.control("POST", "/invoices", wanted)
    return invoice


def test_pages_have_headers_and_links_to_the_next_page(procore: Procore) -> None:
    project = first_project(procore)
    answer = procore.call("GET", LIST, params={"project_id": project, "per_page": 7})
    total = int(answer.headers["Total"])
    assert answer.headers["Per-Page"] == "7"
    ids = [r["id"] for r in answer.json()]
    while "next" in answer.links:
        answer = procore.session.get(answer.links["next"]["url"], timeout=10)
        ids += [r["id"] for r in answer.json()]
    assert len(ids) == len(set(ids)) == total >= 50
    assert {"first", "prev"} <= set(answer.links)
    default = procore.call("GET", LIST, params={"project_id": project})
    assert (default.headers["Per-Page"], len(default.json())) == ("30", 30)


def test_filters(procore: Procore) -> None:
    project = first_project(procore)
    everything = procore.get(LIST, project_id=project, per_page=500)
    some = everything[3]

    def found(**filters: Any) -> set[int]:
        query = {f"filters[{name}]": value for name, value in filters.items()}
        return {r["id"] for r in procore.get(LIST, project_id=project, per_page=500, **query)}

    def expected(field: str, value: Any) -> set[int]:
        return {r["id"] for r in everything if r[field] == value}

    assert found(status="approved") == expected("status", "approved")
    assert found(commitment_id=some["commitment_id"]) == expected("commitment_id", some["commitment_id"])
    assert found(period_id=some["period_id"]) == expected("period_id", some["period_id"])
    assert found(origin_id="nobody") == set()
    span = f"{some['updated_at']}...{some['updated_at']}"
    assert found(updated_at=span) == expected("updated_at", some["updated_at"])
    day = some["created_at"][:10]
    assert found(created_at=f"{day}...{day}") == {r["id"] for r in everything if r["created_at"][:10] == day}
    last = {
        max((r["number"], r["id"]) for r in everything if r["commitment_id"] == c)[1]
        for c in {r["commitment_id"] for r in everything}
    }
    assert found(is_last="true") == last
    assert found(is_last="false") == {r["id"] for r in everything} - last
    two = {everything[0]["id"], everything[5]["id"]}
    query = [("project_id", project), *[("filters[id][]", i) for i in two]]
    assert {r["id"] for r in procore.call("GET", LIST, params=query).json()} == two
    for wrong in ({"filters[updated_at]": "2026-01-01"}, {"filters[status]": "paid"}, {"view": "everything"}):
        assert procore.call("GET", LIST, params={"project_id": project, **wrong}).status_code == 400


def test_views_and_versions(procore: Procore) -> None:
    project = first_project(procore)
    assert "items" not in procore.get(LIST, project_id=project)[0]
    assert procore.get(LIST, project_id=project, view="items")[0]["items"]
    record = procore.get(LIST, project_id=project, view="extended")[0]
    assert record["items"][0]["wbs_code"]["flat_code"]
    assert record["percent_complete"].endswith("%")
    assert isinstance(record["summary"]["current_payment_due"], str)
    assert record["currency_configuration"]["currency_iso_code"] == "USD"
    old = procore.get(f"/rest/v1.0/requisitions/{record['id']}", project_id=project)
    assert "items" not in old
    assert "vendor_id" not in old
    assert "comment" in old
    lines = procore.get(f"/rest/v1.0/requisitions/{record['id']}/contract_items", project_id=project)
    changes = procore.get(f"/rest/v1.0/requisitions/{record['id']}/change_order_items", project_id=project)
    assert len(lines) + len(changes) == len(record["items"])
    assert procore.call("GET", f"{LIST}/{record['id']}").status_code == 400
    assert procore.call("GET", f"{LIST}/1?project_id={project}").status_code == 404


def test_approval_changes_status_time_and_history_and_can_be_taken_back(procore: Procore) -> None:
    invoice = made(procore, amount="12500.40", retainage_percent="10")
    assert invoice["current_payment_due"] == "11250.36"
    assert invoice["status"] == "draft"
    later = (datetime.now(UTC) + timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    procore.control("POST", f"/invoices/{invoice['id']}/status", {"status": "approved", "at": later})
    record = procore.requisition(invoice)
    assert (record["status"], record["updated_at"]) == ("approved", later)
    history = procore.get(f"/rest/v1.0/requisitions/{invoice['id']}/change_histories", project_id=invoice["project_id"])
    assert [(h["column"], h["old_value"], h["new_value"]) for h in history] == [("status", "draft", "approved")]
    assert history[0]["created_at"] == later
    assert history[0]["action_by"]
    procore.control("POST", "/switches", {"history_values": "Title Case", "history_column": "Status"})
    again = procore.get(f"/rest/v1.0/requisitions/{invoice['id']}/change_histories", project_id=invoice["project_id"])
    assert (again[0]["column"], again[0]["new_value"]) == ("Status", "Approved")
    procore.control("POST", "/switches", {"history_values": "snake_case", "history_column": "status"})
    back = procore.control("POST", f"/invoices/{invoice['id']}/status", {"status": "under_review"})
    assert back["approved_at"] is None
    check_identities(procore.requisition(invoice), procore.detail(invoice))


def test_an_edit_changes_the_sums_of_this_and_the_later_invoices(procore: Procore) -> None:
    one = made(procore, amount="1000")
    two = made(procore, amount="500", commitment_id=one["commitment_id"])
    before = procore.requisition(two)["summary"]
    edited = procore.control("PATCH", f"/invoices/{one['id']}", {"scale": 2})
    # Retainage is rounded on each line, so doubling may differ by cents.
    assert abs(amount(edited["current_payment_due"]) - amount(one["current_payment_due"]) * 2) < Decimal("0.10")
    after = procore.requisition(two)
    assert after["summary"]["current_payment_due"] == before["current_payment_due"]
    difference = amount(after["summary"]["less_previous_certificates_for_payment"]) - amount(
        before["less_previous_certificates_for_payment"]
    )
    assert difference == amount(edited["current_payment_due"]) - amount(one["current_payment_due"])
    for invoice in (one, two):
        check_identities(procore.requisition(invoice), procore.detail(invoice))
    procore.control("PATCH", f"/invoices/{one['id']}", {"override_summary": {"current_payment_due": "1.00"}})
    with pytest.raises(AssertionError):
        check_identities(procore.requisition(one), procore.detail(one))


def test_retainage_release_pays_what_was_withheld(procore: Procore) -> None:
    first = made(procore, amount="4000")
    held = amount(first["total_retainage"])
    release = made(procore, commitment_id=first["commitment_id"], release_retainage=True)
    assert amount(release["current_payment_due"]) == held > 0
    assert amount(release["total_retainage"]) == 0
    record, detail = procore.requisition(release), procore.detail(release)
    check_identities(record, detail)
    assert amount(record["total_claimed_amount"]) == 0


def test_create_change_lock_and_delete_over_rest(procore: Procore) -> None:
    commitment = procore.control("GET", f"/objects/commitment?company_id={COMPANY}")[7]
    project = commitment["project_id"]
    for open_one in procore.control("GET", f"/invoices?commitment_id={commitment['id']}"):
        procore.control("POST", f"/invoices/{open_one['id']}/status", {"status": "approved"})
    body: dict[str, Any] = {
        "project_id": project,
        "commitment_id": commitment["id"],
        "requisition": {
            "invoice_number": "REST-1",
            "origin_data": "made-by-product",
            "items": [
                {
                    "line_item_id": commitment["lines"][0]["id"],
                    "item_type": "contract_item",
                    "work_completed_this_period": "100.00",
                }
            ],
        },
    }
    answer = procore.call("POST", LIST, json=body, params={"view": "extended"})
    assert answer.status_code == 201
    record = answer.json()
    assert record["summary"]["current_payment_due"] == (
        "90.00" if commitment["retainage_percent"] == "10.00" else "95.00"
    )
    assert record["created_by"]["id"] == 562949953500001
    assert record["origin_data"] == "made-by-product"

    def patch(**wanted: Any) -> requests.Response:
        change = {"project_id": project, "commitment_id": commitment["id"], "requisition": wanted}
        return procore.call("PATCH", f"{LIST}/{record['id']}", json=change)

    assert patch(invoice_number="REST-2").json()["invoice_number"] == "REST-2"
    assert patch(status="paid").status_code == 422
    item = {"id": record["items"][0]["id"], "item_type": "contract_item", "work_completed_this_period": "200.00"}
    assert patch(items=[item]).status_code == 200
    assert patch(status="approved", origin_id="QB-77").json()["origin_id"] == "QB-77"
    locked = patch(invoice_number="REST-3")
    assert locked.status_code == 422
    assert "synced" in locked.text
    assert procore.call("DELETE", f"{LIST}/{record['id']}?project_id={project}").status_code == 422
    assert patch(origin_id=None).status_code == 200
    assert procore.call("DELETE", f"{LIST}/{record['id']}?project_id={project}").status_code == 200
    assert procore.call("GET", f"{LIST}/{record['id']}?project_id={project}").status_code == 404
    assert (
        procore.call("POST", LIST, json={"project_id": project, "commitment_id": 1, "requisition": {}}).status_code
        == 404
    )


def test_a_payment_shows_in_the_payment_summary(procore: Procore) -> None:
    invoice = made(procore, amount="2000", status="approved")
    body = {
        "project_id": invoice["project_id"],
        "contract_id": invoice["commitment_id"],
        "contract_payment": {
            "requisition_id": invoice["id"],
            "amount": invoice["current_payment_due"],
            "payment_method": "check",
            "date": "2026-05-01",
        },
    }
    assert procore.requisition(invoice)["payment_summary"]["invoice_paid_in_full"] is False
    answer = procore.call("POST", "/rest/v1.0/contract_payments", json=body)
    assert answer.status_code == 201
    assert procore.requisition(invoice)["payment_summary"]["invoice_paid_in_full"] is True
    query = {"project_id": invoice["project_id"], "contract_id": invoice["commitment_id"]}
    assert answer.json()["id"] in [p["id"] for p in procore.get("/rest/v1.0/contract_payments", **query)]


def test_an_attachment_needs_the_token_and_its_storage_link_does_not(procore: Procore) -> None:
    invoice = made(procore, amount="100", attachment=True)
    file = procore.requisition(invoice)["attachments"][0]
    assert requests.get(file["url"], timeout=10).status_code == 401
    hop = procore.session.get(file["url"], allow_redirects=False, timeout=10)
    assert hop.status_code == 302
    stored = requests.get(hop.headers["Location"], timeout=10)
    assert stored.headers["Content-Type"] == "application/pdf"
    assert stored.content.startswith(b"%PDF-1.4")
    procore.control("POST", "/clock", {"offset_seconds": 120})
    assert requests.get(hop.headers["Location"], timeout=10).status_code == 403
    procore.control("POST", "/clock", {"offset_seconds": 0})


def test_bulk_creation_makes_distinct_positive_invoices(procore: Procore) -> None:
    bulk = procore.control("POST", "/invoices/bulk", {"count": 120, "status": "under_review", "emit": False})
    assert len({(i["vendor_id"], i["invoice_number"]) for i in bulk}) == 120
    assert all(Decimal(i["current_payment_due"]) > 0 for i in bulk)
    assert {i["company_id"] for i in bulk} == {COMPANY}
    check_identities(procore.requisition(bulk[-1]), procore.detail(bulk[-1]))


@pytest.mark.parametrize(
    ("switch", "value"),
    [("contract_and_detail_items", True), ("numbers_as_json_numbers", True), ("tax_on_top", True)],
)
def test_unknown_shapes_are_switches(procore: Procore, switch: str, value: bool) -> None:
    invoice = made(procore, amount="1000", tax="10.00")
    plain = procore.requisition(invoice)
    procore.control("POST", "/switches", {switch: value})
    changed = procore.requisition(invoice)
    procore.control("POST", "/switches", {switch: not value})
    if switch == "contract_and_detail_items":
        assert len(changed["items"]) > len(plain["items"])
    elif switch == "numbers_as_json_numbers":
        assert isinstance(changed["summary"]["current_payment_due"], float)
    else:
        due = amount(plain["summary"]["current_payment_due"])
        assert amount(changed["summary"]["current_payment_due"]) == due + 10


def samples() -> list[Any]:
    if not SAMPLES.is_dir():
        return [pytest.param("", {}, marks=pytest.mark.skip(reason=f"{SAMPLES} is not here"))]
    tutorial = json.loads((SAMPLES / "sample_requisition_tutorial_v1_0.json").read_text())
    extended = json.loads((SAMPLES / "sample_requisition_v1_1_extended.json").read_text())
    rows = json.loads((SAMPLES / "synthetic_requisitions_consistent.json").read_text())["requisitions"]
    return [
        pytest.param("tutorial", tutorial["create_response"], id="tutorial"),
        pytest.param("extended", extended["requisition"], id="extended"),
        *[pytest.param("synthetic", row, id=f"synthetic-{row['id']}") for row in rows],
    ]


@pytest.mark.parametrize(("name", "record"), samples())
def test_samples_pass_through_unchanged(procore: Procore, name: str, record: dict[str, Any]) -> None:
    options = {"requisition": record, "project_id": 789}
    short = procore.control("POST", "/import", options)
    shown = procore.get(f"{LIST}/{record['id']}", project_id=short["project_id"], view="extended")
    assert shown == record
    listed = procore.get(LIST, project_id=short["project_id"], view="extended")
    assert record in listed
    if name == "synthetic":
        assert short["current_payment_due"] == record["summary"]["current_payment_due"]
    procore.control("POST", f"/invoices/{record['id']}/status", {"status": "under_review", "emit": False})
    assert procore.get(f"{LIST}/{record['id']}", project_id=short["project_id"])["status"] == "under_review"
