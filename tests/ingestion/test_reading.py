"""Resources from a file: every bad line is named, nothing is guessed silently."""

import json

import pytest

from fini_admin.ingestion.reading import Unreadable, read

GOOD = {"originalUrl": "https://a.example/1", "title": "One", "externalId": "1", "mimeType": "text/markdown"}


def as_json(*rows: object) -> bytes:
    return json.dumps(list(rows)).encode()


def test_a_list_and_the_register_calls_body_read_the_same() -> None:
    body = json.dumps({"resources": [GOOD]}).encode()
    assert read(as_json(GOOD), "notion") == read(body, "notion")


def test_a_csv_with_bom_and_semicolons_is_read() -> None:
    text = "\ufefftitle;externalId;originalUrl\nOne;1;https://a.example/1\n"
    resources, problems = read(text.encode(), "zendesk")
    assert problems == {}
    assert (resources[0].title, resources[0].mime_type) == ("One", "text/html")


def test_discoverys_tree_is_flattened() -> None:
    page = {"externalId": "7", "title": "Leave", "originalUrl": "https://a.example/7"}
    tree = as_json({"externalId": "HR", "title": "People", "pages": [page]})
    resources, problems = read(tree, "confluence")
    assert ([resource.external_id for resource in resources], problems) == (["7"], {})


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"title": ""}, "title is missing"),
        ({"title": None, "externalId": ""}, "title, externalId is missing"),
        ({"originalUrl": "ftp://a.example"}, "originalUrl is not an http(s) address"),
        ({"mimeType": "markdown"}, "mimeType is not a type like text/html"),
        ({"title": ["One"]}, "title is not a text"),
        ({"title": "fini_abcdefghijklmnop1234"}, "it holds what looks like an API key"),
        ({"externalId": "x" * 301}, "externalId is longer than 300 characters"),
        ({"externalId": "1"}, "externalId stands in line 1 already"),
    ],
)
def test_a_bad_line_is_named_with_its_number(changed: dict[str, object], problem: str) -> None:
    resources, problems = read(as_json(GOOD, GOOD | {"externalId": "2"} | changed), "notion")
    assert len(resources) == 1
    assert problems == {2: problem}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"[{", "not JSON"),
        (b'{"items": []}', "neither a list"),
        ("title,externalId\nÄ,1".encode("latin-1"), "not UTF-8"),
        (b"title,externalId\nOne,1", "no column originalUrl"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read(content, "notion")
