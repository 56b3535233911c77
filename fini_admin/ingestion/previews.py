"""What a person is about to start, frozen before it is confirmed (P7): the exact requests, and at most those.

A preview's token is the one-time number of its run: confirmed twice, it leads to the same run (P4).
"""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any, Unpack

from fini_admin.audit.names import By
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.routes import Resource
from fini_admin.ingestion import untitled
from fini_admin.ingestion.comparison import completed
from fini_admin.ingestion.eligibility import unaddressed, why_not
from fini_admin.ingestion.models import Budget, Lane, Preview, QueueEntry, Run, RunKind
from fini_admin.ingestion.preview_rows import compared
from fini_admin.ingestion.runs import (
    Extra,
    NothingToDo,
    batch_size,
    entries_in_given_order,
    is_waiting,
    start_ingest,
    start_register,
)
from fini_admin.lib.paging import chunks
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences

KEPT = timedelta(days=1)
CALL_SECONDS = 0.75  # what a call takes with its answer, as long as the budget is not spent
MORE = 5  # a person decides within minutes: beyond so many calls at once the budget sets the pace


def new_token() -> str:
    """A one-time number for a form that starts a run."""
    return secrets.token_urlsafe(24)


def freeze_register(
    *,
    actor: str,
    workspace: Workspace,
    provider: str,
    resources: Sequence[Resource],
    then_ingest: bool,
    mime_type: str = "",
    places: Sequence[str] = (),
    told: Mapping[str, Any] | None = None,
) -> Preview:
    """These resources in their order, with what is in Fini of them already; twins stay out unless they are let in.

    `mime_type` is for those that have none and are not known. `places` are how each is called, "line 3" for
    instance. `told` is what else the preview says of a file: `problems` and `duplicates` by line (`unit`), `notes`,
    and with `choose` whether to ingest is decided when it is confirmed. Raises NothingToDo.
    """
    if not resources:
        raise NothingToDo("Nothing is left to register")
    resources, nameless = untitled.filled(completed(workspace, provider, resources, mime_type))
    content: dict[str, Any] = {
        "resources": [asdict(resource) for resource in resources],
        "untitled": nameless,
    }
    content |= compared(workspace, provider, resources, places) | dict(told or {})
    untitled.keep_known(content)
    return _keep(
        workspace, RunKind.REGISTER, content, made_by=actor, provider=provider, then_ingest=then_ingest
    )


def freeze_ingest(*, actor: str, workspace: Workspace, entries: Sequence[QueueEntry]) -> Preview:
    """These entries in their order, less what may not be sent now, which is counted by reason.

    Raises NothingToDo when none may be sent.
    """
    queued = {entry.source_id for entry in entries if is_waiting(entry)}
    skipped: dict[str, int] = {}
    sendable: list[QueueEntry] = []
    addresses: set[str] = set()
    for entry in entries:
        reason = why_not(entry.source, queued) or unaddressed(entry.source, addresses)
        if reason:
            skipped[reason] = skipped.get(reason, 0) + 1
        else:
            sendable.append(entry)
    if not sendable:
        raise NothingToDo("Nothing of this can be sent now: " + ("; ".join(skipped) or "nothing waits"))
    content = {
        "entries": [entry.pk for entry in sendable],
        "providers": [
            (name, len(list(run))) for name, run in groupby(entry.source.provider for entry in sendable)
        ],
        "skipped": skipped,
    }
    return _keep(workspace, RunKind.INGEST, content, made_by=actor)


def _keep(workspace: Workspace, kind: RunKind, content: dict[str, Any], **fields: Any) -> Preview:
    """Store a preview."""
    return Preview.objects.create(
        token=new_token(),
        workspace=workspace,
        kind=kind,
        content=content,
        made_at=datetime.now(UTC),
        **fields,
    )


def delete_expired() -> None:
    """Previews that nobody confirmed within a day go, with what they hold."""
    Preview.objects.filter(made_at__lt=datetime.now(UTC) - KEPT).delete()


def find(workspace: Workspace, token: str) -> Preview | None:
    """A workspace's preview that was not confirmed yet and is not older than a day."""
    fresh = Preview.objects.filter(made_at__gte=datetime.now(UTC) - KEPT)
    return fresh.filter(workspace=workspace, token=token).first()


@dataclass(frozen=True, slots=True)
class Batch:
    """What a call of the run will carry: of one provider (trap 8), resources or queue entries' numbers as kept."""

    number: int
    provider: str
    held: Sequence[Any]


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call that the run will make, as it stands in the preview."""

    number: int
    ids: int
    request: Request[Any]


def _resources_of(preview: Preview) -> list[Resource]:
    """The resources that a preview of a register holds."""
    return [Resource(**resource) for resource in preview.content["resources"]]


def twins(preview: Preview) -> set[int]:
    """The positions of the resources whose address is another's."""
    return {position for position, _ in preview.content.get("twins", ())}


def total(preview: Preview) -> int:
    """How many IDs the run will have, if nothing is left out and no twin let in."""
    if preview.kind != RunKind.REGISTER:
        return len(preview.content["entries"])
    return len(preview.content["resources"]) - len(preview.content.get("twins", ()))


def batches(preview: Preview) -> list[Batch]:
    """The batches in the order in which they will go out, as large as they may be now; none of their calls is built."""
    budget = Budget.objects.filter(workspace=preview.workspace_id).first()
    most = batch_size(budget or Budget(workspace=preview.workspace))
    if preview.kind == RunKind.REGISTER:
        out = twins(preview)
        held = [one for position, one in enumerate(preview.content["resources"]) if position not in out]
        by_provider = {preview.provider: held}
    else:
        by_provider = _numbers_by_provider(preview)
    parts = [(provider, part) for provider, all_of in by_provider.items() for part in chunks(all_of, most)]
    return [Batch(number, provider, part) for number, (provider, part) in enumerate(parts, 1)]


def _numbers_by_provider(preview: Preview) -> dict[str, list[int]]:
    """The entries' numbers in their order, by provider."""
    numbers = iter(preview.content["entries"])
    found: dict[str, list[int]] = {}
    for provider, count in preview.content["providers"]:
        found.setdefault(provider, []).extend(islice(numbers, count))
    return found


def planned_calls(preview: Preview, wanted: Sequence[Batch]) -> list[PlannedCall]:
    """The calls of these batches, as things stand now."""
    build = _register_calls if preview.kind == RunKind.REGISTER else _ingest_calls
    return list(build(preview, wanted))


def _register_calls(preview: Preview, wanted: Sequence[Batch]) -> Iterator[PlannedCall]:
    """The register calls of these batches."""
    for batch in wanted:
        resources = [Resource(**resource) for resource in batch.held]
        yield PlannedCall(batch.number, len(resources), routes.register(batch.provider, resources))


def _ingest_calls(preview: Preview, wanted: Sequence[Batch]) -> Iterator[PlannedCall]:
    """The ingest calls of these batches; an ID whose record was not read yet stands in *add*.

    What a record read since then made unfit is left out here as it will be by the run.
    """
    held = preferences(preview.workspace)
    numbers = [number for batch in wanted for number in batch.held]
    found = {entry.pk: entry for entry in entries_in_given_order(preview.workspace, numbers)}
    for batch in wanted:
        entries = _fit([found[number] for number in batch.held if number in found], batch.provider)
        again = [wire for wire, lane in entries if lane == Lane.REFRESH]
        first = [wire for wire, lane in entries if lane != Lane.REFRESH]
        if entries:
            request = routes.ingest(
                batch.provider, add=first, refresh=again, english=held.english, baser=held.baser
            )
            yield PlannedCall(batch.number, len(entries), request)


def _fit(entries: Sequence[QueueEntry], provider: str) -> list[tuple[str, str]]:
    """What names each source of this provider to Fini, with its lane, less what cannot be sent with the others."""
    addresses: set[str] = set()
    return [
        (entry.source.wire_id, entry.lane)
        for entry in entries
        if entry.source.provider == provider and not unaddressed(entry.source, addresses)
    ]


def estimated_seconds(workspace: Workspace, number: int) -> int:
    """About how long so many calls take: the budget sets the pace of many (trap 7)."""
    limit = preferences(workspace).calls_per_minute
    return max(1, round(number * CALL_SECONDS if number <= limit // MORE else number * 60 / limit))


def _wanted(preview: Preview, out: Collection[int], titles: Mapping[int, str]) -> list[Resource]:
    """What a register's preview holds less these positions, with the titles that were written."""
    return [
        replace(held, title=titles.get(position, held.title))
        for position, held in enumerate(_resources_of(preview))
        if position not in out
    ]


def confirm(
    *,
    by: By,
    preview: Preview,
    left: Collection[int] = (),
    let_in: Collection[int] = (),
    titles: Mapping[int, str] | None = None,
    **extra: Unpack[Extra],
) -> Run:
    """Start the run of a preview, or find the one that came of it.

    `left` are positions of resources to leave out, `let_in` those of twins that are to go all the same, `titles` those
    that were written in the preview, by position. Raises NothingToDo.
    """
    extra["token"] = preview.token
    if preview.kind == RunKind.REGISTER:
        run = start_register(
            by=by,
            workspace=preview.workspace,
            provider=preview.provider,
            resources=_wanted(preview, set(left) | (twins(preview) - set(let_in)), titles or {}),
            then_ingest=preview.then_ingest,
            **extra,
        )
    else:
        run = start_ingest(
            by=by,
            workspace=preview.workspace,
            entries=preview.content["entries"],
            **extra,
        )
    preview.delete()
    return run
