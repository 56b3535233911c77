"""What comes next for a source in Fini, in plain words: whether trying again is safe, what to do and where (P8)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fini_admin.fini.providers import PROVIDERS
from fini_admin.sources.models import Source
from fini_admin.sources.states import ENDED, State

NOT_WHILE_IT_RUNS = "Not while its job runs: the same work could start twice."
NOTHING_BY_HAND = "Nothing by hand: its record is read again and again until the job has its end."
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
class Next:
    """Sentences for a person; `button` leads to `page` with `query`. What is empty is not said."""

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
class Waiting:
    """An open place in the queue: its lane, and the run that has taken it."""

    lane: str
    run: int | None


def what_next(source: Source, waiting: Waiting | None = None) -> Next:
    """What a source's state means for who looks at it."""
    if source.state == State.QUEUED:
        return queued(source, waiting)
    told = SAYINGS[State(source.state)](source)
    if waiting and waiting.lane == "refresh":
        return replace(told, **refresh_waits(source, waiting))
    if source.changed and source.state in ENDED:
        since = "Fini has seen that the original changed since it was processed."
        return replace(told, what=f"{told.what} {since}")
    return told


def queued(source: Source, waiting: Waiting | None) -> Next:
    """In the queue; a run may have taken it already."""
    if waiting and waiting.run:
        return Next(
            f"Run {waiting.run} has taken it and sends it to ingestion by itself.", then="Nothing by hand."
        )
    lane = waiting.lane if waiting else ""
    times = {"add": " for the first time", "refresh": " again"}.get(lane, "")
    what = f"It waits to be sent to ingestion{times}. Fini does nothing with it until then."
    return in_queue(source, what, "Send it from the queue.", lane or "unread")


def refresh_waits(source: Source, waiting: Waiting) -> dict[str, str]:
    """What comes next where a refresh waits, whatever the state is."""
    if waiting.run:
        return {
            "then": f"Nothing by hand: run {waiting.run} has its refresh and sends it by itself.",
            "page": "",
        }
    query = f"?lane=refresh&q={source.fini_id}"
    then = "Its refresh waits to be sent: send it from the queue."
    return {"then": then, "page": "queue", "query": query, "button": "Show it in the queue"}


def in_queue(source: Source, what: str, then: str, lane: str) -> Next:
    """What is done in the queue, where the source stands alone."""
    query = f"?lane={lane}&q={source.fini_id}"
    return Next(what, then=then, page="queue", query=query, button="Show it in the queue")


def registered(source: Source) -> Next:
    """In Fini, and in no queue."""
    what = "It is in Fini and nothing was started: it has no place in the queue."
    if source.provider == "files":
        return Next(what, then="Raw files cannot be ingested by the API. Upload the file again in Fini.")
    return in_queue(source, what, "Put it back into the queue, and send it from there.", "out")


def sent(source: Source) -> Next:
    """Taken, and not begun."""
    what = "Fini took it and has not said yet that it began."
    return Next(what, NOT_WHILE_IT_RUNS, NOTHING_BY_HAND)


def running(source: Source) -> Next:
    """Begun."""
    return Next("Fini works on it.", NOT_WHILE_IT_RUNS, NOTHING_BY_HAND)


def usable(source: Source) -> Next:
    """Content is there. It is not yet published, and where it stands in Fini."""
    if not source.knowledge_id:
        return Next(
            REVIEW, then="No article is linked to it yet. Have one made of it in Fini, then review it there."
        )
    made = OPERATIONS.get(source.operation, source.operation)
    linked = f"It is linked to knowledge in Fini{f': {made}' if made else ''}."
    return Next(REVIEW, then=f"{linked} Review it there, under Review and Approvals.")


def empty(source: Source) -> Next:
    """Completed, nothing usable."""
    return again(
        source,
        "Fini completed it and found nothing usable in it.",
        "A retry is safe, and comes to the same until the original holds text that Fini may read.",
        "Look at the original, and at what the provider lets Fini see.",
    )


def failed(source: Source) -> Next:
    """Fini's words, if it said any."""
    said = f"Fini failed on it: {source.error}" if source.error else "Fini failed on it and did not say why."
    safe = "A retry is safe: its job has ended, so nothing runs twice."
    return again(source, said, safe, "Mend what Fini names." if source.error else "")


def unknown(source: Source) -> Next:
    """Sent, no answer."""
    return Next(
        "It was sent, and no whole answer came: Fini may be working on it, or has never got it.",
        "Not before its record was read: the same work could start twice. Nothing is sent until then.",
        "Nothing by hand: the record is being read. A trace in it settles the matter at once; without one it counts as"
        " not done and is sent again.",
    )


def stuck(source: Source) -> Next:
    """No end within a day."""
    return Next(
        "Its job has had no end for 24 hours.",
        "Not safe as long as the job may still run in Fini.",
        "Look at it in Fini. Its record is read once an hour for a day; if the job ends, the state follows.",
    )


def gone(source: Source) -> Next:
    """No longer there."""
    what = "Fini has it no longer: it was deleted there. What happened to it stays here."
    if source.provider not in PROVIDERS:
        return Next(what)
    return Next(
        what,
        "Registering the resource again makes a new source.",
        "Register it again if it is still wanted.",
        page="register",
        button="Register it again",
    )


def again(source: Source, what: str, retry: str, mend: str) -> Next:
    """The way to another try, which depends on where the content comes from."""
    if source.provider == "files":
        then = "Upload the file again in Fini: raw files cannot be processed again by the API."
    else:
        then = "Then retry it, below." if mend else "Retry it, below."
    return Next(what, retry, f"{mend} {then}".strip())


SAYINGS: dict[State, Callable[[Source], Next]] = {
    State.REGISTERED: registered,
    State.SENT: sent,
    State.RUNNING: running,
    State.USABLE: usable,
    State.EMPTY: empty,
    State.FAILED: failed,
    State.UNKNOWN: unknown,
    State.STUCK: stuck,
    State.GONE: gone,
}
