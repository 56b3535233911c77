"""What is sent: exactly this, and nothing that breaks a rule we can check ourselves (T4, T8)."""

import json

import pytest

from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.retry import REPEATABLE
from fini_admin.fini.routes import InvalidRequest, Resource

ROOT = "/v2/documents/public"
ID, OTHER = "0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11", "5a2c9e60-2c6c-4a0c-8a55-0f0c3b1f7b10"
URL, SECOND = "https://help.acme.example/refunds", "http://help.acme.example/invoices?a=1"
PAGE = Resource("n-4471", "Travel pölicy", "https://www.notion.so/n4471", "text/markdown", "page").body()
ID_SOURCES = [source for source in routes.INGESTIBLE if source != "web"]


@pytest.mark.parametrize(
    ("request_", "method", "target", "payload"),
    [
        (routes.list_sources(limit=25), "GET", "?limit=25", b""),
        (
            routes.list_sources(limit=5, cursor=ID, source="web"),
            "GET",
            f"?limit=5&cursor={ID}&direction=next&source=web",
            b"",
        ),
        (routes.get_source(ID), "GET", f"/{ID}", b""),
        (routes.discover("confluence"), "GET", "/resources/confluence", b""),
        (
            routes.register("notion", [PAGE]),
            "POST",
            "/resources/notion",
            '{"resources":[{"originalUrl":"https://www.notion.so/n4471","title":"Travel pölicy",'
            '"externalId":"n-4471","mimeType":"text/markdown","object":"page"}]}'.encode(),
        ),
        (
            routes.ingest("notion", add=[ID], refresh=[OTHER]),
            "POST",
            "",
            f'{{"source":"notion","documentIdsToAdd":["{ID}"],"documentIdsToRefresh":["{OTHER}"]}}'.encode(),
        ),
        (
            routes.ingest("web", add=[URL], refresh=[], english=True, baser=False),
            "POST",
            "",
            f'{{"source":"web","documentIdsToAdd":["{URL}"],"documentIdsToRefresh":[],"english":true,"baser":false}}'.encode(),
        ),
        (routes.refresh([ID]), "POST", "/refresh", f'{{"documentIds":["{ID}"]}}'.encode()),
        (routes.delete([ID]), "DELETE", "", f'{{"documentIds":["{ID}"],"deleteArticles":false}}'.encode()),
        (
            routes.delete([ID], with_articles=True),
            "DELETE",
            "",
            f'{{"documentIds":["{ID}"],"deleteArticles":true}}'.encode(),
        ),
        (
            routes.crawl([URL], limit=40),
            "POST",
            "/deep-crawl/links",
            f'{{"links":["{URL}"],"limit":40}}'.encode(),
        ),
    ],
)
def test_method_address_and_bytes_are_exactly_these(request_, method, target, payload):
    assert (request_.method, request_.target, request_.payload) == (method, ROOT + target, payload)


def test_what_may_be_repeated_and_how_large_an_answer_may_be():
    every: list[tuple[Request, bool, int]] = [
        (routes.list_sources(limit=1), True, 16),
        (routes.get_source(ID), True, 16),
        (routes.discover("notion"), True, 64),
        (routes.register("notion", [PAGE]), True, 16),
        (routes.crawl([URL]), True, 16),
        (routes.ingest("web", add=[URL], refresh=[]), False, 16),
        (routes.refresh([ID]), False, 16),
        (routes.delete([ID]), False, 16),
    ]
    for request, repeatable, most in every:
        assert (request.repeatable, request.most // 1024**2) == (repeatable, most), request.route
    assert {request.route for request, *_ in every} == set(REPEATABLE)


@pytest.mark.parametrize("lane", ["add", "refresh"])
@pytest.mark.parametrize(
    "wrong", [ID, "n-4471", "help.acme.example", "ftp://a.example", "https://", "javascript:x", ""]
)
def test_trap_8_web_takes_addresses_only(lane, wrong):
    with pytest.raises(InvalidRequest, match="address"):
        routes.ingest("web", **{"add": [URL], "refresh": [SECOND]} | {lane: [URL + "/x", wrong]})


@pytest.mark.parametrize("source", ID_SOURCES)
@pytest.mark.parametrize("lane", ["add", "refresh"])
@pytest.mark.parametrize("wrong", [URL, "help.acme.example/a", "", "a b", "a\n", "é"])
def test_trap_8_every_other_source_takes_ids_only(source, lane, wrong):
    with pytest.raises(InvalidRequest, match="not a source ID"):
        routes.ingest(source, **{"add": [], "refresh": []} | {lane: [ID, wrong]})


@pytest.mark.parametrize("call", [routes.refresh, routes.delete, lambda ids: routes.get_source(ids[-1])])
def test_trap_8_refresh_delete_and_get_take_ids_only(call):
    with pytest.raises(InvalidRequest, match="not a source ID"):
        call([ID, URL])


def test_trap_8_crawl_takes_addresses_only():
    with pytest.raises(InvalidRequest, match="address"):
        routes.crawl([URL, ID])


@pytest.mark.parametrize(
    "url",
    ["https://a.example/a b", "https://a.example/\n", " https://a.example", "http://[", "https://a/\ud800"],
)
def test_an_address_that_no_request_could_hold_is_refused(url):
    with pytest.raises(InvalidRequest):
        routes.crawl([url])


@pytest.mark.parametrize(
    "call",
    [
        lambda: routes.ingest("notion", add=[ID, ID], refresh=[]),
        lambda: routes.ingest("notion", add=[ID], refresh=[ID]),
        lambda: routes.ingest("web", add=[URL], refresh=[URL]),
        lambda: routes.refresh([ID, OTHER, ID]),
        lambda: routes.delete([ID, ID]),
        lambda: routes.crawl([URL, URL]),
        lambda: routes.register("notion", [PAGE, PAGE | {"title": "again"}]),
    ],
)
def test_nothing_stands_twice_in_a_batch(call):
    with pytest.raises(InvalidRequest, match="twice"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: routes.ingest("notion", add=[], refresh=[]),
        lambda: routes.refresh([]),
        lambda: routes.delete([]),
        lambda: routes.crawl([]),
        lambda: routes.register("notion", []),
    ],
)
def test_nothing_is_not_sent(call):
    with pytest.raises(InvalidRequest):
        call()


@pytest.mark.parametrize("name", ["originalUrl", "title", "externalId", "mimeType"])
@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_each_of_the_four_keys_is_required_and_named(name, empty):
    with pytest.raises(InvalidRequest, match=f"^{name} is missing$"):
        routes.register(
            "zendesk",
            [
                PAGE,
                PAGE | {"externalId": "n-2"} | {name: empty},
            ],
        )


@pytest.mark.parametrize("field", ["originalUrl", "title", "externalId", "mimeType", "object"])
def test_half_a_character_is_refused_before_it_fails_on_the_way_out(field):
    with pytest.raises(InvalidRequest, match="half of a character"):
        routes.register("notion", [PAGE | {field: "x\ud83d"}])


def test_the_optional_key_is_left_out_when_empty():
    page = Resource("n-1", "One", URL, "text/markdown").body()
    (sent,) = json.loads(routes.register("notion", [page]).payload)["resources"]
    assert set(sent) == {"originalUrl", "title", "externalId", "mimeType"}


@pytest.mark.parametrize("source", ["files", "googledrive", "web", "sharepoint", ""])
def test_only_the_three_providers_register(source):
    with pytest.raises(InvalidRequest):
        routes.register(source, [PAGE])


@pytest.mark.parametrize("source", ["files", "sharepoint", "", "Web"])
def test_only_five_sources_are_ingested(source):
    with pytest.raises(InvalidRequest):
        routes.ingest(source, add=[ID], refresh=[])


def test_a_provider_that_is_unknown_cannot_be_discovered():
    with pytest.raises(KeyError):
        routes.discover("googledrive")
