"""What became of a call, in plain words: what it means, whether a retry is safe, what to do next (P8)."""

from dataclasses import dataclass

from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind, Origin
from fini_admin.fini.errors import Outcome
from fini_admin.fini.retry import may_be_repeated

READS = ("list", "get", "discover")

DONE = {
    "list": "Fini listed a page of its sources.",
    "get": "Fini showed one source.",
    "discover": "Fini listed what can be brought in. Nothing was changed there.",
    "crawl": "Fini found the addresses below the ones given. Nothing was stored there.",
    "register": "Fini created or updated the records. Nothing is processed until they are sent to ingestion.",
    "ingest": "Fini took the sources and queued them. Whether each becomes usable shows in its state.",
    "refresh": "Fini took the sources and queued them again. Whether each becomes usable shows in its state.",
    "delete": "Fini deleted the sources.",
}
REFUSED = {
    401: "The key is revoked, or was never one of this workspace. Work waits until a key that Fini takes is live"
    " (Keys).",
    403: "The key lacks the scope, or the records belong to another workspace. Add a key with the scope (Keys).",
    404: "Fini has no such record in this key's workspace: it was deleted, or the key belongs elsewhere.",
    413: "The request was too large. Fewer IDs in a call may pass.",
}
HALVED = (
    "A run halves the batch until the offender stands alone and sends the rest; its page names the ID."
    " Mend or leave out what Fini names."
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """Three sentences for a person; `safe` is None where a retry has no sense."""

    what: str
    retry: str
    then: str
    safe: bool | None


def meaning(entry: Entry, *, flying: bool = False) -> Meaning:
    """What a call's newest row says."""
    if entry.kind == CallKind.ASKED:
        return on_the_way(entry) if flying else without_end()
    if entry.outcome == Outcome.DONE:
        return Meaning(DONE.get(entry.route or "", "Fini answered."), "Nothing is left to repeat.", "", None)
    if entry.outcome == Outcome.REFUSED:
        return refused(entry)
    return not_done(entry) if entry.outcome == Outcome.NOT_DONE else unknown(entry)


def on_the_way(entry: Entry) -> Meaning:
    """Asked, and no outcome yet."""
    return Meaning(
        "The call was recorded and is on its way; no answer has come yet.",
        "Wait for its outcome first.",
        "If the process that sent it is gone, another closes it as lost within half a minute.",
        safe=False,
    )


def without_end() -> Meaning:
    """Asked, no longer open, and no outcome: the trail is not whole."""
    return Meaning(
        "The call has no outcome, and nobody is waiting for one: a row is missing.",
        "Not safe before the sources were read.",
        "Verify the audit trail (verify_audit).",
        safe=False,
    )


def refused(entry: Entry) -> Meaning:
    """A 4xx but 429."""
    then = REFUSED.get(entry.status or 0, "Mend what Fini names.")
    if entry.run and entry.status not in REFUSED and entry.route not in READS:
        then = HALVED
    what = "Fini refused the request: nothing of it was done."
    if not may_be_repeated(entry.route or "") and entry.status not in (401, 403):
        what = (
            "Fini refused the request. Whether it took a part of it is not stated: the sources are read back."
        )
    return Meaning(what, "Sending the same again cannot help.", then, None)


def not_done(entry: Entry) -> Meaning:
    """429, or it did not leave."""
    if entry.kind == CallKind.UNSENT:
        what = "The request certainly did not leave: Fini has not seen it."
        then = "If it stays so, check this machine's way to Fini: network, DNS, proxy, certificate."
    else:
        what = "Fini asked us to slow down and did nothing."
        then = "Nothing. Calls wait as long as Fini asks for."
    return Meaning(what, f"A retry is safe{by_itself(entry)}.", then, safe=True)


def unknown(entry: Entry) -> Meaning:
    """It may have left, and nobody can tell what became of it."""
    if entry.kind == CallKind.LOST:
        what = "No whole answer came: the request may have left, and Fini may be working on it."
    elif entry.status and entry.status >= 500:
        what = "Fini failed while it worked on this; it may be done in part or whole."
    else:
        what = "An answer came that cannot be read."
    if not may_be_repeated(entry.route or ""):
        return Meaning(
            what,
            "A retry is not safe before the sources were read: the same work could start twice.",
            "Nothing by hand: the sources are read back, and what shows no trace counts as not done."
            if entry.run
            else "Look at the sources it names first.",
            safe=False,
        )
    harmless = "reads change nothing" if entry.route in READS else "the same again changes nothing more"
    return Meaning(what, f"A retry is safe{by_itself(entry)}: {harmless}.", "", safe=True)


def by_itself(entry: Entry) -> str:
    """Whether anybody has to do it."""
    return " and comes by itself" if entry.origin == Origin.WORKER else ""
