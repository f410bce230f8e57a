"""Pictures of the pages with a company at work in them, into docs/screens; each is looked at before it is committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from launcher.places import ROOT
from launcher.testing import chromium
from tests.journeys.conftest import ARGUMENTS, sign_in
from tests.support.product import Product, running_product

FOLDER = ROOT / "docs" / "screens"
TIMES = {"SWEEP_PROJECT_SECONDS": "5", "FOLLOW_SECONDS": "5"}
LATE = (
    "SELECT kind, project_id, procore_id FROM procore_sync_procoreinvoice WHERE gate = 'mirroring' ORDER BY id LIMIT 1"
)
POSTED = (
    "SELECT i.public_id FROM invoices_invoice i JOIN accounting_bill b ON b.invoice_id = i.id "
    "WHERE b.state = 'synced' AND i.source_state = %s ORDER BY i.id LIMIT 1"
)

PAID = (
    "SELECT i.public_id FROM invoices_invoice i JOIN procore_sync_contractpayment p ON p.invoice_id = i.id "
    "WHERE p.state = 'told' ORDER BY i.id LIMIT 1"
)
HELD = (
    "SELECT i.public_id FROM invoices_invoice i JOIN accounting_bill b ON b.invoice_id = i.id "
    "WHERE b.problem = %s ORDER BY i.id LIMIT 1"
)


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    scheme: Literal["light", "dark"]
    width: int

    @property
    def suffix(self) -> str:
        wide = "" if self.width > 1000 else f"-{self.width}"
        return f"{'-dark' if self.scheme == 'dark' else ''}{wide}"


LOOKS = (Look("light", 1280), Look("dark", 390))


def main(*, folder: Path) -> bool:
    """Start a product, let things happen in it, take the pictures. False without Chromium."""
    found = chromium()
    if found is None:
        print("Chromium was not found (apt install chromium).")
        return False
    with running_product(folder, workers=2, env=TIMES) as product, sync_playwright() as made:
        browser = made.chromium.launch(executable_path=found, args=ARGUMENTS)
        for look in LOOKS:
            for name, page in _before(product, browser, look):
                _shoot(page, f"{name}{look.suffix}")
        _let_things_happen(product)
        for look in LOOKS:
            for name, page in _after(product, browser, look):
                _shoot(page, f"{name}{look.suffix}")
        browser.close()
    (folder / "desktop").mkdir()
    with running_product(folder / "desktop", env=TIMES, desktop=True) as product, sync_playwright() as made:
        browser = made.chromium.launch(executable_path=found, args=ARGUMENTS)
        _let_the_pc_work(product)
        for look in LOOKS:
            for name, page in _on_desktop(product, browser, look):
                _shoot(page, f"{name}{look.suffix}")
        browser.close()
    return True


def _let_the_pc_work(product: Product) -> None:
    product.switch_on()
    for record in product.procore.create_many(3, status="under_review"):
        product.procore.approve(record["id"])
    _posted(product, 3)


def _on_desktop(product: Product, browser: Browser, look: Look) -> Iterator[tuple[str, Page]]:
    """A company file: its health, how it is set up, what its sessions did."""
    page = _opened(product, browser, look, "/settings/accounting/")
    yield "desktop-health", page
    [(connection,)] = product.rows("SELECT integration_id FROM qbd_connection")
    page.goto(f"/settings/accounting/desktop/{connection}/")
    yield "desktop-set-up", page
    page.goto(f"/settings/accounting/desktop/{connection}/sessions/")
    yield "desktop-sessions", page
    [(session,)] = product.rows("SELECT id FROM qbd_session WHERE writes > 0 ORDER BY id DESC LIMIT 1")
    page.goto(f"/settings/accounting/desktop/sessions/{session}/")
    yield "desktop-session", page


def _before(product: Product, browser: Browser, look: Look) -> Iterator[tuple[str, Page]]:
    """The switch was never on: the connection that has looked at itself, and the preview."""
    _until(lambda: not product.rows("SELECT 1 FROM procore_sync_procoreproject WHERE compared_at IS NULL AND is_open"))
    page = _opened(product, browser, look, "/settings/procore/")
    yield "set-up", page
    page.goto("/settings/procore/review/")
    yield "review", page


def _after(product: Product, browser: Browser, look: Look) -> Iterator[tuple[str, Page]]:
    page = _opened(product, browser, look, "/settings/procore/#quickbooks-sync")
    yield "history", page
    [(kind, project_id, procore_id)] = product.rows(LATE)
    page.goto(f"/procore/why/?kind={kind}&project={project_id}&id={procore_id}")
    yield "why-not", page
    [(posted,)] = product.rows(POSTED, "as_imported")
    page.goto(f"/procore/why/?invoice={posted}")
    yield "why-posted", page
    page.goto(f"/invoices/{posted}/")
    yield "invoice", page
    [(changed,)] = product.rows(POSTED, "changed")
    page.goto(f"/invoices/{changed}/")
    yield "changed", page
    [(paid,)] = product.rows(PAID)
    page.goto(f"/invoices/{paid}/")
    yield "paid", page
    page.goto("/invoices/")
    yield "invoices", page
    page.goto("/settings/accounting/")
    yield "accounting", page
    page.goto("/settings/accounting/setup/retainage/")
    yield "setup-wizard", page
    page.goto("/attention/")
    yield "attention", page
    page.goto("/settings/accounting/mapping/?tab=vendors")
    yield "mapping", page
    page.goto("/settings/accounting/mapping/?tab=projects")
    yield "mapping-projects", page
    [(twice,)] = product.rows(HELD, "duplicate_in_books")
    page.goto(f"/settings/accounting/bills/{twice}/duplicate/")
    yield "duplicate", page
    _until(lambda: product.rows("SELECT 1 FROM companies_notice WHERE ended_at IS NULL"))
    page.goto("/notifications/")
    yield "notifications", page
    page.goto("/settings/notifications/")
    yield "notification-settings", page


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
    _not_mapped(product)


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


def _opened(product: Product, browser: Browser, look: Look, address: str) -> Page:
    context = browser.new_context(
        base_url=product.addresses.product,
        color_scheme=look.scheme,
        viewport={"width": look.width, "height": 900},
    )
    page = context.new_page()
    sign_in(page, product, "admin")
    page.goto(address)
    return page


def _shoot(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    # A list of fifty rows is the same fifty times; its buttons stay at the lower edge of what one sees.
    page.screenshot(path=FOLDER / f"{name}.png", full_page="review" not in name)
    print(f"docs/screens/{name}.png", flush=True)


def _until(true: Callable[[], Any]) -> None:
    for _ in range(240):
        if true():
            return
        time.sleep(0.5)
    raise AssertionError("It did not happen in two minutes.")
