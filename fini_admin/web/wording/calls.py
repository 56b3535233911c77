"""A call's outcome in plain words: what happened, whether a retry is safe, what to do next (P8)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fini_admin.audit.chain import utc_text
from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind, Origin
from fini_admin.audit.queries import RecordedCall
from fini_admin.fini.errors import Outcome
from fini_admin.fini.retry import may_be_repeated
from fini_admin.sources.models import StateChange

# So many repeats stand in a call's timeline.
MOST_REPEATS = 10
READS = ("list", "get", "discover")

DONE = {
    "list": "Fini listed a page of its sources.",
    "get": "Fini showed one source.",
    "discover": "Fini listed what can be brought in. Nothing was changed there.",
    "crawl": "Fini found the addresses below the ones given. Nothing was stored there.",
    "register": "Fini created or updated the records. Nothing is processed until they are sent to ingestion.",
    "ingest": "Fini accepted the sources and queued them. Whether each becomes usable shows in its state.",
    "refresh": "Fini accepted the sources and queued them again. Whether each becomes usable shows in its state.",
    "delete": "Fini deleted the sources.",
}
REFUSED = {
    401: "The key was revoked, or never belonged to this workspace. Work waits until a key that Fini accepts is live"
    " (Keys).",
    403: "The key lacks the scope, or the records belong to another workspace. Add a key with the scope (Keys).",
    404: "Fini has no such record in this key's workspace: it was deleted, or the key belongs elsewhere.",
    413: "The request was too large. Fewer IDs in a call may pass.",
}
HALVED = (
    "A run halves the batch until the bad ID is alone, and sends the rest; the run's page names the ID."
    " Correct or leave out what Fini names."
)


@dataclass(frozen=True, slots=True)
class CallExplanation:
    """Three sentences; `safe` says whether a retry is, None where there is nothing to retry."""

    what: str
    retry: str
    then: str
    safe: bool | None


def explain_call(entry: Entry, *, flying: bool) -> CallExplanation:
    """Explain a call by its newest row; `flying`: it has no outcome yet and is still open."""
    if entry.kind == CallKind.ASKED:
        return _in_flight(entry) if flying else _outcome_missing()
    if entry.outcome == Outcome.DONE:
        return CallExplanation(DONE.get(entry.route or "", "Fini answered."), "Not needed.", "", None)
    if entry.outcome == Outcome.REFUSED:
        return _refused(entry)
    return _not_done(entry) if entry.outcome == Outcome.NOT_DONE else _unknown(entry)


@dataclass(frozen=True, slots=True)
class TimelineMoment:
    """What happened at a time, and the call whose page tells more."""

    at: str
    what: str
    call: str = ""


def timeline_of(
    found: RecordedCall, attempts: Sequence[Entry], touched: Sequence[StateChange]
) -> list[TimelineMoment]:
    """A call from its record to its last effect, among the calls that sent the same before and after it."""
    moments = [TimelineMoment(found.asked.at, "Recorded, then sent")] if found.asked else []
    if found.outcome:
        moments.append(TimelineMoment(found.outcome.at, _ended(found.outcome)))
    changes = Counter((change.at, change.old, change.new) for change in touched)
    for (at, old, new), number in changes.items():
        sources = f"{number} source{'' if number == 1 else 's'}"
        told = f"{sources}: {old} → {new}" if old != new else f"{sources}: still {new}"
        # A change's time may be when the call was sent; what an answer shows is no older than the answer.
        answered = found.outcome.at if found.outcome else ""
        moments.append(TimelineMoment(max(utc_text(at), answered), told))
    others = [row for row in attempts if row.call != found.entry.call][-MOST_REPEATS:]
    moments += [
        TimelineMoment(row.at, f"The same request, try {row.attempt}: {row.state}", row.call or "")
        for row in others
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _ended(outcome: Entry) -> str:
    took = "" if outcome.duration_ms is None else f" after {outcome.duration_ms:,} ms"
    return f"Answered {outcome.status}{took}" if outcome.status else f"{outcome.state.capitalize()}{took}"


def _in_flight(entry: Entry) -> CallExplanation:
    return CallExplanation(
        "The call was recorded and is on its way; no answer has come yet.",
        "Wait for its outcome first.",
        "If the process that sent it is gone, another closes it as lost within half a minute.",
        safe=False,
    )


def _outcome_missing() -> CallExplanation:
    """Asked, no longer open, and without an outcome: a row of the trail is missing."""
    return CallExplanation(
        "The call has no outcome, and nobody is waiting for one: a row is missing.",
        "Not safe until the sources are read.",
        "Verify the audit trail (verify_audit).",
        safe=False,
    )


def _refused(entry: Entry) -> CallExplanation:
    """Any 4xx but 429."""
    then = REFUSED.get(entry.status or 0, "Correct what Fini names.")
    if entry.run and entry.status not in REFUSED and entry.route not in (*READS, "crawl"):
        then = HALVED
    what = "Fini refused the request: nothing of it was done."
    if not may_be_repeated(entry.route or "") and entry.status not in (401, 403):
        what = (
            "Fini refused the request. Whether it took a part of it is not stated: the sources are read back."
        )
    return CallExplanation(what, "Sending the same again cannot help.", then, None)


def _not_done(entry: Entry) -> CallExplanation:
    """429, or the request did not leave."""
    if entry.kind == CallKind.UNSENT:
        what = "The request was not sent: Fini has not seen it."
        then = "If this continues, check this machine's connection to Fini: network, DNS, proxy, certificate."
    else:
        what = "Fini asked for fewer calls per minute and did nothing."
        then = "Nothing. Calls wait as long as Fini asks for."
    return CallExplanation(what, f"A retry is safe{_if_repeated_by_worker(entry)}.", then, safe=True)


def _unknown(entry: Entry) -> CallExplanation:
    """The request may have left, and its effect is unknown."""
    if entry.kind == CallKind.LOST:
        what = "No complete answer came: the request may have been sent, and Fini may be processing it."
    elif entry.status and entry.status >= 500:
        what = "Fini failed while it worked on this; it may be done in part or whole."
    elif entry.status and entry.status >= 400:
        what = "Something between here and Fini answered in its place: a gateway, a proxy or a firewall."
    else:
        what = "An answer came that cannot be read."
    if not may_be_repeated(entry.route or ""):
        return CallExplanation(
            what,
            "A retry is not safe until the sources are read: the same work could start twice.",
            "Nothing to do: the sources are read back, and those that did not change count as not done."
            if entry.run
            else "Look at the sources it names first.",
            safe=False,
        )
    harmless = "reads change nothing" if entry.route in READS else "the same again changes nothing more"
    return CallExplanation(
        what, f"A retry is safe{_if_repeated_by_worker(entry)}: {harmless}.", "", safe=True
    )


def _if_repeated_by_worker(entry: Entry) -> str:
    return ", and happens automatically" if entry.origin == Origin.WORKER else ""
