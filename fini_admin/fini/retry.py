"""Whether a request may be sent again, and after how long. Pure; tested as a table."""

from fini_admin.fini.errors import FiniError, Outcome

# May a route's request be sent again while it is unknown what became of the first one (T3)?
REPEATABLE = {
    "list": True,
    "get": True,
    "discover": True,
    "crawl": True,  # it stores nothing
    "register": True,  # an upsert
    "ingest": False,
    "refresh": False,
    "delete": False,
}
LONGEST_PAUSE = 60.0
UNKNOWN_TRIES = 5
# What a gateway says while Fini is away. It is waited out where repeating is safe and nobody waits for an answer.
AWAY = (502, 503, 504)
AWAY_TRIES = {"register": 65}  # about an hour at the longest pause
NOT_DONE_TRIES = 1_500  # about a day at the longest pause: an outage is waited out, not for ever


def may_be_repeated(route: str) -> bool:
    """Whether a request of this route may be sent again after an unknown outcome; False for an unknown route."""
    return REPEATABLE.get(route, False)


def is_doubt(error: FiniError, route: str) -> bool:
    """Whether nobody knows if the request was done. A gateway that says that Fini is away is waited out instead."""
    return error.outcome is Outcome.UNKNOWN and not is_away(error, route)


def pause_before_retry(
    error: FiniError, *, tries: int, doubts: int, route: str, aways: int = 0
) -> float | None:
    """Seconds until the same request may go out again; None means never.

    `tries` counts the calls made so far, from 1, `doubts` those of them that are in doubt (is_doubt), and `aways` those
    to which a gateway said that Fini is away (is_away). A refused request is never repeated. One that was not done
    always may be, and after an unknown outcome only a repeatable route's: until UNKNOWN_TRIES are in doubt, or to
    AWAY_TRIES a gateway said that Fini is away (T3).
    `Retry-After` is obeyed (T7).
    """
    if error.outcome is Outcome.REFUSED:
        return None
    if error.outcome is Outcome.UNKNOWN and not may_be_repeated(route):
        return None
    if is_away(error, route) and aways >= AWAY_TRIES[route]:
        return None
    if tries >= NOT_DONE_TRIES or (is_doubt(error, route) and doubts >= UNKNOWN_TRIES):
        return None
    return max(backoff(tries - 1), error.retry_after or 0.0)


def backoff(times: int) -> float:
    """Seconds to pause after that many tries in vain: twice as long each time, at most LONGEST_PAUSE."""
    pause: float = 2.0 ** min(times, 10)
    return min(LONGEST_PAUSE, pause)


def is_away(error: FiniError, route: str) -> bool:
    """Whether a gateway says that Fini is away, of a route that waits for it."""
    return error.outcome is Outcome.UNKNOWN and error.status in AWAY and route in AWAY_TRIES
