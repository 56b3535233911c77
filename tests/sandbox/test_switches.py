"""What PATCH /_sandbox/settings changes, where no other file tests it."""

import time
from urllib.error import HTTPError

import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def jobs(sandbox):
    return {record["externalId"]: record["jobCount"] for record in sandbox.documents()}


def test_settings_are_listed_and_changed_one_by_one(sandbox):
    before = sandbox.settings()
    after = sandbox.settings(max_page=25)
    assert (before["max_page"], before["per_minute"]) == (100, 100)
    assert after == {**before, "max_page": 25}


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"}, {"shuffle_ids": 1}, {"per_minute": 0}, {"per_minute": True}, {"latency": -1},
        {"pending_seconds": [2, 1]}, {"weights": {"other": 1}}, {"weights": {}}, {"connected": ["web"]},
        {"leaf_keys": {"mimeType": "x"}}, {"nested_keys": {"notion": "x"}}, {"outcomes": {"a": "lost"}},
        {"poisoned": "x"}, {"linked_share": 2}, {"paragraph_bytes": 0}, {"post_status": 500},
        {"redirects": ["x"]}, {"redirects": {"https://a.example/": "b"}},
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(sandbox, change):
    before = sandbox.settings()
    with pytest.raises(HTTPError) as caught:
        sandbox.settings(**change)
    caught.value.close()
    assert caught.value.code == 400
    assert sandbox.settings() == before


def test_pages_and_batches_can_be_bounded(fini, sandbox):
    sandbox.settings(max_page=2, max_batch=2)
    ids = list(fini.registered("a", "b").values())
    assert [fini.get("?limit=2").status, fini.get("?limit=3").status] == [200, 400]
    assert len(fini.get().data["documents"]) == 2
    refused = fini.register("a", "b", "c")
    assert refused.status == 400
    assert "resources must contain no more than 2 elements" in refused.data["message"]
    for answer in (
        fini.ingest([*ids, UNKNOWN]),
        fini.post("/refresh", {"documentIds": [*ids, UNKNOWN]}),
        fini.delete({"documentIds": [*ids, UNKNOWN]}),
    ):
        assert "must contain no more than 2 elements" in answer.data["message"]


def test_pages_can_be_larger(fini, sandbox):
    sandbox.settings(max_page=200)
    sandbox.seed(count=150)
    assert len(fini.get("?limit=150").data["documents"]) == 150


def test_a_refused_batch_changes_nothing_unless_acceptance_is_partial(fini, sandbox):
    ids = fini.usable("a", "b", "c")
    bodies = [
        ("POST", "", {"source": "notion", "documentIdsToAdd": [ids["a"], UNKNOWN]}, "a"),
        ("POST", "/refresh", {"documentIds": [UNKNOWN, ids["b"]]}, "b"),
        ("DELETE", "", {"documentIds": [ids["c"], UNKNOWN]}, "c"),
    ]
    before = jobs(sandbox)
    for method, path, body, _ in bodies:
        assert fini.call(method, f"/v2/documents/public{path}", body).status == 400
    assert jobs(sandbox) == before
    sandbox.settings(partial_acceptance=True)
    for method, path, body, _ in bodies:
        assert fini.call(method, f"/v2/documents/public{path}", body).status == 400
    after = jobs(sandbox)
    assert (after["a"], after["b"]) == (2, 2)
    assert "c" not in after


def test_messages_can_be_arrays(fini, sandbox):
    body = {"documentIds": [], "colour": "red"}
    text = fini.post("/refresh", body).data["message"]
    sandbox.settings(message_as_array=True)
    listed = fini.post("/refresh", body).data["message"]
    assert listed == ["property colour should not exist", "documentIds should not be empty"]
    assert text == "; ".join(listed)


def test_poison_sinks_any_batch_that_holds_it_without_being_named(fini, sandbox):
    ids = fini.usable("good", "bad", "worse")
    url = "https://help.acme.example/bad"
    sandbox.settings(poisoned=["bad", ids["worse"], url])
    answers = [
        fini.register("good", "bad"),
        fini.ingest([ids["good"], ids["worse"]]),
        fini.ingest(refresh=[ids["bad"]]),
        fini.ingest([url], source="web"),
        fini.post("/refresh", {"documentIds": [ids["good"], ids["bad"]]}),
    ]
    assert [answer.status for answer in answers] == [400] * 5
    assert not any("bad" in str(answer.data) or ids["worse"] in str(answer.data) for answer in answers)
    assert fini.post("/refresh", {"documentIds": [ids["good"]]}).status == 200


def test_text_can_be_longer(fini, sandbox):
    ids = fini.usable("a")
    sandbox.settings(paragraph_bytes=50_000)
    text = fini.get(f"/{ids['a']}").data["paragraphs"]
    assert 40_000 < sum(map(len, text)) < 60_000
    shown = {record["id"]: record["paragraphCount"] for record in sandbox.documents()}
    assert shown[ids["a"]] == len(text)


def test_the_sources_of_the_start_can_be_taken_away_and_brought_back(fini, sandbox):
    sandbox.settings(seed_sources=False)
    assert fini.get().data["documents"] == []
    sandbox.settings(seed_sources=True)
    assert len(fini.get().data["documents"]) == 6


def test_a_deleted_source_of_the_start_stays_away_when_another_setting_changes(fini, sandbox):
    gone = sandbox.documents()[0]["id"]
    assert fini.delete({"documentIds": [gone]}).status == 200
    sandbox.settings(max_page=50, seed_sources=True)
    assert len(sandbox.documents()) == 5


def test_posts_that_create_can_answer_201(fini, sandbox):
    sandbox.settings(post_status=201)
    assert fini.register("a").status == 201
    assert fini.get().status == 200


def test_latency_delays_answers_but_no_control_route(fini, sandbox):
    sandbox.settings(latency=0.2)
    start = time.monotonic()
    fini.get("?limit=1")
    waited = time.monotonic() - start
    sandbox.settings(latency=0)
    assert 0.2 <= waited < 2
