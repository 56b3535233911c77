"""Where a state is decided: the whole table (T2, T5)."""

from dataclasses import dataclass

import pytest

from fini_admin.sources.states import Before, State, decide, ever_ingested


@dataclass
class Record:
    job_status: str = ""
    success: bool = False
    error: str = ""
    paragraphs: int = 0
    job_id: str = ""
    updated_at: str = "t0"


NEVER = Before("", "", "t0")


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (Record(), State.REGISTERED),
        (Record("PENDING"), State.SENT),
        (Record("IN_PROGRESS"), State.RUNNING),
        (Record("SOMETHING_NEW"), State.RUNNING),
        (Record("COMPLETED", success=True, paragraphs=1), State.USABLE),
        (Record("COMPLETED", success=True), State.EMPTY),
        (Record("COMPLETED", paragraphs=1), State.EMPTY),
        (Record("COMPLETED", success=True, paragraphs=1, error="no"), State.FAILED),
        (Record("FAILED"), State.FAILED),
        (Record("FAILED", success=True, paragraphs=1), State.FAILED),
        (Record(success=True, paragraphs=2), State.USABLE),
    ],
)
def test_a_record_alone_tells_its_state(record: Record, state: State) -> None:
    assert decide(record, queued=False, sent=None, asking=False) == state


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (Record(), State.QUEUED),
        (Record("COMPLETED", success=True, paragraphs=1), State.USABLE),
        (Record("COMPLETED", success=True), State.EMPTY),
        (Record("FAILED"), State.FAILED),
        (Record("IN_PROGRESS"), State.RUNNING),
    ],
)
def test_an_open_entry_makes_queued_only_what_was_never_ingested(record: Record, state: State) -> None:
    assert decide(record, queued=True, sent=None, asking=False) == state


def test_without_a_trace_of_the_send_the_old_record_tells_nothing() -> None:
    old = Record("COMPLETED", success=True, paragraphs=1, job_id="j1")
    before = Before("j1", "COMPLETED", "t0")
    assert decide(old, queued=False, sent=before, asking=False) == State.SENT
    assert decide(old, queued=False, sent=before, asking=True) == State.UNKNOWN


@pytest.mark.parametrize("record", [Record("PENDING"), Record(job_id="j2"), Record(updated_at="t1")])
def test_any_of_the_three_is_a_trace(record: Record) -> None:
    assert decide(record, queued=False, sent=NEVER, asking=True) == State.SENT


@pytest.mark.parametrize(
    ("record", "again"),
    [(Record(), False), (Record("FAILED"), True), (Record(job_id="j"), True), (Record(error="x"), True)],
)
def test_what_was_ever_ingested_is_refreshed(record: Record, again: bool) -> None:
    assert ever_ingested(record) is again
