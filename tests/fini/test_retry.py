"""When a call is tried again, as one table (T3)."""

import pytest

from fini_admin.fini import errors
from fini_admin.fini.retry import (
    AWAY_TRIES,
    NOT_DONE_TRIES,
    UNKNOWN_TRIES,
    is_doubt,
    may_be_repeated,
    pause_before_retry,
)

FAILED, THROTTLED = errors.FiniFailed(status=500), errors.Throttled(status=429)
TABLE = [
    # error, tries (each of them in doubt), route, pause
    (errors.BadRequest(status=400), 1, "register", None),
    (errors.KeyRefused(status=401), 1, "register", None),
    (errors.ScopeMissing(status=403), 1, "register", None),
    (errors.NotFound(status=404), 1, "register", None),
    (errors.NotFound(status=404, retry_after=5), 1, "register", None),
    (FAILED, 1, "register", 1.0),
    (FAILED, 2, "register", 2.0),
    (FAILED, 4, "register", 8.0),
    (FAILED, UNKNOWN_TRIES, "register", None),
    (FAILED, 1, "ingest", None),
    (errors.TimedOut(), 1, "register", 1.0),
    (errors.TimedOut(), 1, "ingest", None),
    (errors.Dropped(), 1, "register", 1.0),
    (errors.Dropped(), 1, "ingest", None),
    (errors.NotUnderstood(status=200), 1, "register", 1.0),
    (errors.NotUnderstood(status=200), 1, "ingest", None),
    (errors.FiniFailed(status=503, retry_after=30), 1, "register", 30.0),
    (errors.FiniFailed(status=503, retry_after=30), 1, "ingest", None),
    (errors.FiniFailed(status=503), UNKNOWN_TRIES, "register", 16.0),
    (errors.FiniFailed(status=502), AWAY_TRIES["register"] - 1, "register", 60.0),
    (errors.FiniFailed(status=504), AWAY_TRIES["register"], "register", None),
    (errors.FiniFailed(status=503), UNKNOWN_TRIES, "discover", None),
    (THROTTLED, 1, "register", 1.0),
    (THROTTLED, 1, "ingest", 1.0),
    (THROTTLED, 6, "ingest", 32.0),
    (THROTTLED, 7, "ingest", 60.0),
    (THROTTLED, NOT_DONE_TRIES - 1, "ingest", 60.0),
    (THROTTLED, NOT_DONE_TRIES, "ingest", None),
    (errors.Throttled(status=429, retry_after=120), 1, "ingest", 120.0),
    (errors.Throttled(status=429, retry_after=0), 3, "ingest", 4.0),
    (errors.Unreachable(), 1, "ingest", 1.0),
    (errors.Unreachable(), UNKNOWN_TRIES, "ingest", 16.0),
    (errors.Unreachable(), NOT_DONE_TRIES, "register", None),
]


@pytest.mark.parametrize(("error", "tries", "route", "pause"), TABLE)
def test_the_pause_before_a_retry(error, tries, route, pause):
    assert pause_before_retry(error, tries=tries, doubts=tries, aways=tries, route=route) == pause


MIXED = [
    # error, tries, those of them in doubt, route, pause
    (FAILED, 14, 1, "register", 60.0),  # Fini was away before, and nothing was done
    (errors.TimedOut(), 14, UNKNOWN_TRIES - 1, "register", 60.0),
    (errors.TimedOut(), 14, UNKNOWN_TRIES, "register", None),
    (errors.FiniFailed(status=503), 14, UNKNOWN_TRIES, "register", 60.0),
    (THROTTLED, 14, UNKNOWN_TRIES, "register", 60.0),
    (FAILED, 14, 1, "ingest", None),
]


@pytest.mark.parametrize(("error", "tries", "doubts", "route", "pause"), MIXED)
def test_what_was_not_done_uses_up_nothing_of_what_may_be_in_doubt(error, tries, doubts, route, pause):
    assert pause_before_retry(error, tries=tries, doubts=doubts, route=route) == pause


def test_a_gateway_that_says_that_fini_is_away_leaves_no_doubt_where_that_is_waited_out():
    away = errors.FiniFailed(status=503)
    assert [is_doubt(away, route) for route in ("register", "ingest", "list")] == [False, True, True]
    assert is_doubt(FAILED, "register")
    assert not is_doubt(THROTTLED, "register")


def test_a_route_that_nobody_knows_is_not_repeated():
    assert not may_be_repeated("merge")
