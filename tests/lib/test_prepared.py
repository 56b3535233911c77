"""A statement that is written once is executed with the moment and the keys of each time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext

from fini_admin.audit.models import Head
from fini_admin.ingestion.models import Budget
from fini_admin.lib.prepared import prepared, prepared_update
from fini_admin.workspaces.models import Workspace

MINUTE = timedelta(minutes=1)


def test_each_time_is_as_far_from_now_as_it_was_written(acme: Workspace, other: Workspace) -> None:
    now = datetime.now(UTC)
    for workspace, number, ago in ((acme, 1, 2 * MINUTE), (other, 2, MINUTE / 2)):
        Budget.objects.create(workspace=workspace, number=number, served_at=now - ago)
    ask = prepared(
        lambda at: Budget.objects.filter(served_at__lte=at - MINUTE, number__gt=0).values_list("number")
    )
    assert ask() == [(1,)]
    Budget.objects.filter(number=2).update(served_at=now - 3 * MINUTE)
    assert sorted(ask()) == [(1,), (2,)]
    Budget.objects.update(served_at=now + MINUTE)
    assert ask() == []


def test_what_is_no_time_near_the_moment_stays(acme: Workspace) -> None:
    born = datetime(2024, 2, 29, tzinfo=UTC)
    Budget.objects.create(workspace=acme, served_at=born)
    slug = "2000-01-01T"  # no time, though it begins like one
    Workspace.objects.filter(pk=acme.pk).update(slug=slug)
    ask = prepared(
        lambda _: Budget.objects.filter(served_at=born, workspace__slug=slug).values_list("number")
    )
    assert ask() == [(0,)]


def test_it_is_written_once(acme: Workspace) -> None:
    written = []

    def build(at: datetime) -> object:
        written.append(at)
        return Budget.objects.filter(served_at__lt=at).values_list("number")

    ask = prepared(build)  # type: ignore[arg-type]  # what it returns is a query
    with CaptureQueriesContext(connection) as asked:
        ask()
        ask()
    assert (len(written), len(asked)) == (1, 2)
    assert asked[0]["sql"] != asked[1]["sql"]


def test_each_key_is_put_in_where_it_stood(acme: Workspace, other: Workspace) -> None:
    for workspace, number in ((acme, 1), (other, 2)):
        Budget.objects.create(workspace=workspace, number=number)
    ask = prepared(
        lambda _, key, least, slug: Budget.objects.filter(
            workspace=key, number__gte=least, workspace__slug=slug
        ).values_list("number", flat=True)
    )
    assert ask(acme.pk, 1, acme.slug) == [1]
    assert ask(other.pk, 2, other.slug) == [2]
    assert ask(other.pk, 3, other.slug) == []
    assert ask(acme.pk, 1, other.slug) == []


def test_a_workspace_names_its_chain(acme: Workspace, other: Workspace) -> None:
    ask = prepared(lambda _, key: Head.objects.filter(chain=str(key)).values_list("chain", flat=True))
    assert (ask(acme.pk), ask(other.pk)) == ([str(acme.pk)], [str(other.pk)])


def test_rows_are_what_the_query_set_gives(acme: Workspace) -> None:
    """Objects with what was read along, dictionaries and tuples, each with its field's types."""
    at = datetime.now(UTC)
    Budget.objects.create(workspace=acme, served_at=at, number=7)

    def found(_: datetime, key: UUID) -> QuerySet[Budget]:
        return Budget.objects.filter(workspace=key).select_related("workspace")

    with CaptureQueriesContext(connection) as asked:
        [held] = prepared(found)(acme.pk)
        assert (held.number, held.served_at, held.workspace.name) == (7, at, acme.name)
    assert len(asked) == 1
    held.number = 8
    held.save()
    values = prepared(lambda _, key: found(_, key).values("number", "served_at", slug=F("workspace__slug")))
    assert values(acme.pk) == [{"number": 8, "served_at": at, "slug": acme.slug}]
    tuples = prepared(lambda _, key: found(_, key).values_list("workspace_id", "served_at"))
    assert tuples(acme.pk) == [(acme.pk, at)]


def test_what_depends_on_more_than_moment_and_keys_is_refused(acme: Workspace) -> None:
    clock = prepared(lambda _: Budget.objects.filter(served_at__gt=datetime.now(UTC)))
    with pytest.raises(ValueError, match="looked at the clock"):
        clock()
    unused = prepared(lambda _, key: Budget.objects.filter(number=1))
    with pytest.raises(ValueError, match="not in the statement"):
        unused(acme.pk)
    changed = prepared(lambda _, words: Workspace.objects.filter(name__icontains=words))
    with pytest.raises(ValueError, match="not in the statement"):
        changed("acme")


def test_an_update_tells_how_many_rows_there_were(acme: Workspace, other: Workspace) -> None:
    for workspace in (acme, other):
        Budget.objects.create(workspace=workspace, number=1)
    at = datetime(2024, 2, 29, 12, 30, 15, 250, tzinfo=UTC)
    move = prepared_update(
        lambda now, key, more, since: (
            Budget.objects.filter(workspace=key),
            {"number": F("number") + more, "served_at": since, "blocked_until": now + MINUTE},
        )
    )
    assert move(acme.pk, 5, at) == 1
    assert move(acme.pk, -2, at) == 1
    assert move(uuid4(), 5, at) == 0
    mine, others = Budget.objects.get(workspace=acme), Budget.objects.get(workspace=other)
    assert (mine.number, mine.served_at, others.number, others.served_at) == (4, at, 1, None)
    assert mine.blocked_until is not None
    assert abs(mine.blocked_until - MINUTE - datetime.now(UTC)) < MINUTE


def test_each_thread_asks_by_its_own_connection(acme: Workspace) -> None:
    """One that is written in a thread is asked in another."""
    ask = prepared(lambda _, key: Workspace.objects.filter(pk=key).values_list("slug", flat=True))
    found: list[list[str]] = []
    asking = threading.Thread(target=lambda: found.append(_and_close(lambda: ask(acme.pk))))
    ask(acme.pk)
    used = connection.connection
    asking.start()
    asking.join()
    assert len(found) == 1
    assert connection.connection is used
    assert ask(acme.pk) == [acme.slug]


def _and_close(ask: Callable[[], list[str]]) -> list[str]:
    try:
        return ask()
    finally:
        connection.close()
