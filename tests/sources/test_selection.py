"""What is selected in a provider's tree: the leaves that were shown and listed, each resource once."""

from fini_admin.sources import selection, tree
from fini_admin.sources.models import DiscoveredResource
from fini_admin.sources.tree import Scope
from fini_admin.workspaces.models import Workspace
from tests.sources.trees import (
    branch,
    everything,
    help_centre,
    key,
    keys,
    leaf,
    listed,
    meant,
    opened,
    picked,
    source,
)


def test_the_selection_comes_in_discoverys_order_each_once(acme: Workspace) -> None:
    scope = listed(acme, [*help_centre(), branch("c3", leaf("2", title="The same again"))])
    assert picked(scope, keys("6", "1")) == ["1", "6"]
    assert picked(scope, within=keys("s3", "c1")) == ["1", "2", "3", "4", "5", "6"]
    assert picked(scope, within=keys("s3"), leaves=keys("5", "4")) == ["4", "5", "6"]
    assert picked(scope) == []


def test_a_resource_has_the_same_key_at_each_of_its_places(acme: Workspace) -> None:
    scope = listed(acme, [branch("s1", leaf("1"), leaf("2")), branch("s2", leaf("2"), leaf("3"))])
    first = DiscoveredResource.objects.filter(external_id="2").earliest("pk").pk
    groups = {group.branches: group.leaves for group in selection.leaf_groups(scope)}
    assert groups == {(key("s1"),): [key("1"), first], (key("s2"),): [first, key("3")]}
    read = tree.read(scope, opened("s1", "s2"))
    levels = [row.level for row in read.level.rows if row.level]
    assert [[row.key for row in level.rows] for level in levels] == list(groups.values())
    assert read.number.listed == len({key for keys in groups.values() for key in keys}) == 3


def test_a_branch_that_is_a_page_brings_itself_and_a_page_may_be_picked_alone(acme: Workspace) -> None:
    scope = listed(acme, [branch("HR", leaf("1", leaf("2", leaf("3"))))], provider="confluence")
    assert picked(scope, within=keys("2")) == ["2", "3"]
    assert picked(scope, keys("2")) == ["2"]
    assert [group.branches for group in selection.leaf_groups(scope, keys("2"))] == [
        (key("HR"), key("1"), key("2"))
    ]


def test_a_branch_and_all_bring_what_search_and_filter_find(acme: Workspace) -> None:
    listed(acme, help_centre())
    source(acme, "2")
    new = Scope(acme, "zendesk", 1, new=True)
    assert picked(new, within=keys("s1")) == meant(new, "s1") == ["1", "3"]
    assert meant(Scope(acme, "zendesk", 1, "example/3")) == ["3"]
    assert meant(Scope(acme, "zendesk", 1, "article"), "s2", "c2") == ["5"]
    # What was ticked before it came into Fini is still meant.
    assert picked(new, keys("2")) == ["2"]


def test_what_the_latest_discovery_leaves_out_is_picked_by_itself_alone(acme: Workspace) -> None:
    listed(acme, help_centre())
    scope = listed(acme, [branch("c1", branch("s1", leaf("1"), leaf("7")))], run=2)
    source(acme, "2")
    assert meant(scope) == meant(scope, "c1") == picked(scope, within=keys("c1")) == ["1", "7"]
    assert picked(scope, keys("3", "2"), keys("s3")) == ["2", "3"]
    assert sorted(meant(scope, "s1", every=True)) == ["1", "2", "3", "7"]
    read = tree.read(scope, opened("c1", "s1"))
    numbers = {row.resource.external_id: row.number for row in read.level.rows if row.number}
    assert [(numbers[name].total, numbers[name].listed) for name in ("c1", "c2")] == [(5, 2), (2, 0)]
    assert (read.number.total, read.number.listed) == (7, 2)


def test_a_branch_whose_name_begins_like_anothers_brings_its_own_leaves(acme: Workspace) -> None:
    scope = listed(acme, [branch("s", leaf("1")), branch("s%", leaf("2")), branch("S", leaf("3", leaf("4")))])
    assert [meant(scope, name) for name in ("s", "s%", "S", "3")] == [["1"], ["2"], ["3", "4"], ["3", "4"]]


def test_keys_that_are_no_branch_or_no_leaf_are_unknown(acme: Workspace) -> None:
    scope = listed(acme, help_centre())
    chosen = selection.select(scope, {key("s1"), 10**17}, {5 * 10**9})
    assert (chosen.resources, chosen.unknown) == ([], 3)


def test_the_default_mime_type_goes_to_those_that_discovery_gave_none(acme: Workspace) -> None:
    nodes = [leaf("1"), leaf("2", mime_type="text/plain"), leaf("3", mime_type="")]
    scope = listed(acme, nodes, provider="confluence")
    rows = everything(scope)
    sendable, problems = selection.to_register(rows, "application/pdf")
    assert ([wire.mime_type for wire in sendable], problems) == (
        ["application/pdf", "text/plain", "application/pdf"],
        [],
    )
    notion = listed(acme, [leaf("1", mime_type="text/markdown")], provider="notion")
    sendable, _ = selection.to_register(everything(notion), "application/pdf")
    assert [wire.mime_type for wire in sendable] == ["text/markdown"]


def test_what_register_would_refuse_is_left_out_with_the_reason(acme: Workspace) -> None:
    nameless, homeless = leaf("2"), leaf("3")
    nameless.title, homeless.original_url = "", " "
    scope = listed(acme, [leaf("1"), nameless, homeless])
    sendable, problems = selection.to_register(everything(scope), "text/html")
    assert [(wire.external_id, wire.title) for wire in sendable] == [("1", "Article 1"), ("2", "")]
    assert problems == [(3, "Article 3: originalUrl is missing")]
