"""Deletions of sources in Fini, and registering again what was deleted."""

from collections.abc import Iterator, Sequence

from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import InvalidRequest, Resource, check_resource
from fini_admin.ingestion.models import ItemOutcome, Preview, Run, RunKind, RunState
from fini_admin.ingestion.planning import chosen
from fini_admin.ingestion.planning.chosen import Chosen
from fini_admin.ingestion.planning.plans import Action, ItemPlan, plan_delete
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.sources.queries import by_resource
from fini_admin.workspaces.models import Workspace

NOT_REGISTERED = (
    "The API registers neither web pages nor raw files: ingest pages on Web, upload files in Fini"
)


def freeze(*, workspace: Workspace, sources: Sequence[int], with_articles: bool = False) -> Preview:
    """The preview of a deletion of these sources (keys), in the order given.

    `with_articles` takes the linked knowledge as well. What is gone, busy or another run's is left out and counted by
    reason. Raises CannotStart if nothing is left.
    """
    going = list(chosen.choose(workspace, sources, plan_delete))
    return chosen.freeze(
        RunKind.DELETE,
        going,
        workspace=workspace,
        with_articles=with_articles,
        linked=linked([one.source for one in going if one.source and one.plan.way == Action.DELETE]),
    )


def linked(sources: Sequence[int]) -> int:
    """How many of these sources (keys) have knowledge linked to them in Fini."""
    parts = (Source.objects.filter(pk__in=part) for part in chunks(sources, CHUNK))
    return sum(part.exclude(knowledge_id="").count() for part in parts)


def register_again(*, run: Run) -> Preview:
    """The preview of a register of what a delete run deleted; what is in Fini again is left out.

    Raises CannotStart.
    """
    if run.kind != RunKind.DELETE or run.state != RunState.ENDED:
        raise CannotStart(f"Run {run.number} is no deletion that has ended")
    return chosen.freeze(RunKind.REGISTER, _deleted(run), workspace=run.workspace)


def number_to_register_again(run: Run) -> int:
    """How many of the sources that a run deleted can be registered at all: web pages and raw files cannot."""
    return run.items.filter(outcome=ItemOutcome.DONE, source__provider__in=PROVIDERS).count()


def _deleted(run: Run) -> Iterator[Chosen]:
    done = run.items.filter(outcome=ItemOutcome.DONE).order_by("position").values_list("source", flat=True)
    for part in chunks(list(done), CHUNK):
        found = {source.pk: source for source in Source.objects.filter(pk__in=part)}
        sources = [found[key] for key in part if key in found]
        present = by_resource(run.workspace, [(source.provider, source.external_id) for source in sources])
        for source in sources:
            yield _registered_again(source, present=(source.provider, source.external_id) in present)


def _registered_again(source: Source, *, present: bool) -> Chosen:
    resource = Resource(source.external_id, source.title, source.original_url, source.mime_type, source.kind)
    if present:
        return Chosen(ItemPlan(Action.NOTHING, "It is in Fini again"), source.provider)
    if source.provider not in PROVIDERS:
        return Chosen(ItemPlan(Action.NOTHING, NOT_REGISTERED), source.provider)
    try:
        check_resource(resource.body())
    except InvalidRequest as error:
        return Chosen(ItemPlan(Action.NOTHING, f"It cannot be registered: {error}"), source.provider)
    return Chosen(ItemPlan(Action.REGISTER), source.provider, resource=resource.body())
