"""Refresh and delete."""

import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"
BAD_BODIES = [
    {},
    {"documentIds": []},
    {"documentIds": "x"},
    {"documentIds": ["x"]},
    {"documentIds": [UNKNOWN]},
]


def statuses(sandbox, ids):
    return {record["id"]: record["linkedJobStatus"] for record in sandbox.documents() if record["id"] in ids}


def test_refresh_answers_a_bare_array_and_takes_all_sources_together(fini, sandbox):
    ids = [*fini.usable("a").values(), *fini.usable("z", provider="zendesk").values()]
    answer = fini.post("/refresh", {"documentIds": [*ids, ids[0]]})
    assert (answer.status, sorted(answer.data)) == (200, sorted(ids))
    assert statuses(sandbox, ids) == dict.fromkeys(ids, "PENDING")


def test_raw_files_cannot_be_refreshed(fini, sandbox):
    raw = next(record["id"] for record in sandbox.documents() if record["source"] == "files")
    assert fini.post("/refresh", {"documentIds": [raw]}).status == 400


def test_a_never_ingested_one_is_not_refreshed_unless_allowed(fini, sandbox):
    ids = list(fini.registered("a").values())
    assert fini.post("/refresh", {"documentIds": ids}).status == 400
    sandbox.settings(refuse_refresh_never_ingested=False)
    assert fini.post("/refresh", {"documentIds": ids}).data == ids


@pytest.mark.parametrize("body", [*BAD_BODIES, {"documentIds": [UNKNOWN], "source": "notion"}])
def test_a_bad_refresh_is_refused(fini, body):
    assert fini.post("/refresh", body).status == 400


def test_deleted_sources_are_gone_and_can_be_registered_anew(fini, sandbox):
    ids = fini.registered("a", "b")
    answer = fini.delete({"documentIds": [ids["a"]]})
    assert answer.status == 200
    assert answer.data == {
        "deletedDocuments": [
            {"id": ids["a"], "title": "Page a", "originalUrl": "https://www.notion.so/acme/a"}
        ],
        "deletedArticles": [],
    }
    assert fini.get(f"/{ids['a']}").status == 404
    assert fini.delete({"documentIds": list(ids.values())}).status == 400
    assert fini.get(f"/{ids['b']}").status == 200
    assert fini.register("a").data["addedDocumentIds"] not in ([], [ids["a"]])


def test_articles_go_only_when_asked_for(fini, sandbox):
    sandbox.settings(linked_share=1.0)
    ids = fini.usable("a", "b")
    linked = fini.get(f"/{ids['b']}").data["linkedKnowledgeId"]
    assert fini.delete({"documentIds": [ids["a"]]}).data["deletedArticles"] == []
    articles = fini.delete({"documentIds": [ids["b"]], "deleteArticles": True}).data["deletedArticles"]
    assert [(article["id"], article["title"]) for article in articles] == [(linked, "Page b")]
    assert set(articles[0]) == {"id", "title", "parentFolderId"}


def test_deleting_ends_a_running_job(fini, sandbox):
    ids = fini.registered("a")
    fini.ingest(ids.values())
    assert fini.delete({"documentIds": list(ids.values())}).status == 200
    sandbox.advance(60)
    assert statuses(sandbox, ids.values()) == {}


@pytest.mark.parametrize("body", [*BAD_BODIES, {"documentIds": [UNKNOWN], "deleteArticles": "no"}])
def test_a_bad_delete_is_refused(fini, body):
    assert fini.delete(body).status == 400


def test_another_workspaces_ids_are_forbidden(fini, sandbox):
    foreign = sandbox.seed(count=1, workspace="other")
    assert fini.post("/refresh", {"documentIds": foreign}).status == 403
    assert fini.delete({"documentIds": foreign}).status == 403
    assert len(sandbox.documents("other")) == 1
