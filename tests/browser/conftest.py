"""A browser on a running product."""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, ViewportSize

from tests.browser.chromium import chromium
from tests.browser.guard import watch
from tests.browser.paths import log_in
from tests.browser.product import PEOPLE, Product, running

# Playwright leaves an event loop in the main thread; Django would refuse the database to every later test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

DESK: ViewportSize = {"width": 1280, "height": 800}

Visit = Callable[..., Page]
Idle = defaultdict[str, list[BrowserContext]]


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


@pytest.fixture(scope="session")
def idle(browser: Browser) -> Iterator[Idle]:
    """Browsers without cookies that nobody uses now, by their options.

    In a new one everything is fetched and compiled anew. What a page keeps besides cookies is its tab's.
    """
    contexts: Idle = defaultdict(list)
    yield contexts
    for opened in contexts.values():
        for context in opened:
            context.close()


@pytest.fixture
def visit(
    browser: Browser, product: Product, session_of: Callable[[str], StorageState], idle: Idle
) -> Iterator[Visit]:
    """`visit("editor")` is a new tab, in a browser of its own, in which that role is logged in.

    In `visit("")` nobody is. The options are the browser's. What `watch` sees in any of the tabs fails the test at
    its end.
    """
    faults: list[str] = []
    used: list[tuple[str, BrowserContext]] = []

    def watched(page: Page) -> None:
        watch(page, product.url, faults)

    def open_tab(role: str = "admin", **options: Any) -> Page:
        # Colours that are on their way from one theme to the other are neither.
        options = {"viewport": DESK, "reduced_motion": "reduce", **options}
        kind = str(sorted(options.items()))
        context = idle[kind].pop() if idle[kind] else browser.new_context(base_url=product.url, **options)
        used.append((kind, context))
        if role:
            context.add_cookies(session_of(role)["cookies"])  # type: ignore[arg-type]  # as they came
        context.set_default_timeout(10_000)
        context.on("page", watched)
        return context.new_page()

    yield open_tab
    for kind, context in used:
        for page in context.pages:
            page.close()
        context.remove_listener("page", watched)
        context.clear_cookies()
        idle[kind].append(context)
    assert faults == []


@pytest.fixture(scope="module")
def kept(
    browser: Browser, product: Product, session_of: Callable[[str], StorageState]
) -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    """A file's tabs, one for each role and each set of options, with what `watch` sees in them."""
    with ExitStack() as contexts:

        @cache
        def open_once(role: str, kind: str) -> tuple[Page, list[str]]:
            options = {"viewport": DESK, "reduced_motion": "reduce", **json.loads(kind)}
            context = browser.new_context(base_url=product.url, storage_state=session_of(role), **options)
            contexts.enter_context(context)
            context.set_default_timeout(10_000)
            page = context.new_page()
            return page, watch(page, product.url)

        yield lambda role, **options: open_once(role, json.dumps(options, sort_keys=True))


@pytest.fixture
def look(kept: Callable[..., tuple[Page, list[str]]]) -> Iterator[Visit]:
    """`look("editor")` is `visit`'s tab for a test that begins with an address and leaves nothing behind.

    The file's tests share it: a new tab is a new process, in which every script is read and compiled anew.
    """
    seen: list[list[str]] = []

    def go_on(role: str = "admin", **options: Any) -> Page:
        page, faults = kept(role, **options)
        seen.append(faults)
        if page.url != "about:blank":
            page.evaluate("sessionStorage.clear()")
        if page.viewport_size != (size := options.get("viewport", DESK)):
            page.set_viewport_size(size)
        return page

    yield go_on
    found = [fault for faults in seen for fault in faults]
    for faults in seen:
        faults.clear()
    assert found == []


@pytest.fixture
def sign_in(page: Page) -> Callable[[str, str], None]:
    """Logs in with an address and a password of the test's choice."""
    return lambda email, password: log_in(page, email, password)
