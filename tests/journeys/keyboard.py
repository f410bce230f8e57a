"""A person without a mouse: nothing but keys, and where the focus is must be seen at every step."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page

# What shows the focus, its contrast with what lies under it, and whether something else covers it.
FOCUS = """
() => {
  const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([red, green, blue]) => [red, green, blue].map(each => each / 255)
    .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
  let under = element.parentElement || document.body;
  const isClear = one => (parts(getComputedStyle(one).backgroundColor)[3] ?? 1) === 0;
  while (under.parentElement && isClear(under)) under = under.parentElement;
  const both = [style.outlineColor, getComputedStyle(under).backgroundColor].map(each => light(parts(each)) + 0.05);
  const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(box.top + Math.min(box.height / 2, 12), 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  return {
    what: `${element.outerHTML.slice(0, 100)} (${style.outline} on ${getComputedStyle(under).backgroundColor})`,
    isPage: element === document.body,
    isShown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
      && (parts(style.outlineColor)[3] ?? 1) === 1,
    contrast: Math.max(...both) / Math.min(...both),
    isInSight: box.bottom > 0 && box.top < innerHeight && !!top && (element.contains(top) || top.contains(element)),
  };
}
"""


def focus(page: Page) -> dict[str, Any]:
    """Where it is now; fails where a person could not see it."""
    found: dict[str, Any] = page.evaluate(FOCUS)
    for _ in range(40):
        # The page scrolls there smoothly.
        if found["isInSight"]:
            break
        page.wait_for_timeout(50)
        found = page.evaluate(FOCUS)
    assert found["isShown"], f"Nothing shows that the focus is here: {found['what']}"
    assert found["contrast"] >= 3, f"{found['contrast']:.1f}:1 is too little to see the focus: {found['what']}"
    assert found["isInSight"], f"The focus is out of sight or covered: {found['what']}"
    return found


def has_focus(element: Locator) -> bool:
    return bool(element.count()) and bool(element.evaluate("element => element === document.activeElement"))


def go_to(page: Page, element: Locator, key: str = "Tab", most: int = 120) -> None:
    """Step by step until it has the focus."""
    for _ in range(most):
        page.keyboard.press(key)
        if not page.evaluate("document.activeElement === document.body"):
            focus(page)
        if has_focus(element):
            return
    raise AssertionError(f"{most} times {key} do not lead to {element}.")


def round_trip(page: Page, most: int = 300) -> int:
    """From the skip link through the whole page and back to it; how many stops there were. A trap never comes back."""
    skip = page.locator(".skip-link")
    go_to(page, skip, most=most)
    for stops in range(1, most):
        page.keyboard.press("Tab")
        if has_focus(skip):
            return stops
    raise AssertionError(f"The focus does not come round in {most} steps; it is at {page.evaluate(FOCUS)['what']}.")
