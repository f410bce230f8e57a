"""A real browser against the whole product, which runs as processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from launcher.testing import chromium
from tests.support.product import Product, running_product

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = chromium()
    if found is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail("Chromium is missing and REQUIRE_BROWSER=1.")
        pytest.skip("Chromium is not installed here.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One product for all journeys; each journey makes the invoices it needs."""
    folder = tmp_path_factory.mktemp("journeys")
    with running_product(folder, env={"SERVER_TIMING": "1"}) as running:
        running.switch_on()
        yield running


@pytest.fixture
def visit(browser: Browser, product: Product, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """A page of a person who is signed in; `role` None for a stranger. Errors on the console fail the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_as(role: str | None = "admin", **options: object) -> Page:
        context = browser.new_context(base_url=product.addresses.product, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        if role:
            sign_in(page, product, role)
        return page

    yield open_as
    # A page that is closed while it asks for news complains of that.
    noted = list(complaints)
    for context in contexts:
        context.close()
    if request.node.get_closest_marker("network_fails"):
        return
    # A refusal (403, 409, 422) is shown by us and noted by Chromium; anything else is ours to mend.
    assert [text for text in noted if "the server responded with a status of 4" not in text] == []


def sign_in(page: Page, product: Product, role: str) -> None:
    who = product.sign_ins[role]
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(who.email)
    page.get_by_label("Password").fill(who.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/invoices/")


@pytest.fixture
def unmapped(product: Product) -> Iterator[Callable[[str], str]]:
    """An invoice of a vendor that QuickBooks does not know, while no vendor is created there by itself; its number."""

    def approved(vendor: str) -> str:
        made = product.procore.post("vendors", {"name": vendor})
        cost = product.procore.create_direct_cost(vendor_id=made["id"])
        product.procore.approve_direct_cost(cost["id"])
        waits = (
            "SELECT i.number FROM accounting_bill b JOIN invoices_invoice i ON i.id = b.invoice_id "
            "JOIN invoices_vendor v ON v.id = i.vendor_id WHERE v.name = %s AND b.problem = 'unmapped'"
        )
        until = time.monotonic() + 60
        while not (found := product.rows(waits, vendor)):
            assert time.monotonic() < until, f"The invoice of {vendor} does not wait for its mapping."
            time.sleep(0.3)
        return str(found[0][0])

    _create_vendors(product, {})
    yield approved
    _create_vendors(product, {"creates_vendors": "on"})


def _create_vendors(product: Product, answer: dict[str, str]) -> None:
    admin = product.signed_in()
    admin.open("/settings/accounting/setup/vendors/")
    form = admin.form("/settings/accounting/setup/vendors/")
    assert form is not None
    form.values.pop("creates_vendors", None)
    admin.send(form, answer)
