"""A record that neither the list nor its ID shows, among others of its batch: those others are settled (T3)."""

from typing import Any

import pytest

from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import Run, Step, StepState
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_delete import delete
from tests.ingestion.engine.test_nothing_stays_open import ago
from tests.ingestion.engine.test_other_hands import works
from tests.ingestion.engine.test_refresh import refresh
from tests.support.sandbox import Sandbox
from tests.support.seats import usable
from tests.support.work import Start, ends


def unreadable(sandbox: Sandbox, source: Source, status: int) -> None:
    sandbox.remove([source.fini_id])
    sandbox.fault(method="GET", path=f"public/{source.fini_id}", status=status, count=None)


def in_doubt(acme: Workspace, run: Run) -> None:
    works(acme, 1)
    assert Step.objects.get(run=run).state == StepState.CHECK


def given_up(acme: Workspace) -> None:
    """A day passes in which the record was asked for in vain."""
    Source.objects.filter(wanted_since__isnull=False).update(wanted_since=ago(25))
    Source.objects.filter(sent_at__isnull=False).update(sent_at=ago(25))
    works(acme, 30)
    loop.stop_waiting()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize("kind", ["refresh", "delete"])
def test_the_others_of_its_batch_are_settled(
    acme: Workspace, sandbox: Sandbox, register: Start, kind: str, status: int
) -> None:
    sources = usable(acme, register, 6)
    start: Any = {"refresh": refresh, "delete": delete}[kind]
    run = start(acme, [source.pk for source in sources])
    sandbox.fault(method="POST" if kind == "refresh" else "DELETE", drop="before")
    in_doubt(acme, run)
    unreadable(sandbox, sources[2], status)
    works(acme, 40)
    assert ends(run) == {"done": 5}
    given_up(acme)
    assert ends(run) == {"done": 5, "unknown": 1}


@pytest.mark.usefixtures("impatient")
def test_what_is_left_of_a_refused_batch_is_not_refused_for_it(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sources = usable(acme, register, 2)
    run = refresh(acme, [source.pk for source in sources])
    sandbox.fault(method="POST", path="/refresh", status=400)
    in_doubt(acme, run)
    unreadable(sandbox, sources[0], 403)
    works(acme, 40)
    assert ends(run) == {"done": 1}
    given_up(acme)
    assert ends(run) == {"done": 1, "unknown": 1}
