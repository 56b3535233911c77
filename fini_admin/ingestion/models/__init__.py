"""The queue, previews, runs with their steps and items, and what the worker keeps."""

from fini_admin.ingestion.models.previews import Preview, PreviewRow, PreviewState, RowGroupName
from fini_admin.ingestion.models.runs import (
    NOT_CONNECTED,
    NOT_ENDED,
    Item,
    ItemOutcome,
    Lane,
    QueueEntry,
    Run,
    RunKind,
    RunState,
    Stage,
    Step,
    StepState,
)
from fini_admin.ingestion.models.worker import (
    MOST_HOURS,
    PAGE,
    Budget,
    Schedule,
    Slot,
    Verification,
    Watch,
    Worker,
)

__all__ = (
    "MOST_HOURS",
    "NOT_CONNECTED",
    "NOT_ENDED",
    "PAGE",
    "Budget",
    "Item",
    "ItemOutcome",
    "Lane",
    "Preview",
    "PreviewRow",
    "PreviewState",
    "QueueEntry",
    "RowGroupName",
    "Run",
    "RunKind",
    "RunState",
    "Schedule",
    "Slot",
    "Stage",
    "Step",
    "StepState",
    "Verification",
    "Watch",
    "Worker",
)
