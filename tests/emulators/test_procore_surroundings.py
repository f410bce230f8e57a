"""Projects, vendors, periods and hooks as they change around the invoices."""

from __future__ import annotations

from typing import Any

import requests

from tests.emulators.test_procore_webhooks import hooks_of, make, project_of, subscribed
from tests.emulators.test_procore_world import (
    COMPANY,
    CREDENTIALS,
    Procore,
    Receiver,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
    receiver,  # noqa: F401 - a fixture
)

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811
BASE = f"/rest/v2.0/companies/{COMPANY}/webhooks"


def company_hook(procore: Procore, receiver: Receiver, version: str = "v4.0") -> str:
    body = {"payload_version": version, "namespace": "company-1", "destination_url": receiver.url}
    hook = procore.call("POST", f"{BASE}/hooks", json=body).json()["data"]
    names = ("Projects", "Company Vendors")
    wanted = [{"resource_name": name, "event_type": event} for name in names for event in ("create", "update")]
    assert procore.call("POST", f"{BASE}/hooks/{hook['id']}/triggers/bulk", json=wanted).status_code == 201
    return str(hook["id"])


def bodies(procore: Procore, receiver: Receiver) -> list[dict[str, Any]]:
    procore.control("POST", "/quiet", {"timeout": 10})
    return receiver.bodies


def names_of(procore: Procore, **filters: str) -> set[str]:
    rows = procore.get("/rest/v1.0/projects", company_id=COMPANY, **filters)
    return {row["name"] for row in rows}


def test_a_company_hook_hears_of_new_renamed_and_closed_projects(procore: Procore, receiver: Receiver) -> None:
    company_hook(procore, receiver)
    made = procore.control("POST", "/projects", {"name": "Annex", "project_number": "27-001", "commitments": 1})
    path = f"/projects/{made['id']}"
    procore.control("PATCH", path, {"name": "Annex B"})
    procore.control("PATCH", path, {"active": False})
    procore.control("PATCH", path, {"stage": "Closed", "quiet": True})
    seen = [(b["resource_type"], b["reason"], b["resource_id"], b["project_id"]) for b in bodies(procore, receiver)]
    own = str(made["id"])
    assert seen == [
        ("Projects", "create", own, ""),
        ("Projects", "update", own, own),
        ("Projects", "update", own, own),
    ]
    shown = procore.get(f"/rest/v1.0/projects/{made['id']}", company_id=COMPANY)
    assert (shown["name"], shown["active"], shown["stage"]) == ("Annex B", False, "Closed")
    # The new project is complete: an invoice can be made on it.
    assert procore.control("POST", "/invoices", {"project_id": made["id"]})["project_id"] == made["id"]


def test_the_project_list_shows_active_ones_unless_asked(procore: Procore) -> None:
    made = procore.control("POST", "/projects", {"name": "Closed one", "active": False, "quiet": True})
    assert "Closed one" not in names_of(procore)
    assert names_of(procore, **{"filters[by_status]": "Inactive"}) == {"Closed one"}
    assert "Closed one" in names_of(procore, **{"filters[by_status]": "All"})
    procore.control("POST", "/switches", {"projects_list_default": "All"})
    assert "Closed one" in names_of(procore)
    wrong = procore.call("GET", f"/rest/v1.0/projects?company_id={COMPANY}&filters[by_status]=open")
    assert wrong.status_code == 400
    assert made["active"] is False


def test_vendors_tell_the_company_hook(procore: Procore, receiver: Receiver) -> None:
    company_hook(procore, receiver, "v2.0")
    vendor = procore.control("POST", "/vendors", {"name": "New Vendor Inc."})
    procore.control("PATCH", f"/vendors/{vendor['id']}", {"name": "Newer Vendor Inc."})
    seen = [(b["resource_name"], b["event_type"], b["resource_id"]) for b in bodies(procore, receiver)]
    assert seen == [("Company Vendors", "create", vendor["id"]), ("Company Vendors", "update", vendor["id"])]
    assert procore.get(f"/rest/v1.0/vendors/{vendor['id']}", company_id=COMPANY)["name"] == "Newer Vendor Inc."


def test_hooks_change_and_go_without_the_api(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    path = hooks_of(project_of(procore))
    procore.control("PATCH", f"/hooks/{hook['id']}", {"status": "disabled"})
    assert procore.get(f"{path}/{hook['id']}")["data"]["status"] == "disabled"
    make(procore)
    assert bodies(procore, receiver) == []
    procore.control("PATCH", f"/hooks/{hook['id']}", {"status": "active"})
    (row,) = procore.control("GET", f"/hooks?project_id={project_of(procore)}")
    create = next(t["id"] for t in row["triggers"] if t["event_type"] == "create")
    procore.control("DELETE", f"/hooks/{hook['id']}/triggers/{create}")
    make(procore)
    assert bodies(procore, receiver) == []
    assert len(procore.get(f"{path}/{hook['id']}/triggers")["data"]) == 2
    procore.control("DELETE", f"/hooks/{hook['id']}")
    assert procore.call("GET", f"{path}/{hook['id']}").status_code == 404
    assert procore.get(path)["data"] == []
    assert requests.delete(f"{procore.url}/_emulator/hooks/{hook['id']}", timeout=10).status_code == 404


def test_discarded_deliveries_show_and_the_hook_may_be_disabled_or_gone(procore: Procore, receiver: Receiver) -> None:
    hook = subscribed(procore, receiver)
    path = hooks_of(project_of(procore))
    procore.control("POST", "/switches", {"webhooks_stopped": True})
    invoice = make(procore)
    assert len(procore.control("POST", f"/hooks/{hook['id']}/discard")["discarded"]) == 1
    (row,) = procore.get(f"{path}/{hook['id']}/deliveries", **{"filter[status]": "discarded"})["data"]
    assert (row["status"], row["payload"]["resource_id"]) == ("discarded", str(invoice["id"]))
    assert procore.get(f"{path}/{hook['id']}")["data"]["status"] == "active"
    old = procore.get(
        f"/rest/v1.0/webhooks/hooks/{hook['id']}/deliveries",
        project_id=project_of(procore),
        **{"filters[status]": "discarded"},
    )
    assert [one["outcome"] for one in old] == ["discarded"]
    procore.control("POST", "/switches", {"disable_hook_after_discard": True})
    make(procore)
    procore.control("POST", f"/hooks/{hook['id']}/discard")
    assert procore.get(f"{path}/{hook['id']}")["data"]["status"] == "disabled"
    procore.control("POST", "/switches", {"delete_hook_after_discard": True})
    procore.control("POST", f"/hooks/{hook['id']}/discard")
    assert procore.call("GET", f"{path}/{hook['id']}").status_code == 404
    procore.control("POST", "/switches", {"webhooks_stopped": False})
    assert bodies(procore, receiver) == []


def test_without_the_permission_the_webhook_tool_answers_403(procore: Procore) -> None:
    procore.control("POST", "/switches", {"webhooks_api_permitted": False})
    assert procore.call("GET", f"{BASE}/resources?payload_version=v4.0").status_code == 403
    assert procore.call("GET", hooks_of(project_of(procore))).status_code == 403
    assert procore.call("GET", "/rest/v1.0/companies").status_code == 200


def test_permitted_projects_are_403_elsewhere_also_for_hooks(procore: Procore) -> None:
    first, second = procore.get("/rest/v1.0/projects", company_id=COMPANY)[:2]
    procore.control("PATCH", f"/clients/{CREDENTIALS['client_id']}", {"permitted_projects": [first["id"]]})
    for path in (
        hooks_of(second["id"]),
        f"/rest/v1.0/projects/{second['id']}/billing_periods",
        f"/rest/v1.1/projects/{second['id']}/direct_costs",
        f"/rest/v1.0/contract_payments?project_id={second['id']}&contract_id=1",
    ):
        assert procore.call("GET", path).status_code == 403, path
    assert procore.call("GET", hooks_of(first["id"])).status_code == 200


def test_a_period_is_closed_and_filters_find_its_invoices(procore: Procore) -> None:
    project = project_of(procore)
    path = f"/rest/v1.0/projects/{project}/billing_periods"
    open_ones = procore.get(path, **{"filters[status]": "open"})
    invoice = make(procore)
    assert invoice["period_id"] == open_ones[-1]["id"]
    rows = procore.get("/rest/v1.1/requisitions", project_id=project, **{"filters[period_id]": invoice["period_id"]})
    assert invoice["id"] in [row["id"] for row in rows]
    assert {row["period_id"] for row in rows} == {invoice["period_id"]}
    wanted = [row["id"] for row in rows[:3]]
    found = procore.get("/rest/v1.1/requisitions", project_id=project, **{"filters[id][]": wanted})
    assert [row["id"] for row in found] == wanted
    for period in open_ones:
        procore.control("PATCH", f"/periods/{period['id']}", {"status": "closed"})
    assert procore.get(path, **{"filters[status]": "open"}) == []
    refused = requests.post(f"{procore.url}/_emulator/invoices", json={"project_id": project}, timeout=10)
    assert refused.status_code == 422
    named = {"project_id": project, "period_id": open_ones[0]["id"]}
    assert requests.post(f"{procore.url}/_emulator/invoices", json=named, timeout=10).status_code == 201
    procore.control("POST", "/switches", {"closed_period_refuses_invoices": True})
    assert requests.post(f"{procore.url}/_emulator/invoices", json=named, timeout=10).status_code == 422
    dates = {"start_date": "2030-01-01", "end_date": "2030-01-31", "due_date": "2030-02-15"}
    fresh = procore.control("POST", "/periods", {"project_id": project, **dates})
    assert make(procore)["period_id"] == fresh["id"]
    assert procore.get(path, **{"filters[id]": fresh["id"]})[0]["due_date"] == "2030-02-15"
