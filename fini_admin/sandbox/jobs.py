"""Ingestion jobs. No thread advances them: what is due is applied when somebody looks."""

import heapq
import math
import uuid

from fini_admin.sandbox.chance import between, fraction, pick
from fini_admin.sandbox.documents import Document
from fini_admin.sandbox.settings import OUTCOMES, Settings
from fini_admin.sandbox.store import Store

_ERRORS = (
    "Failed to fetch content: the page answered 403",
    "Failed to fetch content: timed out after 30 seconds",
    "Unsupported content type",
    "The provider refused access to this item",
)

Transition = tuple[int, int, str, int, str]
"""When it is due (ms), serial number, source ID, the source's job number, what happens."""


class Jobs:
    """A job is PENDING, then IN_PROGRESS, then COMPLETED or FAILED."""

    def __init__(self, store: Store) -> None:
        self.due: list[Transition] = []
        self._store = store
        self._serial = 0

    def start(self, document: Document, ms: int, settings: Settings) -> None:
        """Queue a job; replaces one that still runs for the same source."""
        document.job_id = str(uuid.uuid4())
        document.job_status = "PENDING"
        document.error = ""
        document.job_count += 1
        document.live_job = document.job_count
        self._store.touch(document, ms)
        name = document.external_id
        running = ms + _ms(between(settings.pending_seconds, name, "pending"))
        self._plan(running, document, "running")
        outcome = outcome_of(document, settings)
        if outcome == "usable" and fraction(name, "linked") < settings.linked_share:
            outcome = "linked"
        if outcome != "never":
            ended = running + _ms(between(settings.running_seconds, name, "running"))
            self._plan(ended, document, outcome)

    def advance(self, ms: int) -> None:
        """Apply everything that is due, each at its own time."""
        while self.due and self.due[0][0] <= ms:
            at, _, document_id, number, what = heapq.heappop(self.due)
            document = self._store.get(document_id)
            if document is not None and document.live_job == number:
                _apply(document, what)
                self._store.touch(document, at)

    def load(self, due: list[Transition]) -> None:
        """Continue with the jobs of a saved state."""
        self.due = due
        heapq.heapify(self.due)
        self._serial = max((transition[1] for transition in due), default=0)

    def _plan(self, at: int, document: Document, what: str) -> None:
        self._serial += 1
        heapq.heappush(self.due, (at, self._serial, document.id, document.live_job, what))


def outcome_of(document: Document, settings: Settings) -> str:
    """How a source's job ends: as named in the settings, else by a hash of its ID and the weights."""
    for name in document.names:
        if name in settings.outcomes:
            return settings.outcomes[name]
    weights = [(outcome, settings.weights.get(outcome, 0.0)) for outcome in OUTCOMES]
    left = fraction(document.external_id, "outcome") * sum(weight for _, weight in weights)
    for outcome, weight in weights:
        if left < weight:
            return outcome
        left -= weight
    return "usable"


def succeed(document: Document) -> None:
    """End a job with usable content; the previous text becomes the old one."""
    document.job_status, document.success, document.error = "COMPLETED", True, ""
    document.old_paragraphs, document.old_text_version = document.paragraphs, document.text_version
    document.paragraphs, document.text_version = None, document.version


def _apply(document: Document, what: str) -> None:
    if what == "running":
        document.job_status = "IN_PROGRESS"
        return
    document.live_job = 0
    if what == "failed":
        document.job_status, document.success = "FAILED", False
        document.error = pick(_ERRORS, document.external_id, "error")
    elif what == "empty":
        document.job_status, document.success = "COMPLETED", False
        document.paragraphs, document.text_version = None, 0
    else:
        succeed(document)
        if what == "linked" and document.knowledge_id is None:
            document.knowledge_id = str(uuid.uuid4())
            document.operation = "ADD_ARTICLE_TO_FOLDER"


def _ms(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))
