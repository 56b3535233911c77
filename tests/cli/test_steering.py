"""`run SLUG NUMBER pause|resume|cancel`: a run is steered from a script."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from fini_admin.audit.models import Entry
from fini_admin.cli.management.commands.run import VERBS
from fini_admin.ingestion.models import Item, Run
from fini_admin.ingestion.runs import steering
from fini_admin.workspaces.models import Workspace
from tests.support.work import Start, resources

pytestmark = pytest.mark.usefixtures("connected")


def run(*words: str) -> dict[str, Any]:
    """What the command prints about run 1."""
    out = io.StringIO()
    call_command("run", "acme", "1", *words, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_each_verb_prints_how_the_run_stands_and_is_in_the_trail(acme: Workspace, register: Start) -> None:
    register(resources(3))
    assert run()["state"] == "running"
    assert run("pause")["state"] == run("pause")["state"] == "paused"
    assert run("resume")["state"] == "running"
    ended = run("cancel")
    assert (ended["state"], ended["outcomes"]["skipped"], ended["total"]) == ("ended", 3, 3)
    rows = Entry.objects.filter(kind__startswith="run.", run=1).order_by("seq")
    assert list(rows.values_list("kind", flat=True)) == [
        "run.started",
        "run.paused",
        "run.resumed",
        "run.stopped",
    ]
    assert all((row.actor or "").endswith("(command line)") for row in rows[1:])


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_that_has_ended_is_one_line(acme: Workspace, register: Start, verb: str) -> None:
    register(resources(1))
    run("cancel")
    with pytest.raises(CommandError, match=r"^Run 1 has ended$"):
        run(verb)
    assert Entry.objects.filter(kind="run.stopped").count() == 1
    for number in ("7", "0", f"-{'9' * 30}", "9" * 30):
        with pytest.raises(CommandError, match=f"^acme has no run {number}$"):
            call_command("run", "acme", number, verb)
    with pytest.raises(CommandError, match="belong to retry"):
        run(verb, "--wait")


def test_what_was_not_sent_says_why(acme: Workspace, register: Start) -> None:
    register(resources(2))
    run("cancel")
    assert set(Item.objects.values_list("outcome", "reason")) == {("skipped", steering.STOPPED)}
    assert Run.objects.get().steered_by.endswith("(command line)")
