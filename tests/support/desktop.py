"""The stand-in PC as tests speak to it: its Web Connector, its company files and its own ledger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import requests

from tests.support.emulated import Emulator

Facts = Mapping[str, Any]
FILE, OTHER_FILE = "northgate", "ridgeline"
_SHARED = Path(__file__).resolve().parents[3] / "shared"
WSDL = _SHARED / "reference" / "qbd" / "wsdl" / "TroubleshootWebServiceFS.8op.wsdl"


class DesktopEmulator(Emulator):
    def reset(self, seed: str = "demo") -> None:
        super().reset(seed)
        self.call_by_intuits_wsdl()

    # The Web Connector

    def call_by_intuits_wsdl(self) -> None:
        """Where Intuit's own WSDL lies beside the project; else the Web Connector reads that of the service."""
        self.switches(wsdl=str(WSDL) if WSDL.is_file() else "")

    def add_application(self, qwc: str, password: str) -> Facts:
        """Add an application from the text of its .qwc file; it must be accepted."""
        return cast(Facts, self.post("applications", {"qwc": qwc, "password": password}))

    def refused_application(self, qwc: str, password: str = "") -> str:
        """The QBWC code with which the application is not added."""
        url, sent = f"{self.url}/_emulator/applications", {"qwc": qwc, "password": password}
        answer = requests.post(url, json=sent, timeout=60)
        assert answer.status_code == 409, answer.text
        return str(answer.json()["code"])

    def type_password(self, app: str, password: str) -> None:
        self.patch(f"applications/{quote(app)}", {"password": password})

    def auto_run(self, app: str, seconds: float) -> None:
        """Tick Auto-Run, every so many seconds (also a part of one); 0 takes the tick away."""
        self.patch(f"applications/{quote(app)}", {"auto_run": seconds > 0, "every_seconds": seconds})

    def update(self, app: str = "") -> Facts:
        """Update Selected: one session to its end.

        The report has outcome (done, nothing, none, nvu, busy, postponed, stopped, no_quickbooks, error, failed,
        broken), status, codes, operations, cuts, message_sets, percent, file, id.
        """
        answer = self._session.post(f"{self.url}/_emulator/update", json={"app": app}, timeout=600)
        return cast(Facts, self._answer(answer))

    def sessions(self, after: int = 0, app: str = "") -> list[Facts]:
        return cast(list[Facts], self.get("sessions", after=after, app=app)["sessions"])

    def session(self, number: int) -> Facts:
        """With every call: operation, sent, answer, code, milliseconds."""
        return cast(Facts, self.get(f"sessions/{number}"))

    def log(self) -> str:
        """QWCLog.txt."""
        return self._session.get(f"{self.url}/_emulator/log", timeout=30).text

    # Cuts

    def cut(self, name: str, *, body: str = "", app: str = "", **more: Any) -> int:
        """One cut (emulators/desktop/cuts.py), once unless `times` says otherwise; `body` is searched in the qbXML."""
        rule = {"fault": name, "match": {"body": body, "path": app}} | more
        return int(self.post("faults", rule)["faults"][0]["id"])

    def struck(self) -> Mapping[str, int]:
        """How often each cut struck since the reset, removed rules included."""
        return cast(Mapping[str, int], self.get("hits")["hits"])

    # The PC

    def pc(self, **state: Any) -> Facts:
        """running, open_file, modal, denied, hresult."""
        return cast(Facts, self.patch("pc", state))

    def file(self, file: str = FILE, **facts: Any) -> Facts:
        """closing_date, class_tracking, multicurrency, company, path, product, single_user, stamps."""
        return cast(Facts, self.patch(f"files/{file}", facts))

    def lock(self, kind: str = "", entry_id: str = "", *, code: int = 3175, times: int = 1, file: str = FILE) -> None:
        """The next writes that touch this kind (any, if empty) or this object are refused."""
        self.post(f"files/{file}/locks", {"kind": kind, "id": entry_id, "code": code, "times": times})

    def backup(self, name: str = "", file: str = FILE) -> None:
        self.post(f"files/{file}/backup", {"name": name})

    def restore(self, name: str = "", file: str = FILE) -> list[str]:
        """The file as it was at that backup; answers the ids that vanished."""
        return cast(list[str], self.post(f"files/{file}/restore", {"name": name})["vanished"])

    def recovery_records(self, file: str = FILE) -> list[Facts]:
        return cast(list[Facts], self.get(f"files/{file}/recovery")["records"])

    def lose_recovery_records(self, file: str = FILE) -> None:
        self.delete(f"files/{file}/recovery")

    def process(self, *qbxml: str, file: str = FILE, app: str = "", owner: str = "") -> list[Facts]:
        """QuickBooks alone, in one session: response, hresult, message, detail of each message set."""
        sent = {"file": file, "app": app, "owner": owner, "qbxml": list(qbxml)}
        return cast(list[Facts], self.post("process", sent)["answers"])

    # The books

    def bills(self, file: str = FILE, *, ours: bool = True) -> list[Facts]:
        """Bills that exist in the file now; only those with inBuild's marker unless told otherwise."""
        return self._rows("bills", file, ours)

    def vendor_credits(self, file: str = FILE, *, ours: bool = True) -> list[Facts]:
        return self._rows("vendor_credits", file, ours)

    def _rows(self, what: str, file: str, ours: bool) -> list[Facts]:
        rows = [row for row in self.get("ledger", file=file)[what] if not row["deleted"]]
        return [row for row in rows if not ours or "[inBuild " in row["private_note"]]

    def typed_in(self, file: str = FILE, **facts: Any) -> Facts:
        """A bill a person types in: vendor or vendor_id, doc_number, total or lines, txn_date, private_note."""
        return cast(Facts, self.post("bills", {"file": file} | facts))

    def pay(self, bill_id: Any, amount: str = "", file: str = FILE, **more: Any) -> Facts:
        """Pay a bill, in full unless an amount is named; pay_type Check or CreditCard; the answer has payment_id."""
        return cast(Facts, self.post(f"bills/{file}/{bill_id}/pay", {"amount": amount} | more))

    def credit(self, bill_id: Any, credit_id: Any, amount: str = "", file: str = FILE) -> Facts:
        """Set Credits: a vendor credit takes off from a bill."""
        return cast(Facts, self.post(f"bills/{file}/{bill_id}/credit", {"credit_id": credit_id, "amount": amount}))

    def void(self, payment_id: Any, file: str = FILE) -> None:
        self.post(f"payments/{file}/{payment_id}/void")

    def change(self, bill_id: Any, file: str = FILE, **facts: Any) -> Facts:
        """Edit a bill: doc_number, private_note, txn_date, due_date, vendor_id, total, lines."""
        return cast(Facts, self.patch(f"bills/{file}/{bill_id}", facts))

    def remove(self, bill_id: Any, file: str = FILE) -> None:
        self.delete(f"bills/{file}/{bill_id}")

    def copy(self, bill_id: Any, file: str = FILE, *, keep_number: bool = False) -> Facts:
        return cast(Facts, self.post(f"bills/{file}/{bill_id}/copy", {"keep_number": keep_number}))

    def entries(self, kind: str, file: str = FILE) -> list[Facts]:
        """Account, Class, Currency, Customer, ItemNonInventory, ItemService, StandardTerms or Vendor, as it is now."""
        return cast(list[Facts], self.get(f"lists/{file}/{kind}")["entries"])

    def entry(self, kind: str, name: str, file: str = FILE) -> Facts:
        return next(entry for entry in self.entries(kind, file) if entry["full_name"] == name and not entry["deleted"])

    def add_entry(self, kind: str, name: str, file: str = FILE, **facts: Any) -> Facts:
        """parent_id, active, id, and any field of qbXML under body."""
        return cast(Facts, self.post(f"lists/{file}/{kind}", {"name": name} | facts))

    def change_entry(self, kind: str, entry_id: Any, file: str = FILE, **facts: Any) -> Facts:
        """Rename (name=), inactivate or take back (active=) an entry of a list."""
        return cast(Facts, self.patch(f"lists/{file}/{kind}/{entry_id}", facts))

    def activate_all(self, kind: str, file: str = FILE) -> None:
        """Somebody makes every inactive entry of a list active again."""
        for entry in self.entries(kind, file):
            if not entry["active"] and not entry["deleted"]:
                self.change_entry(kind, entry["id"], file, active=True)
