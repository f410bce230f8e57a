"""The seeded world of the Procore emulator: amounts, directories, identities; and the tools the other tests share."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.emulator_process import running_emulator

COMPANY = 562949953421312
OTHER_COMPANY = 562949953421399
CREDENTIALS = {"client_id": "demo-procore-client", "client_secret": "demo-procore-secret"}
OTHER_CREDENTIALS = {"client_id": "demo-procore-client-2", "client_secret": "demo-procore-secret-2"}


class Procore:
    """A caller with a token and the company header."""

    def __init__(self, url: str, credentials: dict[str, str] | None = None, company: int = COMPANY) -> None:
        self.url = url
        self.session = requests.Session()
        wanted = {"grant_type": "client_credentials", **(credentials or CREDENTIALS)}
        token = self.session.post(f"{url}/oauth/token", json=wanted, timeout=10).json()["access_token"]
        self.session.headers.update({"Authorization": f"Bearer {token}", "Procore-Company-Id": str(company)})

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", 15)
        return self.session.request(method, self.url + path, **options)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The emulator's own control API."""
        answer = requests.request(method, f"{self.url}/_emulator{path}", json=body, timeout=60)
        assert answer.status_code < 300, f"{answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def requisition(self, invoice: dict[str, Any]) -> Any:
        path = f"/rest/v1.1/requisitions/{invoice['id']}"
        return self.get(path, project_id=invoice["project_id"], view="extended")

    def detail(self, invoice: dict[str, Any]) -> Any:
        return self.get(f"/rest/v1.0/requisitions/{invoice['id']}/detail", project_id=invoice["project_id"])


class Receiver:
    """A destination for webhooks; `answer` decides the status of each delivery."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.answer: Callable[[int], int] = lambda number: 200
        self.delay = 0.0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with outer._lock:
                    outer.received.append({"headers": dict(self.headers), "raw": body, "at": time.monotonic()})
                    status = outer.answer(len(outer.received))
                time.sleep(outer.delay)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(one["raw"]) for one in list(self.received)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def procore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ledger: Path = tmp_path_factory.mktemp("procore") / "ledger.sqlite"
    with running_emulator("procore", ledger, "--rate-limit", "off") as url:
        yield url


@pytest.fixture
def procore(procore_address: str) -> Procore:
    """As seeded, for every test: the tests come in any order."""
    requests.post(f"{procore_address}/_emulator/reset", json={"seed": "demo"}, timeout=60)
    return Procore(procore_address)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def amount(value: Any) -> Decimal:
    return Decimal(str(value))


def check_identities(record: dict[str, Any], detail: list[dict[str, Any]]) -> None:
    """The six identities of a summary, and net line = gross - retainage change."""
    s = {
        key: amount(value)
        for key, value in record["summary"].items()
        if key not in ("formatted_period",) and value is not None
    }
    items = record["items"]
    assert s["original_contract_sum"] + s["net_change_by_change_orders"] == s["contract_sum_to_date"]
    done = sum((amount(i["total_completed_and_stored_to_date"]) for i in items), Decimal(0))
    assert done == s["total_completed_and_stored_to_date"]
    assert sum((amount(i["scheduled_value"]) for i in items), Decimal(0)) == s["contract_sum_to_date"]
    assert s["total_completed_and_stored_to_date"] - s["total_retainage"] == s["total_earned_less_retainage"]
    due = s["total_earned_less_retainage"] - s["less_previous_certificates_for_payment"]
    assert due == s["current_payment_due"]
    balance = s["contract_sum_to_date"] - s["total_earned_less_retainage"]
    assert balance == s["balance_to_finish_including_retainage"]
    net = Decimal(0)
    for item, row in zip(items, detail, strict=True):
        gross = amount(item["total_completed_and_stored_to_date"]) - amount(
            item["total_completed_and_stored_to_date_from_previous"]
        )
        change = amount(row["total_retainage_currently_retained"]) - amount(
            row["total_retainage_from_previous_application"]
        )
        net += gross - change
    assert net == s["current_payment_due"]


def test_the_identities_hold_for_every_seeded_invoice_and_each_goes_on_from_the_one_before(procore: Procore) -> None:
    seen = 0
    earned: dict[int, tuple[int, Decimal]] = {}
    for project in procore.get("/rest/v1.0/projects", company_id=COMPANY):
        records = procore.get("/rest/v1.1/requisitions", project_id=project["id"], view="extended", per_page=500)
        for record in sorted(records, key=lambda r: (r["commitment_id"], r["number"])):
            check_identities(record, procore.detail(record))
            before = earned.get(record["commitment_id"], (None, Decimal(0)))
            assert record["previous_requisition_id"] == before[0]
            assert amount(record["summary"]["less_previous_certificates_for_payment"]) == before[1]
            earned[record["commitment_id"]] = (
                record["id"],
                amount(record["summary"]["total_earned_less_retainage"]),
            )
            seen += 1
    assert seen == 300
    assert len(earned) == 60


def test_the_seed_has_all_statuses_a_zero_a_credit_and_releases(procore: Procore) -> None:
    invoices = [i for i in procore.control("GET", "/ledger")["invoices"] if i["company_id"] == COMPANY]
    statuses = {i["status"] for i in invoices}
    assert statuses == {
        "draft",
        "under_review",
        "revise_and_resubmit",
        "approved",
        "approved_as_noted",
        "pending_owner_approval",
    }
    waiting = [i for i in invoices if i["status"] in ("draft", "under_review")]
    assert len(waiting) >= 40
    assert sum(amount(i["current_payment_due"]) > 0 for i in waiting) >= 40
    dues = [amount(i["current_payment_due"]) for i in invoices]
    assert any(due == 0 for due in dues)
    assert any(due < 0 for due in dues)
    released = [
        r
        for i in invoices
        if i["number"] == 5 and amount(i["total_retainage"]) == 0
        for r in [procore.requisition(i)]
        if r["final"]
    ]
    assert len(released) >= 3
    assert all(amount(r["total_claimed_amount"]) == 0 for r in released)
    assert all(amount(r["summary"]["current_payment_due"]) > 0 for r in released)
    numbers = [(i["vendor_id"], i["invoice_number"]) for i in invoices]
    assert len(set(numbers)) == len(numbers)
    assert any(i["attachments"] for i in invoices)
    authors = {procore.requisition(i)["created_by"]["company_name"] == "Northgate Builders" for i in invoices[:20]}
    assert authors == {True, False}


def test_ids_have_fifteen_digits_and_the_seed_is_the_same_each_time(procore: Procore, tmp_path: Path) -> None:
    first = procore.control("GET", "/ledger")["invoices"]
    assert all(len(str(i["id"])) == 15 for i in first)
    started = time.monotonic()
    with running_emulator("procore", tmp_path / "again.sqlite") as url:
        assert time.monotonic() - started < 6
        second = requests.get(f"{url}/_emulator/ledger", timeout=10).json()["invoices"]
    keys = ("id", "vendor_name", "invoice_number", "status", "current_payment_due", "total_retainage", "created_by")
    assert [[i[k] for k in keys] for i in first] == [[i[k] for k in keys] for i in second]


def test_a_commitment_names_its_vendor_by_company_and_the_vendor_directory_by_name(procore: Procore) -> None:
    project_id = procore.get("/rest/v1.0/projects", company_id=COMPANY)[0]["id"]
    contracts = procore.get("/rest/v1.0/work_order_contracts", project_id=project_id)
    shown = procore.get(f"/rest/v1.0/work_order_contracts/{contracts[0]['id']}", project_id=project_id)
    assert "name" not in shown["vendor"]
    vendor = procore.get(f"/rest/v1.0/vendors/{shown['vendor']['id']}", company_id=COMPANY)
    assert vendor["name"] == shown["vendor"]["company"]
    assert shown["line_items"]
    orders = procore.get("/rest/v1.0/purchase_order_contracts", project_id=project_id)
    everything = procore.get("/rest/v1.0/commitments", project_id=project_id)
    assert len(orders) + len(contracts) == len(everything) == 10
    assert procore.call("GET", f"/rest/v1.0/vendors/{vendor['id']}").status_code == 400
    project_vendors = procore.get(f"/rest/v1.0/projects/{project_id}/vendors")
    assert vendor["id"] in [v["id"] for v in project_vendors]


def test_an_erp_connectors_ids_stand_where_procore_documents_them(procore: Procore) -> None:
    """Vendors and projects in list and show, cost codes in their list and in a direct cost's lines; never in a
    subcontractor invoice, which carries the ids of Procore alone."""
    project_id = procore.get("/rest/v1.0/projects", company_id=COMPANY)[0]["id"]
    vendor_id = procore.get("/rest/v1.0/vendors", company_id=COMPANY)[0]["id"]
    code_id = procore.get("/rest/v1.0/cost_codes", project_id=project_id)[0]["id"]
    job, vendor, code = "800003DD-1600977189", "800000CD-1389650341", "800003DD-1600977189|800005FA-1477351439"
    procore.control("PATCH", f"/projects/{project_id}", {"origin_id": job})
    procore.control("PATCH", f"/vendors/{vendor_id}", {"origin_id": vendor})
    procore.control("PATCH", f"/projects/{project_id}/cost_codes/{code_id}", {"origin_id": code})

    def listed(path: str, origin_id: str, **query: Any) -> list[int]:
        return [row["id"] for row in procore.get(path, **query, **{"filters[origin_id]": origin_id})]

    assert listed("/rest/v1.0/projects", job, company_id=COMPANY) == [project_id]
    assert listed("/rest/v1.0/vendors", vendor, company_id=COMPANY) == [vendor_id]
    assert listed("/rest/v1.0/cost_codes", code, project_id=project_id) == [code_id]
    by_id = {"company_id": COMPANY, "filters[id][]": [vendor_id]}
    assert [row["origin_id"] for row in procore.get("/rest/v1.0/vendors", **by_id)] == [vendor]
    assert procore.get(f"/rest/v1.0/vendors/{vendor_id}", company_id=COMPANY)["origin_id"] == vendor
    lines = [{"cost_code_id": code_id, "amount": "12.00"}]
    cost = procore.control("POST", "/direct_costs", {"project_id": project_id, "lines": lines})
    shown = procore.get(f"/rest/v1.1/projects/{project_id}/direct_costs/{cost['id']}")
    assert [line["cost_code"]["origin_id"] for line in shown["line_items"]] == [code]
    invoice = procore.control("POST", "/invoices", {"project_id": project_id})
    assert vendor not in (told := json.dumps(procore.requisition(invoice)))
    assert code not in told


def test_catalogues_of_a_project(procore: Procore) -> None:
    project_id = procore.get("/rest/v1.0/projects", company_id=COMPANY)[0]["id"]
    periods = procore.get(f"/rest/v1.0/projects/{project_id}/billing_periods")
    assert {p["status"] for p in periods} == {"open", "closed"}
    open_ones = procore.get(f"/rest/v1.0/projects/{project_id}/billing_periods", **{"filters[status]": "open"})
    assert all(p["status"] == "open" for p in open_ones)
    assert procore.get("/rest/v1.0/cost_codes", project_id=project_id)
    codes = procore.get(f"/rest/v2.0/companies/{COMPANY}/projects/{project_id}/wbs/codes")["data"]
    assert len(codes) == 10
    assert isinstance(codes[0]["id"], str)


def test_a_show_request_is_quick(procore: Procore) -> None:
    invoice = procore.control("GET", "/invoices")[0]
    times = []
    for _ in range(30):
        begun = time.perf_counter()
        procore.requisition(invoice)
        times.append(time.perf_counter() - begun)
    assert sorted(times)[len(times) // 2] < 0.05
