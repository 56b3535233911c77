"""A browser on a running product."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.guard import watch
from tests.browser.product import ROOT, Product, environment, manage, served

# Playwright leaves an event loop in the main thread; Django would refuse the database to every later test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

SCREENSHOTS = ROOT / "var" / "screenshots"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]

Shot = Callable[[Page, str], Path]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Set up as a deployment is: migrate, collectstatic, then people through commands."""
    env = environment(tmp_path_factory.mktemp("product"))
    manage(env, "migrate", "--noinput", "--verbosity", "0")
    manage(env, "collectstatic", "--noinput", "--verbosity", "0")
    manage(env, "add_workspace", Product.workspace, "--name", "Acme")
    who = ("--role", "admin", "--workspace", Product.workspace)
    manage(env, "add_user", Product.email, *who, given=Product.password)
    with served(env) as url:
        yield Product(url=url, env=env)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, or the one Playwright installed where the system has none (.ci/browser)."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    """A person's browser without cookies; `page.goto("/")` is the product's front page."""
    context = browser.new_context(base_url=product.url, viewport={"width": 1280, "height": 800})
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


def log_in(page: Page, email: str, password: str) -> None:
    """Fills in and sends the log-in form, by its labels, as a person does."""
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")


@pytest.fixture
def sign_in(page: Page) -> Callable[[str, str], None]:
    """Logs in with an address and a password of the test's choice."""
    return lambda email, password: log_in(page, email, password)


@pytest.fixture(scope="session")
def shot() -> Shot:
    """Saves a picture of the whole page as var/screenshots/NAME.png."""

    def take(page: Page, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")
        return path

    return take
