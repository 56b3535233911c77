"""What Fini's words mean: a plain cause, the next step, and whether a retry is safe (P8). Pure.

A reason that nothing here knows is shown as it came; pages mark it, so that new ones are noticed.
"""

import re
from dataclasses import dataclass

from fini_admin.ingestion import reasons
from fini_admin.ingestion.eligibility import GONE, NO_ROUTE, TAKEN
from fini_admin.ingestion.runs.steering import IN_DOUBT, NOT_ALL_READ, NOT_ASKED, STOPPED
from fini_admin.workspaces.keys import NEW_KEY

SAFE = "A retry is safe"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something did not end well, and what to do about it."""

    what: str
    todo: str


def _begins(*texts: str) -> str:
    """The pattern of what begins with one of these texts."""
    return "|".join(f"^{re.escape(text)}" for text in texts)


_NO_ACCESS = Cause(
    "The page needs a log-in, or refuses Fini", "Share it with Fini's integration, then retry: that is safe."
)
_BUSY = Cause("The provider was too busy to answer Fini", f"{SAFE} and usually helps a little later.")
# The first that is found counts: what is said of the key or the connection comes before what a page answered.
_KNOWN: tuple[tuple[str, Cause], ...] = (
    # These quote a refusal or addresses, in which a later pattern may find its words.
    (
        _begins(reasons.IN_DOUBT_AND_REFUSED.format("")),
        Cause(
            "It is not known whether Fini registered it: no answer came, and the repeat was refused",
            "Correct what the refusal names, then retry: registering again updates what is there.",
        ),
    ),
    (
        r"^One of \d+ was refused and was not found",
        Cause(
            "One ID of the batch was refused, and it is not known which", f"{SAFE}, and looks for it again."
        ),
    ),
    (
        _begins(reasons.JOINED, reasons.OTHERS, reasons.MAYBE_OTHERS, reasons.ANOTHER_ID, reasons.HALF_DONE),
        Cause(
            "It is not known which record came of this address",
            "Look in Sources whether the page is there under another address. If it is not, a retry brings it in; if it"
            " is, a retry has Fini process it twice.",
        ),
    ),
    (
        _begins(reasons.NOT_READ, reasons.LIST_LOST),
        Cause("What became of it could not be read", "Sync, then retry what is not in Sources."),
    ),
    (
        r"^Fini refused the API key",
        Cause(
            "Fini refused the API key", "An admin adds another key and switches to it; a retry is safe then."
        ),
    ),
    (
        r"^The API key may not do this.*another workspace",
        Cause(
            "It belongs to another workspace of Fini",
            "Check on Keys which Fini workspace the live key opens, and take out what is not in it.",
        ),
    ),
    (
        r"^The API key may not do this|required scopes?",
        Cause(
            "The API key lacks a scope",
            f"{NEW_KEY} A retry is safe then.",
        ),
    ),
    (
        r"^Fini cannot be reached|^Not sent: this process was held up",
        Cause("Fini could not be reached, and nothing was sent", f"{SAFE} as soon as Fini can be reached."),
    ),
    (
        r"^Fini asked us to slow down",
        Cause("Fini asked us to slow down, and nothing was done", f"{SAFE} a little later."),
    ),
    (
        r"^Fini (failed(?! on it)|did not answer in time)|^The connection was lost|^Fini's answer cannot be read",
        Cause("Fini gave no answer that could be used", f"{SAFE}: what is unknown is read first."),
    ),
    (
        r"must (already |first )?be connected|not (yet |currently )?connected|disconnected|unsupported provider",
        Cause("The provider is not connected in Fini", "An admin connects it in Fini, then retry."),
    ),
    (
        _begins(reasons.NOTHING_USABLE),
        Cause(
            "Completed with nothing usable",
            "Check whether the page has any text of its own. A retry is safe, and helps once it has.",
        ),
    ),
    (
        r"answered (404|410)|page (was )?not found|no longer exists",
        Cause(
            "The page is not there",
            "It was moved or deleted. A retry is safe, and helps only after it is back.",
        ),
    ),
    (
        r"answered 40[13]|refused access|access denied|forbidden|unauthori[sz]ed|permission|log-?in",
        _NO_ACCESS,
    ),
    (r"answered (429|50\d)|rate limit|too many requests", _BUSY),
    (
        r"timed out|time-?out",
        Cause(
            "The page did not answer Fini in time",
            f"{SAFE}. If it fails again, check whether the page loads slowly.",
        ),
    ),
    (
        r"unsupported (content|mime|media|file)",
        Cause(
            "Fini cannot read content of this type",
            "Bring it in as a page, a PDF or text. A retry is safe and changes nothing.",
        ),
    ),
    (
        r"too (large|big|long)|exceeds|maximum size",
        Cause("It is too large for Fini", "Divide it, then register the parts. A retry changes nothing."),
    ),
    (
        r"could not resolve|name or service|ENOTFOUND|certificate|\bssl\b|\btls\b",
        Cause(
            "Fini could not reach the page",
            "Open its address in a browser; correct it, or retry: that is safe.",
        ),
    ),
    (
        r"^Not sent: |must (not )?be\b|should not exist|is not valid|\binvalid\b",
        Cause(
            "What was to be sent is not valid",
            "Correct the field that is named and register it again; a retry sends the same.",
        ),
    ),
    (
        _begins(reasons.NO_END),
        Cause("Fini had not finished after 24 hours", f"{SAFE}: its record is read first."),
    ),
    (
        _begins(reasons.END_UNSEEN),
        Cause(
            "Fini took it, and its end was not seen",
            "Look at the source; if it is not new, refresh it again.",
        ),
    ),
    (
        _begins(reasons.NEVER_SHOWN),
        Cause("Fini did not tell of its record for a day", f"{SAFE}: its record is read first."),
    ),
    (
        r"^Sent \d+ times, and Fini never took it",
        Cause("Fini never took it", f"{SAFE}. If this continues, ask Fini with the IDs of the calls."),
    ),
    (
        _begins(reasons.NO_RECORD),
        Cause(
            "Registered, and its record was not found", f"{SAFE}: registering again updates what is there."
        ),
    ),
    (_begins(reasons.NOT_SAID_WHY), Cause(reasons.NOT_SAID_WHY, f"{SAFE}.")),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), cause) for pattern, cause in _KNOWN)
# What we say ourselves, word for word.
_OWN: dict[str, Cause] = {
    STOPPED: Cause(STOPPED, "Start it again where it waits: registered sources stay in the queue."),
    IN_DOUBT: Cause(IN_DOUBT, f"{SAFE}: registering again updates what is there."),
    NOT_ASKED: Cause(NOT_ASKED, "Discover again."),
    NOT_ALL_READ: Cause(NOT_ALL_READ, "Sync again."),
    GONE: Cause(GONE, "Register it again if it should come back."),
    TAKEN: Cause(TAKEN, "Send it from the queue if it still waits there."),
    **{said: Cause(said, "It needs a newer Fini; a retry changes nothing.") for said in NO_ROUTE.values()},
}


def cause_of(reason: str) -> Cause | None:
    """The cause behind a reason as it is stored with an ID; None for words that nothing here knows."""
    if reason in _OWN:
        return _OWN[reason]
    said = reason[: reasons.LOOKED_AT]
    return next((cause for pattern, cause in _PATTERNS if pattern.search(said)), None)
