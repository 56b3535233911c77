"""Addresses that are ingested, and what became of each here and in the sandbox."""

from fini_admin.ingestion.kinds import web
from fini_admin.ingestion.models import Run
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.who import by

INGEST = "/v2/documents/public"
SITE = "https://help.acme.example"


def addresses(count: int) -> list[str]:
    return [f"{SITE}/{number}" for number in range(count)]


def ingest(workspace: Workspace, given: list[str]) -> Run:
    resources = [{"originalUrl": address} for address in given]
    return web.start_web(by=by("ada@example.com"), workspace=workspace, resources=resources)


def jobs(sandbox: Sandbox) -> dict[str, int]:
    """How often each page of the web was processed."""
    return {held["originalUrl"]: held["jobCount"] for held in sandbox.documents() if held["source"] == "web"}


def told(run: Run) -> dict[str, tuple[str, str]]:
    """By address, the outcome and the address under which Fini keeps it."""
    items = run.items.select_related("source")
    return {
        item.external_id: (item.outcome or "", item.source.original_url if item.source else "")
        for item in items
    }
