"""Direct costs: list, record and lines as documented; changes, events, deletion, mismatches and pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.emulators.test_procore_webhooks import hooks_of, project_of
from tests.emulators.test_procore_world import (
    COMPANY,
    Procore,
    Receiver,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
    receiver,  # noqa: F401 - a fixture
)

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811


def path_of(cost: dict[str, Any] | int, version: str = "v1.1") -> str:
    project = cost if isinstance(cost, int) else cost["project_id"]
    base = f"/rest/{version}/projects/{project}/direct_costs"
    return base if isinstance(cost, int) else f"{base}/{cost['id']}"


def made(procore: Procore, **wanted: Any) -> dict[str, Any]:
    cost: dict[str, Any] = procore.control("POST", "/direct_costs", {"project_id": project_of(procore), **wanted})
    return cost


def listening(procore: Procore, receiver: Receiver, version: str) -> None:
    """One project hook for both resources."""
    path = hooks_of(project_of(procore))
    body = {"payload_version": version, "namespace": "direct-costs", "destination_url": receiver.url}
    hook = procore.call("POST", path, json=body).json()["data"]
    names = ("Direct Costs", "Direct Cost Line Items")
    triggers = [{"resource_name": name, "event_type": e} for name in names for e in ("create", "update", "delete")]
    assert procore.call("POST", f"{path}/{hook['id']}/triggers/bulk", json=triggers).status_code == 201


def told(procore: Procore, receiver: Receiver) -> list[tuple[Any, ...]]:
    procore.control("POST", "/quiet", {"timeout": 10})
    return [
        (b.get("resource_name") or b["resource_type"], b.get("event_type") or b["reason"], str(b["resource_id"]))
        for b in receiver.bodies
    ]


def test_the_seed_has_every_type_in_every_status_and_lines_add_up(procore: Procore) -> None:
    rows = procore.control("GET", "/ledger")["direct_costs"]
    ours = [row for row in rows if row["company_id"] == COMPANY]
    assert len({(row["type"], row["status"]) for row in ours}) == 12
    assert sum(row["type"] == "invoice" and row["status"] == "pending" for row in ours) >= 6
    seen = 0
    for project in procore.get("/rest/v1.0/projects", company_id=COMPANY):
        for row in procore.get(path_of(project["id"])):
            record = procore.get(f"{path_of(project['id'])}/{row['id']}")
            total = sum((Decimal(line["total_amount"]) for line in record["line_items"]), Decimal(0))
            assert Decimal(row["grand_total"]) == Decimal(record["grand_total"]) == total
            seen += 1
    assert seen == len(ours)


def test_a_vendor_is_text_in_the_list_and_an_object_in_the_record(procore: Procore) -> None:
    cost = made(procore, amount="1234.56", lines=3, status="approved", attachment=True)
    (row,) = procore.get(path_of(cost["project_id"]), **{"filters[id][]": cost["id"]})
    record = procore.get(path_of(cost))
    assert row["vendor"] == row["vendor_name"] == record["vendor"]["name"] == cost["vendor_name"]
    assert record["vendor"]["id"] == row["vendor_id"]
    assert row["amount"] == row["grand_total"] == record["grand_total"] == "1234.56"
    assert "line_items" not in row
    assert "attachments" not in row
    assert "created_by" not in row | record
    assert record["line_items_count"] == len(record["line_items"]) == 3
    assert sum(Decimal(line["amount"]) for line in record["line_items"]) == Decimal("1234.56")
    assert isinstance(record["currency_configuration"]["currency_exchange_rate"], str)
    assert record["attachments"][0]["filename"].endswith(".pdf")
    file = procore.session.get(record["attachments"][0]["url"], timeout=10)
    assert file.content.startswith(b"%PDF")
    assert record["direct_cost_type"] == "invoice"
    line = record["line_items"][0]
    assert set(line) >= {"cost_code", "wbs_code", "line_item_type", "position", "extended_amount", "company"}


def test_the_list_has_pages_and_filters_but_none_for_status_or_type(procore: Procore) -> None:
    project = project_of(procore)
    bulk = procore.control("POST", "/direct_costs/bulk", {"count": 7, "project_id": project, "emit": False})
    everything = procore.get(path_of(project))
    assert len(everything) == len(procore.get(path_of(project), **{"filters[status]": "approved"}))
    assert len(everything) == len(procore.get(path_of(project), **{"filters[direct_cost_type]": "payroll"}))
    first = procore.call("GET", path_of(project), params={"per_page": 5})
    assert int(first.headers["Total"]) == len(everything)
    assert first.headers["Per-Page"] == "5"
    assert 'rel="next"' in first.headers["Link"]
    second = procore.get(path_of(project), per_page=5, page=2)
    assert [r["id"] for r in first.json() + second] == [r["id"] for r in everything[:10]]

    def ids(**filters: str) -> list[int]:
        return [r["id"] for r in procore.get(path_of(project), **{f"filters[{k}]": v for k, v in filters.items()})]

    one = bulk[3]
    assert ids(invoice_number=one["invoice_number"]) == [one["id"]]
    day = one["created_at"][:10]
    assert set(ids(created_at=f"{day}...{day}")) >= {b["id"] for b in bulk}
    assert ids(updated_at="2001-01-01...2001-01-02") == []
    assert one["id"] in ids(received_date=f"{day}...{day}")
    assert ids(payment_date=f"{day}...{day}") == []
    procore.control("PATCH", f"/direct_costs/{one['id']}", {"origin_id": "QB-9"})
    assert ids(origin_id="QB-9") == [one["id"]]
    assert procore.call("GET", path_of(project), params={"filters[updated_at]": "yesterday"}).status_code == 400


def test_all_lines_of_a_project_name_their_holder(procore: Procore) -> None:
    cost = made(procore, amount="90.00", lines=3)
    lines = procore.get(f"{path_of(cost['project_id'], 'v1.0')}/line_items", per_page=1000)
    ours = [line for line in lines if line["holder"]["id"] == cost["id"]]
    assert [line["total_amount"] for line in ours] == ["30.00"] * 3
    assert ours[0]["project"]["id"] == cost["project_id"]
    by_id = procore.get(f"{path_of(cost['project_id'], 'v1.0')}/line_items", **{"filters[id]": ours[1]["id"]})
    assert [line["holder"]["id"] for line in by_id] == [cost["id"]]
    everything = f"{path_of(cost['project_id'], 'v1.0')}/line_items"
    for span in (str(cost["id"]), f"{cost['id']}...{cost['id'] + 1}"):
        assert len(procore.get(everything, **{"filters[direct_cost_id]": span})) == 3
    assert procore.call("GET", everything, params={"filters[direct_cost_id]": "x"}).status_code == 400
    by_parent = procore.get(f"{path_of(cost, 'v1.0')}/line_items")
    assert [line["id"] for line in by_parent] == [line["id"] for line in ours]


@pytest.mark.parametrize("version", ["v2.0", "v3.0", "v4.0"])
def test_a_line_event_names_the_line_and_only_newer_formats_name_its_parent(
    procore: Procore, receiver: Receiver, version: str
) -> None:
    listening(procore, receiver, version)
    cost = made(procore, amount="100.00", lines=2)
    line = cost["lines"][0]["id"]
    procore.control("PATCH", f"/direct_costs/{cost['id']}/lines", {"lines": [{"id": line, "amount": "61.00"}]})
    assert told(procore, receiver) == [
        ("Direct Costs", "create", str(cost["id"])),
        ("Direct Cost Line Items", "update", str(line)),
    ]
    body = receiver.bodies[-1]
    if version == "v2.0":
        assert "related_resources" not in body
        assert "data" not in body
    elif version == "v3.0":
        assert body["related_resources"] == [{"id": cost["id"], "name": "Direct Costs"}]
    else:
        assert body["data"]["related_resources"] == [{"id": str(cost["id"]), "name": "Direct Costs"}]
    procore.control("POST", "/switches", {"v4_related_resources": False, "direct_cost_line_edit_emits_parent": True})
    procore.control("PATCH", f"/direct_costs/{cost['id']}/lines", {"lines": [{"id": line, "_remove": True}]})
    assert told(procore, receiver)[2:] == [
        ("Direct Costs", "update", str(cost["id"])),
        ("Direct Cost Line Items", "delete", str(line)),
    ]
    assert "data" not in receiver.bodies[-1]
    assert procore.get(path_of(cost))["grand_total"] == "50.00"


def test_status_edit_and_deletion_send_their_events_unless_they_are_quiet(procore: Procore, receiver: Receiver) -> None:
    listening(procore, receiver, "v4.0")
    cost = made(procore)
    path = f"/direct_costs/{cost['id']}"
    procore.control("POST", f"{path}/status", {"status": "approved"})
    procore.control("PATCH", path, {"invoice_number": "OTHER", "quiet": True})
    procore.control("POST", "/switches", {"quiet_changes_updated_at": False})
    before = procore.get(path_of(cost))
    assert (before["status"], before["invoice_number"]) == ("approved", "OTHER")
    procore.control("POST", "/clock", {"offset_seconds": 100})
    procore.control("PATCH", path, {"description": "silent", "quiet": True})
    after = procore.get(path_of(cost))
    assert (after["description"], after["updated_at"]) == ("silent", before["updated_at"])
    procore.control("POST", f"{path}/status", {"status": "pending"})
    assert procore.get(path_of(cost))["updated_at"] > before["updated_at"]
    procore.control("DELETE", path)
    assert [event for _, event, _ in told(procore, receiver)] == ["create", "update", "update", "delete"]
    assert procore.call("GET", path_of(cost)).status_code == 404
    assert cost["id"] not in [row["id"] for row in procore.get(path_of(cost["project_id"]), per_page=1000)]
    procore.control("POST", "/switches", {"direct_cost_list_shows_deleted": True})
    (gone,) = [r for r in procore.get(path_of(cost["project_id"]), per_page=1000) if r["id"] == cost["id"]]
    assert gone["deleted_at"]
    (row,) = [row for row in procore.control("GET", "/ledger")["direct_costs"] if row["id"] == cost["id"]]
    assert row["deleted"] is True
    assert {"project_id", "invoice_number", "vendor_name", "status", "type", "grand_total"} <= set(row)


def test_amounts_can_be_made_to_differ(procore: Procore) -> None:
    cost = made(procore, amount="110.00", tax="10.00", mismatch="0.01", lines=2)
    assert (cost["grand_total"], cost["lines_total"]) == ("110.01", "110.00")
    procore.control("PATCH", f"/direct_costs/{cost['id']}", {"mismatch": "0"})
    assert procore.get(path_of(cost))["grand_total"] == "110.00"
    procore.control("POST", "/switches", {"direct_cost_mismatch": "-5.00", "direct_cost_amount_before_tax": True})
    (row,) = procore.get(path_of(cost["project_id"]), **{"filters[id]": cost["id"]})
    assert (row["amount"], row["grand_total"]) == ("100.00", "105.00")
    procore.control("POST", "/switches", {"direct_cost_short_numbers": True})
    assert procore.get(path_of(cost))["grand_total"] == "105.0"


def test_written_over_rest_and_locked_by_an_origin_id(procore: Procore, receiver: Receiver) -> None:
    listening(procore, receiver, "v3.0")
    project = project_of(procore)
    vendor = procore.get("/rest/v1.0/vendors", company_id=COMPANY)[0]["id"]
    code = procore.get("/rest/v1.0/cost_codes", project_id=project)[0]["wbs_code_id"]
    wanted: dict[str, Any] = {
        "direct_cost_type": "invoice",
        "invoice_number": "R-1",
        "vendor_id": vendor,
        "origin_data": "ours",
        "line_items": [{"wbs_code_id": code, "quantity": "3", "unit_cost": "2.50"}],
    }
    created = procore.call("POST", path_of(project), json={"direct_cost": wanted})
    assert created.status_code == 201
    record = created.json()
    assert (record["grand_total"], record["status"], record["origin_data"]) == ("7.50", "draft", "ours")
    assert record["line_items"][0]["extended_type"] == "calculated"
    told(procore, receiver)
    assert receiver.bodies[0]["metadata"]["source_application_id"] == "demo-procore-client"
    for missing in ("invoice_number", "vendor_id", "direct_cost_type"):
        body = {key: value for key, value in wanted.items() if key != missing}
        assert procore.call("POST", path_of(project), json={"direct_cost": body}).status_code == 422
    own = f"{path_of(project)}/{record['id']}"
    assert procore.call("PATCH", own, json={"direct_cost": {"status": "paid"}}).status_code == 422
    assert procore.call("PATCH", own, json={"direct_cost": {"origin_id": "QB-1"}}).status_code == 200
    locked = procore.call("PATCH", own, json={"direct_cost": {"terms": "Net 10"}})
    assert locked.status_code == 422
    assert "synced" in locked.text
    assert procore.call("DELETE", own).status_code == 422
    batch = procore.call(
        "PATCH",
        f"{path_of(project, 'v1.0')}/sync",
        json={"updates": [{"id": record["id"], "origin_id": None}, {"id": record["id"], "status": "paid"}]},
    )
    assert batch.status_code == 200
    assert (len(batch.json()["entities"]), len(batch.json()["errors"])) == (1, 1)
    assert procore.call("DELETE", own).status_code == 204
    assert procore.call("GET", own).status_code == 404


def test_a_lagging_replica_shows_the_state_before(procore: Procore) -> None:
    cost = made(procore, status="pending")
    procore.control("POST", f"/direct_costs/{cost['id']}/status", {"status": "approved"})
    rule = {"match": {"method": "GET", "path": "direct_costs"}, "fault": "stale_read", "times": 1}
    procore.control("POST", "/faults", rule)
    assert procore.get(path_of(cost))["status"] == "pending"
    assert procore.get(path_of(cost))["status"] == "approved"


def test_another_project_or_company_does_not_see_it(procore: Procore) -> None:
    cost = made(procore)
    other = next(
        p["id"] for p in procore.get("/rest/v1.0/projects", company_id=COMPANY) if p["id"] != cost["project_id"]
    )
    assert procore.call("GET", f"{path_of(other)}/{cost['id']}").status_code == 404
    procore.control("PATCH", "/clients/demo-procore-client", {"permitted_projects": [other]})
    assert procore.call("GET", path_of(cost)).status_code == 403
    theirs = next(c for c in procore.control("GET", "/direct_costs") if c["company_id"] != COMPANY)
    assert procore.call("GET", path_of(theirs)).status_code == 404


def test_a_third_partys_row_has_the_same_words(procore: Procore) -> None:
    """Amounts with one decimal and a total that differs from the amount were seen in a pipeline."""
    cost = made(
        procore, type="payroll", amount="11400.00", tax="124.50", status="approved", description="  PM Payroll  "
    )
    procore.control("POST", "/switches", {"direct_cost_short_numbers": True, "direct_cost_amount_before_tax": True})
    (row,) = procore.get(path_of(cost["project_id"]), **{"filters[id]": cost["id"]})
    assert (row["amount"], row["grand_total"], row["description"]) == ("11275.5", "11400.0", "  PM Payroll  ")
    assert set(row["employee"]) == {"id", "name"}


def test_a_fourth_type_exists_where_it_is_switched_on(procore: Procore) -> None:
    wanted = {"project_id": project_of(procore), "type": "subcontractor_invoice"}
    assert requests.post(f"{procore.url}/_emulator/direct_costs", json=wanted, timeout=10).status_code == 422
    procore.control("POST", "/switches", {"direct_cost_subcontractor_type": True})
    assert made(procore, type="subcontractor_invoice")["type"] == "subcontractor_invoice"


def test_by_hand(procore: Procore) -> None:
    project = project_of(procore)
    form = {"project_id": str(project), "type": "invoice", "amount": "1,000.00", "attachment": "on"}
    page = requests.post(f"{procore.url}/direct_costs/new", data=form, allow_redirects=False, timeout=10)
    assert page.status_code == 303
    own = procore.url + page.headers["Location"]
    cost_id = int(own.rsplit("/", 1)[1])
    assert "Approve" in requests.get(f"{procore.url}/direct_costs?project_id={project}", timeout=10).text
    requests.post(f"{own}/status", data={"status": "approved", "back": "/direct_costs"}, timeout=10)
    (short,) = procore.control("GET", f"/direct_costs?id={cost_id}")
    assert (short["status"], short["grand_total"], short["attachments"]) == ("approved", "1000.00", 1)
    line = short["lines"][0]["id"]
    requests.post(f"{own}/edit", data={f"amount_{line}": "501.00", "invoice_number": "HAND-2"}, timeout=10)
    (short,) = procore.control("GET", f"/direct_costs?id={cost_id}")
    assert (short["grand_total"], short["invoice_number"]) == ("1001.00", "HAND-2")
    link = requests.get(f"{procore.url}/{project}/project/direct_costs", timeout=10)
    assert "HAND-2" in link.text
    for address in (own, f"{procore.url}/direct_costs/new", f"{procore.url}/direct_costs?status=approved&type=invoice"):
        assert "It is not Procore" in requests.get(address, timeout=10).text
    assert requests.post(f"{own}/edit", data={f"amount_{line}": "much"}, timeout=10).status_code == 400
    requests.post(f"{own}/delete", timeout=10)
    assert requests.get(own, timeout=10).status_code == 404
