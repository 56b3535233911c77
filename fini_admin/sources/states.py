"""Decides a source's state: one pure function of what its record says (T2, T5)."""

from dataclasses import dataclass
from typing import Protocol

from django.db.models import TextChoices


class State(TextChoices):
    """The ten states of a source. *queued* is the first ingestion; a wait for a refresh leaves the state as it is."""

    REGISTERED = "registered"
    QUEUED = "queued"
    SENT = "sent"
    RUNNING = "running"
    USABLE = "usable"
    EMPTY = "empty"
    FAILED = "failed"
    UNKNOWN = "unknown"
    STUCK = "stuck"
    GONE = "gone"


ENDED = (State.USABLE, State.EMPTY, State.FAILED)
BUSY = (State.SENT, State.RUNNING, State.UNKNOWN)


class Record(Protocol):
    """The fields of a record that the decision needs; the mirror's model has them."""

    @property
    def job_id(self) -> str: ...
    @property
    def job_status(self) -> str: ...
    @property
    def success(self) -> bool: ...
    @property
    def error(self) -> str: ...
    @property
    def updated_at(self) -> str: ...
    @property
    def paragraphs(self) -> int: ...


# In place of a record's time before a send: a registration of ours has moved that since, so that it tells nothing.
MOVED = "moved"
# In front of the time that was read first since: it may be the registration's, or already the one of the job's end.
MOVED_TO = "moved to "


@dataclass(frozen=True, slots=True)
class Before:
    """A record's job, job status and time as stored before a send (T3)."""

    job_id: str
    job_status: str
    updated_at: str


def ever_ingested(record: Record) -> bool:
    """Whether Fini ever processed it, which decides between *add* and *refresh* (T2)."""
    return bool(record.job_id or record.job_status or record.success or record.error or record.paragraphs)


def has_trace(record: Record, before: Before) -> bool:
    """Whether the record shows that the send arrived: any of the three values differs (T3)."""
    at = record.updated_at
    if before.updated_at == MOVED:
        at = MOVED
    elif before.updated_at.startswith(MOVED_TO):
        at = f"{MOVED_TO}{at}"
    return Before(record.job_id, record.job_status, at) != before


def hides_its_end(record: Record, before: Before) -> bool:
    """Whether the job that followed a send may have ended unseen: an end is shown, and of when nobody can tell (T3)."""
    unseen = before.updated_at.startswith(MOVED_TO) and not has_trace(record, before)
    return unseen and _of_job(record) in ENDED


def _of_job(record: Record) -> State:
    """The state of the record's latest job. A status that we do not know counts as not ended."""
    if record.job_status == "FAILED":
        return State.FAILED
    if record.job_status == "COMPLETED":
        return _of_completed(record)
    if record.job_status == "PENDING":
        return State.SENT
    if record.job_status:
        return State.RUNNING
    if record.success or record.error or record.paragraphs:
        return _of_completed(record)
    return State.SENT if record.job_id else State.REGISTERED


def _of_completed(record: Record) -> State:
    """`COMPLETED` alone is not usable: that needs success, no error, and content (T5)."""
    if record.error:
        return State.FAILED
    return State.USABLE if record.success and record.paragraphs else State.EMPTY


def decide(record: Record, *, queued: bool, sent: Before | None, asking: bool) -> State:
    """A source's state now.

    `queued`: it has an open queue entry, which makes it *queued* only where it was never ingested: a source that waits
    for a refresh keeps the state of its last job. `sent`: what stood in the record before the send that is being
    followed. `asking`: that send's outcome is unknown. Until the record shows the send's trace it tells nothing
    about it.
    """
    if sent and not has_trace(record, sent):
        return State.UNKNOWN if asking else State.SENT
    state = _of_job(record)
    if sent:
        return State.SENT if state is State.REGISTERED else state
    return State.QUEUED if queued and state is State.REGISTERED else state
