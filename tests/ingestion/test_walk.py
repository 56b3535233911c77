"""Following while Fini answers badly: what can be seen is seen, and what cannot says why."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fini_admin.ingestion import follow, work
from fini_admin.ingestion.models import Budget, Step
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.ingestion.conftest import OWNER, Start, hurry, requests, resources
from tests.support.sandbox import Sandbox

LIST = "/v2/documents/public"


def work_until(workspace: Workspace, done: Callable[[], bool], *, most: int = 60) -> None:
    """Work as a worker does, without the pauses."""
    for _ in range(most):
        if done():
            return
        hurry(workspace)
        work.work_once(workspace.pk, OWNER)
    raise AssertionError("not within so many calls")


def state(source: Source) -> str:
    source.refresh_from_db()
    return source.state


@pytest.fixture
def sent(acme: Workspace, sandbox: Sandbox, register: Start) -> list[Source]:
    """Three sources whose jobs take long, sent to ingestion; the one that is asked for first by its ID is first."""
    sandbox.settings(running_seconds=[600, 600])
    register(resources(3), then_ingest=True)
    work_until(acme, lambda: Step.objects.filter(kind="ingest", state="done").exists())
    return list(Source.objects.filter(sent_at__isnull=False).order_by("pk"))


def hide(sandbox: Sandbox, source: Source, **answer: object) -> None:
    """The list does not show it, and by its ID Fini answers this."""
    sandbox.remove([source.fini_id])
    sandbox.fault(method="GET", path=f"{LIST}/{source.fini_id}", count=None, **answer)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_source_that_fini_will_not_give_by_its_id_keeps_no_other_waiting(
    acme: Workspace, sandbox: Sandbox, sent: list[Source], status: int
) -> None:
    hide(sandbox, sent[0], status=status)
    work_until(acme, lambda: bool(requests(sandbox, "GET", f"{LIST}/{sent[0].fini_id}")))
    sandbox.advance(700)
    work_until(acme, lambda: state(sent[1]) == state(sent[2]) == "usable")
    assert Budget.objects.get().page_size == 100
    sandbox.clear_faults()
    work_until(acme, lambda: state(sent[0]) == "gone")


def test_of_two_that_the_list_does_not_show_each_is_asked_for(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.seed(count=5, source="confluence")
    Budget.objects.update(page_size=1, page_limit=1)
    hide(sandbox, sent[0], status=500)
    sandbox.remove([sent[1].fini_id])
    follow.look_at(acme, sent, datetime.now(UTC))
    work_until(acme, lambda: state(sent[1]) == "gone")


def test_a_key_that_is_refused_for_one_id_is_refused(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    hide(sandbox, sent[0], status=401)
    work_until(acme, lambda: ApiKey.objects.get().refused_at is not None)
    assert work.due_workspaces() == []
