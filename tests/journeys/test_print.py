"""On paper: what the invoices say, without what only a screen can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]
# Each of them is on the screen of at least one of the two pages, so that it can be missed on paper.
ONLY_ON_SCREEN = (
    ".topbar",
    ".skip-link",
    ".page-foot",
    "main .btn",
    "main input:not([type=hidden])",
    "main select",
    "main textarea",
    "main iframe",
    ".tabs a:not([aria-current])",
    ".list-filters",
)


@pytest.fixture
def invoice(product: Product) -> str:
    record = product.procore.create(status="under_review")
    product.procore.approve(record["id"])
    return str(product.procore.invoices(id=record["id"])[0]["invoice_number"])


def shown(page: Page, selector: str) -> list[Locator]:
    return [each for each in page.locator(selector).all() if each.is_visible()]


def looked_at(page: Page, number: str) -> Iterator[str]:
    """The list, then the invoice."""
    page.goto(f"/invoices/?q={number}")
    for _ in range(60):
        if page.get_by_role("link", name=number, exact=True).count():
            break
        page.wait_for_timeout(500)
        page.reload()
    yield "list"
    page.get_by_role("link", name=number, exact=True).click()
    # Its file comes a moment later.
    for _ in range(60):
        if page.locator("main iframe").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    yield "invoice"


def test_invoices_on_paper(invoice: str, visit: Callable[..., Page]) -> None:
    page = visit("accountant", color_scheme="dark")
    seen: set[str] = set()
    for name in looked_at(page, invoice):
        page.emulate_media(media="screen")
        seen |= {selector for selector in ONLY_ON_SCREEN if page.locator(selector).count()}
        page.emulate_media(media="print")
        left = {selector for selector in ONLY_ON_SCREEN if shown(page, selector)}
        assert not left, f"On paper the {name} still shows {left}."
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("main")).to_contain_text(invoice)
        # The head of a table is repeated on each sheet, and a dark screen prints on white paper.
        assert page.locator("table > thead").first.evaluate("each => getComputedStyle(each).display") == (
            "table-header-group"
        )
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.emulate_media(media="screen")
    assert seen == set(ONLY_ON_SCREEN)
