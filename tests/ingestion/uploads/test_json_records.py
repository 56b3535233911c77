"""Complete records at any depth, in JSON and in JSON Lines: all of them arrive, and nothing else does."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.uploads.reading import Reading, read_text
from fini_admin.ingestion.uploads.rows import Unreadable

WIRE = ("originalUrl", "title", "externalId")
# Names that files hold around and inside records; those of the wire would make another record of what they stand in.
NAMES = st.sampled_from(
    [
        "children",
        "pages",
        "authors",
        "ancestors",
        "labels",
        "attachments",
        "data",
        "items",
        "id",
        "name",
        "url",
        "meta",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


class Numbered:
    """Gives each record of a document a number of its own, and remembers them."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def record(self, others: dict[str, Any]) -> dict[str, Any]:
        number = str(len(self.made) + 1)
        self.made.append(number)
        return others | {
            "originalUrl": f"https://a.example/{number}",
            "title": f"T{number}",
            "externalId": number,
        }


# A shape is either junk or "record" with what it carries, in lists and objects of any depth. A list never holds junk
# beside a record: that is a bad item, which has a test of its own.
SHAPES = st.recursive(
    st.tuples(st.just("record"), st.dictionaries(NAMES, JUNK, max_size=3)),
    lambda inner: (
        st.tuples(st.just("list"), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("object"), st.dictionaries(NAMES, inner, min_size=1, max_size=2), JUNK)
        | st.tuples(st.just("record"), st.dictionaries(NAMES, inner, max_size=2))
    ),
    max_leaves=12,
)


def built(shape: Any, numbers: Numbered) -> Any:
    """A shape as JSON values."""
    if not (isinstance(shape, tuple) and shape and shape[0] in ("record", "list", "object")):
        return shape
    if shape[0] == "list":
        return [built(inner, numbers) for inner in shape[1]]
    held = {name: built(inner, numbers) for name, inner in shape[1].items()}
    return numbers.record(held) if shape[0] == "record" else {"junk": shape[2]} | held


def ids(found: Reading) -> list[str]:
    return [resource.external_id for resource in found.resources]


@given(SHAPES)
def test_every_complete_record_arrives_and_nothing_else(shape: Any) -> None:
    numbers = Numbered()
    document = [built(shape, numbers)]
    found = read_text(json.dumps(document), "zendesk")
    assert (sorted(ids(found)), found.problems, found.duplicates) == (sorted(numbers.made), [], [])


@given(st.lists(SHAPES, min_size=2, max_size=4))
def test_json_and_json_lines_say_the_same(shapes: list[Any]) -> None:
    numbers = Numbered()
    values = [built(shape, numbers) for shape in shapes]
    objects = [value if isinstance(value, dict) else {"list": value} for value in values]
    whole = read_text(json.dumps(objects), "zendesk")
    lines = read_text("\n".join(map(json.dumps, objects)), "zendesk")
    assert (whole.resources, [one[1] for one in whole.problems]) == (
        lines.resources,
        [one[1] for one in lines.problems],
    )
    assert sorted(ids(lines)) == sorted(numbers.made)
    assert lines.unit == "line"


@given(st.lists(JUNK, min_size=1, max_size=4), st.integers(0, 4))
def test_an_item_beside_records_that_is_none_is_a_bad_line(junk: list[Any], place: int) -> None:
    record = Numbered().record({})
    items = [*junk[:place], record, *junk[place:]]
    for text, unit in ((json.dumps(items), "item"), (json.dumps({"data": {"items": items}}), "item")):
        found = read_text(text, "zendesk")
        assert (ids(found), found.unit) == (["1"], unit)
        assert [line for line, _, _ in found.problems] == [
            number for number, item in enumerate(items, 1) if item is not record
        ]


def test_a_bad_item_is_named_with_what_it_lacks() -> None:
    record = Numbered().record({})
    found = read_text(
        json.dumps([record, {"title": "Draft", "externalId": "2"}, 7, None, {"note": "x"}]), "zendesk"
    )
    assert found.problems == [
        (2, "originalUrl is missing: add it, or take the item out", '{"title": "Draft", "externalId": "2"}'),
        (3, "it is a number, not a record: take it out", "7"),
        (4, "it is null, not a record: take it out", "null"),
        (
            5,
            "externalId, title, originalUrl is missing: add it, or take the item out",
            '{"note": "x"}',
        ),
    ]


def test_a_file_without_a_complete_record_is_discoverys_tree() -> None:
    article = {"id": 9, "name": "Parcel", "html_url": "https://z.example/9", "object": "article"}
    tree = [
        {
            "id": "1",
            "object": "category",
            "children": [{"id": "2", "object": "section", "articles": [article]}],
        }
    ]
    for text in (json.dumps(tree), json.dumps(tree[0]), json.dumps({"resources": tree})):
        assert ids(read_text(text, "zendesk")) == ["9"]
    lines = "\n".join(map(json.dumps, [article, article | {"id": 10}]))
    found = read_text(lines, "zendesk")
    assert (ids(found), found.lines) == (["9", "10"], [1, 2])


def test_a_container_says_so_and_is_no_record() -> None:
    record = Numbered().record({"object": "article"})
    section = {"externalId": "s", "title": "S", "originalUrl": "https://a.example/s", "object": "section"}
    found = read_text(json.dumps([section | {"children": [record]}, record | {"externalId": "2"}]), "zendesk")
    assert (ids(found), found.problems) == (["1", "2"], [])
    assert found.notes == ["Left out because they only hold others (category or section): 1."]


def test_what_a_record_carries_never_becomes_one_however_much_it_looks_like_one() -> None:
    carried = [
        {"id": "u-1", "title": "Home", "url": "https://a.example/u"},
        {"externalId": "x", "title": "y"},
    ]
    record = Numbered().record({"ancestors": carried, "author": carried[0], "children": [carried]})
    found = read_text(json.dumps([record]), "confluence")
    assert (ids(found), found.problems) == (["1"], [])


@pytest.mark.parametrize("name", ["mimeType", "iconLink", "articles", "title"])
def test_a_value_at_any_depth_is_read_or_refused_in_words(name: str) -> None:
    for depth in range(700, 1_000, 5):
        nested = "[" * depth + "]" * depth
        item = f'{{"id": "1", "name": "T", "url": "https://a.example/1", "{name}": {nested}}}'
        for text in (f"[{item}]", f'[{{"id": "9", "object": "section", "articles": [{item}, {nested}]}}]'):
            with suppress(Unreadable):
                read_text(text, "zendesk")


def test_a_deep_chain_of_records_is_read_in_a_time_that_grows_with_its_size() -> None:
    """Each list is looked through once, not once for every list that it stands in."""
    junk = [[n] for n in range(200)]
    document: Any = {"junk": junk}
    numbers = Numbered()
    for _ in range(150):
        document = [numbers.record({}), {"deeper": document}]
    found = read_text(json.dumps(document), "zendesk")
    assert len(found.resources) == 150


RECORD = '{"originalUrl": "https://a.example/1", "title": "A", "externalId": "1"}'


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (f"[{RECORD}] [{RECORD}]", "something follows the end of the list"),
        (f"[{RECORD}", "it ends in the middle"),
        ('[{"title": "A\nB"}]', "a line break or tab stands inside a text"),
        (r'[{"title": "\q"}]', "a \\ stands before a letter that needs none"),
        ('[{"title": "A" "externalId": "1"}]', "a comma or a closing bracket is missing before it"),
        ('[{"title": "A", externalId: "1"}]', 'a name in double quotes (") is missing'),
        ('[{"title": "A}]', 'a text is not closed by a "'),
        ("[{'title': 'A'}]", "a text stands in single quotes"),
        ('[{“title”: "A"}]', "typographic quotes stand there"),
        (f"[{RECORD},]", "the comma before ] is one too many"),
        (f"[{RECORD}, // the first\n]", "a comment stands there"),
        ('[{"title": None}]', "a value is missing or is none that JSON has"),
    ],
)
def test_what_is_wrong_with_broken_json_is_said(text: str, cause: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(cause)):
        read_text(text, "zendesk")


@pytest.mark.parametrize(
    ("item", "lacking"),
    [
        (
            {"id": 9, "title": "Late", "url": "https://a.example/api/9", "html_url": "https://a.example/9"},
            "externalId, originalUrl",
        ),
        ({"externalId": "9", "title": "Late", "url": "https://a.example/9"}, "originalUrl"),
    ],
)
@pytest.mark.parametrize("provider", ["zendesk", "confluence"])
def test_an_item_by_other_names_that_is_none_of_the_tree_is_named(
    item: dict[str, Any], lacking: str, provider: str
) -> None:
    leaf = {"id": "1", "title": "T", "url": "https://a.example/1", "object": PROVIDERS[provider].kinds[-1]}
    holder = {"id": "8", "title": "S", "children": [leaf]}
    empty = [{"id": "7", "title": "E", "pages": []}, {"id": "6", "object": PROVIDERS[provider].kinds[0]}]
    for text in (json.dumps([item, holder, *empty]), "\n".join(map(json.dumps, [item, holder, *empty]))):
        found = read_text(text, provider)
        assert ids(found) == ["1"]
        ((line, said, shown),) = found.problems
        assert (line, said) == (1, f"{lacking} is missing: add it, or take the item out")
        assert shown.startswith(json.dumps(item)[:20])


def test_nan_as_programs_write_it_for_an_empty_cell_is_no_value() -> None:
    one = '{"originalUrl": "https://a.example/1", "title": "T", "externalId": "1", "mimeType": NaN, "object": NaN}'
    two = one.replace('"T"', "NaN")
    for text in (f"[{one}, {two}]", f"{one}\n{two}"):
        found = read_text(text, "zendesk")
        assert [(held.external_id, held.mime_type, held.object) for held in found.resources] == [
            ("1", "", "")
        ]
        assert [problem.said for problem in found.problems] == ["title is missing"]
