"""Each sample of the reference passes through the emulator unchanged in meaning, or the reason why not stands here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

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
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "reference" / "procore"
pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="../shared/reference/procore is missing here")

ELSEWHERE = {
    "sample_requisition_tutorial_v1_0.json": "test_procore_requisitions",
    "sample_requisition_v1_1_extended.json": "test_procore_requisitions",
    "synthetic_requisitions_consistent.json": "test_procore_requisitions",
    "webhook_payloads.json": "here",
    "webhook_setup_requests.json": "here",
    "webhook_resources.json": "here",
    "sample_oauth_token_responses.json": "here",
    "sample_thirdparty_fixture_rows.json": "here: the requisition; test_procore_direct_costs: the direct cost",
}
NO_ENDPOINT = {
    "sample_erp_create_commitment.json",
    "sample_erp_create_payment.json",
    "sample_erp_create_vendor.json",
    "sample_erp_create_requisitions.json",
    "sample_erp_company_level_direct_cost.json",
}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


def test_every_sample_is_accounted_for() -> None:
    """The ERP samples are messages of Procore's private ERP framework, which is in none of its public addresses."""
    files = {path.name for path in SAMPLES.glob("*.json") if not path.name.startswith(("oas_", "sdk_"))}
    assert files == set(ELSEWHERE) | NO_ENDPOINT


@pytest.mark.parametrize("version", ["v2_0", "v3_0", "v4_0", "v4_0_observed"])
def test_a_webhook_body_arrives_as_it_is(version: str, procore: Procore, receiver: Receiver) -> None:
    made = _hook(procore, receiver)
    body = sample("webhook_payloads.json")[version]
    requests.post(f"{procore.url}/_emulator/webhooks/send?hook_id={made['id']}", json=body, timeout=10)
    procore.control("POST", "/quiet", {"timeout": 10})
    assert body in receiver.bodies


@pytest.mark.parametrize("version", ["v2.0", "v3.0", "v4.0"])
def test_the_emulators_own_bodies_have_the_keys_and_types_of_the_samples(
    version: str, procore: Procore, receiver: Receiver
) -> None:
    project = _hook(procore, receiver, payload_version=version)["project_id"]
    made = procore.control("POST", "/invoices", {"amount": "1000", "project_id": project})
    procore.control("POST", "/quiet", {"timeout": 10})
    [body] = [each for each in receiver.bodies if str(each["resource_id"]) == str(made["id"])]
    documented = sample("webhook_payloads.json")[version.replace(".", "_")]
    assert set(body) - {"payload_version"} == set(documented)
    same = {name: type(value) for name, value in documented.items()}
    assert {name: type(body[name]) for name in same} == same


def _hook(procore: Procore, receiver: Receiver, **changes: str) -> Any:
    """Made with the documented v2.0 bodies; only the address is ours."""
    project = procore.get("/rest/v1.0/projects", company_id=COMPANY)[0]["id"]
    documents = sample("webhook_setup_requests.json")
    base = f"/rest/v2.0/companies/{COMPANY}/projects/{project}/webhooks/hooks"
    hook = documents["v2_0_create_hook_body"] | {"destination_url": receiver.url} | changes
    made = procore.call("POST", base, json=hook)
    assert made.status_code == 201, made.text
    hook_id = made.json()["data"]["id"]
    for event in ("create", "update"):
        trigger = documents["v2_0_create_trigger_body"] | {"event_type": event}
        assert procore.call("POST", f"{base}/{hook_id}/triggers", json=trigger).status_code == 201
    return {"id": hook_id, "project_id": project}


@pytest.mark.parametrize("name", ["v1_0_create_company_hook", "v1_0_create_project_hook"])
def test_the_documented_v1_0_bodies_are_accepted(name: str, procore: Procore, receiver: Receiver) -> None:
    body = sample("webhook_setup_requests.json")[name]
    project = procore.get("/rest/v1.0/projects", company_id=COMPANY)[0]["id"]
    body |= {"company_id": COMPANY} if "company_id" in body else {"project_id": project}
    body["hook"]["destination_url"] = receiver.url
    assert procore.call("POST", "/rest/v1.0/webhooks/hooks", json=body).status_code == 201


def test_the_token_answer_has_the_documented_keys(procore: Procore) -> None:
    documented = sample("sample_oauth_token_responses.json")["client_credentials"]
    answer = requests.post(
        f"{procore.url}/oauth/token", json={"grant_type": "client_credentials", **CREDENTIALS}, timeout=10
    ).json()
    assert set(answer) == set(documented)
    assert (answer["token_type"].lower(), answer["expires_in"]) == ("bearer", documented["expires_in"])


def test_a_third_partys_row_keeps_its_words_and_amounts(procore: Procore) -> None:
    row = sample("sample_thirdparty_fixture_rows.json")["requisition_v1_1_list_row"]
    # Its author replaced the ids by letters, which no address of Procore's takes.
    known = {name: value for name, value in row.items() if name not in ("vendor_id", "commitment_id")} | {"id": 58899}
    made = procore.control("POST", "/import", {"requisition": known})
    shown = procore.requisition(made)
    assert {name: shown[name] for name in known if name != "summary"} == {
        name: value for name, value in known.items() if name != "summary"
    }
    assert known["summary"].items() <= shown["summary"].items()
