"""What an address suggests, for each provider's ways of writing one."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fini_admin.fini.addresses import Hint, hint_of, other_id
from fini_admin.fini.providers import PROVIDERS

ID = "0123456789abcdef0123456789abcdef"
DASHED = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("address", "title", "external_id"),
    [
        (f"https://www.notion.so/acme/Travel-policy-{ID}?pvs=4", "Travel policy", ID),
        (f"https://www.notion.so/Travel-policy-{ID.upper()}", "Travel policy", ID),
        (f"https://acme.notion.site/Reise-und-Sp%C3%A4tschicht-{ID}#h", "Reise und Spätschicht", ID),
        (f"https://app.notion.com/p/acme/A--B-{ID}/", "A B", ID),
        (f"https://www.notion.so/{ID}", "", ID),
        (f"https://www.notion.so/{DASHED}", "", ID),
        (f"https://www.notion.so/acme/Database-{ID}?v=1&p={ID[::-1]}&pm=s", "", ID[::-1]),
        (f"https://www.notion.so/acme/%FF-{ID}", "", ID),
        (f"https://www.notion.so/acme/a%00b-{ID}", "", ID),
        ("https://www.notion.so/acme/Travel-policy", "", ""),
        (f"https://www.notion.so/acme/Travel-policy-{ID}0", "", ""),
    ],
)
def test_a_notion_address(address: str, title: str, external_id: str) -> None:
    found = hint_of(address)
    assert (found.provider, found.title, found.external_id) == ("notion", title, external_id)
    assert bool(found.note) is not bool(external_id)


@pytest.mark.parametrize(
    ("address", "title", "external_id"),
    [
        ("https://acme.zendesk.com/hc/en-us/articles/360012-Parcel-is-late", "Parcel is late", "360012"),
        ("https://help.acme.example/hc/de/articles/360012-%C3%84rger?x=1#y", "Ärger", "360012"),
        ("https://help.acme.example/hc/articles/360012", "", "360012"),
        ("https://acme.zendesk.com/hc/en-us/articles/360012-", "", "360012"),
        ("https://acme.zendesk.com/hc/en-us/sections/7-Returns", "", ""),
    ],
)
def test_a_zendesk_address(address: str, title: str, external_id: str) -> None:
    found = hint_of(address)
    assert (found.provider, found.title, found.external_id) == ("zendesk", title, external_id)
    assert bool(found.note) is not bool(external_id)


@pytest.mark.parametrize(
    ("address", "title", "external_id"),
    [
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/884412/Travel+policy", "Travel policy", "884412"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/884412/A%2BB+%26+C", "A+B & C", "884412"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/884412", "", "884412"),
        ("https://acme.atlassian.net/wiki/spaces/HR/pages/edit-v2/884412", "", "884412"),
        ("https://acme.atlassian.net/wiki/spaces/HR/blog/2026/11/24/884412/News", "News", "884412"),
        ("https://wiki.acme.example/spaces/HR/pages/884412/Travel+policy", "Travel policy", "884412"),
        ("https://wiki.acme.example/pages/viewpage.action?pageId=884412", "", "884412"),
        ("https://acme.atlassian.net/wiki/spaces/HR/overview", "", ""),
    ],
)
def test_a_confluence_address(address: str, title: str, external_id: str) -> None:
    found = hint_of(address)
    assert (found.provider, found.title, found.external_id) == ("confluence", title, external_id)
    assert bool(found.note) is not bool(external_id)


@pytest.mark.parametrize(
    ("provider", "external_id", "address", "other"),
    [
        ("notion", DASHED.upper(), f"https://www.notion.so/Travel-policy-{ID}", ""),
        ("notion", ID[::-1], f"https://www.notion.so/Travel-policy-{ID}", ID),
        ("notion", ID, "https://www.notion.so/acme/Travel-policy", ""),
        ("zendesk", "7", "https://help.acme.example/hc/de/articles/360012", "360012"),
        ("zendesk", "7", "https://acme.atlassian.net/wiki/spaces/HR/pages/884412", ""),
        ("confluence", "7", "https://acme.atlassian.net/wiki/spaces/HR/pages/884412", "884412"),
    ],
)
def test_the_id_in_an_address_is_compared_with_the_one_beside_it(
    provider: str, external_id: str, address: str, other: str
) -> None:
    assert other_id(provider, external_id, address) == other


ARTICLE = "https://acme.zendesk.com/hc/en-us/articles/360012-Parcel-is-late"
QUOTED = quote(ARTICLE, safe="")
RESTRICTED = f"https://acme.zendesk.com/hc/en-us/restricted?return_to={QUOTED}"


@pytest.mark.parametrize(
    ("address", "external_id", "note"),
    [
        ("https://acme.zendesk.com/knowledge/articles/360012/en-us?brand_id=4", "360012", "is for agents"),
        ("https://acme.zendesk.com/knowledge/articles/360012", "360012", "is for agents"),
        (RESTRICTED, "360012", ARTICLE),
        (f"https://help.acme.example/hc/restricted?x=1&return_to={QUOTED}#a", "360012", ARTICLE),
        (
            "https://help.acme.example/hc/de/signin?return_to=%2Fhc%2Fde%2Farticles%2F7",
            "7",
            "/hc/de/articles/7",
        ),
        (f"https://acme.zendesk.com/access?return_to={quote(RESTRICTED, safe='')}", "360012", ARTICLE),
        ("https://acme.zendesk.com/knowledge/editor/01HX4Z/en-us?brand_id=4", "", "holds an ID of its own"),
        ("https://acme.zendesk.com/knowledge/articles/01HX4Z/en-us", "", "holds no article's ID"),
        ("https://help.acme.example/hc/en-us/sections/7-Returns", "", "leads to a section"),
        ("https://acme.zendesk.com/hc/categories/7", "", "leads to a category"),
        ("https://acme.zendesk.com/hc/en-us/restricted?return_to=javascript%3Aalert", "", "no article's ID"),
        ("https://acme.zendesk.com/hc/restricted?return_to=https%3A%2F%2F%5B", "", "no article's ID"),
    ],
)
def test_an_address_of_zendesk_that_is_not_the_articles_own(
    address: str, external_id: str, note: str
) -> None:
    found = hint_of(address)
    assert (found.provider, found.external_id) == ("zendesk", external_id)
    assert note in found.note
    if not external_id:
        assert "copy its address: the ID is the number after /articles/" in found.note


@pytest.mark.parametrize(
    ("address", "title", "note"),
    [
        ("https://wiki.acme.example/display/HR/Travel+policy", "Travel policy", "by its space and title"),
        (
            "https://acme.atlassian.net/wiki/display/HR/Caf%C3%A9+hours",
            "Café hours",
            "by its space and title",
        ),
        ("https://w.example/pages/viewpage.action?spaceKey=HR&title=A+b", "A b", "by its space and title"),
        ("https://acme.atlassian.net/wiki/spaces/HR/overview", "", "leads to a space"),
        ("https://acme.atlassian.net/wiki/spaces/HR", "", "leads to a space"),
        ("https://acme.atlassian.net/wiki/home", "", "holds no page's ID"),
        ("https://acme.atlassian.net/wiki/x/", "", "holds no page's ID"),
        ("https://acme.atlassian.net/wiki/x/AAAA", "", "holds no page's ID"),
        ("https://acme.atlassian.net/wiki/x/abcdefghijkl", "", "holds no page's ID"),
    ],
)
def test_an_address_of_confluence_that_does_not_hold_the_pages_id(
    address: str, title: str, note: str
) -> None:
    found = hint_of(address)
    assert (found.provider, found.title, found.external_id) == ("confluence", title, "")
    assert note in found.note
    assert "pageId=" in found.note


def tiny(number: int) -> str:
    """A page's short address, as Confluence makes it."""
    width = 4 if number < 2**32 else 8
    code = base64.b64encode(number.to_bytes(width, "little")).decode()
    return code.rstrip("=").rstrip("A").replace("/", "-").replace("+", "_")


@given(st.integers(1, 2**63 - 1) | st.integers(1, 2**24))
@example(65537)
@example(0x3FFFBE)  # its code has both letters that Confluence writes in its own way
def test_a_short_address_of_confluence_gives_the_pages_id(number: int) -> None:
    for address in ("https://acme.atlassian.net/wiki/x/{}", "https://w.example/confluence/x/{}/?a=1"):
        assert hint_of(address.format(tiny(number))) == Hint("confluence", "", str(number))


def test_known_short_addresses() -> None:
    assert hint_of("https://acme.atlassian.net/wiki/x/EIAj").external_id == "2326544"
    assert {tiny(0x3FFFBE), tiny(0xFF0000FB)} == {"vv8-", "_wAA-w"}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "javascript:alert(1)",
        f"https://notion.so.evil.example/Travel-{ID}",
        f"https://xnotion.so/Travel-{ID}",
        "https://acme.atlassian.net/jira/projects",
        "https://wiki.acme.example/pages/viewpage.action?pageId=x",
        "https://wiki.acme.example/pages/viewpage.action?pageId=٣",
        "https://example.com/hc/en-us/articles/none",
        "https://example.com/x/AQAB",
        "https://example.com/wiki/x/about",
        f"https://example.com/login?return_to={QUOTED}",
    ],
)
def test_an_address_that_says_nothing(address: str) -> None:
    assert hint_of(address) == Hint()


@given(
    st.text(), st.sampled_from(["www.notion.so", "a.zendesk.com", "a.atlassian.net/wiki/spaces/A/pages/1"])
)
def test_no_address_is_too_strange(rest: str, host: str) -> None:
    found = hint_of(f"https://{host}/{rest}")
    assert found.provider in {"", *PROVIDERS}
    assert len(found.title) <= 300
    assert found.title.isprintable()
    assert not found.external_id or found.external_id.isalnum()


def test_a_very_long_title_is_cut() -> None:
    assert len(hint_of(f"https://www.notion.so/{'a' * 5000}-{ID}").title) == 300
