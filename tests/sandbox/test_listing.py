"""List and get."""

import pytest

FIELDS = {
    "id", "originalUrl", "title", "storageUrl", "source", "externalId", "english", "baser", "paragraphs",
    "oldParagraphs", "success", "error", "createdAt", "updatedAt", "mimeType", "type", "linkedJobId",
    "linkedKnowledgeId", "linkedOperation", "linkedReason", "linkedJobStatus", "changed",
}  # fmt: skip
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def walk(fini, query="limit=3", direction="next", cursor=None):
    """Read pages to the end."""
    pages = []
    while True:
        more = f"&cursor={cursor}&direction={direction}" if cursor else ""
        page = fini.get(f"?{query}{more}").data
        pages.append(page["documents"])
        if not page["hasMore"]:
            return pages
        cursor = page["documents"][-1 if direction == "next" else 0]["id"]


def test_a_workspace_starts_with_files_and_google_drive_sources_that_ended_usable(fini):
    answer = fini.get()
    documents = answer.data["documents"]
    assert (answer.status, answer.data["hasMore"]) == (200, False)
    assert [record["source"] for record in documents] == ["files"] * 3 + ["googledrive"] * 3
    assert all(record["success"] and record["paragraphs"] for record in documents)


def test_a_record_carries_every_field_and_the_same_ones_in_both_routes(fini):
    record = fini.get().data["documents"][0]
    assert set(record) == FIELDS
    assert fini.get(f"/{record['id']}").data == record


def test_a_registered_source_shows_no_job(fini):
    record = fini.get(f"/{fini.registered('a')['a']}").data
    shown = {key: record[key] for key in ("linkedJobStatus", "linkedJobId", "success", "error", "paragraphs")}
    assert shown == {
        "linkedJobStatus": None, "linkedJobId": None, "success": False, "error": "", "paragraphs": [],
    }  # fmt: skip


def test_the_list_is_sorted_by_updated_at_then_external_id_both_descending(fini, sandbox):
    names = ["b", "a", "c"]
    fini.register(*names)
    sandbox.advance(1)
    fini.register("0")
    documents = fini.get().data["documents"]
    assert [record["externalId"] for record in documents][:4] == ["0", "c", "b", "a"]
    assert documents == sorted(documents, key=lambda r: (r["updatedAt"], r["externalId"]), reverse=True)


def test_next_goes_to_older_ones_and_the_pages_hold_each_record_once(fini, sandbox):
    ids = sandbox.seed(count=8)
    pages = walk(fini, "limit=3&source=notion")
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [record["id"] for page in pages for record in page] == ids[::-1]


def test_previous_goes_to_newer_ones_and_keeps_the_order_inside_a_page(fini, sandbox):
    ids = sandbox.seed(count=8)
    pages = walk(fini, "limit=3&source=notion", "previous", cursor=ids[0])
    assert [[record["id"] for record in page] for page in pages] == [ids[3:0:-1], ids[6:3:-1], ids[7:]]


def test_a_record_that_moves_up_during_a_walk_is_missed_by_it_and_seen_by_the_next(fini, sandbox):
    ids = sandbox.seed(count=6)
    first = fini.get("?limit=3").data["documents"]
    sandbox.change(ids[0], title="Moved")
    rest = walk(fini, "limit=3", cursor=first[-1]["id"])
    assert ids[0] not in {record["id"] for page in rest for record in page}
    assert fini.get("?limit=1").data["documents"][0]["title"] == "Moved"


def test_a_cursor_record_that_moves_up_makes_the_walk_repeat(fini, sandbox):
    ids = sandbox.seed(count=6)
    sandbox.change(ids[3], changed=True)
    page = fini.get(f"?limit=2&cursor={ids[3]}").data["documents"]
    assert [record["id"] for record in page] == [ids[5], ids[4]]


def test_a_record_that_moves_back_and_forth_is_listed_once(fini, sandbox):
    ids = sandbox.seed(count=3)
    old = sandbox.documents()[1]["updatedAt"]
    for at in ("2020-01-01T00:00:00.000Z", old, "2020-01-01T00:00:00.000Z", old):
        sandbox.change(ids[1], updatedAt=at)
    assert [record["id"] for record in fini.get("?source=notion").data["documents"]] == ids[::-1]


def test_many_moves_leave_the_order_right(fini, sandbox):
    ids = sandbox.seed(count=600)
    sandbox.settings(weights={"usable": 1}, per_minute=None)
    for _ in range(2):
        fini.ingest(refresh=ids)
        sandbox.advance(20)
    pages = walk(fini, "limit=100&source=notion")
    flat = [record for page in pages for record in page]
    assert {record["id"] for record in flat} == set(ids)
    assert len(flat) == len(ids)
    assert flat == sorted(flat, key=lambda r: (r["updatedAt"], r["externalId"]), reverse=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("source=zendesk", ["z"]),
        ("english=false", ["z"]),
        ("changed=true", ["n"]),
        ("title=tRaVel", ["n"]),
        ("originalUrl=/HC/", ["z"]),
        ("linkedKnowledgeId=6f0f4f57-1b37-4f7a-8c5e-0d6a0a5be3b2", ["n"]),
        ("linkedOperation=UPDATE_ARTICLE", ["n"]),
        ("source=notion&changed=false", []),
        ("id=11111111-1111-4111-8111-111111111111", ["z"]),
    ],
)
def test_filters_narrow_the_list(fini, sandbox, query, expected):
    sandbox.settings(seed_sources=False)
    knowledge = {
        "linkedKnowledgeId": "6f0f4f57-1b37-4f7a-8c5e-0d6a0a5be3b2",
        "linkedOperation": "UPDATE_ARTICLE",
    }
    sandbox.seed(
        documents=[
            {"externalId": "n", "title": "Travel policy", "changed": True, **knowledge},
            {
                "id": "11111111-1111-4111-8111-111111111111",
                "source": "zendesk",
                "externalId": "z",
                "originalUrl": "https://acme.example/hc/1",
                "english": False,
            },
        ]
    )
    assert [record["externalId"] for record in fini.get(f"?{query}").data["documents"]] == expected


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=x", "limit=-1", "direction=up", "source=wiki", "english=yes",
        "changed=1", "linkedOperation=X", "page=2", "limit=1&limit=2", f"cursor={UNKNOWN}", "cursor=x",
    ],
)  # fmt: skip
def test_a_bad_query_is_refused(fini, query):
    answer = fini.get(f"?{query}")
    assert (answer.status, answer.data["error"]) == (400, "Bad Request")
    assert answer.data["message"]


def test_a_page_holds_50_unless_told(fini, sandbox):
    sandbox.seed(count=60)
    assert len(fini.get().data["documents"]) == 50
    assert len(fini.get("?limit=60").data["documents"]) == 60


def test_get_refuses_what_is_no_uuid_and_finds_no_unknown_one(fini):
    assert fini.get("/7").status == 400
    assert fini.get("/refresh").status == 400
    assert fini.get(f"/{UNKNOWN}").data == {"statusCode": 404, "message": "Not Found", "error": "Not Found"}


def test_another_workspaces_source_is_forbidden_and_in_no_list(fini, sandbox):
    foreign = sandbox.seed(documents=[{"externalId": "x"}], workspace="other")[0]
    assert fini.get(f"/{foreign}").status == 403
    assert foreign not in {record["id"] for record in fini.get("?limit=100").data["documents"]}
    assert fini.get(f"?cursor={foreign}").status == 400
