"""What a person does on the pages, by the accessible names that scripts rely on."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable

from playwright.sync_api import Error, Locator, Page, Route, expect

from tests.browser.product import Place

# A run of the whole catalogue, on a machine that has other things to do as well.
PATIENCE = 60_000


def button(within: Page | Locator, begins: str) -> Locator:
    """The button whose name begins so."""
    return within.get_by_role("button", name=re.compile(rf"^{re.escape(begins)}\b"))


def log_in(page: Page, email: str, password: str) -> None:
    """Fills in and sends the log-in form, by its fields' stable names; the answer's page is there when it returns."""
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    with page.expect_navigation():
        page.locator("[name=password]").press("Enter")


def choose_theme(page: Page, theme: str) -> None:
    """Chooses it in the account's menu; the page has it when it returns."""
    page.locator(".account > summary").click()
    with page.expect_navigation():
        page.get_by_role("button", name=theme, exact=True).click()


def add_key(page: Page, place: Place, *, follow: Callable[[Page], None] = lambda _: None) -> None:
    """Adds the workspace's key on the Keys page and has a worker verify it; the page follows, or `follow` does."""
    page.goto(place.at("keys/"))
    page.get_by_label("Label", exact=True).fill("main")
    page.get_by_label("API key", exact=True).fill(place.key)
    button(page, "Add key").click()
    expect(page.get_by_text("The key main is added")).to_be_visible()
    button(page, "Verify").click()
    follow(page)
    expect(page.get_by_text("It may read and write")).to_be_visible()


def discover(page: Page, place: Place, provider: str) -> int:
    """Discovers a provider; how many resources the button offers to select."""
    page.goto(place.at(f"discover/{provider}/"))
    button(page, "Discover").click()
    select = button(page, "Select all")
    expect(select).to_be_visible(timeout=PATIENCE)
    return number(select.inner_text())


def confirm(page: Page, begins: str) -> int:
    """Confirms the open preview and follows to its run; the run's number."""
    dialog, before = page.get_by_role("dialog"), page.url
    expect(dialog).to_be_visible()
    button(dialog, begins).click()
    return run_shown(page, before)


def run_shown(page: Page, before: str = "") -> int:
    """The number of the run whose page comes up; `before` is the address of the page that leads there."""
    page.wait_for_url(lambda url: url != before and bool(re.search(r"/runs/\d+/", url)))
    return number(page.url.rsplit("/runs/", 1)[1])


def ended(page: Page, timeout: int = PATIENCE) -> None:
    """Waits until the run's page says by itself that it has ended."""
    expect(page.get_by_role("status").get_by_text("ended")).to_be_visible(timeout=timeout)


def news(page: Page) -> None:
    """The page's clock asks now, not in a few seconds; returns when what it brought stands in the page."""
    with page.expect_response(lambda answer: "x-seen" in answer.request.headers):
        page.evaluate("document.body.dispatchEvent(new Event('poll'))")
    expect(page.locator(".htmx-request")).to_have_count(0)


def hide(page: Page, *, hidden: bool) -> None:
    """As when another tab comes to the front; a headless browser has no front."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def segments(page: Page) -> Counter[str]:
    """The numbers of a run's bar, by the segments' names in addresses, and *all*."""
    found = page.locator("[data-segment]").evaluate_all(
        "all => all.map(one => [one.dataset.segment, one.innerText])"
    )
    return Counter({name: number(text) for name, text in found})


def stats(page: Page) -> dict[str, int]:
    """The numbers of a page, by what they count."""
    found = page.locator("dl.stats > div").evaluate_all(
        "divs => divs.map(div => [div.querySelector('dt').innerText, div.querySelector('dd').innerText])"
    )
    return {name.strip().splitlines()[-1].strip(): number(text) for name, text in found}


def totals(page: Page) -> dict[str, int]:
    """The sources that Home counts, by state, and all of them; states without any are left out."""
    legend = page.get_by_role("list", name="Sources by state")
    expect(legend).to_be_visible()
    lines = [line.rsplit(None, 1) for line in legend.get_by_role("listitem").all_inner_texts()]
    whole = page.get_by_role("heading", name=re.compile(r"sources?$")).inner_text()
    return {name.strip(): number(text) for name, text in lines} | {"in all": number(whole)}


def number(text: str) -> int:
    """The first number in a text, grouped by thousands or not; 0 where there is none."""
    found = re.search(r"\d[\d,]*", text)
    return int(found[0].replace(",", "")) if found else 0


def held_back(page: Page, which: str | re.Pattern[str]) -> Callable[[], None]:
    """Answers to these requests wait until the function is called; from then on none does."""
    waiting: list[Route] = []
    gone: list[bool] = []
    page.route(which, lambda route: route.continue_() if gone else waiting.append(route))

    def go() -> None:
        gone.append(True)
        for route in waiting:
            with contextlib.suppress(Error):  # the page itself gave that request up
                route.continue_()

    return go
