"""What another seat does while a call is under way, and sources that are usable."""

from collections.abc import Callable
from typing import Any

import pytest

from fini_admin.audit import transport
from fini_admin.ingestion.engine import send
from fini_admin.ingestion.models import Step, StepState
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_nothing_stays_open import ago
from tests.ingestion.engine.test_other_hands import ANOTHER
from tests.support.work import Start, drive, resources


def amid(
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    *,
    before: Callable[[], Any] = lambda: None,
    after: Callable[[], Any] = lambda: None,
    change: Callable[[Any], Any] = lambda answer: answer,
) -> None:
    """What another seat does while the next call of a route is under way: before Fini gets it, and after it did."""
    plain = transport._send

    def patched(request: Any, *given: Any) -> Any:
        if request.route != route:
            return plain(request, *given)
        monkeypatch.setattr(transport, "_send", plain)
        before()
        try:
            answer = plain(request, *given)
        finally:
            after()
        return change(answer)

    monkeypatch.setattr(transport, "_send", patched)


def another_seat_sends(kind: str) -> None:
    step = Step.objects.filter(state=StepState.READY, kind=kind).latest("pk")
    Step.objects.filter(pk=step.pk).update(due_at=ago(0.01))
    assert send.take(step.pk, ANOTHER)
    send.perform(step.pk, ANOTHER)


def usable(acme: Workspace, register: Start, number: int = 1) -> list[Source]:
    register(resources(number), then_ingest=True)
    drive(acme)
    return list(Source.objects.filter(external_id__startswith="n-").order_by("external_id"))
