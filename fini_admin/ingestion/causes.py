"""What Fini's words mean: a plain cause, the next step, and whether a retry is safe (P8). Pure.

A reason that nothing here knows is shown as it came; pages mark it, so that new ones are noticed.
"""

import re
from dataclasses import dataclass

from fini_admin.ingestion.eligibility import GONE, NO_ROUTE, TAKEN
from fini_admin.ingestion.steering import IN_DOUBT, NOT_ALL_READ, NOT_ASKED, STOPPED

LOOKED_AT = 2_000  # a refusal may be as long as an answer
SAFE = "A retry is safe"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something did not end well; `helps`: whether a retry can change it before somebody changes something."""

    what: str
    todo: str
    helps: bool = True


_NO_ACCESS = Cause(
    "The page needs a log-in, or refuses Fini",
    "Share it with Fini's integration, then retry: that is safe.",
    helps=False,
)
_BUSY = Cause("The provider had no time for Fini", f"{SAFE} and usually helps a little later.")
# The first that is found counts: what is said of the key or the connection comes before what a page answered.
_KNOWN: tuple[tuple[str, Cause], ...] = (
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
            "Look on Keys which Fini workspace the live key opens, and take out what is not in it.",
            helps=False,
        ),
    ),
    (
        r"^The API key may not do this|required scopes?",
        Cause(
            "The API key lacks a scope",
            "Make a key with the scopes read and write in Fini and switch to it; a retry is safe then.",
            helps=False,
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
        Cause(
            "The provider is not connected in Fini", "An admin connects it in Fini, then retry.", helps=False
        ),
    ),
    (
        r"found nothing usable",
        Cause(
            "Completed with nothing usable",
            "Look whether the page has a text of its own. A retry is safe, and helps once it has.",
            helps=False,
        ),
    ),
    (
        r"answered (404|410)|page (was )?not found|no longer exists",
        Cause(
            "The page is not there",
            "It was moved or deleted. A retry is safe, and helps only after it is back.",
            helps=False,
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
            f"{SAFE}. If it fails again, look whether the page is slow.",
        ),
    ),
    (
        r"unsupported (content|mime|media|file)",
        Cause(
            "Fini cannot read content of this type",
            "Bring it in as a page, a PDF or text. A retry is safe and changes nothing.",
            helps=False,
        ),
    ),
    (
        r"too (large|big|long)|exceeds|maximum size",
        Cause(
            "It is too large for Fini",
            "Divide it, then register the parts. A retry changes nothing.",
            helps=False,
        ),
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
            helps=False,
        ),
    ),
    (
        r"^No end after 24 hours",
        Cause("Fini had not finished after 24 hours", f"{SAFE}: its record is read first."),
    ),
    (
        r"^Sent \d+ times, and Fini never took it",
        Cause("Fini never took it", f"{SAFE}. If it goes on, ask Fini with the IDs of the calls."),
    ),
    (
        r"no record with this external ID was found$",
        Cause(
            "Registered, and its record was not found", f"{SAFE}: registering again updates what is there."
        ),
    ),
    (
        r"^Fini took the call and (has no record|keeps this page)|^No answer came",
        Cause(
            "It is not known which record came of this address",
            "Look in Sources whether the page is there under another address. If it is not, a retry brings it in; if it"
            " is, a retry has Fini process it twice.",
            helps=False,
        ),
    ),
    (
        r"^What became of this address could not be read|^Fini's list does not get on",
        Cause("What became of it could not be read", "Sync, then retry what is not in Sources."),
    ),
    (r"did not say why$", Cause("Fini failed on it and did not say why", f"{SAFE}.")),
    (
        r"^One of [\d,]+ was refused and was not found",
        Cause(
            "One ID of the batch was refused, and it was not found which", f"{SAFE}, and looks for it again."
        ),
    ),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), cause) for pattern, cause in _KNOWN)
# What we say ourselves, word for word.
_OWN: dict[str, Cause] = {
    STOPPED: Cause(STOPPED, "Start it again where it waits: registered sources stay in the queue."),
    IN_DOUBT: Cause(IN_DOUBT, f"{SAFE}: registering again updates what is there."),
    NOT_ASKED: Cause(NOT_ASKED, "Discover again."),
    NOT_ALL_READ: Cause(NOT_ALL_READ, "Sync again."),
    GONE: Cause(GONE, "Register it again if it should come back.", helps=False),
    TAKEN: Cause(TAKEN, "Send it from the queue if it still waits there.", helps=False),
    **{
        said: Cause(said, "It needs a newer Fini; a retry changes nothing.", helps=False)
        for said in NO_ROUTE.values()
    },
}


def cause_of(reason: str) -> Cause | None:
    """The cause behind a reason as it is stored with an ID; None for words that nothing here knows."""
    if reason in _OWN:
        return _OWN[reason]
    said = reason[:LOOKED_AT]
    return next((cause for pattern, cause in _PATTERNS if pattern.search(said)), None)
