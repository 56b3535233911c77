"""Ingest and the jobs it starts."""

import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"
URLS = ["https://help.acme.example/refunds", "https://help.acme.example/invoices"]


def states(sandbox):
    return {record["externalId"]: record["linkedJobStatus"] for record in sandbox.documents()}


def test_a_job_goes_from_pending_over_in_progress_to_completed(fini, sandbox):
    ids = fini.registered("a")
    sandbox.settings(pending_seconds=[1000, 1000], running_seconds=[2000, 2000], weights={"usable": 1})
    assert fini.ingest(ids.values()).data == {"addedDocumentIds": [ids["a"]], "updatedDocumentIds": []}
    seen = [fini.get(f"/{ids['a']}").data]
    for seconds in (900, 200, 1800, 200):
        sandbox.advance(seconds)
        seen.append(fini.get(f"/{ids['a']}").data)
    assert [record["linkedJobStatus"] for record in seen] == [
        "PENDING", "PENDING", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED",
    ]  # fmt: skip
    assert [record["updatedAt"] for record in seen] == sorted(record["updatedAt"] for record in seen)
    assert len({record["updatedAt"] for record in seen}) == 3
    assert len({record["linkedJobId"] for record in seen}) == 1
    assert (seen[0]["success"], seen[-1]["success"], seen[-1]["error"]) == (False, True, "")
    assert 400 < len("".join(seen[-1]["paragraphs"])) < 800


def test_transitions_bear_their_own_time_not_that_of_the_look(fini, sandbox):
    ids = fini.registered("a")
    sandbox.settings(pending_seconds=[1, 1], running_seconds=[1, 1])
    fini.ingest(ids.values())
    sandbox.advance(3600)
    fini.register("b")
    first, second = fini.get("?limit=2").data["documents"]
    assert (first["externalId"], second["externalId"]) == ("b", "a")
    assert first["updatedAt"] > second["updatedAt"]


@pytest.mark.parametrize(
    ("outcome", "status", "success", "fails"),
    [
        ("failed", "FAILED", False, True),
        ("empty", "COMPLETED", False, False),
        ("never", "IN_PROGRESS", False, False),
    ],
)
def test_jobs_can_end_otherwise(fini, sandbox, outcome, status, success, fails):
    ids = fini.registered("a")
    sandbox.settings(weights={outcome: 1})
    fini.ingest(ids.values())
    sandbox.advance(100_000)
    record = fini.get(f"/{ids['a']}").data
    assert (record["linkedJobStatus"], record["success"], bool(record["error"])) == (status, success, fails)
    assert record["paragraphs"] == []


def test_outcomes_follow_the_weights_and_come_out_the_same_again(fini, sandbox):
    def run():
        sandbox.reset()
        sandbox.settings(weights={"usable": 0.5, "failed": 0.5})
        ids = fini.registered(*(str(number) for number in range(60)))
        fini.ingest(ids.values())
        sandbox.advance(10)
        return {name: status for name, status in states(sandbox).items() if name in ids}

    first = run()
    assert 15 < list(first.values()).count("FAILED") < 45
    assert run() == first


def test_some_usable_sources_are_linked_to_an_article(fini, sandbox):
    sandbox.settings(linked_share=1.0)
    record = fini.get(f"/{fini.usable('a')['a']}").data
    assert record["linkedKnowledgeId"]
    assert record["linkedOperation"] == "ADD_ARTICLE_TO_FOLDER"


def test_web_takes_urls_without_registration_and_once_each(fini, sandbox):
    answer = fini.ingest([*URLS, URLS[0]], source="web")
    records = {record["originalUrl"]: record for record in sandbox.documents() if record["source"] == "web"}
    assert set(records) == set(URLS)
    assert sorted(answer.data["addedDocumentIds"]) == sorted(record["id"] for record in records.values())
    assert all(record["externalId"] != url for url, record in records.items())
    assert fini.ingest(refresh=URLS[:1], source="web").data["updatedDocumentIds"] == [records[URLS[0]]["id"]]


def test_two_addresses_that_lead_to_one_page_become_one_record_under_that_pages_address(fini, sandbox):
    home = "https://help.acme.example/"
    sandbox.settings(redirects={URLS[0]: home, URLS[1]: home})
    answer = fini.ingest(URLS[:2], source="web")
    (record,) = [record for record in sandbox.documents() if record["source"] == "web"]
    assert (record["originalUrl"], answer.data["addedDocumentIds"]) == (home, [record["id"]])
    assert record["jobCount"] == 1


def test_web_is_the_source_when_none_is_named(fini):
    assert len(fini.post("", {"documentIdsToAdd": URLS}).data["addedDocumentIds"]) == 2


def test_english_and_baser_are_kept_and_have_defaults(fini):
    ids = fini.registered("a", "b")
    fini.post("", {"source": "notion", "documentIdsToAdd": [ids["a"]], "english": False, "baser": True})
    fini.ingest([ids["b"]])
    shown = [fini.get(f"/{ids[name]}").data for name in "ab"]
    assert [(record["english"], record["baser"]) for record in shown] == [(False, True), (True, False)]


def test_adding_an_ingested_one_is_a_new_job_unless_refused(fini, sandbox):
    ids = fini.usable("a")
    before = fini.get(f"/{ids['a']}").data["linkedJobId"]
    assert fini.ingest(ids.values()).data["addedDocumentIds"] == [ids["a"]]
    assert fini.get(f"/{ids['a']}").data["linkedJobId"] != before
    sandbox.settings(refuse_add_ingested=True)
    assert fini.ingest(ids.values()).status == 400


def test_queueing_twice_replaces_the_job_that_runs(fini, sandbox):
    ids = fini.registered("a")
    sandbox.settings(pending_seconds=[500, 500], running_seconds=[500, 500])
    fini.ingest(ids.values())
    sandbox.advance(400)
    fini.ingest(ids.values())
    sandbox.advance(200)
    record = next(record for record in sandbox.documents() if record["id"] == ids["a"])
    assert (record["linkedJobStatus"], record["jobCount"]) == ("PENDING", 2)


def test_a_never_ingested_one_is_not_refreshed_unless_allowed(fini, sandbox):
    ids = fini.registered("a")
    assert fini.ingest(refresh=ids.values()).status == 400
    assert fini.ingest(refresh=URLS, source="web").status == 400
    assert states(sandbox)["a"] is None
    sandbox.settings(refuse_refresh_never_ingested=False)
    assert fini.ingest(refresh=ids.values()).data["updatedDocumentIds"] == [ids["a"]]


def test_a_failed_refresh_keeps_the_text_and_a_good_one_moves_it_to_old(fini, sandbox):
    ids = fini.usable("a")
    text = fini.get(f"/{ids['a']}").data["paragraphs"]
    sandbox.settings(outcomes={"a": "failed"})
    fini.ingest(refresh=ids.values())
    sandbox.advance(10)
    assert fini.get(f"/{ids['a']}").data["paragraphs"] == text
    sandbox.settings(outcomes={})
    sandbox.change(ids["a"], version=2)
    fini.ingest(refresh=ids.values())
    sandbox.advance(10)
    record = fini.get(f"/{ids['a']}").data
    assert record["oldParagraphs"] == text
    assert record["paragraphs"] != text


@pytest.mark.parametrize(
    "body",
    [
        {}, {"source": "notion"}, {"source": "notion", "documentIdsToAdd": [], "documentIdsToRefresh": []},
        {"source": "files", "documentIdsToAdd": [UNKNOWN]}, {"source": "wiki", "documentIdsToAdd": [UNKNOWN]},
        {"source": "notion", "documentIdsToAdd": URLS}, {"source": "web", "documentIdsToAdd": [UNKNOWN]},
        {"source": "notion", "documentIdsToAdd": UNKNOWN}, {"source": "notion", "documentIdsToAdd": [UNKNOWN]},
        {"source": "notion", "documentIdsToAdd": [7]}, {"documentIdsToAdd": URLS, "english": "true"},
        {"documentIdsToAdd": URLS, "documentIds": URLS},
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_and_nothing_is_queued(fini, sandbox, body):
    before = sandbox.documents()
    assert fini.post("", body).status == 400
    assert sandbox.documents() == before


def test_one_id_of_another_source_or_workspace_sinks_the_batch(fini, sandbox):
    ids = fini.registered("a")
    other = fini.registered("z", provider="zendesk")["z"]
    foreign = sandbox.seed(documents=[{"externalId": "x"}], workspace="other")[0]
    for bad in (other, foreign, UNKNOWN):
        assert fini.ingest([ids["a"], bad]).status == 400
    assert states(sandbox)["a"] is None


def test_google_drive_sources_can_be_ingested_by_their_ids(fini, sandbox):
    known = [record["id"] for record in sandbox.documents() if record["source"] == "googledrive"]
    assert sorted(fini.ingest(refresh=known, source="googledrive").data["updatedDocumentIds"]) == sorted(
        known
    )
