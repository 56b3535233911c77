"""A browser on a running product."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, ViewportSize

from tests.browser import stops
from tests.browser.chromium import AT_MOST, chromium
from tests.browser.guard import watch
from tests.browser.paths import log_in
from tests.browser.product import PEOPLE, Place, Product, running

# Playwright leaves an event loop in the main thread; Django would refuse the database to every later test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

DESK: ViewportSize = {"width": 1280, "height": 800}

Visit = Callable[..., Page]
# A log-in is shared for so long, in seconds.
FRESH = 240.0


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The installation that all of the browser's tests share; each makes a workspace of its own (`Product.place`)."""
    with running(tmp_path_factory.mktemp("product")) as product:
        yield product


@pytest.fixture(scope="session")
def parcels(product: Product) -> Place:
    """The workspace in which everything was done once (stops.py). A test that changes it makes its own."""
    return stops.furnished(product)


@pytest.fixture(scope="session")
def addresses(product: Product, parcels: Place) -> dict[str, str]:
    """What stands for `{…}` in the addresses of `stops.PAGES`."""
    return stops.filled_in(product, parcels)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """A person's browser without cookies; `page.goto("/")` is the product's front page."""
    context = browser.new_context(base_url=product.url, viewport=DESK)
    context.set_default_timeout(AT_MOST)
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
    """A role's log-in, or ada's, as the browser keeps it: made by the page and shared, for log-ins are limited.

    After ten minutes the product would ask for the password again before whatever is dangerous.
    """
    made: dict[str, tuple[float, StorageState]] = {}

    def log_in_once(role: str) -> StorageState:
        at, state = made.get(role, (-FRESH, {}))
        if time.monotonic() - at < FRESH:
            return state
        with browser.new_context(base_url=product.url) as context:
            page = context.new_page()
            log_in(page, PEOPLE[role][0] if role in PEOPLE else product.email, product.password)
            page.wait_for_url(lambda url: "/accounts/" not in url)
            made[role] = time.monotonic(), context.storage_state()
        return made[role][1]

    return log_in_once


@dataclass
class Tab:
    """A tab in a browser of its own, and what `watch` sees in it and in those that it opens."""

    page: Page
    options: dict[str, Any]
    faults: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, browser: Browser, url: str, options: dict[str, Any]) -> "Tab":
        context = browser.new_context(base_url=url, **options)
        context.set_default_timeout(AT_MOST)
        faults: list[str] = []

        def watched(page: Page) -> None:
            watch(page, url, faults)

        context.on("page", watched)
        return cls(context.new_page(), options, faults)

    def wipe(self) -> None:
        """As new: nothing of the last test is left in the page, in what it keeps, or around it."""
        context = self.page.context
        for other in context.pages:
            if other != self.page:
                other.close()
        self.page.unroute_all()
        self.page.goto("/healthz")
        if self.options.get("java_script_enabled", True):
            self.page.evaluate("sessionStorage.clear()")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(self.options["viewport"])
        context.clear_cookies()
        self.faults.clear()


@pytest.fixture(scope="session")
def idle() -> defaultdict[str, list[Tab]]:
    """Wiped tabs, by their options. A new one is a new process, which reads and compiles every script anew."""
    return defaultdict(list)


@pytest.fixture
def visit(
    browser: Browser,
    product: Product,
    session_of: Callable[[str], StorageState],
    idle: defaultdict[str, list[Tab]],
) -> Iterator[Visit]:
    """`visit("editor")` is a tab, in a browser of its own, in which that role is logged in.

    In `visit("")` nobody is. The options are the browser's. What `watch` sees in any of the tabs fails the test at
    its end.
    """
    used: list[Tab] = []

    def open_tab(role: str = "admin", **options: Any) -> Page:
        # Colours that are on their way from one theme to the other are neither.
        options = {"viewport": DESK, "reduced_motion": "reduce", **options}
        waiting = idle[str(sorted(options.items()))]
        tab = waiting.pop() if waiting else Tab.open(browser, product.url, options)
        used.append(tab)
        if role:
            tab.page.context.add_cookies(session_of(role)["cookies"])  # type: ignore[arg-type]  # as they came
        return tab.page

    yield open_tab
    faults = [fault for tab in used for fault in tab.faults]
    for tab in used:
        if tab.page.is_closed():
            tab.page.context.close()
        else:
            tab.wipe()
            idle[str(sorted(tab.options.items()))].append(tab)
    assert faults == []


@pytest.fixture
def sign_in(page: Page) -> Callable[[str, str], None]:
    """Logs in with an address and a password of the test's choice."""
    return lambda email, password: log_in(page, email, password)
