"""The list read for a run that sent addresses: its newest records tell what became of them (T3, T6).

A step *sync* of a run that is no sync, on the way of engine/sync_walk.py. It goes down no further than to records that
were old before the call, and holds nothing back: what was sent is read back while its run is paused or stops.
"""

from datetime import timedelta
from functools import partial
from typing import Any

from fini_admin.audit.transport import Exchange
from fini_admin.fini.client import Request
from fini_admin.fini.errors import FiniError
from fini_admin.fini.routes import WEB
from fini_admin.fini.wire import ListPage, time_text
from fini_admin.ingestion import reasons
from fini_admin.ingestion.engine import web
from fini_admin.ingestion.engine.list_pages import (
    FailedPage,
    grow,
    page_request,
    pause_for_size,
    take_over,
    wait_or_give_up,
    why_failed,
)
from fini_admin.ingestion.engine.sync_walk import Place, after_page, without_cursor
from fini_admin.ingestion.models import Budget, Run, Step
from fini_admin.ingestion.runs.steps import close_step, send_again
from fini_admin.sources.mirror import Observation

# Records that were old by so much when the run began cannot be of its calls, whatever Fini's clock says.
OLD = timedelta(days=1)


def request_of(step: Step) -> Request[ListPage]:
    """The next page of the web's records."""
    return page_request(step.run.workspace, Place.load(step.place).cursor, source=WEB)


def settle_answer(step: Step, done: Exchange[Any]) -> None:
    """In the *outcome* transaction: store a page's records, match them, and go on or end."""
    page, place, run = done.value or ListPage([], has_more=False), Place.load(step.place), step.run
    if place == Place(restarts=place.restarts):
        step.settle_after = done.asked_at
    Step.objects.filter(pk=step.pk).update(settle_after=step.settle_after, tries=0)
    take_over(run.workspace, page.documents, Observation.of(done))
    grow(Budget.objects.get(pk=run.workspace_id), done, head=not place.cursor)
    old = _is_old(run, page)
    _go_on(step, after_page(place, page.documents, has_more=page.has_more and not old))


def _is_old(run: Run, page: ListPage) -> bool:
    """Whether a page comes down to records that were there long before the run."""
    last = page.documents[-1].updated_at if page.documents else ""
    return bool(last) and last < time_text(run.created_at - OLD)


def _go_on(step: Step, place: Place) -> None:
    Step.objects.filter(pk=step.pk).update(place=place.store(), tries=0, doubts=0)
    if place.is_lost:
        _give_up(step, reasons.LIST_LOST)
    elif place.done or not web.is_waited_for(step.run):
        close_step(step)
        web.after_reading(step.run, step.settle_after or step.run.created_at)
    else:
        send_again(step, 0)


def settle_failed(step: Step, error: FiniError) -> None:
    """Go on after a failed call: elsewhere in the list, with smaller pages, or later (T6, T10)."""
    held, place = Budget.objects.get(pk=step.run.workspace_id), Place.load(step.place)
    match why_failed(held, error, cursor=place.cursor, failures=step.doubts):
        case FailedPage.KEY:
            send_again(step, 0)
        case FailedPage.CURSOR:
            _go_on(step, without_cursor(place))
        case FailedPage.SIZE:
            send_again(step, pause_for_size(error, step.tries))
        case FailedPage.OTHER:
            wait_or_give_up(step, error, partial(_give_up, step, f"{reasons.NOT_READ}: {error}"))


def _give_up(step: Step, words: str) -> None:
    close_step(step)
    web.give_up(step.run, words)
