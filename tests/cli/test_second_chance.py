"""The commands of the second day: refresh, delete, and the retry of a run."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from fini_admin.ingestion.models import Run
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.work import Start, drive, ends, resources


@pytest.fixture
def acme(acme: Workspace, sandbox: Sandbox) -> Workspace:
    people.key(acme, plain=sandbox.key)
    return acme


def said(*words: str) -> tuple[str, str]:
    """What a command prints, and what it says on standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def started(*words: str) -> Run:
    """The run whose number a command prints alone on its last line."""
    return Run.objects.get(number=int(said(*words)[0].splitlines()[-1]))


@pytest.fixture
def ids(acme: Workspace, sandbox: Sandbox, register: Start) -> list[str]:
    """Four sources of Notion: the first two failed, the others are usable."""
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"})
    register(resources(4), then_ingest=True)
    drive(acme)
    sandbox.settings(outcomes={})
    found = Source.objects.filter(provider="notion").order_by("external_id")
    return list(found.values_list("fini_id", flat=True))


def test_refresh_takes_ids_filters_or_all(acme: Workspace, ids: list[str]) -> None:
    run = started("refresh", "acme", ids[2])
    assert (run.kind, run.total) == ("refresh", 1)
    drive(acme)
    assert ends(run) == {"done": 1}
    assert started("refresh", "acme", "--state", "failed", "--provider", "notion").total == 1
    drive(acme)
    ingested = Source.objects.exclude(state__in=("registered", "queued")).exclude(provider="files")
    assert started("refresh", "acme", "--all").total == ingested.count()


def test_refresh_says_what_it_leaves_out_and_wants_to_know_what(acme: Workspace, ids: list[str]) -> None:
    Source.objects.filter(fini_id=ids[0]).update(provider="files")
    number, told = said("refresh", "acme", *ids)
    assert told.startswith("left out: 1: Raw files cannot be refreshed")
    assert Run.objects.get(number=int(number)).total == 3
    for words in ([], [ids[0], "--all"], ["--all", "--state", "failed"]):
        with pytest.raises(CommandError, match="name IDs, or filter"):
            said("refresh", "acme", *words)
    with pytest.raises(CommandError, match="acme has no source no-such-id"):
        said("refresh", "acme", "no-such-id")
    with pytest.raises(CommandError, match=f"Run {int(number)} has it"):
        said("refresh", "acme", ids[1])


def test_delete_takes_ids_and_leaves_what_is_linked(
    acme: Workspace, sandbox: Sandbox, ids: list[str]
) -> None:
    Source.objects.filter(fini_id=ids[0]).update(knowledge_id="article")
    number, told = said("delete", "acme", *ids[:2])
    assert told == "linked knowledge of 1 stays in Fini\n"
    run = Run.objects.get(number=int(number))
    assert (run.kind, run.with_articles) == ("delete", False)
    drive(acme)
    assert ends(run) == {"done": 2}
    assert Source.objects.filter(fini_id__in=ids, state="gone").count() == 2
    assert started("delete", "acme", ids[2], "--with-articles").with_articles
    with pytest.raises(CommandError, match="It is no longer in Fini"):
        said("delete", "acme", ids[0])


def test_a_run_is_retried_whole_or_for_one_reason(acme: Workspace, ids: list[str]) -> None:
    first = Run.objects.get(kind="register")
    reason = "Fini completed it and found nothing usable"
    one = started("run", "acme", str(first.number), "retry", "--reason", reason)
    assert (one.total, one.retry_of) == (1, first)
    drive(acme)
    assert ends(one) == {"done": 1}
    rest = started("run", "acme", str(first.number), "retry")
    assert rest.total == 1
    with pytest.raises(CommandError, match=f"Run {rest.number} has not ended"):
        said("run", "acme", str(rest.number), "retry")
    drive(acme)
    with pytest.raises(CommandError, match=f"Run {rest.number} has nothing to retry"):
        said("run", "acme", str(rest.number), "retry")
    with pytest.raises(CommandError, match="acme has no run 99"):
        said("run", "acme", "99", "retry")
    assert json.loads(said("run", "acme", str(first.number))[0])["kind"] == "register"
    with pytest.raises(CommandError, match="belong to retry"):
        said("run", "acme", "1", "--reason", "x")
