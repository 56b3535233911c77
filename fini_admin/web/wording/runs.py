"""A run as people read it: what it does, the segments of its bar, how far it is."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from fini_admin.fini.providers import provider_label
from fini_admin.ingestion.models import Run, RunKind, RunState
from fini_admin.ingestion.runs.forecast import Forecast
from fini_admin.web.charts import LEAST, Part, parts_bar
from fini_admin.web.wording import times

# The bar's segments in their order: what went well first, what did not at the end.
SEGMENTS = ("done", "running", "sent", "waiting", "skipped", "unknown", "refused", "failed")
_DOES = {
    RunKind.DISCOVER: "Discover",
    RunKind.REGISTER: "Register",
    RunKind.INGEST: "Ingest",
    RunKind.REFRESH: "Refresh",
    RunKind.DELETE: "Delete",
    RunKind.SYNC: "Sync",
    RunKind.CRAWL: "Crawl",
    RunKind.WEB: "Ingest",
}
_DONE = {
    RunKind.DISCOVER: "listed",
    RunKind.REGISTER: "registered",
    RunKind.DELETE: "deleted",
    RunKind.SYNC: "mirrored",
    RunKind.CRAWL: "found",
}


@dataclass(frozen=True, slots=True)
class RunSegment:
    """A part of the bar: its name in addresses, what it is called, how many; where it begins and its width (charts)."""

    name: str
    word: str
    number: int
    begins: float
    width: float


def title(run: Run) -> str:
    """What a run does, to how many: "Ingest 659 sources"."""
    what = _DOES[RunKind(run.kind)]
    if run.kind == RunKind.DISCOVER:
        return f"{what} {provider_label(run.provider)}"
    if run.retry_of_id is not None:
        return f"Retry {_number_of_things(run)}"
    what = f"{what}, then ingest," if run.then_ingest else what
    if run.kind == RunKind.CRAWL:
        return f"{what} {_seeds(run)}"
    if run.kind == RunKind.SYNC and run.state != RunState.ENDED:
        return what  # nobody knows how many
    return f"{what} {_number_of_things(run)}"


def _number_of_things(run: Run) -> str:
    if run.kind == RunKind.WEB:
        return f"{run.total:,} web address{'' if run.total == 1 else 'es'}"
    thing = "resource" if run.kind == RunKind.REGISTER else "source"
    return f"{run.total:,} {thing}{'' if run.total == 1 else 's'}"


def _seeds(run: Run) -> str:
    """Where a crawl began: the host, and how many more addresses."""
    links = (run.crawl or {}).get("links") or [""]
    more = f" and {len(links) - 1:,} more" if len(links) > 1 else ""
    return f"{urlsplit(links[0]).netloc}{more}"


def segments(run: Run, *, least: float = LEAST) -> list[RunSegment]:
    """The segments that hold an ID, in the bar's order, each at least this wide."""
    parts = (Part(name, max(0, getattr(run, name)), word(run, name)) for name in SEGMENTS)
    bar = parts_bar(parts, least=least)
    return [
        RunSegment(one.part.name, one.part.text, one.part.number, one.x, one.width) for one in bar.segments
    ]


def word(run: Run, name: str) -> str:
    """What a segment or an outcome is called; where a source was to become usable, "failed" is only one way not to."""
    done = "usable" if run.then_ingest else _DONE.get(RunKind(run.kind), "usable")
    if name == "failed" and done == "usable":
        return "not usable"
    return done if name == "done" else name


def percent(run: Run) -> int | None:
    """How much of it has ended; 100 only when all has. None while nobody knows how much it is."""
    if not run.total or (run.kind == RunKind.SYNC and run.state != RunState.ENDED):
        return None
    return 100 * run.ended // run.total


def how_far(run: Run) -> str:
    """How far a run in a list is, or how long it took."""
    if run.state == RunState.ENDED and run.ended_at:
        return times.took(run.ended_at - run.created_at)
    share = percent(run)
    return "begins" if share is None else f"{share} %"


def pace(run: Run, expected: Forecast) -> str:
    """How fast it goes and how long it will go on: "about 4 min left · 41 a minute"; empty where nothing tells."""
    if run.state != RunState.RUNNING:
        return ""
    said = [] if expected.left is None else [f"{duration(expected.left)} left"]
    return " · ".join([*said, f"{expected.rate:,} a minute"] if expected.rate else said)


def duration(seconds: int) -> str:
    """A length of time that is not known exactly: "about 40 s", "about 4 min", "about 2 h"."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"about {seconds} s" if seconds < 10 else f"about {round(seconds, -1)} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {round(seconds / 3600)} h"
