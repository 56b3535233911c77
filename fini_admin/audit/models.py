"""The audit trail's tables.

Triggers keep `trail_…` insert-only (triggers.py). There are no foreign keys, so a row means the same for ever (P2).
"""

from django.db import models
from django.db.models import F, Q

from fini_admin.audit.expressions import Hundreds, RecordedChain
from fini_admin.audit.names import ANCHOR, HEAD_RECORDED, OUTCOME_KINDS, CallKind

# Only outcome rows have an outcome. Without a parameter, so that SQLite uses the partial indexes below.
HAS_OUTCOME = Q(outcome__isnull=False)
# An outcome row tells an error unless it is *done*.
HAS_ERROR = Q(error__isnull=False)
IS_ACTIVITY = Q(call__isnull=True)


class Entry(models.Model):
    """One row of a chain; `hash` is the SHA-256 of all other columns (chain.row_hash).

    `at` is UTC text with microseconds, so that what is stored is what was hashed. `request_sha256` is of the bytes
    sent; `request_body` and `answer_body` name what is kept of the bodies (Body). `detail` is JSON.
    """

    pk = models.CompositePrimaryKey("chain", "seq")
    chain = models.CharField(max_length=36)
    seq = models.BigIntegerField()
    at = models.CharField(max_length=27)
    kind = models.CharField(max_length=40)
    call = models.CharField(max_length=36, null=True)
    method = models.CharField(max_length=8, null=True)
    route = models.CharField(max_length=20, null=True)
    path = models.TextField(null=True)
    request_sha256 = models.CharField(max_length=64, null=True)
    status = models.IntegerField(null=True)
    outcome = models.CharField(max_length=10, null=True)
    error = models.TextField(null=True)
    duration_ms = models.IntegerField(null=True)
    actor = models.TextField(null=True)
    origin = models.CharField(max_length=20, null=True)
    run = models.BigIntegerField(null=True)
    key = models.TextField(null=True)
    key_id = models.CharField(max_length=36, null=True)
    attempt = models.IntegerField(null=True)
    request_body = models.CharField(max_length=64, null=True)
    answer_body = models.CharField(max_length=64, null=True)
    detail = models.TextField(null=True)
    covers = models.BigIntegerField(null=True)
    prev = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "trail_entry"
        constraints = (
            models.UniqueConstraint(
                fields=["chain", "call"], condition=Q(kind=CallKind.ASKED), name="one_asked_per_call"
            ),
            models.UniqueConstraint(
                fields=["chain", "call"], condition=Q(kind__in=OUTCOME_KINDS), name="one_outcome_per_call"
            ),
        )
        # One for each filter of the list of calls, so that a rare value is found without walking the chain (P7).
        indexes = (
            models.Index(fields=["chain", "run", "seq"], name="trail_by_run"),
            models.Index(fields=["chain", "seq"], name="trail_activity", condition=IS_ACTIVITY),
            models.Index(fields=["chain", "at", "seq"], name="activity_by_time", condition=IS_ACTIVITY),
            models.Index(fields=["chain", "kind", "seq"], name="activity_by_kind", condition=IS_ACTIVITY),
            models.Index(fields=["chain", "actor", "seq"], name="activity_by_actor", condition=IS_ACTIVITY),
            models.Index(fields=["chain", "run", "seq"], name="activity_by_run", condition=IS_ACTIVITY),
            models.Index(fields=["chain", "at", "seq"], name="call_by_time", condition=HAS_OUTCOME),
            models.Index(fields=["chain", "method", "seq"], name="call_by_method", condition=HAS_OUTCOME),
            models.Index(fields=["chain", "route", "seq"], name="call_by_route", condition=HAS_OUTCOME),
            models.Index(fields=["chain", "actor", "seq"], name="call_by_actor", condition=HAS_OUTCOME),
            models.Index(fields=["chain", "key", "seq"], name="call_by_key", condition=HAS_OUTCOME),
            models.Index(fields=["chain", "outcome", "seq"], name="call_by_outcome", condition=HAS_OUTCOME),
            models.Index(
                F("chain"), Hundreds("status"), F("seq"), name="call_by_status", condition=HAS_OUTCOME
            ),
            models.Index(
                fields=["chain", "status", "seq"], name="call_by_exact_status", condition=HAS_OUTCOME
            ),
            # Any two of who, key, route and whether there was an error.
            models.Index(
                fields=["chain", "actor", "key", "seq"], name="call_by_actor_key", condition=HAS_OUTCOME
            ),
            models.Index(
                fields=["chain", "actor", "route", "seq"], name="call_by_actor_route", condition=HAS_OUTCOME
            ),
            models.Index(
                fields=["chain", "key", "route", "seq"], name="call_by_key_route", condition=HAS_OUTCOME
            ),
            models.Index(fields=["chain", "seq"], name="error_newest", condition=HAS_ERROR),
            models.Index(fields=["chain", "kind", "seq"], name="error_by_kind", condition=HAS_ERROR),
            models.Index(fields=["chain", "actor", "seq"], name="error_by_actor", condition=HAS_ERROR),
            models.Index(fields=["chain", "key", "seq"], name="error_by_key", condition=HAS_ERROR),
            models.Index(fields=["chain", "route", "seq"], name="error_by_route", condition=HAS_ERROR),
            models.Index(fields=["chain", "error", "seq"], name="error_by_text", condition=HAS_ERROR),
            # For the triggers, which run for each row and body that is deleted.
            models.Index(fields=["chain", "covers"], name="trail_anchor", condition=Q(kind=ANCHOR)),
            models.Index(
                fields=["chain", "request_body"],
                name="trail_request_body",
                condition=Q(request_body__isnull=False),
            ),
            models.Index(
                fields=["chain", "answer_body"],
                name="trail_answer_body",
                condition=Q(answer_body__isnull=False),
            ),
            # Recorded heads of one chain, the newest first (heads.py).
            models.Index(
                F("chain"),
                RecordedChain("detail"),
                F("seq"),
                name="trail_recorded",
                condition=Q(kind=HEAD_RECORDED),
            ),
        )

    @property
    def state(self) -> str:
        """What a list shows of a call: its outcome, or *lost*, *unsent* or *in flight* when no answer came."""
        if self.kind == CallKind.ANSWERED:
            return self.outcome or ""
        return "in flight" if self.kind == CallKind.ASKED else self.kind.removeprefix("call.")


class CallName(models.Model):
    """What a call is found by beyond its columns: a source, an external ID, an address, a provider (call_names.py).

    `name` is a hash, for an address may be longer than an index takes.
    """

    chain = models.CharField(max_length=36)
    name = models.CharField(max_length=32)
    call = models.CharField(max_length=36)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["chain", "name", "call"], name="one_name_per_call"),)
        indexes = (models.Index(fields=["chain", "call"], name="call_name_by_call"),)


class Body(models.Model):
    """What is kept of a body, compressed, once per chain; `sha256` is of the uncompressed text."""

    pk = models.CompositePrimaryKey("chain", "sha256")
    chain = models.CharField(max_length=36)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    class Meta:
        db_table = "trail_body"


class Head(models.Model):
    """The number and hash of a chain's newest row, with an HMAC (P2)."""

    chain = models.CharField(max_length=36, primary_key=True)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="")
    mac = models.CharField(max_length=72)


class OpenCall(models.Model):
    """A call that was asked and has no outcome yet. The lease is held by the process that waits for the answer."""

    call = models.CharField(max_length=36, primary_key=True)
    chain = models.CharField(max_length=36)
    owner = models.CharField(max_length=36)
    lease_until = models.DateTimeField(db_index=True)
