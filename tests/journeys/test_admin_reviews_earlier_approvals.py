"""An admin chooses among earlier approvals, sees what they come to, and watches them arrive."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system]
REVIEW = "/settings/procore/review/"


def _listed(page: Page, numbers: list[str]) -> None:
    """The first compare of every project follows connecting by itself, and the webhooks tell of later ones."""
    for _ in range(60):
        page.goto(f"{REVIEW}?why=before")
        there = [page.get_by_label(f"Choose {number} of").count() for number in numbers]
        if all(there) and page.locator("input[name=row]").count() >= 50:
            return
        page.wait_for_timeout(500)
    raise AssertionError("The earlier approvals were not listed.")


def test_choose_see_the_sum_import(product: Product, visit: Callable[..., Page]) -> None:
    records = [product.procore.create(status="under_review") for _ in range(2)]
    numbers = [record["invoice_number"] for record in records]
    for record in records:
        product.procore.approve(record["id"], at="2026-01-01T00:00:00Z")
    page = visit("admin")
    _listed(page, numbers)
    chosen = page.locator("#chosen")
    page.get_by_label("Choose all on this page").check()
    expect(chosen).to_contain_text("50 invoices")
    page.get_by_label("All that match").check()
    expect(chosen).not_to_contain_text("50 invoices")
    page.get_by_label("Choose all on this page").uncheck()
    expect(page.get_by_label("All that match")).not_to_be_checked()
    expect(chosen).to_contain_text("Nothing chosen yet")
    for number in numbers:
        page.get_by_label(f"Choose {number} of").check()
    total = sum(Decimal(record["current_payment_due"]) for record in records)
    expect(chosen).to_contain_text(f"2 invoices (${total:,.2f})")
    page.get_by_role("button", name="Import chosen").click()
    expect(page.get_by_text(f"inBuild imports 2 invoices (${total:,.2f}).")).to_be_visible()
    expect(page.locator("#imports")).to_contain_text("2 of 2 imported", timeout=20_000)
    expect(page.locator("#imports")).not_to_have_attribute("hx-trigger", "every 2s")
    for _ in range(40):
        bills = [bill["doc_number"] for bill in product.intuit.bills() if bill["doc_number"] in numbers]
        if len(bills) == 2:
            break
        page.wait_for_timeout(500)
    assert sorted(bills) == sorted(numbers)


def test_choosing_without_javascript(visit: Callable[..., Page]) -> None:
    page = visit("admin", java_script_enabled=False)
    _listed(page, [])
    # By its value: rows may still join above it.
    value = page.locator("input[name=row]").nth(1).get_attribute("value")
    page.locator(f"input[name=row][value='{value}']").check()
    page.get_by_role("button", name="Show total").click()
    expect(page.locator("#chosen")).to_contain_text("Chosen: 1 invoice")
    expect(page.locator(f"input[name=row][value='{value}']")).to_be_checked()
