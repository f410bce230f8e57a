"""Every look of a page, light and dark, wide and narrow: what axe finds, and whether anything scrolls sideways."""

from __future__ import annotations

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1280, 390)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a page says and how it is built does not depend on its colours.
RULES: dict[str, dict[str, Any]] = {
    "light": {"runOnly": {"type": "tag", "values": TAGS}},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}


def mistakes(page: Page, name: str) -> dict[str, Any]:
    """What is wrong with the page as it is now, by its name and look; empty when nothing is."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if wrong := _wrong(page, width, scheme):
                found[f"{name}, {scheme}, {width}"] = wrong
    page.set_viewport_size({"width": WIDTHS[0], "height": 844})
    return found


def _wrong(page: Page, width: int, scheme: str) -> list[str]:
    violations = Axe().run(page, options=RULES[scheme]).response["violations"]
    wrong = [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in violations]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        wrong.append("scrolls sideways")
    return wrong
