"""Each guard against a second bill in QuickBooks Desktop, and the cut that shows what happens where it is missing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launcher.places import ROOT
from tests.campaigns.guards import BILLS, Guard, copy_without
from tests.support.product import Product, running_product
from tests.support.verdict import Verdict, judge_desktop

QBD = "quickbooks/qbd"
EVERY_SECONDS = 0.5
BY_HAND = "typed in by hand meanwhile"

GUARDS: Mapping[str, Guard] = {
    "look before resending": Guard(
        file=f"{QBD}/recovery.py",
        held="    said = _recorded(bill, integration, write)\n",
        gone="    return Absent()\n    said = _recorded(bill, integration, write)\n",
        fault="record_lost",
    ),
    "same text under the same id": Guard(
        file=f"{QBD}/sending.py",
        held="    return hashlib.sha256(body).hexdigest()[:ID_LENGTH]\n",
        gone='    return __import__("uuid").uuid4().hex[:ID_LENGTH]\n',
        fault="dies_after_saving",
    ),
    "question before the first add": Guard(
        file=f"{QBD}/backend.py",
        held="            self._look_for_another(bill, integration, entry)\n",
        gone="            pass\n",
        fault=BY_HAND,
    ),
    "commit before the answer leaves": Guard(
        file=f"{QBD}/line.py",
        held="            write.exchange = exchange\n            write.save()\n",
        gone="            write.exchange = exchange\n",
        fault="record_lost",
    ),
    "sent never goes back by itself": Guard(
        file=f"{QBD}/sending.py",
        held="        posting.doubt(bill, words)\n",
        gone='        bill.move(Bill.State.READY, words, job="post", next_at=Now())\n',
        fault="record_and_reference_lost",
    ),
}


def run(folder: Path, name: str | None, storm: Guard | None = None) -> Verdict:
    """A few bills, each met by the guard's cut: with the guard (`name` None) or without, from a copy of the product."""
    guard = storm or GUARDS[name or ""]
    source = copy_without(folder / "source", guard) if name else ROOT
    with running_product(folder, workers=1, source=source, desktop=True) as product:
        product.switch_on()
        app = product.desktop.get("applications")["applications"][0]["name"]
        product.desktop.auto_run(app, 0)
        product.desktop.activate_all("Vendor")
        invoices = product.procore.create_many(BILLS, status="under_review")
        if guard.fault == BY_HAND:
            _type_in(product, invoices)
        else:
            product.desktop.cut(guard.fault, body="BillAdd", times=BILLS)
        for invoice in invoices:
            product.procore.approve(invoice["id"])
        _until(product, "SELECT count(*) FROM accounting_bill", BILLS)
        product.desktop.auto_run(app, EVERY_SECONDS)
        return _settled(product, [invoice["id"] for invoice in invoices])


def _type_in(product: Product, invoices: list[Mapping[str, Any]]) -> None:
    """The paper invoices were entered by somebody, after inBuild read last what is in the books."""
    known = {vendor["name"] for vendor in product.desktop.entries("Vendor")}
    for name in {invoice["vendor_name"] for invoice in invoices} - known:
        product.desktop.add_entry("Vendor", name)
    for invoice in invoices:
        vendor, total = invoice["vendor_name"], str(invoice["current_payment_due"])
        product.desktop.typed_in(vendor=vendor, doc_number=invoice["invoice_number"], total=total)


def _until(product: Product, sql: str, wanted: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while int(product.rows(sql)[0][0]) < wanted and time.monotonic() < deadline:
        time.sleep(0.2)


def _settled(product: Product, ids: list[Any], seconds: float = 40) -> Verdict:
    """Until something is there twice, or nothing is under way any more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (verdict := judge_desktop(product.procore, product.desktop, ids)).duplicated:
            return verdict
        under_way = "SELECT count(*) FROM accounting_bill WHERE state IN ('ready', 'sending', 'checking')"
        if not product.rows(under_way)[0][0]:
            break
        time.sleep(0.3)
    time.sleep(2)
    return judge_desktop(product.procore, product.desktop, ids)
