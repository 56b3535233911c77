"""Register."""

import pytest

from tests.support.sandbox import Sandbox

GOOD = {"originalUrl": "https://a.example/1", "title": "One", "externalId": "1", "mimeType": "text/markdown"}


def by_name(sandbox: Sandbox) -> dict:
    return {record["externalId"]: record for record in sandbox.documents()}


def test_new_resources_are_added_and_known_ones_updated(fini, sandbox):
    first = fini.register("a", "b").data
    sandbox.advance(5)
    second = fini.register("b", "c").data
    records = by_name(sandbox)
    assert set(first["addedDocumentIds"]) == {records["a"]["id"], records["b"]["id"]}
    assert first["updatedDocumentIds"] == []
    assert second == {
        "addedDocumentIds": [records["c"]["id"]],
        "updatedDocumentIds": [records["b"]["id"]],
    }
    assert records["b"]["updatedAt"] > records["a"]["updatedAt"]
    assert records["b"]["createdAt"] == records["a"]["createdAt"]


def test_registering_again_refreshes_the_description(fini, sandbox):
    fini.post("/resources/notion", {"resources": [GOOD]})
    fini.post("/resources/notion", {"resources": [{**GOOD, "title": "Two", "object": "database"}]})
    record = by_name(sandbox)["1"]
    assert (record["title"], record["type"], record["linkedJobStatus"]) == ("Two", "database", None)


def test_it_starts_no_job(fini, sandbox):
    fini.register("a")
    sandbox.advance(60)
    assert by_name(sandbox)["a"]["jobCount"] == 0


def test_the_same_external_id_is_another_source_at_another_provider(fini):
    fini.register("a")
    assert len(fini.register("a", provider="confluence").data["addedDocumentIds"]) == 1


def test_ids_come_back_in_another_order_than_sent_unless_switched_off(fini, sandbox):
    names = [f"{number:02d}" for number in range(40)]
    shuffled = fini.register(*names).data["addedDocumentIds"]
    in_order = [by_name(sandbox)[name]["id"] for name in names]
    assert sorted(shuffled) == sorted(in_order)
    assert shuffled != in_order
    sandbox.settings(shuffle_ids=False)
    assert fini.register(*names).data["updatedDocumentIds"] == in_order


@pytest.mark.parametrize("missing", ["originalUrl", "title", "externalId", "mimeType"])
def test_an_item_without_a_required_key_sinks_the_batch_and_is_named(fini, sandbox, missing):
    bad = {key: value for key, value in GOOD.items() if key != missing}
    other = {**GOOD, "externalId": "2"}
    answer = fini.post("/resources/notion", {"resources": [other, bad]})
    assert answer.status == 400
    assert "resources.1" in answer.data["message"]
    assert f"missing: {missing}" in answer.data["message"]
    assert "2" not in by_name(sandbox)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"resources": []}, {"resources": {}}, {"resources": ["x"]}, {"resources": [{**GOOD, "space": "HR"}]},
        {"resources": [{**GOOD, "title": ""}]}, {"resources": [{**GOOD, "title": 5}]},
        {"resources": [{**GOOD, "object": 5}]}, {"resources": [GOOD], "dryRun": True},
        {"resources": [GOOD, GOOD]}, [GOOD], "x",
    ],
)  # fmt: skip
def test_a_bad_body_is_refused(fini, body):
    assert fini.post("/resources/notion", body).status == 400


def test_optional_keys_may_be_there_or_null(fini):
    body = {"resources": [{**GOOD, "object": "page", "iconLink": None}]}
    assert fini.post("/resources/notion", body).status == 200


def test_unsupported_providers_are_refused(fini):
    assert fini.register("a", provider="web").status == 400


def test_half_a_surrogate_pair_does_no_lasting_harm(fini):
    title = b"\\ud800 \\ud83d\\ude00"
    item = b'{"originalUrl": "u", "title": "%s", "externalId": "s", "mimeType": "m"}' % title
    body = b'{"resources": [%s]}' % item
    assert fini.raw("POST", "/v2/documents/public/resources/notion", body)[0] == 200
    assert fini.get("?limit=1").data["documents"][0]["title"] == "? \N{GRINNING FACE}"


@pytest.mark.parametrize(("body", "kind"), [(b"{", "application/json"), (b'{"resources":[]}', "text/plain")])
def test_what_is_no_json_is_refused(fini, body, kind):
    status, _, _ = fini.raw("POST", "/v2/documents/public/resources/notion", body, Content_Type=kind)
    assert status == 400
