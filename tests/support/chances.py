"""Sources and runs of which a second chance is tested, made without asking Fini; what is posted and shown."""

from datetime import UTC, datetime
from typing import Any

from django.test import Client

from fini_admin.ingestion.models import Item, ItemOutcome, Preview, Run, RunState, Stage
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.sources import bare

HTMX = {"HX-Request": "true"}
SOURCES = "/w/acme/sources/"


def known(workspace: Workspace, name: str, **fields: Any) -> Source:
    """A source whose record was read and that was ingested before: usable, unless said otherwise."""
    values: dict[str, Any] = {
        "fini_id": f"id-{name}",
        "external_id": f"ext-{name}",
        "title": f"Title {name}",
        "original_url": f"https://docs.example/{name}",
        "mime_type": "text/markdown",
        "job_id": f"job-{name}",
        "job_status": "COMPLETED",
        "read_at": datetime.now(UTC),
    }
    return bare(workspace, **values | fields)


def failed(workspace: Workspace, name: str, error: str = "The page answered 403", **fields: Any) -> Source:
    """One that Fini failed on."""
    return known(workspace, name, state="failed", job_status="FAILED", error=error, **fields)


def ended_run(
    workspace: Workspace, kind: str, ends: list[tuple[Source, str, str]], *, number: int = 41, **fields: Any
) -> Run:
    """A run that has ended: of each source its outcome and why."""
    now = datetime.now(UTC)
    counts = {outcome: sum(end[1] == outcome for end in ends) for outcome in ItemOutcome.values}
    values: dict[str, Any] = {"actor": "ada@example.com", "origin": "browser", "state": RunState.ENDED}
    values |= {"created_at": now, "ended_at": now, "total": len(ends)}
    run = Run.objects.create(workspace=workspace, number=number, kind=kind, **values | counts | fields)
    Item.objects.bulk_create(
        Item(
            run=run,
            position=position,
            stage=Stage.ENDED,
            source=source,
            provider=source.provider,
            external_id=source.external_id,
            outcome=outcome,
            reason=reason,
        )
        for position, (source, outcome, reason) in enumerate(ends)
    )
    return run


def preview_after(answer: Any) -> Preview:
    """The preview that an answer leads to."""
    assert answer.status_code == 303, answer.content.decode()
    parts = answer["Location"].strip("/").split("/")
    return Preview.objects.get(token=parts[parts.index("previews") + 1])


def held(preview: Preview) -> list[int | None]:
    """The keys of the sources that a preview holds, in the order given."""
    return list(preview.rows.order_by("position").values_list("source", flat=True))


def said(client: Client, address: str, **extra: Any) -> str:
    """A page's text with its white space folded."""
    return " ".join(client.get(address, **extra).content.decode().split())
