"""What the worker keeps between calls: the budget, the walk over the list, schedules, verifications, heartbeats."""

from django.db import models
from django.db.models import Q

from fini_admin.ingestion.models.runs import Run
from fini_admin.workspaces.models import ApiKey, Workspace

MOST_HOURS = 720
PAGE = 100


class Budget(models.Model):
    """A workspace's calls: the number given out last and when (`served_at`), and until when nothing goes out (T7).

    `blocked_until`: Fini asked us to slow down. `spent_until`: background work has used its share. `no_key_until`: no
    key can be opened; a new attempt is made then. `held_at`: since when an admin, `held_by`, holds all that is sent.
    `page_size` is the list page that answers in bounds (T10),
    `page_limit` the most Fini takes until `limited_until`, `batch_limit` what a batch may hold by Fini's own words.
    `version` moves with every write under the budget's lock (budget.lock_budget).
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)
    served_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    spent_until = models.DateTimeField(null=True)
    no_key_until = models.DateTimeField(null=True)
    held_by = models.TextField(blank=True, default="")
    held_at = models.DateTimeField(null=True)
    throttled = models.PositiveIntegerField(default=0)
    page_size = models.PositiveIntegerField(default=PAGE)
    page_limit = models.PositiveIntegerField(default=PAGE)
    limited_until = models.DateTimeField(null=True)
    batch_limit = models.PositiveIntegerField(null=True)
    version = models.PositiveBigIntegerField(default=0)


class Slot(models.Model):
    """A numbered call of a workspace; it counts as sent at the latest possible moment until the real one is known."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    number = models.PositiveBigIntegerField()
    call = models.CharField(max_length=36, unique=True)
    sent_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["workspace", "number"], name="one_call_per_slot"),)


class Watch(models.Model):
    """How a workspace's list is followed: one walk at a time, page by page, kept here between calls (T6).

    `whole`: this walk goes on until everything followed was seen. `cut_short`: the last one lost its place, so a
    page without news at the head proves nothing, and the next walk is whole. `pages`: how many the walk, or the last
    one, read, six where it failed; each record that was asked for by its ID since takes one of six away. `error`: why
    the list could not be read several times in a row, empty since a page came; `error_kind` is the name of its class.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, primary_key=True)
    next_at = models.DateTimeField(null=True)
    owner = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)
    call = models.CharField(max_length=36, blank=True)
    gap = models.FloatField(default=2.0)
    news_at = models.DateTimeField(null=True)
    whole_at = models.DateTimeField(null=True)
    walk_started = models.DateTimeField(null=True)
    cursor = models.CharField(max_length=128, blank=True)
    whole = models.BooleanField(default=False)
    cut_short = models.BooleanField(default=False)
    had_news = models.BooleanField(default=False)
    pages = models.PositiveIntegerField(default=0)
    restarts = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    error_kind = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes = (models.Index(fields=["next_at"], name="watch_due"),)


class Schedule(models.Model):
    """A provider of a workspace is discovered every so many hours, in the name of `set_by`, until somebody ends it.

    `last_run` is the run that came of it last.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    provider = models.CharField(max_length=20)
    every_hours = models.PositiveIntegerField()
    set_by = models.TextField()
    next_at = models.DateTimeField()
    last_run = models.ForeignKey(Run, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "provider"], name="one_schedule_per_provider"),
            models.CheckConstraint(
                condition=Q(every_hours__range=(1, MOST_HOURS)), name="schedule_hours_in_bounds"
            ),
        )
        indexes = (models.Index(fields=["next_at"], name="schedule_due"),)

    @property
    def every(self) -> str:
        return "every hour" if self.every_hours == 1 else f"every {self.every_hours} hours"


class Verification(models.Model):
    """The last verification of a key that a person asked for: open until `ended_at`, one at a time.

    `progress` is what its calls so far found (engine/key_check.py), `call` the one that is open. `error` says in words
    for people why nothing was found out; empty when the key's row has what was found. `sources_found`: the key lists
    sources, which may be mirrored.
    """

    key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="+")
    actor = models.TextField()
    origin = models.CharField(max_length=20)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    progress = models.JSONField(default=dict, blank=True)
    sources_found = models.BooleanField(default=False)
    call = models.CharField(max_length=36, blank=True)
    owner = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["asked_at"], name="verification_open", condition=Q(ended_at=None)),)


class Worker(models.Model):
    """A process that does the background work, with its last heartbeat."""

    id = models.CharField(max_length=36, primary_key=True)
    seen_at = models.DateTimeField(db_index=True)
