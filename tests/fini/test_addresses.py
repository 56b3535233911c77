"""What an address suggests, for each provider's ways of writing one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.fini.addresses import Hint, hint
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
    assert hint(address) == Hint("notion", title, external_id)


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
    assert hint(address) == Hint("zendesk", title, external_id)


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
    assert hint(address) == Hint("confluence", title, external_id)


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
    ],
)
def test_an_address_that_says_nothing(address: str) -> None:
    assert hint(address) == Hint()


@given(
    st.text(), st.sampled_from(["www.notion.so", "a.zendesk.com", "a.atlassian.net/wiki/spaces/A/pages/1"])
)
def test_no_address_is_too_strange(rest: str, host: str) -> None:
    found = hint(f"https://{host}/{rest}")
    assert found.provider in {"", *PROVIDERS}
    assert len(found.title) <= 300
    assert found.title.isprintable()


def test_a_very_long_title_is_cut() -> None:
    assert len(hint(f"https://www.notion.so/{'a' * 5000}-{ID}").title) == 300
