"""The pages that somebody sees, with their tabs and parts, and everything that can be sent from them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.support.addresses import Address
from tests.support.markup import Control, Data, Form, Page
from tests.support.tables import undone
from tests.support.visitors import Visitor

HTMX = {"HX-Request": "true"}
HTML = "text/html"
OK = 200
# As many as the queue has lanes.
ALIKE = 4


@dataclass(frozen=True)
class Sending:
    """A form's button: where it leads, and what is sent when it is pressed."""

    page: str
    form: Form
    button: Control | None

    @property
    def path(self) -> str:
        """Where it leads."""
        return self.form.address(self.button)

    @property
    def said(self) -> str:
        """What stands on the button."""
        return " ".join(self.button.text.split()) if self.button else ""

    @property
    def data(self) -> Data:
        """What is sent, with every box ticked."""
        return self.form.data(self.button, ticked=True)


def pages(visitor: Visitor, addresses: Iterable[Address], *, deep: bool = True) -> list[Page]:
    """Every page that the visitor may see, `deep`: also by links of its own that lead to it: tabs, filters, parts."""
    seen: dict[str, Page | None] = {}
    for address in addresses:
        page = look(visitor, address.path, seen)
        if page and deep:
            for link in own_links(page):
                look(visitor, link, seen, part=link in page.parts)
    return [page for page in seen.values() if page]


def own_links(page: Page) -> list[str]:
    """Where a page leads to itself; of links that differ in one value alone a few."""
    alike: dict[str, list[str]] = {}
    for link in sorted(page.links | page.parts):
        to = urlsplit(link)
        if to.path == page.address:
            alike.setdefault(re.sub(r"=[^&]*$", "", to.query), []).append(link)
    return [link for links in alike.values() for link in links[:ALIKE]]


def look(visitor: Visitor, link: str, seen: dict[str, Page | None], *, part: bool = False) -> Page | None:
    """A page or a part of one, looked at once; None for what is no page."""
    link = link.partition("#")[0]
    if link not in seen:
        with undone():  # a link that confirms another person's address logs out
            answer = visitor.get(link, **(HTMX if part else {}))
        is_page = answer.status_code == OK and answer.headers["Content-Type"].startswith(HTML)
        seen[link] = Page(answer.content.decode(), link) if is_page else None
    return seen[link]


def sendings(pages: Iterable[Page]) -> Iterator[Sending]:
    """Each button of each form that writes, once; a form without a button is sent by Enter."""
    seen = set()
    for page in pages:
        for form in page.forms:
            buttons: list[Control | None] = [*form.buttons] or [None]
            for button in buttons if form.method == "POST" else ():
                sending = Sending(page.address, form, button)
                what = (sending.path, str(sorted(sending.data.items())))
                if what not in seen:
                    seen.add(what)
                    yield sending
