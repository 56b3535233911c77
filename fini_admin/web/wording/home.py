"""What a workspace's home says: the funnel, what needs a person, and the first steps of a new workspace."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from fini_admin.ingestion.models import QueueEntry
from fini_admin.ingestion.queries import NO_KEY_OPENS, no_key_opens, why_list_unreadable, worker_alive
from fini_admin.ingestion.queue import OUT, taken_out
from fini_admin.ingestion.schedules import schedule_statuses
from fini_admin.lib.paging import count
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.sources.queries import matching
from fini_admin.sources.states import State
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace

LONG = timedelta(days=1)
REMINDED = timedelta(days=14)
RETRIED = (State.FAILED, State.EMPTY)
SHOWN = (State.QUEUED, State.SENT, State.RUNNING, State.USABLE, State.FAILED)


@dataclass(frozen=True, slots=True)
class Number:
    """A number with what it counts; `page` and `query` lead to the rows."""

    name: str
    text: str
    page: str
    query: str = ""
    state: str = ""


def funnel(workspace: Workspace) -> list[Number]:
    """The way of a workspace's content, from what is listed to what is usable. Each at most 10,000 rows of work."""
    listed = DiscoveredResource.objects.filter(workspace=workspace, leaf=True)
    return [
        Number("discovered", count(listed), "discover"),
        Number("in Fini", count(Source.objects.filter(workspace=workspace)), "sources"),
        *(in_state(workspace, state) for state in SHOWN),
        Number(
            "refresh queued", count(matching(workspace, {"waits": "refresh"})), "sources", "?waits=refresh"
        ),
    ]


def in_state(workspace: Workspace, state: State) -> Number:
    """How many sources are in a state."""
    found = Source.objects.filter(workspace=workspace, state=state)
    return Number(str(state), count(found), "sources", f"?state={state}", str(state))


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person: what, the page where it is seen to, and how many a retry would try again."""

    text: str
    page: str
    query: str = ""
    retry: str = ""


def needs(workspace: Workspace, may_discover: Collection[str]) -> list[Need]:
    """What needs a person, the most pressing first; `may_discover` are the roles that may."""
    return [
        *needs_of_work(workspace),
        *needs_of_schedules(workspace, may_discover),
        *needs_of_sources(workspace),
        *needs_of_queue(workspace),
    ]


def needs_of_work(workspace: Workspace) -> list[Need]:
    """Why nothing goes on, or may soon stop: the worker, the list, the keys."""
    found = []
    if not worker_alive():
        found.append(Need("No worker is at work: nothing goes on until manage.py run_worker runs.", "runs"))
    if no_key_opens(workspace.pk):
        found.append(Need(NO_KEY_OPENS, "keys"))
    if listless := why_list_unreadable(workspace.pk):
        found.append(Need(listless, "calls", "?route=list"))
    return found + needs_of_keys(list(ApiKey.objects.filter(workspace=workspace).exclude(state=KeyState.OFF)))


def needs_of_keys(keys: list[ApiKey]) -> list[Need]:
    """No key that Fini takes, or one that it refused after a switch."""
    live = next((key for key in keys if key.state == KeyState.LIVE), None)
    found = []
    if live is None:
        found.append(Need("The workspace has no live key: nothing can be asked of Fini.", "keys"))
    elif live.refused_at:
        found.append(Need(f"Fini refused the key {live.label}: the work waits for another one.", "keys"))
    found += [Need(text, "keys") for key in keys if live and (text := fallen_back(key, live))]
    return found + [Need(text, "keys") for key in keys if (text := ending(key))]


def fallen_back(key: ApiKey, live: ApiKey) -> str:
    """That the work left a key by itself; empty when it did not."""
    if not key.fallen_back_at:
        return ""
    return f"Fini refused the key {key.label}: the work went back to the key {live.label} by itself."


def ending(key: ApiKey) -> str:
    """The reminder of a key that expires soon or did; empty for every other. A fallback goes off anyhow."""
    day = key.expires_on
    if day is None or key.fallback_until or day > timezone.localdate() + REMINDED:
        return ""
    passed = day < timezone.localdate()
    what = "expired" if passed else "expires"
    return f"The key {key.label} {what} on {day.day} {day:%b %Y}: add another one and switch to it."


def needs_of_schedules(workspace: Workspace, may_discover: Collection[str]) -> list[Need]:
    """What is scheduled in the name of somebody who could not start it now."""
    ownerless = [one for one in schedule_statuses(workspace, may_discover) if one.gone]
    return [
        Need(
            f"The discovery of {one.label} {one.schedule.every} was set by {one.schedule.set_by}, {one.gone}."
            " It runs on: take it over or end it in Settings.",
            "settings",
            "#schedules",
        )
        for one in ownerless
    ]


def needs_of_sources(workspace: Workspace) -> list[Need]:
    """Sources that ended badly, or not at all."""
    words = {
        State.FAILED: "failed in Fini",
        State.EMPTY: "completed with nothing usable",
        State.STUCK: "have no end after 24 hours",
        State.UNKNOWN: "were asked for and got no answer: this is being checked",
    }
    numbers = [(in_state(workspace, state), text) for state, text in words.items()]
    return [
        Need(f"{n.text} {text}", "sources", n.query, n.text if n.state in RETRIED else "")
        for n, text in numbers
        if n.text != "0"
    ]


def needs_of_queue(workspace: Workspace) -> list[Need]:
    """What was registered and not sent for long, or taken out of the queue."""
    before = datetime.now(UTC) - LONG
    waiting = QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None, opened_at__lt=before)
    numbers = [
        ("registered and not sent for more than a day", count(waiting), ""),
        (
            "registered and taken out of the queue, or never in it",
            count(taken_out(workspace)),
            f"?lane={OUT}",
        ),
    ]
    return [Need(f"{number} {text}", "queue", query) for text, number, query in numbers if number != "0"]


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step of the first-run checklist."""

    text: str
    page: str
    done: bool


def first_steps(workspace: Workspace) -> list[FirstStep]:
    """The way from nothing to the first ingested source; empty once it was gone to its end."""
    entries = QueueEntry.objects.filter(workspace=workspace)
    sent = entries.filter(closed_how="sent", closed_at__isnull=False).exists()
    if sent:
        return []
    keys = ApiKey.objects.filter(workspace=workspace).exclude(state=KeyState.OFF)
    registered = entries.exists()
    listed = DiscoveredResource.objects.filter(workspace=workspace).exists()
    verified = registered or listed or keys.filter(verified_at__isnull=False).exists()
    return [
        FirstStep("Add the workspace's API key", "keys", keys.exists()),
        FirstStep("Verify that Fini accepts it", "keys", verified),
        FirstStep("Discover what can be brought in", "discover", listed or registered),
        FirstStep("Register what you want in Fini", "register", registered),
        FirstStep("Send it to ingestion", "queue", sent),
    ]
