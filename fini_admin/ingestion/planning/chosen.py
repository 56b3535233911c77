"""IDs that somebody chose for a refresh, a deletion or a retry: their preview."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fini_admin.fini.routes import ResourceBody
from fini_admin.ingestion.entries import DECISIVE
from fini_admin.ingestion.models import (
    Preview,
    PreviewRow,
    RowGroupName,
    RunKind,
)
from fini_admin.ingestion.planning.plans import (
    Action,
    ItemPlan,
)
from fini_admin.ingestion.planning.preview_store import in_sending_order, store_preview
from fini_admin.ingestion.runs.items import holders
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

# What is read of a source that was chosen: its other columns are many.
NEEDED = ("provider", "external_id", "original_url", *DECISIVE)
# What is known of these is what is sent of them: there is no source yet.
WITHOUT_SOURCE = (Action.REGISTER, Action.WEB)
Planner = Callable[[Source, Mapping[int, int]], ItemPlan]


@dataclass(frozen=True, slots=True)
class Chosen:
    """An ID that was chosen: what is done about it, and its source (a key) or what register sends of it."""

    plan: ItemPlan
    provider: str
    source: int | None = None
    resource: ResourceBody | None = None


def choose(workspace: Workspace, sources: Sequence[int], planner: Planner) -> Iterator[Chosen]:
    """A workspace's sources of these keys in the order given, each once, with what is done about each."""
    for part in chunks(list(dict.fromkeys(sources)), CHUNK):
        found, held = read_chosen(workspace, part), holders(part)
        for key in part:
            if key in found:
                yield Chosen(planner(found[key], held), found[key].provider, source=key)


def read_chosen(workspace: Workspace, keys: Sequence[int]) -> dict[int, Source]:
    """A workspace's sources of these keys, with what decides what is done about each."""
    mine = Source.objects.filter(workspace=workspace, pk__in=keys).only(*NEEDED)
    return {source.pk: source for source in mine}


def freeze(
    kind: RunKind | None, chosen: Iterable[Chosen], *, workspace: Workspace, **summary: Any
) -> Preview:
    """Store the preview of what was chosen, less what nothing can be done about, which is counted by reason.

    Without a `kind` it is a refresh where that is all that is done, else an ingest. Raises CannotStart.
    """
    skipped: Counter[str] = Counter()
    parts: dict[tuple[Action, str], list[PreviewRow]] = {}
    position = 0
    for one in chosen:
        if one.plan.way == Action.NOTHING:
            skipped[one.plan.why] += 1
            continue
        row = PreviewRow(group=RowGroupName.CHOSEN, position=position, source_id=one.source, way=one.plan.way)
        row.content = {"resource": one.resource} if one.plan.way in WITHOUT_SOURCE else None
        parts.setdefault((one.plan.way, one.provider), []).append(row)
        position += 1
    if not parts:
        raise CannotStart(f"{none_of(kind)}: {'; '.join(skipped) or 'nothing was chosen'}")
    summary |= {
        "providers": [(provider, len(rows)) for (_, provider), rows in parts.items()],
        "ways": [way for way, _ in parts],
        "skipped": dict(skipped),
    }
    if kind is None:
        kind = RunKind.REFRESH if {way for way, _ in parts} == {Action.REFRESH} else RunKind.INGEST
    preview = Preview(workspace=workspace, kind=kind, summary=summary)
    preview.then_ingest = summary.pop("then_ingest", False)
    return store_preview(preview, in_sending_order(parts.values()))


def none_of(kind: str | None) -> str:
    """What is said where nothing can be done."""
    return f"None of these can be {'deleted' if kind == RunKind.DELETE else 'sent'}"


def is_chosen(preview: Preview) -> bool:
    """Whether a preview was frozen here."""
    return "ways" in preview.summary
