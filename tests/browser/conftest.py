"""A browser on a running product."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, ViewportSize

from tests.browser.chromium import chromium
from tests.browser.guard import watch
from tests.browser.paths import log_in
from tests.browser.product import PEOPLE, Product, running
from tests.support.product import ROOT

# Playwright leaves an event loop in the main thread; Django would refuse the database to every later test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

SCREENSHOTS = ROOT / "var" / "screenshots"
DESK: ViewportSize = {"width": 1280, "height": 800}

LONGEST_SHOT = 2400

Shot = Callable[[Page, str], Path]
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The installation that all of the browser's tests share; each makes a workspace of its own (`Product.place`)."""
    with running(tmp_path_factory.mktemp("product")) as product:
        yield product


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """A person's browser without cookies; `page.goto("/")` is the product's front page."""
    context = browser.new_context(base_url=product.url, viewport=DESK)
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, product: Product) -> Iterator[Page]:
    """A tab; what `watch` sees in it fails the test at its end."""
    page = context.new_page()
    faults = watch(page, product.url)
    yield page
    assert faults == []


@pytest.fixture
def signed_in(page: Page, product: Product) -> Page:
    """A tab in which the workspace's admin is logged in."""
    log_in(page, product.email, product.password)
    page.wait_for_url(lambda url: "/accounts/" not in url)
    return page


@pytest.fixture(scope="session")
def session_of(browser: Browser, product: Product) -> Callable[[str], StorageState]:
    """A role's log-in as the browser keeps it: done once by the page, for log-ins are limited."""

    @cache
    def log_in_once(role: str) -> StorageState:
        with browser.new_context(base_url=product.url) as context:
            page = context.new_page()
            log_in(page, PEOPLE[role][0], product.password)
            page.wait_for_url(lambda url: "/accounts/" not in url)
            return context.storage_state()

    return log_in_once


@pytest.fixture
def visit(browser: Browser, product: Product, session_of: Callable[[str], StorageState]) -> Iterator[Visit]:
    """`visit("editor")` is a new tab, in a browser of its own, in which that role is logged in.

    In `visit("")` nobody is. The options are the browser's. What `watch` sees in any of the tabs fails the test at
    its end.
    """
    with ExitStack() as contexts:
        faults: list[str] = []

        def watched(page: Page) -> None:
            watch(page, product.url, faults)

        def open_tab(role: str = "admin", **options: Any) -> Page:
            # Colours that are on their way from one theme to the other are neither.
            options = {"viewport": DESK, "reduced_motion": "reduce", **options}
            state = session_of(role) if role else None
            context = browser.new_context(base_url=product.url, storage_state=state, **options)
            contexts.enter_context(context)
            context.set_default_timeout(10_000)
            context.on("page", watched)
            return context.new_page()

        yield open_tab
    assert faults == []


@pytest.fixture
def sign_in(page: Page) -> Callable[[str, str], None]:
    """Logs in with an address and a password of the test's choice."""
    return lambda email, password: log_in(page, email, password)


@pytest.fixture(scope="session")
def shot() -> Shot:
    """Saves a picture of the page, of a very long one its beginning, as var/screenshots/NAME.png."""

    def take(page: Page, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        window = page.viewport_size or DESK
        height = page.evaluate("document.scrollingElement.scrollHeight")
        # What stays in the window while one scrolls would stand in the middle of a picture that is made by scrolling.
        page.set_viewport_size({"width": window["width"], "height": min(height, LONGEST_SHOT)})
        page.screenshot(path=path, animations="disabled")
        page.set_viewport_size(window)
        return path

    return take
