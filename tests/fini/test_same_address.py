"""Which addresses lead to the same page, as far as their spelling tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.fini.same_address import address_key
from tests.support.cpu import at_most

PAGE = "https://acme.zendesk.com/hc/en-us/articles/74001"


@pytest.mark.parametrize(
    "other",
    [
        "http://acme.zendesk.com/hc/en-us/articles/74001",
        "HTTPS://ACME.zendesk.com/hc/en-us/articles/74001",
        "https://acme.zendesk.com:443/hc/en-us/articles/74001",
        "https://acme.zendesk.com/hc/en-us/articles/74001/",
        "https://acme.zendesk.com/hc/en-us/articles/74001#h_01",
        "https://acme.zendesk.com/hc/en-us/articles/74001?utm_source=mail&gclid=1",
        "\u200bhttps://acme.zendesk.com/hc/en-us/articles/74001 ",
    ],
)
def test_spellings_of_one_page(other: str) -> None:
    assert address_key(other) == address_key(PAGE)


@pytest.mark.parametrize(
    "other",
    [
        "https://acme.zendesk.com/hc/de/articles/74001",
        "https://acme.zendesk.com/hc/en-us/articles/74001-Returns",
        "https://acme.zendesk.com/hc/en-us/articles/74001?page=2",
        "https://acme.zendesk.com:8443/hc/en-us/articles/74001",
        "https://acme.zendesk.com/hc/en-us/articles/74001#/inner",
        "https://acme.zendesk.com/HC/en-us/articles/74001",
        "https://other.zendesk.com/hc/en-us/articles/74001",
    ],
)
def test_other_pages(other: str) -> None:
    assert address_key(other) != address_key(PAGE)


@given(st.text())
def test_every_text_has_a_key_that_an_index_takes(address: str) -> None:
    assert len(address_key(address)) in (0, 32)


@pytest.mark.parametrize("query", ["q=a%20b", "q=a+b", "list", "q=a&q="])
def test_a_query_is_compared_as_it_stands_without_what_tracks(query: str) -> None:
    assert address_key(f"{PAGE}?{query}&utm_source=mail") == address_key(f"{PAGE}?{query}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/größe?q=ä", "https://a.example/gr%C3%B6%C3%9Fe?q=%C3%A4"),
        ("https://a.example/gr%c3%b6%c3%9fe", "https://a.example/gr%C3%B6%C3%9Fe"),
        ("https://Bücher.example/", "https://xn--bcher-kva.example"),
        ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
    ],
)
def test_an_address_beyond_ascii_is_the_same_page_as_browsers_escape_it(one: str, other: str) -> None:
    assert address_key(one) == address_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/a%2Fb", "https://a.example/a/b"),
        ("https://a.example/?q=a%26b", "https://a.example/?q=a&b"),
        ("https://a.example/?q=%E4", "https://a.example/?q=ä"),
        ("https://straße.example/", "https://strasse.example/"),
    ],
)
def test_what_an_escape_sets_apart_is_another_page(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)


def test_a_host_of_endless_letters_costs_no_time() -> None:
    with at_most(1):
        address_key(f"https://{''.join(map(chr, range(0x4E00, 0x4E00 + 8_000)))}.example/")
