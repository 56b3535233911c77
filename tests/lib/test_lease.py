"""Taking, extending, giving back and losing a row, on the workspaces' watches."""

from datetime import UTC, datetime, timedelta

import pytest

from fini_admin.ingestion.models import Watch
from fini_admin.lib import lease
from tests.support import people


@pytest.fixture
def rows(db):
    watch = Watch.objects.get_or_create(workspace=people.workspace())[0]
    return Watch.objects.filter(pk=watch.pk)


def run_out(rows):
    rows.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))


def test_one_of_two_takes_a_row(rows):
    assert lease.take(rows, "one")
    assert not lease.take(rows, "two")
    assert lease.held(rows, "one").exists()
    assert not lease.held(rows, "two").exists()
    assert not lease.free(rows).exists()
    assert not lease.run_out(rows).exists()


def test_what_ran_out_is_held_by_nobody_and_another_takes_it(rows):
    lease.take(rows, "one")
    run_out(rows)
    assert lease.run_out(rows).exists()
    assert not lease.held(rows, "one").exists()
    assert lease.take(rows, "two")
    assert lease.held(rows, "two").exists()


def test_what_is_extended_lasts_a_whole_lease_from_now(rows):
    lease.take(rows, "one")
    run_out(rows)
    lease.extend(rows)
    assert rows.get().lease_until > datetime.now(UTC) + lease.LENGTH - timedelta(seconds=5)


def test_what_was_given_back_is_free_and_no_heartbeat_takes_it_again(rows):
    lease.take(rows, "one")
    lease.give_back(rows, call="")
    lease.extend(rows)
    assert (rows.get().owner, rows.get().lease_until) == ("", None)
    assert lease.free(rows).exists()
