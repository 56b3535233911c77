"""The queue, previews, runs with their steps and items, the budget, and the workers."""

from django.db import models
from django.db.models import Q

from fini_admin.sources.models import Source
from fini_admin.workspaces.models import ApiKey, Workspace

MOST_HOURS = 720
PAGE = 100
# An `error_kind` beside the names of the errors' classes: only Fini's words tell.
NOT_CONNECTED = "NotConnected"
_OPEN, _CLOSED = Q(closed_at__isnull=True), Q(closed_at__isnull=False)


class RunKind(models.TextChoices):
    """What a run does; also what a step's call does."""

    DISCOVER = "discover"
    REGISTER = "register"
    INGEST = "ingest"
    REFRESH = "refresh"
    DELETE = "delete"


class ItemOutcome(models.TextChoices):
    """The end of one ID in a run."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Lane(models.TextChoices):
    """Whether a source is ingested for the first time or again."""

    ADD = "add"
    REFRESH = "refresh"


class Stage(models.TextChoices):
    """Where an item stands. *pair*: registered, its record not read back yet (T1). *read*: its record is read first."""

    REGISTER = "register"
    PAIR = "pair"
    READ = "read"
    INGEST = "ingest"
    REFRESH = "refresh"
    DELETE = "delete"
    FOLLOW = "follow"
    ENDED = "ended"


class StepState(models.TextChoices):
    """Where a step stands. *check*: sent, and only a read-back can tell the outcome (T3)."""

    READY = "ready"
    SENT = "sent"
    CHECK = "check"
    DONE = "done"


class RunState(models.TextChoices):
    """A run goes on until every ID has its outcome."""

    RUNNING = "running"
    ENDED = "ended"


class Run(models.Model):
    """One operation on Fini that a person or a schedule started.

    It counts the IDs that have their end, each in the transaction that gives it (P3): nobody has to look at them.
    `error` is for people; `error_kind` is the name of the error's class, or NOT_CONNECTED. `left_out` is what a
    discovery could not list, by kind (discovery_remarks.py). `retry_of` is the run of which this one tries IDs again;
    `with_articles`: a delete takes what is linked with the sources as well.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    number = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    provider = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.RUNNING)
    total = models.PositiveIntegerField(default=0)
    then_ingest = models.BooleanField(default=False)
    retry_of = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="retries")
    with_articles = models.BooleanField(default=False)
    english = models.BooleanField(null=True)
    baser = models.BooleanField(null=True)
    actor = models.TextField()
    origin = models.CharField(max_length=20)
    reason = models.TextField(blank=True)
    error = models.TextField(blank=True)
    error_kind = models.CharField(max_length=20, blank=True)
    left_out = models.JSONField(default=list, blank=True)
    done = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    token = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "number"], name="one_run_per_number"),
            models.UniqueConstraint(fields=["workspace", "token"], name="one_run_per_token"),
        )

    def __str__(self) -> str:
        return f"run {self.number}"

    @property
    def outcomes(self) -> dict[str, int]:
        """How many IDs have each outcome so far."""
        return {name: getattr(self, name) for name in ItemOutcome.values}

    @property
    def ended(self) -> int:
        """How many IDs have an outcome."""
        return sum(self.outcomes.values())


class Step(models.Model):
    """The part of a run that one call carries. The lease says which process has it, and until when (P4).

    `root` is the step that this one was cut from after a refusal, `splits` how many calls that cost so far, kept
    at the root (T4). `refusal` is what Fini said when it refused the step. A read asked at or after
    `settle_after` settles a step in *check* even if it shows no trace. `deleted` is what Fini said it deleted: lists
    of `id` and `title` under `sources` and `articles`.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    provider = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=6, choices=StepState.choices, default=StepState.READY)
    due_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    call = models.CharField(max_length=36, blank=True)
    owner = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)
    root = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    splits = models.PositiveIntegerField(default=0)
    refusal = models.TextField(blank=True)
    settle_after = models.DateTimeField(null=True)
    deleted = models.JSONField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["run", "number"], name="one_step_per_number"),)
        indexes = (
            models.Index(fields=["due_at"], name="step_ready", condition=Q(state=StepState.READY)),
            models.Index(fields=["lease_until"], name="step_sent", condition=Q(state=StepState.SENT)),
            models.Index(fields=["run"], name="step_check", condition=Q(state=StepState.CHECK)),
        )


class Item(models.Model):
    """One ID of a run, with its outcome once it has one; `resource` is what register sends of it, or its title."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveIntegerField()
    stage = models.CharField(max_length=8, choices=Stage.choices)
    step = models.ForeignKey(Step, null=True, on_delete=models.PROTECT, related_name="items")
    source = models.ForeignKey(Source, null=True, on_delete=models.PROTECT, related_name="+")
    provider = models.CharField(max_length=40, blank=True)
    external_id = models.TextField(blank=True)
    resource = models.JSONField(null=True)
    lane = models.CharField(max_length=7, choices=Lane.choices, blank=True)
    outcome = models.CharField(max_length=7, choices=ItemOutcome.choices, null=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["run", "position"], name="one_item_per_position"),)
        indexes = (
            models.Index(fields=["run", "stage"], name="item_by_stage"),
            models.Index(fields=["run", "outcome", "position"], name="item_by_outcome"),
            models.Index(fields=["source"], name="item_followed", condition=~Q(stage=Stage.ENDED)),
        )


class QueueEntry(models.Model):
    """A source's wait for ingestion. `lane` is empty until the record was read (T2); `run` is the run that holds it.

    `for_run_alone`: the run opened it for itself, and closes it if it does not send it.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="entries")
    lane = models.CharField(max_length=7, choices=Lane.choices, blank=True)
    opened_at = models.DateTimeField()
    opened_by = models.TextField()
    opened_run = models.PositiveBigIntegerField(null=True)
    run = models.ForeignKey(Run, null=True, on_delete=models.PROTECT, related_name="+")
    for_run_alone = models.BooleanField(default=False)
    closed_at = models.DateTimeField(null=True)
    closed_how = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["source"], condition=_OPEN, name="one_open_entry"),)
        indexes = (
            models.Index(fields=["workspace", "lane", "id"], name="entry_waiting", condition=_OPEN),
            models.Index(fields=["workspace", "closed_how"], name="entry_closed", condition=_CLOSED),
        )


class PreviewState(models.TextChoices):
    """*writing*: its rows are still being stored; *confirmed*: a run came of it, and the worker deletes it."""

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
    `linked`.
    """

    token = models.CharField(max_length=64, primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    provider = models.CharField(max_length=20, blank=True)
    then_ingest = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=PreviewState.choices, default=PreviewState.WRITING)
    summary = models.JSONField(default=dict)
    made_by = models.TextField()
    made_at = models.DateTimeField(db_index=True)


class PreviewRow(models.Model):
    """A resource, queue entry, source or line of a preview.

    `number` is its place in its group, from 0, as the page lists it. `position` is its place among all that may be
    sent, in the order given, and `place` among what is sent if nobody changes anything, by which calls are cut: both
    null for what cannot be sent, `place` also for what waits to be let in. `content` of a resource: `resource` (by the
    wire's names), `was` (old values by what they are called), `twin`, `untitled`, `unlisted`; of a line: `line`,
    `said`, `text`. What was chosen for a refresh, a deletion or a retry has its `source` (a key) or a resource, and
    its `way`.
    """

    preview = models.ForeignKey(Preview, on_delete=models.PROTECT, related_name="rows", db_index=False)
    group = models.CharField(max_length=9, choices=RowGroupName.choices)
    number = models.PositiveIntegerField()
    position = models.PositiveIntegerField(null=True)
    place = models.PositiveIntegerField(null=True)
    entry = models.PositiveBigIntegerField(null=True)
    source = models.PositiveBigIntegerField(null=True)
    way = models.CharField(max_length=8, blank=True)
    content = models.JSONField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["preview", "group", "number"], name="one_preview_row_per_number"),
            models.UniqueConstraint(fields=["preview", "position"], name="one_preview_row_per_position"),
            models.UniqueConstraint(fields=["preview", "place"], name="one_preview_row_per_place"),
        )


class Budget(models.Model):
    """A workspace's calls: the number given out last and when (`served_at`), and until when nothing goes out (T7).

    `blocked_until`: Fini asked us to slow down. `spent_until`: background work has used its share. `no_key_until`: no
    key can be opened; a new attempt is made then. `page_size` is the list page that answers in bounds (T10),
    `page_limit` the most Fini takes until `limited_until`, `batch_limit` what a batch may hold by Fini's own words.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)
    served_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    spent_until = models.DateTimeField(null=True)
    no_key_until = models.DateTimeField(null=True)
    throttled = models.PositiveIntegerField(default=0)
    page_size = models.PositiveIntegerField(default=PAGE)
    page_limit = models.PositiveIntegerField(default=PAGE)
    limited_until = models.DateTimeField(null=True)
    batch_limit = models.PositiveIntegerField(null=True)


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
    page without news at the head proves nothing, and the next walk is whole. `error`: why the list could not be read
    several times in a row, empty since a page came; `error_kind` is the name of its class.
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
    for people why nothing was found out; empty when the key's row has what was found.
    """

    key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="+")
    actor = models.TextField()
    origin = models.CharField(max_length=20)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    progress = models.JSONField(default=dict, blank=True)
    call = models.CharField(max_length=36, blank=True)
    owner = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["asked_at"], name="verification_open", condition=Q(ended_at=None)),)


class Worker(models.Model):
    """A process that does the background work, with its last heartbeat."""

    id = models.CharField(max_length=36, primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
