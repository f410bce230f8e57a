"""Every page, light and dark, wide and narrow: axe finds nothing, nothing scrolls sideways or moves by itself, and it
takes no more queries than we know of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.journeys import scene
from tests.journeys.looks import HEIGHT, WIDTHS, mistakes, mistakes_beside, opened
from tests.journeys.pages import MOST_QUERIES, SOMETIMES, Row, desktop_pages, pages
from tests.support.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.alone]


def wrong_pages(rows: Iterable[Row], visit: Callable[..., Page]) -> dict[str, Any]:
    """Each page in both widths beside each other: two cores have something to do, and each width begins anew."""
    found: dict[str, Any] = {}
    people: dict[str, dict[int, Page]] = {}
    for row in rows:
        if row.role not in people:
            people[row.role] = _both_widths(visit(row.role or None))
        name = f"{row.role or 'stranger'} {row.address}"
        for page in people[row.role].values():
            cost = opened(page, row.address)
            known = MOST_QUERIES.get(cost.view)
            if known is None or cost.queries > known + SOMETIMES:
                found[f"{name}, queries"] = f"{cost.view!r} took {cost.queries}, known are {known}"
        found |= mistakes_beside(people[row.role], name)
    return found


def _both_widths(page: Page) -> dict[int, Page]:
    both = {WIDTHS[0]: page, WIDTHS[1]: page.context.new_page()}
    for width, each in both.items():
        each.set_viewport_size({"width": width, "height": HEIGHT})
    return both


@pytest.fixture(scope="module", autouse=True)
def _begun(product: Product) -> None:
    """Before any test, whatever their order: the first company's rows are the oldest."""
    scene.begin(product)


@pytest.mark.timeout(900)
def test_every_page(product: Product, visit: Callable[..., Page]) -> None:
    found = wrong_pages(pages(product), visit)
    assert not found, json.dumps(found, indent=1)


@pytest.mark.timeout(900)
def test_every_page_of_a_company_on_quickbooks_desktop(product: Product, visit: Callable[..., Page]) -> None:
    rows = list(desktop_pages(product))
    found = wrong_pages(rows, visit)
    shown = {row.name: row.address for row in rows}
    page = visit("files-admin")
    page.goto(shown["desktop-session"])
    for summary in page.locator("details.disclosure > summary").all():
        summary.click()
    found |= mistakes(page, "admin session, unfolded")
    page.goto(shown["desktop-done"])
    page.locator("summary", has_text="Make a new password").click()
    page.get_by_role("button", name="Make a new password").click()
    page.locator("#password").wait_for()
    found |= mistakes(page, "admin new password")
    page.reload()
    assert page.locator("#password").count() == 0
    assert not found, json.dumps(found, indent=1)
