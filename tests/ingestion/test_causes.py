"""What Fini says is mapped to a plain cause with the next step; what is new is shown as it came (P8)."""

import pytest

from fini_admin.fini import errors
from fini_admin.ingestion import causes, reasons
from fini_admin.ingestion.causes import cause_of
from fini_admin.ingestion.runs.steering import IN_DOUBT, STOPPED
from fini_admin.sandbox import jobs

OF_ADDRESSES = (
    reasons.ANOTHER_ID,
    reasons.HALF_DONE,
    reasons.JOINED,
    reasons.MAYBE_OTHERS,
    reasons.OTHERS,
)
KNOWN = [
    (
        "The API key may not do this: The record belongs to another workspace",
        "It belongs to another workspace of Fini",
    ),
    ("Fini failed on it: Failed to fetch content: the page answered 404", "The page is not there"),
    ("Fini failed on it: Failed to fetch content: the page answered 403", "The page needs a log-in"),
    (
        "Fini failed on it: Failed to fetch content: timed out after 30 seconds",
        "The page did not answer Fini",
    ),
    ("Fini failed on it: Unsupported content type", "Fini cannot read content of this type"),
    ("Fini failed on it: The provider refused access to this item", "The page needs a log-in"),
    ("Fini failed on it and did not say why", "Fini failed on it and did not say why"),
    ("Fini completed it and found nothing usable", "Completed with nothing usable"),
    ("Fini refused the request: notion must be connected first", "The provider is not connected"),
    (
        "One of 40 was refused and was not found within 40 calls: mimeType must be one of: text/html",
        "One ID of the batch was refused, and it is not known which",
    ),
    ("No end after 24 hours", "Fini had not finished after 24 hours"),
    ("Sent 5 times, and Fini never took it", "Fini never took it"),
    (
        "Fini registered the batch, but no record with this external ID was found",
        "Registered, and its record",
    ),
    ("Not sent: the item has no source", "What was to be sent is not valid"),
    (reasons.END_UNSEEN, "Fini took it, and its end was not seen"),
    (reasons.NEVER_SHOWN, "Fini did not tell of its record"),
    *((said, "It is not known which record") for said in OF_ADDRESSES),
    (f"{reasons.OTHERS} https://acme.example/login", "It is not known which record"),
    (reasons.LIST_LOST, "What became of it could not be read"),
    (f"{reasons.NOT_READ}: The API key may not do this", "What became of it could not be read"),
    (
        reasons.IN_DOUBT_AND_REFUSED.format("Fini refused the request: notion must be connected first"),
        "It is not known whether Fini registered it",
    ),
    (STOPPED, STOPPED),
    (IN_DOUBT, "Stopped after a call"),
]


@pytest.mark.parametrize(("reason", "what"), KNOWN)
def test_a_reason_has_a_cause_and_a_next_step(reason: str, what: str):
    cause = cause_of(reason)
    assert cause
    assert cause.what.startswith(what)
    assert cause.todo.endswith(".")


def test_every_error_of_a_call_has_a_cause():
    kinds = (errors.KeyRefused, errors.ScopeMissing, errors.Throttled, errors.Unreachable, errors.FiniFailed)
    for kind in (*kinds, errors.TimedOut, errors.Dropped, errors.NotUnderstood):
        assert cause_of(str(kind("whatever was said"))), kind


def test_every_failure_of_the_sandbox_has_a_cause():
    assert [said for said in jobs._ERRORS if cause_of(f"Fini failed on it: {said}") is None] == []


@pytest.mark.parametrize("reason", ["", "Fini failed on it: Quux overflow in sector 7", "x" * 100_000])
def test_words_that_are_new_are_shown_as_they_came(reason: str):
    assert cause_of(reason) is None


def test_the_table_says_each_thing_once():
    said = [cause.what for _, cause in causes._KNOWN]
    assert len(said) == len(set(said))
