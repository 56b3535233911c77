"""What a person is about to start, with its rows."""

from typing import Any

from django.db import models

from fini_admin.ingestion.models.runs import QueueEntry, Run, RunKind
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace


class PreviewState(models.TextChoices):
    """*writing*: its rows are still being stored; *confirmed*: a run came of it, which has what its rows held."""

    WRITING = "writing"
    OPEN = "open"
    CONFIRMED = "confirmed"


class RowGroupName(models.TextChoices):
    """What a preview's row is. Rows of the last two are never sent; *same* and *twin* only if let in."""

    ENTRY = "entry"
    CHOSEN = "chosen"
    UPDATE = "update"
    SAME = "same"
    NEW = "new"
    TWIN = "twin"
    DUPLICATE = "duplicate"
    INVALID = "invalid"


class Preview(models.Model):
    """What a person is about to start, frozen: the run holds what its rows hold, less what became ineligible.

    `token` is the one-time number of the run that comes of it. `summary` is what the page says besides the rows:
    `groups` (rows by group), `providers` (pairs of a provider and its number of IDs, in the order in which they are
    sent), `skipped` (numbers by reason), `unit`, `notes`, `choose` and `untitled`. Of a refresh, a deletion and a retry
    also `ways` (what is done, one for each of `providers`), `retry`, `retry_of` (a run's number), `with_articles` and
    `linked`. Once confirmed it stays with its `run`, without rows, and `approved` is what the person was shown:
    `ids`, and the effort (planning/effort.py).
    """

    token = models.CharField(max_length=64, primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    provider = models.CharField(max_length=20, blank=True)
    then_ingest = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=PreviewState.choices, default=PreviewState.WRITING)
    summary = models.JSONField(default=dict)
    made_at = models.DateTimeField(db_index=True)
    run = models.OneToOneField(Run, null=True, on_delete=models.PROTECT, related_name="preview")
    approved = models.JSONField(default=dict)


def _keyed(model: type[models.Model]) -> models.ForeignKey[Any, Any]:
    """A foreign key for display only, without constraint or index: its target may be deleted."""
    return models.ForeignKey(
        model, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )


class PreviewRow(models.Model):
    """A resource, queue entry, source or line of a preview.

    `number` is its place in its group, from 0, as the page lists it. `position` is its place among all that may be
    sent, in the order given, and `place` among what is sent if nobody changes anything, by which calls are cut: both
    null for what cannot be sent, `place` also for what waits to be let in. `content` of a resource: `resource` (by the
    wire's names), `was` (old values by what they are called), `twin`, `untitled`, `unlisted`, `other_id`; of a
    line: `line`, `said`, `text`. What was chosen for a refresh, a deletion or a retry has its `source` or a resource,
    and its `way`.
    """

    preview = models.ForeignKey(Preview, on_delete=models.PROTECT, related_name="rows", db_index=False)
    group = models.CharField(max_length=9, choices=RowGroupName.choices)
    number = models.PositiveIntegerField()
    position = models.PositiveIntegerField(null=True)
    place = models.PositiveIntegerField(null=True)
    entry = _keyed(QueueEntry)
    source = _keyed(Source)
    way = models.CharField(max_length=8, blank=True)
    content = models.JSONField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["preview", "group", "number"], name="one_preview_row_per_number"),
            models.UniqueConstraint(fields=["preview", "position"], name="one_preview_row_per_position"),
            models.UniqueConstraint(fields=["preview", "place"], name="one_preview_row_per_place"),
        )
