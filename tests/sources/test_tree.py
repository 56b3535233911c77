"""A provider's tree, merged with what each leaf is in Fini by now, and what is picked in it (T9)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.fini.providers import Node
from fini_admin.ingestion import export
from fini_admin.lib import paging
from fini_admin.sources import selection, tree
from fini_admin.sources.mirror import Observation, move_all
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.sources.states import State
from fini_admin.sources.tree import Level, Scope, TreeRow
from fini_admin.workspaces.models import Workspace
from tests.sources.trees import (
    NOW,
    branch,
    everything,
    help_centre,
    key,
    keys,
    leaf,
    listed,
    meant,
    opened,
    source,
    version,
)
from tests.support import people
from tests.support.effort import effort, measurable


def drawn(level: Level) -> list[Any]:
    """A level as text: a leaf with its state, a branch with its numbers and what is in it."""
    return [drawn_row(row) for row in level.rows] + ([f"{level.more} more"] if level.more else [])


def drawn_row(row: TreeRow) -> Any:
    name = row.resource.external_id
    if row.number is None:
        return f"{name} {row.source.state}" if row.source else f"{name}{'' if row.listed else ' unlisted'}"
    said = f"{name}: {row.number.total}, {row.number.new}"
    return (said, drawn(row.level)) if row.level else said


def test_branches_are_counted_and_load_when_opened(acme: Workspace) -> None:
    scope = listed(acme, help_centre())
    shown = tree.read(scope, {})
    assert (drawn(shown.level), shown.number.total, shown.number.new) == (["c1: 4, 4", "c2: 2, 2"], 6, 6)
    shown = tree.read(scope, opened("c1", "s2"))
    assert drawn(shown.level) == [("c1: 4, 4", ["s1: 3, 3", ("s2: 1, 1", ["4"])]), "c2: 2, 2"]


def test_a_branch_is_read_alone_as_in_the_tree(acme: Workspace) -> None:
    scope = listed(acme, help_centre())
    found = tree.branch_of(scope, key("s1"))
    assert found
    assert drawn(tree.read_branch(scope, found, 1)) == ["1", "2", "3"]
    assert tree.branch_of(scope, key("1")) is None
    assert tree.branch_of(scope, 10**17) is None


def test_each_leaf_tells_what_it_is_in_fini_by_now(acme: Workspace) -> None:
    scope = listed(acme, help_centre())
    source(acme, "1", "usable")
    source(acme, "2", "failed")
    source(acme, "3", "gone")
    source(people.workspace("other"), "5")
    source(acme, "6", provider="notion")
    shown = tree.read(scope, opened("c1", "s1"))
    assert drawn(shown.level) == [
        ("c1: 4, 2", [("s1: 3, 1", ["1 usable", "2 failed", "3 gone"]), "s2: 1, 1"]),
        "c2: 2, 2",
    ]


def test_of_several_records_the_newest_that_is_not_gone_tells(acme: Workspace) -> None:
    scope = listed(acme, [leaf("1"), leaf("2")])
    source(acme, "1", "usable")
    source(acme, "1", "gone")
    for state in ("gone", "failed", "queued"):
        source(acme, "2", state)
    assert drawn(tree.read(scope, {}).level) == ["1 usable", "2 queued"]


def test_trap_9_what_was_imported_stays_in_the_tree_when_discovery_leaves_it_out(acme: Workspace) -> None:
    listed(acme, help_centre(), run=1)
    source(acme, "5", "usable")
    scope = listed(acme, [branch("c2", branch("s3"))], run=2)
    shown = tree.read(scope, opened("c1", "s1", "c2", "s3"))
    unlisted = ["1 unlisted", "2 unlisted", "3 unlisted"]
    expected = [
        ("c1: 4, 0", [("s1: 3, 0", unlisted), "s2: 1, 0"]),
        ("c2: 2, 0", [("s3: 2, 0", ["5 usable", "6 unlisted"])]),
    ]
    assert sorted(drawn(shown.level)) == expected


def test_a_discovery_that_lists_nothing_leaves_everything_unlisted(acme: Workspace) -> None:
    listed(acme, [leaf("1")], run=1)
    assert drawn(tree.read(Scope(acme, "zendesk", 2), {}).level) == ["1 unlisted"]


def test_a_leaf_that_moved_stands_in_its_new_place_only(acme: Workspace) -> None:
    listed(acme, [branch("a", leaf("1")), branch("b")], run=1)
    scope = listed(acme, [branch("a"), branch("b", leaf("1"))], run=2)
    shown = tree.read(scope, opened("a", "b"))
    assert drawn(shown.level) == [("a: 0, 0", []), ("b: 1, 1", ["1"])]
    assert meant(scope) == ["1"]


def test_a_page_that_is_listed_under_another_spelling_of_its_id_stands_there_once(acme: Workspace) -> None:
    bare, dashed = "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"
    listed(acme, [leaf(bare)], run=1, provider="notion")
    scope = listed(acme, [leaf(dashed)], run=2, provider="notion")
    assert drawn(tree.read(scope, {}).level) == [dashed]
    assert [one.external_id for one in everything(scope)] == [dashed]
    later = Scope(acme, "notion", 3)
    assert tree.read(later, {}).level.rows[0].key == tree.read(later, {}).level.rows[1].key
    assert [one.external_id for one in everything(later)] == [dashed]


def test_a_page_that_holds_pages_is_a_branch_and_the_first_row_in_it(acme: Workspace) -> None:
    page = leaf("1", leaf("2", leaf("3")), leaf("4"))
    scope = listed(acme, [branch("HR", page, leaf("5"))], provider="confluence")
    source(acme, "1", "usable", "confluence")
    shown = tree.read(scope, opened("HR", "1", "2"))
    inside = ("1: 4, 3", ["1 usable", ("2: 2, 2", ["2", "3"]), "4"])
    assert drawn(shown.level) == [("HR: 5, 4", [inside, "5"])]
    alone = tree.branch_of(scope, key("1"))
    assert alone
    assert drawn(tree.read_branch(scope, alone, 1)) == ["1 usable", "2: 2, 2", "4"]
    new = Scope(acme, "confluence", 1, new=True)
    assert drawn(tree.read(new, opened("HR", "1")).level) == [
        ("HR: 4, 4", [("1: 3, 3", ["2: 2, 2", "4"]), "5"])
    ]


def test_branches_and_leaves_of_the_same_id_do_not_mix(acme: Workspace) -> None:
    scope = listed(acme, [branch("1", leaf("1"), leaf("2")), leaf("2")])
    shown = tree.read(scope, dict.fromkeys(DiscoveredResource.objects.values_list("pk", flat=True), 1))
    assert drawn(shown.level) == [("1: 2, 2", ["1", "2"]), "2"]
    assert shown.number.total == 2
    assert [row.external_id for row in everything(scope)] == ["1", "2"]


def test_search_finds_title_address_and_id_and_keeps_the_parents(acme: Workspace) -> None:
    scope = listed(acme, help_centre())

    def found(search: str) -> list[Any]:
        return drawn(tree.read(Scope(acme, "zendesk", 1, search), {}).level)

    late = [("c2: 1, 1", [("s3: 1, 1", ["6"])])]
    assert found("<B>late") == found("is parcel") == found("example/6") == late
    assert found("grüße") == found("GRÜßE") == found("GRÜSSE") == [("c1: 1, 1", [("s2: 1, 1", ["4"])])]
    assert found("100%") == found("_") == found("nothing like it") == []
    assert scope.listed == 1


def test_a_branch_that_is_found_brings_what_it_holds(acme: Workspace) -> None:
    listed(acme, help_centre())
    shown = tree.read(Scope(acme, "zendesk", 1, "billing"), {})
    assert drawn(shown.level) == [("c1: 3, 3", [("s1: 3, 3", ["1", "2", "3"])])]


def test_only_what_is_not_in_fini_yet_can_be_asked_for(acme: Workspace) -> None:
    listed(acme, [*help_centre(), branch("c3")])
    for name in ("1", "4"):
        source(acme, name)
    shown = tree.read(Scope(acme, "zendesk", 1, new=True), opened("c1", "s1"))
    assert drawn(shown.level) == [("c1: 2, 2", [("s1: 2, 2", ["2", "3"])]), "c2: 2, 2"]
    assert "c3: 0, 0" in drawn(tree.read(Scope(acme, "zendesk", 1), {}).level)


def test_many_finds_leave_the_branches_closed(acme: Workspace) -> None:
    listed(acme, [branch("a", *(leaf(str(n)) for n in range(tree.AT_ONCE + 1)))])
    assert drawn(tree.read(Scope(acme, "zendesk", 1, "article"), {}).level) == ["a: 51, 51"]


def test_a_long_branch_is_shown_in_pieces(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "ROWS", 3)
    nodes = [
        leaf("1"),
        branch("a", *map(leaf, "xyzvw")),
        leaf("2"),
        leaf("3"),
        leaf("4", leaf("5")),
        leaf("6"),
    ]
    scope = listed(acme, nodes, provider="confluence")

    def shown(root: int, inside: int) -> list[Any]:
        return drawn(tree.read(scope, {0: root, key("a"): inside}).level)

    assert shown(1, 1) == ["1", ("a: 5, 5", ["x", "y", "z", "2 more"]), "2", "3 more"]
    assert shown(2, 2) == ["1", ("a: 5, 5", ["x", "y", "z", "v", "w"]), "2", "3", "4: 2, 2", "6"]


def test_another_workspace_and_another_provider_are_out_of_sight(acme: Workspace) -> None:
    other = people.workspace("other")
    listed(other, help_centre())
    listed(acme, [leaf("n")], provider="notion")
    scope = listed(acme, [leaf("1")])
    assert drawn(
        tree.read(scope, dict.fromkeys(DiscoveredResource.objects.values_list("pk", flat=True), 1)).level
    ) == ["1"]
    foreign = DiscoveredResource.objects.get(workspace=other, external_id="c1")
    assert tree.branch_of(scope, foreign.pk) is None
    chosen = selection.select(scope, {*keys("n", "6"), key("1")}, {foreign.pk})
    assert ([row.external_id for row in chosen.resources], chosen.unknown) == (["1"], 3)


def test_the_version_moves_with_whatever_the_tree_shows(acme: Workspace) -> None:
    scope = listed(acme, [leaf("1")])
    seen = [version(scope)]
    blank = source(acme, "", "registered")
    seen.append(version(scope))
    move_all([blank], State.QUEUED, Observation("", NOW))
    seen.append(version(scope))
    Source.objects.filter(pk=blank.pk).update(external_id="1")
    seen += [version(scope), version(Scope(acme, "zendesk", 2))]
    assert len(set(seen)) == 5
    assert version(scope) == seen[3]


def test_the_version_stays_when_another_workspace_changes(acme: Workspace) -> None:
    scope, other = listed(acme, [leaf("1")]), people.workspace("other")
    before = version(scope)
    move_all([source(other, "1", "registered")], State.QUEUED, Observation("", NOW))
    assert version(scope) == before


@measurable
def test_the_version_of_a_tree_with_many_unread_records_takes_no_more_work(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = listed(acme, [leaf("1")])
    monkeypatch.setattr(paging, "COUNTED", 10)

    def looking(unread: int) -> int:
        for _ in range(unread):
            source(acme, "")
        return effort(lambda: version(scope))

    assert looking(20) >= looking(500) - 100


def big(count: int, per_section: int = 5) -> list[Node]:
    """Leaves in sections in categories."""
    sections = [
        branch(f"s{n}", *(leaf(str(m)) for m in range(n * per_section, (n + 1) * per_section)))
        for n in range(count // per_section)
    ]
    return [branch(f"c{n}", *sections[n : n + 10]) for n in range(0, len(sections), 10)]


@pytest.mark.parametrize(
    ("search", "new", "expected"),
    [("", False, [3, 4, 3]), ("article", True, [4, 5, 4]), ("section", False, [5, 6, 5])],
)
def test_the_number_of_queries_is_the_same_whatever_the_size(
    acme: Workspace, search: str, new: bool, expected: list[int]
) -> None:
    def asked(count: int) -> list[int]:
        DiscoveredResource.objects.all().delete()
        scope = replace(listed(acme, big(count)), search=search, new=new)
        opened = list(DiscoveredResource.objects.filter(leaf=False).values_list("pk", flat=True)[:40])
        first = tree.branch_of(scope, key("s0"))
        assert first
        return [
            queries(lambda: tree.read(scope, dict.fromkeys(opened, 1))),
            queries(lambda: tree.read_branch(scope, first, 1)),
            queries(lambda: selection.leaf_groups(scope)),
        ]

    assert asked(10) == asked(300) == expected


def queries(act: Callable[[], object]) -> int:
    """How many queries that takes."""
    with CaptureQueriesContext(connection) as asked:
        act()
    return len(asked)


def test_an_older_discovery_that_answers_late_changes_nothing(acme: Workspace) -> None:
    scope = listed(acme, help_centre(), run=2)
    listed(acme, [leaf("7")], run=1)
    assert set(DiscoveredResource.objects.values_list("listed_run", flat=True)) == {2}
    assert tree.read(scope, {}).number.new == 6


def test_an_export_has_each_page_as_the_latest_discovery_lists_it(acme: Workspace) -> None:
    listed(acme, [branch("old", leaf("1", title="Before")), leaf("2"), leaf("3")], run=1)
    source(acme, "3", "usable")
    listed(acme, [branch("new", replace(leaf("1", title="After"), mime_type="text/html"))], run=2)
    rows = {row["externalId"]: row for row in export.resources(acme, "zendesk")}
    assert set(rows) == {"1", "3"}  # what is gone from the list and not in Fini was removed by the provider
    assert (rows["1"]["title"], rows["1"]["mimeType"]) == ("After", "")
