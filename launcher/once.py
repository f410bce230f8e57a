"""The demo's proof: an invoice approved in Procore becomes exactly one bill in QuickBooks, Online and Desktop.

Only what the emulators and inBuild's own pages say is believed, never our tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from launcher import walk
from launcher.browser import Browser
from launcher.walk import Addresses, SignIn

PATIENCE = 90.0
"""Seconds. A few are usual; a loaded machine may need a sweep or two more."""
SETTLED = 5.0
"""How long nothing more may come after the bill: a second bill would be the worst fault of all."""

Json = dict[str, Any]
Found = TypeVar("Found")


class NotMirrored(Exception):
    """The main job was not done; the text says how far it came."""


@dataclass(frozen=True)
class Approved:
    """What Procore's emulator says of the invoice that was approved in it."""

    id: str
    number: str
    vendor: str
    total: Decimal


class EmulatorLedger:
    """The control interface of an emulator."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str) -> Any:
        return self._json(self._session.get(f"{self._base}/_emulator/{path}", timeout=10))

    def post(self, path: str, body: Json) -> Any:
        return self._json(self._session.post(f"{self._base}/_emulator/{path}", json=body, timeout=10))

    def _json(self, answer: requests.Response) -> Any:
        if answer.status_code >= 400:
            raise NotMirrored(
                f"{answer.request.method} {answer.url} answered {answer.status_code}: {answer.text[:500]}"
            )
        return answer.json()


@dataclass(frozen=True)
class Books:
    """A company's books, as the ledger of their emulator has them; `which` names them in it."""

    name: str
    ledger: EmulatorLedger
    which: str

    def bills(self) -> list[Json]:
        bills: list[Json] = self.ledger.get(f"ledger?{self.which}")["bills"]
        return bills


@dataclass(frozen=True)
class MirroredCompany:
    """A company of the demo: who acts in it, its id in Procore, and where its books are."""

    admin: SignIn
    procore_id: str
    books: Books


def companies(addresses: Addresses, sign_ins: list[SignIn]) -> list[MirroredCompany]:
    """The first is on QuickBooks Online, the second on QuickBooks Desktop."""
    online, on_desktop = (who for who in sign_ins if who.is_admin)
    first, second = walk.NORTHGATE, walk.RIDGELINE
    intuit, pc = EmulatorLedger(addresses.intuit), EmulatorLedger(addresses.desktop)
    return [
        MirroredCompany(online, first.procore_company_id, Books("QuickBooks Online", intuit, f"realm={first.realm}")),
        MirroredCompany(on_desktop, second.procore_company_id, Books("QuickBooks Desktop", pc, f"file={second.file}")),
    ]


def mirror_one_invoice(addresses: Addresses, company: MirroredCompany) -> Iterator[str]:
    """Do it, and yield one line for each thing observed. Raises NotMirrored."""
    person = walk.signed_in(addresses, company.admin)
    was_off = walk.switch_on(person)
    yield f"{company.admin.company}: switch on." if was_off else f"{company.admin.company}: switch on already."
    books, procore = company.books, EmulatorLedger(addresses.procore)
    before = {bill["id"] for bill in books.bills()}
    invoice = _approve_fresh_invoice(procore, company.procore_id)
    clock = time.monotonic()

    def after() -> str:
        return f"{time.monotonic() - clock:.1f} s after approval"

    yield f"Procore: invoice {invoice.number} of {invoice.vendor}, {invoice.total:,.2f}, approved (id {invoice.id})."
    event = _wait("Procore told nobody about the approval", lambda: _answered_webhook(procore, invoice))
    yield f"Webhook: inBuild answered event {event}, {after()}."
    _wait("inBuild's invoice list does not show it", lambda: _listed(person, invoice))
    yield f"inBuild: invoice {invoice.number} is in the list, {after()}."
    bill = _wait(f"{books.name} got no bill", lambda: _bill_of(books, invoice, before))
    yield f"{books.name}: bill {bill['id']} for {bill['vendor_name']}, number {bill['doc_number']}, {after()}."
    _wait("inBuild does not show it as Synced", lambda: _shown_as_synced(person, invoice))
    yield f"inBuild: invoice {invoice.number} is Synced, {after()}."
    time.sleep(SETTLED)
    _compare(invoice, books.bills(), before)
    yield "Checked: exactly one new bill; vendor, number and total agree with Procore, and its lines add up."


def _wait(failure: str, look: Callable[[], Found | None]) -> Found:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NotMirrored(f"{failure} within {PATIENCE:.0f} s.")
        time.sleep(0.2)


# --- inBuild, as its pages show it --------------------------------------------------------------------------------


def _list_for(person: Browser, invoice: Approved) -> list[str]:
    person.open(f"/invoices/?q={quote(invoice.number)}")
    return person.text.splitlines()


def _listed(person: Browser, invoice: Approved) -> bool:
    return invoice.number in _list_for(person, invoice)


def _shown_as_synced(person: Browser, invoice: Approved) -> bool:
    """The row of this invoice says Synced: the word stands soon after its number."""
    lines = _list_for(person, invoice)
    row = lines[lines.index(invoice.number) :] if invoice.number in lines else []
    return "Synced" in row[:12]


# --- QuickBooks, as its emulator's ledger shows it ----------------------------------------------------------------


def _bill_of(books: Books, invoice: Approved, before: set[str]) -> Json | None:
    new = [bill for bill in books.bills() if bill["id"] not in before]
    return next((bill for bill in new if bill["doc_number"] == invoice.number), new[0] if new else None)


def _compare(invoice: Approved, bills: list[Json], before: set[str]) -> None:
    new = [bill for bill in bills if bill["id"] not in before]
    if len(new) != 1:
        raise NotMirrored(f"QuickBooks has {len(new)} new bills for one invoice: {[bill['id'] for bill in new]}.")
    (bill,) = new
    lines = sum((Decimal(line["amount"]) for line in bill["lines"] if line["amount"] is not None), Decimal(0))
    compared = {
        "vendor": (invoice.vendor, bill["vendor_name"]),
        "number": (invoice.number, bill["doc_number"]),
        "total": (invoice.total, Decimal(bill["total"])),
        "sum of the lines": (invoice.total, lines),
        "deleted": (False, bill["deleted"]),
    }
    wrong = [f"{what} {ours} became {theirs}" for what, (ours, theirs) in compared.items() if ours != theirs]
    if wrong:
        raise NotMirrored(f"Bill {bill['id']} differs from invoice {invoice.number}: {'; '.join(wrong)}.")


# --- Procore, as its emulator's control interface has it ----------------------------------------------------------


def _approve_fresh_invoice(procore: EmulatorLedger, company_id: str) -> Approved:
    """A new invoice under review, then approved as an owner's clerk would."""
    made = procore.post("invoices", {"status": "under_review", "company_id": int(company_id)})
    row = procore.post(f"invoices/{made['id']}/status", {"status": "approved"})
    due = Decimal(str(row["current_payment_due"]))
    return Approved(str(row["id"]), str(row["invoice_number"]), str(row["vendor_name"]), due)


def _answered_webhook(procore: EmulatorLedger, invoice: Approved) -> str | None:
    """The last one: the first may only have told of the new invoice."""
    delivered = [row for row in procore.get(f"deliveries?resource_id={invoice.id}") if row["event_type"] == "update"]
    return next((str(row["event_id"]) for row in delivered if row["status"] == "delivered"), None)
