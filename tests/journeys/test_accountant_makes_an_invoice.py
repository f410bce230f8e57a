"""An accountant types in an invoice, approves it, and it takes the same way to QuickBooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]


def test_upload_approve_bill(product: Product, visit: Callable[..., Page], tmp_path: Path) -> None:
    pdf = tmp_path / "invoice.pdf"
    pdf.write_bytes(b"%PDF-1.4\n%%EOF")
    page = visit("accountant")
    page.goto("/invoices/new/")
    page.get_by_label("Vendor").fill("Summit Fire Protection")
    page.get_by_label("Invoice number").fill("SFP-2201")
    page.get_by_label("Invoice date").fill("2026-11-02")
    page.locator('input[type="file"]').set_input_files(pdf)
    page.locator('[name="lines-0-description"]').fill("Sprinkler heads, level 2")
    page.locator('[name="lines-0-gross"]').fill("4200.50")
    page.locator('[name="lines-0-retainage"]').fill("420.05")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("3,780.45").first).to_be_visible()
    page.get_by_role("button", name="Approve").first.click()
    expect(page.locator("#bill-card")).to_contain_text("Synced", timeout=20_000)
    [bill] = [each for each in product.intuit.bills() if each["doc_number"] == "SFP-2201"]
    assert bill["total"] == "3780.45"
    assert [line["amount"] for line in bill["lines"]] == ["4200.50", "-420.05"]


def test_a_wrong_form_keeps_what_was_typed_and_says_what_is_wrong(visit: Callable[..., Page]) -> None:
    page = visit("accountant", java_script_enabled=False)
    page.goto("/invoices/new/")
    page.get_by_label("Vendor").fill("Kept Vendor")
    page.locator('[name="lines-0-description"]').fill("Kept line")
    page.locator('[name="lines-0-gross"]').fill("1.234,50")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_label("Vendor")).to_have_value("Kept Vendor")
