"""Sources that somebody chose, for a refresh or a deletion: which may go, and the run that takes them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fini_admin.audit.names import By
from fini_admin.ingestion.holding import holders
from fini_admin.ingestion.models import Budget, Item, ItemOutcome, Run, RunKind, Stage
from fini_admin.ingestion.queue import DECISIVE
from fini_admin.ingestion.runs import NothingToDo, new_run
from fini_admin.ingestion.steps import ItemWriter, batch_size
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

# What is read of a source that was chosen: its other columns are many.
NEEDED = ("workspace_id", "provider", "external_id", "original_url", "knowledge_id", *DECISIVE)
WhyNot = Callable[[Source, Mapping[int, int]], str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sources in the given order, each with why it may not go: empty where it may."""

    sources: list[tuple[Source, str]]

    @property
    def going(self) -> list[Source]:
        """Those that go."""
        return [source for source, why in self.sources if not why]

    @property
    def left_out(self) -> dict[str, int]:
        """How many do not go, by reason."""
        return dict(Counter(why for _, why in self.sources if why))


def choose(workspace: Workspace, sources: Sequence[int], why_not: WhyNot) -> Chosen:
    """A workspace's sources of these keys, each once, and whether each may go; raises NothingToDo if none may."""
    chosen: list[tuple[Source, str]] = []
    for part in chunks(list(dict.fromkeys(sources)), CHUNK):
        mine = Source.objects.filter(workspace=workspace, pk__in=part).only(*NEEDED)
        found, held = {source.pk: source for source in mine}, holders(part)
        chosen += [(found[key], why_not(found[key], held)) for key in part if key in found]
    made = Chosen(chosen)
    if not made.going:
        raise NothingToDo(
            f"Nothing of this can be sent: {'; '.join(made.left_out) or 'no source was chosen'}"
        )
    return made


def start(
    kind: RunKind,
    stage: Stage,
    chosen: Chosen,
    *,
    by: By,
    workspace: Workspace,
    lane: str = "",
    **fields: Any,
) -> Run:
    """A run over what was chosen, cut into steps. In a transaction that holds the budget's lock."""
    skipped = len(chosen.sources) - len(chosen.going)
    run = new_run(workspace, kind, by=by, total=len(chosen.sources), skipped=skipped, **fields)
    items = [
        Item(
            position=position,
            stage=Stage.ENDED if why else stage,
            outcome=ItemOutcome.SKIPPED if why else None,
            reason=why,
            source_id=source.pk,
            provider=source.provider,
            external_id=source.external_id,
            lane=lane,
        )
        for position, (source, why) in enumerate(chosen.sources)
    ]
    size = batch_size(Budget.objects.get(workspace=workspace))
    ItemWriter(run, size).write(sorted(items, key=lambda item: (item.stage, item.provider)))
    return run
