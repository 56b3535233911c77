"""The content of a workspace's home: the funnel, what needs attention, and a new workspace's first steps."""

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

WAITS_LONG = timedelta(days=1)
REMIND_BEFORE = timedelta(days=14)
RETRIED = (State.FAILED, State.EMPTY)
SHOWN = (State.QUEUED, State.SENT, State.RUNNING, State.USABLE, State.FAILED)


@dataclass(frozen=True, slots=True)
class LinkedCount:
    """A count and its label, linked to the rows it counts by `page` and `query`."""

    name: str
    text: str
    page: str
    query: str = ""
    state: str = ""


def funnel(workspace: Workspace) -> list[LinkedCount]:
    """Counts from discovered to usable, each bounded at 10,000 rows."""
    listed = DiscoveredResource.objects.filter(workspace=workspace, leaf=True)
    return [
        LinkedCount("discovered", count(listed), "discover"),
        LinkedCount("in Fini", count(Source.objects.filter(workspace=workspace)), "sources"),
        *(_sources_in_state(workspace, state) for state in SHOWN),
        LinkedCount(
            "refresh queued", count(matching(workspace, {"waits": "refresh"})), "sources", "?waits=refresh"
        ),
    ]


def _sources_in_state(workspace: Workspace, state: State) -> LinkedCount:
    found = Source.objects.filter(workspace=workspace, state=state)
    return LinkedCount(str(state), count(found), "sources", f"?state={state}", str(state))


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """Something that waits for a person: what, the page where it is seen to, and how many a retry would try again."""

    text: str
    page: str
    query: str = ""
    retry: str = ""


def attention_items(workspace: Workspace, may_discover: Collection[str]) -> list[AttentionItem]:
    """What needs a person, the most urgent first. `may_discover`: the roles that may discover."""
    return [
        *needs_of_work(workspace),
        *_schedule_items(workspace, may_discover),
        *_source_items(workspace),
        *_queue_items(workspace),
    ]


def needs_of_work(workspace: Workspace) -> list[AttentionItem]:
    """Why work has stopped, or may stop soon: worker, list, keys."""
    found = []
    if not worker_alive():
        found.append(
            AttentionItem(
                "No worker is running: nothing continues until you start manage.py run_worker.", "runs"
            )
        )
    if no_key_opens(workspace.pk):
        found.append(AttentionItem(NO_KEY_OPENS, "keys"))
    if listless := why_list_unreadable(workspace.pk):
        found.append(AttentionItem(listless, "calls", "?route=list"))
    return found + _key_items(list(ApiKey.objects.filter(workspace=workspace).exclude(state=KeyState.OFF)))


def _key_items(keys: list[ApiKey]) -> list[AttentionItem]:
    """A missing or refused live key, a fallback, a key that expires."""
    live = next((key for key in keys if key.state == KeyState.LIVE), None)
    found = []
    if live is None:
        found.append(AttentionItem("The workspace has no live key: nothing can be asked of Fini.", "keys"))
    elif live.refused_at:
        found.append(
            AttentionItem(f"Fini refused the key {live.label}: the work waits for another one.", "keys")
        )
    found += [AttentionItem(text, "keys") for key in keys if live and (text := _fallback_notice(key, live))]
    return found + [AttentionItem(text, "keys") for key in keys if (text := _expiry_notice(key))]


def _fallback_notice(key: ApiKey, live: ApiKey) -> str:
    """A notice that the work went back from a refused key to the live one; empty when it did not."""
    if not key.fallen_back_at:
        return ""
    return f"Fini refused the key {key.label}: the work went back to the key {live.label} by itself."


def _expiry_notice(key: ApiKey) -> str:
    """A reminder of a key that expires soon or has expired; empty for others. A fallback key is switched off anyway."""
    day = key.expires_on
    if day is None or key.fallback_until or day > timezone.localdate() + REMIND_BEFORE:
        return ""
    passed = day < timezone.localdate()
    what = "expired" if passed else "expires"
    return f"The key {key.label} {what} on {day.day} {day:%b %Y}: add another one and switch to it."


def _schedule_items(workspace: Workspace, may_discover: Collection[str]) -> list[AttentionItem]:
    """Schedules of people who could not start the discovery now."""
    ownerless = [one for one in schedule_statuses(workspace, may_discover) if one.gone]
    return [
        AttentionItem(
            f"The discovery of {one.label} {one.schedule.every} was set by {one.schedule.set_by}, {one.gone}."
            " It keeps running: take it over or end it in Settings.",
            "settings",
            "#schedules",
        )
        for one in ownerless
    ]


def _source_items(workspace: Workspace) -> list[AttentionItem]:
    """Sources that failed, are empty, stuck or unknown."""
    words = {
        State.FAILED: "failed in Fini",
        State.EMPTY: "completed with nothing usable",
        State.STUCK: "have no end after 24 hours",
        State.UNKNOWN: "were asked for and got no answer: this is being checked",
    }
    numbers = [(_sources_in_state(workspace, state), text) for state, text in words.items()]
    return [
        AttentionItem(f"{n.text} {text}", "sources", n.query, n.text if n.state in RETRIED else "")
        for n, text in numbers
        if n.text != "0"
    ]


def _queue_items(workspace: Workspace) -> list[AttentionItem]:
    """Sources that have waited for long, or are in no queue."""
    before = datetime.now(UTC) - WAITS_LONG
    waiting = QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None, opened_at__lt=before)
    numbers = [
        ("registered and not sent for more than a day", count(waiting), ""),
        (
            "registered and taken out of the queue, or never in it",
            count(taken_out(workspace)),
            f"?lane={OUT}",
        ),
    ]
    return [
        AttentionItem(f"{number} {text}", "queue", query) for text, number, query in numbers if number != "0"
    ]


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step of the checklist for a new workspace."""

    text: str
    page: str
    done: bool


def first_steps(workspace: Workspace) -> list[FirstStep]:
    """The steps to the first ingestion; empty once something was sent."""
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
