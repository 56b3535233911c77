"""What the API takes from nobody: named before it is sent, and no hindrance for the rest (T4, T8)."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.test import Client

from fini_admin.ingestion.kinds import ingestions
from fini_admin.ingestion.models import ItemOutcome, Lane, QueueEntry
from fini_admin.sources.mirror import Observation, ensure_sources
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.previews import contents
from tests.support.queue_page import pks, post, preview_of, said, waiting
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import Start, bodies, drive, ends, resources

ADDRESS = "https://help.acme.example/refunds"


def web(acme: Workspace, sandbox: Sandbox, addresses: list[str]) -> list[QueueEntry]:
    """An entry for each address; Fini has one record of each that is one."""
    sandbox.seed(
        documents=[{"source": "web", "originalUrl": address} for address in set(filter(None, addresses))]
    )
    known = {held["originalUrl"]: held["id"] for held in sandbox.documents() if held["source"] == "web"}
    now = datetime.now(UTC)
    for number, address in enumerate(addresses):
        fini_id = known.pop(address, f"web-{number}")
        (source,) = ensure_sources(acme, "web", [fini_id], Observation("call", now))
        Source.objects.filter(pk=source.pk).update(original_url=address)
        QueueEntry.objects.create(
            workspace=acme, source=source, lane=Lane.ADD, opened_at=now, opened_by="ada"
        )
    return waiting(acme)


@pytest.mark.parametrize(
    ("provider", "said_of_it"),
    [
        ("intercom", "Sources of the type “intercom” cannot be ingested by the API"),
        ("", "Sources without a type cannot be ingested by the API"),
    ],
)
def test_a_source_of_a_type_that_the_api_does_not_ingest_is_left_out_and_said(
    acme: Workspace, editor: Client, three: list[QueueEntry], provider: str, said_of_it: str
) -> None:
    post(editor, "remove", pks(three)[:1])
    Source.objects.filter(pk=three[0].source_id).update(provider=provider)
    post(editor, "put-back", [three[0].source_id], "lane=out")
    entries = waiting(acme)
    assert len(entries) == 3
    preview = preview_of(answer := post(editor, "send", pks(entries)))
    assert answer.status_code == 200
    assert f"1 left out: {said_of_it}" in answer.content.decode()
    assert contents(preview)["entries"] == pks(three)[1:]
    alone = post(editor, "send", pks(entries)[2:])
    assert said(alone) == f"None of these can be sent: {said_of_it}."
    run = ingestions.start_ingest(by=by("ada"), workspace=acme)
    drive(acme)
    assert ends(run) == {"done": 2, "skipped": 1}
    assert run.items.get(outcome=ItemOutcome.SKIPPED).reason == said_of_it


def test_a_page_of_the_web_without_an_address_or_with_anothers_is_left_out_and_said(
    acme: Workspace, sandbox: Sandbox, editor: Client
) -> None:
    entries = web(acme, sandbox, [ADDRESS, "", ADDRESS, f"{ADDRESS}/again"])
    preview = preview_of(answer := post(editor, "send-all", []))
    assert answer.status_code == 200
    assert contents(preview)["entries"] == [entries[0].pk, entries[3].pk]
    assert contents(preview)["skipped"] == {
        "Its address is not an http(s) address, and Fini ingests the web by addresses": 1,
        "Another source with the same address is sent": 1,
    }


def test_a_preview_shows_without_what_was_read_to_be_unfit_since_then(
    acme: Workspace, sandbox: Sandbox, editor: Client
) -> None:
    entries = web(acme, sandbox, [ADDRESS, f"{ADDRESS}/1", f"{ADDRESS}/2"])
    preview = ingestions.freeze_ingest(workspace=acme, entries=entries)
    Source.objects.filter(pk=entries[1].source_id).update(original_url=ADDRESS)
    Source.objects.filter(pk=entries[2].source_id).update(provider="intercom")
    page = editor.get(f"/w/acme/previews/{preview.token}/?call=1")
    assert page.status_code == 200
    assert json.loads(page.context["body"])["documentIdsToAdd"] == [ADDRESS]


def test_of_two_with_one_address_in_a_batch_only_the_later_is_refused(
    acme: Workspace, sandbox: Sandbox, ingest: Start
) -> None:
    addresses = [f"{ADDRESS}/{number}" for number in range(99)]
    web(acme, sandbox, [*addresses[:50], addresses[7], *addresses[50:]])
    run = ingest()
    drive(acme)
    (sent,) = bodies(acme, "ingest")
    assert sent["documentIdsToAdd"] == addresses
    refused = run.items.get(outcome=ItemOutcome.REFUSED)
    assert (refused.position, refused.reason) == (
        50,
        "Not sent: another one in the same batch has the same address or ID",
    )


def test_of_two_spellings_of_one_id_only_the_first_is_registered(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    bare, dashed = "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"
    first, second, *_ = resources(3)
    run = register([replace(first, external_id=bare), replace(second, external_id=dashed)])
    drive(acme)
    assert [held["externalId"] for held in sandbox.documents() if held["source"] == "notion"] == [bare]
    refused = run.items.get(outcome=ItemOutcome.REFUSED)
    assert (refused.external_id, refused.reason) == (
        dashed,
        "Not sent: another one in the same batch has the same address or ID",
    )
