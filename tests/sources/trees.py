"""Trees as a discovery lists them, for the tests of what is shown of them and of what is selected in them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from fini_admin.fini.providers import Node
from fini_admin.sources import selection, tree
from fini_admin.sources.mirror import store_listing
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.sources.tree import Scope
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.queries import facts

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def leaf(name: str, *children: Node, title: str = "", mime_type: str = "text/html") -> Node:
    url = f"https://help.example/{name}"
    return Node(name, title or f"Article {name}", url, mime_type, "article", children=list(children))


def branch(name: str, *children: Node, title: str = "") -> Node:
    return Node(name, title or f"Section {name}", "", "", "section", children=list(children), leaf=False)


def help_centre() -> list[Node]:
    """Two categories, three sections, six articles."""
    return [
        branch(
            "c1",
            branch("s1", leaf("1"), leaf("2"), leaf("3"), title="Billing"),
            branch("s2", leaf("4", title="Grüße an alle")),
        ),
        branch("c2", branch("s3", leaf("5"), leaf("6", title="Parcel is <b>late</b>"))),
    ]


def listed(workspace: Workspace, nodes: list[Node], run: int = 1, provider: str = "zendesk") -> Scope:
    store_listing(workspace, provider, nodes, run)
    return Scope(workspace, provider, run)


def source(
    workspace: Workspace, external_id: str, state: str = "queued", provider: str = "zendesk"
) -> Source:
    return Source.objects.create(
        workspace=workspace,
        fini_id=f"fini-{provider}-{external_id}-{Source.objects.count()}",
        provider=provider,
        external_id=external_id,
        state=state,
        state_since=NOW,
        first_seen=NOW,
        last_seen=NOW,
    )


def key(external_id: str) -> int:
    return DiscoveredResource.objects.filter(external_id=external_id).latest("pk").pk


def everything(scope: Scope) -> list[DiscoveredResource]:
    leaves = DiscoveredResource.objects.filter(workspace=scope.workspace, provider=scope.provider, leaf=True)
    return selection.select(scope, set(leaves.values_list("pk", flat=True))).resources


def keys(*external_ids: str) -> frozenset[int]:
    return frozenset(map(key, external_ids))


def opened(*external_ids: str) -> dict[int, int]:
    return dict.fromkeys(keys(*external_ids), 1)


def picked(scope: Scope, leaves: Iterable[int] = (), within: Iterable[int] = ()) -> list[str]:
    return [row.external_id for row in selection.select(scope, set(leaves), set(within)).resources]


def meant(scope: Scope, *within: str, every: bool = False) -> list[str]:
    """The leaves that a box selects, or all that are shown, by the external IDs of those at the keys."""
    found = [
        leaf for group in selection.leaf_groups(scope, keys(*within), every=every) for leaf in group.leaves
    ]
    by_key = dict(DiscoveredResource.objects.values_list("pk", "external_id"))
    return [by_key[leaf] for leaf in found]


def version(scope: Scope) -> str:
    """The version of a tree now."""
    return tree.version(scope, facts(scope.workspace.pk, **tree.questions(scope)))
