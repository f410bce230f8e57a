"""A small client for the contract tests of the Intuit emulator, and the tests of its front door.

The expectations come from the reference (qbo.md) alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.support.emulator_process import running_emulator

NORTHGATE, RIDGELINE = "9130350000000001", "9130350000000002"
REDIRECT = "https://app.example/callback"
APP = ("demo-qbo-client", "demo-qbo-secret")
SCOPE = "com.intuit.quickbooks.accounting"
REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "qbo"
DETAIL, ITEM_DETAIL = "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"


class Qbo:
    """One connected company."""

    def __init__(self, base: str, realm: str = NORTHGATE, scope: str = SCOPE) -> None:
        self.base, self.realm = base, realm
        self.session = requests.Session()
        self.tokens = self.exchange(self.consent(scope)["code"])

    def consent(self, scope: str = SCOPE, state: str = "state-1", decision: str = "connect") -> dict[str, str]:
        """What the redirect URI gets after the page was answered."""
        form = {"client_id": APP[0], "redirect_uri": REDIRECT, "response_type": "code", "scope": scope, "state": state}
        page = self.session.get(f"{self.base}/connect/oauth2", params=form, timeout=10)
        assert page.status_code == 200, page.text
        form |= {"realm": self.realm, "decision": decision}
        answer = self.session.post(f"{self.base}/connect/oauth2", data=form, allow_redirects=False, timeout=10)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(REDIRECT)
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def token_call(self, headers: dict[str, str] | None = None, **form: str) -> requests.Response:
        url = f"{self.base}/oauth2/v1/tokens/bearer"
        return self.session.post(url, data=form, auth=APP, headers=headers, timeout=10)

    def exchange(self, code: str) -> dict[str, Any]:
        answer = self.token_call(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, value: str) -> requests.Response:
        return self.token_call(grant_type="refresh_token", refresh_token=value)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}", "Accept": "application/json"}
        headers |= options.pop("headers", {})
        url = f"{self.base}/v3/company/{self.realm}/{path}"
        return self.session.request(method, url, headers=headers, timeout=options.pop("timeout", 20), **options)

    def get(self, path: str, **params: str) -> requests.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any, **params: str) -> requests.Response:
        return self.call("POST", path, json=body, params=params)

    def query(self, text: str) -> dict[str, Any]:
        answer = self.get("query", query=text)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["QueryResponse"])

    def create_bill(self, **changes: Any) -> dict[str, Any]:
        answer = self.post("bill", bill(**changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["Bill"])

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.base}/_emulator/{path}", json=body, timeout=20)
        assert answer.status_code < 400, answer.text
        return answer.json()

    def switch(self, **values: Any) -> None:
        self.control("POST", "switches", values)

    def fault(self, name: str, path: str = "/v3/company/.*/bill", method: str = "POST", **more: Any) -> None:
        self.control("POST", "faults", {"match": {"method": method, "path": path}, "fault": name, "times": 1, **more})

    def bill_numbers(self) -> list[str]:
        return [entry["doc_number"] for entry in self.control("GET", f"ledger?realm={self.realm}")["bills"]]


def line(amount: Any = 200.0, **changes: Any) -> dict[str, Any]:
    return {"DetailType": DETAIL, "Amount": amount, DETAIL: {"AccountRef": {"value": "80"}}, **changes}


def item_line(amount: Any = 200.0, **detail: Any) -> dict[str, Any]:
    return {"DetailType": ITEM_DETAIL, "Amount": amount, ITEM_DETAIL: {"ItemRef": {"value": "21"}, **detail}}


def bill(**changes: Any) -> dict[str, Any]:
    body = {"VendorRef": {"value": "46"}, "TxnDate": "2026-03-31", "Line": [line()], **changes}
    return {name: value for name, value in body.items() if value is not None}


def error_of(answer: requests.Response) -> tuple[int, str, str]:
    """Status, code and detail of a fault."""
    error = answer.json()["Fault"]["Error"][0]
    return answer.status_code, error["code"], error["Detail"]


@contextmanager
def emulator(*options: str) -> Iterator[str]:
    """An Intuit emulator without throttles, unless the options say otherwise."""
    chosen = options or ("--limits", "off")
    with tempfile.TemporaryDirectory() as folder, running_emulator("intuit", Path(folder) / "q.sqlite", *chosen) as url:
        yield url


def fresh(base: str) -> Qbo:
    """A connected company in an emulator as new."""
    requests.post(f"{base}/_emulator/reset", json={"seed": "demo"}, timeout=20)
    return Qbo(base)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


def test_ready_and_every_answer_has_a_tid(qbo: Qbo) -> None:
    answer = requests.get(f"{qbo.base}/_emulator/ready", timeout=5)
    assert answer.json() == {"ready": True}
    tids = {qbo.get("preferences").headers["intuit_tid"] for _ in range(3)}
    assert len(tids) == 3
    assert requests.get(f"{qbo.base}/nowhere", timeout=5).headers["intuit_tid"]


def test_company_info_and_preferences(qbo: Qbo) -> None:
    info = qbo.get(f"companyinfo/{qbo.realm}").json()
    assert info["CompanyInfo"]["CompanyName"] == "Northgate Builders, Inc."
    assert "time" in info
    shown = qbo.get("preferences").json()["Preferences"]
    assert shown["CurrencyPrefs"] == {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": "USD"}}
    named = {entry["Name"]: entry["Value"] for entry in shown["OtherPrefs"]["NameValue"]}
    assert named == {"WarnDuplicateBillNumber": "false", "ProjectsEnabled": "true"}
    qbo.switch(realm=qbo.realm, book_close_date="2025-12-31", warn_duplicate_bill_number=True)
    shown = qbo.get("preferences").json()["Preferences"]
    assert shown["AccountingInfoPrefs"]["BookCloseDate"] == "2025-12-31"


def test_realms_do_not_see_each_other(qbo: Qbo) -> None:
    other = Qbo(qbo.base, RIDGELINE)
    qbo.create_bill(DocNumber="ONLY-HERE")
    assert other.query("SELECT * FROM Bill WHERE DocNumber = 'ONLY-HERE'") == {}
    assert "ONLY-HERE" not in other.bill_numbers()
    assert other.query("SELECT COUNT(*) FROM Vendor")["totalCount"] == 7
    other.realm = NORTHGATE  # the token of one company used on another
    answer = other.get(f"companyinfo/{NORTHGATE}")
    assert error_of(answer)[:2] == (403, "3100")


def test_restart_keeps_everything(tmp_path: Path) -> None:
    ledger = tmp_path / "q.sqlite"
    with running_emulator("intuit", ledger, "--limits", "off") as url:
        first = Qbo(url)
        made = first.create_bill(DocNumber="KEPT-1", Line=[line(100.1)])
        first.control("POST", f"bills/{NORTHGATE}/{made['Id']}/pay", {"amount": "40.00"})
        first.switch(requestid="ignored")
        before = first.get(f"bill/{made['Id']}").json()["Bill"]
    with running_emulator("intuit", ledger, "--seed", "empty") as url:
        first.base = url
        assert first.get(f"bill/{made['Id']}").json()["Bill"] == before
        assert (before["Balance"], before["SyncToken"]) == (60.1, "1")
        assert first.control("GET", "switches")["requestid"] == "ignored"
        assert first.refresh(first.tokens["refresh_token"]).status_code == 200
        following = first.create_bill(DocNumber="KEPT-2")
        assert int(following["Id"]) > int(made["Id"])


def test_empty_seed() -> None:
    with emulator("--seed", "empty", "--limits", "off") as url:
        own = Qbo(url)
        assert own.query("SELECT COUNT(*) FROM Bill") == {"totalCount": 0}
        assert own.query("SELECT * FROM Vendor") == {}
        assert own.query("SELECT * FROM Account WHERE AccountSubType = 'AccountsPayable'")["maxResults"] == 1
