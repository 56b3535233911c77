"""Answers are read tolerantly, and what cannot be read says so instead of crashing."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fini_admin.fini import errors, routes, wire
from fini_admin.fini.client import Answer, Request
from fini_admin.fini.errors import FiniError, NotUnderstood
from fini_admin.fini.routes import Resource
from fini_admin.fini.wire import Document, Removed

ID = "0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11"
PAGE = Resource("n-1", "Travel", "https://n.example/1", "text/markdown").body()
REQUESTS: dict[str, Request] = {
    "list": routes.list_sources(limit=5),
    "get": routes.get_source(ID),
    "notion": routes.discover("notion"),
    "zendesk": routes.discover("zendesk"),
    "confluence": routes.discover("confluence"),
    "register": routes.register("notion", [PAGE]),
    "ingest": routes.ingest("notion", add=[ID], refresh=[]),
    "refresh": routes.refresh([ID]),
    "delete": routes.delete([ID]),
    "crawl": routes.crawl(["https://a.example"]),
}
WORDS = st.sampled_from(
    "id documents hasMore paragraphs addedDocumentIds updatedDocumentIds deletedDocuments deletedArticles data "  # noqa: SIM905 - read as words
    "message error statusCode externalId title children pages object type success source".split()
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(ID)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(), inner, max_size=5)
)


def read(name: str, value: object, status: int = 200):
    return REQUESTS[name].read(Answer.of(status, json.dumps(value).encode()))


def test_a_record_needs_only_its_id():
    document = Document.parse({"id": ID})
    assert (document.id, document.success, document.changed, document.english) == (ID, False, None, None)
    texts = (
        document.source,
        document.title,
        document.error,
        document.job_status,
        document.reason,
        document.updated_at,
    )
    assert set(texts) == {""}
    assert (document.content.paragraphs, document.content.sha256, document.content.excerpt) == (0, "", "")


@pytest.mark.parametrize("field", [name for name in Document.__slots__ if name not in ("id", "content")])
def test_a_null_is_as_good_as_nothing(field):
    names = {"job_id": "linkedJobId", "job_status": "linkedJobStatus", "knowledge_id": "linkedKnowledgeId"}
    camel = names.get(field) or "".join(
        part if not number else part.title() for number, part in enumerate(field.split("_"))
    )
    assert getattr(Document.parse({"id": ID, camel: None}), field) == getattr(
        Document.parse({"id": ID}), field
    )


def test_unknown_values_of_an_enum_and_unknown_fields_are_kept_or_left():
    record = {
        "id": ID,
        "source": "sharepoint",
        "linkedJobStatus": "RETRYING",
        "linkedOperation": "X",
        "novel": [1],
    }
    document = Document.parse(record)
    assert (document.source, document.job_status, document.operation) == ("sharepoint", "RETRYING", "X")


def test_values_of_another_type_do_not_pass_for_what_they_are_not():
    record = {
        "id": ID,
        "success": "true",
        "changed": 1,
        "title": 7,
        "externalId": 884412,
        "paragraphs": "text",
    }
    document = Document.parse(record)
    assert (document.success, document.changed, document.title) == (False, None, "7")
    assert (document.external_id, document.content.paragraphs) == ("884412", 0)


def test_of_the_text_only_its_measure_and_an_excerpt_are_kept():
    content = Document.parse({"id": ID, "paragraphs": ["a" * 400, " ", None, 5, "b"]}).content
    assert (content.paragraphs, content.characters, content.excerpt) == (2, 404, "a" * 300)


@pytest.mark.parametrize(
    "bad", [None, "", 7, "a b", "../x", "é", "a" * 129, ["a"], {"id": "a"}, "a\n", "-a", "https://a"]
)
def test_a_wrong_id_is_not_understood(bad):
    for name, value in (
        ("get", {"id": bad}),
        ("list", {"documents": [{"id": ID}, {"id": bad}], "hasMore": False}),
        ("register", {"addedDocumentIds": [ID], "updatedDocumentIds": [bad]}),
        ("ingest", {"addedDocumentIds": [bad]}),
        ("refresh", [ID, bad]),
    ):
        with pytest.raises(NotUnderstood) as found:
            read(name, value)
        assert found.value.status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("list", []),
        ("list", {}),
        ("list", {"documents": None}),
        ("list", {"documents": {}}),
        ("list", {"documents": [[]]}),
        ("get", [{"id": ID}]),
        ("get", {}),
        ("get", None),
        ("notion", {}),
        ("notion", [[]]),
        ("register", {}),
        ("register", []),
        ("register", {"addedDocumentIds": None, "updatedDocumentIds": None}),
        ("register", {"addedDocumentIds": "a"}),
        ("refresh", {}),
        ("refresh", None),
        ("delete", {}),
        ("delete", {"deletedDocuments": None}),
        ("crawl", {}),
        ("crawl", []),
        ("crawl", {"data": "x"}),
    ],
)
def test_an_answer_of_another_shape_is_not_understood(name, value):
    with pytest.raises(NotUnderstood):
        read(name, value)


def test_one_of_two_lists_may_be_missing():
    assert read("register", {"addedDocumentIds": [ID]}).all == [ID]
    assert read("ingest", {"updatedDocumentIds": [ID], "addedDocumentIds": []}).all == [ID]
    assert read("ingest", {"addedDocumentIds": [ID], "updatedDocumentIds": [ID]}).all == [ID]
    assert read("ingest", {"addedDocumentIds": [ID], "updatedDocumentIds": None}).updated == []
    assert read("delete", {"deletedDocuments": [{"id": ID}, {"title": "x"}]}).documents == [Removed(ID, "")]
    assert read("list", {"documents": []}).has_more is False


def test_every_two_hundred_is_an_answer():
    assert [read("refresh", [ID], status) for status in (200, 201, 202, 207)] == [[ID]] * 4


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"statusCode": 400, "message": "title is missing", "error": "Bad Request"}, "title is missing"),
        ({"message": ["a must be", "b must not"]}, "a must be; b must not"),
        ({"message": ["a", None, 5, {"x": 1}]}, 'a; ; 5; {"x": 1}'),
        ({"message": "", "error": "Bad Request"}, "Bad Request"),
        ({"message": None, "error": None}, ""),
        ({"message": {"deep": 1}}, '{"deep": 1}'),
        ([], ""),
        ("text", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_message_of_an_error_is_text_a_list_or_nothing(body, said):
    with pytest.raises(errors.BadRequest) as found:
        read("list", body, 400)
    assert found.value.message == said


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"1" * 5000, b"[" * 200_000, b"NaN"])
def test_bytes_that_are_no_json_are_a_fini_error(body):
    for request in REQUESTS.values():
        with pytest.raises(NotUnderstood):
            request.read(Answer.of(200, body))
        with pytest.raises(errors.FiniFailed):
            request.read(Answer.of(502, body))


@pytest.mark.parametrize("depth", [*range(900, 1000, 7), 100_000])
@pytest.mark.parametrize(
    "start", ['{"id":"a","title":', '{"message":', '{"message":[1,', '{"documents":[{"id":"a","error":']
)
def test_an_answer_nested_as_deep_as_it_goes_is_a_fini_error(start, depth):
    body = (start + "[" * depth + "]" * depth + "".join("]}" if "[" in start else "}")).encode()
    for status in (200, 400):
        for request in REQUESTS.values():
            with suppress(FiniError):
                request.read(Answer.of(status, body))


def test_a_value_that_is_nested_too_deep_for_its_reader_is_not_understood():
    def parse(value: object) -> None:
        raise RecursionError

    with pytest.raises(NotUnderstood, match="nested too deep"):
        Request("get", "GET", "/", parse).read(Answer.of(200, b"{}"))


@pytest.mark.parametrize("name", REQUESTS)
@settings(max_examples=50)
@given(value=JSON, status=st.sampled_from([200, 201, 302, 400, 401, 403, 404, 418, 429, 500, 503]))
@example(value={"data": ["\ud800\x00"]}, status=200)
@example(value={"deletedDocuments": [{"id": "\ud800\x00"}]}, status=200)
@example(value={"message": ["\ud800\x00"]}, status=500)
def test_any_json_is_read_or_a_fini_error(name, value, status):
    try:
        said = repr(read(name, value, status))
    except NotUnderstood as error:
        said = error.message
    except FiniError as error:
        said = error.message
        assert_is_for(error, status)
    assert "\x00" not in said
    assert "\\ud800" not in said
    said.encode()


def assert_is_for(error: FiniError, status: int) -> None:
    assert type(error) is type(errors.for_status(status, "", None))
    assert error.status == status


@given(value=JSON)
def test_what_is_read_as_text_is_what_every_database_holds(value):
    text = wire.field_text(value)
    assert "\x00" not in text
    assert text.encode().decode() == text


def test_the_record_of_another_id_is_none_of_the_one_that_was_asked_for():
    assert read("get", {"id": ID}).id == ID
    with pytest.raises(NotUnderstood, match="another ID"):
        read("get", {"id": ID.upper()})


def test_no_part_of_a_key_is_left_of_a_text_that_is_cut():
    assert "fini_" not in wire.shortened(f"{'x' * 170} fini_abcdefghijklmnopqrstuvwxyz", 200)
