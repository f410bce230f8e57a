"""The emulators as tests speak to them: their control API and their own ledgers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import requests

COMPANY_ID = 562949953421312
CLIENT_ID, CLIENT_SECRET = "demo-procore-client", "demo-procore-secret"
OTHER_COMPANY_ID = 562949953421399
OTHER_CLIENT_ID, OTHER_CLIENT_SECRET = "demo-procore-client-2", "demo-procore-secret-2"
REALM, OTHER_REALM = "9130350000000001", "9130350000000002"


class Emulator:
    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str, **params: Any) -> Any:
        return self._answer(self._session.get(f"{self.url}/_emulator/{path}", params=params, timeout=30))

    def post(self, path: str, body: Any = None) -> Any:
        return self._answer(self._session.post(f"{self.url}/_emulator/{path}", json=body or {}, timeout=60))

    def patch(self, path: str, body: Any) -> Any:
        return self._answer(self._session.patch(f"{self.url}/_emulator/{path}", json=body, timeout=30))

    def delete(self, path: str) -> Any:
        return self._answer(self._session.delete(f"{self.url}/_emulator/{path}", timeout=30))

    def reset(self, seed: str = "demo") -> None:
        self.delete("faults")
        self.post("reset", {"seed": seed})

    def fault(self, fault: str, *, method: str = "", path: str = "", **more: Any) -> int:
        """Add a rule; returns its id."""
        rule = {"match": {"method": method, "path": path}, "fault": fault} | more
        return int(self.post("faults", rule)["faults"][0]["id"])

    def hits(self) -> dict[str, int]:
        """How often each kind of fault struck."""
        found: dict[str, int] = {}
        for rule in self.get("faults")["faults"]:
            found[rule["fault"]] = found.get(rule["fault"], 0) + rule["hits"]
        return found

    def switches(self, **values: Any) -> None:
        self.post("switches", values)

    @staticmethod
    def _answer(response: requests.Response) -> Any:
        if response.status_code >= 400:
            raise AssertionError(
                f"{response.request.method} {response.url}: {response.status_code} {response.text[:300]}"
            )
        return response.json() if response.content else None


class ProcoreEmulator(Emulator):
    def invoices(self, **filters: Any) -> list[Mapping[str, Any]]:
        return cast(list[Mapping[str, Any]], self.get("invoices", **filters))

    def create(self, **facts: Any) -> Mapping[str, Any]:
        """A new invoice on a commitment: a draft with a positive payment due, unless said otherwise."""
        return cast(Mapping[str, Any], self.post("invoices", facts))

    def create_many(self, count: int, **facts: Any) -> list[Mapping[str, Any]]:
        return cast(list[Mapping[str, Any]], self.post("invoices/bulk", {"count": count} | facts))

    def set_status(self, invoice_id: Any, status: str, **more: Any) -> None:
        self.post(f"invoices/{invoice_id}/status", {"status": status} | more)

    def approve(self, invoice_id: Any, **more: Any) -> None:
        self.set_status(invoice_id, "approved", **more)

    def edit_invoice(self, invoice_id: Any, **facts: Any) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self.patch(f"invoices/{invoice_id}", facts))

    def delete_invoice(self, invoice_id: Any, *, quiet: bool = False) -> None:
        self.delete(f"invoices/{invoice_id}{'?quiet=true' if quiet else ''}")

    def attach(self, holder_id: Any, *, kind: str = "invoices", **facts: Any) -> Mapping[str, Any]:
        """A file on an invoice, or with kind="direct_costs" on a direct cost."""
        return cast(Mapping[str, Any], self.post(f"{kind}/{holder_id}/attachments", facts))

    def direct_costs(self, **filters: Any) -> list[Mapping[str, Any]]:
        return cast(list[Mapping[str, Any]], self.get("direct_costs", **filters))

    def create_direct_cost(self, **facts: Any) -> Mapping[str, Any]:
        """A new draft of type invoice with lines that add up, unless said otherwise."""
        return cast(Mapping[str, Any], self.post("direct_costs", facts))

    def create_many_direct_costs(self, count: int, **facts: Any) -> list[Mapping[str, Any]]:
        return cast(list[Mapping[str, Any]], self.post("direct_costs/bulk", {"count": count} | facts))

    def set_direct_cost_status(self, direct_cost_id: Any, status: str, **more: Any) -> None:
        self.post(f"direct_costs/{direct_cost_id}/status", {"status": status} | more)

    def approve_direct_cost(self, direct_cost_id: Any, **more: Any) -> None:
        self.set_direct_cost_status(direct_cost_id, "approved", **more)

    def edit_direct_cost(self, direct_cost_id: Any, **facts: Any) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self.patch(f"direct_costs/{direct_cost_id}", facts))

    def edit_direct_cost_lines(self, direct_cost_id: Any, *lines: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
        """Each line: {"id", "amount"} changes, {"amount"} adds, {"id", "_remove": True} takes away."""
        body = {"lines": list(lines)} | more
        return cast(Mapping[str, Any], self.patch(f"direct_costs/{direct_cost_id}/lines", body))

    def delete_direct_cost(self, direct_cost_id: Any, *, quiet: bool = False) -> None:
        self.delete(f"direct_costs/{direct_cost_id}{'?quiet=true' if quiet else ''}")

    def create_project(self, **facts: Any) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self.post("projects", facts))

    def change_project(self, project_id: Any, **facts: Any) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self.patch(f"projects/{project_id}", facts))

    def permit_projects(self, project_ids: list[int] | None, client_id: str = CLIENT_ID) -> None:
        """What the service account may see; None is everything."""
        self.patch(f"clients/{client_id}", {"permitted_projects": project_ids})

    def hooks(self, **filters: Any) -> list[Mapping[str, Any]]:
        return cast(list[Mapping[str, Any]], self.get("hooks", **filters))

    def refused_calls(self, company_id: int = COMPANY_ID) -> int:
        """How many 429s the company was given."""
        return int(self.get("rate_limits")["companies"].get(str(company_id), {}).get("refused", 0))


class IntuitEmulator(Emulator):
    def bills(self, realm: str = REALM, *, ours: bool = True) -> list[Mapping[str, Any]]:
        """Bills that exist in the books now; only those with inBuild's marker unless told otherwise."""
        rows = [bill for bill in self.get("ledger", realm=realm)["bills"] if not bill["deleted"]]
        return [bill for bill in rows if not ours or "[inBuild " in bill["private_note"]]

    def typed_in(self, realm: str = REALM, **facts: Any) -> Mapping[str, Any]:
        """A bill that a person types into QuickBooks: vendor or vendor_id, doc_number, total or lines, txn_date."""
        return cast(Mapping[str, Any], self.post("bills", {"realm": realm} | facts))

    def pay(self, bill_id: Any, amount: str = "", realm: str = REALM, **more: Any) -> Mapping[str, Any]:
        """Pay a bill in QuickBooks, in full unless an amount is named; the answer has payment_id."""
        return cast(Mapping[str, Any], self.post(f"bills/{realm}/{bill_id}/pay", {"amount": amount} | more))

    def change(self, bill_id: Any, realm: str = REALM, **facts: Any) -> Mapping[str, Any]:
        """Edit a bill in QuickBooks: doc_number, private_note, txn_date, due_date, vendor_id, total, lines."""
        return cast(Mapping[str, Any], self.patch(f"bills/{realm}/{bill_id}", facts))

    def remove(self, bill_id: Any, realm: str = REALM) -> None:
        self.delete(f"bills/{realm}/{bill_id}")

    def entries(self, kind: str, realm: str = REALM) -> list[Mapping[str, Any]]:
        """A list as it is now, inactive entries included: id, name, active, body."""
        return cast(list[Mapping[str, Any]], self.get(f"lists/{realm}/{kind}")["entries"])

    def entry(self, kind: str, name: str, realm: str = REALM) -> Mapping[str, Any]:
        return next(entry for entry in self.entries(kind, realm) if entry["name"] == name)

    def change_entry(self, kind: str, entry_id: Any, realm: str = REALM, **facts: Any) -> Mapping[str, Any]:
        """Rename (name=), inactivate or take back (active=) an entry of a list in QuickBooks."""
        return cast(Mapping[str, Any], self.patch(f"lists/{realm}/{kind}/{entry_id}", facts))

    def traffic(self, after: int = 0) -> Mapping[str, Any]:
        """Per realm: calls, kinds, throttled, refused_by, most_in_flight."""
        return cast(Mapping[str, Any], self.get("calls", after=after)["realms"])

    def struck(self) -> Mapping[str, int]:
        """How often each fault struck since the reset, removed rules included."""
        return cast(Mapping[str, int], self.get("hits")["hits"])

    def webhooks(self, url: str, **more: str) -> None:
        """Send webhooks there; verifier_token and format (cloudevents or legacy) stay unless named."""
        self.post("webhooks", {"url": url} | more)
