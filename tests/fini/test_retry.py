"""When a call is tried again, as one table (trap 3)."""

import pytest

from fini_admin.fini import errors
from fini_admin.fini.retry import NOT_DONE_TRIES, UNKNOWN_TRIES, pause_before_retry

FAILED, THROTTLED = errors.FiniFailed(status=500), errors.Throttled(status=429)
TABLE = [
    # error, tries, repeatable, pause
    (errors.BadRequest(status=400), 1, True, None),
    (errors.KeyRefused(status=401), 1, True, None),
    (errors.ScopeMissing(status=403), 1, True, None),
    (errors.NotFound(status=404), 1, True, None),
    (errors.NotFound(status=404, retry_after=5), 1, True, None),
    (FAILED, 1, True, 1.0),
    (FAILED, 2, True, 2.0),
    (FAILED, 4, True, 8.0),
    (FAILED, UNKNOWN_TRIES, True, None),
    (FAILED, 1, False, None),
    (errors.TimedOut(), 1, True, 1.0),
    (errors.TimedOut(), 1, False, None),
    (errors.Dropped(), 1, True, 1.0),
    (errors.Dropped(), 1, False, None),
    (errors.NotUnderstood(status=200), 1, True, 1.0),
    (errors.NotUnderstood(status=200), 1, False, None),
    (errors.FiniFailed(status=503, retry_after=30), 1, True, 30.0),
    (errors.FiniFailed(status=503, retry_after=30), 1, False, None),
    (THROTTLED, 1, True, 1.0),
    (THROTTLED, 1, False, 1.0),
    (THROTTLED, 6, False, 32.0),
    (THROTTLED, 7, False, 60.0),
    (THROTTLED, NOT_DONE_TRIES - 1, False, 60.0),
    (THROTTLED, NOT_DONE_TRIES, False, None),
    (errors.Throttled(status=429, retry_after=120), 1, False, 120.0),
    (errors.Throttled(status=429, retry_after=0), 3, False, 4.0),
    (errors.Unreachable(), 1, False, 1.0),
    (errors.Unreachable(), UNKNOWN_TRIES, False, 16.0),
    (errors.Unreachable(), NOT_DONE_TRIES, True, None),
]


@pytest.mark.parametrize(("error", "tries", "repeatable", "pause"), TABLE)
def test_the_pause_before_a_retry(error, tries, repeatable, pause):
    assert pause_before_retry(error, tries=tries, repeatable=repeatable) == pause
