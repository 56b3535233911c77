"""The content of a workspace's home: its sources as one bar, what needs a person, latest runs, first steps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone

from fini_admin.ingestion.home_facts import HomeFacts
from fini_admin.ingestion.models import Lane
from fini_admin.ingestion.queries import NO_KEY_OPENS
from fini_admin.ingestion.queue import OUT
from fini_admin.ingestion.schedules import ScheduleStatus
from fini_admin.sources.queries import in_each_state, kept_numbers
from fini_admin.sources.states import State
from fini_admin.web.charts import Part, PartsBar, parts_bar
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
NAMED = 2  # reasons of what failed
SHORT = 60


@dataclass(frozen=True, slots=True)
class SourceTotals:
    """The workspace's sources by state, as the list of sources counts them; `chart` adds up to `number`.

    `failures`: how many of the newest failed sources have each reason.
    """

    number: str
    numbers: dict[str, str]
    refreshes: str
    failures: dict[str, int]
    chart: PartsBar

    @property
    def usable_share(self) -> str:
        """How many of 100 are usable; empty of none."""
        whole = digits(self.number)
        return f"{digits(self.numbers[State.USABLE]) * 100 // whole} %" if whole else ""


def source_totals(workspace: Workspace, url_of: Callable[[str], str]) -> SourceTotals:
    """`url_of` makes the address of the list of sources with a query; it may be empty."""
    held = kept_numbers(workspace)
    numbers = in_each_state(held.sources)
    parts = [
        Part(str(state), digits(numbers[state]), numbers[state], url_of(f"?state={state}"))
        for state in IN_BAR
    ]
    refreshes = intcomma(held.entries.get(Lane.REFRESH, 0))
    return SourceTotals(numbers[""], numbers, refreshes, held.failures, parts_bar(parts))


def digits(number: str) -> int:
    """The number in a counted text: 10,000 of "10,000+"."""
    return int(number.rstrip("+").replace(",", ""))


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """Something that waits for a person: what, the page where it is seen to, and how many a retry would try again.

    `pressing`: something went wrong or work stands still; else somebody should look at it.
    """

    text: str
    page: str
    query: str = ""
    retry: str = ""
    pressing: bool = True

    @property
    def head(self) -> str:
        """What it is, without why and what to do."""
        return self.text[: self._cut]

    @property
    def rest(self) -> str:
        """Why, and what to do; empty if the head says all."""
        rest = self.text[self._cut :].lstrip(":. ")
        return rest[:1].upper() + rest[1:]

    @property
    def _cut(self) -> int:
        return min((at for at in map(self.text.find, (": ", ". ")) if at >= 0), default=len(self.text))

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
    """What needs a person, the most urgent first; `worker`: one is alive."""
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
        found.append(
            AttentionItem(
                "No worker is running: nothing continues until you start manage.py run_worker.", "runs"
            )
        )
    if facts.held_by:
        found.append(AttentionItem(f"{facts.held_by} holds everything: nothing is sent to Fini.", "runs"))
    if not facts.key_opens:
        found.append(AttentionItem(NO_KEY_OPENS, "keys"))
    if facts.listless:
        found.append(AttentionItem(facts.listless, "calls", "?route=list"))
    return found + _key_items(facts.keys)


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
    notices = [_fallback_notice(key, live) for key in keys if live] + list(map(_expiry_notice, keys))
    return found + [AttentionItem(text, "keys", pressing=False) for text in notices if text]


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


def _schedule_items(schedules: Iterable[ScheduleStatus]) -> list[AttentionItem]:
    """Schedules of people who could not start the discovery now."""
    return [
        AttentionItem(
            f"The discovery of {one.label} {one.schedule.every} was set by {one.schedule.set_by}, {one.gone}."
            " It keeps running: take it over or end it in Settings.",
            "settings",
            "#schedules",
            pressing=False,
        )
        for one in schedules
        if one.gone
    ]


def _source_items(totals: SourceTotals) -> list[AttentionItem]:
    """Sources that failed, are empty, stuck or unknown."""
    words = {
        State.FAILED: "failed",
        State.EMPTY: "completed with nothing usable",
        State.STUCK: "have no end after 24 hours",
        State.UNKNOWN: "were sent and got no answer: their records are being read",
    }
    numbers = totals.numbers
    return [
        AttentionItem(
            f"{numbers[state]} {text}{_reasons(totals.failures) if state == State.FAILED else ''}",
            "sources",
            f"?state={state}",
            numbers[state] if state in RETRIED else "",
            pressing=state == State.FAILED,
        )
        for state, text in words.items()
        if numbers[state] != "0"
    ]


def _reasons(failures: Mapping[str, int]) -> str:
    """Why the newest failed sources failed, with numbers: ": 14 × Not found · 9 × Needs a log-in"."""
    found = list(failures.items())[:NAMED]
    said = [f"{intcomma(number)} × {_shortened(reason)}" for reason, number in found]
    return f": {' · '.join(said)}" if said else ""


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"


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
