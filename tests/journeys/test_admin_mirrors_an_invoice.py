"""The main job as a person does it: switch on, approve in Procore, watch it reach QuickBooks."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]
LABEL = "Sync invoices approved in Procore to QuickBooks"


def test_the_main_job(product: Product, visit: Callable[..., Page]) -> None:
    page = visit("admin")
    page.goto("/settings/procore/")
    switch = page.get_by_role("switch", name=LABEL)
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(page.get_by_text("turned on by Dana Whitfield")).to_be_visible()

    record = product.procore.create(status="under_review")
    procore = visit(None)
    procore.goto(f"{product.addresses.procore}/?status=under_review")
    procore.goto(f"{product.addresses.procore}/invoices/{record['id']}")
    procore.get_by_role("button", name="Approve", exact=True).first.click()

    number = product.procore.invoices(id=record["id"])[0]["invoice_number"]
    page.goto(f"/invoices/?q={number}")
    for _ in range(20):
        if page.get_by_role("link", name=number, exact=True).count():
            break
        page.wait_for_timeout(500)
        page.reload()
    page.get_by_role("link", name=number, exact=True).first.click()
    expect(page.locator("#bill-card")).to_contain_text("Synced", timeout=20_000)
    expect(page.get_by_text("Webhook received").first).to_be_visible()
    original = page.get_by_role("link", name=re.compile("Open in Procore")).first
    procore.goto(str(original.get_attribute("href")))
    expect(procore.locator("body")).to_contain_text(number)
    link = page.get_by_role("link", name=re.compile("Open in QuickBooks")).first
    books = visit(None)
    books.goto(str(link.get_attribute("href")))
    expect(books.locator("body")).to_contain_text(number)
    expect(books.locator("body")).to_contain_text("[inBuild ")


@pytest.mark.network_fails
def test_the_switch_says_so_and_goes_back_when_saving_fails(product: Product, visit: Callable[..., Page]) -> None:
    page = visit("admin")
    page.goto("/settings/procore/")
    switch = page.get_by_role("switch", name=LABEL)
    page.route("**/settings/procore/switch/", lambda route: route.abort())
    try:
        switch.click()
        expect(page.locator("#live-failure")).not_to_be_empty()
        expect(switch).to_have_attribute("aria-checked", "true")
    finally:
        page.unroute("**/settings/procore/switch/")


@pytest.mark.parametrize("role", ["accountant", "viewer"])
def test_others_see_it_greyed_out_and_why(role: str, visit: Callable[..., Page]) -> None:
    page = visit(role)
    page.goto("/settings/procore/")
    expect(page.get_by_role("switch", name=LABEL)).to_be_disabled()
    expect(page.get_by_text("Only company admins can change this setting.").first).to_be_visible()


def test_a_company_without_quickbooks_has_no_section(visit: Callable[..., Page]) -> None:
    page = visit("outsider")
    page.goto("/settings/procore/")
    expect(page.get_by_role("heading", name="Connection")).to_be_visible()
    expect(page.get_by_role("switch", name=LABEL)).to_have_count(0)


def test_the_switch_works_without_javascript(visit: Callable[..., Page]) -> None:
    page = visit("admin", java_script_enabled=False)
    page.goto("/settings/procore/")
    for shown in ("false", "true"):
        page.get_by_role("switch", name=LABEL).click()
        expect(page.get_by_role("switch", name=LABEL)).to_have_attribute("aria-checked", shown)


def test_the_switch_by_keyboard_alone(visit: Callable[..., Page]) -> None:
    page = visit("admin")
    page.goto("/settings/procore/")
    switch = page.get_by_role("switch", name=LABEL)
    for _ in range(60):
        page.keyboard.press("Tab")
        if switch.evaluate("element => element === document.activeElement"):
            break
    for shown in ("false", "true"):
        page.keyboard.press("Space")
        expect(switch).to_have_attribute("aria-checked", shown)
        switch.focus()
