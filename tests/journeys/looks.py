"""Every look of a page, light and dark, wide and narrow: what axe finds, what scrolls sideways or moved by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, Response

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1280, 390)
HEIGHT = 844
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a page says and how it is built does not depend on its colours.
RULES: dict[str, dict[str, Any]] = {
    "light": {"runOnly": {"type": "tag", "values": TAGS}},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
# Only what is wrong leaves the browser (a whole result of axe is many times the page), and it works while we go on. No
# rule of ours needs the style sheets and sounds that axe would load once more.
BEGIN = """
options => { window.looked = new Promise(done => setTimeout(() => done(
  axe.run(document, {...options, resultTypes: ["violations"], preload: false}).then(found =>
    found.violations.map(each => `${each.id}: ${each.nodes[0].html.slice(0, 120)}`))), 0)) }
"""
# What moved without a person's doing since the page began; Chromium keeps it for whoever asks later.
MOVED = """
() => new Promise(resolve => {
  const moved = [];
  new PerformanceObserver(list => moved.push(...list.getEntries().filter(each => !each.hadRecentInput)))
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(moved.map(each => [each.value, each.sources.map(
    one => one.node && (one.node.outerHTML || one.node.data).slice(0, 120)).join(" | ")])), 60);
})
"""
# On a busy machine a page is painted before all of it has come, and its last button may make room for itself by a
# hair; a line of text that pushes the page down is more than this.
MOST_MOVED = 0.01
# Parts that ask for news by themselves are waited for if they do it within so many seconds.
SOONEST = 3
# Milliseconds until a page that asks for nothing, and one that did, is looked at.
SETTLED, ASKED = 300, 1000 * SOONEST + 300
TOLD = re.compile(
    r'page;desc="(?P<view>[^"]*)", db;desc="(?P<queries>\d+)", app;dur=(?P<took>[\d.]+), cpu;dur=(?P<cpu>[\d.]+)'
)


@dataclass(frozen=True)
class Cost:
    """What a page cost, as the server told in its answer (inbuild/timing.py)."""

    view: str
    queries: int
    took: float
    """Milliseconds from the request to its answer, and those of them that the server's own process worked."""
    cpu: float


def cost(header: str | None) -> Cost:
    told = TOLD.fullmatch(header or "")
    assert told is not None, f"The server does not tell what a page costs: {header!r}"
    return Cost(told["view"], int(told["queries"]), float(told["took"]), float(told["cpu"]))


def opened(page: Page, address: str) -> Cost:
    """Go there as a page."""
    response = page.goto(address)
    assert isinstance(response, Response)
    return cost(response.header_value("server-timing"))


def mistakes(page: Page, name: str) -> dict[str, Any]:
    """What is wrong with the page as it is now, by its name and look; empty when nothing is."""
    found = _moved({WIDTHS[0]: page}, name)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found |= _wrong_looks({width: page}, name)
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    return found


def mistakes_beside(pages: dict[int, Page], name: str) -> dict[str, Any]:
    """The same of one page open in several widths, which are looked at side by side."""
    return _moved(pages, name) | _wrong_looks(pages, name)


def _moved(pages: dict[int, Page], name: str) -> dict[str, Any]:
    """Asked before we make a window higher ourselves: only what moves in sight of a person counts."""
    found: dict[str, Any] = {}
    next(iter(pages.values())).wait_for_timeout(ASKED if any(map(_asks_soon, pages.values())) else SETTLED)
    for width, page in pages.items():
        moved: list[tuple[float, str]] = page.evaluate(MOVED)
        if sum(value for value, _ in moved) >= MOST_MOVED:
            found[f"{name}, {width}, moved by itself"] = moved
    return found


def _wrong_looks(pages: dict[int, Page], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for width, page in pages.items():
        _show_all(page, width)
    for scheme in SCHEMES:
        for page in pages.values():
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if page.evaluate("typeof axe") == "undefined":
                page.evaluate(AXE_SCRIPT)
            page.evaluate(BEGIN, RULES[scheme])
        for width, page in pages.items():
            wrong: list[str] = page.evaluate("() => window.looked")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wrong.append("scrolls sideways")
            if wrong:
                found[f"{name}, {scheme}, {width}"] = wrong
    for width, page in pages.items():
        page.set_viewport_size({"width": width, "height": HEIGHT})
    return found


def _show_all(page: Page, width: int) -> None:
    """A window as high as the page: a row that a bar covers half can be scrolled clear of it, which axe cannot know."""
    height: int = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": max(HEIGHT, height)})


def _asks_soon(page: Page) -> bool:
    """Whether a part of it asks for news by itself: it gets the time to do it once, and that moves nothing either."""
    seconds: list[int] = page.locator("[hx-trigger^=every]").evaluate_all(
        "found => found.map(each => parseInt(each.getAttribute('hx-trigger').slice(6)))"
    )
    return any(each <= SOONEST for each in seconds)
