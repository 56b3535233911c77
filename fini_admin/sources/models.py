"""The mirror of Fini's sources, what discovery listed, and each observed change of state."""

from typing import TYPE_CHECKING, Any

from django.db import models

from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.routes import WEB
from fini_admin.fini.same_address import address_key
from fini_admin.sources.search import search_text
from fini_admin.sources.states import Before, State
from fini_admin.workspaces.models import Workspace

if TYPE_CHECKING:  # the types say what a column holds, Django's classes take no such words
    TextField = models.TextField[str, str]
    CharField = models.CharField[str, str]
    Field = models.Field[str, str]
else:
    TextField, CharField, Field = models.TextField, models.CharField, models.Field


# What sources are sorted by: a title may be longer than an index takes.
TITLE_KEY = models.Func(models.F("title"), template="LOWER(SUBSTR(%(expressions)s, 1, 100))")


class Derived(Field):
    """A column that follows from the others, set whenever the row is stored."""

    def value_for(self, row: Any) -> str:
        """The column's value, from the row's other columns. Each kind of column has its own."""
        raise NotImplementedError

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: FBT001 - Django's signature
        value = self.value_for(model_instance)
        setattr(model_instance, self.attname, value)
        return value

    def deconstruct(self) -> Any:
        """As a plain field, so that migrations need no code of ours."""
        name, _, args, options = super().deconstruct()
        return name, f"django.db.models.{self.get_internal_type()}", args, options


class IdKey(Derived, TextField):
    """The comparison key of a row's external ID."""

    def value_for(self, row: Any) -> str:
        return comparison_key(row.provider, row.external_id)


class AddressKey(Derived, CharField):
    """The comparison key of a row's address."""

    def value_for(self, row: Any) -> str:
        return address_key(row.original_url)


class SearchText(Derived, TextField):
    """What a row is found by."""

    def value_for(self, row: Any) -> str:
        return str(row.found_by())


class DiscoveredResource(models.Model):
    """Something importable in a provider, as discovery last listed it; containers only hold others.

    `id_key` is what its external ID is compared by (fini.external_ids.comparison_key).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    provider = models.CharField(max_length=20)
    external_id = models.TextField()
    id_key = IdKey(blank=True)
    parent = models.TextField(blank=True)
    path = models.TextField(blank=True)
    position = models.PositiveIntegerField()
    leaf = models.BooleanField()
    title = models.TextField()
    original_url = models.TextField()
    mime_type = models.TextField()
    object = models.TextField()
    listed_run = models.PositiveBigIntegerField()
    search_text = SearchText(default="", editable=False)

    class Meta:
        db_table = "sources_resource"  # the model's name until it was told from the wire's `Resource`
        constraints = (
            models.UniqueConstraint(
                fields=["workspace", "provider", "leaf", "parent", "external_id"],
                name="one_resource_per_place",
            ),
        )
        indexes = (models.Index(fields=["workspace", "provider", "id_key"], name="resource_by_id_key"),)

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id}"

    def found_by(self) -> str:
        return search_text(self.workspace_id, [self.title, self.external_id], self.original_url)


class Source(models.Model):
    """Fini's record of one resource, less its text (T10), and what we know beyond it.

    `fini_id` is Fini's; the record's fields are empty until it was read. `before_…` are the record's values as
    they stood before the latest send: what differs from them is that send's trace (T3). `wanted_since`: the
    record must be read by a call asked at or after that time. `sent_at`: a job of ours is followed since then.
    `id_key` and `address_key` are what its external ID and its address are compared by. `changed_at`: when we first
    saw that Fini marks it as changed; null while it does not.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    fini_id = models.CharField(max_length=128)
    provider = models.CharField(max_length=40)
    external_id = models.TextField(blank=True)
    id_key = IdKey(blank=True)
    address_key = AddressKey(max_length=32, blank=True)
    title = models.TextField(blank=True)
    original_url = models.TextField(blank=True)
    mime_type = models.TextField(blank=True)
    kind = models.TextField(blank=True)
    english = models.BooleanField(null=True)
    baser = models.BooleanField(null=True)
    success = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    job_id = models.TextField(blank=True)
    job_status = models.TextField(blank=True)
    knowledge_id = models.TextField(blank=True)
    operation = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    changed = models.BooleanField(null=True)
    changed_at = models.DateTimeField(null=True)
    created_at = models.TextField(blank=True)
    updated_at = models.TextField(blank=True)
    paragraphs = models.PositiveIntegerField(default=0)
    characters = models.PositiveIntegerField(default=0)
    content_sha256 = models.CharField(max_length=64, blank=True)
    excerpt = models.TextField(blank=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.REGISTERED)
    state_since = models.DateTimeField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    wanted_since = models.DateTimeField(null=True)
    missed_walks = models.PositiveSmallIntegerField(default=0)
    run = models.PositiveBigIntegerField(null=True)
    sent_at = models.DateTimeField(null=True)
    before_job = models.TextField(blank=True)
    before_status = models.TextField(blank=True)
    before_updated = models.TextField(blank=True)
    search_text = SearchText(default="", editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "fini_id"], name="one_source_per_fini_id"),
        )
        indexes = (
            models.Index(fields=["workspace", "provider", "external_id"], name="source_by_external_id"),
            models.Index(fields=["workspace", "provider", "id_key"], name="source_by_id_key"),
            models.Index(fields=["workspace", "address_key"], name="source_by_address"),
            models.Index(fields=["workspace", "id"], name="source_newest"),
            models.Index(fields=["workspace", "state", "id"], name="source_by_state"),
            models.Index(fields=["workspace", "provider", "id"], name="source_by_provider"),
            models.Index(fields=["workspace", "provider", "state", "id"], name="source_by_provider_state"),
            models.Index(fields=["workspace", "run", "id"], name="source_by_run"),
            models.Index(fields=["workspace", "state_since", "id"], name="source_by_change"),
            models.Index(fields=["workspace", "updated_at"], name="source_by_update"),
            models.Index(fields=["workspace", "id"], name="source_changed", condition=models.Q(changed=True)),
            models.Index("workspace", TITLE_KEY, "id", name="source_by_title"),
            models.Index(
                fields=["workspace", "wanted_since"],
                name="source_wanted",
                condition=models.Q(wanted_since__isnull=False),
            ),
            models.Index(
                fields=["workspace", "sent_at"], name="source_sent", condition=models.Q(sent_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id or self.fini_id}"

    def found_by(self) -> str:
        return search_text(self.workspace_id, [self.title, self.external_id, self.fini_id], self.original_url)

    @property
    def wire_id(self) -> str:
        """Its name in ingest's arrays: the URL for `web`, else Fini's ID (T8)."""
        return self.original_url if self.provider == WEB else self.fini_id

    @property
    def before(self) -> Before:
        """Its record as stored before the latest send."""
        return Before(self.before_job, self.before_status, self.before_updated)


class Count(models.Model):
    """How many there are of something in a workspace (counts.py): `kind` is what is counted, `value` by which sort."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10)
    value = models.CharField(max_length=10, blank=True)
    number = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "kind", "value"], name="one_count_per_value"),
        )


class StateChange(models.Model):
    """An observed change of a source's state, with the call that showed it."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="history")
    at = models.DateTimeField()
    old = models.CharField(max_length=10, blank=True)
    new = models.CharField(max_length=10)
    call = models.CharField(max_length=36, blank=True)
    run = models.PositiveBigIntegerField(null=True)
    note = models.TextField(blank=True)

    class Meta:
        indexes = (models.Index(fields=["call", "id"], name="change_by_call"),)

    def __str__(self) -> str:
        return f"{self.old} → {self.new}"
