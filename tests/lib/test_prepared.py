"""A query that is written once is asked of the moment at which it is asked."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion.models import Budget
from fini_admin.lib.prepared import prepared
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
