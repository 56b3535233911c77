"""A source waits in the queue once: the database refuses a second open entry (P4)."""

import pytest
from django.db import IntegrityError, transaction

from fini_admin.ingestion.models import Lane, QueueEntry
from fini_admin.workspaces.models import Workspace
from tests.support.sources import NOW, bare


def test_the_database_refuses_a_second_open_entry_of_a_source_in_either_lane(acme: Workspace) -> None:
    source = bare(acme)

    def enter(lane: Lane) -> QueueEntry:
        return QueueEntry.objects.create(
            workspace=acme, source=source, lane=lane, opened_at=NOW, opened_by="ada@example.com"
        )

    first = enter(Lane.ADD)
    for lane in Lane:
        with pytest.raises(IntegrityError), transaction.atomic():
            enter(lane)
    QueueEntry.objects.filter(pk=first.pk).update(closed_at=NOW)
    enter(Lane.REFRESH)
    assert QueueEntry.objects.filter(source=source, closed_at=None).count() == 1
