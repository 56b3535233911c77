"""Bodies to be read: folded, cut, bounded, escaped."""

import json
from typing import Any

import pytest
from django.template import engines
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.audit.bodies import _excerpt
from fini_admin.web import json_tree
from fini_admin.web.json_tree import JsonNode, view_of_body
from fini_admin.web.templatetags.json_view import json_view

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def tree(value: Any) -> JsonNode:
    found = view_of_body(json.dumps(value)).tree
    assert found
    return found


def nodes(node: JsonNode) -> int:
    return 1 + sum(map(nodes, node.children))


def depth_of_open(node: JsonNode) -> int:
    return 1 + max(map(depth_of_open, node.children), default=0) if node.open else 0


def test_the_first_two_levels_are_open_and_the_rest_is_folded():
    assert depth_of_open(tree([[[[1]]]])) == 2
    html = json_view(tree({"documents": [{"id": "a", "linked": {"job": 1}}]}))
    assert html.count("<details open>") == 2
    assert html.count("<details>") == 2


def test_a_long_text_is_cut_and_its_length_is_said():
    node = tree({"title": "x" * 12_345})
    assert (len(node.children[0].text), node.children[0].size) == (300, 12_345)
    assert "… 12,045 characters" in json_view(node)


def test_a_body_of_very_many_values_is_shown_in_part_and_the_rest_is_counted():
    node = tree({"ids": [[n] for n in range(100_000)], "after": [1, 2]})
    html = json_view(node)
    assert "100,000 entries" in html
    assert "99,800 entries more" in html
    assert [child.size for child in node.children] == [100_000, 2]


def test_a_page_never_carries_more_of_a_body_than_its_budget():
    node = tree([[[n] * 150 for n in range(150)] for _ in range(150)])
    assert nodes(node) == json_tree.MOST_NODES + 1
    assert len(json_view(node)) < 500_000


def test_a_body_nested_without_end_is_shown_to_a_depth_or_as_it_is():
    assert nodes(tree(json.loads("[" * 200 + "]" * 200))) == json_tree.MOST_LEVELS + 1
    deep = view_of_body("[" * 200_000 + "]" * 200_000)
    assert deep.tree is None
    assert len(deep.plain) == json_tree.LONGEST_PLAIN
    assert deep.left == 400_000 - json_tree.LONGEST_PLAIN


def test_markup_in_a_body_is_text():
    html = json_view(tree({"<b>name": "<script>alert(1)</script>", "list": ["<i>"]}))
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_numbers_names_and_double_names_stand_as_they_were_written():
    text = '{"a": 1.0, "a": 1e999, "b": 12345678901234567890, "c": "1", "d": null, "e": [], "f": {}}'
    node = view_of_body(text).tree
    assert node
    assert [(child.name, child.text) for child in node.children[:5]] == [
        ("a", "1.0"),
        ("a", "1e999"),
        ("b", "12345678901234567890"),
        ("c", "1"),
        ("d", "null"),
    ]
    html = json_view(node)
    assert "&quot;1&quot;" in html
    assert ">[]<" in html
    assert ">{}<" in html


def test_half_a_character_breaks_no_page():
    node = view_of_body('{"\\ud800": "\\udfff x"}').tree
    assert node
    json_view(node).encode()
    view_of_body("no JSON \ud800").plain.encode()


def test_what_is_no_json_is_shown_as_text():
    body = view_of_body("<html>Bad gateway</html>")
    assert (body.tree, body.plain, body.whole) == (None, "<html>Bad gateway</html>", True)


def test_of_a_body_that_was_cut_its_beginning_is_shown_and_its_size_said():
    body = view_of_body(_excerpt('{"documents": [', 5_000_000, "0" * 64))
    assert (body.tree, body.plain, body.size, body.whole) == (None, '{"documents": [', 5_000_000, False)
    short = view_of_body(_excerpt("<html>Bad gateway</html>", 24, "0" * 64))
    assert (short.plain, short.whole) == ("<html>Bad gateway</html>", True)


@pytest.mark.parametrize("size", ['"²"', "-1", "1e3", '"' + "9" * 5000 + '"', "null"])
def test_what_only_looks_like_a_cut_body_is_shown_as_it_is(size):
    assert view_of_body(f'{{"begins": "x", "bytes": {size}, "sha256": ""}}').tree


@given(VALUES)
def test_any_json_is_shown_whole_when_it_is_small(value):
    node = tree(value)
    html = engines["django"].from_string("{% load json_view %}{% json_view node %}").render({"node": node})
    assert html.count("<details") == html.count("</details>")
    html.encode()
