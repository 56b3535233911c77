"""Why a run stands still: one reason in one line, first what a person can do something about (P8)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, QuerySet, Subquery
from django.utils import timezone

from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind, Origin
from fini_admin.fini.errors import ScopeMissing
from fini_admin.ingestion.models import Run, RunKind, RunState, Step, StepState
from fini_admin.ingestion.runs.queries import living_workers
from fini_admin.ingestion.runs.steering import sendable
from fini_admin.workspaces.keys import NEW_KEY
from fini_admin.workspaces.preferences import limit_in_force
from fini_admin.workspaces.queries import facts, usable_key

NO_WORKER = "No worker is running. Start one with manage.py run_worker."


@dataclass(frozen=True, slots=True)
class Trouble:
    """A call of the run that failed and is made again: what was said, how often it was tried, when it is next."""

    error: str
    tries: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What may keep a run waiting, as it is now."""

    state: str
    worker: bool = True
    key: bool = True
    key_opens: bool = True
    blocked_until: datetime | None = None
    trouble: Trouble | None = None
    listless: str = ""
    spent_until: datetime | None = None
    limit: int = 0
    first: int | None = None
    steered_by: str = ""
    held_by: str = ""


def reason(now: datetime, at: Standing) -> str:
    """The first thing that keeps a run waiting; empty if nothing does. Pure."""
    if at.state == RunState.ENDED:
        return ""
    return _of_here(at) or _of_fini(now, at) or _of_turns(now, at)


def _of_here(at: Standing) -> str:
    """What an operator or an admin sees to."""
    if not at.worker:
        return NO_WORKER
    if not at.key:
        return NO_KEY
    return "" if at.key_opens else NO_KEY_OPENS


def _of_fini(now: datetime, at: Standing) -> str:
    """What Fini makes wait; it ends by itself."""
    if at.blocked_until and at.blocked_until > now:
        return f"Fini asked us to slow down. Calls go on at {_clock(at.blocked_until)}."
    if at.trouble:
        tried = "once" if at.trouble.tries == 1 else f"{at.trouble.tries:,} times"
        due = at.trouble.next_at > now
        then = f"the next try is at {_clock(at.trouble.next_at)}" if due else "it is tried again now"
        return f"{at.trouble.error.rstrip('.')}. Tried {tried}; {then}."
    return at.listless


def _of_turns(now: datetime, at: Standing) -> str:
    """What people and the budget make wait."""
    if at.spent_until and at.spent_until > now:
        return f"This minute's calls are used up ({at.limit:,} a minute). Calls go on at {_clock(at.spent_until)}."
    if at.state == RunState.PAUSED:
        return f"{_who('Paused', at)}What was sent is followed."
    if at.held_by:
        return f"{at.held_by} holds everything in this workspace. What was sent is followed."
    if at.state == RunState.STOPPING:
        return f"{_who('Stopped', at)}What was sent is followed to its end."
    return f"Run {at.first} goes first." if at.first else ""


def _who(did: str, at: Standing) -> str:
    return f"{did} by {at.steered_by}. " if at.steered_by else ""


def _clock(at: datetime) -> str:
    """14:02:10 CET, with the day where it is not today."""
    local = timezone.localtime(at)
    day = "" if local.date() == timezone.localdate() else f" on {local.day} {local:%b}"
    return f"{local:%H:%M:%S %Z}{day}"


def why_it_stands_still(run: Run) -> str:
    """What keeps a run waiting now, in one line; empty if nothing does. By one query."""
    if run.state == RunState.ENDED:
        return ""
    return reason_by(run, facts(run.workspace_id, *FIELDS, **questions(run, datetime.now(UTC))))


# What is asked of the workspace, besides the questions about the run.
FIELDS = (
    "budget__blocked_until",
    "budget__spent_until",
    "budget__no_key_until",
    "budget__held_at",
    "budget__held_by",
    "watch__error",
    "watch__error_kind",
    "settings__calls_per_minute",
)


def questions(run: Run, now: datetime) -> dict[str, Subquery]:
    """What is asked about a run, for `workspaces.queries.facts`; of the run itself only its keys count."""
    mine = Step.objects.filter(run=run.pk)
    return {
        "worker": Exists(living_workers(now)),
        "key": usable_key("pk"),
        "at_work": Exists(mine.filter(state=StepState.SENT)),
        "first": Subquery(_runs_before(run, now).values("run__number")[:1]),
        **_about_trouble(run, mine),
    }


def _about_trouble(run: Run, mine: QuerySet[Step]) -> dict[str, Subquery]:
    """The tries, time and error of the call that is tried again soonest."""
    again = sendable(mine.filter(state=StepState.READY, tries__gt=0).exclude(call="")).order_by(
        "due_at", "pk"
    )
    ended = Entry.objects.filter(chain=str(run.workspace_id), call=Subquery(again.values("call")[:1]))
    return {
        "tries": Subquery(again.values("tries")[:1]),
        "next_at": Subquery(again.values("due_at")[:1]),
        "error": Subquery(ended.exclude(kind=CallKind.ASKED).values("error")[:1]),
    }


def _runs_before(run: Run, now: datetime) -> QuerySet[Step]:
    """The steps of other runs of the same workspace that go before this one's next."""
    soon = now + timedelta(seconds=1)
    waiting = sendable(Step.objects.filter(state=StepState.READY, due_at__lte=soon)).order_by("due_at", "pk")
    next_at = Subquery(waiting.filter(run=run.pk).values("due_at")[:1])
    return waiting.filter(run__workspace=run.workspace_id, due_at__lt=next_at).exclude(run=run.pk)


def reason_by(run: Run, found: dict[str, Any], *, names: bool = True) -> str:
    """What keeps a run waiting, by what FIELDS and `questions` found; with `names` also who paused or stopped it."""
    now, spent_until = datetime.now(UTC), found["budget__spent_until"]
    waited_for = run.kind in (RunKind.DISCOVER, RunKind.CRAWL) and run.origin != Origin.SCHEDULE
    reads_lists = run.kind in (RunKind.DISCOVER, RunKind.SYNC)
    waits_its_turn = run.state == RunState.RUNNING and not found["budget__held_at"] and not found["at_work"]
    standing = Standing(
        state=run.state,
        worker=found["worker"],
        key=found["key"],
        key_opens=not no_key_opens(found["budget__no_key_until"]),
        blocked_until=found["budget__blocked_until"],
        trouble=Trouble(found["error"], found["tries"], found["next_at"]) if found["error"] else None,
        listless=""
        if reads_lists
        else why_list_unreadable(found["watch__error"], found["watch__error_kind"]),
        spent_until=None if waited_for else spent_until,
        limit=limit_in_force(found["settings__calls_per_minute"]),
        first=found["first"] if waits_its_turn else None,
        steered_by=run.steered_by if names else "",
        held_by=found["budget__held_by"] or "",
    )
    return reason(now, standing)


NO_KEY = (
    "The workspace has no key that Fini accepts. Add one, or switch to one; the run then goes on by itself."
)
NO_KEY_OPENS = (
    "The workspace has no key that can be opened with ENCRYPTION_KEYS. An operator puts the missing encryption key"
    " back, or you add the API key again and switch to it; the work then goes on by itself."
)
# While work is due a worker tries again at least this often.
_TRIED = timedelta(minutes=1)


def no_key_opens(no_key_until: datetime | None) -> bool:
    """Whether a worker found within the last minute that the workspace's key cannot be opened, by its budget."""
    return no_key_until is not None and no_key_until > datetime.now(UTC) - _TRIED


def why_list_unreadable(error: str | None, kind: str | None) -> str:
    """Why Fini's list, by which sources are matched and followed, cannot be read; empty if it can (P8).

    `error` and `kind` are those of the workspace's watch, None if it has none.
    """
    if not error:
        return ""
    if kind == ScopeMissing.__name__:
        return (
            "Fini does not let the API key read its list of sources: nothing can be matched or followed."
            f" {NEW_KEY} The work then goes on by itself."
        )
    return (
        "Fini's list of sources cannot be read: nothing can be matched or followed."
        f" {error.rstrip('.')}. Reading again is safe and happens by itself, at least once a minute;"
        " if this continues, the calls tell what Fini answered."
    )
