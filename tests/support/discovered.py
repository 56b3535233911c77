"""What a discover run leaves behind, and Discover's forms, for the tests of its page."""

import html
import re
from typing import Any

from django.test import Client

from fini_admin.fini.providers import Node
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Preview, Run, RunState, Step
from fini_admin.sources.mirror import store_listing
from fini_admin.sources.models import DiscoveredResource
from fini_admin.workspaces.models import Workspace
from tests.support.previews import contents
from tests.support.who import by
from tests.support.work import OWNER, alive

TOKEN = "a-token-of-a-form-000001"
ZENDESK = "/w/acme/discover/zendesk/"
HTMX = {"HX-Request": "true"}
KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"


def leaf(name: str) -> Node:
    return Node(name, f"Article {name}", f"https://help.example/{name}", "text/html", "article")


def section(name: str, *children: Node) -> Node:
    return Node(name, f"Section {name}", "", "", "section", children=list(children), leaf=False)


def listed(workspace: Workspace, nodes: list[Node], provider: str = "zendesk") -> Run:
    """What a discover run leaves behind."""
    run = discovery.start_discover(by=by("ada"), workspace=workspace, provider=provider)
    store_listing(workspace, provider, nodes, run.number)
    Step.objects.filter(run=run).update(state="done")
    Run.objects.filter(pk=run.pk).update(state=RunState.ENDED, ended_at=run.created_at, total=len(nodes))
    return run


def key(external_id: str) -> int:
    return DiscoveredResource.objects.get(external_id=external_id).pk


def discover(client: Client, provider: str = "zendesk", token: str = TOKEN, **headers: Any) -> Any:
    return client.post(f"/w/acme/discover/{provider}/", {"do": "discover", "token": token}, **headers)


def register(client: Client, do: str = "register", **fields: Any) -> Any:
    return client.post(ZENDESK, {"do": do, "mime_type": "text/html"} | fields)


def previewed() -> list[str]:
    """The external IDs of the one preview there is, in order."""
    return [resource["externalId"] for resource in contents(Preview.objects.get())["resources"]]


def text(answer: Any) -> str:
    """What a page says, without its markup."""
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split()))


def at_work() -> None:
    """A worker says that it is alive."""
    alive(OWNER)
