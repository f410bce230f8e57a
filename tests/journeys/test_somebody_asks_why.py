"""Somebody wonders where an invoice is, pastes its link, and does the one thing the page offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]


def link(product: Product, record: Mapping[str, Any]) -> str:
    return (
        f"{product.addresses.procore}/{record['project_id']}/project/commitments/work_order_contracts/"
        f"{record['commitment_id']}/requisitions/{record['id']}"
    )


@pytest.mark.parametrize("javascript", [True, False])
def test_paste_a_link_and_see_what_is_missing(javascript: bool, product: Product, visit: Callable[..., Page]) -> None:
    record = product.procore.create(status="under_review")
    page = visit("accountant", java_script_enabled=javascript)
    page.goto("/invoices/")
    if page.get_by_role("button", name="Menu").is_visible():
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Why not synced?").first.click()
    page.get_by_label("Link, invoice number or vendor").fill(link(product, record))
    page.get_by_role("button", name="Ask").click()
    answer = page.locator("#answer")
    expect(answer).to_contain_text("It is Under Review in Procore and comes once it is approved.", timeout=15_000)
    expect(page.locator(".step-shut")).to_have_count(1)
    expect(page.locator("#why-action")).to_contain_text("Open in Procore")

    product.procore.approve(record["id"])
    for _ in range(20):
        page.goto(page.url)
        if page.get_by_text("It is in QuickBooks.").count():
            break
        page.wait_for_timeout(1000)
    expect(page.locator("#headline")).to_have_text("It is in QuickBooks.")
    page.get_by_role("link", name="Open in inBuild").click()
    page.get_by_role("link", name="Why isn’t it in QuickBooks?").last.click()
    expect(page.locator("#headline")).to_have_text("It is in QuickBooks.")


def test_from_an_empty_search_to_the_answer(product: Product, visit: Callable[..., Page]) -> None:
    page = visit("viewer")
    page.goto("/invoices/?q=nothing-matches-this")
    page.get_by_role("link", name="Ask why it isn’t in QuickBooks").click()
    expect(page.locator("#answer")).to_contain_text("Nothing that inBuild has heard of fits")
    expect(page.get_by_role("button", name="Compare with Procore now")).to_be_disabled()
