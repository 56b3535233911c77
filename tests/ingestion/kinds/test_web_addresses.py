"""Web addresses as people paste them."""

import string
import uuid
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.fini.same_address import address_key, loose_key
from fini_admin.ingestion.kinds.web_addresses import (
    MOST,
    NOT_INCLUDED,
    address_fault,
    matches,
    read_addresses,
    twins_among,
    why_left_out,
)
from tests.support.cpu import at_most

WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
PATHS = st.lists(WORDS, max_size=4).map("/".join)
HOSTS = WORDS.map(lambda word: f"help.{word}.example")
TRACKING = ("utm_source=mail", "utm_campaign=x&utm_term=y", "gclid=1", "fbclid=2", "msclkid=3", "dclid=4")


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """An address, and another spelling of the same page."""
    host, path = draw(HOSTS), draw(PATHS)
    query = draw(st.sampled_from(["", "page=2", "q=a%20b&lang=de"]))
    plain = f"https://{host}/{path}" + (f"?{query}" if query else "")
    scheme, port = draw(st.sampled_from([("https", ""), ("https", ":443"), ("http", ""), ("http", ":80")]))
    cased = draw(st.sampled_from([host, host.upper(), host.title()]))
    slash = draw(st.sampled_from(["", "/"])) if path else "/"
    tracked = "&".join(filter(None, [query, draw(st.sampled_from(["", *TRACKING]))]))
    fragment = draw(st.sampled_from(["", "#top", "#section-2"]))
    other = f"{scheme}://{cased}{port}/{path}{slash}" + (f"?{tracked}" if tracked else "") + fragment
    return plain, other


@given(spellings())
def test_spellings_of_one_page_are_twins(pair: tuple[str, str]) -> None:
    plain, other = pair
    assert twins_among([plain, other]) == {1: 0}
    found = read_addresses(f"{plain}\n{other}")
    assert found.problems == []
    assert found.addresses == list(dict.fromkeys(pair))


@given(HOSTS, st.lists(PATHS, min_size=2, max_size=8, unique=True))
def test_other_pages_are_no_twins(host: str, paths: list[str]) -> None:
    addresses = [f"https://{host}/{path}" for path in paths]
    assert twins_among(addresses) == {}
    assert len({loose_key(address) for address in addresses}) == len(addresses)


@given(st.uuids())
def test_an_id_is_caught_where_an_address_belongs(identity: uuid.UUID) -> None:
    for written in (str(identity), identity.hex):
        found = read_addresses(f"https://a.example/1\n{written}")
        assert found.addresses == ["https://a.example/1"]
        ((line, said, text),) = found.problems
        assert (line, text) == (2, written)
        assert "ID" in said


@given(st.text())
def test_every_text_is_read_and_nothing_that_came_is_lost(text: str) -> None:
    found = read_addresses(text)
    assert all(address_fault(address) == "" for address in found.addresses)
    assert len(found.addresses) == len(found.lines) == len(set(found.addresses))


@pytest.mark.parametrize(
    "written",
    [
        "help.acme.example/refunds",
        "ftp://a.example/x",
        "refunds",
        "https://",
        "mailto:a@b.example",
        "//a.example/x",
    ],
)
def test_what_is_no_address_is_said(written: str) -> None:
    assert "https://" in address_fault(written)


def test_an_address_that_stands_there_twice_names_the_first_line() -> None:
    found = read_addresses("https://a.example/1, https://a.example/2\n\nhttps://a.example/1")
    assert found.addresses == ["https://a.example/1", "https://a.example/2"]
    assert found.lines == [1, 1]
    assert found.duplicates == [(3, "the same as in line 1", "https://a.example/1")]


@pytest.mark.parametrize(
    "text", ["x " * 6_000_000, "https://a.example/1\n" * 600_000, "https://a.example/1," * 600_000]
)
def test_of_very_many_words_only_so_many_are_read_as_are_taken(text: str) -> None:
    with at_most(5):
        found = read_addresses(text)
    assert found.too_many
    assert len(found.addresses) + len(found.problems) + len(found.duplicates) == MOST
    assert not read_addresses("x " * MOST).too_many
    assert read_addresses("\n" * 12_000_000) == read_addresses("")


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("/docs/", True),
        ("https://acme.example/docs/*", True),
        ("*/docs/*", True),
        ("*/DOCS/setup", True),
        ("https://*/setup", True),
        ("*", True),
        ("/blog/", False),
        ("https://acme.example/docs", True),
        ("https://acme.example/docs/setup*more", False),
        ("*/docs/", False),
        ("*up*setup", False),
    ],
)
def test_patterns(pattern: str, fits: bool) -> None:
    assert matches("https://acme.example/docs/setup", pattern) is fits


@given(st.text("ab/*", max_size=12), st.text("ab/", max_size=20))
def test_a_pattern_means_what_a_shell_would_mean(pattern: str, address: str) -> None:
    if "*" in pattern:
        assert matches(address, pattern) == fnmatchcase(address, pattern)


def test_many_stars_cost_no_time() -> None:
    assert not matches("a" * 8_000, "*a" * 100 + "*b")


def test_include_comes_first_and_exclude_says_by_which_pattern() -> None:
    address = "https://acme.example/docs/old/1"
    assert why_left_out(address, [], []) == ""
    assert why_left_out(address, ["/docs/"], []) == ""
    assert why_left_out(address, ["/blog/"], []) == NOT_INCLUDED
    assert why_left_out(address, ["/docs/"], ["/new/", "*/old/*"]) == "Excluded by “*/old/*”"


def test_hosts_with_and_without_www_are_the_same_only_loosely() -> None:
    one, other = "https://acme.example/a/", "https://www.acme.example/a/index.html"
    assert address_key(one) != address_key(other)
    assert loose_key(one) == loose_key(other)


@pytest.mark.parametrize("between", [",", ";", ", ", ",\n", " "])
def test_two_addresses_on_one_line_are_two(between: str) -> None:
    found = read_addresses(f"https://a.example/x{between}https://a.example/y,")
    assert found.addresses == ["https://a.example/x", "https://a.example/y"]
    assert read_addresses("https://a.example/x,y").addresses == ["https://a.example/x,y"]


@pytest.mark.parametrize(
    "address", ["https://a.b:abc/", "https://a.b:99999/", "https://../x", "https://a.b:0/"]
)
def test_an_address_that_leads_nowhere_is_named(address: str) -> None:
    assert "is not an http(s) address" in address_fault(address)
