"""`./run screens`: every page in both themes and widths into docs/screens, with what axe finds and what each costs.

The pictures are looked at before they are committed. Whatever else lies in the folder is deleted.
"""

from __future__ import annotations

import base64
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from launcher.places import ROOT
from launcher.testing import chromium
from tests.journeys import scene
from tests.journeys.conftest import ARGUMENTS, sign_in
from tests.journeys.looks import HEIGHT, SCHEMES, WIDTHS, cost, mistakes_beside, opened
from tests.journeys.pages import HELD, PAID, Row, desktop_pages, pages
from tests.support.product import Product, running_product

FOLDER = ROOT / "docs" / "screens"
TIMES = {"SWEEP_PROJECT_SECONDS": "5", "FOLLOW_SECONDS": "5", "SERVER_TIMING": "1"}
# A page longer than this goes on as it began.
TALLEST = 2000
# Chromium's own WebP: a third of its PNG.
PICTURE = {"format": "webp", "quality": 60}
SAMPLES = 7
BEFORE = (
    Row("admin", "/settings/procore/", "settings-procore-before"),
    Row("admin", "/settings/procore/review/", "review-before"),
)


@dataclass(frozen=True)
class Seen:
    """What is said of a page in the list."""

    row: Row
    findings: int
    queries: int
    took: float
    cpu: float

    def line(self) -> str:
        address = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", self.row.address.split("?")[0])
        pictures = " ".join(
            f"[{width} {scheme}]({_file(self.row.name, scheme, width)})" for width in WIDTHS for scheme in SCHEMES
        )
        said = f"{self.findings} | {self.queries} | {self.took:.0f} ms | {self.cpu:.0f} ms"
        return f"| {self.row.name} | `{address}` | {self.row.role or 'nobody'} | {said} | {pictures} |"


def main(*, folder: Path) -> bool:
    """Let things happen in a product, take the pictures. False without Chromium or where axe finds something."""
    found = chromium()
    if found is None:
        print("Chromium was not found (apt install chromium).")
        return False
    with running_product(folder, workers=2, env=TIMES) as product, sync_playwright() as made:
        browser = made.chromium.launch(executable_path=found, args=ARGUMENTS)
        seen = list(_seen(product, browser))
        browser.close()
    kept = {_file(each.row.name, scheme, width) for each in seen for scheme in SCHEMES for width in WIDTHS}
    for path in FOLDER.iterdir():
        if path.name not in kept:
            path.unlink()
    (FOLDER / "README.md").write_text(_list(seen))
    return not any(each.findings for each in seen)


def _seen(product: Product, browser: Browser) -> Iterator[Seen]:
    people: dict[str, Page] = {}
    compared = "SELECT 1 FROM procore_sync_procoreproject WHERE compared_at IS NULL AND is_open"
    _until(lambda: not product.rows(compared))
    for row in BEFORE:
        yield _look(product, browser, people, row)
    _let_things_happen(product)
    scene.begin(product)
    _not_mapped(product)
    # From here on nothing is asked for by the clock, so that a page is measured by itself.
    _until(lambda: len(product.rows("SELECT 1 FROM companies_notice WHERE ended_at IS NULL")) > 1)
    product.processes.pop("beat").terminate()
    # Nobody shall miss it: the pictures are of a product that works.
    product.rows("UPDATE inbuild_pulse SET at = now() + interval '1 hour' RETURNING id")
    product.rows("UPDATE inbuild_turn SET seen_at = now() + interval '1 hour' RETURNING id")
    for rows in (pages(product), desktop_pages(product)):
        for row in rows:
            if row.name:
                yield _look(product, browser, people, row)


def _look(product: Product, browser: Browser, people: dict[str, Page], row: Row) -> Seen:
    if row.role not in people:
        people[row.role] = browser.new_context(base_url=product.addresses.product).new_page()
        if row.role:
            sign_in(people[row.role], product, row.role)
    page = people[row.role]
    wrong: dict[str, Any] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        opened(page, row.address)
        page.wait_for_load_state("networkidle")
        wrong |= mistakes_beside({width: page}, row.name)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_timeout(250)  # icons that only this theme shows are drawn a moment later
            _shoot(page, _file(row.name, scheme, width), width)
    answers = [page.request.get(row.address) for _ in range(SAMPLES)]
    costs = [cost(answer.headers.get("server-timing")) for answer in answers]
    took, cpu = (statistics.median(getattr(each, name) for each in costs) for name in ("took", "cpu"))
    queries = max(each.queries for each in costs)
    told = [f"{row.name}: {costs[0].view}, {queries} queries, {took:.0f} ms, {cpu:.0f} ms of CPU"]
    print("\n  ".join([*told, *(f"{name}: {what}" for name, what in wrong.items())]), flush=True)
    return Seen(row, len(wrong), queries, took, cpu)


def _shoot(page: Page, name: str, width: int) -> None:
    """As tall as the page is, so that what sticks to the lower edge of the window stands there."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    tall = min(max(page.evaluate("document.documentElement.scrollHeight"), HEIGHT), TALLEST)
    page.set_viewport_size({"width": width, "height": tall})
    session = page.context.new_cdp_session(page)
    picture = session.send("Page.captureScreenshot", PICTURE)["data"]
    session.detach()
    (FOLDER / name).write_bytes(base64.b64decode(picture))
    page.set_viewport_size({"width": width, "height": HEIGHT})


def _file(name: str, scheme: str, width: int) -> str:
    return f"{name}-{scheme}-{width}.webp"


def _list(seen: list[Seen]) -> str:
    lines = "\n".join(each.line() for each in seen)
    slowest = max(seen, key=lambda each: each.took)
    return f"""# Every page

Made by `./run screens`: a whole product against the emulators with a company at work in it, looked at by Chromium.
*Findings* is what axe finds (WCAG 2.2 AA and its best practices), what scrolls sideways and what moves by itself, in
light and dark at {WIDTHS[0]} and {WIDTHS[1]} pixels. *Queries* and *server time* are what the server told of {SAMPLES}
requests (`Server-Timing`): the most queries and the median time, on {_cores()}; *CPU* is what the
web process itself worked of that time.
The slowest page took {slowest.took:.0f} ms ({slowest.row.name}). A picture ends after {TALLEST:,} pixels.

| page | address | seen by | findings | queries | server time | CPU | pictures |
|---|---|---|---|---|---|---|---|
{lines}
"""


def _cores() -> str:
    cores = os.cpu_count() or 1
    return f"{cores} cores that database, emulators, workers and browser shared"


def _let_things_happen(product: Product) -> None:
    """On, off and on again, with approvals in between, and one that changes after it was posted."""
    product.switch_on()
    first = product.procore.create_many(4, status="under_review")
    for record in first:
        product.procore.approve(record["id"])
    _posted(product, 4)
    _switch(product, "off")
    for record in product.procore.create_many(2, status="under_review"):
        product.procore.approve(record["id"])
    time.sleep(6)
    product.switch_on()
    for record in product.procore.create_many(2, status="under_review"):
        product.procore.approve(record["id"])
    _posted(product, 6)
    product.procore.patch(f"invoices/{first[0]['id']}", {"scale": "0.5"})
    _until(lambda: product.rows("SELECT 1 FROM invoices_invoice WHERE source_state = 'changed'"))
    _paid(product)
    _typed_in_by_hand(product)


def _paid(product: Product) -> None:
    """A bill is paid in QuickBooks, and the company wants Procore to know of it."""
    admin = product.signed_in()
    admin.open("/settings/procore/")
    form = admin.form("/settings/procore/payments/")
    if form is None:
        raise AssertionError("There is no switch for payments.")
    admin.send(form, {"payments": "on"})
    product.intuit.pay(product.intuit.bills()[-1]["id"])
    _until(lambda: product.rows(PAID))


def _typed_in_by_hand(product: Product) -> None:
    """Somebody typed a bill into QuickBooks, and its invoice is approved in Procore as well."""
    known = {entry["name"].casefold(): entry["name"] for entry in product.intuit.entries("vendor")}
    waiting = product.procore.create_many(20, status="under_review")
    record = next(row for row in waiting if row["vendor_name"].casefold() in known)
    vendor = known[record["vendor_name"].casefold()]
    product.intuit.typed_in(vendor=vendor, doc_number=record["invoice_number"], total=record["current_payment_due"])
    _until(lambda: product.rows("SELECT 1 FROM accounting_bookedbill WHERE number = %s", record["invoice_number"]))
    product.procore.approve(record["id"])
    _until(lambda: product.rows(HELD, "duplicate_in_books"))


def _not_mapped(product: Product) -> None:
    """From now on each bill names its customer in QuickBooks, and no vendor is created by itself."""
    admin = product.signed_in()
    for step, answers in (("projects", {"project_use": "required"}), ("vendors", {"creates_vendors": ""})):
        admin.open(f"/settings/accounting/setup/{step}/")
        form = admin.form(f"/settings/accounting/setup/{step}/")
        if form is None:
            raise AssertionError(f"There is no form for {step}.")
        form.values.pop("creates_vendors", None)
        admin.send(form, {name: value for name, value in answers.items() if value})
    for record in product.procore.create_many(6, status="under_review"):
        product.procore.approve(record["id"])
    _until(lambda: product.rows("SELECT count(*) FROM accounting_bill WHERE problem = 'unmapped'")[0][0] >= 4)


def _posted(product: Product, bills: int) -> None:
    _until(lambda: product.rows("SELECT count(*) FROM accounting_bill WHERE state = 'synced'")[0][0] >= bills)


def _switch(product: Product, to: str) -> None:
    admin = product.signed_in()
    admin.open("/settings/procore/")
    form = admin.form("/settings/procore/switch/")
    if form is None:
        raise AssertionError("There is no switch.")
    admin.send(form, {"switch": to})


def _until(true: Callable[[], Any]) -> None:
    for _ in range(240):
        if true():
            return
        time.sleep(0.5)
    raise AssertionError("It did not happen in two minutes.")
