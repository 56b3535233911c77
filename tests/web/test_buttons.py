"""What a page offers, the server does (P6), and what somebody may do, a page offers: for each role, every button."""

import re
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from fini_admin.web.pages import MENU
from fini_admin.workspaces.models import Role
from fini_admin.workspaces.permissions import ALLOWED, Permission
from tests.support import tables
from tests.support.addresses import addresses
from tests.support.crawl import pages, sendings
from tests.support.markup import Page, words
from tests.support.visitors import House, Visitor, alone, house

__all__ = ["alone", "house"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alone")]

Seen = Callable[[str], list[Page]]

REFUSED = (403, 404, 405)
ROLES = ("viewer", "editor", "admin")
# The buttons of the pages, by their accessible names, which scripts rely on; and the permission that each needs.
ACTIONS: dict[str, Permission] = {
    r"Sync": Permission.SOURCES_DISCOVER,
    r"Discover": Permission.SOURCES_DISCOVER,
    r"Register": Permission.SOURCES_REGISTER,
    r"Register and ingest": Permission.SOURCES_INGEST,
    r"Crawl": Permission.SOURCES_CRAWL,
    r"Ingest": Permission.SOURCES_INGEST,
    r"Ingest the selected": Permission.SOURCES_INGEST,
    r"Ingest [\d,]+": Permission.SOURCES_INGEST,
    r"Preview import": Permission.SOURCES_REGISTER,
    r"Register [\d,]+": Permission.SOURCES_REGISTER,
    r"Register and ingest [\d,]+": Permission.SOURCES_INGEST,
    r"Send [\d,]+ to ingestion": Permission.SOURCES_INGEST,
    r"Send the selected to ingestion": Permission.SOURCES_INGEST,
    r"Select all [\d,]+": Permission.QUEUE_REMOVE,
    r"Refresh the selected": Permission.SOURCES_REFRESH,
    r"Refresh [\d,]+": Permission.SOURCES_REFRESH,
    r"Retry the selected": Permission.SOURCES_REFRESH,
    r"Retry [\d,]+": Permission.SOURCES_REFRESH,
    r"Pause": Permission.RUNS_STEER,
    r"Stop run [\d,]+": Permission.RUNS_STEER,
    r"Hold everything": Permission.WORK_HOLD,
    r"Register [\d,]+ again": Permission.SOURCES_REGISTER,
    r"Delete the selected": Permission.SOURCES_DELETE,
    r"Delete [\d,]+": Permission.SOURCES_DELETE,
    r"Remove the selected from the queue": Permission.QUEUE_REMOVE,
    r"Put the selected back into the queue": Permission.QUEUE_REMOVE,
    r"Add key": Permission.KEYS_MANAGE,
    r"Verify": Permission.KEYS_MANAGE,
    r"Switch to this key": Permission.KEYS_MANAGE,
    r"Save key": Permission.KEYS_MANAGE,
    r"Switch off Ourmark live": Permission.KEYS_MANAGE,
    r"Add member": Permission.MEMBERS_MANAGE,
    r"Change role": Permission.MEMBERS_MANAGE,
    r"Remove from Ourmark Company": Permission.MEMBERS_MANAGE,
    r"Save settings": Permission.SETTINGS_MANAGE,
    r"Take over": Permission.SETTINGS_MANAGE,
}
# The fields whose names scripts rely on, by the page that has them.
FIELDS = {
    "register": {"Provider", "Title", "URL", "External ID", "MIME type"},
    "keys": {"API key", "Label"},
}


@pytest.fixture(scope="module")
def seen(house) -> Seen:
    """The pages of somebody, looked at once; of a superuser, who is an admin in every workspace, the others."""

    def look(who: str) -> list[Page]:
        found = addresses(house.ours, house[who].user or house["admin"].user)
        here = who != "superuser"
        return pages(house[who], [one for one in found if here or not isinstance(one.rule, Permission)])

    return cache(look)


@pytest.mark.parametrize("who", [*ROLES, "superuser", "stranger", "anonymous"])
def test_no_button_is_offered_that_the_server_refuses(house, seen, who):
    offered = list(sendings(seen(who)))
    wrong = []
    for sending in offered:
        with tables.undone():
            answer = house[who].post(sending.path, sending.data)
        if answer.status_code in REFUSED or led_to_log_in(answer):
            wrong.append(f"{sending.page}: {sending.said!r} → {sending.path}: {answer.status_code}")
    assert offered
    assert wrong == []


@pytest.mark.parametrize("who", [*ROLES, "superuser", "stranger"])
def test_no_link_is_offered_that_the_server_refuses(house, seen, who):
    known = {urlsplit(page.address).path for page in seen(who)}
    links = {link for page in seen(who) for link in page.links if link.startswith("/")}
    filters = {form.address() for page in seen(who) for form in page.forms if form.method == "GET"}
    paths = {urlsplit(link).path: link for link in sorted(links | filters)}
    new = [link for path, link in paths.items() if path not in known]
    assert [link for link in new if refuses(house[who], link)] == []


def refuses(visitor: Visitor, link: str) -> bool:
    """Whether a link leads to a refusal."""
    with tables.undone():
        answer = visitor.get(link)
    return answer.status_code in REFUSED or led_to_log_in(answer)


def led_to_log_in(answer) -> bool:
    """Whether an answer says to log in first."""
    return "/accounts/login/?next=" in answer.headers.get("Location", "")


@pytest.mark.parametrize("who", ROLES)
def test_everybody_is_offered_what_they_may_do_and_nothing_else(seen, who):
    texts = {words(button.text) for page in seen(who) for button in page.buttons}
    offered = {action for action in ACTIONS if any(re.fullmatch(action, text) for text in texts)}
    assert offered == {action for action, asked in ACTIONS.items() if asked in ALLOWED[Role(who)]}


def test_the_fields_have_their_stable_names(seen, house):
    by_path = {page.address: page for page in seen("admin")}
    for view, names in FIELDS.items():
        assert names - set(by_path[reverse(view, args=[house.ours.slug])].labels) == set()


@pytest.mark.parametrize("who", ROLES)
def test_the_menu_leads_to_pages_that_are_headed_as_it_says(house: House, seen, who):
    by_path = {page.address: page for page in seen(who)}
    for entry in MENU:
        path = reverse(entry.view, args=[house.ours.slug])
        may = entry.permission in ALLOWED[Role(who)]
        assert any(path in page.links for page in seen(who)) == may
        if may:
            assert (by_path.get(path) or led_to(house[who], path)).heading == entry.text


def led_to(visitor: Visitor, path: str) -> Page:
    """The page that an address leads on to."""
    there = visitor.get(path).headers["Location"]
    return Page(visitor.get(there).content.decode(), there)
