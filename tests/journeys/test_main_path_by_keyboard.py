"""The whole main path without a mouse: sign in, switch on, see what needs attention, fix a mapping, see it synced."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.keyboard import focus, go_to, has_focus, round_trip
from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]
VENDOR = "Keyline Masonry"


@pytest.mark.timeout(240)
def test_from_sign_in_to_synced(product: Product, visit: Callable[..., Page], unmapped: Callable[[str], str]) -> None:
    page = visit(None)
    _sign_in(page, product)
    _skip_to_the_content(page)
    _switch_off_and_on(page)
    number = unmapped(VENDOR)
    books = product.intuit.entries("vendor")[0]["name"]
    _fix_the_mapping(page, books)
    _see_it_synced(page, number)
    bill = next(bill for bill in product.intuit.bills() if bill["doc_number"] == number)
    assert bill["vendor_name"] == books


def _sign_in(page: Page, product: Product) -> None:
    who = product.sign_ins["admin"]
    page.goto("/accounts/login/")
    go_to(page, page.get_by_label("Email"))
    page.keyboard.type(who.email)
    go_to(page, page.get_by_label("Password"))
    page.keyboard.type(who.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/invoices/")


def _skip_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    assert has_focus(page.locator(".skip-link"))
    focus(page)
    page.keyboard.press("Enter")
    assert has_focus(page.locator("main"))
    page.keyboard.press("Tab")
    focus(page)
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def _switch_off_and_on(page: Page) -> None:
    go_to(page, page.locator("nav[aria-label=Main]").get_by_role("link", name="Settings"), "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/procore/")
    switch = page.get_by_role("switch", name="Sync invoices approved in Procore to QuickBooks")
    go_to(page, switch)
    for shown in ("false", "true"):
        page.keyboard.press("Space")
        expect(switch).to_have_attribute("aria-checked", shown)
        # The section was replaced; the focus is where it was.
        expect(switch).to_be_focused()
        focus(page)


def _fix_the_mapping(page: Page, books: str) -> None:
    go_to(page, page.get_by_role("link", name="Needs attention").first, "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/attention/")
    row = page.locator("tr", has_text=VENDOR)
    go_to(page, row.get_by_role("link", name="Map the vendor"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/mapping/**")
    go_to(page, page.get_by_label(f"{VENDOR} in QuickBooks", exact=True))
    page.keyboard.type(books)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("1 mapped. 1 waiting invoice")


def _see_it_synced(page: Page, number: str) -> None:
    go_to(page, page.locator("nav[aria-label=Main]").get_by_role("link", name="Invoices"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/invoices/")
    page.keyboard.press("/")
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**q={number}**")
    expect(page.locator(".invoices > tbody > tr")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    focus(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(number)
    expect(page.locator("#bill-card")).to_contain_text("Synced", timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_holds_the_focus_and_it_is_always_seen(scheme: str, visit: Callable[..., Page]) -> None:
    page = visit("admin", color_scheme=scheme)
    for address in ("/invoices/", "/attention/", "/settings/procore/", "/settings/accounting/mapping/"):
        page.goto(address)
        assert round_trip(page) > 10
        go_to(page, page.get_by_role("link", name="How it works"), "Shift+Tab")
        focus(page)


def test_after_a_press_the_focus_stays_where_the_answer_is(
    visit: Callable[..., Page], unmapped: Callable[[str], str]
) -> None:
    """The button that was pressed is gone with its card; the focus goes to what took its place."""
    number = unmapped("Plumb and Square")
    page = visit("accountant")
    page.goto(f"/invoices/?q={number}")
    page.get_by_role("link", name=number).click()
    card = page.locator("#bill-card")
    for deed, back in (("Hold", "Release"), ("Release", "Hold")):
        go_to(page, card.get_by_role("button", name=deed, exact=True))
        page.keyboard.press("Enter")
        expect(card.get_by_role("button", name=back, exact=True)).to_be_visible()
        page.wait_for_timeout(200)
        assert card.evaluate("card => card.contains(document.activeElement)")
