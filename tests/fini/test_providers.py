"""Discovery is uneven: one tolerant adapter per provider (trap 9)."""

import json
from pathlib import Path

import pytest

from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.providers import MIME_TYPE, PROVIDERS, Node, provider_of
from fini_admin.sandbox.providers import SHIPPED

COUNTS = {"notion": 397, "zendesk": 380, "confluence": 655}
MIME = {"notion": "text/markdown", "zendesk": "text/html", "confluence": "text/html"}


def leaves(provider: str, value: object) -> list[Node]:
    return [leaf for node in provider_of(provider).tree(value) for leaf in node.leaves()]


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
    space, *_ = provider_of("confluence").tree(value)
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
    value = [{"externalId": "n", "object": "database", "iconLink": "https://i.example/i.svg"}]
    (leaf,) = leaves("notion", value)
    assert (leaf.object, leaf.icon, leaf.mime_type) == (
        "database",
        "https://i.example/i.svg",
        "text/markdown",
    )


def test_numbers_as_ids_are_text():
    assert [leaf.external_id for leaf in leaves("notion", [{"id": 360001, "title": None}])] == ["360001"]


@pytest.mark.parametrize("value", [{}, None, "x", [None], [[]], ["x"], [{"title": "no ID"}]])
def test_what_is_no_list_of_resources_is_not_understood(value):
    with pytest.raises(NotUnderstood):
        leaves("notion", value)


def test_a_tree_without_end_is_not_understood():
    value: dict = {"id": "1"}
    for number in range(60):
        value = {"id": str(number), "pages": [value]}
    with pytest.raises(NotUnderstood):
        leaves("confluence", [value])


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
