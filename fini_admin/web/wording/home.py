"""The content of a workspace's home: its sources as one bar, what needs attention, latest runs, first steps."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone

from fini_admin.ingestion.causes import cause_of
from fini_admin.ingestion.home_facts import HomeFacts
from fini_admin.ingestion.models import Lane
from fini_admin.ingestion.queue import OUT
from fini_admin.ingestion.runs.standstill import NO_KEY_OPENS, NO_WORKER
from fini_admin.ingestion.schedules import ScheduleStatus
from fini_admin.sources.queries import kept_numbers
from fini_admin.sources.states import State
from fini_admin.web.charts import Part, PartsBar, parts_bar
from fini_admin.web.wording.sources import short_line
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace

REMIND_BEFORE = timedelta(days=14)
RETRIED = (State.FAILED, State.EMPTY)
# From what is well to what is not, as the bar shows them.
IN_BAR = (
    State.USABLE,
    State.RUNNING,
    State.SENT,
    State.QUEUED,
    State.REGISTERED,
    State.UNKNOWN,
    State.STUCK,
    State.EMPTY,
    State.FAILED,
    State.GONE,
)
# What sources in these states are, behind their number.
NEEDS: dict[str, str] = {
    State.FAILED: "failed",
    State.EMPTY: "completed with nothing usable",
    State.STUCK: "without an end after 24 hours",
    State.UNKNOWN: "sent without an answer",
}
NAMED = 2  # causes of what failed
SHORT = 60


@dataclass(frozen=True, slots=True)
class SourceTotals:
    """The workspace's sources by state, as the list of sources counts them; `chart` adds up to `number`.

    `failures`: how many of the newest failed sources have each reason.
    """

    number: int
    by_state: Mapping[str, int]
    refreshes: int
    failures: Mapping[str, int]
    chart: PartsBar

    @property
    def usable_share(self) -> str:
        """How many of 100 are usable; empty of none."""
        return f"{self.by_state.get(State.USABLE, 0) * 100 // self.number} %" if self.number else ""


def source_totals(workspace: Workspace, url_of: Callable[[str], str]) -> SourceTotals:
    """`url_of` makes the address of the list of sources with a query; it may be empty."""
    held = kept_numbers(workspace)
    numbers = [(state, held.sources.get(state, 0)) for state in IN_BAR]
    return SourceTotals(
        number=sum(held.sources.values()),
        by_state=held.sources,
        refreshes=held.entries.get(Lane.REFRESH, 0),
        failures=held.failures,
        chart=parts_bar(
            Part(str(state), number, intcomma(number), url_of(f"?state={state}")) for state, number in numbers
        ),
    )


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """Something that waits for a person: what, and quietly why and what to do; the page where it is seen to.

    `retry`: how many a retry would try again. `pressing`: something went wrong or work stands still; else somebody
    should look at it.
    """

    text: str
    page: str
    query: str = ""
    why: str = ""
    retry: int = 0
    pressing: bool = True

    @property
    def button(self) -> str:
        """What the link to its page says."""
        return BUTTONS[self.page]


BUTTONS = {
    "runs": "See the runs",
    "keys": "Open Keys",
    "calls": "See the calls",
    "settings": "Open Settings",
    "sources": "See all",
    "queue": "Open the queue",
}


def attention_items(
    facts: HomeFacts, totals: SourceTotals, schedules: Iterable[ScheduleStatus], *, worker: bool
) -> list[AttentionItem]:
    """What needs attention, the most urgent first; `worker`: one is alive."""
    found = [
        *needs_of_work(facts, worker=worker),
        *_schedule_items(schedules),
        *_source_items(totals),
        *_queue_items(facts),
    ]
    return sorted(found, key=lambda item: not item.pressing)


def needs_of_work(facts: HomeFacts, *, worker: bool) -> list[AttentionItem]:
    """Why work has stopped, or may stop soon: worker, hold, list, keys."""
    found = []
    if not worker:
        found.append(AttentionItem(NO_WORKER, "runs"))
    if facts.held_by:
        held = f"{facts.held_by} holds everything"
        found.append(AttentionItem(held, "runs", why="Nothing is sent to Fini."))
    if not facts.key_opens:
        found.append(AttentionItem("No key can be opened", "keys", why=NO_KEY_OPENS))
    if facts.listless:
        nothing = "Sources cannot be matched or followed"
        found.append(AttentionItem(nothing, "calls", "?route=list", why=facts.listless))
    return found + _key_items(facts)


def _key_items(facts: HomeFacts) -> list[AttentionItem]:
    """A missing or refused live key, a fallback, a key that expires."""
    keys = facts.keys
    live = next((key for key in keys if key.state == KeyState.LIVE), None)
    found = []
    if live is None and (keys or facts.sent):  # else the first step says it
        found.append(
            AttentionItem("The workspace has no live key", "keys", why="Nothing can be asked of Fini.")
        )
    elif live and live.refused_at:
        refused = f"Fini refused the key {live.label}"
        found.append(AttentionItem(refused, "keys", why="The work waits for another one."))
    notices = [_fallback_notice(key, live) for key in keys if live] + list(map(_expiry_notice, keys))
    return found + [notice for notice in notices if notice]


def _fallback_notice(key: ApiKey, live: ApiKey) -> AttentionItem | None:
    """A notice that the work went back from a refused key to the live one; None when it did not."""
    if not key.fallen_back_at:
        return None
    why = f"The work went back to the key {live.label} by itself."
    return AttentionItem(f"Fini refused the key {key.label}", "keys", why=why, pressing=False)


def _expiry_notice(key: ApiKey) -> AttentionItem | None:
    """A reminder of a key that expires soon or has expired; None for others. A fallback key is switched off anyway."""
    day = key.expires_on
    if day is None or key.fallback_until or day > timezone.localdate() + REMIND_BEFORE:
        return None
    passed = day < timezone.localdate()
    text = f"The key {key.label} {'expired' if passed else 'expires'} on {day.day} {day:%b %Y}"
    return AttentionItem(text, "keys", why="Add another one and switch to it.", pressing=False)


def _schedule_items(schedules: Iterable[ScheduleStatus]) -> list[AttentionItem]:
    """Schedules of people who could not start the discovery now."""
    return [
        AttentionItem(
            f"The discovery of {one.label} {one.schedule.every} was set by {one.schedule.set_by}, {one.gone}",
            "settings",
            "#schedules",
            why="It keeps running: take it over or end it in Settings.",
            pressing=False,
        )
        for one in schedules
        if one.gone
    ]


def _source_items(totals: SourceTotals) -> list[AttentionItem]:
    """Sources that failed, are empty, stuck or unknown."""
    why: dict[str, str] = {
        State.FAILED: _reasons(totals.failures),
        State.UNKNOWN: "Their records are being read.",
    }
    return [
        AttentionItem(
            f"{number:,} {text}",
            "sources",
            f"?state={state}",
            why=why.get(state, ""),
            retry=number if state in RETRIED else 0,
            pressing=state == State.FAILED,
        )
        for state, text in NEEDS.items()
        if (number := totals.by_state.get(state, 0))
    ]


def _reasons(failures: Mapping[str, int]) -> str:
    """Why the newest failed sources failed, by cause: "14 × The page was not found · 9 × The page needs a log-in"."""
    causes: Counter[str] = Counter()
    for reason, number in failures.items():
        known = cause_of(reason)
        causes[known.what if known else short_line(reason, SHORT)] += number
    return " · ".join(f"{number:,} × {what}" for what, number in causes.most_common(NAMED))


def _queue_items(facts: HomeFacts) -> list[AttentionItem]:
    """Sources that have waited for long, or are in no queue."""
    numbers = [
        ("registered and not sent for more than a day", facts.waiting_long, ""),
        ("registered and taken out of the queue, or never in it", facts.taken_out, f"?lane={OUT}"),
    ]
    return [
        AttentionItem(f"{number} {text}", "queue", query, pressing=False)
        for text, number, query in numbers
        if number != "0"
    ]


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step of the checklist for a new workspace."""

    text: str
    page: str
    done: bool


def first_steps(facts: HomeFacts) -> list[FirstStep]:
    """The steps to the first ingestion; empty once something was sent."""
    if facts.sent:
        return []
    brought_in = facts.listed or facts.registered
    verified = brought_in or any(key.verified_at for key in facts.keys)
    return [
        FirstStep("Add the workspace's API key", "keys", bool(facts.keys)),
        FirstStep("Verify that Fini accepts it", "keys", verified),
        FirstStep("Discover what can be brought in", "discover", brought_in),
        FirstStep("Register what you want in Fini", "register", facts.registered),
        FirstStep("Send it to ingestion", "queue", facts.sent),
    ]
