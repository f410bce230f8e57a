"""Every sample of the reference passes through the Intuit emulator unchanged in meaning."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.emulators.test_intuit_client import APP, DETAIL, REFERENCE, Qbo, bill, emulator, fresh, line

AUTHORED, OAUTH = REFERENCE / "authored", REFERENCE / "oauth"
pytestmark = pytest.mark.skipif(not AUTHORED.is_dir(), reason=f"the reference samples are not at {REFERENCE}")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def sample(name: str) -> Any:
    return json.loads((AUTHORED / f"{name}.json").read_text(encoding="utf-8"))


def shape(value: Any) -> Any:
    """The keys of an answer without their values."""
    if isinstance(value, dict):
        return {name: shape(entry) for name, entry in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__.replace("int", "float")


def covers(full: Any, part: Any, path: str = "") -> None:
    """`full` has at least what `part` has, in the same kinds."""
    if isinstance(part, dict):
        for name, entry in part.items():
            assert name in full, f"{path}.{name} is missing"
            covers(full[name], entry, f"{path}.{name}")
    elif isinstance(part, list):
        assert isinstance(full, list), path
        if part:
            covers(full[0], part[0], f"{path}[0]")
    else:
        assert full == part, f"{path}: {full} is not {part}"


@pytest.mark.parametrize(
    "name",
    [
        "bill_create_minimal_request",
        "bill_create_construction_account_mode_request",
        "bill_create_construction_item_mode_request",
        "vendorcredit_negative_total_request",
    ],
)
def test_requests_are_accepted(qbo: Qbo, name: str) -> None:
    sent = sample(name)
    kind = "VendorCredit" if name.startswith("vendorcredit") else "Bill"
    answer = qbo.post(kind.lower(), sent)
    assert answer.status_code == 200, answer.text
    made = answer.json()[kind]
    for field in ("DocNumber", "TxnDate", "DueDate", "PrivateNote"):
        assert made.get(field) == sent[field] if field in sent else True
    assert made["TotalAmt"] == sum(entry["Amount"] for entry in sent["Line"])
    for sent_line, made_line in zip(sent["Line"], made["Line"], strict=True):
        covers(made_line, sent_line)


def test_bill_create_response(qbo: Qbo) -> None:
    made = qbo.post("bill", sample("bill_create_construction_account_mode_request")).json()
    expected = sample("bill_create_response")
    for name in ("Id", "MetaData"):
        expected["Bill"][name] = made["Bill"][name]
    expected["time"] = made["time"]
    covers(made, expected)


def test_paid_bill_and_query_responses(qbo: Qbo) -> None:
    made = qbo.post("bill", sample("bill_create_construction_account_mode_request")).json()["Bill"]
    found = qbo.get("query", query="SELECT * FROM Bill WHERE DocNumber = 'INV-0007'").json()
    covers(shape(found), shape(sample("bill_query_response")))
    empty = qbo.get("query", query="SELECT * FROM Bill WHERE DocNumber = 'none'").json()
    assert shape(empty) == shape(sample("query_empty_response"))
    qbo.control("POST", f"bills/{qbo.realm}/{made['Id']}/pay", {})
    paid = qbo.get(f"bill/{made['Id']}").json()
    covers(shape(paid), shape(sample("bill_paid_read_response")))
    assert (paid["Bill"]["SyncToken"], paid["Bill"]["Balance"]) == ("1", 0)
    assert paid["Bill"]["LinkedTxn"][0]["TxnType"] == "BillPaymentCheck"


def test_delete_and_cdc_responses(qbo: Qbo) -> None:
    made = qbo.create_bill()
    request = {**sample("bill_delete_request"), "Id": made["Id"]}
    answer = qbo.post("bill", request, operation="delete").json()
    assert shape(answer) == shape(sample("bill_delete_response"))
    since = made["MetaData"]["CreateTime"]
    changed = qbo.get("cdc", entities="Bill", changedSince=since).json()
    expected = sample("cdc_response_bill_changed_and_deleted")
    entries = expected["CDCResponse"][0]["QueryResponse"][0]["Bill"]
    found = changed["CDCResponse"][0]["QueryResponse"][0]["Bill"]
    assert shape(found[-1]) == shape(entries[1])


def test_void_request(qbo: Qbo) -> None:
    made = qbo.create_bill()
    qbo.control("POST", f"bills/{qbo.realm}/{made['Id']}/pay", {})
    payment = qbo.get(f"bill/{made['Id']}").json()["Bill"]["LinkedTxn"][0]["TxnId"]
    request = {**sample("billpayment_void_request"), "Id": payment}
    assert qbo.post("billpayment", request, operation="void").json()["BillPayment"]["TotalAmt"] == 0


def test_batch_and_upload_responses(qbo: Qbo) -> None:
    qbo.switch(warn_duplicate_bill_number=True)
    items = [{"bId": f"b{n}", "operation": "create", "Bill": bill(DocNumber="same")} for n in (1, 2)]
    answer = qbo.post("batch", {"BatchItemRequest": items}).json()
    expected = sample("batch_mixed_response")
    for got, wanted in zip(answer["BatchItemResponse"], expected["BatchItemResponse"], strict=True):
        covers(shape(got), shape(wanted))
    assert answer["BatchItemResponse"][1]["Fault"]["Error"][0]["code"] == "6140"
    metadata = {
        "FileName": "pay-app-7.pdf",
        "AttachableRef": [{"EntityRef": {"type": "Bill", "value": answer["BatchItemResponse"][0]["Bill"]["Id"]}}],
    }
    files = {
        "file_metadata_01": (None, json.dumps(metadata), "application/json"),
        "file_content_01": ("pay-app-7.pdf", b"x" * 12345, "application/pdf"),
    }
    uploaded = qbo.call("POST", "upload", files=files).json()
    covers(shape(uploaded), shape(sample("attachable_upload_response")))
    assert uploaded["AttachableResponse"][0]["Attachable"]["Size"] == 12345


def _deleted_read(qbo: Qbo) -> requests.Response:
    made = qbo.create_bill()
    qbo.control("DELETE", f"bills/{qbo.realm}/{made['Id']}")
    return qbo.get(f"bill/{made['Id']}")


def _duplicate(qbo: Qbo) -> requests.Response:
    qbo.switch(warn_duplicate_bill_number=True)
    qbo.create_bill(DocNumber="twice")
    return qbo.post("bill", bill(DocNumber="twice"))


def _stale(qbo: Qbo) -> requests.Response:
    made = qbo.create_bill()
    return qbo.post("bill", bill(Id=made["Id"], SyncToken="7"))


def _closed(qbo: Qbo) -> requests.Response:
    qbo.switch(book_close_date="2026-12-31")
    return qbo.post("bill", bill())


def _status(code: str) -> Callable[[Qbo], requests.Response]:
    def call(qbo: Qbo) -> requests.Response:
        qbo.switch(company_status=code)
        return qbo.post("bill", bill())

    return call


def _faulted(name: str) -> Callable[[Qbo], requests.Response]:
    def call(qbo: Qbo) -> requests.Response:
        qbo.fault(name)
        return qbo.post("bill", bill())

    return call


def _expired(qbo: Qbo) -> requests.Response:
    qbo.control("POST", "clock", {"offset_seconds": 4000})
    return qbo.get("preferences")


def _wrong_number_length(qbo: Qbo) -> requests.Response:
    qbo.switch(docnumber_too_long="2050")
    return qbo.post("bill", bill(DocNumber="x" * 22))


FAULTS: dict[str, Callable[[Qbo], requests.Response]] = {
    "fault_10000": _faulted("500"),
    "fault_120": _status("120"),
    "fault_2010": lambda qbo: qbo.post("bill", bill(Foo=1)),
    "fault_2020": lambda qbo: qbo.post("bill", bill(Line=None)),
    "fault_2050": _wrong_number_length,
    "fault_2500_account": lambda qbo: qbo.post(
        "bill", bill(Line=[line(**{DETAIL: {"AccountRef": {"value": "70000"}}})])
    ),
    "fault_2500_vendor": lambda qbo: qbo.post("bill", bill(VendorRef={"value": "75000"})),
    "fault_4001": lambda qbo: qbo.get("query", query="SELECT * FROM Bill STARTPOSITION 0"),
    "fault_401_token_expired_lowercase": _expired,
    "fault_403_app_authorization": _faulted("403"),
    "fault_429_throttle": _faulted("429"),
    "fault_5010": _stale,
    "fault_6000": lambda qbo: qbo.post("bill", bill(Line=[line(0)])),
    "fault_6000_docnumber_too_long": lambda qbo: qbo.post("bill", bill(DocNumber="x" * 22)),
    "fault_610_deleted": _deleted_read,
    "fault_610_inactive": lambda qbo: qbo.post("bill", bill(VendorRef={"value": "81"})),
    "fault_6140": _duplicate,
    "fault_6190": _status("6190"),
    "fault_6210": _closed,
    "fault_6240": lambda qbo: qbo.post("vendor", {"DisplayName": "City of Fairmont"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_have_the_code_type_and_status_of_the_samples(qbo: Qbo, name: str) -> None:
    expected = sample(name)
    answer = FAULTS[name](qbo)
    body, wanted = answer.json(), expected["body"]
    assert answer.status_code == expected["_http_status"]
    assert shape(body)["time"] == shape(wanted)["time"]
    key, entries = ("fault", "error") if "fault" in wanted else ("Fault", "Error")
    assert body[key]["type"] == wanted[key]["type"]
    got, want = body[key][entries][0], wanted[key][entries][0]
    assert set(got) == set(want)
    assert got["code"] == want["code"]
    text = "message" if key == "fault" else "Message"
    assert got[text] == want[text]


def test_no_fault_sample_is_forgotten() -> None:
    assert {path.stem for path in AUTHORED.glob("fault_*.json")} == set(FAULTS)


def test_oauth_samples(qbo: Qbo) -> None:
    def document(name: str) -> Any:
        return json.loads((OAUTH / f"{name}.json").read_text(encoding="utf-8"))

    found = requests.get(f"{qbo.base}/.well-known/openid_configuration/", timeout=5).json()
    wanted = document("discovery")
    assert set(found) == set(wanted)
    for name in (name for name, value in wanted.items() if isinstance(value, list)):
        assert found[name] == wanted[name]
    tokens = qbo.token_call(
        {"x-include-refresh-token-hard-expires-in": "true"},
        grant_type="refresh_token",
        refresh_token=qbo.tokens["refresh_token"],
    ).json()
    assert shape(tokens) == shape(sample("oauth_token_response_with_hard_expiry")["body"])
    assert set(qbo.tokens) == set(document("success_token_response")) - {"id_token"}
    refused = qbo.refresh("old")
    expected = sample("oauth_invalid_grant_response")
    assert (refused.status_code, refused.json()) == (expected["_http_status"], expected["body"])
    url = f"{qbo.base}/v2/oauth2/tokens/revoke"
    failed = requests.post(url, json={"token": "unknown"}, auth=APP, timeout=5)
    assert set(failed.json()) == set(document("failure_token_revocation_response"))
    done = requests.post(url, json={"token": tokens["access_token"]}, auth=APP, timeout=5)
    assert done.json() == document("success_revoketoken_response")


def test_property_names_are_those_of_the_schema() -> None:
    """What the emulator accepts is in the schema of the object, apart from a few names that only the JSON form has."""
    from emulators.intuit.shapes import SHAPES

    mark = "{http://www.w3.org/2001/XMLSchema}"
    types = {
        kind.get("name"): kind
        for name in ("Finance", "IntuitBaseTypes", "IntuitNamesTypes")
        for kind in ElementTree.parse(REFERENCE / "xsd" / f"{name}.xsd").iter(f"{mark}complexType")  # noqa: S314
    }

    def fields(name: str) -> set[str]:
        kind = types[name]
        extension = kind.find(f".//{mark}extension")
        above = fields(extension.get("base", "")) if extension is not None and extension.get("base") in types else set()
        return above | {str(element.get("name") or element.get("ref")) for element in kind.iter(f"{mark}element")}

    only_json = {"domain", "sparse", "status", "ProcessBillPayment"}
    for kind, shape_of_kind in SHAPES.items():
        assert set(shape_of_kind) - only_json <= fields(kind), kind
