"""What a person would see to be wrong in a page's layout, by measuring it."""

from typing import Any

from playwright.sync_api import Page, expect

# The narrowest telephone, a desk, and the narrowest window in which no table scrolls sideways.
WIDTHS = (320, 1280, 1440)
TOUCH = 44

# A page of tests is of today; a day later its times are longer.
OLD = """() => document.querySelectorAll("td time").forEach((time) => {
  time.textContent = "28 Nov 2025";
})"""

OVERFLOW = """() => {
  const width = document.scrollingElement.scrollWidth;
  if (width <= innerWidth) return [];
  const named = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width && box.right > innerWidth + 0.5 && !element.closest(".unseen");
  });
  const told = named.slice(0, 5).map((element) => element.outerHTML.slice(0, 120));
  return [`${width} px wide in ${innerWidth} px: ${told}`];
}"""

# Text that its box cuts, and text that leaves its box; a box that scrolls shows all of it.
CUT = """() => {
  const faults = [];
  const scrolls = (value) => value === "auto" || value === "scroll";
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (element.closest(".unseen, svg, .skip, option")) continue;
    const style = getComputedStyle(element);
    if (style.display === "inline" || style.display === "contents") continue;
    const wide = element.scrollWidth > element.clientWidth + 1 && !scrolls(style.overflowX);
    const high = element.scrollHeight > element.clientHeight + 2 && !scrolls(style.overflowY);
    const lines = style.webkitLineClamp !== "none";
    const told = lines || (style.textOverflow === "ellipsis" && style.overflowX !== "visible");
    const markup = element.outerHTML.slice(0, 160);
    if (wide && !told) faults.push(`wider than its box: ${markup}`);
    if (high && style.overflowY !== "visible" && !told) faults.push(`higher than its box: ${markup}`);
  }
  return faults;
}"""

# What is pressed with a finger; links inside text are exempt, as in WCAG 2.5.8.
SMALL = """(least) => {
  const faults = [];
  const controls = "button, input:not([type=hidden]), select, textarea, summary, nav a, a.button";
  for (const element of document.querySelectorAll(controls)) {
    if (element.closest(".unseen") || !element.checkVisibility({ visibilityProperty: true })) continue;
    const tick = element.matches("[type=checkbox], [type=radio]");
    const area = (tick && element.closest("label, td, th")) || element;
    const box = area.getBoundingClientRect();
    if (box.height && box.height < least - 0.5) {
      faults.push(`${Math.round(box.width)} × ${Math.round(box.height)} px: ${element.outerHTML.slice(0, 160)}`);
    }
  }
  return faults;
}"""


def settled(page: Page) -> None:
    """Waits until the page has loaded and nothing in it waits for an answer: what waits is pale."""
    page.wait_for_load_state()
    expect(page.locator(".htmx-request")).to_have_count(0)


def overflow(page: Page) -> list[str]:
    """Whether the page is wider than the window, at each width; a region with a scroll of its own is fine."""
    return at_each_width(page, OVERFLOW)


def cut(page: Page) -> list[str]:
    """Text that is cut without saying so, at each width."""
    return at_each_width(page, CUT)


def small(page: Page) -> list[str]:
    """What is too small for a finger. The page has to be in a context with `has_touch`."""
    settled(page)
    found: list[str] = page.evaluate(SMALL, TOUCH)
    return found


def at_each_width(page: Page, script: str) -> list[str]:
    """What a script finds at each width; the window ends up as wide as it was."""
    settled(page)
    before: Any = page.viewport_size
    faults = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": before["height"]})
        page.evaluate(OLD)
        faults += [f"at {width} px: {fault}" for fault in page.evaluate(script)]
    page.set_viewport_size(before)
    return faults
