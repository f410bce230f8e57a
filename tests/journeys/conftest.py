"""A real browser against the whole product, which runs as processes."""

from __future__ import annotations

import os
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
    with running_product(tmp_path_factory.mktemp("journeys")) as running:
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
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if role:
            sign_in(page, product, role)
        return page

    yield open_as
    for context in contexts:
        context.close()
    if request.node.get_closest_marker("network_fails"):
        return
    # A refusal (403, 409, 422) is shown by us and noted by Chromium; anything else is ours to mend.
    assert [text for text in complaints if "the server responded with a status of 4" not in text] == []


def sign_in(page: Page, product: Product, role: str) -> None:
    who = product.sign_ins[role]
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(who.email)
    page.get_by_label("Password").fill(who.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/invoices/")
