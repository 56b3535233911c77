"""What a person is about to start, frozen before it is confirmed (P7): the exact requests, and at most those.

A preview's token is the one-time number of its run: confirmed twice, it leads to the same run (P4).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Unpack

from django.db.models import Exists, OuterRef

from fini_admin.audit.names import By
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.chosen import is_chosen, start_chosen
from fini_admin.ingestion.comparison import compare, completed
from fini_admin.ingestion.effort import effort_of
from fini_admin.ingestion.eligibility import unaddressed, why_not
from fini_admin.ingestion.missing_titles import fill_titles, keep_known_titles
from fini_admin.ingestion.models import (
    Preview,
    PreviewRow,
    PreviewState,
    QueueEntry,
    RowGroupName,
    Run,
    RunKind,
)
from fini_admin.ingestion.planned_calls import call_plan
from fini_admin.ingestion.preview_answers import ChosenResources, PostedAnswer
from fini_admin.ingestion.preview_rows import line_rows, register_rows, sent_unless_told
from fini_admin.ingestion.preview_store import number_of_ids, store_preview
from fini_admin.ingestion.runs import (
    Extra,
    NothingToDo,
    is_waiting,
    start_ingest,
    start_register,
)
from fini_admin.ingestion.web import start_web
from fini_admin.lib.paging import CHUNK
from fini_admin.workspaces.models import Workspace

KEPT = timedelta(days=1)
_CONFIRMING = timedelta(seconds=30)  # whoever confirmed it in its last moment still reads its rows


@dataclass(frozen=True, slots=True)
class RegisterNotes:
    """What a register's preview says besides its resources.

    `problems` and `duplicates` are lines that are left out: each line's number, what is wrong with it (of a duplicate
    the number of the first line), and how it reads. Lines are counted in `unit`. `choose`: whether to ingest as well
    is decided when the preview is confirmed.
    """

    unit: str = "resource"
    notes: Collection[str] = ()
    problems: Collection[Sequence[Any]] = ()
    duplicates: Collection[Sequence[Any]] = ()
    choose: bool = False


def freeze_register(
    *,
    actor: str,
    workspace: Workspace,
    provider: str,
    resources: Sequence[Resource],
    then_ingest: bool,
    mime_type: str = "",
    places: Sequence[str] = (),
    notes: RegisterNotes | None = None,
) -> Preview:
    """These resources in their order, compared with Fini; what is unchanged, and twins, stay out unless let in.

    `mime_type` is for those that have none and are not known. `places` are how each is called, "line 3" for
    instance. Raises NothingToDo.
    """
    if not resources:
        raise NothingToDo("There is no resource to register")
    said = notes or RegisterNotes()
    resources, untitled = fill_titles(completed(workspace, provider, resources, mime_type))
    found = compare(workspace, provider, resources, places)
    keep_known_titles(resources, untitled, found)
    summary = {
        "providers": [(provider, sent_unless_told(resources, found))],
        "unit": said.unit,
        "notes": list(said.notes),
        "choose": said.choose,
        "untitled": len(untitled),
    }
    rows = chain(
        register_rows(resources, untitled, found),
        line_rows(RowGroupName.DUPLICATE, said.duplicates),
        line_rows(RowGroupName.INVALID, said.problems),
    )
    preview = Preview(workspace=workspace, kind=RunKind.REGISTER, made_by=actor, summary=summary)
    preview.provider, preview.then_ingest = provider, then_ingest
    return store_preview(preview, rows)


def freeze_ingest(*, actor: str, workspace: Workspace, entries: Sequence[QueueEntry]) -> Preview:
    """These entries in their order, less what may not be sent now, which is counted by reason.

    Raises NothingToDo when none may be sent.
    """
    queued = {entry.source_id for entry in entries if is_waiting(entry)}
    skipped: Counter[str] = Counter()
    addresses: set[str] = set()
    by_provider: dict[str, list[PreviewRow]] = {}
    position = 0
    for entry in entries:
        reason = why_not(entry.source, queued) or unaddressed(entry.source, addresses)
        if reason:
            skipped[reason] += 1
            continue
        row = PreviewRow(group=RowGroupName.ENTRY, position=position, entry=entry)
        by_provider.setdefault(entry.source.provider, []).append(row)
        position += 1
    if not by_provider:
        raise NothingToDo("Nothing of this can be sent now: " + ("; ".join(skipped) or "nothing waits"))
    summary = {
        "providers": [(name, len(rows)) for name, rows in by_provider.items()],
        "skipped": dict(skipped),
    }
    preview = Preview(workspace=workspace, kind=RunKind.INGEST, made_by=actor, summary=summary)
    return store_preview(preview, _in_sending_order(by_provider.values()))


def _in_sending_order(parts: Iterable[Iterable[PreviewRow]]) -> Iterator[PreviewRow]:
    """Rows of entries with their places: a call is of one provider (T8), so that those of each stand together."""
    for place, row in enumerate(chain.from_iterable(parts)):
        row.number = row.place = place
        yield row


def delete_expired() -> None:
    """Delete previews that nobody confirmed within a day, and the rows of those that became a run."""
    expired = Preview.objects.filter(made_at__lt=datetime.now(UTC) - KEPT - _CONFIRMING, run=None)
    confirmed = Preview.objects.filter(Exists(PreviewRow.objects.filter(preview=OuterRef("pk")))).exclude(
        run=None
    )
    for preview in [*expired.only("pk"), *confirmed.only("pk")]:
        while rows := list(preview.rows.values_list("pk", flat=True)[:CHUNK]):
            PreviewRow.objects.filter(pk__in=rows).delete()
    expired.delete()


def find(workspace: Workspace, token: str) -> Preview | None:
    """A workspace's preview that was not confirmed yet and is not older than a day; with what its cost depends on."""
    fresh = Preview.objects.filter(state=PreviewState.OPEN, made_at__gte=datetime.now(UTC) - KEPT)
    known = fresh.select_related("workspace__budget", "workspace__settings")
    return known.filter(workspace=workspace, token=token).first()


def confirm(
    *,
    by: By,
    preview: Preview,
    answer: PostedAnswer | None = None,
    **extra: Unpack[Extra],
) -> Run:
    """Start the run of a preview, or find the one that came of it. Raises NothingToDo."""
    extra["token"] = preview.token
    if is_chosen(preview):
        run = start_chosen(preview, by=by, **extra)
    elif preview.kind == RunKind.WEB:
        addresses = ChosenResources(preview, answer or PostedAnswer())
        run = start_web(by=by, workspace=preview.workspace, resources=addresses, **extra)
    elif preview.kind == RunKind.REGISTER:
        run = start_register(
            by=by,
            workspace=preview.workspace,
            provider=preview.provider,
            resources=ChosenResources(preview, answer or PostedAnswer()),
            then_ingest=preview.then_ingest,
            **extra,
        )
    else:
        run = start_ingest(
            by=by,
            workspace=preview.workspace,
            entries=FrozenEntries(preview),
            **extra,
        )
    shown = {
        "ids": run.total,
        **asdict(effort_of(call_plan(preview), run.total, then_ingest=run.then_ingest)),
    }
    confirmed = Preview.objects.filter(pk=preview.pk, run=None)
    confirmed.update(state=PreviewState.CONFIRMED, run=run, approved=shown)
    return run


@dataclass(frozen=True, slots=True)
class FrozenEntries:
    """The queue entries of an ingest's preview in the order of sending, read in pieces: their positions and numbers."""

    preview: Preview

    def __len__(self) -> int:
        return number_of_ids(self.preview)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rows = self.preview.rows.filter(place__isnull=False).order_by("place")
        columns = rows.values_list("place", "position", "entry")
        part = list(columns[:CHUNK])
        while part:
            yield from ((position or 0, entry or 0) for _, position, entry in part)
            part = list(columns.filter(place__gt=part[-1][0])[:CHUNK])
