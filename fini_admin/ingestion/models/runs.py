"""Runs with their steps and items, and the queue of what waits for ingestion."""

from django.db import models
from django.db.models import Q

from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

# An `error_kind` beside the names of the errors' classes: only Fini's words tell.
NOT_CONNECTED = "NotConnected"
_OPEN, _CLOSED = Q(closed_at__isnull=True), Q(closed_at__isnull=False)


class RunKind(models.TextChoices):
    """What a run does; also what a step's call does. *web* ingests addresses that are no sources yet (T8).

    A step *sync* of another kind of run reads back what became of addresses (engine/read_back.py).
    """

    DISCOVER = "discover"
    REGISTER = "register"
    INGEST = "ingest"
    REFRESH = "refresh"
    DELETE = "delete"
    SYNC = "sync"
    CRAWL = "crawl"
    WEB = "web"

    @property
    def route(self) -> str:
        """The route of its calls (fini/routes.py)."""
        return {RunKind.SYNC: "list", RunKind.WEB: "ingest"}.get(self, self.value)


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
    """Where an item stands. *pair*: registered, its record not read back yet (T1). *read*: its record is read first.

    *ask*: the list did not show its source, which is asked for by its ID. *web*: an address is to be sent; *find*: Fini
    took the call, and the record that came of the address is to be found.
    *follow*: Fini took it; *running*: its job runs. Stages change in runs/items.py, which counts them.
    """

    REGISTER = "register"
    PAIR = "pair"
    READ = "read"
    WEB = "web"
    FIND = "find"
    INGEST = "ingest"
    REFRESH = "refresh"
    DELETE = "delete"
    FOLLOW = "follow"
    ASK = "ask"
    RUNNING = "running"
    ENDED = "ended"


class StepState(models.TextChoices):
    """Where a step stands. *check*: sent, and only a read-back can tell the outcome (T3)."""

    READY = "ready"
    SENT = "sent"
    CHECK = "check"
    DONE = "done"


class RunState(models.TextChoices):
    """A run goes on until every ID has its outcome; *paused* and *stopping* send nothing (runs/steering.py)."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    ENDED = "ended"


NOT_ENDED = tuple(state for state in RunState if state != RunState.ENDED)


class Run(models.Model):
    """One operation on Fini that a person or a schedule started.

    It counts the IDs that have their end, and those that Fini has, as each moves (P3, runs/items.py): nobody has to
    look at them.
    `error` is for people; `error_kind` is the name of the error's class, or NOT_CONNECTED. `left_out` is what a
    discovery could not list (kinds/discovery_remarks.py). `retry_of` is the run of which this one tries IDs again;
    `with_articles`: a delete takes what is linked with the sources as well. `steered_by` is who paused or stopped it,
    `steered_at` when it was paused, resumed or stopped last. `crawl` is what a crawl was asked for, and how many
    addresses came (kinds.crawls.CrawlOptions).
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
    crawl = models.JSONField(null=True)
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
    # Without a bound: a count that was changed by hand shall be found (`verify_counts`), and stop no run.
    sent = models.IntegerField(default=0)
    running = models.IntegerField(default=0)
    steered_by = models.TextField(blank=True, default="")
    steered_at = models.DateTimeField(null=True)
    token = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "number"], name="one_run_per_number"),
            models.UniqueConstraint(fields=["workspace", "token"], name="one_run_per_token"),
        )
        indexes = (models.Index(fields=["workspace", "state"], name="run_by_state"),)

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

    @property
    def waiting(self) -> int:
        """How many IDs Fini does not have yet."""
        return max(0, self.total - self.ended - self.sent - self.running)


class Step(models.Model):
    """The part of a run that one call carries. The lease says which process has it, and until when (P4).

    `tries` counts its calls, `doubts` those of them after which nobody knew whether Fini had done it, `aways` those to
    which a gateway said that Fini is away; of a list that is read page by page those since the last page. `root` is the
    step that this one was cut from after a refusal, `splits` how many calls that cost so far, kept at the root (T4).
    `refusal` is what Fini said when it refused the step. `in_doubt`: a call of it had no known outcome, and it may be
    repeated. A read asked at or after `settle_after` settles a step in *check* even if it shows no trace. `deleted` is
    what Fini said it deleted: lists of `id` and `title` under `sources` and `articles`. A sync has one step, which goes
    out again and again: `place` is where it is in the list (engine/sync_walk.py). Of a step *web* it holds what was
    known before the send, and the IDs that Fini answered. A step that reads back keeps in `settle_after` when it began
    at the head.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    provider = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=6, choices=StepState.choices, default=StepState.READY)
    due_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    doubts = models.PositiveIntegerField(default=0)
    aways = models.PositiveIntegerField(default=0)
    call = models.CharField(max_length=36, blank=True)
    owner = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)
    root = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    splits = models.PositiveIntegerField(default=0)
    refusal = models.TextField(blank=True)
    in_doubt = models.BooleanField(default=False)
    settle_after = models.DateTimeField(null=True)
    deleted = models.JSONField(null=True)
    place = models.JSONField(null=True)
    # Of the object that a call is made for, and not stored: the item whose record the call asks for by its ID.
    asks: int | None = None

    class Meta:
        constraints = (models.UniqueConstraint(fields=["run", "number"], name="one_step_per_number"),)
        indexes = (
            models.Index(fields=["due_at"], name="step_ready", condition=Q(state=StepState.READY)),
            models.Index(fields=["lease_until"], name="step_sent", condition=Q(state=StepState.SENT)),
            models.Index(fields=["run"], name="step_check", condition=Q(state=StepState.CHECK)),
        )

    @property
    def route(self) -> str:
        """The route of its call, by which fini.retry tells whether it may be repeated (T3)."""
        return RunKind(self.kind).route


class Item(models.Model):
    """One ID of a run, with its outcome once it has one; `resource` is what register sends of it, or its title.

    Of what a *web* or *crawl* run sends, `external_id` is the address.
    """

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
            models.Index(fields=["external_id"], name="item_unpaired", condition=Q(stage=Stage.PAIR)),
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
            models.Index(
                fields=["workspace", "closed_how", "closed_at"], name="entry_closed", condition=_CLOSED
            ),
        )
