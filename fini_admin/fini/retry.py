"""Whether, and when, a call is tried again: one pure function, tested as a table."""

from fini_admin.fini.errors import FiniError, Outcome

LONGEST = 60.0
UNKNOWN_TRIES = 5
NOT_DONE_TRIES = 1_500  # about a day at the longest pause: an outage is waited out, not for ever


def pause_before_retry(error: FiniError, *, tries: int, repeatable: bool) -> float | None:
    """Seconds until the same request may go out again; None: never.

    `tries` counts the calls made so far, from 1. Refused never helps again. Not done may always be repeated;
    unknown only where repeating does no harm (trap 3), and only a few times. Fini's own advice is obeyed.
    """
    if error.outcome is Outcome.REFUSED:
        return None
    if error.outcome is Outcome.UNKNOWN and (not repeatable or tries >= UNKNOWN_TRIES):
        return None
    if tries >= NOT_DONE_TRIES:
        return None
    own: float = min(LONGEST, 2.0 ** min(tries - 1, 10))
    return max(own, error.retry_after or 0.0)
