"""What a search across pages finds: each line leads to a page, where it is done."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from fini_admin.audit.queries import find_call
from fini_admin.fini.providers import PROVIDERS, provider_label
from fini_admin.ingestion.runs.queries import run_of, runs
from fini_admin.lib.paging import whole_number
from fini_admin.sources.names import source_name
from fini_admin.sources.queries import matching
from fini_admin.web.wording.runs import title
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.permissions import Permission

MOST = 6
LOOKED_AT = 50  # the latest runs


@dataclass(frozen=True, slots=True)
class Found:
    """A line: what it is, quietly more about it, the state of a source or run, and where it leads."""

    text: str
    url: str
    more: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who searches where."""

    workspace: Workspace
    permissions: frozenset[Permission]

    def url(self, view: str, *args: object, **query: str) -> str:
        """A page of the workspace."""
        address = reverse(view, args=[self.workspace.slug, *args])
        return f"{address}?{urlencode(query)}" if query else address


def sources(who: Searcher, typed: str) -> list[Found]:
    """Sources with these words in title, address or ID, the newest first."""
    if not typed:
        return []
    found = matching(who.workspace, {"q": typed}).order_by("-pk")[:MOST]
    return [
        Found(
            source_name(one),
            who.url("source", one.fini_id),
            f"{provider_label(one.provider)} {one.external_id}",
            one.state,
        )
        for one in found
    ]


def runs_found(who: Searcher, typed: str) -> list[Found]:
    """The run of this number, and the latest runs whose title has these words."""
    words = typed.casefold().removeprefix("run ").split()
    number = whole_number(words[0]) if len(words) == 1 else None
    exact = run_of(who.workspace, number) if number is not None else None
    latest = [] if exact or not words else list(runs(who.workspace).order_by("-number")[:LOOKED_AT])
    named = [run for run in latest if all(word in title(run).casefold() for word in words)]
    return [
        Found(f"Run {run.number} · {title(run)}", who.url("run", run.number), run.actor, run.state)
        for run in ([exact] if exact else named[:MOST])
    ]


def calls(who: Searcher, typed: str) -> list[Found]:
    """The call of this ID."""
    try:
        call = str(UUID(typed))
    except ValueError:
        return []
    found = find_call(str(who.workspace.pk), call)
    return [Found(f"{found.entry.method} {found.entry.path}", who.url("call", call), call)] if found else []


def actions(who: Searcher, typed: str) -> list[Found]:
    """What can be done, by what this person may do: each leads to the page that has its button."""
    offered = [found for permission, found in _actions(who) if permission in who.permissions]
    words = typed.casefold().split()
    named = [found for found in offered if all(word in found.text.casefold() for word in words)]
    if not typed:
        return named
    return [
        *named[:MOST],
        Found(f"Search Sources for “{typed}”", who.url("sources", q=typed)),
        Found(f"Search Queue for “{typed}”", who.url("queue", q=typed)),
    ]


def _actions(who: Searcher) -> Iterator[tuple[Permission, Found]]:
    for provider in PROVIDERS.values():
        yield (
            Permission.SOURCES_DISCOVER,
            Found(f"Discover {provider.label}", who.url("discover", provider.name)),
        )
    yield Permission.SOURCES_REGISTER, Found("Register resources", who.url("register"))
    yield Permission.SOURCES_CRAWL, Found("Ingest or crawl addresses", who.url("web"))
    yield Permission.SOURCES_INGEST, Found("Send the queue to ingestion", who.url("queue"))
    yield Permission.SOURCES_REFRESH, Found("Retry what failed", who.url("sources", state="failed"))
    yield Permission.SOURCES_DISCOVER, Found("Sync with Fini", who.url("sources"))
    yield Permission.WORK_HOLD, Found("Hold everything", who.url("runs"))
    yield Permission.KEYS_MANAGE, Found("Add a key", who.url("keys"))
    yield Permission.MEMBERS_MANAGE, Found("Add a member", who.url("members"))
