"""Discover and crawl."""

import pytest


def leaves(tree, nested):
    """Give what a tree holds at its ends."""
    for node in tree:
        if nested in node:
            yield from leaves(node[nested], nested)
        else:
            yield node


@pytest.mark.parametrize(
    ("provider", "nested"), [("notion", "-"), ("zendesk", "children"), ("confluence", "pages")]
)
def test_everything_a_provider_lists_can_be_registered_in_one_batch(fini, provider, nested):
    found = leaves(fini.get(f"/resources/{provider}").data, nested)
    items = [{**leaf, "mimeType": leaf.get("mimeType", "text/html")} for leaf in found]
    answer = fini.post(f"/resources/{provider}", {"resources": items})
    assert len(answer.data["addedDocumentIds"]) == len(items)


def test_notion_is_a_flat_list_with_the_documented_keys(fini):
    items = fini.get("/resources/notion").data
    assert len(items) == 397
    assert {tuple(item) for item in items} == {
        ("externalId", "title", "originalUrl", "mimeType", "iconLink", "object")
    }


@pytest.mark.parametrize(
    ("provider", "nested", "count"), [("zendesk", "children", 380), ("confluence", "pages", 655)]
)
def test_zendesk_and_confluence_are_trees_without_mime_type(fini, provider, nested, count):
    found = list(leaves(fini.get(f"/resources/{provider}").data, nested))
    assert len(found) == count
    assert not any("mimeType" in leaf for leaf in found)


@pytest.mark.parametrize(
    ("provider", "nested"), [("notion", "-"), ("zendesk", "children"), ("confluence", "pages")]
)
def test_only_what_was_imported_successfully_is_left_out(fini, sandbox, provider, nested):
    before = fini.get(f"/resources/{provider}").data
    good, bad, only_registered = (leaf["externalId"] for leaf in list(leaves(before, nested))[:3])
    sandbox.settings(weights={"usable": 1}, outcomes={bad: "failed"})
    ids = fini.registered(good, bad, only_registered, provider=provider)
    fini.ingest([ids[good], ids[bad]], source=provider)
    sandbox.advance(10)
    after = fini.get(f"/resources/{provider}").data
    gone = {leaf["externalId"] for leaf in leaves(before, nested)} - {
        leaf["externalId"] for leaf in leaves(after, nested)
    }
    assert gone == {good}


def test_containers_stay_when_everything_in_them_was_imported(fini, sandbox):
    space = fini.get("/resources/confluence").data[0]
    names = [page["externalId"] for page in space["pages"]]
    fini.usable(*names, provider="confluence")
    assert fini.get("/resources/confluence").data[0] == {**space, "pages": []}


def test_an_import_in_one_workspace_leaves_nothing_out_in_another(fini, sandbox):
    name = fini.get("/resources/notion").data[0]["externalId"]
    fini.usable(name)
    sandbox.add_key("fini_other_0123456789abcdef", "other")
    assert len(fini.get("/resources/notion").data) == 396
    assert len(fini.get("/resources/notion", key="fini_other_0123456789abcdef").data) == 397


def test_unsupported_and_unconnected_providers_are_refused(fini, sandbox):
    sandbox.settings(connected=["zendesk"])
    assert fini.get("/resources/googledrive").status == 400
    assert fini.get("/resources/notion").status == 400
    assert fini.register("a").status == 400
    assert fini.get("/resources/zendesk").status == 200


def test_keys_of_the_trees_can_be_named_otherwise(fini, sandbox):
    sandbox.settings(
        nested_keys={"zendesk": ["sections", "articles"], "confluence": "children"},
        leaf_keys={"externalId": "id", "originalUrl": "url"},
    )
    article = fini.get("/resources/zendesk").data[0]["sections"][0]["articles"][0]
    assert set(article) == {"id", "title", "url", "object"}
    assert set(fini.get("/resources/confluence").data[0]["children"][0]) == {"id", "title", "url"}
    assert "externalId" in fini.get("/resources/notion").data[0]


def test_a_crawl_gives_addresses_below_the_host_and_stores_nothing(fini, sandbox):
    before = sandbox.documents()
    seed = "https://docs.djangoproject.com/en/5.2/faq/"
    answer = fini.post("/deep-crawl/links", {"links": [seed], "limit": 7})
    assert (answer.status, answer.data["message"]) == (200, "Successfully crawled parent URLs")
    assert len(answer.data["data"]) == 7
    assert seed not in answer.data["data"]
    assert all(url.startswith("https://docs.djangoproject.com/") for url in answer.data["data"])
    assert sandbox.documents() == before


def test_a_crawl_of_an_unknown_host_invents_the_same_addresses_each_time(fini):
    body = {"links": ["https://help.acme.example"]}
    first, second = (fini.post("/deep-crawl/links", body).data["data"] for _ in range(2))
    assert first == second
    assert first
    assert all(url.startswith("https://help.acme.example/") for url in first)


def test_a_crawl_gives_250_unless_told(fini):
    assert (
        len(fini.post("/deep-crawl/links", {"links": ["https://docs.djangoproject.com/"]}).data["data"])
        == 250
    )


@pytest.mark.parametrize(
    "body",
    [
        {}, {"links": []}, {"links": "https://a.example"}, {"links": ["ftp://a.example"]}, {"links": ["a b"]},
        {"links": ["https://a.example"], "limit": 0}, {"links": ["https://a.example"], "depth": 2}, [],
    ],
)  # fmt: skip
def test_a_bad_crawl_is_refused(fini, body):
    assert fini.post("/deep-crawl/links", body).status == 400
