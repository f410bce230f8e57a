"""An accountant works the invoices list: by keyboard alone, and many invoices at once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]
NUMBERS = [f"KEYS-{number}" for number in (1, 2, 3)]


@pytest.fixture
def stopped(product: Product) -> Iterator[list[str]]:
    """Three invoices that QuickBooks refuses, so that there is something to decide."""
    product.intuit.switches(max_lines=1)
    missing = [
        number for number in NUMBERS if not product.rows("SELECT 1 FROM invoices_invoice WHERE number = %s", number)
    ]
    for number in missing:
        record = product.procore.create(status="under_review", invoice_number=number)
        product.procore.approve(record["id"])
    until = time.monotonic() + 90
    count = (
        "SELECT 1 FROM accounting_bill b JOIN invoices_invoice i ON i.id = b.invoice_id "
        "WHERE i.number = ANY(%s) AND b.state IN ('failed', 'on_hold')"
    )
    while len(product.rows(count, NUMBERS)) < len(NUMBERS):
        assert time.monotonic() < until
        time.sleep(0.3)
    yield NUMBERS
    product.intuit.switches(max_lines=0)


def test_by_keyboard_alone(stopped: list[str], visit: Callable[..., Page]) -> None:
    page = visit("accountant")
    page.goto("/invoices/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("KEYS-")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=KEYS-**")
    page.wait_for_load_state("networkidle")
    rows = page.locator(".invoices > tbody > tr")
    expect(rows).to_have_count(3)
    page.locator("main").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = rows.nth(1).locator("th a")
    expect(second).to_be_focused()
    number = second.inner_text()
    page.keyboard.press("ArrowUp")
    expect(rows.nth(0).locator("th a")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(number)
    page.get_by_role("link", name=re.compile("^Next")).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("KEYS-")
    expect(page.get_by_role("heading", level=1)).not_to_contain_text(number)


@pytest.mark.parametrize("javascript", [True, False])
def test_many_at_once_are_held_and_released(
    javascript: bool, stopped: list[str], product: Product, visit: Callable[..., Page]
) -> None:
    page = visit("accountant", java_script_enabled=javascript)
    for deed, state in (("Hold", "on_hold"), ("Release", "failed")):
        page.goto("/invoices/?q=KEYS-")
        for box in page.locator("input[name=row]").all():
            box.check()
        page.get_by_role("button", name=deed, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{deed} 3 invoices?")
        expect(page.locator("main")).to_contain_text("3 of 3 can.")
        page.get_by_role("button", name=f"{deed} 3").click()
        until = time.monotonic() + 20
        while not page.get_by_text("3 of 3").count() and time.monotonic() < until:
            page.wait_for_timeout(500)
            if not javascript:
                page.reload()
        expect(page.locator("main")).to_contain_text("3 of 3")
        states = (
            "SELECT b.state FROM accounting_bill b JOIN invoices_invoice i ON i.id = b.invoice_id "
            "WHERE i.number = ANY(%s)"
        )
        while {row[0] for row in product.rows(states, stopped)} != {state}:
            assert time.monotonic() < until
            time.sleep(0.3)


def test_one_is_held_and_released_from_its_page_without_javascript(
    stopped: list[str], visit: Callable[..., Page]
) -> None:
    page = visit("accountant", java_script_enabled=False)
    page.goto(f"/invoices/?q={stopped[0]}")
    page.get_by_role("link", name=stopped[0]).click()
    card = page.locator("#bill-card")
    card.get_by_role("button", name="Hold", exact=True).click()
    expect(card).to_contain_text("put this invoice on hold on")
    card.get_by_role("button", name="Release").click()
    expect(card).not_to_contain_text("put this invoice on hold on")
