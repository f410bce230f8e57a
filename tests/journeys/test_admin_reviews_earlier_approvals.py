"""An admin chooses among earlier approvals, sees what they come to, and watches them arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]
REVIEW = "/settings/procore/review/"


def _listed(page: Page, product: Product) -> list[str]:
    """The first compare of every project follows connecting by itself; then the rows stay. Returns their values."""
    unread = "SELECT 1 FROM procore_sync_procoreproject WHERE compared_at IS NULL"
    unsettled = "SELECT 1 FROM procore_sync_procoreinvoice WHERE next_at IS NOT NULL"
    for _ in range(120):
        if not product.rows(unread) and not product.rows(unsettled):
            page.goto(f"{REVIEW}?why=before")
            rows = page.locator("input[name=row]")
            expect(rows).to_have_count(50)
            return [str(box.get_attribute("value")) for box in rows.all()]
        time.sleep(0.5)
    raise AssertionError("The earlier approvals were not counted.")


def test_choose_see_the_sum_import(product: Product, visit: Callable[..., Page]) -> None:
    page = visit("admin")
    values = _listed(page, product)
    chosen = page.locator("#chosen")
    page.get_by_label("Choose all on this page").check()
    expect(chosen).to_contain_text("50 invoices")
    page.get_by_label("All that match").check()
    expect(chosen).not_to_contain_text("50 invoices")
    page.get_by_label("Choose all on this page").uncheck()
    expect(page.get_by_label("All that match")).not_to_be_checked()
    expect(chosen).to_contain_text("Nothing chosen yet")
    numbers = []
    for value in (values[3], values[7]):
        box = page.locator(f"input[name=row][value='{value}']")
        box.check()
        row = page.locator("tr").filter(has=box)
        numbers.append(row.locator("th").inner_text().split("\n")[0].strip())
    there = [each for each in product.procore.invoices() if each["invoice_number"] in numbers]
    total = sum(Decimal(each["current_payment_due"]) for each in there)
    expect(chosen).to_contain_text(f"2 invoices (${total:,.2f})")
    page.get_by_role("button", name="Import chosen").click()
    expect(page.get_by_text(f"inBuild imports 2 invoices (${total:,.2f}).")).to_be_visible()
    expect(page.locator("#imports")).to_contain_text("2 of 2 imported", timeout=60_000)
    expect(page.locator("#imports")).not_to_have_attribute("hx-trigger", "every 2s")
    for number in numbers:
        page.goto(f"/invoices/?q={number}")
        expect(page.get_by_role("link", name=number, exact=True)).to_have_count(1)


def test_choosing_without_javascript(product: Product, visit: Callable[..., Page]) -> None:
    page = visit("admin", java_script_enabled=False)
    value = _listed(page, product)[1]
    page.locator(f"input[name=row][value='{value}']").check()
    page.get_by_role("button", name="Show total").click()
    expect(page.locator("#chosen")).to_contain_text("Chosen: 1 invoice")
    expect(page.locator(f"input[name=row][value='{value}']")).to_be_checked()
