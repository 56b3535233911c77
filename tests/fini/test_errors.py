"""What a status means: the class, and what became of the call (T3)."""

import pytest

from fini_admin.fini import errors
from fini_admin.fini.errors import FiniError, Outcome, for_status

TABLE = [
    *(
        (status, errors.BadRequest, "refused")
        for status in (400, 402, 405, 406, 409, 410, 413, 422, 451, 499)
    ),
    (401, errors.KeyRefused, "refused"),
    (403, errors.ScopeMissing, "refused"),
    (404, errors.NotFound, "refused"),
    (429, errors.Throttled, "not done"),
    *((status, errors.FiniFailed, "unknown") for status in (500, 501, 502, 503, 504, 520, 599)),
    *((status, errors.NotUnderstood, "unknown") for status in (100, 300, 301, 302, 304, 307)),
]
WITHOUT_STATUS = [
    (errors.Unreachable, "not done"),
    (errors.TimedOut, "unknown"),
    (errors.Dropped, "unknown"),
    (errors.NotUnderstood, "unknown"),
]


@pytest.mark.parametrize(("status", "kind", "outcome"), TABLE)
def test_a_status_has_its_class_and_its_outcome(status, kind, outcome):
    error = for_status(status, "said", 7.0)
    assert (type(error), error.outcome, error.status) == (kind, Outcome(outcome), status)
    assert (error.message, error.retry_after) == ("said", 7.0)


@pytest.mark.parametrize(("kind", "outcome"), WITHOUT_STATUS)
def test_what_has_no_status_has_its_outcome(kind, outcome):
    assert kind.outcome == Outcome(outcome)
    assert (kind().status, kind().retry_after) == (None, None)


def test_an_error_says_its_cause_in_plain_words_before_what_fini_said():
    assert str(errors.KeyRefused("Unauthorized")) == "Fini refused the API key: Unauthorized"
    assert str(errors.Unreachable()) == "Fini cannot be reached"


def family(kind: type[FiniError]) -> set[type[FiniError]]:
    return {kind}.union(*map(family, kind.__subclasses__()))


def test_every_class_is_in_the_tables_and_each_has_words_of_its_own():
    ours = {kind for kind in family(FiniError) if kind.__module__ == errors.__name__} - {FiniError}
    assert ours == {kind for _, kind, _ in TABLE} | {kind for kind, _ in WITHOUT_STATUS}
    assert len({kind.cause for kind in ours}) == len(ours)
