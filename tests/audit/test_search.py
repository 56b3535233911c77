"""The language of searches: what is written is read again, whatever it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.audit import search
from fini_admin.audit.search import Term

KEYS = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
TERMS = st.builds(Term, st.one_of(st.just(""), KEYS), VALUES, st.booleans())


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("   ", ()),
        ("route:ingest", (Term("route", "ingest"),)),
        ("Route:ingest  -outcome:done", (Term("route", "ingest"), Term("outcome", "done", excluded=True))),
        ('error:"timed out" 360912', (Term("error", "timed out"), Term("", "360912"))),
        ('error:"he said \\"no\\""', (Term("error", 'he said "no"'),)),
        ('error:"not closed', (Term("error", "not closed"),)),
        ("duration:>2s", (Term("duration", ">2s"),)),
        ("since:2026-11-29T10:00", (Term("since", "2026-11-29T10:00"),)),
        ("https://help.example/a?b=c:d", (Term("", "https://help.example/a?b=c:d"),)),
        ("route:", (Term("route", ""),)),
        ("-", ()),
        ('""', ()),
    ],
)
def test_a_text_is_read_into_its_terms(text, terms):
    assert search.parse(text) == terms


@given(st.lists(TERMS, max_size=5))
def test_terms_that_are_written_are_read_as_the_same_terms(terms):
    assert search.parse(search.write(terms)) == tuple(terms)


@given(st.text())
def test_whatever_is_typed_is_read_and_what_was_read_is_written(text):
    terms = search.parse(text)
    assert search.parse(search.write(terms)) == terms


@pytest.mark.parametrize(
    ("text", "before", "term"),
    [
        ("", "", Term("", "")),
        ("route:ing", "", Term("route", "ing")),
        ("route:ingest ", "route:ingest ", Term("", "")),
        ("a -outcome:", "a ", Term("outcome", "", excluded=True)),
        ('a error:"timed o', "a ", Term("error", "timed o")),
        ("route:ingest -", "route:ingest ", Term("", "", excluded=True)),
    ],
)
def test_the_term_that_is_being_typed_is_the_last(text, before, term):
    assert search.last_term(text) == (before, term)
