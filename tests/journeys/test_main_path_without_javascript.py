"""Where scripts are blocked: the switch is turned on, with what it says beforehand, and a mapping sets a bill free."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]
SWITCH = "Sync invoices approved in Procore to QuickBooks"
VENDOR = "Scriptless Glazing"


@pytest.mark.timeout(240)
def test_the_switch_and_a_mapping(product: Product, visit: Callable[..., Page], unmapped: Callable[[str], str]) -> None:
    page = visit("admin", java_script_enabled=False)
    page.goto("/settings/procore/")
    for shown in ("false", "true"):
        page.get_by_role("switch", name=SWITCH).click()
        expect(page.get_by_role("switch", name=SWITCH)).to_have_attribute("aria-checked", shown)
    expect(page.get_by_text("turned on by Dana Whitfield")).to_be_visible()
    number = unmapped(VENDOR)
    books = product.intuit.entries("vendor")[0]["name"]
    page.goto("/attention/")
    page.locator("tr", has_text=VENDOR).get_by_role("link", name="Map the vendor").click()
    page.get_by_label(f"{VENDOR} in QuickBooks", exact=True).fill(books)
    page.get_by_role("button", name="Save what I typed").click()
    expect(page.locator("main")).to_contain_text("1 mapped. 1 waiting invoice")
    until = time.monotonic() + 30
    while number not in {bill["doc_number"] for bill in product.intuit.bills()}:
        assert time.monotonic() < until
        time.sleep(0.3)
    page.goto(f"/invoices/?q={number}")
    page.get_by_role("link", name=number).click()
    while not page.locator("#bill-card", has_text=re.compile("Synced")).count():
        assert time.monotonic() < until
        page.reload()
