"""The list read for a run that sent addresses: its newest records tell what became of them (T3, T6).

A step *sync* of a run that is no sync, on the way of engine/sync_walk.py. It goes down no further than to records that
were old before the call, and holds nothing back: what was sent is read back while its run is paused or stops.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from fini_admin.audit.transport import Exchange
from fini_admin.fini.client import Request
from fini_admin.fini.errors import BadRequest, FiniError, KeyRefused, NotFound
from fini_admin.fini.retry import pause_before_retry
from fini_admin.fini.wire import ListPage
from fini_admin.ingestion.engine import web
from fini_admin.ingestion.engine.list_pages import (
    grow,
    halve,
    is_about_size,
    is_too_heavy,
    page_request,
    take_over,
)
from fini_admin.ingestion.engine.sync_walk import Place, after_page, without_cursor
from fini_admin.ingestion.models import Budget, Run, Step, StepState
from fini_admin.ingestion.web import WEB
from fini_admin.lib import lease
from fini_admin.sources.mirror import Observation

# Records that were old by so much when the run began cannot be of its calls, whatever Fini's clock says.
OLD = timedelta(days=1)
LOST = "Fini's list does not get on, so that it is not known what became of this address"


def request_of(step: Step) -> Request[ListPage]:
    """The next page of the web's records."""
    return page_request(step.run.workspace, Place.load(step.place).cursor, source=WEB)


def settle_answer(step: Step, done: Exchange[Any]) -> None:
    """In the *outcome* transaction: store a page's records, match them, and go on or end."""
    page, place, run = done.value or ListPage([], has_more=False), Place.load(step.place), step.run
    if place == Place(restarts=place.restarts):
        step.settle_after = done.asked_at
    Step.objects.filter(pk=step.pk).update(settle_after=step.settle_after, tries=0)
    take_over(run.workspace, page.documents, Observation(done.call, done.asked_at, run.number))
    grow(Budget.objects.get(pk=run.workspace_id), done, head=not place.cursor)
    old = _is_old(run, page)
    _go_on(step, after_page(place, page.documents, has_more=page.has_more and not old))


def _is_old(run: Run, page: ListPage) -> bool:
    """Whether a page comes down to records that were there long before the run."""
    last = page.documents[-1].updated_at if page.documents else ""
    return bool(last) and last < (run.created_at - OLD).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _go_on(step: Step, place: Place) -> None:
    Step.objects.filter(pk=step.pk).update(place=place.store(), tries=0, doubts=0)
    if place.is_lost:
        _give_up(step, LOST)
    elif place.done or not web.is_waited_for(step.run):
        _close(step)
        web.after_reading(step.run, step.settle_after or step.run.created_at)
    else:
        _again(step, 0)


def settle_failed(step: Step, error: FiniError) -> None:
    """Go on after a failed call: elsewhere in the list, with smaller pages, or later (T6, T10)."""
    held, place = Budget.objects.get(pk=step.run.workspace_id), Place.load(step.place)
    pause = pause_before_retry(error, tries=step.tries, doubts=step.doubts, route="list")
    if isinstance(error, KeyRefused):
        _again(step, 0)
    elif place.cursor and type(error) in (BadRequest, NotFound):
        _go_on(step, without_cursor(place))
    elif is_about_size(held, error) or is_too_heavy(held, error):
        halve(held, refused=is_about_size(held, error))
        _again(step, 1)
    elif pause is not None:
        _again(step, pause)
    else:
        _give_up(step, f"What became of this address could not be read: {error}")


def _again(step: Step, pause: float) -> None:
    due = datetime.now(UTC) + timedelta(seconds=pause)
    lease.give_back(Step.objects.filter(pk=step.pk), state=StepState.READY, due_at=due)


def _close(step: Step) -> None:
    lease.give_back(Step.objects.filter(pk=step.pk), state=StepState.DONE)


def _give_up(step: Step, words: str) -> None:
    _close(step)
    web.give_up(step.run, words)
