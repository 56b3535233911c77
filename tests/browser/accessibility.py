"""axe-core on a page: no violation of any impact, its best practices included."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

from tests.browser.layout import settled

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# Off by themselves though WCAG 2.2 AA asks for it.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
# All that can differ between two themes of the same page.
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What is wrong with the page as it stands, one line for each element.

    The script comes through the browser's own tools: the page's policy stays as it is and refuses nothing.
    """
    settled(page)
    page.evaluate(f"() => {{ if (!window.axe) {{ {AXE} }} }}")
    found = page.evaluate("options => axe.run(document, options)", options or OPTIONS)
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']}: {said(node)}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def in_both_themes(page: Page) -> list[str]:
    """Everything in the light theme; of the dark one what differs. The page ends up light."""
    page.emulate_media(color_scheme="dark")
    dark = violations(page, COLOURS)
    page.emulate_media(color_scheme="light")
    return violations(page) + [f"dark: {fault}" for fault in dark]


def said(node: dict[str, Any]) -> str:
    """What axe says of an element, and its markup."""
    checks = node["any"] + node["all"] + node["none"]
    return f"{'; '.join(check['message'] for check in checks)} {node['html'][:200]}"
