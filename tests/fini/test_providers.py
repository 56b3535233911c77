"""Discovery is uneven: one tolerant adapter per provider (T9)."""

import json
from pathlib import Path

import pytest

from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.providers import DEEPEST, MIME_TYPE, PROVIDERS, Node, Why
from fini_admin.sandbox.providers import SHIPPED

COUNTS = {"notion": 397, "zendesk": 380, "confluence": 655}
MIME = {"notion": "text/markdown", "zendesk": "text/html", "confluence": "text/html"}


def leaves(provider: str, value: object) -> list[Node]:
    return list(PROVIDERS[provider].listing(value).leaves())


def catalogue(provider: str) -> list[dict]:
    return json.loads((Path(SHIPPED) / f"{provider}.json").read_text())


def renamed(value, names: dict[str, str]):
    """The same value with other keys."""
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {
            names.get(name, name): renamed(held, names)
            for name, held in value.items()
            if names.get(name, name)
        }
    return value


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_shipped_catalogue_is_read_whole(provider):
    found = leaves(provider, catalogue(provider))
    assert (len(found), len({leaf.external_id for leaf in found})) == (COUNTS[provider],) * 2
    assert {leaf.mime_type for leaf in found} == {MIME[provider]}
    assert all(leaf.title and leaf.original_url.startswith("https://") for leaf in found)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "names",
    [
        {"externalId": "id", "title": "name", "originalUrl": "url", "object": "type"},
        {"externalId": "pageId", "originalUrl": "html_url", "object": "kind"},
        {"externalId": "articleId", "originalUrl": "webUrl", "children": "sections", "pages": "items"},
        {"object": "", "children": "articles", "pages": "children"},
    ],
)
def test_trap_9_other_names_for_the_keys_make_the_same_tree(provider, names):
    value = catalogue(provider)
    known = [
        (leaf.external_id, leaf.title, leaf.original_url, leaf.mime_type) for leaf in leaves(provider, value)
    ]
    other = leaves(provider, renamed(value, names))
    assert [(leaf.external_id, leaf.title, leaf.original_url, leaf.mime_type) for leaf in other] == known


def test_trap_9_a_mime_type_that_discovery_gives_is_kept_and_else_the_default_is_offered():
    pages = [{"id": "1", "mimeType": "text/plain"}, {"id": "2", "mimeType": None}, {"id": "3"}]
    value = [{"key": "HR", "name": "People", "pages": pages}]
    space, *_ = PROVIDERS["confluence"].listing(value).nodes
    assert [leaf.mime_type for leaf in space.leaves()] == ["text/plain", "text/html", "text/html"]
    assert (space.mime_type, space.leaf, space.external_id, space.title) == ("", False, "HR", "People")


def test_trap_9_sections_inside_sections_hold_articles_but_are_none():
    article = {"id": "9", "title": "Parcel", "url": "https://z.example/9", "object": "article"}
    inner = {"id": "3", "object": "section", "children": [article]}
    value = [{"id": "1", "children": [{"id": "2", "object": "section", "children": [inner]}]}]
    assert [leaf.external_id for leaf in leaves("zendesk", value)] == ["9"]
    bare = renamed(value, {"object": ""})
    assert [leaf.external_id for leaf in leaves("zendesk", bare)] == ["9"]


def test_trap_9_pages_under_pages_are_resources_too():
    value = [
        {"key": "HR", "pages": [{"id": "1", "children": [{"id": "2", "pages": [{"id": "3"}]}]}, {"id": "4"}]}
    ]
    assert [leaf.external_id for leaf in leaves("confluence", value)] == ["1", "2", "3", "4"]


def test_trap_9_an_article_of_a_category_without_sections_is_found_by_what_it_says():
    value = [{"id": "1", "object": "category", "articles": [{"id": "2", "object": "article"}]}]
    assert [leaf.external_id for leaf in leaves("zendesk", value)] == ["2"]


def test_empty_branches_hold_nothing():
    value = [
        {"id": "1", "object": "category", "children": []},
        {"id": "2", "object": "category", "children": None},
    ]
    assert leaves("zendesk", value) == []
    assert leaves("confluence", [{"key": "HR", "pages": []}]) == []
    assert leaves("notion", []) == []


def test_notion_databases_are_resources_and_say_so():
    value = [{"externalId": "n", "object": "database"}]
    (leaf,) = leaves("notion", value)
    assert (leaf.object, leaf.mime_type) == ("database", "text/markdown")


def test_numbers_as_ids_are_text():
    assert [leaf.external_id for leaf in leaves("notion", [{"id": 360001, "title": None}])] == ["360001"]


@pytest.mark.parametrize("value", [{}, None, "x", [None], [[]], ["x"]])
def test_what_is_no_list_of_objects_is_not_understood(value):
    with pytest.raises(NotUnderstood):
        PROVIDERS["notion"].listing(value)


def listed(provider: str, value: object) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What is listed, each with its title, and what is remarked of what."""
    listing = PROVIDERS[provider].listing(value)
    return (
        [(leaf.external_id, leaf.title) for leaf in listing.leaves()],
        [(str(remark.why), remark.title) for remark in listing.remarks],
    )


def test_below_the_deepest_level_a_tree_is_cut_and_it_says_so():
    value: dict = {"id": "60", "title": "Page 60"}
    for number in reversed(range(60)):
        value = {"id": str(number), "title": f"Page {number}", "pages": [value]}
    found, remarked = listed("confluence", [value])
    assert [external_id for external_id, _ in found] == [str(number) for number in range(1, DEEPEST + 1)]
    assert remarked == [("too_deep", f"Page {DEEPEST + 1}")]


def test_an_item_without_an_id_is_left_out_and_what_it_holds_is_not():
    good = {"id": "2", "name": "Good"}
    value = [{"key": "HR", "pages": [{"id": None, "title": "Draft", "pages": [good]}, {"id": " \u200b"}]}]
    assert listed("confluence", value) == ([("2", "Good")], [("no_id", "Draft"), ("no_id", "")])
    assert listed("notion", [{"title": "Draft"}]) == ([], [("no_id", "Draft")])


@pytest.mark.parametrize("odd", [None, "x", 7, [], [{"id": "9"}], True])
def test_what_is_no_object_among_objects_is_left_out_at_every_depth(odd):
    article = {"id": "9", "title": "Good"}
    value = [odd, {"id": "1", "sections": [odd, {"id": "2", "articles": [article, odd]}]}]
    shown = ("no_object", json.dumps(odd))
    assert listed("zendesk", value) == ([("9", "Good")], [shown] * 3)


def test_one_id_is_one_resource_wherever_it_stands_again():
    twin = {"id": "7", "title": "Retouren", "url": "https://z.example/de/7"}
    page = {"id": "7", "title": "Returns", "url": "https://z.example/7"}
    value = [
        {"id": "1", "children": [{"id": "2", "children": [page, page]}, {"id": "3", "children": [twin]}]}
    ]
    found, remarked = listed("zendesk", value)
    assert (found, remarked) == ([("7", "Returns")] * 3, [("same_id", "Retouren")])
    assert {leaf.original_url for leaf in leaves("zendesk", value)} == {"https://z.example/7"}


def test_two_ways_to_write_a_notion_id_are_one_resource():
    plain = "0123456789abcdef0123456789abcdef"
    dashed = "01234567-89AB-cdef-0123-456789abcdef"
    found, remarked = listed("notion", [{"id": dashed, "title": "A"}, {"id": plain, "title": "B"}])
    assert (found, remarked) == ([(dashed, "A")] * 2, [("same_id", "B")])


@pytest.mark.parametrize(
    ("number", "external_id", "remarked"),
    [
        ("3.6001234567e+11", "360012345670", []),
        ("360012345671.0", "360012345671", []),
        ("0", "0", []),
        (str(2**53 - 1), str(2**53 - 1), []),
        (str(2**53), str(2**53), ["long_number"]),
        ("36001234567890123456", "36001234567890123456", ["long_number"]),
        ("36001234567890123456.0", None, ["unclear_id"]),
        ("1.5", None, ["unclear_id"]),
        ("1e999", None, ["unclear_id"]),
        ("NaN", None, ["unclear_id"]),
        ("true", None, ["no_id"]),
    ],
)
def test_a_whole_number_is_an_id_without_its_fraction(number: str, external_id: str | None, remarked: list):
    found, said = listed("notion", json.loads(f'[{{"externalId": {number}, "title": "A"}}]'))
    assert [leaf for leaf, _ in found] == ([external_id] if external_id else [])
    assert [why for why, _ in said] == remarked


def test_unseen_characters_go_from_the_ends_of_every_field():
    names = ("externalId", "title", "originalUrl", "mimeType", "object")
    value = [{name: f"\ufeff\u200b a\u200bb{name} \u2800\x00" for name in names}]
    (leaf,) = leaves("notion", value)
    held = (leaf.external_id, leaf.title, leaf.original_url, leaf.mime_type, leaf.object)
    assert held == tuple(f"a\u200bb{name}" for name in names)


def test_lists_beside_what_a_node_holds_hide_nothing_of_it():
    page = {"id": "1", "labels": [{"name": "hr"}], "pages": [{"id": "2"}], "children": [{"id": "3"}]}
    value = [{"key": "HR", "owners": [{"id": "u1"}], "pages": [page]}]
    assert [leaf.external_id for leaf in leaves("confluence", value)] == ["1", "3", "2"]


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("text/html", True),
        ("application/vnd.ms-excel", True),
        ("text/plain; charset=utf-8", True),
        ('multipart/mixed;boundary="a b"; q=1', True),
        ("html", False),
        ("text/html;", False),
        ("text/html; drop table", False),
        ("text/html\n", False),
        ("téxt/html", False),
        ('text/html; a="b', False),
    ],
)
def test_a_mime_type_is_two_names_and_parameters(value, fits):
    assert (MIME_TYPE.fullmatch(value) is not None) is fits


@pytest.mark.parametrize("depth", range(700, 1_000, 20))
def test_what_is_nested_too_deeply_to_be_written_is_an_empty_field(depth: int) -> None:
    nested: list = []
    for _ in range(depth):
        nested = [nested]
    answer = [{"id": "1", "title": "T", "url": "https://a.example/1", "iconLink": nested}, nested]
    found = PROVIDERS["notion"].listing(answer)
    assert [(leaf.external_id, leaf.title) for leaf in found.leaves()] == [("1", "T")]
    assert [remark.why for remark in found.remarks] == [Why.NO_OBJECT]
