"""What follows for a source in a state: whether a retry is safe, what to do, and where (P8)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.causes import cause_of
from fini_admin.sources.models import Source
from fini_admin.sources.states import ENDED, State

NOT_WHILE_IT_RUNS = "Not while its job runs: the same work could start twice."
NOTHING_BY_HAND = "Nothing to do: its record is read regularly until the job ends."
REVIEW = (
    "Usable is not yet published: answers change only after review in Fini. There it becomes an article, a draft at"
    " first; it is reviewed, published, and put into a folder that an agent answers from."
)
OPERATIONS = {
    "ADD_ARTICLE_TO_FOLDER": "a new article in a folder",
    "UPDATE_ARTICLE": "a change of an article",
    "CREATE_SUBFOLDER_AND_ARTICLE": "a new folder with an article",
    "DO_NOTHING": "no change of any article",
}


@dataclass(frozen=True, slots=True)
class NextStep:
    """Sentences about a source; `button` leads to `page` with `query`. Empty parts are not shown."""

    what: str
    retry: str = ""
    then: str = ""
    page: str = ""
    query: str = ""
    button: str = ""


def state_in_words(state: str, lane: str | None) -> str:
    """A source's state with the second fact beside it: that it waits for a refresh (`lane` of its open entry)."""
    return f"{state} · refresh queued" if lane == "refresh" else state


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A source's open queue entry: its lane, and the number of the run that has taken it."""

    lane: str
    run: int | None


def what_next(source: Source, waiting: QueuePlace | None = None) -> NextStep:
    """Explain a source's state; `waiting` is its open queue entry."""
    if source.state == State.QUEUED:
        return _queued(source, waiting)
    told = NEXT_STEPS[State(source.state)](source)
    if waiting and waiting.lane == "refresh":
        return replace(told, **_refresh_waits(source, waiting))
    if source.changed and source.state in ENDED:
        since = "Fini has seen that the original changed since it was processed."
        return replace(told, what=f"{told.what} {since}")
    return told


def _queued(source: Source, waiting: QueuePlace | None) -> NextStep:
    if waiting and waiting.run:
        return NextStep(f"Run {waiting.run} has taken it and sends it to ingestion.", then="Nothing to do.")
    lane = waiting.lane if waiting else ""
    times = {"add": " for the first time", "refresh": " again"}.get(lane, "")
    what = f"It waits to be sent to ingestion{times}. Fini does nothing with it until then."
    return _do_in_queue(source, what, "Send it from the queue.", lane or "unread")


def _refresh_waits(source: Source, waiting: QueuePlace) -> dict[str, str]:
    """What comes next where a refresh waits, whatever the state is."""
    if waiting.run:
        return {
            "then": f"Nothing by hand: run {waiting.run} has its refresh and sends it by itself.",
            "page": "",
        }
    query = f"?lane=refresh&q={source.fini_id}"
    then = "Its refresh waits to be sent: send it from the queue."
    return {"then": then, "page": "queue", "query": query, "button": "Show it in the queue"}


def _do_in_queue(source: Source, what: str, then: str, lane: str) -> NextStep:
    """A step to be done in the queue, filtered for this source."""
    query = f"?lane={lane}&q={source.fini_id}"
    return NextStep(what, then=then, page="queue", query=query, button="Show it in the queue")


def _registered(source: Source) -> NextStep:
    what = "It is in Fini, but not in the queue, so nothing processes it."
    if source.provider == "files":
        return NextStep(what, then="Raw files cannot be ingested by the API. Upload the file again in Fini.")
    return _do_in_queue(source, what, "Put it back into the queue, and send it from there.", "out")


def _sent(source: Source) -> NextStep:
    what = "Fini accepted it and has not reported yet that it started."
    return NextStep(what, NOT_WHILE_IT_RUNS, NOTHING_BY_HAND)


def _running(source: Source) -> NextStep:
    return NextStep("Fini is processing it.", NOT_WHILE_IT_RUNS, NOTHING_BY_HAND)


def _usable(source: Source) -> NextStep:
    if not source.knowledge_id:
        return NextStep(
            REVIEW, then="No article is linked to it yet. Have one made of it in Fini, then review it there."
        )
    made = OPERATIONS.get(source.operation, source.operation)
    linked = f"It is linked to knowledge in Fini{f': {made}' if made else ''}."
    return NextStep(REVIEW, then=f"{linked} Review it there, under Review and Approvals.")


def _empty(source: Source) -> NextStep:
    return _try_again(
        source,
        "Fini completed it and found nothing usable in it.",
        "A retry is safe, but ends the same way until the original has text that Fini may read.",
        "Check the original, and what the provider lets Fini read.",
    )


def _failed(source: Source) -> NextStep:
    said = f"Fini failed on it: {source.error}" if source.error else "Fini failed on it and did not say why."
    safe = "A retry is safe: its job has ended, so nothing runs twice."
    cause = cause_of(said)
    if cause:  # its next step speaks of the retry itself
        return _try_again(source, said, safe, cause.todo, then="")
    return _try_again(source, said, safe, "Correct what Fini names.")


def _unknown(source: Source) -> NextStep:
    return NextStep(
        "It was sent, and no complete answer came: Fini may be processing it, or may never have received it.",
        "Not safe until its record is read: the same work could start twice. Nothing is sent until then.",
        "Nothing to do: the record is being read. If it changed, Fini received the request; if not, it counts as"
        " not done and is sent again.",
    )


def _stuck(source: Source) -> NextStep:
    return NextStep(
        "Its job has not ended for 24 hours.",
        "Not safe as long as the job may still run in Fini.",
        "Look at it in Fini. Its record is read once an hour for a day; if the job ends, the state follows.",
    )


def _gone(source: Source) -> NextStep:
    what = "It was deleted in Fini. Its history stays here."
    if source.provider not in PROVIDERS:
        return NextStep(what)
    return NextStep(
        what,
        "Registering the resource again makes a new source.",
        "Register it again if it is still wanted.",
        page="register",
        button="Register it again",
    )


def _try_again(
    source: Source, what: str, retry: str, mend: str, then: str = "Then retry it, below."
) -> NextStep:
    """The way to another try, which depends on where the content comes from."""
    if source.provider == "files":
        then = "Upload the file again in Fini: raw files cannot be processed again by the API."
    return NextStep(what, retry, f"{mend} {then}".strip())


NEXT_STEPS: dict[State, Callable[[Source], NextStep]] = {
    State.REGISTERED: _registered,
    State.SENT: _sent,
    State.RUNNING: _running,
    State.USABLE: _usable,
    State.EMPTY: _empty,
    State.FAILED: _failed,
    State.UNKNOWN: _unknown,
    State.STUCK: _stuck,
    State.GONE: _gone,
}


def short_line(text: str, most: int) -> str:
    """A text of Fini's, as a reason, as one line of at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
